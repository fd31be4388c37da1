// A picture that a person brings to a latent space: its code (VAE), or the discriminator's verdict (GAN).
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, percent, codes, LatentRow, latentSection } = playground;
  const KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"], MOST_PX = 256;
  const number = (value) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(2);

  /** A picture file as a small data URL, so that a phone's photo need not travel whole. */
  async function shrunk(file) {
    const url = URL.createObjectURL(file), image = new Image();
    try {
      image.src = url;
      await image.decode();
      const scale = Math.min(1, MOST_PX / Math.max(image.width, image.height, 1));
      const canvas = make("canvas", { width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) });
      const context = canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      return canvas.toDataURL("image/png");
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  class LatentGiven {
    /** `ask(what, given)` sends a question about pictures; `put(code)` looks at a code. */
    constructor(actions) {
      this.actions = actions;
      this.file = make("input", { type: "file", accept: KINDS.join(","), class: "pc-file", "aria-label": "Choose a picture", on: { change: () => this.take(this.file.files[0]) } });
      this.own = make("button", { type: "button", class: "pg-quiet", text: "Take the picture above", on: { click: () => this.other(this.newest) } });
      this.noise = make("button", { type: "button", class: "pg-quiet", text: "Take noise", on: { click: () => this.other(this.speckled()) } });
      this.go = make("button", { type: "button", class: "pg-button", text: "Go to its code", hidden: true, on: { click: () => actions.put(this.answer.mean[0]) } });
      this.end = make("button", { type: "button", class: "pg-quiet", text: "Make it the other end", title: "The walk and the mixture go from the code above to this one", hidden: true, on: { click: () => actions.end(this.answer.mean[0]) } });
      this.draw = make("button", { type: "button", class: "pg-quiet", text: "Draw from its distribution", hidden: true, on: { click: () => actions.put(this.drawn()) } });
      this.said = make("p", { class: "pg-small", role: "status" });
      this.row = new LatentRow("The picture as the model has it");
      this.bars = make("div", { class: "lt-bars", role: "img" });
      this.legend = make("p", { class: "pg-small lt-legend", hidden: true, text: "The distribution of every number of the code, the most telling first, on a scale from −3.5 to 3.5: the line is the mean, the band one deviation to either side. A number whose band lies around 0 and reaches from −1 to 1 says nothing of this picture." });
      Object.assign(this, latentSection("A picture of your own", "", make("div", { class: "pc-buttons" }, this.file, this.own, this.noise, this.go, this.end, this.draw), this.said, this.row.element, this.legend, this.bars));
    }

    update(state) {
      this.newest = state.newest;
      this.state = state;
      this.own.disabled = !state.newest;
      this.noise.hidden = !state.judges;
      this.element.hidden = !state.encodes && !state.judges;
      say(this.words, state.encodes ? "The encoder says where a picture lies in the space: not one code but a normal distribution, a mean and a deviation for every number. Decoding the mean gives the picture back, as far as the code can hold it." : "The discriminator learnt to tell the training pictures from generated ones. Ask it about any picture.");
      if (this.model !== state.model) this.reset(state.model);
    }

    reset(model) {
      this.model = model;
      this.answer = null;
      this.file.value = "";
      say(this.said, "");
      this.row.show([], []);
      this.bars.replaceChildren();
      this.legend.hidden = true;
      for (const button of [this.go, this.end, this.draw]) button.hidden = true;
    }

    async take(file) {
      if (!file) return;
      if (!KINDS.includes(file.type)) return say(this.said, `${file.name} is no picture that can be read: choose a PNG, JPEG, WebP, GIF or BMP.`);
      try {
        return this.use(await shrunk(file));
      } catch {
        return say(this.said, `${file.name} is damaged, or no picture: choose another one.`);
      }
    }

    /** A file that was dropped on the tab. */
    async dropped(file) {
      const told = file && file.type === "image/png" ? playground.madeBy(await file.arrayBuffer()) : null;
      this.element.scrollIntoView({ block: "nearest" });
      if (!told || told.modality !== "latent") return this.take(file);
      const { code } = told, whole = Array.isArray(code) && code.every(Number.isFinite);
      if (told.model !== this.state.model || !whole || code.length !== this.state.order.length) {
        return say(this.said, `${file.name} says that the model ${String(told.model).slice(0, 80)} made it: choose that model, and drop it again.`);
      }
      say(this.said, `${file.name} was made here: its code is in place.`);
      return this.actions.put(code);
    }

    /** A picture that is none of a file: the button must not name one. */
    other(picture) {
      this.file.value = "";
      this.use(picture);
    }

    use(picture) {
      if (!picture) return;
      say(this.said, "asking …");
      this.actions.ask(this.state.encodes ? "encode" : "judge", { pictures: [picture] });
    }

    /** A picture of nothing but noise. */
    speckled() {
      const side = this.state.size, canvas = make("canvas", { width: side, height: side }), context = canvas.getContext("2d");
      const image = context.createImageData(side, side), values = codes.normal(Date.now() % 1e6, side * side * 3);
      for (let i = 0; i < side * side; i += 1) {
        for (let c = 0; c < 3; c += 1) image.data[4 * i + c] = 127 + 80 * values[3 * i + c];
        image.data[4 * i + 3] = 255;
      }
      context.putImageData(image, 0, 0);
      return canvas.toDataURL("image/png");
    }

    /** What came back. */
    receive(values) {
      this.answer = values;
      if (values.real) {
        say(this.said, `Real or made? The discriminator gives ${percent(values.real[0])} for real.`);
        return this.row.show(values.seen, ["as it sees it"]);
      }
      for (const button of [this.go, this.end, this.draw]) button.hidden = false;
      say(this.said, "On the left what the model saw, on the right what it makes of the mean of its code.");
      this.row.show([values.seen[0], values.pictures[0]], ["as it sees it", "given back"]);
      return this.distribution(values);
    }

    fail(message) {
      say(this.said, message);
    }

    /** Mean and deviation of every number, on one scale. */
    distribution({ mean, deviation }) {
      const order = this.state.order, place = (x) => `${(50 + Math.max(-50, Math.min(50, x * 14))).toFixed(1)}%`;
      this.bars.setAttribute("aria-label", order.map((i) => `number ${i + 1}: mean ${number(mean[0][i])}, deviation ${deviation[0][i].toFixed(2)}`).join("; ").slice(0, 2000));
      this.legend.hidden = false;
      this.bars.replaceChildren(...order.map((i) => {
        const low = mean[0][i] - deviation[0][i], high = mean[0][i] + deviation[0][i];
        const width = `calc(${place(high)} - ${place(low)})`;
        const bar = make("div", { class: "lt-bar" }, make("span", { class: "lt-span", style: { left: place(low), width } }), make("span", { class: "lt-mean", style: { left: place(mean[0][i]) } }));
        return make("div", { class: "lt-named", title: `number ${i + 1}: mean ${number(mean[0][i])}, deviation ${deviation[0][i].toFixed(2)}` }, make("span", { class: "lt-caption", text: String(i + 1) }), bar);
      }));
    }

    /** A draw from the distribution of the picture's code. */
    drawn() {
      this.draws = (this.draws || 0) + 1;
      const noise = codes.normal(7000 + this.draws, this.answer.mean[0].length);
      return this.answer.mean[0].map((m, i) => m + this.answer.deviation[0][i] * noise[i]);
    }
  }

  playground.LatentGiven = LatentGiven;
})();
