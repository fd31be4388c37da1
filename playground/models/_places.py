"""Where the weights are: on this computer already, or to be fetched."""

from collections.abc import Generator
from pathlib import Path

from playground.errors import PlaygroundError
from playground.events import Progress
from playground.models._spec import Embedded, Folder, Spec

ASSETS = Path(__file__).parents[2] / "assets"


def where(spec: Spec, cache_dir: Path | None) -> tuple[str, Path | None]:
    """("embedded" | "cached" | "not downloaded", folder): looked up without the network."""
    for source in spec.sources:
        if isinstance(source, Embedded) and (ASSETS / source.path / "config.json").is_file():
            return "embedded", ASSETS / source.path
        if isinstance(source, Folder) and Path(source.path).is_dir():
            return "cached", Path(source.path)
    return "not downloaded", None


def fetch(spec: Spec, cache_dir: Path | None) -> Generator[Progress, None, Path]:
    """The folder of a model, fetched if need be."""
    yield Progress("looking for the files")
    _, folder = where(spec, cache_dir)
    if folder is None:
        raise PlaygroundError(f"{spec.title} is not on this computer.")
    return folder


def stranger(model_id: str, known: tuple[str, ...]) -> Spec:
    """A Spec for a Hub id or local folder that is not in the catalogue."""
    raise PlaygroundError(f"There is no model called {model_id[:80]!r} here; there are: {', '.join(known)}.")
