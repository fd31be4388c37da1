// What a training is doing, and the buttons that move it: start, pause, one step, resume, stop.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, trainFigure: figure } = playground;
  const QUIET_MS = 900; // after a click, until the next one counts
  const STATES = {
    idle: "not started", preparing: "preparing the data and the model", queued: "waiting for its turn", running: "training", paused: "paused", finished: "finished", error: "stopped",
  };

  /** 48 s, 3 min 20 s, 1 h 5 min. */
  function duration(s) {
    if (!Number.isFinite(s)) return "–";
    if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)}\u00a0s`;
    if (s < 3600) return `${Math.floor(s / 60)}\u00a0min ${Math.round(s % 60)}\u00a0s`;
    return `${Math.floor(s / 3600)}\u00a0h ${Math.round((s % 3600) / 60)}\u00a0min`;
  }

  class TrainTransport {
    constructor(view) {
      this.view = view;
      this.state = make("span", { class: "tr-state", role: "status" });
      this.figures = make("span", { class: "tr-figures" });
      this.fill = make("i");
      this.bar = make("div", { class: "tr-progress", role: "progressbar", "aria-label": "Steps", "aria-valuemin": 0 }, this.fill);
      const button = (name, text, kind) => (this[name] = make("button", { type: "button", class: `tr-act ${kind || ""}`, "data-act": name, text, on: { click: () => this.act(name) } }));
      const buttons = make("div", { class: "tr-acts" }, button("start", "Start", "tr-main"), button("pause", "Pause"), button("resume", "Resume", "tr-main"), button("step", "Step"), button("stop", "Stop"));
      this.error = make("p", { class: "tr-error", role: "alert", hidden: true });
      this.notices = make("p", { class: "pg-small tr-notices" });
      this.element = make("div", { class: "tr-transport" }, make("div", { class: "tr-transport-row" }, buttons, make("div", { class: "tr-doing" }, make("p", {}, this.state, this.figures), this.bar)), this.error, this.notices);
    }

    act(name) {
      const now = performance.now();
      if (this.clicked && this.clicked.name === name && now - this.clicked.at < QUIET_MS && name !== "step") return; // a double click is one
      this.clicked = { name, at: now };
      this.view().send(name, {});
      this.update(this.view());
    }

    update(view) {
      const { frame, store } = view, own = store.mine, { state } = frame;
      const waits = this.clicked && ["start", "resume"].includes(this.clicked.name) && performance.now() - this.clicked.at < QUIET_MS;
      const going = store.going || waits, letGo = own && state === "paused" && !frame.held; // nothing of it is in memory any more
      this.start.hidden = going;
      this.resume.hidden = !own || state !== "paused" || waits;
      this.pause.hidden = !going;
      this.pause.disabled = !store.going;
      this.step.disabled = going || (own && state === "finished");
      this.stop.disabled = !own || letGo || !(going || state === "paused");
      say(this.start, own && ["finished", "error", "paused"].includes(state) ? "Start again" : "Start");
      mark(this.start, "class", own && state === "paused" ? "tr-act" : "tr-act tr-main"); // one that is held is first of all gone on with
      say(this.state, frame.recorded ? "a recorded run" : state === "queued" && frame.place ? `waiting, place ${frame.place}` : letGo ? "stopped, its checkpoint is kept" : STATES[state] || state);
      mark(this.element, "data-state", frame.recorded ? "recorded" : state);
      const words = [`step ${playground.count(frame.step || 0)} of ${playground.count(frame.steps || 0)}`];
      if (frame.elapsed_s > 0) words.push(`${duration(frame.elapsed_s)} of computing`);
      if (store.going && frame.left_s > 0) words.push(`about ${duration(frame.left_s)} left`);
      const rate = Object.entries(frame.series || {}).find(([name]) => /_per_s$/.test(name));
      if (store.going && rate && rate[1].length) words.push(`${figure(rate[1][rate[1].length - 1][1])} ${rate[0].replace("_per_s", "")}/s`);
      say(this.figures, frame.run ? ` · ${words.join(" · ")}` : "");
      const part = frame.steps ? Math.min(1, (frame.step || 0) / frame.steps) : 0;
      this.fill.style.width = `${(part * 100).toFixed(2)}%`;
      mark(this.bar, "aria-valuenow", frame.step || 0);
      mark(this.bar, "aria-valuemax", frame.steps || 1);
      say(this.error, store.said || frame.error || "");
      this.error.hidden = !this.error.textContent;
      say(this.notices, (frame.notices || []).join(" "));
      this.notices.hidden = !this.notices.textContent;
      if (waits) this.later ||= setTimeout(() => { this.later = null; this.update(this.view()); }, QUIET_MS);
    }
  }

  Object.assign(playground, { TrainTransport, trainDuration: duration });
})();
