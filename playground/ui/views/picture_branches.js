// The runs of this page side by side: what each one changed, and what came of it.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, mark, say, makePicture, putPicture } = playground;
  const MOST = 6;
  const NAMES = { prompt: "", negative_prompt: "not ", guidance: "guidance ", scheduler: "", seed: "seed ", steps: "steps ", strength: "strength " };

  /** What a run asked for that another did not, in a few words. */
  function changes(settings, other) {
    if (!other) return settings.prompt;
    const found = Object.keys(NAMES).filter((name) => settings[name] !== other[name]).map((name) => `${NAMES[name]}${settings[name] || "(nothing)"}`);
    return found.join(", ") || "the same settings";
  }

  class PictureBranches {
    /** `show(run)` shows a run again. */
    constructor(actions) {
      this.actions = actions;
      this.runs = [];
      this.cells = [];
      this.row = make("div", { class: "pc-branches" });
      this.element = make("section", { "aria-label": "Runs side by side", hidden: true }, make("h4", { class: "pg-h", text: "Side by side" }), this.row);
    }

    take(run) {
      const kept = this.runs.filter((r) => r !== run && !(r.finished && r.finished.reason === "new_input"));
      this.runs = [...kept, run].slice(-MOST);
    }

    /** Runs that were made before this page was loaded. */
    remember(runs) {
      this.runs = [...runs, ...this.runs].slice(-MOST);
    }

    update(view) {
      const shown = this.runs.filter((run) => run.started && run.finished && (run.finished.pictures || []).length);
      this.element.hidden = shown.length < 2;
      if (shown.length < 2) return;
      while (this.cells.length < shown.length) this.cells.push(this.cell());
      this.row.replaceChildren(...shown.map((run, i) => {
        const cell = this.cells[i], { settings, parent, parent_index: at } = run.started;
        const origin = shown.find((r) => r.id === parent);
        cell.run = run;
        putPicture(cell.image, run.finished.pictures[view.picture] || run.finished.pictures[0], `picture: ${settings.prompt.slice(0, 100)}`);
        const before = origin ? origin.started.settings : i ? shown[i - 1].started.settings : null;
        say(cell.name, `${origin ? `from step ${at + 1}: ` : ""}${changes(settings, before)}`);
        mark(cell.element, "aria-pressed", String(run === view.run));
        return cell.element;
      }));
    }

    cell() {
      const cell = { image: makePicture({ class: "pc-branch" }), name: make("span", { class: "pc-said" }), run: null };
      cell.element = make("button", { class: "pc-run", type: "button", on: { click: () => this.actions.show(cell.run) } }, cell.image, cell.name);
      return cell;
    }
  }

  playground.PictureBranches = PictureBranches;
})();
