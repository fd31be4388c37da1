// The random number on the cumulative bar: probabilities laid end to end, 0 to 1, and a needle.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, percent, count, visible } = playground;
  const NARROW = 0.03, LEAST = 0.0005;

  class Dice {
    /** `name()` asks which token of the others the number falls on. */
    constructor(actions) {
      this.pool = [];
      this.bar = make("div", { class: "pg-dice-bar" });
      this.needle = make("div", { class: "pg-needle" }, make("i"));
      this.number = make("span", { class: "pg-number" });
      this.ends = make("div", { class: "pg-ends", "aria-hidden": "true" }, make("span", { text: "0" }), this.number, make("span", { text: "1" }));
      this.stage = make("div", { class: "pg-dice-stage", "aria-hidden": "true" }, this.bar, this.needle);
      this.words = make("p", { class: "pg-small" });
      this.which = make("button", { class: "pg-quiet", type: "button", text: "Which one? (one step of the model)", on: { click: () => actions.name() } });
      this.element = make("section", { class: "pg-dice", "aria-label": "The random number" },
        make("div", { class: "pg-h" }, playground.term("random number", "the random number")), this.stage, this.ends, this.words, this.which);
    }

    segment(i) {
      if (this.pool[i]) return this.pool[i];
      const name = make("bdi", { dir: "auto" });
      const element = make("span", { class: "pg-segment" }, name);
      this.bar.append(element);
      return (this.pool[i] = { element, name });
    }

    update(view) {
      const wide = view.segments.filter((s) => s.to - s.from >= LEAST || s.token_id === view.chosen.token_id);
      wide.forEach((piece, i) => this.show(this.segment(i), piece, i, view));
      this.pool.forEach((parts, i) => (parts.element.hidden = i >= wide.length));
      const random = view.random;
      this.needle.hidden = random === null;
      mark(this.element, "data-greedy", random === null);
      if (random !== null) {
        this.needle.style.setProperty("left", random * 100 + "%");
        this.number.style.setProperty("left", Math.min(94, Math.max(6, random * 100)) + "%");
      }
      say(this.number, random === null ? "" : random.toFixed(3));
      say(this.words, this.sentence(view));
      this.which.hidden = random === null || view.chosen.token_id !== null || Boolean(view.named);
    }

    show(parts, piece, i, view) {
      const chosen = piece.token_id === view.chosen.token_id && (piece.token_id !== null || (view.random >= piece.from && view.random < piece.to));
      const width = piece.to - piece.from;
      parts.element.style.setProperty("left", piece.from * 100 + "%");
      parts.element.style.setProperty("width", width * 100 + "%");
      mark(parts.element, "data-chosen", chosen);
      mark(parts.element, "data-others", piece.token_id === null);
      mark(parts.element, "data-odd", i % 2 === 1);
      const label = piece.token_id === null ? `${count(piece.count)} others` : visible(piece.text, 20);
      mark(parts.element, "title", `${label}: ${percent(width)}, from ${piece.from.toFixed(3)} to ${piece.to.toFixed(3)}`);
      say(parts.name, width > NARROW * 2 ? label : "");
    }

    /** What a forward pass said of the one among the others. */
    found(named) {
      if (!named) return "";
      if (named.error) return `; it has no name: ${named.error.replace(/\.$/, "")}`;
      return named.text === undefined ? ": the model is asked which" : `: it is “${visible(named.text || "∅", 24)}” (${percent(named.probability)})`;
    }

    sentence(view) {
      const name = view.chosen.token_id === null ? null : `“${visible(view.chosen.text || "", 24)}”`;
      if (view.how === "greedy") return "Greedy: no number is drawn, the likeliest token is taken.";
      if (view.how === "yours") return `No number was drawn: you put ${name} here.`;
      const piece = view.segments.find((s) => view.random >= s.from && view.random < s.to);
      if (name === null) {
        return `${view.random.toFixed(3)} falls on one of the ${count(view.others.count)} others (${percent(view.others.final)})${this.found(view.named)}.`;
      }
      if (!piece) return `${view.random.toFixed(3)} falls on ${name}.`;
      return `${view.random.toFixed(3)} falls on ${name}, which lies from ${piece.from.toFixed(3)} to ${piece.to.toFixed(3)}.`;
    }
  }

  playground.Dice = Dice;
})();
