// One step's distribution in the form that bars, dice and stages draw.
//
// Rows are the tokens with a name, in the order in which the random number meets them; everything
// without one (the rest of the vocabulary, in groups) is `others`.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});

  function recorded(step) {
    const rows = step.candidates.map((c) => ({
      token_id: c.token_id, text: c.text, count: 1, raw: c.raw_probability, final: c.probability, removed_by: c.removed_by,
    }));
    const left = (name) => Math.max(0, 1 - rows.reduce((sum, row) => sum + row[name], 0));
    const tail = step.tail ? step.tail.counts.reduce((sum, n) => sum + n, 0) : 0;
    const rest = { token_id: null, text: "", count: tail, raw: left("raw"), final: left("final"), removed_by: null };
    return rows.sort((a, b) => b.final - a.final || b.raw - a.raw).concat(tail ? [rest] : []);
  }

  function redrawn(step, result) {
    const names = new Map(step.candidates.map((c) => [c.token_id, c.text]));
    names.set(step.token_id, step.piece || step.text);
    const raw = new Map();
    let groups = 0;
    for (const atom of result.stages[0].atoms) raw.set(atom.token_id === null ? `group ${groups++}` : atom.token_id, atom.probability);
    let group = 0;
    return result.atoms.map((atom) => {
      const named = atom.token_id !== null && names.has(atom.token_id);
      const key = atom.token_id === null ? `group ${group++}` : atom.token_id;
      return {
        token_id: named ? atom.token_id : null, text: named ? atom.text || names.get(atom.token_id) : "",
        count: atom.count || 1, raw: raw.get(key) || 0, final: atom.probability, removed_by: atom.removed_by || null,
      };
    });
  }

  function fold(atoms) {
    const rest = atoms.filter((atom) => atom.token_id === null);
    const sum = (name) => rest.reduce((total, atom) => total + atom[name], 0);
    const others = { token_id: null, count: sum("count"), raw: sum("raw"), final: sum("final"), removed_by: null };
    const removers = new Set(rest.filter((atom) => atom.removed_by).map((atom) => atom.removed_by));
    if (others.final === 0 && removers.size) others.removed_by = [...removers].join(", ");
    return others;
  }

  /** Neighbouring pieces of the cumulative bar; nameless ones side by side become one. */
  function segments(atoms) {
    const pieces = [];
    let from = 0;
    for (const atom of atoms) {
      if (!(atom.final > 0)) continue;
      const before = pieces[pieces.length - 1];
      const to = from + atom.final;
      if (atom.token_id === null && before && before.token_id === null) {
        before.to = to;
        before.count += atom.count;
      } else pieces.push({ token_id: atom.token_id, text: atom.text, count: atom.count, from, to });
      from = to;
    }
    return pieces;
  }

  /**
   * What is drawn for one token step: `rows` (named tokens: kept ones by falling probability, then
   * removed ones by raw probability), `others`, `segments` of the cumulative bar, `chosen` (token id,
   * null for one of the others), and how it was chosen.
   */
  playground.distribution = (step, redraw) => {
    const result = redraw.result(step);
    const atoms = result ? redrawn(step, result) : recorded(step);
    const now = redraw.moved && result && result.chosen ? result.chosen : { token_id: step.token_id, text: step.piece || step.text };
    const search = redraw.settings.search || (step.random === null ? "greedy" : "sample");
    const kept = atoms.filter((atom) => atom.token_id !== null && !atom.removed_by && atom.final > 0);
    const gone = atoms.filter((atom) => atom.token_id !== null && !(atom.final > 0 && !atom.removed_by));
    kept.sort((a, b) => b.final - a.final || a.token_id - b.token_id);
    gone.sort((a, b) => b.raw - a.raw || a.token_id - b.token_id);
    const greedy = search === "greedy" || (!redraw.moved && step.random === null) || Number(redraw.settings.temperature) === 0;
    return {
      rows: kept.concat(gone), kept: kept.length, others: fold(atoms), segments: segments(atoms), result,
      chosen: now, written: step.token_id, greedy, random: greedy ? null : step.random === null ? step.uniform : step.random,
    };
  };
})();
