// Clouds of points in the plane, each with a mark of its own, over a field of numbers where there is one.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark, draw } = playground;

  /** Draws one mark around (x, y); the shape says which cloud it belongs to, the colour says it again. */
  const MARKS = [
    (c, x, y, r) => { c.moveTo(x + r, y); c.arc(x, y, r, 0, 7); },
    (c, x, y, r) => { c.moveTo(x - r, y - r); c.lineTo(x + r, y + r); c.moveTo(x + r, y - r); c.lineTo(x - r, y + r); },
    (c, x, y, r) => { c.moveTo(x, y - r * 1.2); c.lineTo(x + r * 1.1, y + r); c.lineTo(x - r * 1.1, y + r); c.closePath(); },
    (c, x, y, r) => { c.rect(x - r, y - r, 2 * r, 2 * r); },
    (c, x, y, r) => { c.moveTo(x - r * 1.2, y); c.lineTo(x + r * 1.2, y); c.moveTo(x, y - r * 1.2); c.lineTo(x, y + r * 1.2); },
  ];
  const FILLED = [true, false, false, false, false];

  function token(node, name) {
    return getComputedStyle(node).getPropertyValue(name).trim();
  }

  const rgb = (text) => (text.match(/[0-9a-f]{2}/gi) || ["0", "0", "0"]).slice(0, 3).map((h) => parseInt(h, 16));

  /** A colour of the sequential scale: `part` from 0 (the page's ground) to 1 (darkest, in the dark theme lightest). */
  function shade(stops, part) {
    const at = Math.max(0, Math.min(1, part)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(at));
    return stops[i].map((v, k) => Math.round(v + (stops[i + 1][k] - v) * (at - i)));
  }

  /** What the scale runs over: 0 to 1 for probabilities, else the field's own numbers. */
  function range(field) {
    const all = field.values.flat().filter((v) => v !== null), low = Math.min(...all), high = Math.max(...all);
    return low >= 0 && high <= 1 ? [0, 1] : [low, high > low ? high : low + 1];
  }

  class TrainPlane {
    /** `side` in CSS pixels at most. */
    constructor(side = 300) {
      this.side = side;
      this.canvas = make("canvas", { class: "tr-plane", role: "img", width: 1, height: 1, style: { "max-width": `${side}px` } });
      this.keys = make("div", { class: "tr-keys" });
      this.element = make("div", { class: "tr-plane-box" }, this.canvas, ...(side > 150 ? [this.keys] : []));
      new ResizeObserver(() => this.data && this.paint()).observe(this.canvas);
      matchMedia("(prefers-color-scheme: dark)").addEventListener?.("change", () => this.data && this.paint());
    }

    update(data) {
      this.data = data;
      this.legend();
      this.paint();
    }

    legend() {
      const { clouds, field } = this.data, names = Object.keys(clouds);
      const key = [...names, field ? field.label + range(field) : ""].join("\n");
      if (key === this.drawn) return;
      this.drawn = key;
      const swatches = names.map((name, i) => make("span", { class: "pg-key" },
        draw("svg", { width: 14, height: 12, viewBox: "0 0 14 12", "aria-hidden": "true", class: "tr-mark", "data-style": i % 5, "data-alone": names.length === 1 ? "yes" : null }, draw("path", { d: svgMark(i % 5) })), make("bdi", { text: name })));
      const [low, high] = field ? range(field) : [0, 1];
      const scale = field ? [make("span", { class: "pg-key" }, make("span", { text: playground.trainFigure(low) }), make("i", { class: "tr-ramp" }), make("span", { text: playground.trainFigure(high) }), make("span", { text: field.label || "" }))] : [];
      this.keys.replaceChildren(...swatches, ...scale);
    }

    paint() {
      const box = Math.round(this.canvas.clientWidth);
      if (!box) return;
      const ratio = Math.min(2, window.devicePixelRatio || 1), size = Math.round(box * ratio);
      if (this.canvas.width !== size) this.canvas.width = this.canvas.height = size;
      const c = this.canvas.getContext("2d"), { field, clouds, bounds, name } = this.data;
      c.clearRect(0, 0, size, size);
      if (field) this.field(c, field, size);
      const [x0, x1, y0, y1] = bounds, names = Object.keys(clouds), small = this.side < 150;
      const many = Math.max(...names.map((n) => clouds[n].length), 1);
      const r = (many < 4 ? 3.5 : small ? 1.1 : many > 600 ? 1.7 : 2.3) * ratio; // a point alone is to be seen
      names.forEach((cloud, i) => {
        const style = names.length === 1 ? 1 : i;
        const shape = MARKS[i % MARKS.length];
        c.beginPath();
        for (const [x, y] of clouds[cloud]) shape(c, ((x - x0) / (x1 - x0)) * size, (1 - (y - y0) / (y1 - y0)) * size, FILLED[i % 5] ? r * 0.8 : r);
        c.strokeStyle = c.fillStyle = token(this.canvas, `--tr-${style % 5}`);
        c.lineWidth = 1.2 * ratio;
        if (FILLED[i % 5]) c.fill();
        else c.stroke();
      });
      mark(this.canvas, "aria-label", `${name || "plane"}: ${names.map((n) => `${clouds[n].length} points of ${n}`).join(", ")}${field ? `; ground: ${field.label}` : ""}`);
    }

    field(c, field, size) {
      const rows = field.values.length, columns = rows ? field.values[0].length : 0;
      if (!columns) return;
      const stops = [0, 1, 2, 3].map((i) => rgb(token(this.canvas, `--tr-f${i}`)));
      const image = new ImageData(columns, rows), [low, high] = range(field);
      const sharp = rows * columns <= 1024 && !Object.keys(this.data.clouds).length;
      field.values.forEach((row, y) => row.forEach((v, x) => {
        const at = ((rows - 1 - y) * columns + x) * 4, [r, g, b] = shade(stops, v === null ? 0 : (v - low) / (high - low));
        image.data.set([r, g, b, 255], at);
      }));
      const small = document.createElement("canvas");
      small.width = columns;
      small.height = rows;
      small.getContext("2d").putImageData(image, 0, 0);
      c.imageSmoothingEnabled = !sharp;
      c.drawImage(small, 0, 0, size, size);
    }
  }

  function svgMark(i) {
    return ["M4 6a3 3 0 1 0 6 0 3 3 0 1 0-6 0", "M3 2l8 8M11 2l-8 8", "M7 1.5 12 10H2z", "M3 2h8v8H3z", "M2 6h10M7 1v10"][i];
  }

  playground.TrainPlane = TrainPlane;
})();
