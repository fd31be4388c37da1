// The text as it is written: every token a button, tinted by how surprising it was.
//
// Surprise is −log2 of the unfiltered model's probability. It is shown twice, as a tint and as the
// height of the line under the token, so that it survives grey print and colour blindness.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, visible, chip, chipItem: item, chipInPlace: inPlace, chipLabel: label } = playground;
  const LONG_PROMPT = 80; // tokens; a longer prompt, and that of a chat, is folded away

  class Chips {
    /** `open({prompt, at})` is called for a token that is clicked, `close()` for Escape. */
    constructor(actions) {
      this.actions = actions;
      this.items = [];
      this.nodes = [];
      this.prompts = 0;
      this.places = []; // per button: {prompt, at}, a token of the prompt or a step
      this.roving = -1;
      this.picture = false; // whether its tokens are pixels
      this.unfolded = null; // whether a person unfolded the prompt; null: not asked yet
      this.fold = make("button", { class: "pg-quiet pg-fold-prompt", type: "button", hidden: true, on: { click: () => this.unfold() } });
      this.given = make("span", { class: "pg-prompt-tokens" });
      this.written = make("span");
      this.flow = make("div", { class: "pg-flow", role: "group", "aria-label": "The text, token by token" }, this.given, this.written);
      this.element = make("div", { class: "pg-text" }, this.fold, this.flow);
      this.flow.addEventListener("click", (event) => this.clicked(event));
      this.flow.addEventListener("keydown", (event) => this.pressed(event));
      this.flow.addEventListener("focusin", (event) => this.rove(this.nodes.indexOf(event.target.closest(".pg-chip"))));
    }

    update(view) {
      const prompt = view.started ? view.started.prompt_tokens || [] : [];
      this.columns = playground.columnsOf(view.started);
      const fills = playground.gaps.fills(view) ? new Map(view.steps.map((step, i) => [view.started.places[i], i])) : null;
      this.places = prompt.map((_, at) => (fills && fills.has(at) ? { prompt: false, at: fills.get(at) } : { prompt: true, at }));
      if (!fills) view.steps.forEach((_, at) => this.places.push({ prompt: false, at }));
      const sources = this.places.map((place) => (place.prompt ? prompt : view.steps)[place.at]);
      const focused = fills ? this.nodes.indexOf(document.activeElement) : -1;
      const following = this.nearEnd();
      let same = 0;
      while (same < this.items.length && same < sources.length && this.items[same].source === sources[same]) same += 1;
      if (same < this.prompts || prompt.length !== this.prompts) same = 0;
      this.cut(same);
      this.prompts = prompt.length;
      for (const [from, to, host] of [[same, prompt.length, this.given], [Math.max(same, prompt.length), sources.length, this.written]]) {
        const added = document.createDocumentFragment();
        for (let i = from; i < to; i += 1) {
          const step = this.places[i].prompt ? null : sources[i];
          this.append(added, fills ? { ...inPlace(view, prompt[i], i, step), filled: step !== null } : item(sources[i], i < prompt.length, sources[i - 1]));
        }
        if (from < to) host.append(added);
      }
      if (same === 0) mark(this.flow, "dir", playground.direction(this.items.slice(0, 200).map((x) => x.source.text).join("")));
      this.picture = this.flow.querySelector(".pg-pixel") !== null;
      mark(this.flow, "data-pixels", this.picture ? "true" : null);
      this.folding(view, fills);
      this.select(view);
      if (same === 0 && focused >= 0 && this.nodes[focused]) this.nodes[focused].focus({ preventScroll: true });
      if (sources.length > same && following && !view.pinned) this.toEnd();
      if (this.nodes.length && (this.roving < this.first || this.roving < 0)) this.rove(Math.min(this.first, this.nodes.length - 1));
    }

    /** Scrolls to the end with the next picture: to ask for the height now would lay everything out a second time. */
    toEnd() {
      requestAnimationFrame(() => (this.element.scrollTop = this.element.scrollHeight));
    }

    /** The first token that is not folded away. */
    get first() {
      return this.given.hidden ? this.prompts : 0;
    }

    folding(view, fills) {
      const foldable = this.prompts > 0 && !fills && (this.prompts > LONG_PROMPT || view.history.length > 0);
      this.fold.hidden = !foldable;
      this.given.hidden = foldable && !this.unfolded;
      say(this.fold, this.given.hidden ? `Show the ${playground.count(this.prompts)} tokens the model reads` : "Hide what the model reads");
      mark(this.fold, "aria-expanded", this.given.hidden ? "false" : "true");
    }

    unfold() {
      this.unfolded = !this.unfolded;
      this.actions.redraw();
    }

    append(host, entry) {
      const node = chip(entry, this.items.length);
      this.items.push(entry);
      this.nodes.push(node);
      host.append(node);
      if (!entry.source.special && entry.text.includes("\n")) host.append(make("br"));
      else if (this.columns && node.classList.contains("pg-pixel") && this.endsLine()) host.append(make("br"));
    }

    /** Whether the last pixel is the last one of its line, where no line break says so. */
    endsLine() {
      const texts = this.items.map((entry) => entry.text), pixels = this.nodes.filter((node) => node.classList.contains("pg-pixel"));
      return !texts.includes("\n") && pixels.length % this.columns === 0;
    }

    /** Takes everything from position `from` on away. */
    cut(from) {
      if (from >= this.nodes.length) return;
      if (from === 0) this.given.replaceChildren();
      if (from <= this.prompts) this.written.replaceChildren();
      else {
        const last = this.nodes[from - 1];
        const kept = last.nextSibling && last.nextSibling.tagName === "BR" ? last.nextSibling : last;
        while (this.written.lastChild !== kept) this.written.lastChild.remove();
      }
      this.items.length = from;
      this.nodes.length = from;
      if (this.roving >= from) this.roving = -1;
    }

    select(view) {
      const at = view.place ? this.index(view.place) : -1;
      const node = this.nodes[at];
      if (this.selected === node) return;
      if (this.selected) mark(this.selected, "aria-pressed", "false");
      this.selected = node;
      if (!node) return;
      mark(node, "aria-pressed", "true");
      if (view.pinned) this.reveal(node);
      if (!this.flow.contains(document.activeElement)) this.rove(at);
    }

    /** Marks a step that would be another token under the moved sliders (null: would not). */
    differs(at, other) {
      const node = this.node(at);
      if (!node) return;
      const text = other ? (other.token_id === null ? "…" : visible(other.text, 24)) : null;
      if ((node.dataset.other || null) === text) return;
      mark(node, "data-other", text);
      mark(node, "aria-label", label(this.items[this.index({ prompt: false, at })], other));
      let tag = node.querySelector(".pg-other");
      if (!text) return tag && tag.remove();
      if (!tag) node.append((tag = make("bdi", { class: "pg-other", "aria-hidden": "true", dir: "auto" })));
      say(tag, text);
      playground.tint(tag, other.text);
    }

    /** The button of step number `at`. */
    node(at) {
      return this.nodes[this.index({ prompt: false, at })];
    }

    /** Where a token of the prompt, or a step, stands among the buttons. */
    index(place) {
      return this.places.findIndex((p) => p.prompt === place.prompt && p.at === place.at);
    }

    /** The same steps (by number), those in sight before the others. */
    visibleFirst(steps) {
      const top = this.element.scrollTop, bottom = top + this.element.clientHeight;
      const seen = (at) => {
        const node = this.node(at);
        return node && node.offsetTop + node.offsetHeight > top && node.offsetTop < bottom;
      };
      const near = new Set(steps.filter(seen));
      return [...near, ...steps.filter((at) => !near.has(at))];
    }

    nearEnd() {
      const box = this.element;
      return box.scrollHeight - box.scrollTop - box.clientHeight < 48;
    }

    /** Scrolls inside the text only, never the page. */
    reveal(node) {
      const box = this.element;
      const top = node.offsetTop - box.offsetTop;
      if (top < box.scrollTop) box.scrollTop = Math.max(0, top - 24);
      else if (top + node.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + node.offsetHeight - box.clientHeight + 24;
    }

    place(at) {
      return this.places[at];
    }

    clicked(event) {
      const node = event.target.closest(".pg-chip");
      if (node) this.actions.open(this.place(this.nodes.indexOf(node)));
    }

    rove(at) {
      if (at < 0 || at >= this.nodes.length || at === this.roving) return;
      const before = this.nodes[this.roving];
      if (before) before.tabIndex = -1;
      this.roving = at;
      this.nodes[at].tabIndex = 0;
    }

    pressed(event) {
      const at = this.nodes.indexOf(event.target.closest(".pg-chip"));
      if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") {
        this.actions.close();
        return;
      }
      const next = this.neighbour(at, event.key);
      if (next === null) return;
      event.preventDefault();
      this.rove(next);
      this.nodes[next].focus({ preventScroll: true });
      this.reveal(this.nodes[next]);
      this.actions.moved(this.place(next));
    }

    neighbour(at, key) {
      const last = this.nodes.length - 1;
      const ahead = this.flow.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
      const back = this.flow.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
      if (key === ahead) return Math.min(last, at + 1);
      if (key === back) return Math.max(this.first, at - 1);
      if (key === "Home") return this.first;
      if (key === "End") return last;
      if (key === "ArrowDown") return this.line(at, 1);
      if (key === "ArrowUp") return this.line(at, -1);
      return null;
    }

    /** The token below or above, nearest in the neighbouring line. */
    line(at, way) {
      const here = this.nodes[at];
      const middle = here.offsetLeft + here.offsetWidth / 2;
      let row = null, best = at, distance = Infinity;
      for (let i = at + way; i >= this.first && i < this.nodes.length; i += way) {
        const node = this.nodes[i];
        if (row === null && Math.abs(node.offsetTop - here.offsetTop) > 4) row = node.offsetTop;
        if (row === null) continue;
        if (Math.abs(node.offsetTop - row) > 4) break;
        const away = Math.abs(node.offsetLeft + node.offsetWidth / 2 - middle);
        if (away < distance) [best, distance] = [i, away];
      }
      return best;
    }
  }

  playground.Chips = Chips;
})();
