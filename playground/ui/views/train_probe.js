// A question of the viewer's own to the model as it is now: a masked sentence for BERT, a word or gap for T5.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say } = playground;
  const ASK = {
    bert: { what: "fill", label: "Your own sentence; [MASK] stands for the hidden word", value: "The sky is [MASK].", act: "Fill in" },
    t5: { what: "answer", label: "Your own text for the model", value: "", act: "Ask" },
  };

  class TrainProbe {
    constructor(view) {
      this.label = make("span", { class: "pg-small" });
      this.box = make("input", { type: "text", class: "tr-input", maxlength: 300 });
      this.send = make("button", { type: "submit", class: "pg-button" });
      this.form = make("form", { class: "tr-form" }, make("label", { class: "tr-grow" }, this.label, this.box), this.send);
      this.bars = make("div", { class: "tr-bars" });
      this.text = make("p", { class: "tr-text", dir: "auto" });
      this.said = make("p", { class: "pg-small", role: "status" });
      this.element = make("section", { class: "tr-probe" }, this.form, this.text, this.bars, this.said);
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        const ask = ASK[this.lesson];
        if (ask && this.box.value.trim()) view().ask(ask.what, "probe", { text: this.box.value });
      });
    }

    update(view) {
      const ask = ASK[view.frame.lesson];
      this.element.hidden = !ask;
      if (!ask) return;
      if (this.lesson !== view.frame.lesson) {
        this.lesson = view.frame.lesson;
        say(this.label, ask.label);
        say(this.send, ask.act);
        this.box.value = ask.value;
      }
      this.box.disabled = this.send.disabled = !view.store.mine;
      const found = view.store.answer(`run ${ask.what}`, "probe");
      const value = found && found.value;
      say(this.said, !view.store.mine ? "Start a training of your own to ask it something." : found && found.waiting ? "asking …" : (found && found.error) || "");
      const pairs = value && typeof value === "object" ? bars(value) : [];
      say(this.text, typeof value === "string" ? value : (value && value.text) || "");
      this.text.hidden = !this.text.textContent;
      playground.trainBars(this.bars, pairs.map((p) => playground.visible(String(p[0]), 30)), pairs.map((p) => p[1]), { format: playground.percent });
    }
  }

  /** [[word, probability]…] however the answer names them. */
  function bars(value) {
    const list = value.words || value.candidates || value.bars || [];
    return Array.isArray(list) ? list.slice(0, 8).map((w) => (Array.isArray(w) ? w : [w.token ?? w.word ?? "", w.p ?? w.probability ?? 0])) : Object.entries(list).slice(0, 8);
  }

  playground.TrainProbe = TrainProbe;
})();
