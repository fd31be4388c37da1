// A picture to begin from, and the part of it that may change, painted by hand. Both stay in the browser until a run asks.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say } = playground;
  const PAINT = "#2f55c7", PAINTED = [0x2f, 0x55, 0xc7], THROUGH = 0.5;
  const MOST_SENT = 4, MOST_PX = 768, LEAST_PX = 320, MOST_BYTES = 20 << 20, KINDS = ["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"];

  /** What a run's settings say of the picture and the mask that it was sent; "" where it began from noise. */
  const keyOf = ({ picture_is: picture, mask_is: mask }) => (picture ? `${picture} ${mask || ""}` : "");

  // tab → what the newest runs began from, by what their settings say of it; what was sent last; whether anything was.
  // A tab that is opened again is drawn anew.
  const kept = new Map();

  class PictureBegin {
    /** `reuse(settings)` puts in place what a saved picture says of how it was made; `tell(text)` says something at the top. */
    constructor(tab, reuse, tell) {
      this.tab = tab;
      this.reuse = reuse;
      this.tell = tell;
      this.picture = "";
      this.painted = false;
      if (!kept.has(tab)) kept.set(tab, { sent: new Map(), last: null, any: false });
      this.kept = kept.get(tab);
      this.file = make("input", { type: "file", accept: KINDS.join(","), class: "pc-file", "aria-label": "Choose a picture", on: { change: () => this.take(this.file.files[0]) } });
      this.canvas = make("canvas", { class: "pc-canvas", "aria-label": "Paint where the picture may change", hidden: true });
      this.standing = "With a picture, a run begins from it and not from noise alone. Paint over a part, and only that part changes.";
      this.note = make("p", { class: "pg-small", role: "status", text: this.standing });
      const quiet = (label, act) => make("button", { class: "pg-quiet", type: "button", text: label, hidden: true, on: { click: act } });
      this.clear = quiet("Remove the paint", () => this.repaint());
      this.drop = quiet("Remove the picture", () => this.set(""));
      this.again = quiet("Use the settings it was made with", () => this.restore(this.told, "The picture"));
      this.result = quiet("Begin from the picture above", () => {
        this.file.value = ""; // the button must not name another one
        return this.set(this.newest);
      });
      this.result.hidden = false;
      this.brush = make("input", { type: "range", min: 4, max: 60, value: 18, "aria-label": "Size of the brush" });
      this.size = make("label", { class: "pc-brush", hidden: true }, "brush", this.brush);
      this.element = make("details", { class: "pc-begin" }, make("summary", { text: "Begin from a picture" }), this.note,
        make("div", { class: "pc-buttons" }, this.file, this.result, this.again, this.size, this.clear, this.drop), this.canvas);
      for (const name of ["pointerdown", "pointermove"]) this.canvas.addEventListener(name, (event) => this.paint(event));
      for (const name of ["pointerup", "pointercancel"]) {
        this.canvas.addEventListener(name, () => {
          this.stroke = null;
          this.changed();
        });
      }
      this.changed = () => {}; // another picture or mask
    }

    update(view) {
      const done = view.finished && view.finished.pictures;
      this.newest = (done && done[view.picture]) || "";
      this.result.disabled = !this.newest;
      this.shape(view.settings);
      const given = view.settings.picture; // what a page that was loaded again had
      if (!given || given === this.seen) return;
      this.seen = given;
      if (!this.picture) this.set(given).then(() => this.repainted(view.settings.mask));
    }

    /** Puts a mask back as paint: white is painted. */
    async repainted(mask) {
      if (!mask || !this.picture) return;
      const image = new Image(), of = this.picture;
      image.src = mask;
      await image.decode();
      if (this.picture !== of) return; // another one was chosen meanwhile
      const context = this.cover.getContext("2d"), { width, height } = this.cover;
      context.drawImage(image, 0, 0, width, height);
      const pixels = context.getImageData(0, 0, width, height), { data } = pixels, [red, green, blue] = PAINTED;
      for (let i = 0; i < data.length; i += 4) data.set([red, green, blue, data[i]], i);
      context.putImageData(pixels, 0, 0);
      this.painted = true;
      this.show();
      this.changed();
    }

    /** What a run is sent: data URLs, empty where there is nothing. */
    values() {
      return { picture: this.picture, mask: this.picture && this.painted ? this.mask() : "" };
    }

    /** What a run is sent, remembered until its settings come. */
    send() {
      Object.assign(this.kept, { last: this.values(), any: true });
      return this.kept.last;
    }

    /** The newest run began from what was sent last; from what the page was loaded with, where this page has sent nothing. */
    began({ settings, parent }, { picture, mask }) {
      const key = keyOf(settings), { sent, last, any } = this.kept, from = any ? last : { picture, mask };
      this.kept.last = null;
      if (parent || !key || !from || !from.picture) return; // one that goes on has what its parent had
      sent.delete(key);
      sent.set(key, from);
      while (sent.size > MOST_SENT) sent.delete(sent.keys().next().value);
    }

    /** Begins as an earlier run did; false where what it began from is no longer kept. */
    async bring(settings) {
      const key = keyOf(settings), before = this.kept.sent.get(key);
      if (before || (!key && this.picture)) await this.set(before ? before.picture : "");
      if (before && before.mask) await this.repainted(before.mask);
      return !key || before !== undefined;
    }

    /** A file that was dropped on the tab: one of ours brings its settings, any other is begun from. */
    async dropped(file, here) {
      const told = await this.read(file);
      await (!told || here ? this.take(file) : this.restore(told, file.name));
      const begins = this.picture && (!told || here); // which is shown where it is seen at once
      if (file && !here && !begins) this.tell(this.note.textContent);
    }

    /** A run began: what was said of a file is over. */
    settle() {
      say(this.note, this.standing);
    }

    /** Says what holds until another picture is taken. */
    stand(text) {
      this.standing = text;
      say(this.note, text);
    }

    /** Puts the settings of a saved picture in place, and says what of it no file can bring back. */
    async restore(told, name) {
      this.element.open = true;
      const model = String(told.model).slice(0, 80), elsewhere = { pixels: "Pixels", latent: "Latent space" }[told.modality];
      if (elsewhere) return say(this.note, `${name} says that the model ${model} made it, in the tab ${elsewhere}: drop it there, and it is made again.`);
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
      this.changed();
      for (const part of [this.canvas, this.clear, this.drop, this.size, this.again]) part.hidden = true;
      if (!url) {
        this.file.value = "";
        return this.stand("A run begins from noise.");
      }
      const image = new Image();
      image.src = url;
      try {
        await image.decode();
      } catch {
        this.stand("A run begins from noise.");
        return say(this.note, `${name} is damaged, or no picture: choose another one.`);
      }
      const side = Math.max(image.width, image.height, 1), scale = Math.min(MOST_PX, Math.max(side, LEAST_PX)) / side;
      this.canvas.width = Math.max(1, Math.round(image.width * scale));
      this.canvas.height = Math.max(1, Math.round(image.height * scale));
      this.base = this.sheet("#fff");
      this.base.getContext("2d").drawImage(image, 0, 0, this.base.width, this.base.height);
      // one that comes back as it was sent stays as it is: encoded once more it would be another one
      this.picture = scale === 1 && url.startsWith("data:image/jpeg") ? url : this.base.toDataURL("image/jpeg", 0.92);
      this.repaint();
      for (const part of [this.canvas, this.clear, this.drop, this.size]) part.hidden = false;
      this.element.open = true;
      const veiled = this.ratio && Math.abs(Math.log((this.canvas.width / this.canvas.height) / this.ratio)) > 0.02;
      return this.stand(`A run begins from this picture. Strength, among the settings, says how much of it is replaced; paint, and only the painted part changes.${veiled ? " The veiled margins are left out: a run's pictures have other proportions." : ""}`);
    }

    /** A canvas as large as the picture, of one colour or of none. */
    sheet(colour = null) {
      const sheet = make("canvas", { width: this.canvas.width, height: this.canvas.height }), context = sheet.getContext("2d");
      context.fillStyle = colour || "transparent";
      context.fillRect(0, 0, sheet.width, sheet.height);
      return sheet;
    }

    /** The proportions of the pictures that a run makes: the middle of the picture is what it takes. */
    shape({ width, height }) {
      const ratio = width && height ? width / height : width || height ? null : 1; // 0 is the model's own size, a square
      if (ratio === this.ratio) return;
      this.ratio = ratio;
      if (this.picture) this.show();
    }

    repaint() {
      this.painted = false;
      this.cover = this.sheet();
      this.show();
      this.changed();
    }

    /** The picture, what is painted over it, and a veil over what a run does not take. */
    show() {
      const { width, height } = this.canvas, context = this.canvas.getContext("2d");
      context.drawImage(this.base, 0, 0);
      context.globalAlpha = THROUGH;
      context.drawImage(this.cover, 0, 0);
      context.globalAlpha = 1;
      if (!this.ratio) return;
      context.fillStyle = "rgba(110, 116, 130, 0.6)";
      const across = Math.max(0, width - height * this.ratio) / 2, down = Math.max(0, height - width / this.ratio) / 2;
      for (const x of [0, width - across]) context.fillRect(x, 0, across, height);
      for (const y of [0, height - down]) context.fillRect(0, y, width, down);
    }

    /** A stroke of the brush, from where the pointer was to where it is. */
    paint(event) {
      if (!(event.buttons & 1) && event.type !== "pointerdown") return;
      event.preventDefault();
      const box = this.canvas.getBoundingClientRect(), scale = this.canvas.width / box.width;
      const at = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale], context = this.cover.getContext("2d");
      const radius = Number(this.brush.value) * scale;
      Object.assign(context, { fillStyle: PAINT, strokeStyle: PAINT, lineWidth: 2 * radius });
      context.beginPath();
      context.arc(...at, radius, 0, 2 * Math.PI);
      context.fill();
      if (event.type === "pointermove" && this.stroke) {
        context.beginPath();
        context.moveTo(...this.stroke);
        context.lineTo(...at);
        context.stroke();
      }
      this.stroke = at;
      this.painted = true;
      this.show();
      if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
    }

    /** White where the picture may change, black elsewhere. */
    mask() {
      const whole = this.sheet("#000"), white = this.sheet("#fff"), context = white.getContext("2d");
      context.globalCompositeOperation = "destination-in";
      context.drawImage(this.cover, 0, 0);
      whole.getContext("2d").drawImage(white, 0, 0);
      return whole.toDataURL("image/png");
    }
  }

  playground.PictureBegin = PictureBegin;
})();
