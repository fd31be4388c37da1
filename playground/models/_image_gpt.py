"""ImageGPT: a language model whose words are colours (Chen et al., 2020, "Generative Pretraining from Pixels").

Its 512 colours lie in preprocessor_config.json, as does nothing that a tokenizer needs; so one is made here, with a
token `#rrggbb` for each. A picture is read from the top left, line by line, without line breaks: 1,024 pixels
are 32 × 32. Before the first one stands the token that begins a picture.
"""

import json
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playground.errors import PlaygroundError
from playground.models._causal import CausalLM, CausalStepper
from playground.models._spec import Spec
from playground.models._weights import read_module

if TYPE_CHECKING:
    from torch import Tensor

    from playground.events import Progress
    from playground.models._cache import KeyValues

TYPE = "imagegpt"
COLOURS = "preprocessor_config.json"
BEGIN = "<|begin|>"
NEVER = -10_000.0  # a logit of no probability at any temperature (each is a finite number: others mean broken weights)


class ImageGPT(CausalLM):
    """A loaded ImageGPT; its tokens are colours, and the last one of its vocabulary begins a picture."""

    def __init__(self, spec: Spec, module: Any, tokenizer: Any, path: Path) -> None:
        super().__init__(spec, module, tokenizer, path)
        self.context_window = int(module.config.n_positions) + 1  # the last pixel is written and never read

    def stepper(self, cache: "KeyValues | None" = None) -> CausalStepper:
        """A fresh row of computing, or one that goes on from a kept cache (which stays as it is)."""
        return ColourStepper(self.module, self.vocabulary.vocab_size, self.context_window, cache)

    def prompt_ids(self, text: str) -> list[int]:
        """The beginning of a picture, and the colours that `text` names; other words are passed over."""
        begin = self.vocabulary.vocab_size - 1
        return [begin, *(i for i in self.vocabulary.tokenizer.encode(text) if i != begin)]


class ColourStepper(CausalStepper):
    """The head gives a logit to every colour; the token that begins a picture never comes again."""

    def fork(self) -> CausalStepper:
        """A second stepper at the same place; the cache is shared until either goes on."""
        return ColourStepper(self._module, self.vocab_size, self.context_window, self._cache)

    def _forward(self, input_ids: "Tensor") -> "Tensor":
        import torch

        logits = super()._forward(input_ids)
        return torch.nn.functional.pad(logits, (0, self.vocab_size - logits.shape[-1]), value=NEVER)


def colours(folder: Path) -> list[str]:
    """The colours of a checked folder as #rrggbb, in the order of the vocabulary, each once.

    Raises:
        PlaygroundError: there are none that can be read.
    """
    try:
        clusters = json.loads((folder / COLOURS).read_text("utf-8"))["clusters"]
        numbers = [[min(255, max(0, round((float(value) + 1) * 127.5))) for value in row] for row in clusters]
        if not numbers or any(len(row) != 3 for row in numbers):
            raise ValueError("no rows of three")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PlaygroundError(
            f"{folder.name} has no colours: an ImageGPT needs its {COLOURS} with clusters beside the weights."
        ) from error
    found: dict[str, None] = {}
    for red, green, blue in numbers:
        name = f"#{red:02x}{green:02x}{blue:02x}"
        while name in found:  # two that round to one: the second is moved by the least amount
            blue = (blue + 1) % 256
            name = f"#{red:02x}{green:02x}{blue:02x}"
        found[name] = None
    return list(found)


def tokenizer(names: list[str]) -> Any:
    """A token for each colour, and one that begins a picture."""
    from tokenizers import Regex, Tokenizer
    from tokenizers.decoders import Fuse
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase, Replace, Sequence
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(WordLevel({name: i for i, name in enumerate([*names, BEGIN])}, unk_token=BEGIN))
    made.normalizer = Sequence([Lowercase(), Replace(Regex(r"\s+"), "")])
    made.pre_tokenizer = Split(Regex("#[0-9a-f]{6}"), "isolated")
    made.decoder = Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token=BEGIN)


def load(spec: Spec, folder: Path, device: str, dtype: str) -> "Generator[Progress, None, ImageGPT]":
    """Read a checked folder; may be closed between any two tensors.

    Raises:
        PlaygroundError: no colours, or as many as the model does not have; or a broken file.
    """
    names = colours(folder)
    module = yield from read_module(folder, device, dtype)
    if module.config.vocab_size != len(names) + 1:
        raise PlaygroundError(
            f"{folder.name} names {len(names)} colours and its weights know {module.config.vocab_size - 1}: the files "
            "are of two models."
        )
    return ImageGPT(spec, module, tokenizer(names), folder)
