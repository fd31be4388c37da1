// Texts with gaps: what a fill looks like in its place, and the whole text with its fills.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const MASK = "[MASK]", AROUND = 24;

  /** A fill as it stands in the text: a piece of a word joins what is before it, a word keeps its place's space. */
  function standing(token, step) {
    const lead = /^\s*/.exec(token.text)[0];
    const piece = step.piece || step.text || "";
    return piece.startsWith("##") ? piece.slice(2) : lead + piece.trim();
  }

  /** A hidden place without a fill. */
  function hole(token) {
    return /^\s*/.exec(token.text)[0] + MASK;
  }

  /** Per prompt token what stands there now: its text, or that of its fill, or a gap. Special tokens are empty. */
  function texts(view) {
    const { started, steps } = view;
    const fills = new Map(steps.map((step, i) => [started.places[step.index === undefined ? i : step.index], step]));
    const holes = new Set(started.places);
    return started.prompt_tokens.map((token, i) => {
      if (token.special) return "";
      if (fills.has(i)) return standing(token, fills.get(i));
      return holes.has(i) ? hole(token) : token.text;
    });
  }

  /** The text around a place, which is drawn as a line. */
  function around(view, place) {
    const parts = texts(view);
    const before = parts.slice(0, place).join("").replace(/\s+/g, " "), after = parts.slice(place + 1).join("").replace(/\s+/g, " ");
    const lead = /^\s*/.exec(view.started.prompt_tokens[place].text)[0] ? " " : "";
    const left = before.length > AROUND ? "…" + before.slice(-AROUND) : before, right = after.length > AROUND ? after.slice(0, AROUND) + "…" : after;
    return `${left}${lead}___${right}`.trim();
  }

  /** Whether the shown run fills gaps. */
  const fills = (view) => Boolean(view.started && view.started.places);

  playground.gaps = { fills, standing, hole, around, filled: (view) => texts(view).join("") };
})();
