// The stage "One error": a wrong prediction, its loss, the gradient through the layers, one weight before and after the
// optimizer's step, and what the same prediction is then. A chain that is read from link to link.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, trainFigure: figure } = playground;

  /** A number with its sign: +0.00213, −1.2e-5. */
  function signed(v, digits = 3) {
    if (!Number.isFinite(v)) return "–";
    const size = Math.abs(v), text = size > 0 && size < 1e-3 ? size.toExponential(digits - 1) : size.toPrecision(digits + 1);
    return (v < 0 ? "−" : "+") + text;
  }

  const exact = (v) => (Number.isFinite(v) ? v.toPrecision(6).replace("-", "−") : "–");

  /** One link of the chain: a number, a heading, and what is in it. */
  function link(number, title, ...inside) {
    return make("section", { class: "tr-step" }, make("h4", {}, make("span", { class: "tr-number", "aria-hidden": "true", text: String(number) }), make("span", { text: title })), ...inside);
  }

  /** Two amounts, before and after, as bars under one another. */
  class Pair {
    constructor(names, format) {
      this.names = names;
      this.format = format;
      this.list = make("div", { class: "tr-bars tr-pair" });
    }
    update(before, after, top) {
      playground.trainBars(this.list, this.names, [before, after], { format: this.format });
      const most = top || Math.max(before, after, 1e-12);
      [before, after].forEach((v, i) => (this.list.children[i].children[1].firstChild.style.width = `${Math.max(0.4, Math.min(100, (v / most) * 100)).toFixed(1)}%`));
    }
  }

  class TrainError {
    constructor(view) {
      this.view = view;
      this.list = make("div", { class: "tr-wrongs", role: "group", "aria-label": "Wrong predictions" });
      this.again = make("button", { type: "button", class: "pg-quiet", text: "Look again at the model as it is now", on: { click: () => this.fetch() } });
      this.said = make("p", { class: "pg-small", role: "status" });
      this.context = make("p", { class: "tr-context", dir: "auto" });
      this.picture = make("div", { class: "tr-wrong-panel" });
      this.facts = make("p");
      this.loss = make("p", { class: "tr-big" });
      this.lossWords = make("p", { class: "pg-small" });
      this.layers = make("div", { class: "tr-bars tr-layers tr-back" });
      this.weightName = make("p", { class: "tr-weight-name" });
      this.sum = make("p", { class: "tr-sum" });
      this.line = make("div", { class: "tr-number-line", role: "img" }, make("i"), make("b"), make("em"));
      this.lineWords = make("p", { class: "pg-small" });
      this.result = new Pair(["before the step", "after the step"], playground.trainChance);
      this.lossAfter = new Pair(["loss before", "loss after"], figure);
      this.end = make("p", { class: "tr-end" });
      this.chain = make("div", { class: "tr-follow", "aria-live": "polite" },
        link(1, "The prediction", this.context, this.picture, this.facts), link(2, "Its loss", this.loss, this.lossWords),
        link(3, "Back through the layers", make("p", { class: "pg-small", text: "How strongly this one error pulls at each layer, from the output back to the input." }), this.layers),
        link(4, "One weight", this.weightName, this.sum, this.line, this.lineWords), link(5, "The same prediction again", this.result.list, this.lossAfter.list, this.end));
      this.element = make("div", { class: "tr-errors" }, make("div", { class: "tr-picker" }, make("h3", { class: "tr-at", text: "What it still gets wrong" }), this.list, this.again, this.said), this.chain);
    }

    fetch() {
      const view = this.view();
      view.ask("wrong", this.key(view), {});
    }

    key(view) {
      return `${view.frame.run}`;
    }

    update(view) {
      const { store, frame } = view, key = this.key(view);
      const found = store.answer("run wrong", key), any = frame.recorded || frame.step > 0;
      if ((!found || found.waiting) && any) view.ask("wrong", key, {});
      const list = wrongs(found && found.value);
      this.again.hidden = !store.mine || !any;
      const waiting = found && found.waiting;
      say(this.said, !any ? "Train a few steps first." : waiting ? "looking through held-out examples …" : (found && found.error) || (found && !list.length ? "Nothing wrong was found." : ""));
      if (list !== this.listed) {
        this.listed = list;
        this.asked = (found || {}).number;
        this.chosen = list.length ? list[0].id : null;
        this.list.replaceChildren(...list.map((w) => this.row(w)));
      }
      for (const row of this.list.children) mark(row, "aria-pressed", String(row.dataset.id === String(this.chosen)));
      const one = list.find((w) => w.id === this.chosen);
      this.chain.hidden = !one;
      if (!one) return;
      const followKey = `${key} ${this.asked} ${one.id}`, followed = store.answer("run follow", followKey);
      if (!followed || followed.waiting) view.ask("follow", followKey, { wrong_id: one.id });
      this.tell(one);
      mark(this.chain, "aria-busy", !followed || followed.waiting ? "true" : null);
      if (followed && followed.error) say(this.said, followed.error);
      if (followed && followed.value) this.follow(one, followed.value);
    }

    row(w) {
      const name = w.panel ? `example ${w.id.replace(/^.*:/, "")}` : `${tail(w.context)}`;
      const said = w.panel ? "" : `${playground.visible(w.predicted, 16)} instead of ${playground.visible(w.expected, 16)}`;
      return make("button", { type: "button", class: "tr-wrong", "data-id": w.id, on: { click: () => { this.chosen = w.id; this.view().redraw(); } } },
        make("bdi", { class: "tr-wrong-context", text: name }), make("span", { class: "tr-wrong-words", text: said }), make("span", { class: "pg-small", text: `loss ${figure(w.loss)}` }));
    }

    tell(w) {
      if (this.told === w) return;
      this.told = w;
      say(this.context, w.context ? (w.panel ? w.context : `“${w.context}”`) : "");
      this.context.hidden = !w.context;
      this.picture.replaceChildren();
      if (w.panel) {
        const panel = playground.trainPanel(w.panel.kind, "example");
        this.picture.append(panel.element);
        requestAnimationFrame(() => panel.update(w.panel));
      }
      const chip = (text, more) => make("span", { class: `tr-chip ${more || ""}`, text: playground.visible(text, 40) });
      const p = (v) => (v === null || v === undefined ? "" : ` (${playground.trainChance(v)})`);
      const words = w.panel && w.p_expected === null ? [`${w.expected ? `It is ${w.expected}; ` : ""}${w.predicted ? `the model makes of it ${w.predicted}.` : ""}`]
        : [w.panel ? "The discriminator says " : "The model says ", chip(w.predicted, "tr-said"), `${p(w.p_predicted)}; ${w.panel ? "wanted was" : "the truth is"} `, chip(w.expected, "tr-fresh"), `${p(w.p_expected)}.`];
      this.facts.replaceChildren(...words);
      say(this.loss, figure(w.loss));
      say(this.lossWords, w.p_expected === null || w.p_expected === undefined ? "how far the answer is from the truth" : `−log of ${playground.trainChance(w.p_expected)}: how surprised the model is at the truth`);
    }

    follow(w, f) {
      if (this.followed === f) return;
      this.followed = f;
      const layers = [...f.layers].filter((l) => l[1] > 0).reverse(); // what holds still is not asked to change
      playground.trainBars(this.layers, layers.map((l) => playground.trainLayer(l[0])), layers.map((l) => l[1]), { log: true });
      const { name, index, before, gradient, after } = f.weight;
      say(this.weightName, `${name}[${index.join(", ")}]`);
      const moved = after - before;
      this.sum.replaceChildren(make("span", { class: "tr-num", text: exact(before) }), make("span", { class: "tr-op", text: ` ${moved < 0 ? "−" : "+"} ` }), make("span", { class: "tr-num", text: Math.abs(moved).toPrecision(3) }), make("span", { class: "tr-op", text: " = " }), make("span", { class: "tr-num tr-new", text: exact(after) }));
      say(this.lineWords, `Its gradient is ${signed(gradient)}: the loss would ${gradient > 0 ? "grow" : "fall"} if this weight grew, so the optimizer makes it ${moved < 0 ? "smaller" : moved > 0 ? "larger" : "stay"}${f.learning_rate ? ` (learning rate ${figure(f.learning_rate)}${f.halved ? `, ${f.halved === 1 ? "half" : `1/${2 ** f.halved}`} of the training's: a whole step for this one example alone would go too far` : ""})` : ""}.`);
      this.numberLine(before, after);
      const has = f.p_before !== null && f.p_before !== undefined;
      this.result.list.hidden = !has;
      if (has) this.result.update(f.p_before, f.p_after);
      this.lossAfter.update(f.loss, f.loss_after);
      const words = has ? `${playground.visible(w.expected, 40)} goes from ${playground.trainChance(f.p_before)} to ${playground.trainChance(f.p_after)}` : `The loss goes from ${figure(f.loss)} to ${figure(f.loss_after)}`;
      const times = has && f.p_before > 0 ? f.p_after / f.p_before : 0;
      say(this.end, `${words}${times >= 1.1 ? `: ${times >= 10 ? Math.round(times) : times.toFixed(1)} times as likely` : ""}. This step was taken on a copy; the training goes on as if nobody had looked.`);
    }

    numberLine(before, after) {
      const low = Math.min(before, after), span = Math.abs(after - before) || 1, from = low - span * 0.6, to = low + span * 1.6;
      const place = (v) => `${(((v - from) / (to - from)) * 100).toFixed(1)}%`;
      const [old, now, way] = this.line.children;
      old.style.left = place(before);
      now.style.left = place(after);
      way.style.left = place(low);
      way.style.width = `${((span / (to - from)) * 100).toFixed(1)}%`;
      mark(way, "data-to", after < before ? "left" : "right");
      mark(this.line, "aria-label", `from ${exact(before)} to ${exact(after)}`);
    }
  }

  const NONE = [];
  const wrongs = (value) => (Array.isArray(value) ? value : (value && value.wrong) || NONE);

  function tail(text) {
    const one = text.replace(/\s+/g, " ").trim();
    return one.length > 42 ? `… ${one.slice(-40)}` : one;
  }

  playground.TrainError = TrainError;
})();
