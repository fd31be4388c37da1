(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  playground.TrainSave = class { constructor() { this.element = playground.make("div"); } update() {} };
})();
