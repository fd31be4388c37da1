// Number boxes: what cannot be taken as it was typed is brought to the nearest number that can, and that is said below.
// (Gradio does the former for sliders, in silence, and shows a number that it rounded away.) An emptied box gets back what it had.
(() => {
  "use strict";
  const before = new WeakMap(); // box → the number it had
  const isNumber = (node) => node instanceof HTMLInputElement && node.type === "number" && node.closest(".page-settings") !== null;

  function set(box, value) {
    box.value = value;
    for (const kind of ["input", "change"]) box.dispatchEvent(new Event(kind, { bubbles: true }));
  }

  /** The nearest number that a box takes: steps of parts of 1 are the slider's alone, and between them one may type. */
  function nearest(box, value) {
    const bound = (name, otherwise) => (box[name] === "" ? otherwise : Number(box[name]));
    const low = bound("min", -Infinity), high = bound("max", Infinity), step = bound("step", 0) || 0;
    const base = Number.isFinite(low) ? low : 0;
    const rounded = step >= 1 ? base + Math.round((value - base) / step) * step : value;
    return Number(Math.min(high, Math.max(low, rounded)).toFixed(10));
  }

  /** What a box takes, in words. */
  function allowed({ min, max, step }) {
    const range = max === "" ? `from ${min || 0} on` : `from ${min || 0} to ${max}`;
    return Number(step) === 1 ? `whole numbers ${range}` : Number(step) > 1 ? `steps of ${step} ${range}` : range;
  }

  function control(box) {
    return box.closest(".block") || box.parentElement;
  }

  function unsay(box) {
    control(box).querySelector(".page-corrected")?.remove();
  }

  function say(box, words) {
    unsay(box);
    const note = document.createElement("p");
    note.className = "page-corrected";
    note.setAttribute("role", "status");
    control(box).append(note);
    note.textContent = words;
  }

  document.addEventListener("focusin", ({ target }) => {
    if (isNumber(target) && target.value !== "") before.set(target, target.value);
  });

  document.addEventListener("input", ({ target, isTrusted }) => {
    if (isTrusted && target instanceof HTMLInputElement && target.closest(".page-settings")) unsay(target);
  });

  // other settings are put in place: what was said of a number is over
  document.addEventListener("click", ({ target }) => {
    const tab = target instanceof Element && target.closest(".page-presets, .page-examples") && target.closest(".page-tab");
    for (const note of tab ? tab.querySelectorAll(".page-corrected") : []) note.remove();
  });

  // before Gradio's own listener, which rounds and forgets what was typed
  document.addEventListener("blur", ({ target }) => {
    if (!isNumber(target) || !target.isConnected) return;
    if (target.value === "") {
      if (before.has(target)) set(target, before.get(target));
      return;
    }
    const typed = target.value, taken = nearest(target, Number(typed));
    if (!Number.isFinite(taken) || taken === Number(typed)) return;
    set(target, String(taken));
    say(target, `${typed} became ${taken}: ${allowed(target)}.`);
  }, true);
})();
