// The page around the views: the visit's token, buttons that follow the run, keys, files to keep.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const KEY = "playground-visit";
  const CLICKS = "playground-clicks";
  const TAB = "playground-tab";
  const last = new Map(); // tab → the newest frame
  const texts = new Map(); // tab → the text of its run, token by token
  let wasOpen = null; // the tab that was open when the page was left
  try {
    wasOpen = sessionStorage.getItem(TAB);
  } catch {
    // no storage: a page that is loaded anew begins with its first tab
  }
  addEventListener("pagehide", () => {
    const open = document.querySelector("[role=tab][aria-selected=true][data-tab-id]");
    try {
      if (open) sessionStorage.setItem(TAB, open.dataset.tabId);
    } catch {
      // as above
    }
  });

  /** The token of this browser tab's visit: 128 random bits, kept until the tab is closed. */
  playground.visit = () => {
    try {
      let token = sessionStorage.getItem(KEY);
      if (!/^[0-9a-f]{32}$/.test(token || "")) {
        token = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
        sessionStorage.setItem(KEY, token);
      }
      return token;
    } catch {
      return (playground.visitWithoutStorage ||= [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join(""));
    }
  };

  /** Puts the visit's token in front of what a handler is sent. */
  playground.signed = (values) => [playground.visit(), ...values.slice(1)];

  /** The same with the number of the click: requests overtake each other, and a Stop ends what was begun before it. */
  playground.signedClick = (values) => [`${playground.visit()}.${click()}`, ...values.slice(1)];

  /** Numbers that grow, over reloads too. */
  function click() {
    let before = playground.clicks || 0;
    try {
      before = Math.max(before, Number(sessionStorage.getItem(CLICKS)) || 0);
    } catch {
      // no storage: the clock grows by itself
    }
    playground.clicks = Math.max(before + 1, Date.now());
    try {
      sessionStorage.setItem(CLICKS, String(playground.clicks));
    } catch {
      // as above
    }
    return playground.clicks;
  }

  function button(tab, name) {
    const found = document.getElementById(`${tab}-${name}`);
    return found && (found.tagName === "BUTTON" ? found : found.querySelector("button"));
  }

  function enable(tab, name, on) {
    const node = button(tab, name);
    if (node && node.disabled === on) node.disabled = !on;
  }

  /** Buttons of a tab as its newest frame wants them. */
  function follow(tab) {
    const frame = last.get(tab);
    if (!frame) return;
    const state = (frame.status || {}).state;
    const going = ["running", "loading", "queued"].includes(state);
    const own = frame.run && !frame.recorded && (frame.total > 0 || frame.finished || state === "error");
    enable(tab, "stop", going);
    enable(tab, "pause", going);
    enable(tab, "continue", !going && Boolean(frame.resumable));
    enable(tab, "step", !going);
    enable(tab, "again", !going && Boolean(own));
    enable(tab, "again-new", !going && Boolean(own));
    const root = document.getElementById(`${tab}-tab`);
    if (root) root.dataset.state = state || "idle";
  }

  /** A message that became a run leaves its box; one that was refused stays there. */
  function sent(tab, frame) {
    const said = (frame.history || []).at(-1);
    const box = document.querySelector(`#${tab}-prompt textarea`);
    if (!box || !said || said.role !== "user" || frame.run === (last.get(tab) || {}).run) return;
    if (!box.value || box.value !== said.content) return;
    box.value = "";
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  /** A frame came: the buttons follow it. */
  playground.frame = (tab, text) => {
    try {
      const frame = JSON.parse(text);
      const before = last.get(tab), same = before && before.run === frame.run;
      const late = frame.asked || (frame.recorded && before && before.offer !== frame.run); // it is of a run before
      if (same ? frame.version < before.version : before && late) return;
      sent(tab, frame);
      // an error without a run says something about a click; what is shown stays
      if (frame.run || !before) last.set(tab, frame);
    } catch {
      return;
    }
    follow(tab);
  };

  const TYPED_MS = 350;
  const typing = new Map(); // tab → the timer that waits for the end of the typing

  /** Something was typed: where the tab is to follow, a run begins as soon as the typing rests. */
  playground.typed = (tab, live, asked = false) => {
    clearTimeout(typing.get(tab));
    const box = document.querySelector(`#${tab}-prompt textarea`), run = () => button(tab, "run")?.click();
    // a model that is not at hand is only fetched by a click on Run
    if (live && box && box.value.trim() && (asked || playground.pictures.follows(tab))) typing.set(tab, setTimeout(run, TYPED_MS));
  };

  // Gradio tells of letters that come, not of those that go
  document.addEventListener("input", ({ target }) => {
    const tab = target instanceof HTMLTextAreaElement && /^(.+)-prompt$/.exec(target.closest("[id$='-prompt']")?.id || "")?.[1];
    const live = tab && document.querySelector(`#${tab}-live input`);
    if (live) playground.typed(tab, live.checked);
  });

  const shown = new Map(); // tab → the values of its controls, but for the prompt

  /** Controls were moved: the views of the tab redraw the past with them, and a tab that follows the typing follows these, too. */
  playground.moved = (tab, names, values) => {
    playground.settings(tab, Object.fromEntries(names.map((name, i) => [name, values[i]])));
    const now = JSON.stringify(values.filter((_, i) => names[i] !== "prompt")), before = shown.get(tab);
    shown.set(tab, now);
    const live = document.querySelector(`#${tab}-live input`);
    if (live && live.checked && before !== undefined && before !== now) playground.typed(tab, true);
  };

  // a prompt is written in the direction of its letters
  const byLetters = ({ target }) => {
    if (target instanceof HTMLTextAreaElement && target.dir !== "auto") target.dir = "auto";
  };
  for (const kind of ["focusin", "input"]) document.addEventListener(kind, byLetters);

  const inOrder = (tokens) => [...tokens.entries()].sort((a, b) => a[0] - b[0]).map((entry) => entry[1]).join("");

  /** Prompt and text of a tab's run so far, put together from its frames. */
  playground.written = (tab, text) => {
    const kept = texts.get(tab) || { run: null, tokens: new Map(), prompt: "" };
    texts.set(tab, kept);
    try {
      const frame = JSON.parse(text);
      if (frame.asked && kept.run && frame.run !== kept.run) return kept.prompt + inOrder(kept.tokens);
      if (frame.run && frame.run !== kept.run) Object.assign(kept, { run: frame.run, tokens: new Map(), prompt: "" });
      if (frame.started) kept.prompt = frame.started.settings && frame.started.settings.mode === "chat" ? "" : frame.started.prompt;
      for (const event of frame.events || []) if (event.event === "token") kept.tokens.set(event.index, event.text);
    } catch {
      // no frame: what was written stays
    }
    return kept.prompt + inOrder(kept.tokens);
  };

  /** The page is there: its first frame came with it. */
  playground.opened = (tab, text) => {
    playground.frame(tab, text);
    return playground.written(tab, text);
  };

  /** The tab that was open when the page was loaded anew, by hand or after a lost connection, as Gradio's update; `names` are those
      that anybody may open. */
  playground.openTab = (names) => ({ __type__: "update", ...(names.includes(wasOpen) ? { selected: wasOpen } : {}) });

  /** A tab was opened: its buttons are new. */
  playground.reopened = (tab) => {
    for (const wait of [0, 60, 300, 1000]) setTimeout(() => follow(tab), wait);
  };

  /** Opens or closes a tab's settings where the screen has no room for them beside the text. */
  playground.fold = (tab) => {
    const column = document.getElementById(`${tab}-settings`);
    if (!column) return;
    const open = column.classList.toggle("page-open");
    const by = button(tab, "fold");
    for (const [name, value] of [["aria-expanded", open], ["aria-controls", column.id]]) by?.setAttribute(name, String(value));
    // they stand before the prompt in the page and below its buttons on the screen: the keyboard goes where the eye goes
    column.tabIndex = -1;
    if (open) column.focus({ preventScroll: true });
  };

  /** The chosen model may allow less than before: sliders beyond it come back, and a choice that is gone becomes the first. */
  playground.bounded = (tab, names) => {
    const all = () => names.map((name) => document.getElementById(`${tab}-${name}`)).filter(Boolean);
    setTimeout(() => {
      const gone = all().filter(noneChosen);
      all().forEach(bound);
      // a list that is being drawn anew has nothing chosen for a moment
      setTimeout(() => gone.filter(noneChosen).forEach((list) => list.querySelector("input[type=radio]").click()), 300);
    }, 40);
  };

  function noneChosen(control) {
    const choices = [...control.querySelectorAll("input[type=radio]")];
    return choices.length > 0 && !choices.some((one) => one.checked);
  }

  function bound(control) {
    const box = control.querySelector("input[type=number]");
    if (!box || box.max === "" || Number(box.value) <= Number(box.max)) return;
    box.value = box.max;
    for (const kind of ["input", "change"]) box.dispatchEvent(new Event(kind, { bubbles: true }));
  }

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const root = event.target.closest && event.target.closest("[data-tab], .page-tab");
    const tab = root && root.id.replace(/-tab$/, "");
    const run = tab && button(tab, "run");
    if (!run || run.disabled) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.target.type === "number") event.target.blur();
    // the box tells the server its text a moment after the last key
    setTimeout(() => run.click(), 60);
  }, true);
})();
