// The list of models: state, size, licence, memory, and buttons to load, stop and unload.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});

  const WORDS = {
    embedded: "comes with the page", cached: "on this computer's disk", "not downloaded": "not downloaded",
    loading: "loading", ready: "ready", "in use": "in use", failed: "failed",
  };

  const SURE_MS = 4000; // so long "Remove" waits for its second click
  const HERE = ["cached", "ready", "in use"];

  function size(mb) {
    return mb >= 1000 ? `${(mb / 1000).toFixed(1)}\u00a0GB` : `${mb < 10 ? mb.toFixed(1) : Math.round(mb)}\u00a0MB`;
  }

  function parameters(n) {
    if (!n) return "–";
    if (n < 1e6) return playground.count(n);
    return n >= 1e9 ? `${(n / 1e9).toFixed(1)}\u00a0B` : `${n >= 1e7 ? Math.round(n / 1e6) : (n / 1e6).toFixed(1)}\u00a0M`;
  }

  class Models {
    constructor(host, trigger) {
      const { make } = playground;
      this.trigger = trigger;
      this.error = make("p", { class: "page-panel-error", role: "alert", hidden: true });
      this.used = make("i", { class: "page-used" });
      this.reserved = make("i", { class: "page-reserved" });
      this.words = make("span");
      this.memory = make("div", { class: "page-memory" },
        make("div", { class: "page-memory-bar", role: "img", "aria-hidden": "true" }, this.used, this.reserved), this.words);
      this.list = make("ul", { class: "page-model-list" });
      this.rows = new Map();
      host.replaceChildren(this.memory, this.error, this.list);
    }

    receive(text) {
      let snapshot;
      try {
        snapshot = JSON.parse(text);
      } catch {
        return;
      }
      if (snapshot.answer || snapshot.error) {
        this.error.hidden = !snapshot.error;
        playground.say(this.error, snapshot.error || "");
      }
      this.remember(snapshot.memory);
      const ids = snapshot.models.map((m) => m.id);
      for (const [id, row] of this.rows) if (!ids.includes(id)) { row.element.remove(); this.rows.delete(id); }
      for (const model of snapshot.models) this.row(model).update(model, snapshot);
    }

    row(model) {
      if (!this.rows.has(model.id)) {
        const row = new Row(model.id, this.trigger);
        this.rows.set(model.id, row);
        this.list.append(row.element);
      }
      return this.rows.get(model.id);
    }

    remember(memory) {
      const part = (bytes) => `${Math.min(100, (bytes / memory.budget_bytes) * 100).toFixed(2)}%`;
      const held = memory.resident_bytes + memory.kept_bytes;
      this.used.style.width = part(held);
      this.reserved.style.width = part(memory.reserved_bytes);
      const loading = memory.reserved_bytes ? `, ${size(memory.reserved_bytes / 1e6)} reserved for what is loading or training` : "";
      playground.say(this.words, `Memory: ${size(held / 1e6)} of ${size(memory.budget_bytes / 1e6)} in use${loading}`);
    }
  }

  class Row {
    constructor(id, trigger) {
      const { make } = playground;
      this.title = make("h3");
      this.state = make("span", { class: "page-model-state" });
      this.facts = make("p", { class: "page-model-facts" });
      this.note = make("p", { class: "page-model-note" });
      this.fill = make("i");
      this.progress = make("div", { class: "page-load", role: "progressbar", hidden: true }, this.fill);
      this.stage = make("p", { class: "page-model-facts", role: "status" });
      this.act = make("button", { type: "button", class: "page-act", on: { click: () => trigger(this.does, { id }) } });
      this.gone = make("button", { type: "button", class: "page-gone", on: { click: () => this.remove(trigger, id) } });
      this.head = make("div", { class: "page-model-head" }, this.title, this.state, this.act);
      this.element = make("li", { class: "page-model" }, this.head, this.facts, this.note, this.progress, this.stage);
    }

    update(model, snapshot) {
      const load = snapshot.loads[model.id];
      const own = load && ["loading", "queued", "running"].includes(load.state);
      playground.say(this.title, model.title);
      playground.say(this.state, WORDS[model.state] || model.state);
      playground.mark(this.element, "data-state", model.state);
      playground.say(this.facts, [
        model.modalities.join(", "), model.architecture, `${parameters(model.parameters)} parameters`, model.licence,
        model.state === "embedded" ? "nothing to download" : `${HERE.includes(model.state) ? "on disk" : "download"} ${model.size_mb ? size(model.size_mb) : "size unknown"}`,
        model.memory_mb ? `needs ${size(model.memory_mb)} of memory` : "",
      ].filter(Boolean).join(" · "));
      playground.say(this.note, [model.id, model.note, model.error].filter(Boolean).join(" · "));
      this.loading(own ? load : model.state === "loading" ? { progress: model.progress } : null);
      this.button(model, snapshot, own);
    }

    /** The first click asks, the second one removes. */
    remove(trigger, id) {
      if (this.sure) return trigger("remove", { id });
      this.sure = setTimeout(() => {
        this.sure = null;
        this.naming();
      }, SURE_MS);
      return this.naming();
    }

    naming() {
      const label = this.sure ? "Remove it for good?" : "Remove";
      playground.say(this.gone, label);
      playground.mark(this.gone, "aria-label", `${label} ${this.title.textContent}`);
    }

    loading(load) {
      const { progress } = load || {};
      this.progress.hidden = !load;
      const part = progress && progress.total ? Math.min(1, progress.done / progress.total) : null;
      playground.mark(this.progress, "data-known", part === null ? null : "yes");
      playground.mark(this.progress, "aria-valuenow", part === null ? null : Math.round(part * 100));
      this.fill.style.width = part === null ? "" : part * 100 + "%";
      const figures = progress && (progress.total || progress.done) ? playground.amount(progress.done, progress.total, progress.unit) : "";
      playground.say(this.stage, load ? `${(progress && progress.stage) || "waiting"} ${figures}`.trim() : "");
    }

    button(model, snapshot, own) {
      const loaded = ["ready", "in use"].includes(model.state);
      this.does = own ? "halt" : loaded ? "drop" : "fetch";
      const label = own ? "Stop" : loaded ? "Unload" : "Load";
      playground.say(this.act, label);
      playground.mark(this.act, "aria-label", `${label} ${model.title}`);
      this.act.hidden = !snapshot.may_change || (model.state === "loading" && !own);
      this.act.disabled = model.state === "in use";
      const removable = model.kept && snapshot.may_change && !["in use", "loading"].includes(model.state);
      if (removable && !this.gone.isConnected) this.head.append(this.gone);
      if (!removable) this.gone.remove();
      this.naming();
    }
  }

  /** Called by gr.HTML's js_on_load. */
  playground.models = (element, props, trigger, watch) => {
    const models = new Models(element.querySelector(".page-models") || element, trigger);
    watch("value", () => models.receive(props.value));
    models.receive(props.value);
  };
})();
