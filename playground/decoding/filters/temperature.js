// Browser twin of temperature.py (0, greedy search, is the pipeline's affair: then no sampling filter acts).
(() => {
  const playground = (globalThis.playground ??= {});
  (playground.filters ??= {}).temperature = {
    label: "temperature",
    fields: ["temperature"],
    penalty: false,
    active: (settings) => Number(settings.temperature) !== 1,
    apply: (atoms, settings) => {
      const T = Number(settings.temperature);
      return atoms.map((atom) => ({ ...atom, logit: atom.logit / T, variance: atom.variance / (T * T) }));
    },
  };
})();
