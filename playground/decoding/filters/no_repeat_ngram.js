// Browser twin of no_repeat_ngram.py.
(() => {
  const playground = (globalThis.playground ??= {});
  (playground.filters ??= {}).no_repeat_ngram = {
    label: "no repeated n-grams",
    fields: ["no_repeat_ngram_size"],
    penalty: true,
    active: (settings) => Number(settings.no_repeat_ngram_size) > 0,
    apply: (atoms, settings, context) => {
      const n = Number(settings.no_repeat_ngram_size);
      const ids = context.ids;
      const start = ids.length - n + 1; // of the n - 1 tokens that the next one would complete
      const banned = new Set();
      for (let i = 0; i + n <= ids.length; i++) {
        let same = true;
        for (let j = 0; j < n - 1 && same; j++) same = ids[i + j] === ids[start + j];
        if (same) banned.add(ids[i + n - 1]);
      }
      const { remove, alive } = playground.atoms;
      return atoms.map((atom) => (alive(atom) && banned.has(atom.token_id) ? remove(atom, "no_repeat_ngram") : atom));
    },
  };
})();
