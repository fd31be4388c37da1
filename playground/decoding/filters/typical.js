// Browser twin of typical.py: tokens in the order of |−log p − entropy|; those equal to the last one stay, too.
(() => {
  const playground = (globalThis.playground ??= {});

  // Σ −p·log p; a group's spread lowers its tokens' mean −log p and is small: second order, as everywhere.
  function entropyOf(atoms, logNormaliser) {
    return atoms.reduce((sum, atom) => {
      if (atom.removed_by || atom.probability === 0) return sum;
      const tilt = atom.variance / (1 + atom.variance / 2); // mean of logit under exp(logit), minus the mean
      return sum + atom.probability * (logNormaliser - atom.logit - tilt);
    }, 0);
  }

  (playground.filters ??= {}).typical = {
    label: "typical",
    fields: ["typical_p"],
    penalty: false,
    active: (settings) => Number(settings.typical_p) < 1,
    apply: (atoms, settings) => {
      const { alive, highest, weigh, withProbabilities, keepUntil, shareAbove } = playground.atoms;
      const top = highest(atoms);
      const total = atoms.reduce((sum, atom) => sum + (alive(atom) ? weigh(atom, top) : 0), 0);
      const normaliser = top + Math.log(total);
      const centre = normaliser - entropyOf(withProbabilities(atoms), normaliser); // the most typical logit
      return keepUntil(atoms, {
        name: "typical",
        enough: Number(settings.typical_p) * total,
        distance: (logit) => Math.abs(logit - centre),
        shares: (group, d) => [shareAbove(group, centre + d), shareAbove(group, centre - d)],
        weight: (atom) => weigh(atom, top),
        ties: true,
      });
    },
  };
})();
