"""What a run leaves behind: enough to go on exactly where it stopped, or from any step before.

The key/value cache holds every position but the last; the last token is fed again first. A cut cache is
bit for bit the cache of that time, so a run that goes on writes what it would have written.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Kept:
    """A place in a text.

    `input_ids` is the prompt, `tokens` what was written since, `texts` what each added. `cache` holds
    `cached` positions (None: it has to be computed again); `first_logits` (1, V) follow the prompt. `beams`
    is a beam search in full swing; `forced` the token that must come next; `stopped` says that the text
    ends before a stop string that the tokens hold.
    """

    input_ids: tuple[int, ...]
    tokens: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    cache: Any = None
    cached: int = 0
    cache_bytes: int = 0
    first_logits: "Tensor | None" = None
    beams: Any = None
    forced: int | None = None
    stopped: bool = False

    @property
    def index(self) -> int:
        """The number of new tokens: the index of the step that comes next."""
        return len(self.tokens)

    @property
    def text(self) -> str:
        """What was written, without the prompt."""
        return "".join(self.texts)

    @property
    def bytes(self) -> int:
        """What keeping it costs."""
        logits = 0 if self.first_logits is None else self.first_logits.numel() * self.first_logits.element_size()
        return self.cache_bytes + logits + (self.beams.bytes if self.beams else 0)

    def rewind(self, index: int, token_id: int | None = None) -> "Kept":
        """The place before step `index`, where `token_id` comes next if it is given.

        Raises:
            PlaygroundError: there is no such step.
        """
        if not 0 <= index <= self.index:
            raise PlaygroundError(f"index must be 0 to {self.index}, got {index}: choose one of the run's steps.")
        if index == self.index and token_id is None:
            return self
        kept = self.alone()
        return replace(
            kept, tokens=kept.tokens[:index], texts=kept.texts[:index], forced=token_id,
            stopped=kept.stopped and index == self.index,
        )  # fmt: skip

    def alone(self) -> "Kept":
        """The same text without the other hypotheses of a beam search."""
        return replace(self, beams=None, cache=None, cached=0, cache_bytes=0) if self.beams else self
