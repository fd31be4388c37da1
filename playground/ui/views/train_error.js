(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  playground.TrainError = class { constructor() { this.element = playground.make("div"); } update() {} };
})();
