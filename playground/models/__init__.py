"""Models: one file per family.

A family's module has `SPECS` (what can be loaded) and `load(spec, folder, device, dtype)`,
a generator of `Progress` that returns the adapter. Adding a model is adding a Spec to its
family's file, or a file.
"""

from types import ModuleType

from playground.models._spec import Spec
from playground.plugins import discover


def catalogue() -> dict[str, tuple[Spec, ModuleType]]:
    """Every Spec by id, with the family's module."""
    return {spec.id: (spec, module) for module in discover("playground.models").values() for spec in module.SPECS}
