// The right column: why this token? Its place in the text, its figures, then bars, dice and stages.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, percent, count, visible, tokenLabel } = playground;
  const CONTEXT = 36;
  const bits = (b) => b.toFixed(1) + " bits";

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
      this.values = {};
      this.facts = make("dl", { class: "pg-facts" }, ...["probability", "rank", "surprise", "entropy"].map((name) =>
        make("div", {}, make("dt", {}, playground.term(name)), (this.values[name] = make("dd", { text: "–" })))));
      this.note = make("p", { class: "pg-moved", hidden: true });
      this.given = make("p", { class: "pg-small", hidden: true });
      this.bars = new playground.Bars({ fork: (id) => actions.fork(id) });
      this.dice = new playground.Dice({ name: () => actions.name() });
      this.stages = new playground.Stages();
      this.beams = new playground.Beams({ follow: (at, row) => actions.follow(at, row) });
      this.parts = make("div", { class: "pg-parts" }, this.beams.element, this.bars.element, this.dice.element, this.stages.element);
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

    figures(values) {
      for (const [name, node] of Object.entries(this.values)) say(node, values[name] === undefined || values[name] === null ? "–" : values[name]);
    }

    showGiven(token) {
      this.name(token.text, token.special);
      const known = token.logprob !== null && token.logprob !== undefined;
      this.figures(known ? { probability: percent(Math.exp(token.logprob)), surprise: bits(-token.logprob / Math.LN2) } : {});
      say(this.given, known ? "Given by you, so nothing was chosen here. The figures are what the model would have thought of it." : "Given by you. Nothing stands before it.");
      this.given.hidden = false;
      this.parts.hidden = this.note.hidden = true;
    }

    showStep(view, step) {
      this.given.hidden = true;
      this.parts.hidden = false;
      const shown = playground.shownText(step, view.steps[view.place.at - 1]);
      this.name(shown.text, step.special || shown.split);
      const drawn = { step, named: view.nameOf(step), ...playground.distribution(step, view.redraw) };
      const now = drawn.rows.find((row) => row.token_id === step.token_id);
      this.figures({
        probability: percent(view.redraw.moved && drawn.result ? (now ? now.final : 0) : step.probability),
        rank: step.rank === null ? null : String(step.rank + 1),
        surprise: step.logprob === null ? null : bits(-step.logprob / Math.LN2),
        entropy: step.entropy_bits === null ? null : bits(step.entropy_bits),
      });
      this.moved(view, step, drawn);
      this.beams.update(view);
      this.bars.update(drawn, step.event === "token");
      this.dice.element.hidden = drawn.how === "beam";
      if (drawn.how !== "beam") this.dice.update(drawn);
      this.stages.update(drawn, view.redraw.now(step), view.redraw.moved);
    }

    moved(view, step, drawn) {
      this.note.hidden = !view.redraw.moved;
      if (!view.redraw.moved) return;
      const other = drawn.chosen.token_id !== step.token_id;
      const chosen = drawn.chosen.token_id === null ? (drawn.named && drawn.named.text !== undefined ? drawn.named.text : null) : drawn.chosen.text || "";
      const name = chosen === null ? `one of the ${count(drawn.others.count)} others` : `“${visible(chosen, 24)}”`;
      const what = other ? `With the same number this would now be ${name}. ` : "With the same number this token stays. ";
      const sentence = what + "Each step is redrawn as if its own context had stayed.";
      say(this.note, drawn.how === "beam" ? "Beam search follows several texts at once, so it cannot be redrawn from this run: run it again." : sentence);
    }
  }

  playground.Why = Why;
})();
