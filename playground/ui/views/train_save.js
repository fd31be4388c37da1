// The stage "Save": a title, and the model is in the lists of this visit; a download of its weights with their card.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark } = playground;
  const SURE_MS = 4000; // so long "Remove" waits for its second click
  const WHERE = { gpt: "the Text and Code tabs", bert: "the Text tab", t5: "the Text tab", vae: "the Latent space tab", gan: "the Latent space tab", diffusion: "the Image tab" };

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
      this.hint = make("p", { class: "pg-small", text: "A saved model is in the model lists of this visit (one that makes points of the plane can only be downloaded); on your own computer it is kept, elsewhere it ends with the visit. Every model can be downloaded: weights (safetensors), configuration and a card." });
      this.element = make("div", { class: "tr-saving" }, this.form, this.said, this.list, this.hint);
    }

    update(view) {
      const { store, frame } = view, can = store.mine && frame.step > 0;
      this.title.disabled = this.save.disabled = !can;
      say(this.said, can ? this.words(store, frame) : "A training of your own can be saved once it has made a step: press Start.");
      if (this.lesson !== frame.lesson) [this.lesson, this.title.value] = [frame.lesson, ""]; // a BERT's title is none for a T5
      if (!this.title.value && document.activeElement !== this.title && can) this.title.value = `My ${view.facts.title || frame.lesson}`;
      const saved = frame.saved || [], key = JSON.stringify(saved);
      if (key === this.drawn) return;
      this.drawn = key;
      this.list.replaceChildren(...saved.map((m) => make("li", { class: "tr-saved-row" }, make("strong", { text: m.title }), make("span", { class: "pg-small", text: `revision ${String(m.revision || "").slice(0, 10)} · ${m.listed && WHERE[lessonOf(m)] ? `in ${WHERE[lessonOf(m)]}` : "to download"}` }),
        make("span", { class: "tr-saved-acts" }, this.remove(m), make("button", { type: "button", class: "pg-button", text: "Download", "aria-label": `Download ${m.title}`, on: { click: () => view.send("download", { id: m.id }) } })))));
    }

    words(store, frame) {
      const found = store.answer("run save", "save"), where = found && found.value && found.value.listed ? WHERE[frame.lesson] : "";
      if (found && found.waiting) return "writing …";
      if (found && found.error) return found.error;
      if (found && found.value) return `Saved as ${found.value.title}: ${where ? `choose it in ${where}.` : "no tab can run it yet, but it can be downloaded."}`;
      return store.going ? "The model is saved as it is at this moment." : "";
    }

    /** A button that asks once before a model is gone. */
    remove(model) {
      const button = make("button", { type: "button", class: "pg-quiet", text: "Remove", "aria-label": `Remove ${model.title}`, on: { click: () => {
        if (this.sure === model.id) {
          this.view().send("forget", { id: model.id });
          return;
        }
        this.sure = model.id;
        say(button, "Remove it for good?");
        mark(button, "aria-label", `Remove ${model.title} for good?`);
        setTimeout(() => {
          this.sure = null;
          say(button, "Remove");
          mark(button, "aria-label", `Remove ${model.title}`);
        }, SURE_MS);
      } } });
      return button;
    }
  }

  /** The lesson that a saved model comes from: its id begins with it. */
  const lessonOf = (model) => String(model.id || "").split("-")[0];

  playground.TrainSave = TrainSave;
})();
