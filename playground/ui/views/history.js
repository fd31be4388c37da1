// The conversation so far, as quiet bubbles above the text.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make } = playground;
  const WHO = { user: "You", assistant: "Model", system: "Instructions" };

  class History {
    constructor() {
      this.element = make("div", { class: "pg-history", role: "log", "aria-label": "Conversation", tabindex: "0", hidden: true });
      this.shown = "[]";
    }

    update(view) {
      const last = view.history[view.history.length - 1];
      const done = view.run && view.run.finished;
      // The answer that is on the page as tokens does not stand there a second time.
      const twice = last && last.role === "assistant" && done && last.content.trim() === (done.text || "").trim();
      const messages = twice ? view.history.slice(0, -1) : view.history;
      const key = JSON.stringify(messages);
      if (key === this.shown) return;
      this.shown = key;
      this.element.hidden = messages.length === 0;
      this.element.replaceChildren(...messages.map((message) => {
        const body = make("div", { class: "pg-said", dir: "auto" });
        body.textContent = message.content;
        return make("div", { class: "pg-bubble", "data-role": message.role in WHO ? message.role : "other" },
          make("span", { class: "pg-who", text: WHO[message.role] || String(message.role) }), body);
      }));
      this.element.scrollTop = this.element.scrollHeight;
    }
  }

  playground.History = History;
})();
