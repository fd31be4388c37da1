(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  playground.TrainArchitecture = class { constructor() { this.element = playground.make("div"); } update() {} };
})();
