// The stage "Save": a title, and the model is in the lists of this visit; a download of its weights with their card.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say } = playground;

  class TrainSave {
    constructor(view) {
      this.view = view;
      this.title = make("input", { type: "text", class: "tr-input", maxlength: 60, "aria-label": "Title of the model" });
      this.save = make("button", { type: "submit", class: "pg-button", text: "Save the model" });
      this.form = make("form", { class: "tr-form" }, make("label", { class: "tr-grow" }, make("span", { class: "pg-small", text: "a title" }), this.title), this.save);
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        view().ask("save", "save", { title: this.title.value });
      });
      this.said = make("p", { class: "pg-small", role: "status" });
      this.list = make("ul", { class: "tr-saved" });
      this.hint = make("p", { class: "pg-small", text: "A saved GPT, BERT or T5 is in the model lists of this visit; on your own computer it is kept, elsewhere it ends with the visit. Every model can be downloaded: weights (safetensors), configuration and a card." });
      this.element = make("div", { class: "tr-saving" }, this.form, this.said, this.list, this.hint);
    }

    update(view) {
      const { store, frame } = view, can = store.mine && frame.step > 0;
      this.title.disabled = this.save.disabled = !can;
      const found = store.answer("run save", "save");
      say(this.said, !can ? "A training of your own can be saved once it has made a step: press Start." : store.going ? "The model is saved as it is at this moment." : found && found.waiting ? "writing …" : (found && found.error) || "");
      if (!this.title.value && document.activeElement !== this.title && can) this.title.value = `My ${view.facts.title || frame.lesson}`;
      const saved = frame.saved || [], key = JSON.stringify(saved);
      if (key === this.drawn) return;
      this.drawn = key;
      this.list.replaceChildren(...saved.map((m) => make("li", { class: "tr-saved-row" }, make("strong", { text: m.title }), make("span", { class: "pg-small", text: `revision ${String(m.revision || "").slice(0, 10)} · ${m.modality ? `listed under ${m.modality}` : ""}` }),
        make("button", { type: "button", class: "pg-button", text: "Download", "aria-label": `Download ${m.title}`, on: { click: () => view.send("download", { id: m.id }) } }))));
    }
  }

  playground.TrainSave = TrainSave;
})();
