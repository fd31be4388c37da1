// Every past step under the sliders as they stand now: computed when it is looked at, the rest in idle moments.
//
// `result(step)` runs `playground.pipeline` once per step and setting and keeps the outcome; a
// moved slider only raises a version number, so 500 steps cost nothing until someone looks.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const CHUNK_MS = 6;
  // Settings that no filter and no choice of a token reads: moving them redraws nothing.
  const ELSEWHERE = new Set([
    "model", "prompt", "system", "message", "messages", "chat", "seed", "max_new_tokens", "stop", "stop_string",
    "stop_strings", "time_limit_s", "num_beams", "length_penalty", "early_stopping",
  ]);

  function idle(work) {
    if (window.requestIdleCallback) window.requestIdleCallback(work, { timeout: 200 });
    else setTimeout(work, 1);
  }

  class Redraw {
    /** `own(step)` gives the settings under which a step was written. */
    constructor(own) {
      this.own = own;
      this.sliders = {};
      this.version = 0;
      this.started = null;
      this.moved = false;
      this.settings = {};
      this.known = new WeakMap();
      this.turn = 0;
    }

    /** The run that is shown; its own settings are the starting point of the sliders. */
    follow(started) {
      if (started === this.started) return;
      this.started = started;
      this.refresh();
    }

    /** Slider values by setting name. */
    move(sliders) {
      Object.assign(this.sliders, sliders);
      this.refresh();
    }

    refresh() {
      const own = (this.started && this.started.settings) || {};
      const changed = Object.keys(this.sliders).filter((name) => name in own && !ELSEWHERE.has(name) && this.sliders[name] !== own[name]);
      this.settings = { ...own };
      for (const name of changed) this.settings[name] = this.sliders[name];
      this.changed = changed;
      this.moved = changed.length > 0;
      this.version += 1;
    }

    /** The settings a step is drawn with: its own, or the moved sliders. */
    now(step) {
      return this.moved ? this.settings : this.own(step);
    }

    /** The pipeline's outcome for one step, or null where it cannot be recomputed. */
    result(step) {
      if (!playground.pipeline || !this.started || !step || !step.candidates || !step.known) return null;
      const kept = this.known.get(step);
      if (kept && kept.version === this.version) return kept.result;
      let result = null;
      try {
        result = playground.pipeline(step, this.started, this.now(step));
      } catch (error) {
        console.error("this step cannot be redrawn", error);
      }
      this.known.set(step, { version: this.version, result });
      return result;
    }

    /** What would stand here under the moved sliders: {token_id, text, group} where it differs, else null. */
    other(step) {
      if (!this.moved || this.settings.search === "beam" || playground.yours(step, this.own(step))) return null;
      const result = this.result(step);
      if (!result || !result.chosen || result.chosen.token_id === step.token_id) return null;
      return result.chosen;
    }

    /** Visits every step in slices of a few milliseconds; a newer call replaces an older one. */
    eventually(steps, visit) {
      const turn = (this.turn += 1);
      let at = 0;
      const work = () => {
        if (turn !== this.turn) return;
        const until = performance.now() + CHUNK_MS;
        while (at < steps.length && performance.now() < until) visit(steps[at], at++);
        if (at < steps.length) idle(work);
      };
      idle(work);
    }
  }

  playground.Redraw = Redraw;
})();
