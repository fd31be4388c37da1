// What the page knows of a training: the frame with its whole series, the timeline of checkpoints, and answers.
//
// Frames carry only the checkpoints that are new; `first` is the place of the first of them in the timeline. What
// is not held is missing and has to be asked for. The store belongs to the page, not to a view: a tab that is
// closed and opened again is drawn from it.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const GOING = ["preparing", "queued", "running"];

  class TrainStore {
    constructor() {
      this.frame = null;
      this.checkpoints = [];
      this.answers = new Map(); // what + key → {value} or {error} or {asked}
      this.number = 0;
      this.said = ""; // a sentence about the last click
      this.moved = {}; // lesson → what its controls say
      this.own = {}; // "text" or "other" → the visitor's own data
      this.version = 0; // of what answers about settings depend on
      this.listeners = new Set();
    }

    /** Controls were moved: what was answered about the settings before is out of date. */
    move(lesson, values) {
      this.moved[lesson] = { ...this.moved[lesson], ...values };
      this.settled();
    }

    settled() {
      this.version += 1;
      this.tell();
    }

    /** Takes one frame in; returns whether some checkpoints are missing. */
    take(frame) {
      const other = !this.frame || this.frame.run !== frame.run || this.frame.lesson !== frame.lesson;
      if (other) {
        this.checkpoints = [];
        for (const key of [...this.answers.keys()]) if (key.startsWith("run ")) this.answers.delete(key);
      }
      const missing = this.add(frame);
      this.frame = frame;
      this.tell();
      return missing;
    }

    add(frame) {
      const first = frame.first || 0;
      if (first > this.checkpoints.length) return true;
      if (frame.checkpoints) this.checkpoints.splice(first, Infinity, ...frame.checkpoints);
      return false;
    }

    get going() {
      return Boolean(this.frame) && GOING.includes(this.frame.state);
    }

    /** Whether the frame is of a run of this visit, not of a recorded one. */
    get mine() {
      return Boolean(this.frame && this.frame.run && !this.frame.recorded);
    }

    /** The place in the timeline that is nearest to a step; -1 where there is none. */
    nearest(step) {
      let best = -1;
      this.checkpoints.forEach((c, i) => {
        if (best < 0 || Math.abs(c.step - step) < Math.abs(this.checkpoints[best].step - step)) best = i;
      });
      return best;
    }

    /** The answer to a question, or null where it was never asked. `scope` "run": it belongs to the run that is shown. */
    answer(what, key = "") {
      return this.answers.get(`${what} ${key}`) || null;
    }

    /** Notes that a question was asked; its number comes back with the answer. The same question asked again keeps its
        number, so that whichever answer comes first is taken. */
    asked(what, key = "", values = {}) {
      const before = this.answers.get(`${what} ${key}`) || {}, told = JSON.stringify(values);
      const again = before.waiting && before.told === told;
      if (!again) this.number += 1;
      const number = again ? before.number : this.number, times = again ? before.times + 1 : 1;
      this.answers.set(`${what} ${key}`, { ...before, number, told, times, at: performance.now(), waiting: true, error: null });
      while (this.answers.size > 60) this.answers.delete(this.answers.keys().next().value);
      return number;
    }

    /** Takes the answer to a question that still waits for it, or news of the visitor's own data. */
    answered(message) {
      if (message.what === "own") {
        this.ownSaid = message.error || "";
        if (!message.error) this.own[message.text ? "text" : "other"] = message.value;
        this.settled();
        return;
      }
      for (const [key, kept] of this.answers) {
        if (!kept.waiting || kept.number !== message.number) continue;
        this.answers.set(key, { number: kept.number, waiting: false, value: message.value, error: message.error || null });
      }
      this.tell();
    }

    tell() {
      for (const listener of this.listeners) listener();
    }
  }

  playground.TrainStore = TrainStore;
  playground.trainStore = new TrainStore();
})();
