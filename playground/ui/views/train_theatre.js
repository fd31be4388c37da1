// The stage of the Train tab: which step of the way is open, which checkpoint is looked at, and what goes to Python.
//
// Frames and answers go into `playground.trainStore`, which outlives the view; everything is drawn from it, at most
// eight times a second. What a person, a data set or a model wrote reaches the page through textContent only.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark } = playground;
  const CALM_MS = 125, ASK_AGAIN_MS = 3000;
  const EMPTY = { run: null, lesson: "gpt", state: "idle", step: 0, steps: 0, series: {}, checkpoints: [], notices: [] };
  const STAGES = [
    ["data", "Data"], ["tokens", "Tokens"], ["architecture", "Model"], ["learning", "Learning"], ["error", "One error"], ["save", "Save"],
  ];
  const PICTURES = ["vae", "gan", "diffusion"];
  const CLASSES = { data: "TrainData", tokens: "TrainTokens", architecture: "TrainArchitecture", learning: "TrainLearning", error: "TrainError", save: "TrainSave" };
  const state = { stage: "learning", pinned: null }; // what the person looks at; a reopened tab finds it again

  class TrainTheatre {
    constructor(host, facts, trigger) {
      this.trigger = trigger;
      this.facts = facts;
      this.store = playground.trainStore;
      this.drawnAt = -Infinity;
      const now = () => this.view();
      this.transport = new playground.TrainTransport(now);
      this.tabs = STAGES.map(([name, title], i) => this.tab(name, title, i));
      this.stepper = make("div", { class: "tr-stepper", role: "tablist", "aria-label": "From data to a model" }, ...this.tabs);
      this.stepper.addEventListener("keydown", (event) => this.key(event));
      this.sentence = make("p", { class: "tr-sentence" });
      this.formula = make("pre", { class: "tr-formula" });
      this.source = make("p", { class: "pg-small" });
      this.more = make("details", { class: "tr-more" }, make("summary", { text: "Formula and source" }), this.formula, this.source);
      this.stages = new Map();
      this.body = make("div", { class: "tr-body", role: "tabpanel", id: "tr-body" });
      this.families = playground.TrainFamilies ? new playground.TrainFamilies(now) : null;
      this.main = make("div", { class: "tr-main-part" }, this.transport.element, this.stepper, make("div", { class: "tr-words-row" }, this.sentence, this.more), this.body);
      host.replaceChildren(this.main, ...(this.families ? [this.families.element] : []));
      this.host = host;
      this.listener = () => this.soon();
      this.store.listeners.add(this.listener);
    }

    tab(name, title, i) {
      return make("button", {
        type: "button", role: "tab", id: `tr-tab-${name}`, "aria-controls": "tr-body", "data-stage": name, on: { click: () => this.open(name) },
      }, make("span", { class: "tr-number", "aria-hidden": "true", text: String(i + 1) }), make("span", { class: "tr-title", text: title }));
    }

    key(event) {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key], at = STAGES.findIndex(([name]) => name === state.stage);
      const next = by ? (at + by + STAGES.length) % STAGES.length : event.key === "Home" ? 0 : event.key === "End" ? STAGES.length - 1 : -1;
      if (next < 0) return;
      event.preventDefault();
      this.open(STAGES[next][0]);
      this.tabs[next].focus();
    }

    open(stage) {
      state.stage = stage;
      this.drawnAt = -Infinity;
      this.soon();
    }

    /** A frame, as its JSON text. */
    receive(text) {
      const frame = playground.frameOf(text);
      if (!frame || typeof frame !== "object") return;
      if (!frame.lesson) {
        this.store.said = frame.said || "";
        this.store.tell();
        return;
      }
      const before = this.store.frame;
      if (before && (before.run !== frame.run || before.lesson !== frame.lesson)) {
        state.pinned = null;
        if (frame.run && !frame.recorded && before.lesson === frame.lesson) state.stage = "learning";
      }
      const missing = this.store.take(frame);
      const now = performance.now();
      if (missing && !(this.askedAt && now - this.askedAt < ASK_AGAIN_MS)) {
        this.askedAt = now;
        this.trigger("resync", { run: frame.run });
      }
    }

    soon() {
      if (!this.host.isConnected) {
        this.store.listeners.delete(this.listener);
        return;
      }
      if (this.waiting) return;
      const wait = Math.max(0, CALM_MS - (performance.now() - this.drawnAt));
      this.waiting = setTimeout(() => requestAnimationFrame(() => {
        this.waiting = null;
        this.update();
      }), wait);
    }

    view() {
      const { store } = this, frame = store.frame || { ...EMPTY, lesson: playground.trainLesson || "gpt" };
      const n = store.checkpoints.length;
      if (state.pinned !== null && state.pinned >= n) state.pinned = null;
      return {
        store, frame, facts: this.facts[frame.lesson] || {}, stage: state.stage, pinned: state.pinned !== null, at: state.pinned ?? n - 1,
        pictures: PICTURES.includes(frame.lesson),
        look: (at) => this.look(at),
        rewind: () => this.rewind(),
        send: (name, data) => this.send(name, data),
        ask: (what, key, values, own = true) => this.ask(what, key, values, own),
        redraw: () => this.soon(),
      };
    }

    /** Tells Python; what the controls say goes along. */
    send(name, data) {
      this.store.said = "";
      this.trigger(name, { ...data, values: this.values() });
    }

    look(at) {
      state.pinned = at === null || (this.store.going && at === this.store.checkpoints.length - 1) ? null : at;
      this.drawnAt = Math.min(this.drawnAt, performance.now() - CALM_MS);
      this.soon();
    }

    /** The moved controls of the lesson that is shown, by field. */
    values() {
      const { lesson } = this.store.frame || EMPTY, start = `train-${lesson}-`, found = { ...this.store.moved[lesson] };
      for (const box of document.querySelectorAll(`#train-knobs-${lesson} input[type="number"]`)) {
        const field = box.closest(`[id^="${start}"]`); // a number that was typed a moment ago is told of a little later
        if (field && box.value !== "" && Number.isFinite(Number(box.value))) found[field.id.slice(start.length)] = Number(box.value);
      }
      return found;
    }

    rewind() {
      const now = this.store.checkpoints[this.view().at];
      if (!now) return;
      state.pinned = null;
      this.trigger("rewind", { step: now.step });
    }

    /** Asks a question; the answer is found in the store under `what key`. `own`: it is about the run that is shown.
        Whoever waits for it asks at every drawing, and is heard again later each time: an answer may be lost. */
    ask(what, key, values, own) {
      const name = own ? `run ${what}` : what;
      const kept = this.store.answer(name, key);
      const patience = kept && kept.waiting ? ASK_AGAIN_MS * 2 ** Math.min(kept.times, 4) : 0;
      if (patience && performance.now() - kept.at < patience) return;
      const number = this.store.asked(name, key, values);
      setTimeout(() => this.soon(), 2 * ASK_AGAIN_MS * (patience ? 2 : 1) + 50);
      this.trigger("ask", { what, number, ...values, values: this.values() });
      this.soon();
    }

    update() {
      this.drawnAt = performance.now();
      const view = this.view(), four = playground.trainLesson === "families" && this.families;
      this.main.hidden = Boolean(four);
      if (this.families) {
        this.families.element.hidden = !four;
        if (four) {
          this.families.update(view);
          return;
        }
      }
      this.transport.update(view);
      const settings = document.getElementById("train-settings");
      if (settings) mark(settings, "data-own", this.store.own.other ? "yes" : null); // the choice of a set says that it is not used
      for (const tab of this.tabs) {
        const here = tab.dataset.stage === view.stage;
        mark(tab, "aria-selected", here);
        tab.tabIndex = here ? 0 : -1;
        if (tab.dataset.stage === "tokens") say(tab.lastChild, view.pictures ? "Encoding" : "Tokens");
      }
      mark(this.body, "aria-labelledby", `tr-tab-${view.stage}`);
      const told = (view.facts.stages || {})[view.stage] || {};
      say(this.sentence, told.sentence || "");
      say(this.formula, told.formula || "");
      say(this.source, told.source || "");
      this.more.hidden = !told.formula && !told.source;
      const stage = this.stageOf(view.stage);
      if (this.body.firstChild !== stage.element) this.body.replaceChildren(stage.element);
      stage.update(view);
    }

    stageOf(name) {
      if (!this.stages.has(name)) this.stages.set(name, new playground[CLASSES[name]](() => this.view()));
      return this.stages.get(name);
    }
  }

  const mounted = new Set();

  /** Called by gr.HTML's js_on_load: builds the view inside `element` and follows `props.value`. */
  function mount(element, props, trigger, watch) {
    const told = document.getElementById("train-facts");
    const facts = JSON.parse((told && told.textContent) || "{}");
    const theatre = new TrainTheatre(element.querySelector(".tr-theatre") || element, facts, trigger);
    for (const other of mounted) if (!other.host.isConnected) mounted.delete(other);
    mounted.add(theatre);
    watch("value", () => theatre.receive(props.value));
    const kept = theatre.store.frame;
    if (!kept) theatre.receive(props.value);
    theatre.soon();
    return theatre;
  }

  /** An answer came, as its JSON text. */
  function answer(text) {
    try {
      const message = JSON.parse(text);
      if (message && (message.number || message.what === "own")) playground.trainStore.answered(message);
    } catch {
      // no answer
    }
  }

  playground.train = { mount, answer, state };
})();
