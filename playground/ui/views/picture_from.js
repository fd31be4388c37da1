// What a run begins from, where it is seen at once: the picture that was brought stands far below.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  const { make, say, makePicture, putPicture } = playground;

  class PictureFrom {
    /** `begin` is the part that has the picture. */
    constructor(begin) {
      this.begin = begin;
      this.image = makePicture({ class: "pc-thumb" });
      this.words = make("span");
      this.away = make("button", { class: "pg-quiet", type: "button", text: "Remove", on: { click: () => begin.set("") } });
      this.element = make("div", { class: "pc-from", hidden: true }, this.image, this.words, this.away);
      begin.changed = () => this.update();
    }

    update() {
      const { picture, painted: mask } = this.begin;
      this.element.hidden = !picture;
      if (!picture) return;
      putPicture(this.image, picture, "the picture that a run begins from");
      say(this.words, mask ? "Runs begin from this picture, and only its painted part changes." : "Runs begin from this picture.");
    }
  }

  playground.PictureFrom = PictureFrom;
})();
