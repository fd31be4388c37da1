// Browser twin of repetition_penalty.py: every token of the context is an exact atom.
(() => {
  const playground = (globalThis.playground ??= {});
  (playground.filters ??= {}).repetition_penalty = {
    label: "repetition penalty",
    fields: ["repetition_penalty"],
    penalty: true,
    active: (settings) => Number(settings.repetition_penalty) !== 1,
    apply: (atoms, settings, context) => {
      const penalty = Number(settings.repetition_penalty);
      const seen = new Set(context.ids);
      return atoms.map((atom) => {
        if (atom.removed_by || !seen.has(atom.token_id)) return atom;
        return { ...atom, logit: atom.logit < 0 ? atom.logit * penalty : atom.logit / penalty };
      });
    },
  };
})();
