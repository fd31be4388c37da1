// What the library says in its own words, said so that it helps: what happened, what stays, what to do next.
(() => {
  "use strict";
  const SAID = [
    [/currently busy|queue is full/i, "The waiting line is full",
      "So many runs wait already that no other can join. Your prompt and settings stay as they are: press Run again in a minute."],
    [/connection|network|failed to fetch|load failed/i, "No connection to the server",
      "Check the network, and copy what you have not sent yet: once the server answers, the page loads itself anew and finds its runs again."],
    [/session/i, "The server was started anew",
      "It does not know this page any more. Copy what you want to keep, then reload the page."],
    [/file|upload|too large|size/i, "This file was not taken", "Texts of up to 2 MB and pictures are taken in the Train tab; everywhere else write or paste text into the box."],
  ];
  const OTHER = ["That did not work", "The server could not do what was asked. Your prompt and settings stay as they are: try again, and if this comes back, reload the page."];

  const RANGE = /value (\S+) is (less|greater) than (?:minimum|maximum) value (\S+?)\.?$/i;

  function words(text) {
    const [, value, side, bound] = RANGE.exec(text.trim()) || [];
    if (value) {
      return ["This number was not taken", side === "less"
        ? `${value} is too small: the setting begins at ${bound}. Nothing was started.`
        : `${value} is too large: the setting ends at ${bound}. Nothing was started.`];
    }
    const found = SAID.find(([pattern]) => pattern.test(text));
    return found ? found.slice(1) : OTHER;
  }

  function say(text) {
    if (text.dataset.said) return;
    const title = text.closest(".toast-body")?.querySelector(".toast-title");
    const [name, sentence] = words(text.textContent);
    text.dataset.said = "yes";
    text.textContent = sentence;
    if (title) title.textContent = name;
    const same = [...document.querySelectorAll(".toast-wrap [data-testid=toast-text][data-said]")].filter((other) => other.textContent === sentence);
    if (same.length > 1) text.closest(".toast-body")?.querySelector("button")?.click(); // it is there already
  }

  const look = () => document.querySelectorAll(".toast-wrap [data-testid=toast-text]").forEach(say);
  new MutationObserver(look).observe(document.documentElement, { childList: true, subtree: true });
})();
