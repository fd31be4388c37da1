// Beam search's texts as steps: the path of one hypothesis through the recorded beam steps.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const made = new WeakMap(); // beam → its step, so that an unchanged token stays the same object

  function same(a, b, length) {
    if (a.length !== length || b.length < length) return false;
    for (let i = length - 1; i >= 0; i -= 1) if (a[i] !== b[i]) return false;
    return true;
  }

  /** Where a beam comes from in the step before: {row, carried} (`carried`: it was finished already), or null. */
  function origin(before, beam) {
    if (!before) return null;
    const carried = before.beams.findIndex((b) => b.finished && same(b.tokens, beam.tokens, beam.tokens.length));
    if (carried >= 0) return { row: carried, carried: true };
    const row = before.beams.findIndex((b) => !b.finished && same(b.tokens, beam.tokens, beam.tokens.length - 1));
    return row < 0 ? null : { row, carried: false };
  }

  function asStep(run, event, beam) {
    if (made.has(beam)) return made.get(beam);
    const candidates = (event.candidates && event.candidates[beam.parent]) || [];
    const order = [...candidates].sort((a, b) => b.raw_probability - a.raw_probability);
    const rank = order.findIndex((c) => c.token_id === beam.token_id);
    const p = rank < 0 ? null : order[rank].raw_probability;
    const vocab = run.started ? run.started.vocab_size : 0;
    const step = {
      event: "hypothesis", run_id: event.run_id, seq: event.seq, index: event.step, token_id: beam.token_id, text: beam.text, piece: beam.text,
      probability: p, logprob: p ? Math.log(p) : null, random: null, uniform: null, rank: rank < 0 ? null : rank, entropy_bits: null,
      candidates, known: null, tail: { counts: [Math.max(0, vocab - candidates.length)] }, special: false, elapsed_s: event.elapsed_s,
    };
    made.set(beam, step);
    return step;
  }

  /** The tokens of hypothesis `row` after beam step number `at` (a place in `run.beams`), oldest first. */
  function path(run, at, row) {
    const steps = [];
    let beam = run.beams[at] ? run.beams[at].beams[row] : null;
    for (let i = at; beam && i >= 0; i -= 1) {
      const from = origin(run.beams[i - 1], beam);
      if (!from || !from.carried) steps.push(asStep(run, run.beams[i], beam));
      beam = from ? run.beams[i - 1].beams[from.row] : null;
    }
    return steps.reverse();
  }

  playground.hypotheses = { path, origin };
})();
