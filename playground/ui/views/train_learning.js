// The stage "Learning": loss and timeline, what the model makes at the checkpoint that is looked at, its gradients,
// and for GPT the probabilities of chosen words.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, trainFigure: figure } = playground;
  const LOSS = new Set(["loss", "held_out_loss", "loss_D", "reconstruction", "kl", "gap", "real", "fake"]);
  const NAMES = {
    learning_rate: "Learning rate", grad_norm: "Gradient norm", grad_norm_D: "Gradient norm of D", accuracy: "Accuracy in training", held_out_accuracy: "Accuracy, held out",
    tokens_per_s: "Tokens per second", examples_per_s: "Examples per second", energy_distance: "Energy distance to the data", covered: "Gaussians covered, of 8", words_exact: "Words exactly right",
    sigma: "Sigma of the decoder", ngram_accuracy: "Accuracy of n-grams", error: "Error of the reconstruction", mean_error: "Error of the mean picture",
  };
  const FIRST = ["learning_rate", "grad_norm", "tokens_per_s", "examples_per_s"];
  const PARTS = /accuracy|words_exact/;

  function title(name) {
    return NAMES[name] || name[0].toUpperCase() + name.slice(1).replace(/_/g, " ");
  }

  /** One small chart for each scalar that the loss chart does not show. */
  class Scalars {
    constructor() {
      this.charts = new Map();
      this.element = make("div", { class: "tr-small-multiples" });
    }

    update(view, cursor, to) {
      const series = view.frame.series || {};
      const shown = Object.keys(series).filter((name) => !LOSS.has(name) && series[name].length > 1);
      shown.sort((a, b) => (FIRST.indexOf(a) + 1 || 99) - (FIRST.indexOf(b) + 1 || 99));
      for (const [name, chart] of this.charts) if (!shown.includes(name)) { chart.element.remove(); this.charts.delete(name); }
      for (const name of shown) {
        if (!this.charts.has(name)) {
          const chart = new playground.TrainChart({ title: title(name), height: 56, zero: name !== "sigma", format: PARTS.test(name) ? playground.percent : figure });
          this.charts.set(name, chart);
          this.element.append(chart.element);
        }
        this.charts.get(name).update({ lines: [{ name: "", points: series[name] }], from: 0, to, cursor });
      }
    }
  }

  /** The name of a layer with its number first, so that a narrow column does not cut off what tells two apart. */
  /** A layer's name, short. */
  const short = playground.trainLayer = (name) => name.replace(/^(encoder|decoder)\.(?:blocks?|layers?)\.(\d+)\.?/, (_, side, n) => `${side.slice(0, 3)} ${n} `).replace(/^blocks\.(\d+)\.?/, "block $1 ");

  /** Gradient norm of each layer as bars, the first layer on top. */
  class Gradients {
    constructor() {
      this.list = make("div", { class: "tr-bars tr-layers" });
      this.when = make("p", { class: "pg-small" });
      this.element = make("section", { class: "tr-gradients" }, make("h4", { class: "pg-h", text: "Gradient norm by layer" }), this.list, this.when);
    }

    update(gradients) {
      this.element.hidden = !gradients || !(gradients.layers || []).length;
      if (this.element.hidden) return;
      playground.trainBars(this.list, gradients.layers.map(short), gradients.norms, { log: true });
      gradients.layers.forEach((name, i) => mark(this.list.children[i].firstChild, "title", name));
      say(this.when, `At step ${playground.count(gradients.step)}, on a logarithmic scale: how strongly each layer is asked to change.`);
    }
  }

  /** Bars of amounts under one another; `log`: their lengths are logarithms, three decades long. */
  playground.trainBars = (list, names, values, { log = false, format = figure } = {}) => {
    const top = Math.max(...values.filter((v) => Number.isFinite(v)), 1e-30);
    while (list.children.length > names.length) list.lastChild.remove();
    names.forEach((name, i) => {
      if (!list.children[i]) list.append(make("div", { class: "tr-bar" }, make("bdi", { class: "pg-name" }), make("span", { class: "tr-track" }, make("i")), make("span", { class: "pg-figure" })));
      const [label, track, number] = list.children[i].children, v = values[i];
      say(label, name);
      const part = log ? (v > 0 ? 1 + Math.log10(v / top) / 3 : 0) : v / top;
      track.firstChild.style.width = `${(Math.max(0.004, part || 0) * 100).toFixed(1)}%`;
      say(number, format(v));
    });
  };

  /** GPT: how likely chosen words are after a prompt, over the steps. */
  class Words {
    constructor(view) {
      this.chart = new playground.TrainChart({ title: "How likely is the next word?", height: 150, log: true, format: playground.trainChance });
      this.prompt = make("input", { type: "text", class: "tr-input", maxlength: 200, "aria-label": "Text before the word" });
      this.words = make("input", { type: "text", class: "tr-input", maxlength: 200, "aria-label": "Words to compare, separated by commas" });
      this.send = make("button", { type: "submit", class: "pg-button", text: "Watch" });
      this.form = make("form", { class: "tr-form" }, make("label", {}, make("span", { class: "pg-small", text: "after" }), this.prompt), make("label", { class: "tr-grow" }, make("span", { class: "pg-small", text: "words, with commas" }), this.words), this.send);
      this.said = make("p", { class: "pg-small", role: "status" });
      this.element = make("section", { class: "tr-words" }, this.chart.element, this.form, this.said);
      this.form.addEventListener("submit", (event) => {
        event.preventDefault();
        const words = this.words.value.split(",").map((w) => w.trim()).filter(Boolean).map((w) => ` ${w}`);
        const { store } = view(), lacks = !this.prompt.value.trim() ? "Write a text to go on from." : !words.length ? "Write a word to watch, or a few." : "";
        this.asked = true;
        if (!lacks) view().send("words", { prompt: this.prompt.value, words });
        else {
          store.said = lacks;
          store.tell();
        }
      });
    }

    update(view, cursor, to) {
      const { words, lesson } = view.frame;
      this.element.hidden = lesson !== "gpt" || (!words && !view.store.mine);
      if (this.element.hidden) return;
      const given = words || { prompt: "", words: [], steps: [], p: [] };
      const key = JSON.stringify([given.prompt, given.words]);
      if (key !== this.key) {
        this.key = key;
        if (!this.form.contains(document.activeElement)) {
          this.prompt.value = given.prompt;
          this.words.value = given.words.map((w) => w.trim()).join(", ");
        }
        say(this.chart.heading, given.prompt ? `After “${given.prompt}”, how likely is …` : "How likely is the next word?");
      }
      for (const input of [this.prompt, this.words, this.send]) input.disabled = !view.store.mine;
      say(this.said, view.store.mine ? (this.asked && view.store.said) || "" : "Start a training of your own to watch words of your own.");
      const lines = given.words.map((w, i) => ({ name: playground.visible(w.trim()), points: given.steps.map((s, k) => [s, given.p[i][k]]) }));
      this.chart.update({ lines, from: 0, to, cursor });
    }
  }

  class TrainLearning {
    constructor(view) {
      this.timeline = new playground.TrainTimeline((at) => view().look(at));
      this.panels = new playground.TrainPanels();
      this.scalars = new Scalars();
      this.gradients = new Gradients();
      this.words = new Words(view);
      this.caption = make("h3", { class: "tr-at" });
      this.back = make("button", { type: "button", class: "pg-quiet", on: { click: () => view().rewind() } });
      this.nothing = make("p", { class: "pg-empty", text: "The first checkpoint appears after a few steps." });
      this.probe = new playground.TrainProbe(view);
      this.left = make("div", { class: "tr-left" }, this.timeline.element, this.words.element, this.gradients.element);
      this.right = make("div", { class: "tr-right" }, make("div", { class: "tr-at-row" }, this.caption, this.back), this.nothing, this.panels.element, this.probe.element);
      this.element = make("div", { class: "tr-learning" }, make("div", { class: "tr-two" }, this.right, this.left), this.scalars.element);
    }

    update(view) {
      const { store, frame } = view, now = store.checkpoints[view.at];
      const to = Math.max(1, store.going || !frame.step ? frame.steps || 1 : frame.step);
      this.timeline.update(view);
      this.nothing.hidden = Boolean(now);
      say(this.nothing, store.going ? "The first checkpoint appears after a few steps." : "Nothing has been trained yet: press Start.");
      this.panels.update(now ? now.panels : {});
      say(this.caption, now ? `The model after ${playground.count(now.step)} ${now.step === 1 ? "step" : "steps"}` : "");
      const can = store.mine && now && (frame.rewindable || []).includes(now.step) && now.step < frame.step;
      this.back.hidden = !can;
      if (can) say(this.back, `Rewind the training to step ${playground.count(now.step)}`);
      this.gradients.update((view.pinned && now && now.gradients) || frame.gradients);
      this.words.update(view, now ? now.step : null, to);
      this.scalars.update(view, now ? now.step : null, to);
      this.probe.update(view);
      mark(this.element, "data-lesson", frame.lesson);
    }
  }

  Object.assign(playground, { TrainLearning, trainTitle: title });
})();
