// The candidates: the raw probability as an outline, the final one filled, what a filter removed hatched.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, percent, count, spoken, visible } = playground;
  const ROWS = 9, GONE = 3;
  const SCALES = [0.1, 0.25, 0.5, 1];

  /** The rows that fit: the likeliest, a few of the removed, and always the chosen and the written one. */
  function pick(view, all) {
    if (all) return view.rows;
    const kept = view.rows.slice(0, view.kept), gone = view.rows.slice(view.kept);
    const first = kept.slice(0, Math.max(ROWS - Math.min(gone.length, GONE), ROWS - gone.length));
    const shown = first.concat(gone.slice(0, ROWS - first.length));
    for (const id of [view.written, view.chosen.token_id]) {
      const row = id === null ? null : view.rows.find((r) => r.token_id === id);
      if (!row || shown.includes(row)) continue;
      const spare = shown.findLastIndex((r) => r.token_id !== view.written && r.token_id !== view.chosen.token_id);
      shown[spare < 0 ? shown.length : spare] = row;
    }
    return view.rows.filter((row) => shown.includes(row));
  }

  class Bars {
    /** `fork(token_id)` goes on from the shown step with that token. */
    constructor(actions) {
      this.actions = actions;
      this.all = false;
      this.open = null;
      this.pool = [];
      this.scale = make("span", { class: "pg-scale" });
      this.head = make("div", { class: "pg-bars-head", "aria-hidden": "true" },
        make("span", { class: "pg-key" }, make("i", { class: "pg-swatch pg-raw" }), "model"),
        make("span", { class: "pg-key" }, make("i", { class: "pg-swatch pg-final" }), "after the settings"), this.scale);
      this.list = make("div", { class: "pg-bars", role: "list" });
      this.more = make("button", { class: "pg-quiet", type: "button", on: { click: () => this.toggle() } });
      this.element = make("section", { class: "pg-candidates", "aria-label": "Candidates for this token" }, this.head, this.list, this.more);
    }

    toggle() {
      this.all = !this.all;
      this.update(this.view, this.may, this.words);
    }

    row(i) {
      if (this.pool[i]) return this.pool[i];
      const parts = { name: make("bdi", { class: "pg-name", dir: "auto" }), raw: make("i", { class: "pg-raw" }), fill: make("i", { class: "pg-final" }) };
      parts.figure = make("span", { class: "pg-figure" });
      parts.note = make("span", { class: "pg-note" });
      parts.track = make("span", { class: "pg-track" }, parts.fill, parts.raw, parts.note);
      parts.button = make("button", { class: "pg-bar", type: "button" }, make("span", { class: "pg-namebox" }, parts.name), parts.track, parts.figure);
      parts.go = make("button", { class: "pg-button pg-go", type: "button", on: { click: () => this.actions.fork(parts.id) } });
      parts.action = make("div", { class: "pg-action", hidden: true }, parts.go);
      parts.element = make("div", { role: "listitem", class: "pg-row" }, parts.button, parts.action);
      parts.button.addEventListener("click", () => {
        this.open = this.open === parts.id ? null : parts.id;
        this.update(this.view, this.may, this.words);
      });
      this.list.append(parts.element);
      return (this.pool[i] = parts);
    }

    /** `view` as `distribution` gives it; `may`: whether this step can be gone on from, `words`: how that is called. */
    update(view, may, words = "Continue from here with") {
      if (this.view && (this.view.step !== view.step)) this.open = null;
      this.view = view;
      this.may = may;
      this.words = words;
      const shown = pick(view, this.all);
      const others = view.others.count ? [view.others] : [];
      const top = Math.max(0.01, ...shown.concat(others).map((row) => Math.max(row.raw, row.final)));
      const scale = SCALES.find((s) => top <= s) || 1;
      say(this.scale, `full width ${percent(scale)}`);
      shown.concat(others).forEach((row, i) => this.show(this.row(i), row, scale));
      const used = shown.length + others.length;
      this.pool.forEach((parts, i) => (parts.element.hidden = i >= used));
      const hidden = view.rows.length - shown.length;
      this.more.hidden = view.rows.length <= ROWS;
      say(this.more, this.all ? "fewer candidates" : `${hidden} more candidates`);
    }

    show(parts, row, scale) {
      const { view } = this;
      const other = row.token_id === null;
      const written = !other && row.token_id === view.written;
      const now = view.chosen.token_id === row.token_id;
      parts.id = row.token_id;
      const name = other ? `${count(row.count)} others` : visible(row.text, 40) || "∅";
      say(parts.name, name);
      playground.tint(parts.name, other ? "" : row.text);
      parts.raw.style.setProperty("width", Math.min(100, (row.raw / scale) * 100) + "%");
      parts.fill.style.setProperty("width", Math.min(100, (row.final / scale) * 100) + "%");
      say(parts.figure, percent(row.final));
      const removed = row.removed_by ? `removed by ${row.removed_by.split(", ").map(playground.filterLabel).join(" and ")}` : "";
      const chosen = now ? "◀ chosen" : written ? "◀ was written" : "";
      say(parts.note, chosen || removed);
      mark(parts.element, "data-removed", Boolean(row.removed_by));
      mark(parts.element, "data-chosen", now);
      mark(parts.element, "data-written", written && !now);
      const end = Math.min(100, (Math.max(row.raw, row.final) / scale) * 100);
      const inside = end > 60;
      parts.note.classList.toggle("pg-inside", inside);
      parts.note.style.setProperty("inset-inline-start", inside ? "auto" : `calc(${end}% + 6px)`);
      parts.note.style.setProperty("inset-inline-end", inside ? `calc(${100 - end}% + 5px)` : "auto");
      const facts = `${other ? name : spoken(row.text)}: ${percent(row.final)}, ${percent(row.raw)} in the model` + (removed ? ", " + removed : "") + (now ? ", chosen" : written ? ", was written" : "");
      mark(parts.button, "aria-label", facts);
      parts.button.disabled = other;
      const open = !other && this.open === row.token_id && this.may;
      mark(parts.button, "aria-expanded", other || !this.may ? null : open ? "true" : "false");
      parts.action.hidden = !open;
      if (open) say(parts.go, `${this.words} “${visible(row.text, 24)}”`);
    }
  }

  const LABELS = { top_k: "top-k", top_p: "top-p", min_p: "min-p" }; // of filters without a twin here

  /** A filter's name as people write it. */
  playground.filterLabel = (name) => {
    const twin = (playground.filters || {})[name];
    return (twin && twin.label) || LABELS[name] || String(name).replace(/_/g, " ");
  };
  playground.Bars = Bars;
})();
