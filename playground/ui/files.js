// Files that are dropped on the page. Without this the browser would leave the page for them.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const PATIENCE_MS = 8000, LOOK_MS = 60;
  const carries = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files")
    && !event.defaultPrevented && !(event.target.closest && event.target.closest('input[type="file"]'));

  document.addEventListener("dragover", (event) => carries(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0], event.target);
  });

  /** A picture goes to the latent space where that is open, else to the Image tab, which is opened for it. */
  async function take(file, target) {
    if (playground.latent && (await playground.latent.dropped(file))) return;
    const tab = [...document.querySelectorAll('[role="tab"]')].find((one) => one.textContent.trim().toLowerCase() === "image");
    if (!tab) return;
    const open = tab.getAttribute("aria-selected") === "true";
    if (!open && !(file && file.type.startsWith("image/"))) return;
    if (!open) tab.click();
    for (const end = performance.now() + PATIENCE_MS; performance.now() < end; ) {
      if (playground.pictures && playground.pictures.dropped("image", file, target)) return;
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }
})();
