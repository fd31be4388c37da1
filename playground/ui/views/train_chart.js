// Curves over the steps: lines that differ by their dashes as well as by colour, with the value at one place.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, draw, say, mark } = playground;
  const W = 1000; // the drawing's own width; it is stretched to the page's

  /** 0.00213, 12.4, 3,120, 1.2e-7: at most four digits that mean something. */
  function figure(value) {
    if (value === null || value === undefined || !Number.isFinite(value)) return "–";
    const size = Math.abs(value);
    if (size >= 1e6 || (size > 0 && size < 1e-4)) return value.toExponential(1).replace("e+", "e");
    if (size >= 1000) return playground.count(value);
    if (size >= 100) return value.toFixed(0);
    if (size >= 10) return value.toFixed(1);
    if (size >= 1 || size === 0) return value.toFixed(2).replace(/\.00$/, "");
    return String(Number(value.toPrecision(3)));
  }

  /** A probability however small: 12.3 %, 0.004 %, 3e-7 %. */
  function chance(p) {
    if (p === null || !Number.isFinite(p) || p >= 1e-4) return playground.percent(p);
    const size = p * 100;
    return `${size >= 1e-6 ? size.toFixed(Math.max(0, 1 - Math.floor(Math.log10(size)))).replace(/0+$/, "") : size.toExponential(0)}\u00a0%`;
  }

  /** A place on the axis: 60, not 60.0. */
  const place = (x) => (Number.isInteger(x) ? playground.count(x) : figure(x));

  /** About `most` round numbers inside [low, high]. */
  function ticks(low, high, most = 3) {
    const span = high - low;
    if (!(span > 0)) return [low];
    const raw = span / most, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
    const found = [];
    for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) found.push(Math.abs(v) < step * 1e-9 ? 0 : v);
    return found;
  }

  /** Powers of ten inside [low, high], thinned to `most`. */
  function decades(low, high, most = 4) {
    const from = Math.ceil(Math.log10(low) - 1e-9), to = Math.floor(Math.log10(high) + 1e-9);
    const by = Math.max(1, Math.ceil((to - from + 1) / most)), found = [];
    for (let e = to; e >= from; e -= by) found.push(10 ** e);
    return found.length ? found.reverse() : [low];
  }

  /** The range that lines fill: a few wild values at the beginning do not flatten all the rest. */
  function extent(lines, log, at) {
    const values = lines.flatMap((line) => line.points.map((p) => p[1])).filter((v) => Number.isFinite(v) && Math.abs(v) < 1e37 && (!log || v > 0));
    if (!values.length) return log ? [0.001, 1] : [0, 1];
    values.sort((a, b) => a - b);
    let low = values[0], high = values[values.length - 1];
    const cut = values[Math.floor(values.length * 0.985)];
    if (!log && values.length > 60 && high > cut + 4 * (cut - low)) high = cut + (cut - low) * 0.15;
    if (log) return [low / 1.25, high * 1.25];
    if (at && at.zero) low = Math.min(0, low);
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    return [at && at.zero && low === 0 ? 0 : low - room, high + room];
  }

  /** The value of a line at a step: the last one known there. */
  function valueAt(points, x) {
    let low = 0, high = points.length - 1;
    if (!points.length || points[0][0] > x) return null;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (points[middle][0] <= x) low = middle;
      else high = middle - 1;
    }
    return points[low][1];
  }

  class TrainChart {
    /** `height` in pixels; `log`: the axis of values is logarithmic; `zero`: it begins at 0; `format` of a value. */
    constructor({ title = "", height = 120, log = false, zero = false, format = figure, level = "h4", note = "" } = {}) {
      Object.assign(this, { height, log, zero, format });
      this.heading = make(level, { class: "pg-h", text: title });
      this.keys = make("div", { class: "tr-keys" });
      this.grid = draw("g", { class: "tr-grid" });
      this.lines = [];
      this.group = draw("g");
      this.cursor = draw("line", { class: "tr-cursor", y1: 0, y2: height });
      this.svg = draw("svg", { class: "tr-plot", viewBox: `0 0 ${W} ${height}`, preserveAspectRatio: "none", role: "img" }, this.grid, this.cursor, this.group);
      this.ys = make("div", { class: "tr-ys", "aria-hidden": "true" });
      this.xs = make("div", { class: "tr-xs", "aria-hidden": "true" });
      this.area = make("div", { class: "tr-area", style: { height: `${height}px` } }, this.svg, this.ys);
      this.note = make("p", { class: "pg-small", text: note, hidden: !note });
      this.element = make("section", { class: "tr-chart" }, make("div", { class: "tr-chart-head" }, this.heading, this.keys), this.area, this.xs, this.note);
      this.area.addEventListener("pointermove", (event) => this.hover(event));
      this.area.addEventListener("pointerleave", () => this.hover(null));
    }

    hover(event) {
      const box = this.area.getBoundingClientRect();
      this.over = event && box.width ? this.from + ((event.clientX - box.left) / box.width) * (this.to - this.from) : null;
      if (this.data) this.update(this.data);
    }

    x(step) {
      return ((step - this.from) / (this.to - this.from || 1)) * W;
    }

    y(value) {
      const [low, high] = this.range;
      const part = this.log ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
      return this.height - Math.max(-0.02, Math.min(1.02, part)) * this.height;
    }

    /** `lines`: [{name, points: [[x, y]…]}]; `from`, `to` of the axis; `cursor`: a place that is looked at. */
    update(data) {
      this.data = data;
      const lines = data.lines.filter((line) => line.points.length);
      this.from = data.from === undefined ? Math.min(...lines.map((l) => l.points[0][0])) : data.from;
      this.to = data.to === undefined ? Math.max(...lines.map((l) => l.points[l.points.length - 1][0])) : data.to;
      if (!Number.isFinite(this.from) || !Number.isFinite(this.to)) [this.from, this.to] = [0, 1];
      this.range = data.range || extent(lines, this.log, this);
      while (this.lines.length < lines.length) {
        const path = draw("path", { class: "tr-line", "data-style": this.lines.length % 5, "vector-effect": "non-scaling-stroke" });
        this.lines.push(path);
        this.group.append(path);
      }
      this.lines.forEach((path, i) => mark(path, "d", lines[i] ? this.path(lines[i].points) : null));
      this.axes();
      const at = this.over !== null && this.over !== undefined ? this.over : data.cursor;
      const shown = at !== null && at !== undefined;
      this.cursor.style.display = shown ? "" : "none";
      if (shown) for (const name of ["x1", "x2"]) mark(this.cursor, name, this.x(Math.max(this.from, Math.min(this.to, at))).toFixed(1));
      this.legend(lines, at);
      mark(this.svg, "aria-label", this.spoken(lines));
    }

    path(points) {
      let text = "", pen = "M";
      for (const [x, y] of points) {
        if (y === null || !Number.isFinite(y) || Math.abs(y) > 1e37 || (this.log && !(y > 0))) {
          pen = "M";
          continue;
        }
        text += `${pen}${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`;
        pen = "L";
      }
      if (points.length === 1 && text) text += "h4";
      return text || null;
    }

    axes() {
      const [low, high] = this.range;
      const marks = (this.log ? decades(low, high) : ticks(low, high, this.height < 90 ? 2 : 3)).slice(0, 6);
      const key = `${marks}|${this.from}|${this.to}|${low}|${high}`;
      if (key === this.drawnAxes) return;
      this.drawnAxes = key;
      this.grid.replaceChildren(...marks.map((v) => draw("line", { x1: 0, x2: W, y1: this.y(v).toFixed(1), y2: this.y(v).toFixed(1), "vector-effect": "non-scaling-stroke" })));
      this.ys.replaceChildren(...marks.map((v) => make("span", { style: { top: `${((this.y(v) / this.height) * 100).toFixed(2)}%` }, text: this.format(v) })));
      const label = this.data.x_label === undefined ? "step " : this.data.x_label ? this.data.x_label + " " : "";
      this.xs.replaceChildren(make("span", { text: label + place(this.from) }), make("span", { text: place(this.to) }));
    }

    legend(lines, at) {
      const names = lines.map((l) => l.name).join("\n");
      if (names !== this.named) {
        this.named = names;
        this.values = lines.map(() => make("span", { class: "tr-value" }));
        this.keys.replaceChildren(...lines.map((line, i) => make("span", { class: line.name ? "pg-key" : "pg-key tr-alone" },
          draw("svg", { class: "tr-swatch", width: 22, height: 8, "aria-hidden": "true" }, draw("path", { class: "tr-line", d: "M0 4H22", "data-style": i % 5 })),
          make("bdi", { text: line.name }), this.values[i])));
      }
      lines.forEach((line, i) => {
        const value = at === null || at === undefined ? line.points[line.points.length - 1][1] : valueAt(line.points, at);
        say(this.values[i], this.format(value));
      });
    }

    spoken(lines) {
      const parts = lines.map((l) => `${l.name}: from ${this.format(l.points[0][1])} at ${place(l.points[0][0])} to ${this.format(l.points[l.points.length - 1][1])} at ${place(l.points[l.points.length - 1][0])}`);
      return `${this.heading.textContent || "Curve"}. ${parts.join("; ")}`;
    }
  }

  Object.assign(playground, { TrainChart, trainFigure: figure, trainChance: chance });
})();
