// What is going on: loading with bytes, a place in the queue, notices, and errors where the action was.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, amount, mark } = playground;

  const ENDS = {
    eos: "The model ended the text itself.",
    max_new_tokens: "Stopped at the length limit.",
    context_full: "The context window is full.",
    filled: "Every gap is filled.",
    time_limit: "Stopped at the time limit.",
    paused: "Paused after as many steps as were asked for.",
    user: "Stopped by you.",
    stopped: "Stopped by the rules of this page.",
    new_input: "Stopped: a new message came.",
    error: "Stopped by an error.",
  };

  /** The reason of the end in plain words; `one`: a single step was asked for. */
  function ending(finished, one = false) {
    if (finished.reason === "stop_string") return `Stopped at “${playground.visible(finished.stop_string || "", 30)}”.`;
    if (finished.reason === "filled" && !finished.tokens) return "Nothing is hidden.";
    if (finished.reason === "max_new_tokens" && one) return "One step was taken: Continue goes on.";
    return ENDS[finished.reason] || "Ended.";
  }

  function line(view, words) {
    const { status, run } = view;
    const progress = status.progress;
    switch (status.state) {
      case "loading":
        return progress ? `${progress.stage} ${progress.total || progress.done ? amount(progress.done, progress.total, progress.unit) : ""}`.trim() : "Loading the model";
      case "queued":
        return status.queued > 1 ? `Waiting for a turn: place ${status.queued}` : "Waiting for a turn: you are next";
      case "running":
        return progress && !view.steps.length ? `${progress.stage} ${amount(progress.done, progress.total, progress.unit)}` : words.running;
      case "error":
        return view.steps.length ? "Stopped by an error" : "";
      default:
        if (run && run.finished) return `${words[run.finished.reason] || ending(run.finished, Boolean(run.started && run.started.settings.max_new_tokens === 1))}${run.resumable && run.finished.reason === "user" ? " Continue goes on." : ""}`;
        return view.steps.length ? "A recorded run" : "";
    }
  }

  class Status {
    /** `words`: what it says while a run goes on, and at its ends where that differs. */
    constructor(words = { running: "Writing" }) {
      this.lines = words;
      this.words = make("span", { class: "pg-state", role: "status", "aria-live": "polite" });
      this.dot = make("i", { class: "pg-dot", "aria-hidden": "true" });
      this.fill = make("i");
      this.bar = make("div", { class: "pg-progress", role: "progressbar", "aria-label": "Progress" }, this.fill);
      this.notices = make("div", { class: "pg-notices" });
      this.error = make("p", { class: "pg-error", role: "alert", hidden: true });
      this.model = make("bdi", { class: "pg-model", title: "Model" });
      this.head = make("div", { class: "pg-status" }, this.dot, this.words, this.model);
      this.messages = make("div", { class: "pg-messages" }, this.error, this.notices);
    }

    update(view) {
      const { status } = view;
      say(this.words, line(view, this.lines));
      say(this.model, view.started ? view.started.model : "");
      mark(this.head, "data-state", this.words.textContent ? status.state : "silent");
      this.progress(status);
      const end = (view.run && view.run.finished) || {}, broke = end.reason === "error";
      this.tell([...(status.notices || []), ...(end.message && !broke ? [end.message] : [])]);
      const failed = status.error || (broke && end.message) || "";
      this.error.hidden = !failed;
      say(this.error, failed);
    }

    progress(status) {
      const { progress } = status;
      const busy = status.state === "loading" && progress;
      const part = busy && progress.total ? Math.min(1, progress.done / progress.total) : null;
      mark(this.bar, "data-state", busy ? (part === null ? "unknown" : "known") : null);
      mark(this.bar, "aria-valuenow", part === null ? null : Math.round(part * 100));
      this.bar.style.setProperty("visibility", busy ? "visible" : "hidden");
      this.fill.style.setProperty("width", part === null ? "" : part * 100 + "%");
    }

    tell(notices) {
      const texts = notices.map((n) => (typeof n === "string" ? n : n.text));
      if (this.told === texts.join("\n")) return;
      this.told = texts.join("\n");
      this.notices.replaceChildren(...texts.map((text) => make("p", { text })));
    }
  }

  playground.Status = Status;
  playground.ending = ending;
})();
