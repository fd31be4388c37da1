(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});
  playground.TrainTokens = class { constructor() { this.element = playground.make("div"); } update() {} };
})();
