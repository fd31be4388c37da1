// The whole pipeline again, in the browser, from one step's snapshot: raw → penalties → temperature → cuts →
// renormalised, with any settings and no forward pass. Pure functions, no DOM.
//
// Everything works on *atoms*. An exact token is an atom of count 1 and variance 0; a group of the tail is an atom
// of `count` tokens with mean `logit` and `variance`, spread evenly over mean ± √(3·variance). At temperature T it
// adds count · exp((mean − max)/T) · (1 + variance/(2T²)) to the normaliser. A removed atom stays in the list with
// `removed_by`; a group that is cut becomes two.
(() => {
  const playground = (globalThis.playground ??= {});
  const filters = (playground.filters ??= {});
  const NARROWEST = 1e-7; // half width of a group whose tokens are all equal

  const alive = (atom) => !atom.removed_by;
  const isGroup = (atom) => atom.token_id === null;
  const halfWidth = (atom) => Math.max(NARROWEST, Math.sqrt(3 * atom.variance));
  const remove = (atom, name) => ({ ...atom, removed_by: name });
  const weigh = (atom, highest) => atom.count * Math.exp(atom.logit - highest) * (1 + atom.variance / 2);

  // The largest logit that is left; -Infinity where nothing is.
  function highest(atoms) {
    let found = -Infinity;
    for (const atom of atoms) {
      if (alive(atom)) found = Math.max(found, isGroup(atom) ? atom.logit + halfWidth(atom) : atom.logit);
    }
    return found;
  }

  // Each atom with its share of all probability (a group's is that of all its tokens together).
  function withProbabilities(atoms) {
    const top = highest(atoms);
    let total = 0;
    for (const atom of atoms) if (alive(atom)) total += weigh(atom, top);
    return atoms.map((atom) => ({ ...atom, probability: alive(atom) ? weigh(atom, top) / total : 0 }));
  }

  // The part of a group between two shares of its tokens, counted from the largest logit (0) to the smallest (1).
  function slice(group, from, to) {
    const share = to - from;
    return {
      ...group,
      count: group.count * share,
      logit: group.logit + halfWidth(group) * (1 - from - to),
      variance: group.variance * share * share,
    };
  }

  // Which share of a group's tokens has a logit of at least `threshold`.
  function shareAbove(group, threshold) {
    const h = halfWidth(group);
    return Math.min(1, Math.max(0, (group.logit + h - threshold) / (2 * h)));
  }

  // Keeps the tokens of a group from share `from` to share `to`: up to three atoms.
  function keepSlice(group, from, to, name) {
    const parts = [];
    if (from > 0) parts.push(remove(slice(group, 0, from), name));
    if (to > from) parts.push(slice(group, from, to));
    if (to < 1) parts.push(remove(slice(group, to, 1), name));
    return parts;
  }

  // Keeps what has a logit of at least `threshold`.
  function cutBelow(atoms, threshold, name) {
    return atoms.flatMap((atom) => {
      if (!alive(atom)) return [atom];
      if (!isGroup(atom)) return [atom.logit >= threshold ? atom : remove(atom, name)];
      return keepSlice(atom, 0, shareAbove(atom, threshold), name);
    });
  }

  // Keeps tokens in the order of a distance, until they weigh `enough`; the token that reaches it stays.
  //   distance(logit)       0 or more comes later the larger it is
  //   shares(group, d)      [from, to]: which share of the group's tokens is within distance d
  //   weight(atom)          what an atom counts
  //   ties                  true: whatever equals the last one stays, too
  function keepUntil(atoms, { enough, distance, shares, weight, ties, name }) {
    const exact = atoms.filter((a) => alive(a) && !isGroup(a)).map((atom) => ({ atom, d: distance(atom.logit) }));
    exact.sort((a, b) => a.d - b.d || b.atom.token_id - a.atom.token_id);
    const groups = atoms.filter((a) => alive(a) && isGroup(a));
    const partial = (group, d) => {
      const [from, to] = shares(group, d);
      return to > from ? weight(slice(group, from, to)) : 0;
    };
    const within = (d) => groups.reduce((sum, group) => sum + partial(group, d), 0);

    let sum = 0; // of exact tokens before place i
    let last = exact.length; // the first place that is not kept
    let reach = Infinity; // the distance up to which groups are kept
    let inGroup = false; // whether a token of a group was the one that reached it
    for (let i = 0; i < exact.length; i++) {
      const grouped = groups.length ? within(exact[i].d) : 0;
      if (sum + grouped >= enough && i + grouped > 0) {
        [last, reach, inGroup] = [i, bisect((d) => sum + within(d), enough, i ? exact[i - 1].d : null, exact[i].d), true];
        break;
      }
      sum += weight(exact[i].atom);
      if (sum + grouped >= enough) {
        [last, reach] = [i + 1, exact[i].d];
        break;
      }
    }
    if (reach === Infinity && groups.length && sum + within(Infinity) >= enough) {
      const start = exact.length ? exact[exact.length - 1].d : null;
      [reach, inGroup] = [bisect((d) => sum + within(d), enough, start, null), true];
    }
    const kept = new Set(exact.filter(({ d }, i) => i < last || (ties && d <= reach)).map(({ atom }) => atom));
    return atoms.flatMap((atom) => {
      if (!alive(atom)) return [atom];
      if (!isGroup(atom)) return [kept.has(atom) ? atom : remove(atom, name)];
      let [from, to] = reach === Infinity ? [0, 1] : shares(atom, reach);
      if (inGroup && to > from) to = Math.min(1, from + Math.ceil(atom.count * (to - from) - 1e-6) / atom.count); // whole tokens
      return keepSlice(atom, from, to, name);
    });
  }

  // The smallest d at which the rising `reached(d)` is `enough`, between two distances (null: unknown).
  function bisect(reached, enough, low, high) {
    if (low === null) low = high === null ? 0 : high;
    for (let step = 1; reached(low) >= enough && step < 1e6; step *= 2) low -= step;
    if (high === null) {
      high = low;
      for (let step = 1; reached(high) < enough && step < 1e6; step *= 2) high += step;
    }
    for (let i = 0; i < 48 && high - low > 1e-12; i++) {
      const middle = (low + high) / 2;
      if (reached(middle) >= enough) high = middle;
      else low = middle;
    }
    return high;
  }

  playground.atoms = { alive, isGroup, highest, weigh, withProbabilities, remove, cutBelow, shareAbove, keepUntil };

  // A step's snapshot as atoms.
  function fromStep(step, started) {
    const said = new Map((started.prompt_tokens ?? []).map((t) => [t.token_id, t.text]));
    const atom = (token_id, text, count, logit, variance) => ({ token_id, text, count, logit, variance, removed_by: null });
    return [
      ...step.candidates.map((c) => ({ ...atom(c.token_id, c.text, 1, c.logit, 0), recorded_removed_by: c.removed_by })),
      ...step.known.token_ids.map((id, i) => atom(id, said.get(id) ?? null, 1, step.known.logits[i], 0)),
      ...step.tail.counts.map((n, i) => atom(null, null, n, step.tail.means[i], step.tail.variances[i])),
    ];
  }

  // Lays the atoms end to end, the likeliest token first, equal ones by id.
  function layOut(atoms) {
    const order = atoms.filter((a) => alive(a) && a.probability > 0);
    order.sort((a, b) => b.logit - a.logit || (a.token_id ?? Infinity) - (b.token_id ?? Infinity));
    let at = 0;
    return order.map((atom) => ({
      token_id: atom.token_id, text: atom.text, count: atom.count, probability: atom.probability,
      from: at, to: (at += atom.probability),
    }));
  }

  const asChosen = ({ token_id, text, count, probability }) =>
    ({ token_id, text, group: token_id === null ? { count, probability } : null });

  // Whether every setting that a filter or the search reads is the one of the run.
  function asRecorded(settings, recorded, names) {
    const fields = names.flatMap((name) => filters[name]?.fields ?? []);
    return ["search", ...fields].every((key) => settings[key] === undefined || settings[key] === recorded[key]);
  }

  const OFF = { temperature: 1, top_k: 0, top_p: 1, min_p: 0, typical_p: 1, repetition_penalty: 1, no_repeat_ngram_size: 0 };
  const ORDER = ["logit_bias", "repetition_penalty", "no_repeat_ngram", "temperature", "top_k", "top_p", "min_p", "typical"];

  // What `step` (a TokenStep) of a run (`started`) would look like under `settings` (missing ones are the run's).
  // `written`: ids of the new tokens before this step (more do no harm); penalties need them.
  playground.pipeline = (step, started, settings = {}, written = []) => {
    const recorded = { ...OFF, search: "sample", ...started.settings };
    const now = { ...recorded, ...settings };
    const names = started.filters?.length ? started.filters : ORDER;
    const sampling = now.search === "sample" && Number(now.temperature) !== 0;
    const context = {
      ids: [...(started.prompt_tokens ?? []).map((t) => t.token_id), ...written.slice(0, step.index)],
      logit_bias: started.logit_bias ?? {},
    };

    let atoms = fromStep(step, started);
    const stages = [{ name: "raw", label: "raw", active: true, applies: true, removed: 0, atoms: withProbabilities(atoms) }];
    for (const name of names) {
      const twin = filters[name];
      const acts = !twin || ((twin.penalty || sampling) && twin.active(now, context));
      const before = atoms;
      if (!twin) atoms = atoms.map((a) => (alive(a) && a.recorded_removed_by === name ? remove(a, name) : a));
      else if (acts) atoms = twin.apply(atoms, now, context);
      const removed = atoms === before ? 0 : atoms.reduce((n, a) => n + (a.removed_by === name ? a.count : 0), 0);
      stages.push({
        name, label: twin?.label ?? name.replaceAll("_", " "), active: acts && (!!twin || removed > 0), recorded: !twin,
        applies: !twin || twin.penalty || sampling, removed, atoms: withProbabilities(atoms),
      });
    }
    const final = stages[stages.length - 1].atoms;
    const cumulative = layOut(final);
    return { stages, atoms: final, chosen: choose(step, now, recorded, names, cumulative, sampling), cumulative };
  };

  function choose(step, now, recorded, names, cumulative, sampling) {
    const many = now.search !== "sample" && now.search !== "greedy";
    if (many || asRecorded(now, recorded, names)) {
      const text = step.candidates.find((c) => c.token_id === step.token_id)?.text ?? step.piece;
      return { token_id: step.token_id, text, group: null, recorded: true };
    }
    if (!cumulative.length) return { token_id: null, text: null, group: null, recorded: false };
    const place = sampling ? cumulative.find((segment) => step.uniform < segment.to) : cumulative[0];
    return { ...asChosen(place ?? cumulative[cumulative.length - 1]), recorded: false };
  }
})();
