// The parts of the latent space tab: each asks for pictures of codes and draws them.
//
// A part has `wanted(state)`, the codes it needs now (or null), and `show(state, answer)`; the theatre asks and keeps.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, mark, say, percent, makePicture, putPicture, codes } = playground;
  const REACH = 3, SHOWN = 8, TRAVERSED = [-2.5, -1.5, -0.75, 0, 0.75, 1.5, 2.5], SAMPLES = 12;
  const number = (value) => (value < 0 ? "−" : "") + Math.abs(value).toFixed(2);

  /** A heading, a sentence and a row. */
  function section(title, sentence, ...children) {
    const words = make("p", { class: "pg-small", text: sentence });
    const element = make("section", { class: "lt-part", "aria-label": title }, make("h4", { class: "pg-h", text: title }), words, ...children);
    return { element, words };
  }

  function slider(label, low, high, step, value, act) {
    const shown = make("output", { text: "" });
    const input = make("input", { type: "range", min: low, max: high, step, value, "aria-label": label, on: { input: () => act(Number(input.value)) } });
    return { input, shown, element: make("label", { class: "lt-slider" }, make("span", { text: label }), input, shown) };
  }

  /** Pictures in a row that grows and shrinks, with captions. */
  class Row {
    constructor(label, choose = null) {
      this.choose = choose;
      this.cells = [];
      this.element = make("div", { class: "lt-row", role: "group", "aria-label": label });
    }

    show(pictures, captions, alts = captions) {
      while (this.cells.length < pictures.length) this.cells.push(this.cell(this.cells.length));
      const cells = this.cells.slice(0, pictures.length);
      if (this.element.children.length !== cells.length) this.element.replaceChildren(...cells.map((cell) => cell.element));
      cells.forEach((cell, i) => {
        putPicture(cell.image, pictures[i], alts[i] || `picture ${i + 1}`);
        say(cell.caption, captions[i] || "");
      });
    }

    cell(i) {
      const image = makePicture({ class: "lt-small" }), caption = make("span", { class: "lt-caption" });
      if (!this.choose) return { image, caption, element: make("figure", { class: "lt-cell" }, image, caption) };
      const element = make("button", { type: "button", class: "lt-cell", title: "Look at this one", on: { click: () => this.choose(i) } }, image, caption);
      return { image, caption, element };
    }
  }

  /** The picture of the code, and its numbers as sliders. */
  class Current {
    constructor(actions) {
      this.actions = actions;
      this.image = makePicture({ class: "lt-large" });
      this.verdict = make("p", { class: "pg-small lt-verdict", role: "status", hidden: true });
      this.nearest = makePicture({ class: "lt-small" });
      this.apart = make("figcaption", { class: "pg-small" });
      this.near = make("figure", { class: "lt-near", "data-waiting": "true" }, this.nearest, this.apart);
      this.fresh = make("button", { type: "button", class: "pg-button", text: "Draw another code", on: { click: () => actions.fresh() } });
      this.middle = make("button", { type: "button", class: "pg-quiet", text: "All to 0", on: { click: () => actions.move(null) } });
      this.more = make("button", { type: "button", class: "pg-quiet", on: { click: () => actions.more() } });
      this.save = make("button", { type: "button", class: "pg-quiet", text: "Download picture (PNG)", disabled: true, on: { click: () => this.download() } });
      this.list = make("div", { class: "lt-sliders" });
      this.sliders = new Map();
      this.element = make("section", { class: "lt-current", "aria-label": "The picture of this code" },
        make("div", { class: "lt-picture" }, this.image, this.verdict, make("div", { class: "pc-buttons" }, this.fresh, this.middle, this.save), this.near),
        make("div", { class: "lt-numbers" }, make("h4", { class: "pg-h", text: "The numbers of the code" }),
          make("p", { class: "pg-small", text: "Each number moves the picture in a direction of its own. Those that change it most come first; 0 is the middle, and draws from the normal distribution rarely go beyond 3." }), this.list, this.more));
    }

    wanted(state) {
      return [state.code];
    }

    download() {
      const { model, code, size } = this.state;
      playground.savePicture(playground.enlarged(this.image, size, size, 1), model.split("/").pop(), { modality: "latent", model, code });
    }

    show(state, answer, asked) {
      this.state = { ...state, code: [...asked.codes[0]] };
      this.save.disabled = false;
      putPicture(this.image, answer.pictures[0], "picture of this code");
      this.verdict.hidden = !answer.real;
      if (answer.real) say(this.verdict, `Real or made? The discriminator gives ${percent(answer.real[0])} for real.`);
    }

    /** The training picture that is nearest to the shown one: is it a copy? null: that is not known yet. */
    compare(found) {
      mark(this.near, "data-waiting", found ? null : "true"); // its place is kept, so that nothing jumps
      if (!found) return;
      const { picture, distance, typical } = found;
      this.near.hidden = !picture;
      if (!picture) return;
      putPicture(this.nearest, picture, "the nearest training picture");
      const part = distance / typical, word = part < 0.5 ? "Nearly a copy of" : part < 1 ? "Close to" : "Not a copy of";
      say(this.apart, `${word} the nearest picture it was trained on: ${distance.toFixed(2)} away; training pictures are usually ${typical.toFixed(2)} from the next.`);
    }

    update(state) {
      const places = state.order.slice(0, state.all ? undefined : SHOWN);
      for (const place of places) if (!this.sliders.has(place)) this.sliders.set(place, this.slider(place));
      const wanted = places.map((place) => this.sliders.get(place));
      if (this.drawn !== places.join()) this.list.replaceChildren(...wanted.map((one) => one.element));
      this.drawn = places.join();
      places.forEach((place) => {
        const { input, shown, element } = this.sliders.get(place);
        const reach = Math.max(REACH, Math.ceil(Math.abs(state.code[place]))); // codes of a plain autoencoder lie far out
        if (Number(input.max) < reach) Object.assign(input, { min: -reach, max: reach });
        if (Number(input.value) !== state.code[place]) input.value = state.code[place];
        say(shown, number(state.code[place]));
        mark(element, "data-chosen", place === state.place ? "true" : null);
      });
      this.more.hidden = state.order.length <= SHOWN;
      say(this.more, state.all ? "Only the most important" : `All ${state.order.length} numbers`);
    }

    slider(place) {
      const made = slider(`number ${place + 1}`, -REACH, REACH, 0.05, 0, (value) => this.actions.set(place, value));
      made.input.addEventListener("focus", () => this.actions.choose(place));
      return made;
    }
  }

  /** One number from end to end, all others as they are. */
  class Traverse {
    constructor(actions) {
      this.row = new Row("One number from end to end", (i) => actions.set(this.place, TRAVERSED[i]));
      Object.assign(this, section("What one number does", "", this.row.element));
    }

    wanted(state) {
      return TRAVERSED.map((value) => codes.changed(state.code, state.place, value));
    }

    show(state, answer) {
      this.place = state.place;
      say(this.words, `Number ${state.place + 1} from −2.5 to 2.5, all others as they are. Choose another one by its slider.`);
      this.row.show(answer.pictures, TRAVERSED.map(number));
    }
  }

  /** From this code to another one. */
  class Walk {
    constructor(actions) {
      this.steps = 9;
      this.row = new Row("A walk", (i) => actions.put(this.path[i]));
      this.big = makePicture({ class: "lt-film" });
      this.play = make("button", { type: "button", class: "pg-button", text: "Play", "aria-pressed": "false", on: { click: () => this.toggle() } });
      this.other = make("button", { type: "button", class: "pg-quiet", text: "Another end", on: { click: () => actions.other() } });
      Object.assign(this, section("A walk through the space", "From the code above to another one. If neighbours look alike, the space is filled without holes.",
        make("div", { class: "lt-walk" }, this.big, make("div", { class: "pc-buttons" }, this.play, this.other)), this.row.element));
    }

    wanted(state) {
      this.path = [...Array(this.steps).keys()].map((i) => codes.between(state.code, state.other, i / (this.steps - 1)));
      return this.path;
    }

    show(state, answer) {
      this.pictures = answer.pictures;
      this.row.show(answer.pictures, answer.pictures.map((_, i) => percent(i / (answer.pictures.length - 1))));
      if (!this.timer) putPicture(this.big, answer.pictures[0], "a picture of the walk");
    }

    toggle() {
      clearInterval(this.timer);
      const going = !this.timer && this.pictures;
      this.timer = going ? setInterval(() => this.frame(), 140) : null;
      mark(this.play, "aria-pressed", String(Boolean(going)));
      say(this.play, going ? "Pause" : "Play");
    }

    frame() {
      if (!this.element.isConnected) return this.toggle();
      const last = this.pictures.length - 1;
      this.at = ((this.at || 0) + 1) % (2 * last);
      return putPicture(this.big, this.pictures[this.at > last ? 2 * last - this.at : this.at], "a picture of the walk");
    }
  }

  /** The most telling numbers of another code, the rest of this one. */
  class Mix {
    constructor(actions) {
      this.share = slider("numbers from the other code", 0, 8, 1, 4, () => actions.redraw());
      this.row = new Row("Two codes and their mixture", (i) => actions.put(this.made[i]));
      Object.assign(this, section("Mixing two codes", "The mixture has the most telling numbers of the other code and the rest of this one.", this.share.element, this.row.element));
    }

    wanted(state) {
      const { input } = this.share;
      if (Number(input.max) !== state.order.length) {
        input.max = state.order.length;
        input.value = Math.ceil(state.order.length / 2);
      }
      say(this.share.shown, `${input.value} of ${state.order.length}`);
      this.made = [state.code, codes.mixed(state.code, state.other, state.order, Number(input.value)), state.other];
      return this.made;
    }

    show(state, answer) {
      this.row.show(answer.pictures, ["this code", "the mixture", "the other code"]);
    }
  }

  /** Draws nearer to the middle, or farther from it. */
  class Truncate {
    constructor(actions) {
      this.psi = slider("truncation", 0, 1.6, 0.05, 1, () => actions.redraw());
      this.row = new Row("Draws", (i) => actions.put(this.made[i]));
      Object.assign(this, section("Truncation", "The same draws, nearer to the middle or farther out. Below 1 they are more usual and more alike, above 1 more varied, and more of them are broken; at 0 all are one.", this.psi.element, this.row.element));
    }

    wanted(state) {
      const psi = Number(this.psi.input.value);
      say(this.psi.shown, psi.toFixed(2));
      this.made = [...Array(SAMPLES).keys()].map((i) => codes.truncated(codes.normal(1000 + 50 * state.seed + i, state.order.length), psi));
      return this.made;
    }

    show(state, answer) {
      this.row.show(answer.pictures, (answer.real || []).map((real) => `real: ${percent(real)}`), answer.pictures.map((_, i) => `draw ${i + 1}`));
    }
  }

  Object.assign(playground, { LatentCurrent: Current, LatentTraverse: Traverse, LatentWalk: Walk, LatentMix: Mix, LatentTruncate: Truncate, LatentRow: Row, latentSection: section });
})();
