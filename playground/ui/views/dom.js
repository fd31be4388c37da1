// Building blocks of every view: elements whose text is text, and figures as people read them.
//
// Nothing here (and nothing in the other views) parses markup: model text, file names and
// messages reach the page through textContent and attributes only, so they cannot run.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "text") node.textContent = value;
      else if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
      else if (name === "style") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    for (const child of children) if (child !== null && child !== undefined) node.append(child);
    return node;
  }

  /** An HTML element; `text` becomes its textContent, `on` its listeners, strings among the children text. */
  function make(tag, attributes, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }

  /** The same for SVG. */
  function draw(tag, attributes, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
  }

  /** Sets text only where it differs: an unchanged line is not announced again. */
  function say(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  /** Sets or removes an attribute, touching the page only where it differs. */
  function mark(node, name, value) {
    if (value === null || value === false || value === undefined) {
      if (node.hasAttribute(name)) node.removeAttribute(name);
    } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
  }

  const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc]/g;

  function named(character) {
    return "⟨" + character.codePointAt(0).toString(16).toUpperCase().padStart(2, "0") + "⟩";
  }

  /** A token as it is drawn: `·` for a space, `⏎` for a line break, ⟨200B⟩ for what has no shape or turns text around. */
  function visible(text, longest = 60) {
    const short = text.length > longest ? [...text].slice(0, longest - 1).join("") + "…" : text;
    return short.replace(/\r?\n/g, "⏎").replace(/\t/g, "⇥").replace(/ /g, "·").replace(/\u00a0/g, "⍽").replace(INVISIBLE, named);
  }

  /** A token as it is read aloud. */
  function spoken(text) {
    if (text === "") return "part of a character";
    const words = text.replace(/\r?\n/g, " line break ").replace(/\t/g, " tab ").replace(INVISIBLE, " invisible character ");
    if (isColour(text)) return `colour ${text}`;
    if (/^ +$/.test(text)) return text.length === 1 ? "space" : `${text.length} spaces`;
    return words.trim().slice(0, 120);
  }

  /** A probability with at most three significant digits: 41.2 %, 6.13 %, 0.04 %. */
  function percent(p) {
    if (p === null || p === undefined || !Number.isFinite(p)) return "–";
    const hundredths = p * 100;
    if (hundredths === 0) return "0\u00a0%";
    if (hundredths < 0.01) return "<\u202f0.01\u00a0%";
    if (p < 1 && hundredths >= 99.95) return ">\u202f99.9\u00a0%";
    const digits = hundredths >= 99.95 ? 0 : hundredths >= 10 ? 1 : 2;
    return hundredths.toFixed(digits) + "\u00a0%";
  }

  /** The name of the tab that a view stands in, as its template says. */
  function tabOf(element, otherwise) {
    const named = element.querySelector("[data-tab]");
    return (named && named.dataset.tab) || otherwise;
  }

  /** 49,102 */
  function count(n) {
    return Math.round(n).toLocaleString("en-US");
  }

  /** 43 of 270 MB, step 12 of 50, 3 files. `total` 0: unknown. */
  function amount(done, total, unit) {
    const bytes = /^(b|bytes)$/i.test(unit || "");
    const scale = bytes ? ((total || done) >= 1e9 ? 1e9 : 1e6) : 1;
    const name = bytes ? (scale === 1e9 ? "GB" : "MB") : unit || "";
    const show = (v) => (bytes ? (v / scale).toFixed(scale === 1e9 || v / scale < 10 ? 1 : 0) : count(v));
    return (total ? `${show(done)} of ${show(total)}` : show(done)) + (name ? "\u00a0" + name : "");
  }

  /** "rtl" where the first letter with a direction runs from right to left. */
  function direction(text) {
    const strong = /[A-Za-z\u00c0-\u02af\u0370-\u058f\u0900-\u1fff\u3040-\u9fff\uac00-\ud7af]|[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.exec(text);
    return strong && /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]/.test(strong[0]) ? "rtl" : "ltr";
  }

  /** Calls `act` once `element` is seen. */
  function onceSeen(element, act) {
    const observer = new IntersectionObserver((seen) => {
      if (!seen.some((one) => one.isIntersecting)) return;
      observer.disconnect();
      act();
    });
    observer.observe(element);
    return observer;
  }

  /** Whether a token is a colour, as those of a picture are. */
  const isColour = (text) => /^#[0-9a-f]{6}$/.test(text || "");

  /** The pixels in a line of a picture that is written without line breaks: it is square, and fills the context window behind its
   * first token; 0 where it does not. */
  function columnsOf(started) {
    const side = Math.sqrt(((started && started.context_window) || 1.5) - 1);
    return Number.isInteger(side) ? side : 0;
  }

  /** Shows the colour that a token names, where it names one (a token of a picture); says whether it does. */
  function tint(node, text) {
    const colour = isColour(text) ? text : null;
    mark(node, "data-colour", colour);
    if (colour) node.style.setProperty("--pg-colour", colour);
    else node.style.removeProperty("--pg-colour");
    return colour !== null;
  }

  /** A colour as a small square. */
  function square(text) {
    const dot = make("i", { class: "pg-square", role: "img", "aria-label": text });
    tint(dot, text);
    return dot;
  }

  /** A token in its own direction, so that its neighbours keep theirs. */
  function tokenLabel(text, special, longest) {
    const label = make("bdi", { class: special ? "pg-name pg-special" : "pg-name", dir: "auto" });
    label.textContent = text === "" ? "∅" : visible(text, longest);
    tint(label, text);
    return label;
  }

  Object.assign(playground, { make, draw, say, mark, visible, spoken, percent, count, amount, direction, columnsOf, isColour, tint, square, onceSeen, tabOf, tokenLabel });
})();
