// The text as it is written: every token a button, tinted by how surprising it was.
//
// Surprise is −log2 of the unfiltered model's probability. It is shown twice, as a tint and as the
// height of the line under the token, so that it survives grey print and colour blindness.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, visible, spoken, percent } = playground;
  const BITS = [0.5, 1.5, 3, 5, 8]; // upper edges of the first five of six levels
  const LONG_PROMPT = 80;

  function level(bits) {
    const found = BITS.findIndex((edge) => bits < edge);
    return found < 0 ? BITS.length : found;
  }

  function item(source, prompt) {
    const logprob = source.logprob;
    const split = !prompt && source.text === "" && !source.special && source.piece !== "";
    const text = source.special || split ? source.piece || source.text : source.text;
    return { source, prompt, text, split, bits: logprob === null || logprob === undefined ? null : -logprob / Math.LN2 };
  }

  function label(entry, other) {
    const { source } = entry;
    const what = source.special ? "special token " + spoken(entry.text) : spoken(entry.text);
    if (entry.prompt) return `${what}, given, ${entry.bits === null ? "nothing before it" : "model's probability " + percent(Math.exp(source.logprob))}`;
    const instead = other ? `; would now be ${other.token_id === null ? "one of the others" : spoken(other.text)}` : "";
    return `${what}, probability ${percent(source.probability)}, rank ${source.rank + 1}, surprise ${entry.bits.toFixed(1)} bits${instead}`;
  }

  function chip(entry, index) {
    const { source } = entry;
    const classes = ["pg-chip"];
    if (entry.prompt) classes.push("pg-given");
    if (source.special) classes.push("pg-special");
    if (entry.split) classes.push("pg-split");
    const text = make("bdi", { dir: "auto" });
    text.textContent = visible(entry.text, 400) || "∅";
    return make("button", {
      class: classes.join(" "), type: "button", tabindex: "-1", "data-at": index, "aria-label": label(entry, null),
      "data-surprise": entry.bits === null ? 0 : level(entry.bits), "aria-pressed": "false",
    }, text);
  }

  class Chips {
    /** `open({prompt, at})` is called for a token that is clicked, `close()` for Escape. */
    constructor(actions) {
      this.actions = actions;
      this.items = [];
      this.nodes = [];
      this.roving = -1;
      this.flow = make("div", { class: "pg-flow", role: "group", "aria-label": "The text, token by token" });
      this.element = make("div", { class: "pg-text", tabindex: "-1" }, this.flow);
      this.flow.addEventListener("click", (event) => this.clicked(event));
      this.flow.addEventListener("keydown", (event) => this.pressed(event));
      this.flow.addEventListener("focusin", (event) => this.rove(this.nodes.indexOf(event.target.closest(".pg-chip"))));
    }

    update(view) {
      const prompt = view.started ? view.started.prompt_tokens || [] : [];
      const sources = prompt.concat(view.steps);
      const following = this.nearEnd();
      let same = 0;
      while (same < this.items.length && same < sources.length && this.items[same].source === sources[same]) same += 1;
      this.cut(same);
      const added = document.createDocumentFragment();
      for (let i = same; i < sources.length; i += 1) this.append(added, item(sources[i], i < prompt.length));
      this.flow.append(added);
      if (same === 0) mark(this.flow, "dir", playground.direction(this.items.slice(0, 200).map((x) => x.source.text).join("")));
      this.prompts = prompt.length;
      this.select(view);
      if (sources.length > same && following && !view.pinned) this.element.scrollTop = this.element.scrollHeight;
      if (this.roving < 0 && this.nodes.length) this.rove(0);
    }

    append(host, entry) {
      const node = chip(entry, this.items.length);
      this.items.push(entry);
      this.nodes.push(node);
      host.append(node);
      const last = entry.source.special ? null : /\n/.exec(entry.text);
      if (last) host.append(make("br"));
    }

    /** Takes everything from position `from` on away. */
    cut(from) {
      if (from >= this.nodes.length) return;
      if (from === 0) this.flow.replaceChildren();
      else while (this.flow.lastChild !== this.nodes[from - 1] && !(this.flow.lastChild.tagName === "BR" && this.flow.lastChild.previousSibling === this.nodes[from - 1])) this.flow.lastChild.remove();
      this.items.length = from;
      this.nodes.length = from;
      if (this.roving >= from) this.roving = from - 1;
    }

    select(view) {
      const at = view.place ? (view.place.prompt ? view.place.at : view.place.at + this.prompts) : -1;
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
      const node = this.nodes[at + this.prompts];
      if (!node) return;
      const text = other ? (other.token_id === null ? "…" : visible(other.text, 24)) : null;
      if ((node.dataset.other || null) === text) return;
      mark(node, "data-other", text);
      mark(node, "aria-label", label(this.items[at + this.prompts], other));
      let tag = node.querySelector(".pg-other");
      if (!text) return tag && tag.remove();
      if (!tag) node.append((tag = make("bdi", { class: "pg-other", "aria-hidden": "true", dir: "auto" })));
      say(tag, text);
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
      return at < this.prompts ? { prompt: true, at } : { prompt: false, at: at - this.prompts };
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
      if (key === back) return Math.max(0, at - 1);
      if (key === "Home") return 0;
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
      for (let i = at + way; i >= 0 && i < this.nodes.length; i += way) {
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
  playground.surpriseLevel = level;
  playground.LONG_PROMPT = LONG_PROMPT;
})();
