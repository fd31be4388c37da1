// Is this a copy? The nearest pictures that the model was trained on, beside a finished one.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, makePicture, putPicture } = playground;

  /** What the distance to the nearest one means, beside how far a training picture usually is from the next. */
  function verdict(nearest, typical, own) {
    const part = nearest.distance / typical;
    const usual = own ? `the nearest other picture is ${typical.toFixed(2)} away from that one` : `for a picture it was trained on, the nearest other one is usually ${typical.toFixed(2)} away`;
    const figures = `${nearest.distance.toFixed(2)} away; ${usual}`;
    if (part < 0.5) return `Nearly a copy of “${nearest.name}”: ${figures}.`;
    if (part < 1) return `Close to “${nearest.name}”: ${figures}.`;
    return `Not one of them: the nearest is “${nearest.name}”, ${figures}.`;
  }

  class PictureNear {
    /** `own`: what is typical is said of the nearest picture itself, not of all that it was trained on. */
    constructor(own = false) {
      this.own = own;
      this.row = make("div", { class: "pc-branches" });
      this.words = make("p", { class: "pg-small" });
      this.element = make("section", { class: "pc-nearest", "aria-label": "Nearest training pictures", hidden: true },
        make("h4", { class: "pg-h", text: "The nearest pictures it was trained on" }), this.row, this.words);
    }

    update(view) {
      const found = view.near && (view.near.near.length || view.near.why) && view.at === view.steps.length - 1 ? view.near : null;
      this.element.hidden = !found;
      if (!found || this.shown === found) return;
      this.shown = found;
      this.row.replaceChildren(...found.near.map((one) => {
        const image = makePicture({ class: "pc-branch" });
        putPicture(image, one.picture, `training picture: ${one.name}`);
        return make("figure", { class: "pc-neighbour" }, image, make("figcaption", { class: "pc-said" }, `${one.name}, ${one.distance.toFixed(2)} away`));
      }));
      say(this.words, found.why || !found.near.length ? found.why : found.typical ? verdict(found.near[0], found.typical, this.own) : "");
    }
  }

  playground.PictureNear = PictureNear;
})();
