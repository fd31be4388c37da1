// Codes of a latent space as lists of numbers: drawn from N(0, 1), on the way from one to another, mixed, truncated.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});

  /** Even numbers in 0 … 1 from a seed (mulberry32). */
  function even(seed) {
    let state = seed >>> 0;
    return () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  /** `n` numbers from N(0, 1), the same for the same seed (Box and Muller, 1958). */
  function normal(seed, n) {
    const next = even(Math.imul(seed + 1, 2654435761));
    const found = [];
    while (found.length < n) {
      const radius = Math.sqrt(-2 * Math.log(1 - next())), angle = 2 * Math.PI * next();
      found.push(radius * Math.cos(angle), radius * Math.sin(angle));
    }
    return found.slice(0, n);
  }

  const length = (a) => Math.sqrt(a.reduce((sum, x) => sum + x * x, 0));

  /** The code a share `t` of the way from `a` to `b`, along the sphere on which draws from N(0, 1) lie. */
  function between(a, b, t) {
    const cosine = a.reduce((sum, x, i) => sum + x * b[i], 0) / (length(a) * length(b) || 1);
    const angle = Math.acos(Math.max(-1, Math.min(1, cosine)));
    if (Math.sin(angle) < 1e-4) return a.map((x, i) => x + t * (b[i] - x));
    return a.map((x, i) => (Math.sin((1 - t) * angle) * x + Math.sin(t * angle) * b[i]) / Math.sin(angle));
  }

  /** `a` with the first `k` numbers of `order` from `b`. */
  function mixed(a, b, order, k) {
    const taken = new Set(order.slice(0, k));
    return a.map((x, i) => (taken.has(i) ? b[i] : x));
  }

  /** Nearer to the middle by the factor `psi` (Karras et al., 2019): more usual, and more alike. */
  const truncated = (a, psi) => a.map((x) => x * psi);

  /** `a` with number `place` set to `value`. */
  const changed = (a, place, value) => a.map((x, i) => (i === place ? value : x));

  playground.codes = { normal, between, mixed, truncated, changed };
})();
