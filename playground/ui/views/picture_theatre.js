// The stage of a run that denoises: pictures in the middle, the strip of steps below, what happens inside a step beside.
//
// A view is a function of the frames it was given, as in `theatre.js`; steps are image events. What was found inside a
// step comes apart from the frames (`answer`) and is kept by run, step and picture.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, mark, say } = playground;
  const LOOK_MS = 250, KEPT = 60, CHEAP_S = 0.6;
  const ASK_AGAIN_MS = 15_000, PATIENCE_MS = 120_000; // an answer may be lost; a large model takes its time
  const EMPTY = "Write what the picture is to show and press Run. It comes out of noise step by step, and each step can be opened.";
  const COMING = "The picture appears here, out of noise, step by step.";
  const mounted = new Map(); // tab name → theatres on the page
  const settings = new Map(); // tab name → the controls' values

  function keep(map, key, value) {
    map.set(key, value);
    while (map.size > KEPT) map.delete(map.keys().next().value);
  }

  const NOISE = {
    of: (step) => step.noise,
    least: 1,
    second: (step) => step.pull,
    title: () => playground.term("noise level"),
    most: (_, pull) => (pull > 0 ? `dashed: what guidance moved, up to ${playground.percent(pull)}` : ""),
    say: (step) => `${playground.percent(step.noise)} noise`,
  };
  const WORDS = {
    running: "Taking noise away", eos: "The picture is finished.", paused: "Paused: Continue goes on.",
    user: "Stopped by you: this is the guess so far.", time_limit: "Stopped at the time limit: this is the guess so far.",
  };

  class PictureTheatre {
    constructor(host, tab, trigger) {
      this.tab = tab;
      this.trigger = trigger;
      this.store = new playground.Store();
      this.pinned = null; // the step that a person opened; null: the newest
      this.picture = 0; // which of several pictures is looked at
      this.looks = new Map(); // "run index picture" → what was found
      this.asked = "";
      const actions = {
        go: (at) => this.pin(at), close: () => this.close(), choose: (picture) => this.choose(picture),
        fork: () => this.fork(), look: () => this.look(), redraw: () => this.soon(), show: (run) => this.show(run),
        typed: () => Boolean((document.querySelector(`#${tab}-live input`) || {}).checked),
      };
      this.status = new playground.Status(WORDS);
      this.stage = new playground.PictureStage(actions);
      this.strip = new playground.PictureStrip(actions);
      this.scrubber = new playground.Scrubber(actions, NOISE);
      this.figures = new playground.PictureFigures();
      this.branches = new playground.PictureBranches(actions);
      this.begin = new playground.PictureBegin(tab, (told) => this.trigger("reuse", { settings: told }), (text) => this.tell(text));
      this.told = make("p", { class: "pc-told", role: "status", hidden: true }); // of a dropped file, or of an earlier run
      this.from = new playground.PictureFrom(this.begin);
      this.near = new playground.PictureNear();
      this.nears = new Map(); // "run picture" → the nearest training pictures
      this.compared = new Map(); // the same → when they were asked for, and how often
      this.why = new playground.PictureWhy(actions);
      this.empty = make("p", { class: "pg-empty" });
      this.middle = make("div", { class: "pg-middle" }, this.status.head, this.status.bar, this.status.messages, this.from.element, this.told, this.empty,
        this.stage.element, this.strip.element, this.scrubber.element, this.figures.element, this.near.element, this.branches.element, this.begin.element);
      this.element = make("div", { class: "pg-columns" }, this.middle, this.why.element);
      host.replaceChildren(this.element);
      playground.onceSeen(this.element, () => this.soon()); // a tab that was not open has no width
    }

    /** Says something where it is seen at once, with a button where there is something to do; "" takes it away. */
    tell(text, label = "", act = null) {
      this.told.hidden = !text;
      say(this.told, text);
      if (act) this.told.append(" ", make("button", { class: "pg-quiet", type: "button", text: label, on: { click: act } }));
    }

    /** A frame, as its JSON text. */
    receive(text) {
      const frame = playground.frameOf(text);
      if (!frame) return;
      const { switched, missing } = this.store.take(frame);
      if (switched) {
        this.pinned = null;
        this.tell("");
        this.begin.settle();
        this.branches.take(this.store.current);
      }
      if (missing) this.store.ask(missing, this.trigger);
      this.store.awaitOffer(this.element, this.trigger);
      if (frame.near) keep(this.nears, `${frame.run} 0`, frame.near); // a recorded run brings what is near it
      const run = this.store.current;
      if (run && run.started && run.id !== this.begun && this.branches.isNewest(run)) {
        this.begun = run.id;
        this.begin.began(run.started, settings.get(this.tab) || {});
      }
      if (run && run.started && !frame.recorded && !this.remembered) {
        this.remembered = true;
        this.trigger("before", { run: run.id, at: Date.now() });
      }
      this.soon();
    }

    /** What was found inside a step, near a picture, or of earlier runs. */
    answer(found) {
      if (found.before) {
        const runs = [...found.before].reverse().map((frame) => this.store.remember(frame)).filter(Boolean);
        this.branches.remember(runs.reverse());
        this.store.forget();
        return this.soon();
      }
      if (found.values && found.values.near) {
        keep(this.nears, `${found.run} ${found.picture}`, found.values);
        return this.soon();
      }
      keep(this.looks, `${found.run} ${found.index} ${found.picture}`, found);
      return this.soon();
    }

    soon() {
      if (this.drawn) return;
      this.drawn = true;
      requestAnimationFrame(() => {
        this.drawn = false;
        this.update();
      });
    }

    view() {
      const run = this.store.current, steps = this.store.steps();
      if (this.pinned !== null && this.pinned >= steps.length) this.pinned = null;
      const at = this.pinned === null ? steps.length - 1 : this.pinned;
      const step = steps[at] || null, finished = run && run.finished;
      const asked = run && run.started ? Number(run.started.settings.number) : 0; // a step between two looks has no pictures
      const count = Math.max((finished && finished.pictures && finished.pictures.length) || 0, step ? step.guess.length : 0, asked || 1);
      if (this.picture >= count) this.picture = 0;
      return {
        run, steps, at, step, count, blocked: (finished && finished.blocked) || [], picture: this.picture, pinned: this.pinned !== null, finished: finished || null,
        started: run ? run.started : null, status: this.store.status, history: [], running: this.store.status.state === "running",
        expected: step ? step.steps : 0, place: at >= 0 ? { prompt: false, at } : null, settings: settings.get(this.tab) || {},
        near: run ? this.nears.get(`${run.id} ${this.picture}`) : null,
        found: run && step ? this.looks.get(`${run.id} ${step.index} ${this.picture}`) : null, settingsOf: (index) => this.store.settingsOf(index),
        looking: run && step ? this.asked === `${run.id} ${step.index} ${this.picture}` && performance.now() - this.askedAt < PATIENCE_MS : false, cheap: this.isCheap(steps),
      };
    }

    /** Whether a step costs so little that it is looked into as soon as it is opened. */
    isCheap(steps) {
      const own = steps.filter((step) => step.elapsed_s > 0);
      return own.length > 0 && own[own.length - 1].elapsed_s / own.length < CHEAP_S;
    }

    update() {
      const view = this.view();
      const nothing = !view.step && !(view.finished && view.finished.pictures);
      const going = ["loading", "queued", "running"].includes(view.status.state);
      mark(this.element, "data-state", view.status.state);
      mark(this.element, "data-run", view.run ? view.run.id : null);
      // the picture before stays until the first step of the next one is there: nothing jumps
      const waits = nothing && going && this.drew;
      mark(this.stage.element, "data-waiting", waits ? "true" : null);
      if (waits) return this.status.update(view);
      this.drew = !nothing;
      this.empty.hidden = !nothing;
      say(this.empty, going ? COMING : EMPTY);
      for (const part of [this.stage, this.strip, this.scrubber]) part.element.classList.toggle("pc-away", nothing || (part !== this.stage && !view.steps.length));
      for (const part of [this.status, this.stage, this.strip, this.scrubber, this.figures, this.near, this.branches, this.begin, this.why]) part.update(view);
      this.compare(view);
      if (view.pinned && view.cheap && !view.running && !view.found && !view.looking) this.later();
    }

    /** Asks for each picture that a run ended with and that is looked at; once more where no answer came. */
    compare({ run, finished, picture, started }) {
      if (!run || !started || run.id.startsWith("recorded-") || !finished || !(finished.pictures || []).length) return;
      const key = `${run.id} ${picture}`, now = performance.now(), { at, times } = this.compared.get(key) || { at: -Infinity, times: 0 };
      if (this.nears.has(key) || times > 1 || now - at < ASK_AGAIN_MS) return;
      keep(this.compared, key, { at: now, times: times + 1 });
      setTimeout(() => this.soon(), ASK_AGAIN_MS + 50);
      this.trigger("near", { run: run.id, picture });
    }

    /** Looks once a person stays at a step. */
    later() {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => {
        const view = this.view();
        if (view.pinned && view.cheap && !view.running && !view.found && !view.looking) this.look();
      }, LOOK_MS);
    }

    look() {
      const { run, step } = this.view();
      if (!run || !step) return;
      this.asked = `${run.id} ${step.index} ${this.picture}`;
      this.askedAt = performance.now();
      setTimeout(() => this.soon(), PATIENCE_MS + 50);
      this.looks.delete(this.asked);
      this.trigger("look", { run: run.id, index: step.index, picture: this.picture });
      this.soon();
    }

    pin(at) {
      this.pinned = at;
      this.soon();
    }

    close() {
      this.pinned = null;
      this.soon();
    }

    choose(picture) {
      this.picture = picture;
      this.soon();
    }

    fork() {
      const { run, step } = this.view();
      if (run && step) this.trigger("fork", { run: run.id, index: step.index });
    }

    /** Asks for a run of this page that is not the newest: its steps come back as the shown ones. */
    show(run) {
      this.store.runs.set(run.id, run); // it may have been let go meanwhile
      this.store.current = run;
      this.store.status = { state: "finished", notices: [] };
      this.pinned = null;
      const missing = this.store.missing();
      if (missing) this.store.ask(missing, this.trigger);
      const told = run.started.settings, words = told.prompt ? `“${told.prompt.slice(0, 80)}”` : "no words";
      if (this.branches.isNewest(run)) this.tell("");
      else this.tell(`An earlier picture: ${words}, seed ${told.seed}, guidance ${told.guidance}.`, "Use its settings", () => {
        this.tell("");
        this.trigger("reuse", { settings: told });
        this.begin.bring(told).then((kept) => kept || this.tell("Its settings are in place. The picture that it began from is no longer kept: choose it once more."));
      });
      this.soon();
    }
  }

  /** Called by gr.HTML's js_on_load: builds the view inside `element` and follows `props.value`. */
  function mount(element, props, trigger, watch) {
    const tab = playground.tabOf(element, "image");
    const theatre = new PictureTheatre(element.querySelector(".pg-theatre") || element, tab, trigger);
    mounted.set(tab, [...(mounted.get(tab) || []).filter((t) => t.element.isConnected), theatre]);
    watch("value", () => theatre.receive(props.value));
    theatre.receive(props.value);
    theatre.soon();
    return theatre;
  }

  function answer(tab, text) {
    if (!text) return;
    try {
      const found = JSON.parse(text);
      for (const theatre of [...(mounted.get(tab) || []), ...playground.theatre.at(tab)]) theatre.answer(found);
    } catch {
      // no answer
    }
  }

  const before = playground.settings;
  /** Values of a tab's controls, the picture and the mask among them. */
  playground.settings = (tab, values) => {
    before(tab, values);
    if (!mounted.has(tab)) return;
    settings.set(tab, { ...(settings.get(tab) || {}), ...values });
    for (const theatre of mounted.get(tab)) theatre.soon();
  };

  /** What a handler is sent, with the picture and the mask that the view has. `values` begin with the visit's token. */
  playground.brought = (tab, names, values) => {
    const theatre = (mounted.get(tab) || []).find((t) => t.element.isConnected);
    if (!theatre) return values;
    const own = theatre.begin.send();
    return values.map((value, i) => (i && names[i - 1] in own ? own[names[i - 1]] : value));
  };

  /** Whether the chosen model is at hand and quick: it has made a picture here, a step in no time. */
  function follows(tab) {
    const theatre = (mounted.get(tab) || []).find((t) => t.element.isConnected);
    const run = theatre && theatre.store.current, chosen = (settings.get(tab) || {}).model;
    if (!run || !run.started || (chosen && run.started.model !== chosen)) return false;
    return run.id.startsWith("recorded-") || theatre.isCheap(theatre.store.steps());
  }

  /** A file that was dropped somewhere on the page, once the tab that takes it is there. */
  function dropped(tab, file, target) {
    const theatre = (mounted.get(tab) || []).find((t) => t.element.isConnected);
    if (theatre) theatre.begin.dropped(file, theatre.begin.element.contains(target));
    return Boolean(theatre);
  }

  playground.pictures = { mount, answer, follows, dropped };
})();
