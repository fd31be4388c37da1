// Browser twin of min_p.py.
(() => {
  const playground = (globalThis.playground ??= {});
  (playground.filters ??= {}).min_p = {
    label: "min-p",
    fields: ["min_p"],
    penalty: false,
    active: (settings) => Number(settings.min_p) > 0,
    apply: (atoms, settings) => {
      const { highest, cutBelow } = playground.atoms;
      return cutBelow(atoms, highest(atoms) + Math.log(Number(settings.min_p)), "min_p");
    },
  };
})();
