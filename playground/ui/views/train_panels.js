// The panels of a checkpoint: text, bars, curve, points, field, pictures, strip, each drawn from its JSON.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark } = playground;
  const BASE64 = /^[A-Za-z0-9+/=\s]*$/;
  const RANK = { field: 0, points: 1, strip: 2, pictures: 3, text: 4, bars: 5, curve: 6 };

  const share = (values) => values.every((v) => v === null || (v >= 0 && v <= 1));

  class TextPanel {
    constructor() {
      this.element = make("p", { class: "tr-text", dir: "auto" });
    }
    update(panel) {
      say(this.element, panel.text);
    }
  }

  class BarsPanel {
    constructor() {
      this.element = make("div", { class: "tr-bars" });
    }
    update({ labels, values }) {
      const top = share(values) ? Math.max(...values, 1e-9) : Math.max(...values.map(Math.abs), 1e-9);
      while (this.element.children.length > labels.length) this.element.lastChild.remove();
      labels.forEach((label, i) => {
        if (!this.element.children[i]) this.element.append(make("div", { class: "tr-bar" }, make("bdi", { class: "pg-name" }), make("span", { class: "tr-track" }, make("i")), make("span", { class: "pg-figure" })));
        const [name, track, number] = this.element.children[i].children;
        say(name, playground.visible(label, 40).replace(/(?<=\p{L})·(?=\p{L})/gu, " ")); // a space inside is none of a token
        mark(track, "data-negative", values[i] < 0 ? "yes" : null);
        track.firstChild.style.width = `${Math.max(0, (Math.abs(values[i] || 0) / top) * 100).toFixed(1)}%`;
        say(number, share(values) ? playground.trainChance(values[i]) : playground.trainFigure(values[i]));
      });
    }
  }

  class CurvePanel {
    constructor(name) {
      this.chart = new playground.TrainChart({ title: "", height: 110 });
      this.chart.heading.hidden = true;
      this.name = name;
      this.element = this.chart.element;
    }
    update(panel) {
      const lines = Object.entries(panel.ys).map(([name, ys]) => ({ name, points: panel.x.map((x, i) => [x, ys[i]]) }));
      say(this.chart.note, panel.y_label || "");
      this.chart.note.hidden = !panel.y_label;
      this.chart.update({ lines, x_label: panel.x_label });
    }
  }

  class PlanePanel {
    constructor(name, small) {
      this.plane = new playground.TrainPlane(small ? 96 : 340);
      this.element = this.plane.element;
      this.name = name;
    }
    update(panel, together) {
      if (panel.kind === "field") this.plane.update({ field: panel, clouds: together && same(together.bounds, panel.bounds) ? together.clouds : {}, bounds: panel.bounds, name: this.name });
      else this.plane.update({ clouds: panel.clouds, bounds: panel.bounds, name: this.name });
    }
  }

  const same = (a, b) => a && b && a.every((v, i) => v === b[i]);

  /** Rows of a table of pictures whose captions repeat (original, reconstruction, original, …); or null. */
  function rows(captions) {
    const names = [...new Set(captions)];
    if (names.length < 2 || names.length > 3 || captions.length < 2 * names.length) return null;
    return captions.every((c, i) => c === names[i % names.length]) ? names : null;
  }

  class PicturesPanel {
    constructor(name, small) {
      this.name = name;
      this.small = small;
      this.element = make("div", { class: "tr-pictures" });
    }
    update({ png, captions }) {
      const names = rows(captions || []), square = Math.round(Math.sqrt(png.length));
      const grid = !names && !(captions || []).length && square * square === png.length && square > 2 && !this.small;
      const columns = this.small ? 1 : names ? Math.ceil(png.length / names.length) : grid ? square : 0;
      mark(this.element, "data-rows", names ? names.length : null);
      mark(this.element, "data-plane", grid ? "yes" : null);
      this.element.style.setProperty("--columns", columns || "auto-fill");
      const order = names ? names.flatMap((_, r) => [...png.keys()].filter((i) => i % names.length === r)) : [...png.keys()];
      while (this.element.children.length > png.length) this.element.lastChild.remove();
      order.forEach((i, at) => this.picture(at, png[i], (captions || [])[i] || "", names && at % columns === 0));
    }
    picture(at, png, caption, first) {
      if (!this.element.children[at]) this.element.append(make("figure", {}, make("img", { loading: "lazy" }), make("figcaption")));
      const [image, label] = this.element.children[at].children;
      const source = BASE64.test(png) ? `data:image/png;base64,${png}` : "";
      if (image.src !== source) image.src = source;
      mark(image, "alt", caption || `${this.name} ${at + 1}`);
      say(label, this.element.dataset.rows ? (first ? caption : "") : caption);
      label.hidden = !label.textContent;
    }
  }

  class StripPanel {
    constructor(name) {
      this.name = name;
      this.boxes = [];
      this.element = make("div", { class: "tr-strip", role: "list" });
    }
    update(panel) {
      mark(this.element, "data-kind", panel.panels.length ? panel.panels[0].kind : null);
      while (this.boxes.length > panel.panels.length) this.boxes.pop().element.remove();
      panel.panels.forEach((one, i) => {
        if (!this.boxes[i] || this.boxes[i].kind !== one.kind) {
          const drawn = make_panel(one.kind, `${this.name} ${panel.labels[i] || i + 1}`, true), label = make("span", { class: "tr-strip-label" });
          const element = make("div", { role: "listitem", class: "tr-strip-item" }, drawn.element, label);
          if (this.boxes[i]) this.boxes[i].element.replaceWith(element);
          else this.element.append(element);
          this.boxes[i] = { kind: one.kind, element, drawn, label };
        }
        this.boxes[i].drawn.update(one);
        say(this.boxes[i].label, panel.labels[i] || "");
      });
    }
  }

  const KINDS = { text: TextPanel, bars: BarsPanel, curve: CurvePanel, points: PlanePanel, field: PlanePanel, pictures: PicturesPanel, strip: StripPanel };

  function make_panel(kind, name, small = false) {
    return new (KINDS[kind] || TextPanel)(name, small);
  }

  /** All panels of one checkpoint; boxes are kept, so that scrubbing only changes what is in them. */
  class TrainPanels {
    constructor() {
      this.boxes = new Map();
      this.element = make("div", { class: "tr-panels" });
    }

    update(panels) {
      if (panels === this.drawn) return; // a checkpoint does not change
      this.drawn = panels;
      const shown = Object.keys(panels).filter((n) => KINDS[panels[n].kind]);
      const field = shown.map((n) => panels[n]).find((p) => p.kind === "field");
      const under = (p) => field && p.kind === "points" && same(p.bounds, field.bounds); // it is drawn on the field
      const names = shown.filter((n) => !under(panels[n]));
      for (const [name, box] of this.boxes) if (!names.includes(name)) { box.element.remove(); this.boxes.delete(name); }
      const together = shown.map((n) => panels[n]).find((p) => p.kind === "points");
      const planes = names.filter((n) => ["points", "field"].includes(panels[n].kind));
      const wanted = names.sort((a, b) => RANK[panels[a].kind] - RANK[panels[b].kind]);
      wanted.forEach((name, at) => {
        const box = this.box(name, panels[name]);
        if (this.element.children[at] !== box.element) this.element.insertBefore(box.element, this.element.children[at] || null);
        box.drawn.update(panels[name], together);
        mark(box.element, "data-alone", planes.length === 1 && planes[0] === name ? "yes" : null);
      });
    }

    box(name, panel) {
      const kept = this.boxes.get(name);
      if (kept && kept.kind === panel.kind) return kept;
      const drawn = make_panel(panel.kind, name);
      const title = name[0].toUpperCase() + name.slice(1);
      const element = make("section", { class: "tr-panel", "data-kind": panel.kind }, make("h4", { class: "pg-h", text: title }), drawn.element);
      if (kept) kept.element.remove();
      this.boxes.set(name, { kind: panel.kind, drawn, element });
      return this.boxes.get(name);
    }
  }

  Object.assign(playground, { TrainPanels, trainPanel: make_panel });
})();
