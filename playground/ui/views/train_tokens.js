// The stage "Tokens": byte-pair encoding merge by merge, on a sentence of the viewer's. For pictures: picture, pixels, code.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark } = playground;
  const STEP_MS = 160, SAMPLE = "The sky is blue, and the potato lies in the kitchen.";

  class Merges {
    constructor(view) {
      this.view = view;
      this.at = 0;
      this.wanted = SAMPLE;
      this.box = make("input", { type: "text", class: "tr-input", maxlength: 300, value: SAMPLE, "aria-label": "A sentence to cut into tokens" });
      this.box.addEventListener("input", () => {
        clearTimeout(this.typing);
        this.typing = setTimeout(() => { this.wanted = this.box.value; this.view().redraw(); }, 400);
      });
      this.chips = make("p", { class: "tr-chips", dir: "auto" });
      this.range = make("input", { type: "range", class: "tr-range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Merges learned" });
      this.range.addEventListener("input", () => { this.play(false); this.go(Number(this.range.value)); });
      this.toggle = make("button", { type: "button", class: "tr-act tr-main", text: "Play", on: { click: () => this.play(!this.timer) } });
      this.one = make("button", { type: "button", class: "tr-act", text: "One merge", on: { click: () => { this.play(false); this.go(this.at + 1); } } });
      this.next = make("button", { type: "button", class: "tr-act", text: "To the next change", on: { click: () => { this.play(false); this.change(); } } });
      this.count = make("p", { class: "tr-count" });
      this.merge = make("div", { class: "tr-merge" });
      this.list = make("ol", { class: "tr-merges" });
      this.said = make("p", { class: "pg-small", role: "status" });
      this.element = make("div", { class: "tr-two" }, make("section", { class: "tr-left" }, make("label", {}, make("span", { class: "pg-small", text: "a sentence" }), this.box), this.chips, this.count, this.range,
        make("div", { class: "tr-row" }, this.toggle, this.one, this.next), this.said), make("section", {}, make("h4", { class: "pg-h", text: "What is merged" }), this.merge, this.list));
    }

    update(view) {
      const { store, frame } = view, config = { ...(frame.config || {}), ...(store.moved[frame.lesson] || {}) };
      const own = store.own.text;
      const key = `${frame.lesson} ${config.vocab_size} ${config.task || ""} ${config.repeats} ${config.held_out} ${own ? own.bytes : ""} ${this.wanted}`;
      const found = store.answer("merges", key);
      if (!found || found.waiting) view.ask("merges", key, { text: this.wanted }, false);
      if (found && found.value && found.value !== this.data) {
        const first = !this.data || this.data.merges.length !== found.value.merges.length;
        this.data = found.value;
        mark(this.range, "max", this.data.merges.length);
        if (first) this.at = Math.min(this.data.merges.length, 40);
      }
      say(this.said, !found || found.waiting ? "counting pairs of neighbours …" : found.error || (this.data && !this.data.merges.length ? "For this task every letter and every sound is a token: there is nothing to merge." : ""));
      this.draw();
    }

    go(at) {
      this.at = Math.max(0, Math.min(this.data ? this.data.merges.length : 0, at));
      this.draw();
    }

    change() {
      const cut = this.data && this.data.cuts.find(([number]) => number > this.at);
      this.go(cut ? cut[0] : this.data ? this.data.merges.length : 0);
    }

    play(on) {
      clearInterval(this.timer);
      this.timer = null;
      const n = this.data ? this.data.merges.length : 0;
      if (on && n) {
        if (this.at >= n) this.go(0);
        this.timer = setInterval(() => {
          if (!this.element.isConnected || this.at >= n) this.play(false);
          else this.go(this.at + (this.at < 60 ? 1 : this.at < 200 ? 3 : 8));
        }, STEP_MS);
      }
      say(this.toggle, this.timer ? "Pause" : "Play");
    }

    draw() {
      if (!this.data) return;
      const { merges, cuts } = this.data;
      let tokens = cuts[0][1], before = null;
      for (const [number, cut] of cuts) if (number <= this.at) [before, tokens] = [number === this.at ? tokens : before, cut];
      const old = before ? new Set(starts(before)) : null;
      let place = 0;
      this.chips.replaceChildren(...tokens.map((token) => {
        const fresh = old && before && !sameAt(before, place, token);
        place += token.length;
        return make("span", { class: fresh ? "tr-chip tr-fresh" : "tr-chip", text: playground.visible(token) });
      }));
      this.range.value = String(this.at);
      mark(this.range, "aria-valuetext", `${this.at} of ${merges.length} merges, the sentence has ${tokens.length} tokens`);
      say(this.count, `${playground.count(this.at)} of ${playground.count(merges.length)} merges learned: the sentence has ${tokens.length} tokens.`);
      const now = merges[this.at - 1];
      this.merge.replaceChildren(...(now ? [chip(now[0]), make("span", { text: "+" }), chip(now[1]), make("span", { text: "→" }), chip(now[2], "tr-fresh"), make("span", { class: "pg-small", text: `side by side ${playground.count(now[3])} times` })] : [make("span", { class: "pg-small", text: "nothing yet: every character stands alone" })]));
      const from = Math.max(0, this.at - 9);
      this.list.replaceChildren(...merges.slice(from, Math.max(0, this.at - 1)).reverse().map((m, i) => make("li", { value: this.at - 1 - i }, chip(m[0]), make("span", { text: " + " }), chip(m[1]), make("span", { text: " → " }), chip(m[2]), make("span", { class: "pg-small", text: ` ${playground.count(m[3])}` }))));
    }
  }

  function chip(token, more = "") {
    return make("span", { class: `tr-chip ${more}`, text: playground.visible(token) });
  }

  function starts(tokens) {
    let at = 0;
    return tokens.map((t) => (at += t.length) - t.length);
  }

  function sameAt(tokens, place, token) {
    let at = 0;
    for (const t of tokens) {
      if (at === place) return t === token;
      at += t.length;
    }
    return false;
  }

  /** One example on its way into the model. */
  class Encoding {
    constructor(view) {
      this.view = view;
      this.number = 0;
      this.said = make("p", { class: "pg-small", role: "status" });
      this.box = make("div", { class: "tr-chain" });
      const button = (text, by) => make("button", { type: "button", class: "pg-button", text, on: { click: () => { this.number = Math.max(0, this.number + by); view().redraw(); } } });
      this.where = make("span", { class: "pg-small" });
      this.element = make("div", {}, make("div", { class: "tr-row" }, button("Example before", -1), button("Next example", 1), this.where), this.said, this.box);
    }

    update(view) {
      const { store, frame } = view, config = { ...(frame.config || {}), ...(store.moved[frame.lesson] || {}) }, own = store.own.other;
      const newest = store.mine ? store.checkpoints[store.checkpoints.length - 1] : null;
      const at = newest && !store.going ? newest.step : newest ? Math.floor(newest.step / 200) : 0;
      const key = `${frame.lesson} ${config.data} ${config.size} ${config.examples} ${own ? own.bytes : ""} ${store.mine ? frame.run : ""} ${at} ${this.number}`;
      const found = store.answer("encode", key);
      if (!found || found.waiting) view.ask("encode", key, { picture: this.number, run: Boolean(newest) && frame.lesson === "vae" }, false);
      say(this.where, `example ${this.number + 1}`);
      say(this.said, !found || found.waiting ? "taking it apart …" : found.error || (frame.lesson === "vae" && !newest ? "With a training of your own, the code that the encoder makes of it stands here too." : ""));
      if (!found || !found.value || found.value === this.shown) return;
      this.shown = found.value;
      this.box.replaceChildren(...found.value.panels.flatMap((panel, i) => {
        const drawn = playground.trainPanel(panel.kind, found.value.labels[i]), element = make("figure", { class: "tr-link", "data-kind": panel.kind }, drawn.element, make("figcaption", { class: "pg-small", text: found.value.labels[i] }));
        requestAnimationFrame(() => drawn.update(panel));
        return i ? [make("span", { class: "tr-arrow", "aria-hidden": "true", text: "→" }), element] : [element];
      }));
    }
  }

  class TrainTokens {
    constructor(view) {
      this.merges = new Merges(view);
      this.encoding = new Encoding(view);
      this.element = make("div", {}, this.merges.element, this.encoding.element);
    }

    update(view) {
      this.merges.element.hidden = view.pictures;
      this.encoding.element.hidden = !view.pictures;
      (view.pictures ? this.encoding : this.merges).update(view);
    }
  }

  playground.TrainTokens = TrainTokens;
})();
