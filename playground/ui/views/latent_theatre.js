// The latent space of a VAE or a GAN: a code, its picture, and what lies around it.
//
// Codes are made here; the server only turns them into pictures. One question is on its way at a time, and of each
// part only its newest one waits, so that a slider that is dragged never piles questions up.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, codes } = playground;
  const PATIENCE_MS = 90000, STILL_MS = 500;
  const KEY = "playground-latent", MOST_KEPT = 8;
  const kept = new Map(); // model → where one stood in its space: a tab that is opened again is drawn anew
  let chosen = null; // the model that was looked at when the page was left
  try {
    const told = JSON.parse(sessionStorage.getItem(KEY) || "{}");
    chosen = typeof told.chosen === "string" ? told.chosen : null;
    for (const [model, state] of told.kept || []) if (isState(state)) kept.set(model, state);
  } catch {
    // no storage, or something else in it: one begins anew
  }
  addEventListener("pagehide", () => {
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ chosen: mounted ? mounted.state.model : chosen, kept: [...kept].slice(-MOST_KEPT) }));
    } catch {
      // as above
    }
  });

  /** Whether what was kept can be gone on from. */
  function isState({ code, other, place, seed, ends }) {
    const numbers = (list) => Array.isArray(list) && list.length > 0 && list.every(Number.isFinite);
    return numbers(code) && numbers(other) && code.length === other.length && [place, seed, ends].every(Number.isInteger) && place >= 0 && place < code.length;
  }

  let mounted = null;

  class LatentTheatre {
    constructor(host, model, trigger) {
      this.trigger = trigger;
      this.state = { model, seed: 1, ends: 2, code: [], other: [], order: [], place: 0, all: false, encodes: false, judges: false, size: 0, newest: "" };
      this.waiting = new Map(); // part → its newest question
      this.number = 0;
      const actions = {
        fresh: () => this.change({ code: codes.normal((this.state.seed += 1), this.state.order.length) }),
        other: () => this.change({ other: codes.normal((this.state.ends += 1) + 500, this.state.order.length) }),
        set: (place, value) => this.change({ place, code: codes.changed(this.state.code, place, value) }),
        choose: (place) => place !== this.state.place && this.change({ place }),
        move: () => this.change({ code: this.state.code.map(() => 0) }),
        put: (code) => this.change({ code: [...code] }),
        end: (code) => this.change({ other: [...code] }),
        more: () => this.change({ all: !this.state.all }),
        redraw: () => this.change({}),
        ask: (what, given) => this.want("given", what, given),
      };
      this.status = make("p", { class: "pg-small", role: "status" });
      this.error = make("p", { class: "pg-error", role: "alert", hidden: true });
      this.again = make("button", { type: "button", class: "pg-button", text: "Try again", hidden: true, on: { click: () => this.want("about", "about", {}) } });
      this.current = new playground.LatentCurrent(actions);
      this.given = new playground.LatentGiven(actions);
      this.parts = { current: this.current, traverse: new playground.LatentTraverse(actions), walk: new playground.LatentWalk(actions), mix: new playground.LatentMix(actions), truncate: new playground.LatentTruncate(actions) };
      this.body = make("div", { class: "lt-body", hidden: true }, ...Object.values(this.parts).map((part) => part.element), this.given.element);
      this.element = make("div", { class: "lt-theatre" }, this.status, this.error, this.again, this.body);
      host.replaceChildren(this.element);
      this.begin();
    }

    /** Asks what the model can do, once its tab is seen. */
    begin() {
      if (this.observer) this.observer.disconnect();
      this.observer = playground.onceSeen(this.element, () => this.want("about", "about", {}));
      say(this.status, "The model is loaded when this tab is opened.");
    }

    /** Another model was chosen. */
    choose(model) {
      if (!model || model === this.state.model) return;
      chosen = null;
      Object.assign(this.state, { model, order: [], code: [], other: [] });
      this.compared = "";
      clearTimeout(this.still);
      this.waiting.clear();
      this.body.hidden = true;
      this.error.hidden = true;
      this.begin();
    }

    change(values) {
      Object.assign(this.state, values);
      if (!this.state.order.length) return;
      const { code, other, place, seed, ends, all } = this.state;
      kept.delete(this.state.model); // the newest comes last
      kept.set(this.state.model, { code, other, place, seed, ends, all });
      for (const [name, part] of Object.entries(this.parts)) this.want(name, "decode", { codes: part.wanted(this.state) });
      this.current.update(this.state);
      this.given.update(this.state);
      clearTimeout(this.still);
      if (this.compared === code.join()) return;
      this.current.compare(null);
      this.still = setTimeout(() => this.want("near", "near", { codes: [code] }), STILL_MS);
    }

    /** A question of a part; an older one of the same part that still waits is forgotten. */
    want(part, what, given) {
      const question = { part, what, given, model: this.state.model };
      const key = JSON.stringify([what, given, question.model]);
      if (part in this.parts && this.parts[part].asked === key) return;
      if (part in this.parts) this.parts[part].asked = key;
      this.waiting.set(part, question);
      this.next();
    }

    next() {
      if (this.out && Date.now() - this.out.at < PATIENCE_MS) return;
      const [part] = this.waiting.keys();
      if (part === undefined) return;
      this.out = { ...this.waiting.get(part), at: Date.now(), id: (this.number += 1) };
      this.waiting.delete(part);
      if (part === "about") say(this.status, "The model is being loaded …");
      clearTimeout(this.impatient);
      this.impatient = setTimeout(() => this.receive({ id: this.number, error: "No answer came: try again." }), PATIENCE_MS);
      this.trigger("ask", { id: this.out.id, model: this.out.model, what: this.out.what, given: this.out.given });
    }

    receive(answer) {
      const out = this.out;
      if (!out || answer.id !== out.id) return;
      this.out = null;
      clearTimeout(this.impatient);
      const current = out.model === this.state.model;
      this.error.hidden = !answer.error || ["given", "near"].includes(out.part);
      this.again.hidden = !answer.error || out.part !== "about";
      if (answer.error) this.fail(out, answer.error);
      else if (current) this.take(out, answer.values);
      this.next();
    }

    fail(out, message) {
      if (out.part in this.parts) this.parts[out.part].asked = "";
      if (out.part === "given") return this.given.fail(message);
      if (out.part === "near") return this.current.compare({});
      if (out.part === "about") say(this.status, "");
      return say(this.error, message);
    }

    take(out, values) {
      if (out.part === "about") return this.open(values);
      if (out.part === "given") return this.given.receive(values);
      if (out.part === "near") {
        const asked = out.given.codes[0].join();
        if (asked !== this.state.code.join()) return undefined; // of a picture that is no longer shown
        this.compared = asked;
        return this.current.compare(values);
      }
      if (out.part === "current") [this.state.newest] = values.pictures;
      this.parts[out.part].show(this.state, values, out.given);
      return this.given.update(this.state);
    }

    open(about) {
      const { latent_dim: n } = about;
      say(this.status, `${about.lesson === "vae" ? "A VAE" : "A GAN"}: ${n} numbers make a picture of ${about.size} × ${about.size} pixels.`);
      this.body.hidden = false;
      for (const part of Object.values(this.parts)) part.asked = "";
      const before = kept.get(this.state.model), fresh = { place: about.order[0], code: codes.normal(this.state.seed, n), other: codes.normal(this.state.ends + 500, n) };
      this.change({ ...about, ...(before && before.code.length === n ? before : fresh) });
    }
  }

  function mount(element, props, trigger, watch) {
    mounted = new LatentTheatre(element.querySelector(".pg-theatre") || element, props.value, trigger);
    watch("value", () => mounted.choose(props.value));
    return mounted;
  }

  function answer(text) {
    if (!text || !mounted) return;
    try {
      mounted.receive(JSON.parse(text));
    } catch {
      // no answer
    }
  }

  /** A file that was dropped where the latent space is open: one that was saved here brings its code, any other is looked at. */
  async function dropped(file) {
    if (!mounted || mounted.body.hidden || mounted.element.offsetParent === null) return false;
    await mounted.given.dropped(file);
    return true;
  }

  playground.latent = { mount, answer, dropped, chosen: () => chosen || "" };
})();
