// What an encoder read, and how much each of its tokens counted for the token that is looked at (cross-attention).
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, percent, visible, spoken } = playground;
  const NAMED = 0.1; // shares from here on carry their figure

  /** The shares (S,) of one layer, or their mean over all layers where `layer` is null. */
  function shares(looked, count, layer) {
    const layers = Math.floor(looked.length / count);
    const row = (l) => looked.slice(l * count, (l + 1) * count);
    if (layer !== null && layer < layers) return row(layer);
    return [...Array(count).keys()].map((i) => [...Array(layers).keys()].reduce((sum, l) => sum + looked[l * count + i], 0) / layers);
  }

  class Source {
    constructor(actions) {
      this.actions = actions;
      this.layer = null; // null: all of them
      this.tokens = null;
      this.words = make("p", { class: "pg-small" });
      this.choice = make("select", { class: "pg-layer", "aria-label": "Layer", on: { change: () => this.choose() } });
      this.strip = make("div", { class: "pg-read", role: "list", "aria-label": "What the encoder read" });
      this.element = make("section", { class: "pg-source", "aria-label": "Encoder", hidden: true },
        make("div", { class: "pg-source-head" }, playground.term("cross-attention", "where the decoder looked (cross-attention)"), this.choice),
        this.strip, this.words);
    }

    choose() {
      this.layer = this.choice.value === "" ? null : Number(this.choice.value);
      this.actions.redraw();
    }

    update(view) {
      const tokens = (view.started && view.started.source_tokens) || [];
      this.element.hidden = tokens.length === 0;
      if (!tokens.length) return;
      if (tokens !== this.tokens) this.build(tokens);
      const step = view.place && !view.place.prompt ? view.steps[view.place.at] : null;
      const looked = (step && step.looked) || [];
      const layers = Math.floor(looked.length / tokens.length);
      if (layers) this.offer(layers);
      this.choice.hidden = this.choice.options.length < 3;
      const found = layers ? shares(looked, tokens.length, this.layer) : null;
      this.parts.forEach((part, i) => this.show(part, found ? found[i] : null));
      say(this.words, this.sentence(step, tokens, found));
    }

    build(tokens) {
      this.tokens = tokens;
      this.parts = tokens.map((token) => {
        const text = make("bdi", { dir: "auto" });
        text.textContent = visible(token.text, 40) || "∅";
        const part = { token, bar: make("i"), figure: make("span", { class: "pg-share" }) };
        part.element = make("span", { class: token.special ? "pg-letter pg-marks" : "pg-letter", role: "listitem" }, part.figure, make("span", { class: "pg-beam-of" }, part.bar), text);
        return part;
      });
      this.strip.replaceChildren(...this.parts.map((part) => part.element));
    }

    offer(layers) {
      if (this.choice.options.length === layers + 1) return;
      const option = (value, text) => make("option", { value, text });
      this.choice.replaceChildren(option("", "all layers"), ...[...Array(layers).keys()].map((l) => option(l, `layer ${l + 1}`)));
      if (this.layer !== null && this.layer >= layers) this.layer = null;
      this.choice.value = this.layer === null ? "" : String(this.layer);
    }

    show(part, share) {
      part.bar.style.setProperty("height", `${(share || 0) * 100}%`);
      say(part.figure, share !== null && share >= NAMED ? percent(share) : "");
      mark(part.element, "aria-label", spoken(part.token.text) + (share === null ? "" : `: ${percent(share)}`));
      mark(part.element, "data-much", share !== null && share >= NAMED);
    }

    sentence(step, tokens, found) {
      if (!step || !found) return "The encoder read this, all of it at once; the decoder looks back at it for every token that it writes.";
      const order = [...found.keys()].sort((a, b) => found[b] - found[a]).slice(0, 2);
      const named = order.map((i) => `“${visible(tokens[i].text.trim(), 20)}” (${percent(found[i])})`).join(" and ");
      const token = visible((step.piece || step.text || "").trim(), 20);
      return `Before it wrote “${token}”, the decoder looked most at ${named}.`;
    }
  }

  playground.Source = Source;
  playground.sharesOf = shares;
})();
