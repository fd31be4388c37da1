// The Train tab around its view: which lesson is chosen, what its controls say.
(() => {
  "use strict";
  const playground = (window.playground = window.playground || {});

  /** A lesson was chosen by hand. */
  playground.trainChosen = (lesson) => {
    playground.trainLesson = lesson;
    const tab = document.getElementById("train-tab");
    if (tab) tab.dataset.lesson = lesson;
    playground.trainStore.tell();
  };

  /** Controls of a lesson were moved. */
  playground.trainMoved = (lesson, names, values) => playground.trainStore.move(lesson, Object.fromEntries(names.map((name, i) => [name, values[i]])));

  /** A file is ready: the hidden button's link is followed once it holds it. */
  playground.trainDownload = () => setTimeout(() => {
    const button = document.getElementById("train-download");
    (button && (button.querySelector("a[href]") || button.querySelector("button") || button))?.click();
  }, 200);
})();
