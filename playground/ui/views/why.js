// The right column: why this token? Its place in the text, its figures, then bars, dice and stages.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, percent, visible, tokenLabel } = playground;
  const CONTEXT = 36;

  function before(view) {
    const { place } = view;
    const prompt = view.started ? view.started.prompt_tokens || [] : [];
    const earlier = place.prompt ? prompt.slice(0, place.at) : prompt.concat(view.steps.slice(0, place.at));
    const text = earlier.slice(-24).map((t) => (t.special ? "" : t.text)).join("").replace(/\s+/g, " ");
    return text.length > CONTEXT ? "…" + text.slice(-CONTEXT) : text;
  }

  class Why {
    constructor(actions) {
      this.after = make("bdi", { dir: "auto" });
      this.title = make("h3", { class: "pg-after" }, make("span", { text: "after " }), make("q", {}, this.after));
      this.token = make("div", { class: "pg-token" });
      this.facts = make("dl", { class: "pg-facts" });
      this.note = make("p", { class: "pg-moved", hidden: true });
      this.given = make("p", { class: "pg-small", hidden: true });
      this.bars = new playground.Bars({ fork: (id) => actions.fork(id) });
      this.dice = new playground.Dice();
      this.parts = make("div", { class: "pg-parts" }, this.bars.element, this.dice.element);
      this.element = make("div", { class: "pg-why", role: "region", "aria-label": "Why this token", tabindex: "-1" },
        this.title, this.token, this.facts, this.note, this.given, this.parts);
      this.element.addEventListener("keydown", (event) => event.key === "Escape" && actions.close());
    }

    update(view) {
      const { place } = view;
      this.element.hidden = !place;
      if (!place) return;
      say(this.after, before(view));
      this.title.classList.toggle("pg-nothing", this.after.textContent === "");
      if (place.prompt) this.showGiven(view.started.prompt_tokens[place.at]);
      else this.showStep(view, view.steps[place.at]);
    }

    name(text, special) {
      this.token.replaceChildren(tokenLabel(text, special, 80));
    }

    figures(pairs) {
      this.facts.replaceChildren(...pairs.map(([term, value]) => make("div", {}, make("dt", { text: term }), make("dd", { text: value }))));
    }

    showGiven(token) {
      this.name(token.text, token.special);
      const known = token.logprob !== null && token.logprob !== undefined;
      this.figures(known ? [["model’s probability", percent(Math.exp(token.logprob))], ["surprise", (-token.logprob / Math.LN2).toFixed(1) + " bits"]] : []);
      say(this.given, "Given by you, so nothing was chosen here." + (known ? "" : " Nothing stands before it."));
      this.given.hidden = false;
      this.parts.hidden = this.note.hidden = true;
    }

    showStep(view, step) {
      this.given.hidden = true;
      this.parts.hidden = false;
      this.name(step.text === "" && !step.special ? step.piece : step.special ? step.piece || step.text : step.text, step.special);
      const drawn = { step, ...playground.distribution(step, view.redraw) };
      const now = drawn.segments.find((s) => s.token_id === step.token_id);
      this.figures([
        ["probability", percent(view.redraw.moved ? (now ? now.to - now.from : 0) : step.probability)],
        ["model’s rank", String(step.rank + 1)],
        ["surprise", (-step.logprob / Math.LN2).toFixed(1) + " bits"],
        ["entropy", step.entropy_bits.toFixed(1) + " bits"],
      ]);
      this.moved(view, step, drawn);
      this.bars.update(drawn, true);
      this.dice.update(drawn);
    }

    moved(view, step, drawn) {
      this.note.hidden = !view.redraw.moved;
      if (!view.redraw.moved) return;
      const other = drawn.chosen.token_id !== step.token_id;
      const name = drawn.chosen.token_id === null ? "one of the others" : `“${visible(drawn.chosen.text || "", 24)}”`;
      const what = other ? `With the same number this would now be ${name}. ` : "With the same number this token stays. ";
      say(this.note, what + "Each step is redrawn as if its own context had stayed.");
    }
  }

  playground.Why = Why;
})();
