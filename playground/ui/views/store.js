// What a view knows: the steps of the recent runs, by run and sequence number.
//
// A frame carries the last few events only. Event numbers follow each other without a hole, so
// the newest number and the frame's `total` say which ones must exist; what is not held is
// missing (the view was hidden, a frame was skipped) and has to be asked for again. Frames come by several ways
// and overtake each other: what a run's status is, the frame of the highest version says.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const KEPT_RUNS = 6, ASK_AGAIN_MS = 3000;

  /** A frame from its JSON text; null where it is none. */
  playground.frameOf = (text) => {
    if (!text) return null;
    try {
      return typeof text === "string" ? JSON.parse(text) : text;
    } catch {
      return null;
    }
  };

  function emptyRun(id) {
    return { id, started: null, events: new Map(), tokens: [], beams: [], total: 0, last: -1, version: -1, finished: null };
  }

  /** Puts an event at its place in an ascending list; the usual place is the end. */
  function insert(list, event) {
    let at = list.length;
    while (at > 0 && list[at - 1].seq > event.seq) at -= 1;
    list.splice(at, 0, event);
  }

  function add(run, event) {
    if (!event || typeof event.seq !== "number" || run.events.has(event.seq)) return false;
    run.events.set(event.seq, event);
    if (event.event === "token" || event.event === "image") insert(run.tokens, event);
    else if (event.event === "beam") insert(run.beams, event);
    run.last = Math.max(run.last, event.seq);
    return true;
  }

  /** The first event number that must exist and is not held, or null. */
  function hole(run) {
    if (!run.started && run.total > 0) return 0;
    if (run.events.size >= run.total) return null;
    const first = Math.max(0, run.last - run.total + 1);
    for (let seq = first; seq <= run.last; seq += 1) if (!run.events.has(seq)) return seq;
    return run.last < 0 ? 0 : run.last + 1;
  }

  class Store {
    constructor() {
      this.runs = new Map();
      this.current = null;
      this.status = { state: "idle", notices: [] };
      this.history = [];
    }

    /** Takes one frame in. Returns whether another run is shown now, and what is missing. */
    take(frame) {
      const id = frame.run || (frame.started && frame.started.run_id) || null;
      const other = id !== null && this.current !== null && id !== this.current.id;
      const wanted = frame.recorded && this.current && this.current.offer === id; // an empty view's first run
      const side = other && !wanted && (frame.asked || frame.recorded || this.isAncestor(id)), known = this.runs.get(id);
      if (!side && !(known && frame.version < known.version)) {
        this.status = frame.status || { state: "idle", notices: [] };
        this.history = frame.history || [];
      }
      if (id === null) return { switched: false, missing: null };
      const run = known || emptyRun(id);
      if ((frame.version || 0) >= run.version) run.resumable = Boolean(frame.resumable);
      run.version = Math.max(run.version, frame.version || 0);
      if (frame.offer) run.offer = frame.offer;
      this.runs.delete(id);
      this.runs.set(id, run);
      if (frame.started && !run.started) run.started = frame.started; // it never changes, and others keep it
      for (const event of frame.events || []) add(run, event);
      run.total = Math.max(run.total, frame.total || 0, run.events.size);
      if (frame.finished) run.finished = frame.finished;
      const switched = !side && this.current !== run;
      if (!side) this.current = run;
      this.forget();
      return { switched, missing: this.missing() };
    }

    /** Takes in a run that was made before this page was loaded, without its steps; null where it is known. */
    remember(frame) {
      if (!frame.run || !frame.started || this.runs.has(frame.run)) return null;
      const run = { ...emptyRun(frame.run), started: frame.started, finished: frame.finished, total: frame.total };
      this.runs = new Map([[run.id, run], ...this.runs]);
      return run;
    }

    /** Asks for what is missing by `trigger`, and for the same again only after a while. */
    ask(missing, trigger) {
      const key = missing.run + " " + missing.from, now = performance.now();
      if (this.asked && this.asked.key === key && now - this.asked.at < ASK_AGAIN_MS) return;
      this.asked = { key, at: now };
      trigger("resync", missing);
    }

    /** Asks for the recorded run that an empty view is offered, once `element` is seen. */
    awaitOffer(element, trigger) {
      if (this.waiting || !this.current || !this.current.offer) return;
      this.waiting = playground.onceSeen(element, () => {
        if (this.current.offer) trigger("resync", { run: this.current.offer, from: 0 });
      });
    }

    isAncestor(id) {
      for (let run = this.current; run && run.started && run.started.parent; run = this.runs.get(run.started.parent)) {
        if (run.started.parent === id) return true;
      }
      return false;
    }

    /** What has to be asked for: {run, from}, or null. */
    missing() {
      const run = this.current;
      if (!run) return null;
      const seq = hole(run);
      if (seq !== null) return { run: run.id, from: seq };
      const first = run.tokens[0];
      const parent = run.started && run.started.parent;
      if (parent && first && first.index > 0 && !this.runs.has(parent)) return { run: parent, from: 0 };
      return null;
    }

    /** All token steps of what is shown: those of the runs it goes on from, then its own. */
    steps() {
      const run = this.current;
      if (!run) return [];
      return this.inherited(run, 0).concat(run.tokens);
    }

    inherited(run, depth) {
      const started = run.started;
      const parent = started && started.parent ? this.runs.get(started.parent) : null;
      if (!parent || parent === run || depth > KEPT_RUNS) return [];
      const own = run.tokens.length ? run.tokens[0].index : Infinity;
      const left = Math.min(own, started.parent_index === null || started.parent_index === undefined ? Infinity : started.parent_index);
      return this.inherited(parent, depth + 1).concat(parent.tokens).filter((step) => step.index < left);
    }

    /** The settings under which step number `index` of the shown run was written. */
    settingsOf(index) {
      let run = this.current;
      const before = (run && run.started && run.started.before) || [];
      for (const part of before) if (index < part.until) return part.settings;
      for (let depth = 0; run && run.started && depth < KEPT_RUNS; depth += 1) {
        const parent = this.runs.get(run.started.parent);
        if (!parent || !parent.started || !(index < run.started.parent_index)) break;
        run = parent;
      }
      return (run && run.started && run.started.settings) || {};
    }

    /** Keeps the newest runs and those that the shown one goes on from. */
    forget() {
      for (const id of [...this.runs.keys()]) {
        if (this.runs.size <= KEPT_RUNS) return;
        if (this.current && (id === this.current.id || this.isAncestor(id))) continue;
        this.runs.delete(id);
      }
    }
  }

  playground.Store = Store;
})();
