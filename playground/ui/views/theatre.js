// The stage: mounts the parts, keeps the store, and decides what is looked at.
//
// A view is a function of the frames it was given. Frames come as one JSON string in
// `props.value`; what goes back to Python are the triggers 'resync', 'fork' and 'name'.
//
// While text streams, the chips follow every frame and the rest a few times a second: a page of bars
// that changes thirty times a second can be read by nobody and costs more than the text.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, mark, say } = playground;
  const CALM_MS = 120, MOST_NEARS = 12;
  const EMPTY = "Write a prompt and press Run. Every token the model writes appears here, and each of them can be opened to see why it was chosen.";
  const COMING = "The model's tokens appear here, one by one, and each of them can be opened to see why it was chosen.";
  const WORDS = { pixels: { running: "Writing pixel by pixel", eos: "The picture is finished." } }; // where a run is no text
  const mounted = new Map(); // tab name → theatres on the page (a reopened tab mounts anew)
  const sliders = new Map(); // tab name → slider values, for a theatre that is mounted later

  class Theatre {
    constructor(host, tab, trigger) {
      this.trigger = trigger;
      this.store = new playground.Store();
      this.redraw = new playground.Redraw((step) => this.store.settingsOf(step.index));
      this.hypothesis = null; // {at, row}: a beam that a person opened
      this.pinned = null; // {prompt, at} that a person opened, null: follow the newest
      this.drawn = false;
      this.whole = true; // whether the next drawing is of everything
      this.calmAt = 0; // when everything was last drawn
      this.named = null; // {run, index, version, …}: the token that a forward pass found where one of the others was chosen
      this.compared = new WeakMap(); // chip → the version of the sliders it was compared under
      const actions = {
        open: (place) => this.open(place), close: () => this.close(), moved: (place) => this.pinned && this.pin(place),
        fork: (token_id) => this.fork(token_id), go: (at) => this.pin({ prompt: false, at }), follow: (at, row) => this.follow(at, row), redraw: () => this.soon(),
        name: () => this.name(), unhide: () => this.unhide(),
      };
      this.status = new playground.Status(WORDS[tab]);
      this.compares = tab in WORDS;
      this.opening = false; // whether a recorded picture has just come
      this.before = null; // the run whose text stays until the one with another gap has begun
      this.wanted = null; // the place of a word that was just hidden: it is looked at once it is filled
      this.source = new playground.Source(actions);
      this.chips = new playground.Chips(actions);
      this.why = new playground.Why(actions);
      this.history = new playground.History();
      this.scrubber = new playground.Scrubber(actions);
      this.figures = new playground.Figures();
      this.takeaway = new playground.Takeaway();
      this.legend = playground.legend();
      this.near = new playground.PictureNear(true); // of a run that wrote a picture
      this.nears = new Map(); // run → the training pictures nearest to what it wrote; null: asked for
      this.dots = make("p", { class: "pg-small pg-dotted", hidden: true, text: "A dot has the colour that its pixel would have under these settings; an empty ring is one of the rarer colours, or the end." });
      this.hint = make("p", { class: "pg-small pg-hint", hidden: true, text: "Click a word to hide it. Click an open gap again to put its word back." });
      this.empty = make("p", { class: "pg-empty" });
      this.middle = make("div", { class: "pg-middle" }, this.status.head, this.status.bar, this.status.messages, this.history.element, this.empty,
        this.source.element, this.hint, this.chips.element, this.legend, this.dots, this.scrubber.element, this.figures.element, this.takeaway.element, this.near.element);
      this.element = make("div", { class: "pg-columns" }, this.middle, this.why.element);
      host.replaceChildren(this.element);
    }

    /** A frame, as its JSON text. */
    receive(text) {
      const frame = playground.frameOf(text);
      if (!frame) return;
      const { switched, missing } = this.store.take(frame);
      if (switched) this.pinned = this.hypothesis = null;
      if (switched) this.opening = this.compares && Boolean(frame.recorded);
      if (missing) this.store.ask(missing, this.trigger);
      this.store.awaitOffer(this.element, this.trigger);
      if (frame.named) this.named = { ...frame.named, run: frame.run };
      this.soon(switched || Boolean(frame.named) || !frame.status || frame.status.state !== "running");
    }

    /** The training pictures that are nearest to what a run wrote. */
    answer({ run, values }) {
      if (!values) return;
      this.nears.set(run, values);
      this.soon();
    }

    /** Asks for them once a picture is finished. */
    compare(run) {
      const ended = run && run.finished && run.finished.reason === "eos";
      if (!this.compares || !ended || this.nears.has(run.id)) return;
      this.nears.set(run.id, null);
      for (const id of [...this.nears.keys()].slice(0, -MOST_NEARS)) this.nears.delete(id);
      this.trigger("near", { run: run.id });
    }

    move(values) {
      this.redraw.move(values);
      this.soon();
    }

    /** Draws once before the next picture of the screen, however often it is called; all of it where `whole`. */
    soon(whole = true) {
      this.whole = this.whole || whole;
      if (this.drawn) return;
      this.drawn = true;
      requestAnimationFrame(() => {
        this.drawn = false;
        this.update();
      });
    }

    view() {
      const run = this.shown();
      const started = run ? run.started : null;
      const steps = run === this.store.current ? this.steps(run) : run.tokens;
      this.redraw.follow(started, steps);
      if (this.pinned && this.pinned.at >= (this.pinned.prompt ? (started ? started.prompt_tokens.length : 0) : steps.length)) this.pinned = null;
      if (this.wanted !== null && started && started.places) {
        const at = steps.findIndex((step) => step.place === this.wanted);
        if (at >= 0) [this.pinned, this.wanted] = [{ prompt: false, at }, null];
      }
      // a recorded picture is opened where most could have come of it: its last step, the end sign, tells least
      if (this.opening && this.store.status.state === "finished" && steps.length) {
        const bits = steps.map((step) => step.entropy_bits || 0);
        this.pinned = { prompt: false, at: bits.indexOf(Math.max(...bits)) };
        this.opening = false;
      }
      const place = this.pinned || (steps.length ? { prompt: false, at: steps.length - 1 } : null);
      return {
        run, steps, started, place, pinned: this.pinned !== null, redraw: this.redraw, hypothesis: this.hypothesis,
        status: this.store.status, history: this.store.history, running: this.store.status.state === "running",
        nameOf: (step) => this.nameOf(step),
      };
    }

    /** The run that is shown: the newest; where a word was hidden, the text before it until the new one has begun. */
    shown() {
      const run = this.store.current;
      if (this.before && (!run || run === this.before || (!run.started && ["idle", "loading", "queued", "running"].includes(this.store.status.state)))) return this.before;
      this.before = null;
      return run;
    }

    /** The text that is shown: the run's own, or one hypothesis of its beams. */
    steps(run) {
      if (!run || !run.beams.length || (run.tokens.length && !this.hypothesis)) return this.store.steps();
      const { at, row } = this.hypothesis || { at: run.beams.length - 1, row: 0 };
      return this.store.inherited(run, 0).concat(playground.hypotheses.path(run, at, row));
    }

    /** Shows hypothesis `row` after beam step `at` as the text. */
    follow(at, row) {
      this.hypothesis = { at, row };
      this.pinned = null;
      this.soon();
    }

    update() {
      const view = this.view();
      const now = performance.now();
      if (!this.whole && now - this.calmAt < CALM_MS) {
        this.status.update(view);
        this.chips.update(view);
        this.later ||= setTimeout(() => this.soon(), CALM_MS);
        return;
      }
      clearTimeout(this.later);
      this.later = null;
      this.whole = false;
      this.calmAt = now;
      const nothing = !view.started && !view.steps.length;
      this.empty.hidden = !nothing;
      say(this.empty, ["loading", "queued", "running"].includes(view.status.state) ? COMING : EMPTY);
      this.chips.element.hidden = nothing;
      this.hint.hidden = !playground.gaps.fills(view);
      for (const part of [this.status, this.history, this.source, this.chips, this.scrubber, this.figures, this.takeaway, this.why]) part.update(view);
      this.legend.hidden = nothing || this.chips.picture; // pixels have their own colours
      this.dots.hidden = nothing || !this.chips.picture;
      mark(this.dots, "data-idle", view.redraw.moved ? null : "true");
      this.near.update({ near: (view.run && this.nears.get(view.run.id)) || null, at: 0, steps: [0] });
      this.compare(view.run);
      mark(this.element, "data-moved", this.redraw.moved);
      this.differences(view);
    }

    /** Marks what would be another token: the step that is looked at now, the others in idle moments. */
    differences(view) {
      const { redraw, steps } = view;
      if (!redraw.moved && !this.marked) return;
      this.marked = redraw.moved;
      if (view.place && !view.place.prompt) this.chips.differs(view.place.at, redraw.other(steps[view.place.at]));
      const waiting = [...steps.keys()].filter((at) => this.compared.get(this.chips.node(at)) !== redraw.version);
      redraw.eventually(this.chips.visibleFirst(waiting), (at) => {
        this.chips.differs(at, redraw.other(steps[at]));
        const node = this.chips.node(at); // none, where another run came before the idle moment
        if (node) this.compared.set(node, redraw.version);
      });
    }

    pin(place) {
      this.pinned = place;
      this.soon();
    }

    /** Looks at a token; in a text with gaps, a word is hidden first, and a gap that is open already is closed. */
    open(place) {
      const { started, place: now, pinned } = this.view();
      if (!started || !started.places) return this.pin(place);
      const open = pinned && now && now.prompt === place.prompt && now.at === place.at;
      const plain = place.prompt && !started.prompt_tokens[place.at].special && !started.places.includes(place.at);
      if (plain) return this.hide([...started.places, place.at], place.at);
      if (open && !place.prompt) return this.unhide();
      return this.pin(place);
    }

    /** Asks for a new run over the same text, with these tokens hidden. */
    hide(places, wanted) {
      const { run, started } = this.view();
      const own = places.filter((p) => !started.places.includes(p) || Number.isInteger(started.prompt_tokens[p].hidden));
      this.wanted = wanted;
      this.before = run;
      this.trigger("mask", { run: run.id, masks: own });
    }

    /** Puts the word back that stood at the open gap; a gap that was written as one stays. */
    unhide() {
      const { started, place } = this.view();
      if (!started || !started.places || !place || place.prompt) return;
      const at = started.places[place.at];
      if (!Number.isInteger(started.prompt_tokens[at].hidden)) return;
      this.hide(started.places.filter((p) => p !== at), null);
    }

    close() {
      this.pinned = this.hypothesis = null;
      this.soon();
    }

    /** Asks which of the others the number falls on: one forward pass of the model. */
    name() {
      const { place, run } = this.view();
      if (!place || place.prompt || !run) return;
      const index = this.store.steps()[place.at].index;
      this.named = { run: run.id, index, version: this.redraw.version, asked: true };
      this.trigger("name", { run: run.id, index, version: this.redraw.version });
      this.soon();
    }

    /** What is known of the one among the others that was chosen at a step, under the sliders as they stand. */
    nameOf(step) {
      const { named, redraw, store } = this;
      const here = named && store.current && named.run === store.current.id;
      return here && named.index === step.index && named.version === redraw.version ? named : null;
    }

    fork(token_id) {
      const { place, run } = this.view();
      if (!place || place.prompt || !run) return;
      this.trigger("fork", { run: run.id, index: this.store.steps()[place.at].index, token_id });
    }
  }

  /** Called by gr.HTML's js_on_load: builds the view inside `element` and follows `props.value`. */
  function mount(element, props, trigger, watch) {
    const tab = playground.tabOf(element, "text");
    const theatre = new Theatre(element.querySelector(".pg-theatre") || element, tab, trigger);
    const living = (mounted.get(tab) || []).filter((t) => t.element.isConnected);
    mounted.set(tab, [...living, theatre]);
    theatre.redraw.move(sliders.get(tab) || {});
    watch("value", () => theatre.receive(props.value));
    theatre.receive(props.value);
    theatre.soon();
    return theatre;
  }

  /** Slider values of a tab: redraws every step of it. */
  playground.settings = (tab, values) => {
    sliders.set(tab, { ...(sliders.get(tab) || {}), ...values });
    for (const theatre of mounted.get(tab) || []) if (theatre.element.isConnected) theatre.move(values);
  };
  playground.theatre = { mount, at: (tab) => mounted.get(tab) || [] };
})();
