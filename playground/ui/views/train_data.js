(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  playground.TrainData = class { constructor() { this.element = playground.make("div"); } update() {} };
})();
