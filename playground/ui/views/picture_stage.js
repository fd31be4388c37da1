// The pictures themselves: large ones, the strip of all steps, and what a run has cost.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, mark, say, percent, count } = playground;
  const SHOWN = 24; // steps in the strip; more are thinned out evenly

  /** A picture that is only loaded again where it is another one. */
  function picture(attributes = {}) {
    return make("img", { alt: "", draggable: "false", decoding: "sync", ...attributes });
  }

  function put(image, url, alt) {
    if (image.dataset.url !== url) {
      image.dataset.url = url;
      if (url) image.src = url;
      else image.removeAttribute("src");
    }
    mark(image, "alt", alt);
    image.hidden = !url;
  }

  /** The newest small pictures at or before a step: between two frames some steps travel without. */
  function shownAt(steps, at, name, which) {
    for (let i = at; i >= 0; i -= 1) if (steps[i] && steps[i][name][which]) return steps[i][name][which];
    return "";
  }

  /** The large picture that stands for step `at`: the finished one at the end, else the guess. */
  function large(view, which) {
    const last = view.at === view.steps.length - 1;
    const done = view.finished && view.finished.pictures && view.finished.pictures[which];
    if (last && done) return done;
    const found = view.found && view.found.values && view.picture === which ? view.found.values.guess : "";
    return found || shownAt(view.steps, view.at, "guess", which);
  }

  /** The seconds that steps took, each run's counted from its own beginning. */
  function spent(steps) {
    return steps.reduce((sum, step, i) => {
      const before = steps[i - 1], same = before && before.run_id === step.run_id && before.elapsed_s <= step.elapsed_s;
      return sum + step.elapsed_s - (same ? before.elapsed_s : 0);
    }, 0);
  }

  class PictureStage {
    /** `choose(i)` looks at one of several pictures. */
    constructor(actions) {
      this.actions = actions;
      this.tiles = [];
      this.element = make("div", { class: "pc-stage", role: "group", "aria-label": "Pictures" });
    }

    update(view) {
      while (this.tiles.length < view.count) this.tiles.push(this.tile(this.tiles.length));
      this.element.replaceChildren(...this.tiles.slice(0, view.count).map((tile) => tile.element));
      mark(this.element, "data-count", view.count);
      const film = view.count > 1 && view.started && ![undefined, "off"].includes(view.started.settings.strip);
      mark(this.element, "data-film", film ? "true" : null);
      const prompt = view.started ? view.started.prompt : "";
      const last = view.at === view.steps.length - 1;
      this.tiles.slice(0, view.count).forEach((tile, i) => {
        const done = last && view.finished && view.finished.reason === "eos";
        put(tile.image, large(view, i), `${done ? "picture" : `guess at step ${view.at + 1}`}: ${prompt.slice(0, 200)}`);
        mark(tile.image, "data-blocked", view.blocked.includes(i) || null);
        mark(tile.button, "aria-pressed", view.count > 1 ? String(i === view.picture) : null);
        tile.button.disabled = view.count === 1;
        tile.share.hidden = !film;
        if (film) say(tile.share, percent(i / (view.count - 1)));
        const file = view.finished && view.finished.pictures && view.finished.pictures[i];
        mark(tile.keep, "data-off", file ? null : "true");
        if (file) say(tile.keep, last ? "Save PNG" : "Save the finished picture");
        if (file && tile.keep.dataset.run !== view.run.id) {
          tile.keep.dataset.run = view.run.id;
          tile.keep.href = file;
          tile.keep.download = `${(prompt || "picture").replace(/[^\p{L}\p{N}]+/gu, "-").slice(0, 40)}-${i + 1}.png`;
        }
      });
    }

    tile(i) {
      const image = picture({ class: "pc-large" });
      const button = make("button", { class: "pc-choose", type: "button", "aria-label": `Picture ${i + 1}`, on: { click: () => this.actions.choose(i) } }, image);
      const share = make("span", { class: "pg-small", hidden: true, title: "how much of the way to the other end" });
      const keep = make("a", { class: "pg-quiet pc-keep", "data-off": "true", text: "Save PNG", title: "The finished picture. The file says what made it: drop it on this page to see that again." });
      return { image, button, keep, share, element: make("div", { class: "pc-tile" }, button, share, keep) };
    }
  }

  class PictureStrip {
    /** `go(at)` looks at a step. */
    constructor(actions) {
      this.actions = actions;
      this.cells = [];
      this.row = make("div", { class: "pc-strip", role: "group", "aria-label": "Steps: what the model sees, and below its guess" });
      this.row.addEventListener("keydown", (event) => this.key(event));
      this.element = make("div", {}, make("p", { class: "pg-small pc-legend", text: "Above what the model sees, below its guess, both as a quick look: an opened step is decoded in full." }), this.row);
    }

    update(view) {
      const n = view.steps.length;
      mark(this.row, "data-blocked", view.blocked.includes(view.picture) || null);
      const every = Math.max(1, Math.ceil(Math.max(n, view.expected) / SHOWN));
      const places = [...view.steps.keys()].filter((i) => i % every === 0 || i === n - 1 || i === view.at);
      while (this.cells.length < places.length) this.cells.push(this.cell(this.cells.length));
      this.places = places;
      const shown = this.cells.slice(0, places.length);
      if (this.row.children.length !== shown.length) this.row.replaceChildren(...shown.map((cell) => cell.element));
      shown.forEach((cell, i) => {
        const at = places[i], step = view.steps[at];
        put(cell.noisy, shownAt(view.steps, at, "noisy", view.picture), "");
        put(cell.guess, shownAt(view.steps, at, "guess", view.picture), "");
        mark(cell.element, "aria-pressed", String(at === view.at));
        mark(cell.element, "tabindex", at === view.at ? "0" : "-1");
        mark(cell.element, "data-approximate", step.approximate || null);
        mark(cell.element, "aria-label", `step ${at + 1} of ${step.steps}, ${percent(step.noise)} noise${step.approximate ? ", another scheduler took over" : ""}`);
        say(cell.name, String(at + 1));
      });
      const here = places.indexOf(view.at);
      if (here >= 0 && (this.shown !== view.at || !this.seen)) this.reveal(shown[here].element);
      this.seen = this.row.clientWidth > 0; // what has no width yet cannot be moved
      this.shown = view.at;
    }

    /** Moves the strip, and nothing else of the page, until a step can be seen. */
    reveal(node) {
      const { offsetLeft: left, offsetWidth: width } = node, box = this.row;
      if (left < box.scrollLeft) box.scrollLeft = left;
      else if (left + width > box.scrollLeft + box.clientWidth) box.scrollLeft = left + width - box.clientWidth;
    }

    cell(i) {
      const noisy = picture({ class: "pc-small" }), guess = picture({ class: "pc-small" }), name = make("span", { class: "pc-number" });
      const element = make("button", { class: "pc-step", type: "button", on: { click: () => this.actions.go(this.places[i]) } }, noisy, guess, name);
      return { noisy, guess, name, element };
    }

    key(event) {
      const by = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity }[event.key];
      if (event.key === "Escape") this.actions.close();
      if (!by || !this.places) return;
      event.preventDefault();
      const next = Math.max(0, Math.min(this.places.length - 1, this.places.indexOf(this.shown) + by));
      this.actions.go(this.places[next]);
      this.cells[next].element.focus();
    }
  }

  class PictureFigures {
    constructor() {
      this.cells = {};
      const labels = { first: "first preview", step: "a step", all: "all steps", size: "size", words: "tokens read", safe: "classifier" };
      const cells = Object.entries(labels).map(([name, label]) => make("div", {}, make("dt", { text: label }), (this.cells[name] = make("dd", { text: "–" }))));
      this.element = make("dl", { class: "pg-figures" }, ...cells);
    }

    update(view) {
      const begun = (view.started && view.started.parent_index) || 0;
      const own = view.steps.filter((step) => step.index >= begun), last = own[own.length - 1], done = view.finished;
      const seconds = (value) => (Number.isFinite(value) ? `${value < 10 ? value.toFixed(2) : value.toFixed(0)}\u00a0s` : "–");
      const asked = view.started ? view.started.settings : {};
      say(this.cells.first, seconds(done && Number.isFinite(done.first_token_s) ? done.first_token_s : own.length ? own[0].elapsed_s : NaN));
      say(this.cells.step, seconds(last ? last.elapsed_s / own.length : NaN));
      say(this.cells.all, seconds(last ? spent(view.steps) : NaN));
      say(this.cells.size, asked.width ? `${count(asked.width)} × ${count(asked.height)}${view.count > 1 ? `, ${view.count} pictures` : ""}` : "–");
      const scores = (done && done.unsafe) || [], score = scores[view.picture];
      this.cells.safe.parentElement.hidden = !Number.isFinite(score);
      this.cells.safe.parentElement.title = "How likely a picture classifier takes this picture for not safe for work. It knows photographs best, and pornography only.";
      if (Number.isFinite(score)) say(this.cells.safe, `${percent(score)} unsafe`);
      say(this.cells.words, view.started ? `${count(view.started.prompt_tokens.length)} of ${count(view.started.context_window)}` : "–");
    }
  }

  Object.assign(playground, { PictureStage, PictureStrip, PictureFigures, pictureAt: shownAt, putPicture: put, makePicture: picture });
})();
