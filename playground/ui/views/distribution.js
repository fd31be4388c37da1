// One step's distribution in the form that bars, dice and stages draw.
//
// Rows are the tokens with a name, in the order in which the random number meets them; everything
// without one (the rest of the vocabulary, in groups) is `others`.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});

  /** The server's exact figures; what the candidates leave over is one nameless rest. */
  function recorded(step) {
    const rows = step.candidates.map((c) => ({
      token_id: c.token_id, text: c.text, count: 1, raw: c.raw_probability, final: c.probability, removed_by: c.removed_by,
    }));
    rows.sort((a, b) => b.final - a.final || a.token_id - b.token_id);
    const left = (name) => Math.max(0, 1 - rows.reduce((sum, row) => sum + row[name], 0));
    const total = (counts) => counts.reduce((sum, n) => sum + n, 0);
    const count = (step.tail ? total(step.tail.counts) : 0) + (step.known ? step.known.token_ids.length : 0);
    if (!count) return rows;
    const rest = (raw, final) => ({ token_id: null, text: "", count, raw, final: final < 1e-6 ? 0 : final, removed_by: null });
    return placed(step, rows, rest, left("raw"), left("final"));
  }

  /**
   * Where the rest lies on the cumulative bar. Nothing nameless is likelier than a candidate, except
   * where the chosen token itself was added to the candidates: then part of the rest stands before it.
   */
  function placed(step, rows, rest, raw, final) {
    const at = rows.findIndex((row) => row.token_id === step.token_id);
    const before = rows.slice(0, Math.max(0, at)).reduce((sum, row) => sum + row.final, 0);
    const gap = at >= 0 && step.random !== null ? step.random - before - rows[at].final / 2 : 0;
    if (at < 0 || final <= 0 || gap <= rows[at].final / 2) return rows.concat([rest(raw, final)]);
    const first = Math.min(gap, final);
    return [...rows.slice(0, at), { ...rest(raw, first), part: true }, ...rows.slice(at), { ...rest(0, final - first), count: 0 }];
  }

  /** What the pipeline makes of the snapshot: the candidates and the chosen token by name, the rest nameless. */
  function redrawn(step, result) {
    const names = new Map(step.candidates.map((c) => [c.token_id, c.text]));
    if (result.chosen.token_id !== null && !names.has(result.chosen.token_id)) names.set(result.chosen.token_id, result.chosen.text);
    const raw = new Map(result.stages[0].atoms.map((atom) => [atom.token_id, atom.probability]));
    let unnamed = 1;
    for (const id of names.keys()) unnamed -= raw.get(id) || 0;
    const atoms = result.atoms.map((atom) => {
      const named = atom.token_id !== null && names.has(atom.token_id);
      return {
        token_id: named ? atom.token_id : null, text: named ? names.get(atom.token_id) || "" : "", count: atom.count,
        raw: named ? raw.get(atom.token_id) : 0, final: atom.probability, removed_by: atom.removed_by || null,
      };
    });
    const rest = atoms.find((atom) => atom.token_id === null);
    if (rest) rest.raw = Math.max(0, unnamed);
    const bar = result.cumulative.map((piece) => ({ ...piece, token_id: names.has(piece.token_id) ? piece.token_id : null, text: names.get(piece.token_id) || "", final: piece.probability }));
    return { atoms, bar };
  }

  function fold(atoms) {
    const rest = atoms.filter((atom) => atom.token_id === null);
    const sum = (name) => rest.reduce((total, atom) => total + atom[name], 0);
    const others = { token_id: null, count: sum("count"), raw: sum("raw"), final: sum("final"), removed_by: null };
    const removers = new Set(rest.filter((atom) => atom.removed_by).map((atom) => atom.removed_by));
    if (others.final === 0 && removers.size) others.removed_by = [...removers].join(", ");
    return others;
  }

  /** The recorded rest does not say which filter took it; the pipeline does. */
  function named(others, result) {
    if (others.final > 0 || others.removed_by || !result) return others;
    const removers = new Set(result.atoms.filter((atom) => atom.token_id === null && atom.removed_by).map((atom) => atom.removed_by));
    return { ...others, removed_by: [...removers].join(", ") || null };
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

  /** How this token came about: "drawn", "greedy", "beam", or "yours" (a person put it there). */
  function manner(step, redraw) {
    if (playground.yours(step, redraw.own(step))) return "yours";
    const settings = redraw.now(step);
    const search = step.event === "hypothesis" ? "beam" : settings.search || (step.random === null ? "greedy" : "sample");
    if (search === "beam") return "beam";
    if (search === "greedy" || Number(settings.temperature) === 0) return "greedy";
    return "drawn";
  }

  /** Whether a person, not the model, put this token here: the run sampled, and no number chose. */
  playground.yours = (step, own) => step.random === null && own.search === "sample" && Number(own.temperature) !== 0;

  /**
   * What is drawn for one token step: `rows` (named tokens: kept ones by falling probability, then
   * removed ones by raw probability), `others`, `segments` of the cumulative bar, `chosen` (token id,
   * null for one of the others), and how it was chosen. Untouched sliders show the server's exact
   * figures, moved ones what the pipeline makes of the snapshot.
   */
  playground.distribution = (step, redraw) => {
    const result = redraw.result(step);
    const again = redraw.moved && result;
    const drawn = again ? redrawn(step, result) : null;
    const atoms = drawn ? drawn.atoms : recorded(step);
    const how = manner(step, redraw);
    const chosen = again && result.chosen && how !== "yours" ? result.chosen : { token_id: step.token_id, text: step.piece || step.text };
    const kept = atoms.filter((atom) => atom.token_id !== null && !atom.removed_by && atom.final > 0);
    const gone = atoms.filter((atom) => atom.token_id !== null && (atom.removed_by || !(atom.final > 0)));
    kept.sort((a, b) => b.final - a.final || a.token_id - b.token_id);
    gone.sort((a, b) => b.raw - a.raw || a.token_id - b.token_id);
    const random = how === "drawn" ? (step.random === null ? step.uniform : step.random) : null;
    return { rows: kept.concat(gone), kept: kept.length, others: named(fold(atoms), result), segments: segments(drawn ? drawn.bar : atoms), result, chosen, written: step.token_id, how, random };
  };
})();
