// The same distribution after each filter, in order: small pictures, one of them large.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, draw, say, mark, percent, visible, count } = playground;
  const SMALL = 12, LARGE = 8, HEIGHT = 30, BIG = 84;

  /** One sentence: what this stage did; `again`: under settings that were moved since. */
  function sentence(stage, settings, again) {
    const gone = Math.round(stage.removed);
    const removed = gone ? ` It removed ${count(gone)} ${gone === 1 ? "token" : "tokens"}.` : " It removed nothing.";
    const number = (name) => settings[name];
    switch (stage.name) {
      case "raw": return "What the model itself says, before any setting.";
      case "final": return "What is left, scaled up so that it adds to 100 %. From this the token is taken.";
      case "temperature":
        return Number(number("temperature")) < 1 ? `Divides the scores by ${number("temperature")}: the likely become likelier.` : `Divides the scores by ${number("temperature")}: the chances move closer together.`;
      case "top_k": return `Keeps the ${count(number("top_k"))} likeliest tokens.${removed}`;
      case "top_p": return `Keeps the likeliest tokens that together reach ${percent(number("top_p"))}.${removed}`;
      case "min_p": return `Keeps tokens at least ${number("min_p")} times as likely as the likeliest.${removed}`;
      case "typical": return `Keeps the tokens whose surprise is close to the average, up to ${percent(number("typical_p"))}.${removed}${again ? " Redrawn from a summary of the rarer tokens: the last one that is kept may be another." : ""}`;
      case "repetition_penalty": return `Makes tokens that already stand in the text less likely (${number("repetition_penalty")}).`;
      case "no_repeat_ngram": return `Forbids to repeat ${number("no_repeat_ngram_size")} tokens in a row.${removed}`;
      case "logit_bias": return "Raises or lowers the tokens you named.";
      default: return `${stage.label}.${gone ? removed : ""}`;
    }
  }

  /** The tokens that all small pictures show, in one order: the model's favourites and the chosen one. */
  function shownIds(stages, chosen, n) {
    const named = stages[0].atoms.filter((a) => a.token_id !== null && a.text);
    const ids = [...named].sort((a, b) => b.probability - a.probability).slice(0, n).map((a) => a.token_id);
    if (chosen !== null && !ids.includes(chosen) && named.some((a) => a.token_id === chosen)) ids[ids.length - 1] = chosen;
    return ids;
  }

  function picture(stage, ids, chosen, scale) {
    const by = new Map(stage.atoms.map((a) => [a.token_id, a]));
    const bars = ids.map((id, i) => {
      const p = by.has(id) ? by.get(id).probability : 0;
      const height = Math.max(p > 0 ? 1 : 0, (p / scale) * HEIGHT);
      return draw("rect", { x: i * 5, y: HEIGHT - height, width: 4, height, class: id === chosen ? "pg-picked" : null });
    });
    return draw("svg", { viewBox: `0 0 ${SMALL * 5 - 1} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars);
  }

  const SHORT = { logit_bias: "bias", repetition_penalty: "repetition", no_repeat_ngram: "n-gram" };

  class Stages {
    constructor() {
      this.pinned = "final";
      this.hovered = null;
      this.grid = make("div", { class: "pg-stage-grid", role: "group", "aria-label": "Stages" });
      this.grid.addEventListener("pointerleave", () => this.look(null));
      this.title = make("h4", { class: "pg-h" });
      this.words = make("p", { class: "pg-small" });
      this.bars = make("div", { class: "pg-big", "aria-hidden": "true" });
      this.large = make("div", { class: "pg-large" }, this.title, this.bars, this.words);
      this.element = make("section", { class: "pg-stages", "aria-label": "What each setting did" },
        make("h4", { class: "pg-h", text: "What each setting did" }), this.grid, this.large);
      this.tiles = [];
    }

    tile(i) {
      if (this.tiles[i]) return this.tiles[i];
      const parts = { box: make("span", { class: "pg-tile-box" }), label: make("span", { class: "pg-tile-name" }) };
      parts.element = make("button", { class: "pg-tile", type: "button" }, parts.box, parts.label);
      parts.element.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && this.look(parts.name));
      parts.element.addEventListener("focus", () => this.look(parts.name));
      parts.element.addEventListener("blur", () => this.look(null));
      parts.element.addEventListener("click", () => {
        this.pinned = parts.name;
        this.paint();
      });
      this.grid.append(parts.element);
      return (this.tiles[i] = parts);
    }

    look(name) {
      if (this.hovered === name) return;
      this.hovered = name;
      if (this.view) this.paint();
    }

    update(view, settings, again) {
      this.again = again;
      this.element.hidden = !view.result;
      if (!view.result) return;
      this.view = view;
      this.settings = settings;
      this.stages = [...view.result.stages, { name: "final", label: "final", active: true, removed: 0, atoms: view.result.atoms }];
      this.paint();
    }

    paint() {
      const { stages } = this;
      const chosen = this.view.chosen.token_id;
      const ids = shownIds(stages, chosen, SMALL);
      const scale = Math.max(0.05, ...stages.flatMap((stage) => (stage.active ? stage.atoms.filter((a) => ids.includes(a.token_id)).map((a) => a.probability) : [])));
      const name = stages.some((s) => s.name === this.hovered) ? this.hovered : stages.some((s) => s.name === this.pinned) ? this.pinned : "final";
      stages.forEach((stage, i) => {
        const parts = this.tile(i);
        parts.name = stage.name;
        mark(parts.element, "data-off", !stage.active);
        mark(parts.element, "aria-pressed", stage.name === name ? "true" : "false");
        const label = stage.label || playground.filterLabel(stage.name);
        mark(parts.element, "aria-label", stage.active ? label : label + ", off");
        say(parts.label, SHORT[stage.name] || label);
        parts.box.replaceChildren(stage.active ? picture(stage, ids, chosen, scale) : make("i", { class: "pg-dash" }));
      });
      this.tiles.forEach((parts, i) => (parts.element.hidden = i >= stages.length));
      this.enlarge(stages.findIndex((s) => s.name === name), ids.slice(0, LARGE), chosen, scale);
    }

    enlarge(at, ids, chosen, scale) {
      const stage = this.stages[at];
      const label = stage.label || playground.filterLabel(stage.name);
      say(this.title, stage.active ? `${label}, in %` : `${label} is off`);
      say(this.words, stage.active ? sentence(stage, this.settings, this.again) : "It changes nothing here.");
      const by = new Map(stage.atoms.map((a) => [a.token_id, a])), raw = new Map(this.stages[0].atoms.map((a) => [a.token_id, a]));
      if (chosen !== null && !ids.includes(chosen) && by.has(chosen)) ids[ids.length - 1] = chosen;
      this.bars.replaceChildren(...ids.map((id) => {
        const now = by.get(id), height = (p) => `${Math.min(100, (p / scale) * 100)}%`;
        const name = make("bdi", { class: "pg-name", dir: "auto" });
        name.textContent = visible((raw.get(id) || {}).text || "", 16);
        const p = now ? now.probability : 0, first = raw.has(id) ? raw.get(id).probability : 0;
        return make("div", { class: "pg-column", "data-chosen": id === chosen, "data-removed": Boolean(now && now.removed_by) },
          make("span", { class: "pg-percent", text: percent(p).replace(/\s*%$/, "") }), // eight of them stand in one row
          make("span", { class: "pg-well", style: { height: BIG + "px" } }, make("i", { class: "pg-final", style: { height: height(p) } }), make("i", { class: "pg-raw", style: { height: height(first) } })), name);
      }));
    }
  }

  playground.Stages = Stages;
})();
