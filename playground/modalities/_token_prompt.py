"""From what a person wrote to the token ids that a model goes on from.

What a prompt is depends on the kind of model: a text to go on with, a source that an
encoder reads, or a text with gaps.

Completion: the ids that the model's texts begin with (if it was trained so), then
the text. Chat: the model's own template around the conversation. What does not fit
into the context window is left out at the beginning, and said with its numbers.
"""

from dataclasses import dataclass, replace
from typing import Any

from playground.errors import PlaygroundError
from playground.events import PromptToken
from playground.modalities._token_settings import masks, messages


@dataclass(frozen=True)
class Prompt:
    """`ids` (T,) and sentences about what was left out or does not apply; for an encoder-decoder the `source`, for
    a model that fills gaps the `tokens` as they are shown and the `places` that are hidden."""

    ids: tuple[int, ...]
    notices: tuple[str, ...] = ()
    source: tuple[PromptToken, ...] = ()
    tokens: tuple[PromptToken, ...] = ()
    places: tuple[int, ...] | None = None


def build(settings: Any, model: Any) -> Prompt:
    """The prompt of a loaded model.

    Raises:
        PlaygroundError: chat with a model that has no template, a message that does not fit,
            or an empty prompt for a model that cannot begin by itself, a prompt that does not
            fit the model.
    """
    if settings.mode == "chat":
        return _chat(settings, model)
    hidden, kind = masks(settings.masks), getattr(model, "kind", "causal")
    if kind == "masked":
        return _gaps(settings, model, hidden)
    prompt = _source(settings, model) if kind == "encoder-decoder" else _completion(settings, model)
    if hidden:
        sentence = f"masks ({settings.masks.strip()}) hides nothing here: {model.spec.id} does not fill gaps."
        return replace(prompt, notices=(*prompt.notices, sentence))
    return prompt


def _source(settings: Any, model: Any) -> Prompt:
    """What the encoder reads, and the token with which the output begins."""
    ids = list(model.source_ids(settings.prompt))
    notices: tuple[str, ...] = ()
    window = model.source_window
    if len(ids) > window:
        notices = (
            f"The prompt has {len(ids):,} tokens and {model.spec.id} reads {window:,}: the last {len(ids) - window:,} "
            "were left out.",
        )
        ids = [*ids[: window - 1], ids[-1]]  # the token that ends a source stays
    vocabulary = model.vocabulary
    source = tuple(PromptToken(i, vocabulary.piece(i), special=vocabulary.is_special(i)) for i in ids)
    return Prompt(tuple(model.begin_ids), notices, source)


def _gaps(settings: Any, model: Any, hidden: tuple[int, ...]) -> Prompt:
    """A text with gaps."""
    gaps = model.gaps(settings.prompt, hidden)
    notices = []
    if not gaps.places:
        notices.append(
            "Nothing is hidden: click a word of the text, or write [MASK] where the model should fill something in."
        )
    if gaps.left_out:
        notices.append(
            f"The prompt has {len(gaps.tokens) + gaps.left_out:,} tokens and {model.spec.id} reads "
            f"{model.context_window:,}: the last {gaps.left_out:,} were left out."
        )
    if settings.stop_strings.strip():
        notices.append(f"The stop strings do nothing here: {model.spec.id} fills gaps and writes no text to be ended.")
    ids = tuple(token.token_id for token in gaps.tokens)
    return Prompt(ids, tuple(notices), tokens=gaps.tokens, places=gaps.places)


def room(settings: Any, context_window: int) -> int:
    """Places that a prompt which is too long leaves for new tokens: those asked for, at most half."""
    return max(1, min(settings.max_new_tokens, context_window // 2))


def _completion(settings: Any, model: Any) -> Prompt:
    ids = list(model.prompt_ids(settings.prompt))
    start = ids[: max(0, len(ids) - len(model.vocabulary.encode(settings.prompt)))]
    window = model.context_window
    if not ids:
        raise PlaygroundError(
            f"The prompt is empty and {model.spec.id} has no token to begin with: write at least one word."
        )
    if len(ids) < window:
        return Prompt(tuple(ids))
    free = room(settings, window)
    kept = ids[len(ids) - (window - free - len(start)) :]
    sentence = (
        f"The prompt has {len(ids):,} tokens and the context window of {model.spec.id} is {window:,}: "
        f"the first {len(ids) - len(start) - len(kept):,} were left out, the last {len(kept):,} kept, "
        f"which leaves room for {free:,} new ones."
    )
    return Prompt(tuple(start + kept), (sentence,))


def check_chat(settings: Any, spec: Any) -> list[dict[str, str]]:
    """The conversation that the settings hold, for a model that chats.

    Raises:
        PlaygroundError: it does not chat, the message is empty, or the history is no conversation.
    """
    if not spec.chat:
        raise PlaygroundError(f"{spec.id} does not chat: choose mode completion, or a model whose name says Instruct.")
    return messages(settings)


def _chat(settings: Any, model: Any) -> Prompt:
    conversation = check_chat(settings, model.spec)
    first = 1 if conversation[0]["role"] == "system" else 0
    window = model.context_window
    ids = list(model.chat_ids(conversation))
    if len(ids) < window:
        return Prompt(tuple(ids))
    total, left_out, free = len(ids), 0, room(settings, window)
    while len(ids) > window - free and len(conversation) > first + 1:
        # a conversation begins with the person: question and answer leave together
        answered = len(conversation) > first + 2 and conversation[first + 1]["role"] == "assistant"
        count = 2 if answered else 1
        del conversation[first : first + count]
        left_out += count
        ids = list(model.chat_ids(conversation))
    if len(ids) >= window:
        raise PlaygroundError(
            f"The message has {len(ids):,} tokens with the system message "
            f"and the context window of {model.spec.id} is {window:,}: shorten it."
        )
    sentence = (
        f"The conversation has {total:,} tokens and the context window of {model.spec.id} is {window:,}: "
        f"the oldest {left_out} messages were left out, {len(ids):,} tokens kept."
    )
    return Prompt(tuple(ids), (sentence,))
