// The stage "Data": the sets to choose from, a look into the chosen one, and data of the viewer's own.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark } = playground;
  const TEXT = ["gpt", "bert", "t5"], PAGE = { text: 5, words: 60, pictures: 60, plane: 600 };

  function size(bytes) {
    return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)}\u00a0MB` : `${Math.max(1, Math.round(bytes / 1e3))}\u00a0kB`;
  }

  /** Points drawn in the plane with mouse or finger; the keyboard scatters a handful around a place. */
  class Drawing {
    constructor(use) {
      this.points = [];
      this.canvas = make("canvas", { class: "tr-plane tr-drawing", width: 520, height: 520, tabindex: 0, role: "application", "aria-label": "A plane to draw points in: drag with mouse or finger. With the keyboard, arrows move the cross and Space scatters points around it." });
      this.count = make("span", { class: "pg-small", role: "status" });
      this.use = make("button", { type: "button", class: "pg-button", text: "Train on these points", on: { click: () => use(this.points) } });
      this.clear = make("button", { type: "button", class: "pg-quiet", text: "Clear", on: { click: () => { this.points = []; this.paint(); } } });
      this.element = make("div", { class: "tr-draw" }, this.canvas, make("div", { class: "tr-row" }, this.use, this.clear, this.count));
      this.at = [0, 0];
      for (const name of ["pointerdown", "pointermove"]) this.canvas.addEventListener(name, (event) => this.draw(event));
      this.canvas.addEventListener("keydown", (event) => this.key(event));
      this.paint();
    }

    draw(event) {
      if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
      if (!(event.buttons & 1)) return;
      event.preventDefault();
      const box = this.canvas.getBoundingClientRect();
      this.scatter(((event.clientX - box.left) / box.width) * 2 - 1, 1 - ((event.clientY - box.top) / box.height) * 2);
    }

    key(event) {
      const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
      if (by) this.at = this.at.map((v, i) => Math.max(-1, Math.min(1, v + by[i])));
      else if (event.key === " ") this.scatter(...this.at, 12);
      else return;
      event.preventDefault();
      this.paint();
    }

    scatter(x, y, n = 4) {
      for (let i = 0; i < n && this.points.length < 8000; i += 1) {
        const r = 0.045 * Math.sqrt(-2 * Math.log(1 - Math.random())), a = Math.random() * 2 * Math.PI;
        this.points.push([Number((x + r * Math.cos(a)).toFixed(4)), Number((y + r * Math.sin(a)).toFixed(4))]);
      }
      this.paint();
    }

    paint() {
      const c = this.canvas.getContext("2d"), s = this.canvas.width, style = getComputedStyle(this.canvas);
      c.clearRect(0, 0, s, s);
      c.strokeStyle = style.getPropertyValue("--pg-line");
      c.beginPath();
      c.moveTo(s / 2, 0); c.lineTo(s / 2, s); c.moveTo(0, s / 2); c.lineTo(s, s / 2);
      c.stroke();
      c.fillStyle = style.getPropertyValue("--tr-1") || "#2f55c7";
      for (const [x, y] of this.points) c.fillRect(((x + 1) / 2) * s - 2, ((1 - y) / 2) * s - 2, 4, 4);
      const [x, y] = this.at.map((v, i) => ((i ? -v : v) + 1) / 2 * s);
      c.strokeStyle = style.getPropertyValue("--pg-outline");
      c.beginPath();
      c.moveTo(x - 10, y); c.lineTo(x + 10, y); c.moveTo(x, y - 10); c.lineTo(x, y + 10);
      c.stroke();
      say(this.count, this.points.length ? `${playground.count(this.points.length)} points` : "nothing drawn yet");
      this.use.disabled = this.points.length < 20;
    }
  }

  class TrainData {
    constructor(view) {
      this.view = view;
      this.start = 0;
      this.sets = make("div", { class: "tr-sets", role: "group", "aria-label": "Sets" });
      this.facts = make("p", { class: "pg-small" });
      this.title = make("h3", { class: "tr-at" });
      this.items = make("div", { class: "tr-items" });
      this.pageOf = make("span", { class: "pg-small" });
      const button = (text, by) => make("button", { type: "button", class: "pg-button", text, on: { click: () => this.page(by) } });
      this.before = button("Earlier", -1);
      this.after = button("Later", 1);
      this.pager = make("div", { class: "tr-row" }, this.before, this.after, this.pageOf);
      this.error = make("p", { class: "tr-error", role: "alert", hidden: true });
      this.plane = new playground.TrainPlane(460);
      this.text = make("textarea", { class: "tr-input", rows: 4, maxlength: 400000, placeholder: "Paste a text here: a few pages are enough to see something.", "aria-label": "Your own text" });
      this.give = make("button", { type: "button", class: "pg-button", text: "Train on this text", on: { click: () => this.paste() } });
      this.upload = make("button", { type: "button", class: "pg-button", on: { click: () => this.pick() } });
      this.forget = make("button", { type: "button", class: "pg-quiet", text: "Use the set again", on: { click: () => view().send("own", {}) } });
      this.ownFacts = make("p", { role: "status" });
      this.drawing = new Drawing((points) => view().send("own", { points }));
      this.written = make("div", {}, this.text, make("div", { class: "tr-row" }, this.give));
      this.own = make("section", { class: "tr-own" }, make("h3", { class: "tr-at", text: "Your own data" }), this.ownFacts, this.forget, this.written, this.drawing.element, make("div", { class: "tr-row" }, this.upload));
      this.element = make("div", { class: "tr-two tr-data" }, make("section", {}, this.title, this.facts, this.error, this.items, this.pager), make("div", { class: "tr-left" }, this.sets, this.own));
    }

    paste() {
      if (this.text.value.trim()) this.view().send("own", { text: this.text.value });
      else this.view().store.answered({ what: "own", error: "There is no text yet: paste some above." });
    }

    pick() {
      const { frame, store } = this.view();
      playground.trainFiles(TEXT.includes(frame.lesson), ({ files, error }) => {
        if (files) this.view().send("own", { files });
        else store.answered({ what: "own", error });
      });
    }

    page(by) {
      this.start = Math.max(0, this.start + by * this.step);
      this.view().redraw();
    }

    chosen(view) {
      const { lesson } = view.frame, moved = view.store.moved[lesson] || {};
      return { ...(view.frame.config || {}), ...moved };
    }

    update(view) {
      const { store, frame } = view, { lesson } = frame, text = TEXT.includes(lesson);
      const sets = store.answer("sets", lesson), config = this.chosen(view), own = store.own[text ? "text" : "other"];
      if (!sets || sets.waiting) view.ask("sets", lesson, {}, false);
      const list = (sets && sets.value) || [];
      const now = list.find((s) => Object.entries(s.values).every(([k, v]) => config[k] === v)) || list[0];
      this.choose(view, list, now, own);
      this.ownData(view, own, text);
      const key = `${lesson} ${now ? now.id : ""} ${own ? own.examples + own.kind : ""} ${config.size || ""} ${config.examples || ""}`;
      if (key !== this.key) [this.key, this.start] = [key, 0];
      this.step = own ? PAGE[own.kind] || 24 : now ? PAGE[now.kind] : 24;
      const asked = `${key} ${this.start}`, found = store.answer("browse", asked);
      if (now && (!found || found.waiting)) view.ask("browse", asked, { start: this.start, count: this.step }, false);
      this.show(found, now, own);
    }

    choose(view, list, now, own) {
      const key = list.map((s) => s.id).join() + (now && now.id) + Boolean(own);
      if (key === this.drawnSets) return;
      this.drawnSets = key;
      this.sets.replaceChildren(...list.map((set) => make("button", {
        type: "button", class: "tr-set", "aria-pressed": !own && now && set.id === now.id ? "true" : "false",
        on: { click: () => { if (own) view.send("own", {}); view.send("choose", { id: set.id }); } },
      }, make("strong", { text: set.title }), make("span", { class: "pg-small", text: `${playground.count(set.examples)} ${set.kind === "text" ? "texts" : set.kind === "words" ? "words" : set.kind === "plane" ? "points" : "pictures"}, ${size(set.bytes)}` }))));
      this.sets.hidden = list.length < 2;
    }

    ownData(view, own, text) {
      const kinds = { text: "passage", pictures: "picture", plane: "point" };
      say(this.ownFacts, view.store.ownSaid || (own ? `In use: ${playground.count(own.examples)} ${kinds[own.kind] || "example"}${own.examples === 1 ? "" : "s"} of your own. ${own.notes.join(" ")}` : ""));
      mark(this.ownFacts, "class", view.store.ownSaid ? "tr-error" : "tr-in-use");
      this.ownFacts.hidden = !this.ownFacts.textContent;
      this.forget.hidden = !own;
      this.written.hidden = !text;
      this.drawing.element.hidden = text;
      say(this.upload, text ? "Upload text files" : "Upload pictures");
    }

    show(found, now, own) {
      say(this.title, own ? "Your own data" : now ? now.title : "");
      say(this.facts, now && !own ? `${playground.count(now.examples)} examples · ${size(now.bytes)} · licence: ${now.licence} · ${now.source}` : own ? "It is used for your trainings only, and gone when your visit ends." : "");
      this.error.hidden = !(found && found.error);
      say(this.error, (found && found.error) || "");
      mark(this.items, "aria-busy", found && found.waiting ? "true" : null);
      if (!found || !found.value || found.value === this.shown) return;
      this.shown = found.value;
      const { kind, items, total, start, labels } = found.value;
      say(this.pageOf, total ? `${playground.count(start + 1)} to ${playground.count(start + items.length)} of ${playground.count(total)} for training` : "nothing here");
      this.before.disabled = start === 0;
      this.after.disabled = start + items.length >= total;
      mark(this.items, "data-kind", kind);
      if (kind === "plane") {
        const r = Math.max(2.5, ...items.flat().map((v) => Math.abs(v) * 1.1));
        this.items.replaceChildren(this.plane.element);
        this.plane.update({ clouds: { points: items }, bounds: [-r, r, -r, r], name: "data" });
      } else if (kind === "pictures") {
        const panel = playground.trainPanel("pictures", "picture");
        panel.update({ png: items, captions: labels || [] });
        panel.element.classList.add("tr-browse");
        this.items.replaceChildren(panel.element);
      } else this.items.replaceChildren(...items.map((text) => make("p", { class: kind === "words" ? "tr-word" : "tr-example", dir: "auto", text })));
    }
  }

  Object.assign(playground, { TrainData, trainSize: size });
})();
