// The teacher's view of the room: runs as rows, visits as numbers, a button to stop one or all.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});

  function size(mb) {
    return mb >= 1000 ? `${(mb / 1000).toFixed(1)}\u00a0GB` : `${Math.round(mb)}\u00a0MB`;
  }

  function time(seconds) {
    return seconds < 90 ? `${seconds}\u00a0s` : `${Math.round(seconds / 60)}\u00a0min`;
  }

  function count(n, one, many) {
    return `${n} ${n === 1 ? one : many}`;
  }

  class Row {
    constructor(id, stop) {
      const { make } = playground;
      this.visit = make("th", { scope: "row" });
      this.what = make("td");
      this.state = make("td", { class: "page-job-state" });
      this.steps = make("td", { class: "page-job-number" });
      this.time = make("td", { class: "page-job-number" });
      this.act = make("button", { type: "button", class: "page-act", text: "Stop", on: { click: () => { this.act.disabled = true; stop({ id }); } } });
      this.element = make("tr", {}, this.visit, this.what, this.state, this.steps, this.time, make("td", { class: "page-job-act" }, this.act));
    }

    update(job) {
      const { say, mark } = playground;
      say(this.visit, `Visit ${job.visit}`);
      say(this.what, [job.modality, job.model].filter(Boolean).join(" · "));
      say(this.state, job.stopping ? "stopping" : job.place ? `waiting, place ${job.place}` : job.state);
      say(this.steps, count(job.steps, "step", "steps"));
      say(this.time, time(job.seconds));
      mark(this.element, "data-state", job.place ? "waiting" : job.state);
      mark(this.act, "aria-label", `Stop the ${job.modality} run of visit ${job.visit}`);
      this.act.disabled = job.stopping;
    }
  }

  class Room {
    constructor(host, stop) {
      const { make } = playground;
      this.stop = stop;
      this.words = make("p", { class: "page-room-words", role: "status" });
      this.all = make("button", { type: "button", class: "page-act", text: "Stop all", on: { click: () => stop({}) } });
      this.used = make("i", { class: "page-used" });
      this.reserved = make("i", { class: "page-reserved" });
      this.held = make("span");
      this.memory = make("div", { class: "page-memory" },
        make("div", { class: "page-memory-bar", role: "img", "aria-hidden": "true" }, this.used, this.reserved), this.held);
      this.body = make("tbody");
      this.table = make("table", { class: "page-jobs" },
        make("thead", {}, make("tr", {}, ...["Visit", "What", "State", "Steps", "For", ""].map((text) => make("th", { scope: "col", text })))), this.body);
      this.rows = new Map();
      host.replaceChildren(this.memory, make("div", { class: "page-room-head" }, this.words, this.all), this.table);
    }

    receive(text) {
      let snapshot;
      try {
        snapshot = JSON.parse(text);
      } catch {
        return;
      }
      if (!snapshot || !snapshot.allowed) return;
      const waiting = snapshot.jobs.filter((job) => job.place).length;
      playground.say(this.words, snapshot.jobs.length
        ? count(snapshot.jobs.length - waiting, "run computes", "runs compute") + (waiting ? `, ${count(waiting, "waits", "wait")}` : "")
        : "Nothing runs.");
      this.all.disabled = snapshot.jobs.length === 0;
      this.table.hidden = snapshot.jobs.length === 0;
      this.remember(snapshot);
      const ids = new Set(snapshot.jobs.map((job) => job.id));
      for (const [id, row] of this.rows) if (!ids.has(id)) { row.element.remove(); this.rows.delete(id); }
      for (const job of snapshot.jobs) {
        if (!this.rows.has(job.id)) {
          const row = new Row(job.id, this.stop);
          this.rows.set(job.id, row);
          this.body.append(row.element);
        }
        this.rows.get(job.id).update(job);
      }
    }

    remember({ memory, models }) {
      const part = (bytes) => `${Math.min(100, (bytes / memory.budget_bytes) * 100).toFixed(2)}%`;
      const held = memory.resident_bytes + memory.kept_bytes;
      this.used.style.width = part(held);
      this.reserved.style.width = part(memory.reserved_bytes);
      const loaded = models.map((model) => `${model.title} (${model.state})`).join(", ");
      playground.say(this.held, `Memory: ${size(held / 1e6)} of ${size(memory.budget_bytes / 1e6)} in use. ${loaded ? `Loaded: ${loaded}.` : "No model is loaded."}`);
    }
  }

  /** Called by gr.HTML's js_on_load. */
  playground.room = (element, props, stop, watch) => {
    const room = new Room(element.querySelector(".page-room") || element, stop);
    watch("value", () => room.receive(props.value));
    room.receive(props.value);
  };
})();
