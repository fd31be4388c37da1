// Every past step under the sliders as they stand now: computed when it is looked at, the rest in idle moments.
//
// `result(step)` runs `playground.pipeline` once per step and setting and keeps the outcome; a
// moved slider only raises a version number, so 500 steps cost nothing until someone looks.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const CHUNK_MS = 10;

  /** The settings that a filter's twin or the choice of a token reads; moving others redraws nothing. */
  function read() {
    return new Set(["search", ...Object.values(playground.filters || {}).flatMap((twin) => twin.fields || [])]);
  }

  function differs(a, b) {
    return typeof a === "number" && typeof b === "number" ? Math.abs(a - b) > 1e-9 : a !== b;
  }

  function idle(work) {
    if (window.requestIdleCallback) window.requestIdleCallback(work, { timeout: 50 });
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
      this.steps = [];
      this.written = []; // ids of all new tokens: penalties look at those before a step
      this.known = new WeakMap();
      this.turn = 0;
    }

    /** The run that is shown; its own settings are the starting point of the sliders. `steps`: what it wrote. */
    follow(started, steps) {
      this.steps = steps;
      if (this.written.length !== steps.length || started !== this.started) this.written = steps.map((step) => step.token_id);
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
      const fields = read();
      const changed = Object.keys(this.sliders).filter((name) => name in own && fields.has(name) && differs(this.sliders[name], own[name]));
      this.settings = { ...own };
      for (const name of changed) this.settings[name] = this.sliders[name];
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
        result = playground.pipeline(step, this.started, this.now(step), this.written);
        if (result.chosen.token_id !== null && !result.chosen.text) result.chosen.text = this.text(result.chosen.token_id);
      } catch (error) {
        console.error("this step cannot be redrawn", error);
      }
      this.known.set(step, { version: this.version, result });
      return result;
    }

    /** The text of a token that stands somewhere in the run. */
    text(token_id) {
      const found = this.steps.find((step) => step.token_id === token_id) || this.started.prompt_tokens.find((token) => token.token_id === token_id);
      return found ? found.piece || found.text : "";
    }

    /** What would stand here under the moved sliders: {token_id, text, group} where it differs, else null. */
    other(step) {
      if (!this.moved || this.settings.search === "beam" || playground.yours(step, this.own(step))) return null;
      const result = this.result(step);
      if (!result || !result.chosen || result.chosen.token_id === step.token_id) return null;
      return result.chosen;
    }

    /** Visits all `places` in slices of a few milliseconds; a newer call replaces an older one. */
    eventually(places, visit) {
      const turn = (this.turn += 1);
      let next = 0;
      const work = () => {
        if (turn !== this.turn) return;
        const until = performance.now() + CHUNK_MS;
        while (next < places.length && performance.now() < until) visit(places[next++]);
        if (next < places.length) idle(work);
      };
      if (places.length) idle(work);
    }
  }

  playground.Redraw = Redraw;
})();
