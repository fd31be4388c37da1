// What the tints under the tokens mean.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make } = playground;
  const LEVELS = ["under 0.5", "0.5 to 1.5", "1.5 to 3", "3 to 5", "5 to 8", "8 or more"];

  /** One line: six swatches as the tokens wear them, from expected to surprising. */
  playground.legend = () => {
    const swatches = LEVELS.map((range, level) => make("i", { class: "pg-chip pg-sample", "data-surprise": level, title: `${range} bits` }));
    return make("div", { class: "pg-legend" }, playground.term("surprise"), make("span", { class: "pg-samples", role: "img", "aria-label": "six steps, from 0 to 8 bits and more" },
      make("span", { text: "0" }), ...swatches, make("span", { text: "8+ bits" })));
  };
})();
