// The timeline: the loss over the steps, a mark at each checkpoint, a handle that goes from one to the next.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, draw, say, mark, trainFigure: figure } = playground;
  const STEP_MS = 450;
  const ICONS = { back: "M11 3 5 8l6 5z", play: "M4 2.5v11L13 8z", pause: "M5 3v10M11 3v10", forward: "m5 3 6 5-6 5z", last: "M13 3v10M3 3l7 5-7 5z", first: "M3 3v10M13 3 6 8l7 5z" };
  const LOSSES = { loss: "training", held_out_loss: "held out" };
  const OTHERS = { gan: { loss: "generator", loss_D: "discriminator" }, vae: { loss: "training", reconstruction: "reconstruction", kl: "KL" } };

  function icon(name) {
    return draw("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, draw("path", { d: ICONS[name] }));
  }

  /** The lines of a lesson's losses. */
  function losses(lesson, series) {
    const names = OTHERS[lesson] || LOSSES;
    return Object.entries(names).filter(([key]) => series[key]).map(([key, name]) => ({ name, points: series[key] }));
  }

  class TrainTimeline {
    /** `go(at)` looks at checkpoint `at`; null follows the newest. */
    constructor(go) {
      this.go = go;
      this.chart = new playground.TrainChart({ title: "Loss", height: 168 });
      this.marks = draw("g", { class: "tr-checkpoints" });
      this.chart.svg.append(this.marks);
      this.range = make("input", { type: "range", min: 0, max: 1, step: 1, value: 0, "aria-label": "Checkpoint" });
      this.range.addEventListener("input", () => this.jump(this.store.nearest(Number(this.range.value))));
      this.range.addEventListener("keydown", (event) => this.key(event));
      this.chart.area.append(this.range);
      this.chart.area.classList.add("tr-scrub");
      const button = (name, label, act) => make("button", { class: "pg-icon", type: "button", "aria-label": label, title: label, on: { click: act } }, icon(name));
      this.toggle = button("play", "Play the checkpoints", () => this.play(!this.timer));
      this.where = make("span", { class: "pg-where" });
      this.keys = make("div", { class: "pg-scrub-keys" }, button("first", "First checkpoint", () => this.jump(0)), button("back", "One checkpoint back", () => this.by(-1)), this.toggle,
        button("forward", "One checkpoint forward", () => this.by(1)), button("last", "Newest checkpoint", () => this.newest()), this.where);
      this.element = make("div", { class: "tr-timeline" }, this.chart.element, this.keys);
    }

    update(view) {
      const { store, frame } = view;
      this.store = store;
      this.at = view.at;
      const n = store.checkpoints.length, now = store.checkpoints[this.at];
      const lines = losses(frame.lesson, frame.series || {});
      const end = Math.max(1, store.going || !frame.step ? frame.steps || 1 : frame.step);
      this.chart.update({ lines, from: 0, to: end, cursor: now ? now.step : null });
      const key = store.checkpoints.map((c) => c.step).join() + end + this.at;
      if (key !== this.drawn) {
        this.drawn = key;
        const h = this.chart.height;
        this.marks.replaceChildren(...store.checkpoints.map((c, i) => draw("line", { x1: this.chart.x(c.step), x2: this.chart.x(c.step), y1: h - (i === this.at ? 14 : 7), y2: h, "vector-effect": "non-scaling-stroke", "data-here": i === this.at ? "yes" : null })));
      }
      mark(this.range, "max", end);
      this.range.disabled = !n;
      this.range.value = String(now ? now.step : 0);
      mark(this.range, "aria-valuetext", now ? `step ${now.step} of ${frame.steps}, checkpoint ${this.at + 1} of ${n}, loss ${figure(now.scalars.loss)}` : "no checkpoint yet");
      say(this.where, now ? `step ${playground.count(now.step)} · checkpoint ${this.at + 1} of ${n}${view.pinned || !store.going ? "" : " · newest"}` : "");
      if (this.timer && this.at >= n - 1) this.play(false);
    }

    key(event) {
      const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
      if (by) this.by(by);
      else if (event.key === "Home") this.jump(0);
      else if (event.key === "End" || event.key === "Escape") this.newest();
      else return;
      event.preventDefault();
    }

    jump(at) {
      const n = this.store ? this.store.checkpoints.length : 0;
      if (n) this.go(Math.max(0, Math.min(n - 1, at)));
    }

    by(steps) {
      this.play(false);
      this.jump(this.at + steps);
    }

    newest() {
      this.play(false);
      this.go(null);
    }

    play(on) {
      clearInterval(this.timer);
      this.timer = null;
      const n = this.store ? this.store.checkpoints.length : 0;
      if (on && n > 1) {
        if (this.at >= n - 1) this.jump(0);
        this.timer = setInterval(() => (this.element.isConnected ? this.jump(this.at + 1) : this.play(false)), STEP_MS);
      }
      const label = this.timer ? "Pause" : "Play the checkpoints";
      this.toggle.replaceChildren(icon(this.timer ? "pause" : "play"));
      mark(this.toggle, "aria-label", label);
      mark(this.toggle, "title", label);
    }
  }

  Object.assign(playground, { TrainTimeline, trainLosses: losses });
})();
