// One token of a text as a button: its text, what it is called, how surprising it was; a colour, where it is a pixel.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, visible, spoken, percent } = playground;
  const BITS = [0.5, 1.5, 3, 5, 8]; // upper edges of the first five of six levels

  function level(bits) {
    const found = BITS.findIndex((edge) => bits < edge);
    return found < 0 ? BITS.length : found;
  }

  const BYTES = /\\x[0-9a-f]{2}/i;

  /**
   * What stands on a token: its own text. The bytes of a split character are shown as such until the
   * last one, which carries the character; text that waited for a stop string is not shown twice.
   */
  function shownText(source, before) {
    const piece = source.piece === undefined ? source.text : source.piece;
    if (source.special) return { text: piece || source.text, split: false };
    if (BYTES.test(piece)) return { text: source.text || piece, split: source.text === "" };
    const waited = before && before.text === "" && !BYTES.test(before.piece || "");
    return { text: source.text === "" || waited ? piece : source.text, split: false };
  }

  /** A token of a text with gaps, or what fills its gap. */
  function inPlace(view, token, at, step) {
    if (step) return { ...item(step, false, null), text: playground.gaps.standing(token, step), split: false };
    const hole = view.started.places.includes(at);
    return { ...item(token, true, null), text: hole ? playground.gaps.hole(token) : token.text || "", hole, gaps: true };
  }

  function item(source, prompt, before) {
    const logprob = source.logprob;
    const { text, split } = shownText(source, before);
    return { source, prompt, text, split, bits: logprob === null || logprob === undefined ? null : -logprob / Math.LN2 };
  }

  function label(entry, other) {
    const { source } = entry;
    const what = source.special ? "special token " + spoken(entry.text) : spoken(entry.text);
    if (entry.hole) return "hidden, not filled in yet";
    if (entry.gaps) return source.special ? what : `${what}, press to hide it`;
    if (entry.prompt) return `${what}, given, ${entry.bits === null ? "nothing before it" : "model's probability " + percent(Math.exp(source.logprob))}`;
    const instead = other ? `; would now be ${other.token_id === null ? "one of the others" : spoken(other.text)}` : "";
    const rank = source.rank === null ? "" : `, rank ${source.rank + 1}`;
    const surprise = entry.bits === null ? "" : `, surprise ${entry.bits.toFixed(1)} bits`;
    return `${what}, probability ${percent(source.probability)}${rank}${surprise}${instead}`;
  }

  function chip(entry, index) {
    const { source } = entry;
    const classes = ["pg-chip"];
    if (entry.prompt) classes.push("pg-given");
    if (source.special || entry.hole) classes.push("pg-special");
    if (entry.gaps && !source.special) classes.push("pg-hides");
    if (entry.filled) classes.push("pg-filled");
    if (entry.split) classes.push("pg-split");
    const text = make("bdi", { dir: "auto" });
    text.textContent = visible(entry.text, 400) || "∅";
    if (playground.tint(text, entry.text)) classes.push("pg-pixel");
    else if (entry.text === "\n") classes.push("pg-return");
    return make("button", {
      class: classes.join(" "), type: "button", tabindex: "-1", "data-at": index, "aria-label": label(entry, null),
      "data-surprise": entry.bits === null ? 0 : level(entry.bits), "aria-pressed": "false",
    }, text);
  }

  Object.assign(playground, { chip, chipItem: item, chipInPlace: inPlace, chipLabel: label, surpriseLevel: level, shownText });
})();
