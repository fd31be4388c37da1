"""The file name is the registry.

`discover(package)` imports every module of a package whose name does not begin
with an underscore, so a new filter, model, modality or lesson is a new file and
nothing else. Order: a module's `ORDER` where it has one, then its name.
"""

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def discover(package: str) -> dict[str, ModuleType]:
    """The modules of `package` ("playground.modalities") by name, sorted by `ORDER`, then name."""
    parent = importlib.import_module(package)
    names = [m.name for m in pkgutil.iter_modules(parent.__path__) if not m.name.startswith("_")]
    found = {name: importlib.import_module(f"{package}.{name}") for name in names}
    return dict(sorted(found.items(), key=lambda item: (getattr(item[1], "ORDER", 1000), item[0])))
