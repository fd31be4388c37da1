// Through the recorded steps: the entropy curve, a handle on it, and play, back, forward.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, draw, say, mark, spoken } = playground;
  const HEIGHT = 48, STEP_MS = 220;

  const ICONS = {
    first: "M3 3v10M13 3 6 8l7 5z", back: "M11 3 5 8l6 5z", play: "M4 2.5v11L13 8z",
    pause: "M5 3v10M11 3v10", forward: "m5 3 6 5-6 5z", last: "M13 3v10M3 3l7 5-7 5z",
  };

  function icon(name) {
    return draw("svg", { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" }, draw("path", { d: ICONS[name] }));
  }

  /** The width of the curve in steps: all of them once a run has ended, room to grow while it runs. */
  function span(view) {
    if (view.expected) return view.expected;
    if (!view.running) return Math.max(1, view.steps.length);
    let room = 32;
    while (room < view.steps.length) room *= 2;
    return room;
  }

  /** What is drawn over the steps. */
  const ENTROPY = {
    of: (step) => step.entropy_bits, // a live beam has none yet
    least: 4,
    title: () => playground.term("entropy", "entropy over the steps"),
    most: (most) => `up to ${most.toFixed(1)} bits`,
    say: (step) => spoken(step.text) + (Number.isFinite(step.entropy_bits) ? `, entropy ${step.entropy_bits.toFixed(1)} bits` : ""),
  };

  class Scrubber {
    /** `go(at)` looks at a step, `close()` follows the newest again; `curve` is what is drawn over the steps,
     * with a `second` value of a scale of its own, if it has one. */
    constructor(actions, curve = ENTROPY) {
      this.actions = actions;
      this.what = curve;
      this.area = draw("path", { class: "pg-area" });
      this.line = draw("path", { class: "pg-curve", "vector-effect": "non-scaling-stroke" });
      this.second = draw("path", { class: "pg-curve pg-second", "vector-effect": "non-scaling-stroke" });
      this.head = draw("rect", { class: "pg-playhead", y: 0, height: HEIGHT });
      this.svg = draw("svg", { class: "pg-curves", preserveAspectRatio: "none", "aria-hidden": "true" }, this.area, this.head, this.line, this.second);
      this.range = make("input", { type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Step" });
      this.range.addEventListener("input", () => this.jump(Number(this.range.value)));
      this.range.addEventListener("keydown", (event) => event.key === "Escape" && this.actions.close());
      this.most = make("span", { class: "pg-most" });
      this.track = make("div", { class: "pg-scrub-track" }, this.svg, this.range);
      const button = (name, label, act) => make("button", { class: "pg-icon", type: "button", "aria-label": label, title: label, on: { click: act } }, icon(name));
      this.toggle = button("play", "Play the steps", () => this.play(!this.timer));
      this.where = make("span", { class: "pg-where" });
      this.element = make("section", { class: "pg-scrubber", "aria-label": "Steps" },
        make("div", { class: "pg-scrub-head" }, curve.title(), this.most), this.track,
        make("div", { class: "pg-scrub-keys" }, button("first", "First step", () => this.jump(0)), button("back", "One step back", () => this.by(-1)),
          this.toggle, button("forward", "One step forward", () => this.by(1)), button("last", "Newest step", () => this.newest()), this.where));
    }

    update(view) {
      this.view = view;
      const n = view.steps.length;
      this.element.classList.toggle("pg-nothing", n === 0);
      const given = Boolean(view.place && view.place.prompt); // what is looked at stands before the first step
      this.at = given ? -1 : view.place ? view.place.at : n - 1;
      this.curve(view, span(view));
      mark(this.range, "min", given ? -1 : 0);
      mark(this.range, "max", Math.max(0, span(view) - 1));
      this.range.value = String(given ? -1 : Math.max(0, this.at));
      const step = view.steps[this.at];
      mark(this.range, "aria-valuetext", step ? `step ${this.at + 1} of ${n}: ${this.what.say(step)}` : given ? "in the prompt" : null);
      say(this.where, !n ? "" : given ? "in the prompt" : `step ${this.at + 1} of ${n}`);
      if (this.timer && this.at >= n - 1 && !view.running) this.play(false);
    }

    curve(view, width) {
      const values = view.steps.map((step) => this.what.of(step));
      const most = Math.max(this.what.least, ...values.map((value) => value || 0)), any = values.some(Number.isFinite);
      const y = (bits) => (HEIGHT - 2 - ((bits || 0) / most) * (HEIGHT - 4)).toFixed(1);
      const drawn = (heights) => heights.map((height, i) => `${i ? "V" : "M0 "}${height}H${i + 1}`).join("");
      const path = drawn(values.map(y)), others = this.what.second ? view.steps.map((step) => this.what.second(step) || 0) : [];
      const top = Math.max(0, ...others);
      mark(this.second, "d", top > 0 ? drawn(others.map((value) => y((value / top) * most))) : null);
      mark(this.svg, "viewBox", `0 0 ${width} ${HEIGHT}`);
      mark(this.line, "d", any ? path : null);
      mark(this.area, "d", any ? `${path}V${HEIGHT}H0Z` : null);
      mark(this.head, "x", Math.max(0, this.at));
      mark(this.head, "width", view.steps.length && this.at >= 0 ? Math.max(1, width / 240) : 0);
      say(this.most, any ? this.what.most(most, top) : "");
    }

    jump(at) {
      const n = this.view ? this.view.steps.length : 0;
      if (n) this.actions.go(Math.max(0, Math.min(n - 1, at)));
    }

    by(steps) {
      this.play(false);
      if (this.at < 0 && steps < 0) return; // in the prompt
      this.jump(this.at + steps);
    }

    newest() {
      this.play(false);
      this.actions.close();
    }

    play(on) {
      clearInterval(this.timer);
      this.timer = null;
      const n = this.view ? this.view.steps.length : 0;
      if (on && n) {
        if (this.at >= n - 1) this.jump(0);
        this.timer = setInterval(() => (this.element.isConnected ? this.jump(this.at + 1) : this.play(false)), STEP_MS);
      }
      const name = this.timer ? "pause" : "play";
      this.toggle.replaceChildren(icon(name));
      mark(this.toggle, "aria-label", this.timer ? "Pause" : "Play the steps");
      mark(this.toggle, "title", this.timer ? "Pause" : "Play the steps");
    }
  }

  playground.Scrubber = Scrubber;
})();
