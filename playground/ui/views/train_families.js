// Four families, one data set: VAE, GAN, diffusion and an autoregressive model with the same seconds each.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, trainFigure: figure } = playground;
  const SETS = [["ring", "Eight Gaussians"], ["moons", "Two moons"], ["spiral", "Spiral"], ["checkerboard", "Checkerboard"]];
  const ORDER = ["vae", "gan", "diffusion", "autoregressive"];
  const HOW = {
    vae: "squeezes a point into a code, and decodes codes", gan: "a generator that a discriminator cannot catch", diffusion: "takes the noise away in steps", autoregressive: "one coordinate after the other, as a text model",
  };

  const title = (id) => (SETS.find(([name]) => name === id) || [0, id])[1];

  class TrainFamilies {
    constructor(view) {
      this.view = view;
      this.data = "moons";
      this.seconds = 10;
      this.sets = make("div", { class: "tr-row", role: "group", "aria-label": "Data set" }, ...SETS.map(([id, name]) => make("button", { type: "button", class: "pg-button tr-toggle", "data-id": id, text: name, on: { click: () => { this.data = id; this.view().redraw(); } } })));
      this.budget = make("select", { class: "tr-input tr-select", "aria-label": "Seconds for each family", on: { change: () => (this.seconds = Number(this.budget.value)) } }, ...[5, 10, 20, 40].map((s) => make("option", { value: s, selected: s === 10, text: `${s} seconds each` })));
      this.start = make("button", { type: "button", class: "tr-act tr-main", text: "Start", on: { click: () => this.begin() } });
      this.stop = make("button", { type: "button", class: "tr-act", text: "Stop", on: { click: () => this.end() } });
      this.said = make("p", { role: "status", class: "pg-small" });
      this.error = make("p", { class: "tr-error", role: "alert", hidden: true });
      this.boxes = new Map(["data", ...ORDER].map((name) => [name, this.box(name)]));
      this.chart = new playground.TrainChart({ title: "Distance to the data", height: 130, log: true, note: "Energy distance of new samples to the data over the seconds of computing. The last line is how far two samples of the data itself are apart: nobody can do better." });
      this.element = make("div", { class: "tr-families" }, make("p", { class: "tr-sentence", text: "The same data, the same seconds of computing: four ways to learn a distribution, side by side." }),
        make("div", { class: "tr-row" }, this.start, this.stop, this.budget), this.sets, this.said, this.error, make("div", { class: "tr-five" }, ...[...this.boxes.values()].map((b) => b.element)), this.chart.element);
    }

    box(name) {
      const plane = new playground.TrainPlane(260), facts = make("p", { class: "pg-small" }), title = make("h4", { text: name === "data" ? "The data" : name });
      return { plane, facts, title, element: make("section", { class: "tr-family" }, title, make("p", { class: "pg-small tr-how", text: HOW[name] || "what all four learn from" }), plane.element, facts) };
    }

    end() {
      this.ending = true;
      this.view().send("compare", { stop: true });
      this.view().redraw();
    }

    begin() {
      this.ending = false;
      const { store } = this.view();
      this.view().send("compare", { data: this.data, seconds: this.seconds, number: store.asked("families", "own") });
      this.view().redraw();
    }

    update(view) {
      const { store } = view, own = store.answer("families", "own"), recorded = store.answer("families", "recorded");
      if (!recorded || recorded.waiting) view.ask("families", "recorded", {}, false);
      const kept = own && own.value ? own : recorded, value = kept && kept.value;
      const going = Boolean(own && !own.error && (own.waiting || (own.value && !own.value.done)));
      this.start.disabled = going;
      this.stop.disabled = !going || this.ending;
      for (const button of this.sets.children) mark(button, "aria-pressed", String(button.dataset.id === this.data));
      this.error.hidden = !(own && own.error);
      say(this.error, (own && own.error) || "");
      const name = value ? title(value.data) : "";
      say(this.said, going ? this.doing(own, value, name) : value ? `${kept === recorded ? "A recorded comparison: " : ""}${name}, ${value.stopped ? "stopped early" : `${value.seconds} seconds each`}.${value.data === this.data ? "" : ` Press Start for ${title(this.data)}.`}` : "");
      if (value && value !== this.shown) this.draw(value);
    }

    doing(own, value, name) {
      if (this.ending) return "stopping after what is being computed …";
      return own.value ? `training four models on ${name} …${value.note ? ` ${value.note}` : ""}` : `preparing four models for ${title(this.data)} …`;
    }

    draw(value) {
      this.shown = value;
      const r = Math.max(2.5, ...value.points.flat().map((v) => Math.abs(v) * 1.1)), bounds = [-r, r, -r, r];
      this.boxes.get("data").plane.update({ clouds: { data: value.points }, bounds, name: "data" });
      say(this.boxes.get("data").facts, value.own_distance ? `two samples of it are ${figure(value.own_distance)} apart` : "");
      const lines = [];
      for (const name of ORDER) {
        const box = this.boxes.get(name), one = value.families.find((f) => f.family === name);
        if (!one) { // its turn has not come: what it made of other data is not shown as if it were of this
          box.plane.update({ clouds: { samples: [] }, bounds, name });
          say(box.facts, "not begun");
          continue;
        }
        say(box.title, one.title);
        box.plane.update({ clouds: { samples: one.points || [] }, bounds, name: one.title });
        say(box.facts, `${one.distance === undefined ? "no sample yet" : `distance ${figure(one.distance)}`} · ${one.seconds.toFixed(1)} s · ${playground.count(one.step)} of ${playground.count(one.steps)} steps · ${playground.count(one.parameters)} parameters`);
        if (one.history.length) lines.push({ name: one.title, points: one.history });
      }
      if (value.own_distance && lines.length) lines.push({ name: "data to data", points: [[0, value.own_distance], [value.seconds, value.own_distance]] });
      this.chart.update({ lines, from: 0, to: value.seconds, x_label: "second" });
    }
  }

  playground.TrainFamilies = TrainFamilies;
})();
