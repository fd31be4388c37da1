"""The engine of every modality that writes tokens: settings in, events out.

    settings → model (a lease) → prompt ids → prefill → one step at a time → Finished

`generate` is a generator: whoever holds it draws, waits, or stops it by
`send(Reason.USER)`; then the next event is the `Finished`. Pausing is stopping:
`Finished.state` is a `KeptRun`, from which a new run goes on, takes one step
(max_new_tokens=1), or forks (`rewind`). The model is given back before `Finished`
is handed out.
"""

import dataclasses
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from playground.errors import PlaygroundError
from playground.events import BeamStep, Event, Finished, Notice, Progress, PromptToken, Reason, Started, TokenStep
from playground.modalities import _token_prompt
from playground.modalities._lent import Run, lent, until
from playground.modalities._limits import clamp
from playground.modalities._token_settings import (
    FILTERS,
    check_text,
    limits,
    settings_class,
    stop_strings,
)
from playground.plugins import discover

__all__ = ["KeptRun", "generate", "limits", "rebuild", "settings_class"]


@dataclass(frozen=True)
class KeptRun:
    """What a run left: enough to go on exactly where it stopped, without holding the model.

    `kept` is the loop's state; its `index` is the number of new tokens so far. `source_tokens` are what an encoder
    read, `places` the gaps of a model that fills some; `done`: it came to an end behind which nothing can stand.
    """

    model: str
    prompt: str
    prompt_tokens: tuple[PromptToken, ...]
    run_id: str
    kept: Any
    source_tokens: tuple[PromptToken, ...] = ()
    places: tuple[int, ...] | None = None
    done: bool = False

    @property
    def index(self) -> int:
        """The step that comes next."""
        return int(self.kept.index)

    @property
    def bytes(self) -> int:
        """What keeping it costs."""
        return int(self.kept.bytes)

    def rewind(self, index: int, token_id: int | None = None) -> "KeptRun":
        """The place before step `index`; the run that starts from it takes `token_id` there, if one is given.

        Raises:
            PlaygroundError: there is no such step.
        """
        return dataclasses.replace(self, kept=self.kept.rewind(index, token_id))


def rebuild(started: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], index: int) -> KeptRun:
    """The place before step `index` of a run of which only its events are left (a `started` and its `token`s, as
    JSON values; their count: its end): the text is computed again where a run goes on from there.

    Raises:
        PlaygroundError: there is no such step.
    """
    from playground.decoding.loop import Kept

    tokens = [step for step in steps if step["event"] == "token"]
    if not 0 <= index <= len(tokens):
        raise PlaygroundError(f"There is no step {index}: the run has steps 0 to {len(tokens) - 1}.")
    prompt, source = (
        tuple(
            PromptToken(t["token_id"], t["text"], t.get("logprob"), bool(t.get("special")), t.get("hidden"))
            for t in started.get(name, ())
        )
        for name in ("prompt_tokens", "source_tokens")
    )
    places = started.get("places")
    ids, texts = zip(*((t["token_id"], t["text"]) for t in tokens[:index]), strict=True) if index else ((), ())
    kept = Kept(tuple(t.token_id for t in prompt), tuple(ids), tuple(texts))
    places = None if places is None else tuple(places)
    return KeptRun(started["model"], started["prompt"], prompt, started["run_id"], kept, source, places)


def generate(
    settings: Any, manager: Any, start: KeptRun | None = None, ends: bool = False, /, *, modality: str,
    run_id: str = "", visit: str = "",
) -> Run:  # fmt: skip
    """Write tokens after a prompt, or from a kept state. `ends`: nothing goes on behind the stop token, as behind that
    of a picture.

    Yields Progress and Queued while the model comes, Notice where a value or the prompt was
    changed, Started, then TokenStep or BeamStep events, and always one Finished at the end.

    Raises:
        PlaygroundError: settings that no run can begin with.
    """
    check_text(settings)
    if settings.mode == "chat" and start is None:  # what is wrong with a message need not wait for the model
        _token_prompt.check_chat(settings, manager.spec(settings.model, visit))
    if start is not None and start.model != settings.model:
        raise PlaygroundError(
            f"This run was written by {start.model} and cannot go on with {settings.model}: start a new one."
        )
    yield from lent(
        manager.acquire(settings.model, visit),
        run_id,
        lambda lease, run: _run(settings, lease, start, modality, run, ends),
    )


@dataclass(frozen=True)
class _Opening:
    """What a run begins with: a state of the loop, the stepper made for it, and the time it took to read the prompt."""

    kept: Any
    stepper: Any
    prompt: str
    prompt_tokens: tuple[PromptToken, ...]
    source_tokens: tuple[PromptToken, ...] = ()
    places: tuple[int, ...] | None = None
    read_s: float = 0.0


def _run(
    settings: Any, lease: Any, start: KeptRun | None, modality: str, run_id: str, ends: bool
) -> Generator[Event, Reason | None, Finished]:
    """All events of a run but the last, which is returned."""
    from playground.decoding.loop import decode

    model = lease.model
    if not hasattr(model, "vocabulary"):
        raise PlaygroundError(f"{settings.model} writes no text: choose a model of the list in this tab.")
    settings, sentences = clamp(settings, limits(settings, model, model.vocabulary.vocab_size), settings.model)
    opening, reason = yield from until(_open(settings, lease, start, sentences))
    if reason is None:
        plan = _plan(settings, model, opening)
        reason = yield _started(settings, model, opening, plan, modality, run_id, start)
    if reason is not None:
        seq, read = (1, len(opening.prompt_tokens)) if opening else (0, 0)
        return Finished(run_id, seq, reason, "", 0, prompt_tokens=read, context_window=model.context_window)
    events = decode(opening.stepper, model.vocabulary, plan, run_id=run_id, seq=1, start=opening.kept, turn=lease.turn)
    with closing(events):
        while True:
            event = events.send(reason)
            if isinstance(event, Finished):
                return _last(event, settings, opening, model, ends and event.reason is Reason.EOS)
            if isinstance(event, (TokenStep, BeamStep)):
                event = dataclasses.replace(event, elapsed_s=event.elapsed_s + opening.read_s)
            reason = yield event


def _open(settings: Any, lease: Any, start: KeptRun | None, sentences: list[str]) -> Generator[Event, None, _Opening]:
    """Get to where the run begins: the end of a prompt that is read now, or a kept state."""
    model = lease.model
    for sentence in sentences:
        yield Notice(sentence)
    if start is not None:
        stepper = _stepper(model, start.kept.cache, start.source_tokens, len(start.prompt_tokens), start.places)
        return _Opening(
            start.kept, stepper, start.prompt, start.prompt_tokens, start.source_tokens, start.places
        )  # fmt: skip
    prompt = _token_prompt.build(settings, model)
    for sentence in prompt.notices:
        yield Notice(sentence)
    return (yield from _read(prompt, settings.prompt, model, lease.turn))


def _stepper(model: Any, cache: Any, source: tuple[PromptToken, ...], length: int, places: Any) -> Any:
    """The model's computing for one run; what the model reads besides the tokens of the loop comes along."""
    if source:
        return model.stepper(cache, source=[token.token_id for token in source])
    return model.stepper(cache) if places is None else model.stepper(cache, length=length, places=places)


def _read(prompt: Any, text: str, model: Any, turn: Any) -> Generator[Event, None, _Opening]:
    """Show the model the prompt, piece by piece; a piece is one turn."""
    import torch

    from playground.decoding.loop import Kept

    ids, vocabulary, read_s = prompt.ids, model.vocabulary, 0.0
    stepper = _stepper(model, None, prompt.source, len(ids), prompt.places)
    reading = stepper.prefill_chunks(torch.tensor([ids]))
    while True:
        with turn():
            begun = time.perf_counter()
            try:
                done = next(reading)
                if done == len(ids):
                    next(reading)
            except StopIteration as end:
                logits, logprobs = end.value  # (1, V), (T - 1,)
                read_s += time.perf_counter() - begun
                break
            read_s += time.perf_counter() - begun
        yield Progress("reading the prompt", done, len(ids), "tokens")
    said = [None, *logprobs.tolist()]
    tokens = prompt.tokens or tuple(
        PromptToken(i, vocabulary.piece(i), logprob, vocabulary.is_special(i))
        for i, logprob in zip(ids, said, strict=True)
    )
    kept = Kept(ids, cache=stepper.cache, cached=len(ids), cache_bytes=stepper.bytes, first_logits=logits)
    return _Opening(kept, stepper, text, tokens, prompt.source, prompt.places, read_s)


def _plan(settings: Any, model: Any, opening: _Opening) -> Any:
    from playground.decoding.loop import Plan, filters_from, search_from

    kept, places = opening.kept, opening.places
    return Plan(
        input_ids=kept.input_ids, filters=filters_from(settings, model.vocabulary), search=search_from(settings),
        max_new_tokens=kept.index + settings.max_new_tokens, eos_token_ids=tuple(model.eos_token_ids),
        stop_strings=stop_strings(settings.stop_strings) if places is None else (),
        context_window=model.context_window, time_limit_s=settings.time_limit_s, seed=settings.seed, places=places,
    )  # fmt: skip


def _started(
    settings: Any, model: Any, opening: _Opening, plan: Any, modality: str, run_id: str, start: KeptRun | None
) -> Started:
    return Started(
        run_id, modality, settings.model, opening.prompt, opening.prompt_tokens,
        dataclasses.asdict(settings) | {"prompt": opening.prompt},
        vocab_size=model.vocabulary.vocab_size, context_window=model.context_window,
        eos_token_ids=tuple(model.eos_token_ids), logit_bias=plan.token_biases, filters=tuple(discover(FILTERS)),
        parent=start.run_id if start else None, parent_index=start.index if start else None,
        source_tokens=opening.source_tokens, places=opening.places,
    )  # fmt: skip


def _last(event: Finished, settings: Any, opening: _Opening, model: Any, done: bool) -> Finished:
    """The loop's end, with what only the modality knows."""
    first = None if event.first_token_s is None else event.first_token_s + opening.read_s
    tokens, source, places = opening.prompt_tokens, opening.source_tokens, opening.places
    kept = event.state and KeptRun(
        settings.model, opening.prompt, tokens, event.run_id, event.state, source, places, done
    )  # fmt: skip
    filled = None
    if places is not None and event.state is not None:
        filled = model.filled(tokens, list(zip(places, event.state.tokens, strict=False)))
    return dataclasses.replace(event, state=kept, first_token_s=first, filled=filled)
