// The stage "Model": layers as boxes from the input up to the output, with their parameters and the shapes of what they give.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, mark } = playground;
  const WAIT_MS = 350;
  const WORDS = {
    Linear: "matrix", Embedding: "table of vectors", LayerNorm: "normalisation", RMSNorm: "normalisation", Conv2d: "convolution", ConvTranspose2d: "convolution that enlarges",
    Attention: "attention: tokens look at each other", Block: "attention, then a small network", SiLU: "bend", GELU: "bend", ReLU: "bend", LeakyReLU: "bend", Sequential: "one after another", ModuleList: "blocks", GroupNorm: "normalisation",
  };

  function gb(bytes) {
    return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)}\u00a0GB` : `${Math.round(bytes / 1e6)}\u00a0MB`;
  }

  /** 940,800 → 941 thousand */
  function many(n) {
    if (n >= 1e6) return `${(n / 1e6).toFixed(n < 1e7 ? 2 : 1)}\u00a0M`;
    return n >= 1e4 ? `${Math.round(n / 1e3)}\u00a0k` : playground.count(n);
  }

  /** A list of layers is drawn as its layers. */
  function unpacked(layer) {
    if (!["ModuleList", "ModuleDict"].includes(layer.kind)) return [layer];
    return layer.children.map((c) => ({ ...c, name: layer.children.length > 1 ? `${layer.name} ${c.name}` : layer.name }));
  }

  class TrainArchitecture {
    constructor(view) {
      this.view = view;
      this.open = new Set();
      this.parameters = make("dd");
      this.memory = make("dd");
      this.time = make("dd");
      this.room = make("p", { class: "pg-small" });
      this.bar = make("div", { class: "tr-memory", "aria-hidden": "true" }, make("i"));
      this.facts = make("dl", { class: "tr-facts" }, make("div", {}, make("dt", { text: "parameters" }), this.parameters), make("div", {}, make("dt", { text: "memory at most" }), this.memory), make("div", {}, make("dt", { text: "time for all steps" }), this.time));
      this.said = make("p", { class: "pg-small", role: "status" });
      this.error = make("p", { class: "tr-error", role: "alert", hidden: true });
      this.diagram = make("div", { class: "tr-diagram", role: "list", "aria-label": "Layers, from the input at the bottom to the output at the top" });
      this.hint = make("p", { class: "pg-small", text: "Change depth, width or batch in the settings: the drawing and the estimate follow before anything is started." });
      this.element = make("div", { class: "tr-architecture" }, this.facts, this.bar, this.room, this.said, this.error, this.hint, this.diagram);
    }

    update(view) {
      const { store, frame } = view, key = `${frame.lesson} ${store.version}`, found = store.answer("architecture", key);
      if (!found && this.waitsFor !== key) {
        this.waitsFor = key;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => view.ask("architecture", key, {}, false), this.shown ? WAIT_MS : 0);
      } else if (found && found.waiting) view.ask("architecture", key, {}, false);
      const waiting = !found || found.waiting;
      mark(this.element, "aria-busy", waiting ? "true" : null);
      say(this.said, waiting ? "measuring the model on paper …" : "");
      if (waiting) return;
      this.error.hidden = !found.error;
      say(this.error, found.error || "");
      if (found.value && found.value !== this.shown) this.draw(found.value, frame.lesson);
    }

    draw(found, lesson) {
      this.shown = found;
      say(this.parameters, many(found.parameters));
      say(this.memory, gb(found.memory_bytes));
      say(this.time, `about ${playground.trainDuration(found.seconds)}`);
      const part = found.free_bytes ? found.memory_bytes / found.free_bytes : 0, fits = part <= 1;
      this.bar.firstChild.style.width = `${Math.min(100, part * 100).toFixed(1)}%`;
      mark(this.bar, "data-full", fits ? null : "yes");
      say(this.room, found.free_bytes ? (fits ? `of ${gb(found.free_bytes)} that are free; ${playground.count(found.steps)} steps` : `More than the ${gb(found.free_bytes)} that are free: choose a smaller batch, width or context.`) : "");
      const most = Math.max(1, ...found.layers.flatMap((l) => l.children.flatMap(unpacked).map((c) => c.parameters * c.repeat)));
      const nets = found.layers.map((net) => this.net(net, most, found.layers.length > 1));
      this.diagram.replaceChildren(...nets);
      mark(this.diagram, "data-lesson", lesson);
    }

    net(net, most, named) {
      const layers = net.children.length ? net.children.flatMap(unpacked) : [net];
      const boxes = [...layers].reverse().map((layer) => this.layer(layer, most, net.name, 0));
      return make("section", { class: "tr-net", role: "listitem" }, make("h4", { class: "pg-h", text: `${named ? net.name + " · " : ""}${net.kind} · ${many(net.parameters)} parameters` }), make("p", { class: "tr-flow", text: "↑ output" }), ...boxes, make("p", { class: "tr-flow", text: "↑ input" }));
    }

    layer(layer, most, path, depth) {
      const id = `${path}.${layer.name}`, all = layer.parameters * layer.repeat;
      const children = layer.children.filter((c) => c.parameters || c.shape.length);
      const row = [
        make("strong", { class: "tr-layer-name", text: layer.name }),
        make("span", { class: "tr-layer-kind", text: WORDS[layer.kind] ? `${layer.kind}: ${WORDS[layer.kind]}` : layer.kind }),
        layer.repeat > 1 ? make("span", { class: "tr-repeat", text: `× ${layer.repeat}` }) : null,
        make("span", { class: "tr-layer-count", text: all ? many(all) : "no parameters" }),
        make("span", { class: "tr-layer-shape", text: layer.shape.length ? layer.shape.join(" × ") : "" }),
        make("span", { class: "tr-weight", "aria-hidden": "true" }, make("i", { style: { width: `${all ? Math.max(1, (all / most) * 100).toFixed(1) : 0}%` } })),
      ];
      if (!children.length) return make("div", { class: "tr-layer" }, make("div", { class: "tr-layer-row" }, ...row));
      const details = make("details", { class: "tr-layer", "data-repeat": layer.repeat > 1 ? "yes" : null }, make("summary", { class: "tr-layer-row" }, ...row), ...[...children].reverse().map((c) => this.layer(c, most, id, depth + 1)));
      if (this.open.has(id) || (layer.repeat > 1 && depth === 0)) details.open = true;
      details.addEventListener("toggle", () => (details.open ? this.open.add(id) : this.open.delete(id)));
      return details;
    }
  }

  playground.TrainArchitecture = TrainArchitecture;
})();
