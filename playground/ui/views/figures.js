// One quiet line of figures under the text, and what a person can take away: text and run.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, count } = playground;

  function figures(view) {
    const { run, started, steps } = view;
    const done = run && run.finished;
    const begun = (started && started.parent_index) || 0; // tokens before it are inherited from another run
    const own = run ? run.tokens.filter((t) => t.index >= begun) : [];
    const last = steps[steps.length - 1], first = own[0], newest = own[own.length - 1];
    const window_ = started ? started.context_window : 0;
    const used = playground.gaps.fills(view) ? started.prompt_tokens.length : last && last.position !== undefined ? last.position + 1 : (started ? started.prompt_tokens.length : 0) + steps.length;
    const asked = started && started.settings ? started.settings.max_new_tokens : null;
    const limit = playground.gaps.fills(view) ? started.places.length - begun : asked;
    const firstS = done ? done.first_token_s : first ? first.elapsed_s : null;
    const passed = newest && first && newest !== first ? newest.elapsed_s - first.elapsed_s : 0;
    const rate = done && done.tokens_per_s ? done.tokens_per_s : passed > 0 ? (own.length - 1) / passed : null;
    return {
      first: firstS === null || firstS === undefined ? "–" : `${firstS < 10 ? firstS.toFixed(2) : firstS.toFixed(0)}\u00a0s`,
      rate: rate === null ? "–" : `${rate < 10 ? rate.toFixed(1) : rate.toFixed(0)}\u00a0tok/s`,
      context: window_ ? `${count(used)} of ${count(window_)}` : "–",
      left: limit === null || limit === undefined || (done && done.reason === "eos") ? "–" : `${count(Math.max(0, limit - (newest ? newest.index + 1 - begun : 0)))} of ${count(limit)}`,
    };
  }

  const LABELS = { first: "first token", rate: "speed", context: "context used", left: "tokens left" };

  class Figures {
    constructor() {
      this.cells = {};
      const cells = Object.entries(LABELS).map(([name, label]) => make("div", {}, make("dt", { text: label }), (this.cells[name] = make("dd", { text: "–" }))));
      this.element = make("dl", { class: "pg-figures" }, ...cells);
    }

    update(view) {
      for (const [name, text] of Object.entries(figures(view))) say(this.cells[name], text);
    }
  }

  /** Hands a Blob to the person as a file. */
  function download(name, blob) {
    const url = URL.createObjectURL(blob);
    const link = make("a", { href: url, download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const box = make("textarea", { style: { position: "fixed", opacity: "0" } });
      box.value = text;
      document.body.append(box);
      box.select();
      const worked = document.execCommand("copy");
      box.remove();
      return worked;
    }
  }

  /** The written text, special tokens left out, with the prompt before it where there is no chat. */
  function written(view) {
    if (playground.gaps.fills(view)) return playground.gaps.filled(view);
    const text = view.steps.filter((step) => !step.special).map((step) => step.text).join("");
    const apart = view.history.length > 0 || ((view.started && view.started.source_tokens) || []).length > 0;
    return apart || !view.started ? text : view.started.prompt + text;
  }

  /** The colours among a view's tokens, line by line, as a canvas; what is missing is left empty. */
  function picture(view) {
    const texts = [...view.started.prompt_tokens, ...view.steps].map((token) => token.text);
    const columns = texts.includes("\n") ? 0 : playground.columnsOf(view.started), lines = [[]];
    for (const text of texts) {
      if (text === "\n" || (columns && lines[lines.length - 1].length === columns)) lines.push([]);
      if (playground.isColour(text)) lines[lines.length - 1].push(text);
    }
    const rows = lines.filter((row) => row.length);
    const canvas = make("canvas", { width: Math.max(...rows.map((row) => row.length)), height: rows.length }), context = canvas.getContext("2d");
    rows.forEach((row, y) => row.forEach((colour, x) => {
      context.fillStyle = colour;
      context.fillRect(x, y, 1, 1);
    }));
    return canvas;
  }

  /** The run as it was recorded, as one JSON object. */
  function recording(view) {
    const events = [...view.run.events.values()].sort((a, b) => a.seq - b.seq);
    return JSON.stringify({ started: view.started, events, finished: view.run.finished }, null, 1);
  }

  class Takeaway {
    constructor() {
      const button = (label, act) => make("button", { class: "pg-quiet", type: "button", text: label, on: { click: act } });
      this.copied = button("Copy text", () => this.copy());
      this.element = make("div", { class: "pg-takeaway" }, this.copied,
        button("Download text", () => this.save("txt", "text/plain", written)),
        button("Download run (JSON)", () => this.save("json", "application/json", recording)),
        (this.picture = button("Download picture (PNG)", () => this.savePicture())));
    }

    save(ending, type, content) {
      download(`${this.view.run.id}.${ending}`, new Blob([content(this.view)], { type }));
    }

    savePicture() {
      const { run, started } = this.view, image = picture(this.view);
      const { picture: _, history: __, ...settings } = started.settings;
      const size = Math.max(1, Math.round(256 / Math.max(image.width, image.height)));
      playground.savePicture(playground.enlarged(image, image.width, image.height, size), run.id, { ...settings, modality: started.modality, model: started.model });
    }

    async copy() {
      say(this.copied, (await copy(written(this.view))) ? "Copied" : "Not copied");
      setTimeout(() => say(this.copied, "Copy text"), 1500);
    }

    update(view) {
      this.view = view;
      this.element.classList.toggle("pg-nothing", !view.run || view.steps.length === 0);
      this.picture.hidden = !view.steps.slice(0, 4).some((step) => playground.isColour(step.text));
    }
  }

  Object.assign(playground, { Figures, Takeaway, download, writtenText: written, recording });
})();
