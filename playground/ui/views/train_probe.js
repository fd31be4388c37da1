// A question of the viewer's own to the model as it is now: a masked sentence for BERT, a word or gap for T5.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say } = playground;
  const SPOKEN = { what: "answer", label: "An English word of your own: how is it spoken?", value: "playground", act: "Ask" };
  const GAPS = { what: "answer", label: "Your own text; <extra_id_0> stands for what is missing", value: "The sky is <extra_id_0>.", act: "Ask" };
  const MASKS = { what: "fill", label: "Your own sentence; [MASK] stands for the hidden word", value: "The sky is [MASK].", act: "Fill in" };

  /** What the lesson that is shown can be asked; null: nothing. */
  function asks({ lesson, config }) {
    return lesson === "bert" ? MASKS : lesson !== "t5" ? null : (config || {}).task === "spans" ? GAPS : SPOKEN;
  }

  class TrainProbe {
    constructor(view) {
      this.label = make("span", { class: "pg-small" });
      this.box = make("input", { type: "text", class: "tr-input", maxlength: 300 });
      this.send = make("button", { type: "submit", class: "pg-button" });
      this.form = make("form", { class: "tr-form" }, make("label", { class: "tr-grow" }, this.label, this.box), this.send);
      this.bars = make("div", { class: "tr-gaps" });
      this.text = make("p", { class: "tr-text", dir: "auto" });
      this.said = make("p", { class: "pg-small", role: "status" });
      this.element = make("section", { class: "tr-probe" }, this.form, this.text, this.bars, this.said);
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        const { ask } = this;
        if (ask && this.box.value.trim()) view().ask(ask.what, "probe", { text: this.box.value });
      });
    }

    update(view) {
      const ask = asks(view.frame);
      this.element.hidden = !ask;
      if (!ask) return;
      if (this.ask !== ask) {
        this.ask = ask;
        say(this.label, ask.label);
        say(this.send, ask.act);
        this.box.value = ask.value;
      }
      this.box.disabled = this.send.disabled = !view.store.mine;
      const found = view.store.answer(`run ${ask.what}`, "probe"), value = found && found.value;
      say(this.said, !view.store.mine ? "Start a training of your own to ask it something." : found && found.waiting ? "asking …" : (found && found.error) || "");
      say(this.text, ask.what === "answer" && value ? value.answer : "");
      this.text.hidden = !this.text.textContent;
      this.gaps(ask.what === "fill" && Array.isArray(value) ? value : []);
    }

    /** The likeliest words of each gap, likeliest first. */
    gaps(list) {
      while (this.bars.children.length > list.length) this.bars.lastChild.remove();
      list.forEach(({ words, p }, i) => {
        if (!this.bars.children[i]) this.bars.append(make("div", {}, make("p", { class: "pg-small" }), make("div", { class: "tr-bars" })));
        const [head, bars] = this.bars.children[i].children;
        say(head, list.length > 1 ? `[MASK] ${i + 1}` : "");
        head.hidden = list.length < 2;
        playground.trainBars(bars, words.map((w) => playground.visible(w, 30)), p, { format: playground.trainChance });
      });
    }
  }

  playground.TrainProbe = TrainProbe;
})();
