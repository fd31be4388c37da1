// Beam search: the texts that live at this step, their scores, and where each came from.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, draw, say, mark, visible } = playground;
  const COLUMN = 62, ROW = 26, TAIL = 30, SQUARES = 14;

  function tail(text) {
    const letters = [...text];
    return visible(letters.length > TAIL ? "…" + letters.slice(1 - TAIL).join("") : text, TAIL + 2);
  }

  /** The colours at the end of a text that is a picture, as small squares; null where it is another text. */
  function squares(text) {
    const pieces = text.match(/#[0-9a-f]{6}|\n|[^\n]+?(?=#|\n|$)/g) || [];
    const last = pieces.slice(-SQUARES);
    if (!last.some(playground.isColour) || !last.every((piece) => piece === "\n" || playground.isColour(piece))) return null;
    return [pieces.length > SQUARES ? "…" : "", ...last.map((piece) => (piece === "\n" ? "⏎" : playground.square(piece)))];
  }

  class Beams {
    /** `follow(at, row)` shows hypothesis `row` after beam step `at` as the text. */
    constructor(actions) {
      this.actions = actions;
      this.list = make("div", { class: "pg-beam-list", role: "list" });
      this.tree = draw("svg", { class: "pg-tree", role: "img", "aria-label": "How the texts branched in the last steps" });
      this.words = make("p", { class: "pg-small" });
      this.count = make("span", { class: "pg-most" });
      this.element = make("section", { class: "pg-beams", "aria-label": "Beams", hidden: true },
        make("div", { class: "pg-scrub-head" }, playground.term("beam", "beams"), this.count), this.list, this.tree, this.words);
      this.pool = [];
    }

    update(view) {
      const run = view.run;
      this.element.hidden = !run || run.beams.length === 0 || !view.place || view.place.prompt;
      if (this.element.hidden) return;
      const step = view.steps[view.place.at];
      let at = run.beams.findIndex((event) => event.step === step.index);
      if (at < 0) at = run.beams.length - 1;
      const event = run.beams[at];
      this.at = at;
      const row = this.chosenRow(view, event);
      event.beams.forEach((beam, i) => this.show(this.line(i), beam, i, i === row));
      this.pool.forEach((parts, i) => (parts.element.hidden = i >= event.beams.length));
      const live = event.beams.filter((b) => !b.finished).length;
      say(this.count, `${live} live, ${event.beams.length - live} finished, after step ${event.step + 1}`);
      this.branches(run, at, row);
      say(this.words, "Beam search draws no random number. It keeps the texts with the best sums, so temperature, top-k and top-p do nothing here.");
    }

    /** The row whose text is on the page; the best one where none is. */
    chosenRow(view, event) {
      if (view.hypothesis && view.run.beams[view.hypothesis.at] === event) return view.hypothesis.row;
      const ids = view.steps.slice(0, view.place.at + 1).slice(-event.step - 1).map((s) => s.token_id);
      const found = event.beams.findIndex((b) => b.tokens.length === ids.length && b.tokens.every((id, i) => id === ids[i]));
      return Math.max(0, found);
    }

    line(i) {
      if (this.pool[i]) return this.pool[i];
      const parts = { text: make("bdi", { class: "pg-name", dir: "auto" }), score: make("span", { class: "pg-figure" }), end: make("span", { class: "pg-tag" }) };
      parts.button = make("button", { class: "pg-beam", type: "button", on: { click: () => this.actions.follow(this.at, i) } },
        make("span", { class: "pg-place", text: String(i + 1) }), make("span", { class: "pg-beam-text" }, parts.text), parts.end, parts.score);
      parts.element = make("div", { role: "listitem" }, parts.button);
      this.list.append(parts.element);
      return (this.pool[i] = parts);
    }

    show(parts, beam, i, selected) {
      const text = beam.so_far || beam.text, picture = squares(text);
      if (!picture) say(parts.text, tail(text));
      else if (parts.shown !== text) parts.text.replaceChildren(...picture);
      parts.shown = picture ? text : null;
      say(parts.score, beam.score.toFixed(2).replace("-", "−"));
      say(parts.end, beam.finished ? "ended" : "");
      parts.end.hidden = !beam.finished;
      mark(parts.button, "aria-pressed", selected ? "true" : "false");
      mark(parts.button, "aria-label", `Text ${i + 1}, score ${beam.score.toFixed(2)}${beam.finished ? ", ended" : ""}: ${(beam.so_far || beam.text).slice(-200)}`);
    }

    branches(run, at, row) {
      const columns = Math.max(2, Math.floor((this.element.clientWidth || 340) / COLUMN));
      const first = Math.max(0, at - columns + 1);
      const rows = Math.max(...run.beams.slice(first, at + 1).map((event) => event.beams.length));
      const onPath = new Map();
      for (let i = at, r = row; i >= first && r !== null; i -= 1) {
        onPath.set(i, r);
        const from = playground.hypotheses.origin(run.beams[i - 1], run.beams[i].beams[r]);
        r = from ? from.row : null;
      }
      const alive = this.alive(run, at, first);
      const edges = draw("g"), nodes = draw("g");
      for (let i = first; i <= at; i += 1) {
        run.beams[i].beams.forEach((beam, r) => {
          const here = { x: (i - first) * COLUMN, y: r * ROW };
          const state = onPath.get(i) === r ? "path" : alive.has(`${i} ${r}`) ? "live" : "dead";
          const from = playground.hypotheses.origin(run.beams[i - 1], beam);
          if (from && i > first) edges.append(this.edge({ x: here.x - COLUMN, y: from.row * ROW }, here, onPath.get(i) === r && onPath.get(i - 1) === from.row ? "path" : state === "path" ? "live" : state));
          if (!from || !from.carried) nodes.append(this.node(here, beam, state));
        });
      }
      mark(this.tree, "viewBox", `0 0 ${columns * COLUMN} ${rows * ROW}`);
      mark(this.tree, "width", columns * COLUMN);
      mark(this.tree, "height", rows * ROW);
      this.tree.replaceChildren(edges, nodes);
    }

    /** Places in the tree from which something at step `at` descends. */
    alive(run, at, first) {
      const found = new Set();
      let rows = new Set(run.beams[at].beams.keys());
      for (let i = at; i >= first; i -= 1) {
        const before = new Set();
        for (const r of rows) {
          found.add(`${i} ${r}`);
          const from = playground.hypotheses.origin(run.beams[i - 1], run.beams[i].beams[r]);
          if (from) before.add(from.row);
        }
        rows = before;
      }
      return found;
    }

    edge(from, to, state) {
      const start = from.x + COLUMN - 8, middle = (start + to.x) / 2;
      return draw("path", { class: "pg-edge", "data-state": state, d: `M${start} ${from.y + 12}C${middle} ${from.y + 12} ${middle} ${to.y + 12} ${to.x} ${to.y + 12}` });
    }

    node(at, beam, state) {
      const text = draw("text", { x: at.x + (COLUMN - 8) / 2, y: at.y + 16, "text-anchor": "middle" });
      const box = draw("rect", { x: at.x + 0.75, y: at.y + 1.5, width: COLUMN - 9.5, height: 21, rx: 5 });
      if (playground.isColour(beam.text)) box.style.setProperty("fill", beam.text);
      else text.textContent = visible(beam.text, 7) || "∅";
      return draw("g", { class: "pg-node", "data-state": state }, box, text);
    }
  }

  playground.Beams = Beams;
})();
