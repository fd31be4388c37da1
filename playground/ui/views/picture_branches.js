// The runs of this page side by side: what each one changed, and what came of it.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, mark, say, makePicture, putPicture } = playground;
  const MOST = 6, MOST_KEPT = 60; // a picture may be taken in many pieces
  const NAMES = { model: "", prompt: "", negative_prompt: "not ", guidance: "guidance ", scheduler: "", seed: "seed ", steps: "steps ", strength: "strength ", number: "pictures ",
    width: "width ", height: "height ", strip: "film strip ", to_prompt: "to ", to_seed: "to seed " };

  const EMPTY = { prompt: "no words", negative_prompt: "no negative prompt", to_prompt: "to no words" };

  /** What a run asked for that another did not, in a few words. */
  function changes(settings, other) {
    if (!other) return settings.prompt;
    const brought = ["picture", "mask"].filter((name) => (settings[`${name}_is`] || "") !== (other[`${name}_is`] || ""))
      .map((name) => `${settings[`${name}_is`] ? (other[`${name}_is`] ? "another" : "a") : "no"} ${name}`);
    const known = Object.keys(NAMES).filter((name) => name in settings && name in other && settings[name] !== other[name]);
    const said = known.map((name) => (settings[name] === "" ? EMPTY[name] || "" : `${NAMES[name]}${settings[name]}`));
    // the short ones first: of a long line the end is cut off
    return [...said, ...brought].filter(Boolean).sort((a, b) => a.length - b.length).join(", ") || "the same settings";
  }

  /** Whether `run` ended on the way and `other` took the steps after it: one picture, taken in pieces. */
  function goesOn(run, other) {
    const last = run.tokens[run.tokens.length - 1], end = last ? last.index + 1 : run.total;
    return run.finished.reason !== "eos" && other.started.parent === run.id && other.started.parent_index >= end;
  }

  /** Whether `run` was drawn of the beginning of what was typed by the time of `later`. */
  function typedOn(run, later) {
    const { prompt, ...rest } = run.started.settings, { prompt: longer, ...others } = later.started.settings;
    const whole = later.finished.reason === "eos" && !later.started.parent;
    return Boolean(run.typed && later.typed && whole) && longer.startsWith(prompt) && Object.keys(rest).every((name) => rest[name] === others[name]);
  }

  class PictureBranches {
    /** `show(run)` shows a run again; `typed()` says whether runs follow the typing. */
    constructor(actions) {
      this.actions = actions;
      this.runs = [];
      this.cells = [];
      this.chosen = new WeakMap(); // run → which of its pictures was looked at last
      this.row = make("div", { class: "pc-branches" });
      this.element = make("section", { class: "pc-besides", "aria-label": "Runs side by side", hidden: true }, make("h4", { class: "pg-h", text: "Side by side" }), this.row);
    }

    take(run) {
      const kept = this.runs.filter((r) => r !== run && !(r.finished && r.finished.reason === "new_input"));
      this.runs = [...kept, run].slice(-MOST_KEPT);
      run.typed = this.actions.typed();
    }

    isNewest(run) {
      return this.runs[this.runs.length - 1] === run;
    }

    /** Runs that were made before this page was loaded. */
    remember(runs) {
      this.runs = [...runs, ...this.runs].slice(-MOST_KEPT);
    }

    update(view) {
      const made = this.runs.filter((run) => run.started && run.finished && (run.finished.pictures || []).length);
      const whole = made.filter((run) => !made.some((other) => goesOn(run, other)));
      const shown = whole.filter((run, i) => !whole.slice(i + 1).some((later) => typedOn(run, later))).slice(-MOST);
      this.element.hidden = shown.length < 2;
      if (shown.length < 2) return;
      while (this.cells.length < shown.length) this.cells.push(this.cell());
      this.row.replaceChildren(...shown.map((run, i) => {
        const cell = this.cells[i], { settings, parent, parent_index: at } = run.started;
        const origin = shown.find((r) => r.id === parent);
        cell.run = run;
        if (run === view.run) this.chosen.set(run, view.picture);
        putPicture(cell.image, run.finished.pictures[this.chosen.get(run) || 0] || run.finished.pictures[0], `picture: ${settings.prompt.slice(0, 100)}`);
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
