// Browser twin of logit_bias.py: adds the run's own biases (as recorded: their texts became ids on the server).
(() => {
  const playground = (globalThis.playground ??= {});
  (playground.filters ??= {}).logit_bias = {
    label: "logit bias",
    fields: [],
    penalty: true,
    active: (settings, context) => Object.keys(context.logit_bias).length > 0,
    apply: (atoms, settings, context) =>
      atoms.map((atom) => {
        const bias = atom.token_id === null ? undefined : context.logit_bias[atom.token_id];
        return bias === undefined || atom.removed_by ? atom : { ...atom, logit: atom.logit + bias };
      }),
  };
})();
