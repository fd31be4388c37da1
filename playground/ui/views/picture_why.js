// What happens inside one denoising step: the noisy picture and the guess, what the words change, and where each word looked.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, mark, say, percent, makePicture, putPicture } = playground;
  const HEAT = [47, 85, 199]; // the accent of the light theme, over any picture

  /** A map (rows of numbers from 0 to `most`) drawn over a picture: the more, the less is hidden. */
  function drawn(canvas, map, most) {
    const height = map.length, width = map[0].length;
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d"), image = context.createImageData(width, height);
    map.forEach((line, y) => line.forEach((value, x) => {
      const part = most > 0 ? Math.min(1, value / most) : 0;
      image.data.set([255 - (255 - HEAT[0]) * 0.35, 255 - (255 - HEAT[1]) * 0.35, 255 - (255 - HEAT[2]) * 0.1, Math.round(235 * (1 - part))], (y * width + x) * 4);
    }));
    context.putImageData(image, 0, 0);
  }

  const most = (map) => Math.max(...map.map((line) => Math.max(...line)));

  /** A picture with a name below it, and room for a map above it. */
  class Framed {
    constructor(name) {
      this.image = makePicture({ class: "pc-framed" });
      this.canvas = make("canvas", { class: "pc-heat", "aria-hidden": "true", hidden: true });
      this.name = make("figcaption", {}, name);
      this.element = make("figure", {}, make("div", { class: "pc-frame" }, this.image, this.canvas), this.name);
    }

    show(url, alt, map = null, top = null) {
      putPicture(this.image, url, alt);
      this.canvas.hidden = !map;
      if (map && this.drawn !== map) drawn(this.canvas, map, top === null ? most(map) : top);
      this.drawn = map;
    }
  }

  class PictureWhy {
    /** `fork()` goes on from before the step, `look()` asks what happens inside it, `close()` follows the newest. */
    constructor(actions) {
      this.actions = actions;
      this.word = null; // the piece of the prompt whose map is shown
      this.title = make("h3", { class: "pg-after" });
      this.facts = {};
      const names = { noise: "noise level", timestep: "timestep", pull: "guidance" };
      const facts = Object.entries(names).map(([name, term]) => make("div", {}, make("dt", {}, playground.term(term)), (this.facts[name] = make("dd"))));
      this.noisy = new Framed("what the model sees");
      this.guess = new Framed("its guess of the picture");
      this.free = new Framed("without the words");
      this.bound = new Framed("with the words");
      this.apart = new Framed("where they differ");
      this.heat = new Framed("");
      this.forks = make("button", { class: "pg-button", type: "button", text: "Go on from here with the settings as they are", on: { click: () => this.actions.fork() } });
      this.looks = make("button", { class: "pg-button", type: "button", text: "Look inside this step", on: { click: () => this.actions.look() } });
      this.note = make("p", { class: "pg-small", role: "status" });
      this.chips = make("div", { class: "pc-words", role: "group", "aria-label": "Words of the prompt" });
      this.share = make("p", { class: "pg-small" });
      this.approximate = make("p", { class: "pg-small", hidden: true, text: "Another scheduler took over before this step: it began at its nearest noise level, so the way here is approximate." });
      this.inside = make("div", { class: "pc-inside", hidden: true },
        make("h4", { class: "pg-h", text: "What the words change" }), make("div", { class: "pc-three" }, this.free.element, this.bound.element, this.apart.element),
        (this.moved = make("p", { class: "pg-small" })),
        make("h4", { class: "pg-h" }, "Which word made which place:", playground.term("attention to the words")), this.chips, make("div", { class: "pc-one" }, this.heat.element), this.share);
      this.element = make("section", { class: "pg-why pc-why", "aria-label": "Inside this step" }, this.title,
        make("dl", { class: "pg-facts" }, ...facts), make("div", { class: "pc-two" }, this.noisy.element, this.guess.element), this.approximate,
        make("div", { class: "pc-buttons" }, this.forks, this.looks), this.note, this.inside);
    }

    update(view) {
      const { step, run, found } = view;
      this.element.classList.toggle("pc-away", !step);
      if (!step) return;
      const values = found && found.values;
      say(this.title, `${view.pinned ? "Step" : "Newest step:"} ${view.at + 1} of ${step.steps}`);
      say(this.facts.noise, percent(step.noise));
      say(this.facts.timestep, step.timestep.toFixed(0));
      say(this.facts.pull, step.pull ? `moved the guess${view.count > 1 ? "es" : ""} by ${percent(step.pull)}` : "off");
      this.noisy.show((values && values.noisy) || playground.pictureAt(view.steps, view.at, "noisy", view.picture), `what the model sees at step ${view.at + 1}`);
      this.guess.show((values && values.guess) || playground.pictureAt(view.steps, view.at, "guess", view.picture), `the guess at step ${view.at + 1}`);
      this.approximate.hidden = !step.approximate;
      const going = ["running", "loading", "queued"].includes(view.status.state);
      this.forks.disabled = this.forks.hidden = going || view.count === 0;
      this.looks.hidden = going || Boolean(values) || (view.looking && !found);
      say(this.note, found && found.error ? found.error : view.looking && !found && !going ? "Looking: the step is computed once more." : "");
      this.inside.hidden = !values;
      if (values) this.look(values, run);
    }

    look(values, run) {
      if (this.of !== values) {
        this.of = values;
        this.chips.replaceChildren(...values.words.map((word) => {
          const press = () => {
            this.word = word.index;
            this.heated(values);
          };
          return make("button", { class: "pc-word", type: "button", "data-index": word.index, on: { click: press, mouseenter: press } }, make("bdi", { text: word.text }));
        }));
        if (!values.words.some((word) => word.index === this.word)) this.word = this.telling(values);
      }
      this.free.show(values.free, "the guess without the words");
      this.bound.show(values.bound, "the guess with the words");
      this.apart.show(values.bound, "where the two guesses differ", values.difference);
      say(this.moved, `The two predictions differ by ${percent(values.apart)} of their size, most where the picture is clear.`);
      this.heated(values);
    }

    /** The word whose attention is least even: it says most. */
    telling(values) {
      const spread = (word) => most(word.map) / (word.map.flat().reduce((a, b) => a + b, 0) / word.map.flat().length || 1);
      return values.words.length ? values.words.reduce((a, b) => (spread(b) > spread(a) ? b : a)).index : null;
    }

    heated(values) {
      const word = values.words.find((w) => w.index === this.word);
      for (const chip of this.chips.children) mark(chip, "aria-pressed", String(Number(chip.dataset.index) === this.word));
      this.heat.element.hidden = !word;
      if (!word) return say(this.share, "This model's layers look at no words.");
      this.heat.show(values.guess, `where the word ${word.text} was looked at`, word.map);
      const mean = word.map.flat().reduce((a, b) => a + b, 0) / word.map.flat().length;
      return say(this.share, `Clear places look at this word most: up to ${percent(most(word.map))} of their attention, ${percent(mean)} in the mean. ${percent(values.rest)} goes to ${values.elsewhere || "signs that are no words"}.`);
    }
  }

  playground.PictureWhy = PictureWhy;
})();
