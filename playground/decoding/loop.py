"""The loop: one step after another, for every search.

    logits → filters → search chooses → text → is it over? → next logits

`decode` is a generator of events; whoever iterates it draws, waits, or ends it with
`send(Reason.USER)`. The last event is always a `Finished` whose `state` (`Kept`) another run can go on
from, bit for bit. A search with one row gives each token at once (`one_row`); one with several gives a
`BeamStep` per step and the winner's tokens at the end (`several_rows`).
"""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, nullcontext

from playground.decoding.computing import Computing
from playground.decoding.kept import Kept
from playground.decoding.one_row import OneRow
from playground.decoding.plan import Filter, Plan, Search, Stepper, Vocabulary, filters_from, search_from
from playground.decoding.several_rows import SeveralRows
from playground.errors import PlaygroundError
from playground.events import Event, Finished, Reason

__all__ = ["Filter", "Kept", "Plan", "Search", "Stepper", "Vocabulary", "decode", "filters_from", "search_from"]


def decode(
    stepper: Stepper,
    vocabulary: Vocabulary,
    plan: Plan,
    *,
    run_id: str,
    seq: int = 0,
    start: Kept | None = None,
    turn: Callable[[], AbstractContextManager[object]] = nullcontext,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Event, Reason | None, None]:
    """Write tokens after `plan.input_ids`, or on from `start` (whose cache `stepper` was made with).

    Yields TokenStep, BeamStep and, while a place in the text is computed again, Progress; at the end one
    Finished. `with turn():` surrounds each computing step; time spent waiting for it, or for the consumer,
    counts nowhere. Events are numbered from `seq`.

    Raises:
        PlaygroundError: a prompt without tokens, or longer than the context window.
    """
    _check(plan)
    start = start or Kept(plan.input_ids)
    if start.beams is not None and start.beams.search != plan.chooser:
        start, stepper = start.alone(), stepper.fork()
        stepper.crop(0)
    computing = Computing(stepper, plan, turn, clock)
    kind: type[OneRow] | type[SeveralRows] = SeveralRows if plan.chooser.several else OneRow
    writer = kind(vocabulary, plan, computing, start, run_id, seq)
    reason = writer.reason
    if reason is None:
        logits, reason = yield from computing.arrive(start, writer.pending)
    while reason is None:
        for event in writer.step(logits):
            reason = yield from computing.show(event)
            if reason is not None:
                break
        reason = reason or writer.reason
        if reason is None and writer.pending is not None:
            logits = computing.step(*writer.pending)
    yield _finished(writer, computing, plan, run_id, reason)


def _finished(writer: OneRow | SeveralRows, computing: Computing, plan: Plan, run_id: str, reason: Reason) -> Finished:
    elapsed = computing.elapsed_s
    written = writer.index - writer.begun
    first = computing.first_token_s
    return Finished(
        run_id=run_id, seq=writer.seq, reason=reason, text=writer.final_text(reason), tokens=writer.index,
        first_token_s=first, tokens_per_s=written / elapsed if elapsed > 0 and first is not None else 0.0,
        prompt_tokens=len(plan.input_ids), context_window=plan.context_window,
        stop_string=writer.stop_string if reason is Reason.STOP_STRING else None,
        message=writer.message, state=writer.kept(),
    )  # fmt: skip


def _check(plan: Plan) -> None:
    T = len(plan.input_ids)
    if not T:
        raise PlaygroundError("The prompt has no tokens, and this model needs one to begin with: write something.")
    surplus = T - plan.context_window
    if surplus > 0:
        raise PlaygroundError(
            f"The prompt has {T} tokens and the model looks at {plan.context_window}: shorten it by {surplus}."
        )
