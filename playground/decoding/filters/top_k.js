// Browser twin of top_k.py: tokens equal to the k-th stay, too.
(() => {
  const playground = (globalThis.playground ??= {});
  (playground.filters ??= {}).top_k = {
    label: "top-k",
    fields: ["top_k"],
    penalty: false,
    active: (settings) => Number(settings.top_k) > 0,
    apply: (atoms, settings) =>
      playground.atoms.keepUntil(atoms, {
        name: "top_k",
        enough: Number(settings.top_k),
        distance: (logit) => -logit,
        shares: (group, d) => [0, playground.atoms.shareAbove(group, -d)],
        weight: (atom) => atom.count,
        ties: true,
      }),
  };
})();
