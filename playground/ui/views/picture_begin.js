// A picture to begin from, and the part of it that may change, painted by hand. Both stay in the browser until a run asks.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say } = playground;
  const MOST_PX = 768, LEAST_PX = 320, MOST_BYTES = 20 << 20, KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"];

  class PictureBegin {
    /** `reuse(settings)` puts in place what a saved picture says of how it was made. */
    constructor(tab, reuse) {
      this.tab = tab;
      this.reuse = reuse;
      this.picture = "";
      this.painted = false;
      this.file = make("input", { type: "file", accept: KINDS.join(","), class: "pc-file", "aria-label": "Choose a picture", on: { change: () => this.take(this.file.files[0]) } });
      this.canvas = make("canvas", { class: "pc-canvas", "aria-label": "Paint where the picture may change", hidden: true });
      this.note = make("p", { class: "pg-small", role: "status", text: "With a picture, a run begins from it and not from noise alone. Paint over a part, and only that part changes." });
      const quiet = (label, act) => make("button", { class: "pg-quiet", type: "button", text: label, hidden: true, on: { click: act } });
      this.clear = quiet("Remove the paint", () => this.repaint());
      this.drop = quiet("Remove the picture", () => this.set(""));
      this.again = quiet("Use the settings it was made with", () => this.restore(this.told, "The picture"));
      this.result = quiet("Begin from the picture above", () => this.set(this.newest));
      this.result.hidden = false;
      this.size = make("input", { type: "range", min: 4, max: 60, value: 18, "aria-label": "Size of the brush", hidden: true });
      this.element = make("details", { class: "pc-begin" }, make("summary", { text: "Begin from a picture" }), this.note,
        make("div", { class: "pc-buttons" }, this.file, this.result, this.again, this.size, this.clear, this.drop), this.canvas);
      for (const name of ["pointerdown", "pointermove"]) this.canvas.addEventListener(name, (event) => this.paint(event));
    }

    update(view) {
      const done = view.finished && view.finished.pictures;
      this.newest = (done && done[view.picture]) || "";
      this.result.disabled = !this.newest;
      const given = view.settings.picture; // what a page that was loaded again had
      if (!given || given === this.seen) return;
      this.seen = given;
      if (!this.picture) this.set(given);
    }

    /** What a run is sent: data URLs, empty where there is nothing. */
    values() {
      return { picture: this.picture, mask: this.picture && this.painted ? this.mask() : "" };
    }

    /** A file that was dropped on the tab: one of ours brings its settings, any other is begun from. */
    async dropped(file, here) {
      const told = await this.read(file);
      return !told || here ? this.take(file) : this.restore(told, file.name);
    }

    /** Puts the settings of a saved picture in place, and says what of it no file can bring back. */
    async restore(told, name) {
      this.element.open = true;
      const model = String(told.model).slice(0, 80), elsewhere = { pixels: "Pixels", latent: "Latent space" }[told.modality];
      if (elsewhere) return say(this.note, `${name} says that the model ${model} made it, in the tab ${elsewhere}: it can be made again there.`);
      await this.set("");
      const lost = told.began_from_a_picture ? "It began from a picture, which the file does not hold: choose that one, too." : told.went_on ? "It went on from an earlier run, so that a new one may differ." : "Run makes it again.";
      say(this.note, `${name} says how it was made, by the model ${model}: its settings are in place. ${lost}`);
      this.reuse(told);
    }

    /** What a file says of how it was made; null where it says nothing. */
    async read(file) {
      if (!file || file.type !== "image/png" || file.size > MOST_BYTES) return null;
      return playground.madeBy(await file.arrayBuffer());
    }

    async take(file) {
      if (!file) return;
      if (!KINDS.includes(file.type)) return say(this.note, `${file.name} is no picture that can be read: choose a PNG, JPEG, WebP, GIF or BMP.`);
      if (file.size > MOST_BYTES) return say(this.note, `${file.name} has ${(file.size / 1e6).toFixed(0)} MB; pictures of up to 20 are taken.`);
      const url = URL.createObjectURL(file);
      await this.set(url, file.name);
      this.told = await this.read(file);
      this.again.hidden = !this.told || !this.picture;
      return URL.revokeObjectURL(url);
    }

    /** Takes the picture at a URL, made smaller where it is large; "" takes it away. */
    async set(url, name = "This picture") {
      this.picture = "";
      this.painted = false;
      for (const part of [this.canvas, this.clear, this.drop, this.size, this.again]) part.hidden = true;
      if (!url) {
        this.file.value = "";
        return say(this.note, "A run begins from noise.");
      }
      const image = new Image();
      image.src = url;
      try {
        await image.decode();
      } catch {
        return say(this.note, `${name} is damaged, or no picture: choose another one.`);
      }
      const side = Math.max(image.width, image.height, 1), scale = Math.min(MOST_PX, Math.max(side, LEAST_PX)) / side;
      this.canvas.width = Math.max(1, Math.round(image.width * scale));
      this.canvas.height = Math.max(1, Math.round(image.height * scale));
      this.image = image;
      this.repaint();
      this.picture = this.canvas.toDataURL("image/jpeg", 0.92);
      this.cover = make("canvas", { width: this.canvas.width, height: this.canvas.height });
      for (const part of [this.canvas, this.clear, this.drop, this.size]) part.hidden = false;
      this.element.open = true;
      return say(this.note, `A run begins from this picture. Strength (on the left) says how much of it is replaced; paint, and only the painted part changes.`);
    }

    repaint() {
      const context = this.canvas.getContext("2d");
      context.fillStyle = "#fff";
      context.fillRect(0, 0, this.canvas.width, this.canvas.height);
      context.drawImage(this.image, 0, 0, this.canvas.width, this.canvas.height);
      this.painted = false;
      this.cover = make("canvas", { width: this.canvas.width, height: this.canvas.height });
    }

    paint(event) {
      if (!(event.buttons & 1) && event.type !== "pointerdown") return;
      event.preventDefault();
      const box = this.canvas.getBoundingClientRect(), scale = this.canvas.width / box.width;
      const at = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale], radius = Number(this.size.value) * scale;
      for (const [canvas, colour] of [[this.canvas, "rgba(47, 85, 199, 0.5)"], [this.cover, "#fff"]]) {
        const context = canvas.getContext("2d");
        context.fillStyle = colour;
        context.beginPath();
        context.arc(...at, radius, 0, 2 * Math.PI);
        context.fill();
      }
      this.painted = true;
      if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
    }

    /** White where the picture may change, black elsewhere. */
    mask() {
      const whole = make("canvas", { width: this.cover.width, height: this.cover.height }), context = whole.getContext("2d");
      context.fillStyle = "#000";
      context.fillRect(0, 0, whole.width, whole.height);
      context.drawImage(this.cover, 0, 0);
      return whole.toDataURL("image/png");
    }
  }

  playground.PictureBegin = PictureBegin;
})();
