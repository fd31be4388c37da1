// Browser twin of top_p.py: the token that reaches p stays; of equal tokens the last ids stay, as in transformers.
(() => {
  const playground = (globalThis.playground ??= {});
  (playground.filters ??= {}).top_p = {
    label: "top-p",
    fields: ["top_p"],
    penalty: false,
    active: (settings) => Number(settings.top_p) < 1,
    apply: (atoms, settings) => {
      const { alive, highest, weigh, keepUntil, shareAbove } = playground.atoms;
      const top = highest(atoms);
      const total = atoms.reduce((sum, atom) => sum + (alive(atom) ? weigh(atom, top) : 0), 0);
      return keepUntil(atoms, {
        name: "top_p",
        enough: Number(settings.top_p) * total,
        distance: (logit) => -logit,
        shares: (group, d) => [0, shareAbove(group, -d)],
        weight: (atom) => weigh(atom, top),
        ties: false,
      });
    },
  };
})();
