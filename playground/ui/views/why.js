// The right column: why this token? Its place in the text, its figures, then bars, dice and stages.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, percent, count, visible, tokenLabel } = playground;
  const CONTEXT = 36, DOTS = 10;
  const bits = (b) => b.toFixed(1) + " bits";

  /** The tokens before the one that is looked at. */
  function earlier(view) {
    const { place } = view, prompt = view.started ? view.started.prompt_tokens || [] : [];
    return place.prompt ? prompt.slice(0, place.at) : prompt.concat(view.steps.slice(0, place.at));
  }

  /** The colours just before, as small squares; none where no picture is written. */
  function dots(view) {
    const texts = playground.gaps.fills(view) ? [] : earlier(view).slice(-DOTS).map((t) => t.text);
    const ends = texts.length > 1 && texts[texts.length - 1] === "\n" ? [texts.pop()] : [];
    const squares = texts.slice(texts.findLastIndex((text) => !playground.isColour(text)) + 1).map(playground.square);
    return squares.length ? squares.concat(ends.map(() => "⏎")) : [];
  }

  function before(view) {
    const { place } = view;
    if (playground.gaps.fills(view)) return playground.gaps.around(view, place.prompt ? place.at : view.started.places[place.at]);
    const text = earlier(view).slice(-24).map((t) => (t.special ? "" : t.text)).join("").replace(/\s+/g, " ");
    return text.length > CONTEXT ? "…" + text.slice(-CONTEXT) : text;
  }

  class Why {
    constructor(actions) {
      this.after = make("bdi", { dir: "auto" });
      this.lead = make("span", { text: "after " });
      this.title = make("h3", { class: "pg-after" }, this.lead, make("q", {}, this.after));
      this.token = make("div", { class: "pg-token" });
      this.values = {};
      this.facts = make("dl", { class: "pg-facts" }, ...["probability", "rank", "surprise", "entropy"].map((name) =>
        make("div", {}, make("dt", {}, playground.term(name)), (this.values[name] = make("dd", { text: "–" })))));
      this.note = make("p", { class: "pg-moved", hidden: true });
      this.given = make("p", { class: "pg-small", hidden: true });
      this.was = make("p", { class: "pg-small" });
      this.back = make("button", { class: "pg-button", type: "button", on: { click: () => actions.unhide() } });
      this.hidden = make("div", { class: "pg-was", hidden: true }, this.was, this.back);
      this.bars = new playground.Bars({ fork: (id) => actions.fork(id) });
      this.dice = new playground.Dice({ name: () => actions.name() });
      this.stages = new playground.Stages();
      this.beams = new playground.Beams({ follow: (at, row) => actions.follow(at, row) });
      this.parts = make("div", { class: "pg-parts" }, this.beams.element, this.bars.element, this.dice.element, this.stages.element);
      this.element = make("div", { class: "pg-why", role: "region", "aria-label": "Why this token", tabindex: "-1" },
        this.title, this.token, this.facts, this.hidden, this.note, this.given, this.parts);
      this.element.addEventListener("keydown", (event) => event.key === "Escape" && actions.close());
    }

    update(view) {
      const { place } = view;
      this.element.hidden = !place;
      if (!place) return;
      say(this.lead, playground.gaps.fills(view) ? "in " : "after ");
      const squares = dots(view);
      if (squares.length) this.after.replaceChildren(...squares);
      else say(this.after, before(view));
      this.title.classList.toggle("pg-dots", squares.length > 0);
      this.title.classList.toggle("pg-nothing", this.after.textContent === "" && !squares.length);
      this.hidden.hidden = true;
      if (place.prompt) this.showGiven(view, view.started.prompt_tokens[place.at]);
      else this.showStep(view, view.steps[place.at]);
    }

    name(text, special) {
      this.token.replaceChildren(tokenLabel(text, special, 80));
    }

    figures(values) {
      for (const [name, node] of Object.entries(this.values)) say(node, values[name] === undefined || values[name] === null ? "–" : values[name]);
    }

    /** What a token of the prompt is. */
    about(view, token, known) {
      if (playground.gaps.fills(view)) {
        if (token.special) return "Marks an end of the text for the model. It cannot be hidden.";
        if (view.started.places.includes(view.place.at)) return "Hidden, and not filled in yet: Continue fills the next gap.";
        return "Part of the text. A click hides it, and the model says what could stand there.";
      }
      if ((view.started.source_tokens || []).length) return "The token with which every output begins. What the encoder read stands above.";
      return known ? "Given by you, so nothing was chosen here. The figures are what the model would have thought of it." : "Given by you. Nothing stands before it.";
    }

    /** The word that a person hid here, and what the model thinks of it. */
    showHidden(view, drawn) {
      const place = view.started.places[view.place.at];
      const token = view.started.prompt_tokens[place];
      const known = token.hidden !== null && token.hidden !== undefined;
      this.hidden.hidden = false;
      this.back.hidden = !known;
      const word = visible(token.text.trim(), 24);
      const row = known ? drawn.rows.find((r) => r.token_id === token.hidden) : null;
      const figure = row ? `the model gives it ${percent(row.raw)}` : "the model has it not among its likeliest";
      say(this.was, known ? `You hid “${word}”: ${figure}.` : "You wrote this gap.");
      say(this.back, `Put “${word}” back`);
    }

    showGiven(view, token) {
      this.name(token.text, token.special);
      const known = token.logprob !== null && token.logprob !== undefined;
      this.figures(known ? { probability: percent(Math.exp(token.logprob)), surprise: bits(-token.logprob / Math.LN2) } : {});
      say(this.given, this.about(view, token, known));
      this.given.hidden = false;
      this.parts.hidden = this.note.hidden = true;
    }

    showStep(view, step) {
      this.given.hidden = true;
      this.parts.hidden = false;
      const shown = playground.shownText(step, view.steps[view.place.at - 1]);
      this.name(playground.gaps.fills(view) ? step.piece : shown.text, step.special || shown.split);
      const drawn = { step, named: view.nameOf(step), ...playground.distribution(step, view.redraw) };
      const now = drawn.rows.find((row) => row.token_id === step.token_id);
      this.figures({
        probability: percent(view.redraw.moved && drawn.result ? (now ? now.final : 0) : step.probability),
        rank: step.rank === null ? null : String(step.rank + 1),
        surprise: step.logprob === null ? null : bits(-step.logprob / Math.LN2),
        entropy: step.entropy_bits === null ? null : bits(step.entropy_bits),
      });
      if (playground.gaps.fills(view)) this.showHidden(view, drawn);
      this.moved(view, step, drawn);
      this.beams.update(view);
      this.bars.update(drawn, step.event === "token", playground.gaps.fills(view) ? "Fill in" : "Continue from here with");
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
