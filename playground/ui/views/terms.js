// Words of the field, in italics, with one sentence of explanation on demand.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make } = playground;

  const EDGE = 8; // how near an explanation may come to the edge of the screen
  const TERMS = {
    probability: "How likely this token was in the end, after every setting had its say.",
    rank: "Its place in the model's own list, before any setting: 1 is the model's favourite.",
    surprise: "How unexpected the token was to the model, −log₂ of its own probability: 1 bit is a coin toss, each bit more halves the probability.",
    entropy: "How undecided the model was before this token: 0 bits means it was sure, 3 bits is like choosing among 8 equally likely tokens.",
    "random number": "Drawn between 0 and 1 for every token. The probabilities are laid end to end, and the token the number falls on is taken.",
    "cross-attention": "At every token the decoder weighs all tokens that the encoder read; the weights add to 100 %, here as the mean over the heads of a layer.",
    "attention to the words": "Every place of the picture weighs the words of the prompt, in some models together with the rest of the picture; the weights add to 100 %, here as the mean over heads and layers.",
    "noise level": "How much of the picture at this step is noise: 100 % at the beginning, none at the end.",
    guidance: "Guidance moves each guess away from the one without the words, towards the one with them. This is how far it moved it, as a share of the guess.",
    timestep: "Where on the model's own scale of noise this step stands: 1,000 is noise alone, 0 the finished picture.",
    latents: "The model works on a small picture of its own, whose numbers an autoencoder turns into colours at the end.",
    beam: "One of several texts that are written at once. The score is the sum of its tokens' log-probabilities, so closer to 0 is better.",
  };

  /** The word as a small button that opens its explanation; `label` is what is shown where it differs. */
  playground.term = (name, label = name) => {
    const summary = make("summary", {}, make("em", { text: label }));
    const words = make("span", { class: "pg-explain", role: "note", text: TERMS[name] });
    const details = make("details", { class: "pg-term" }, summary, words);
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      words.style.removeProperty("transform");
      const { left, right } = words.getBoundingClientRect(), width = document.documentElement.clientWidth;
      const by = left < EDGE ? EDGE - left : Math.min(0, width - EDGE - right);
      if (by) words.style.setProperty("transform", `translateX(${by}px)`);
      const box = details.closest(".pg-theatre");
      for (const other of box ? box.querySelectorAll(".pg-term[open]") : []) if (other !== details) other.open = false;
    });
    details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !details.open) return;
      details.open = false;
      summary.focus();
      event.stopPropagation();
    });
    details.addEventListener("focusout", (event) => !details.contains(event.relatedTarget) && (details.open = false));
    return details;
  };
})();
