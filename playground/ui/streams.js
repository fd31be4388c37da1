// Gradio closes a page's stream of answers when the last one has come, and opens it with the next request. A request
// that reaches the server in between, while the message "closed" is still on its way, is answered into a stream that
// nobody reads: the click seems lost. When a stream is closed soon after a request was taken, an empty request opens
// it again, and what waited there comes.
(() => {
  "use strict";
  const SOON_MS = 5000, AGAIN_MS = 2000, MARK = "open-the-stream";
  const whole = window.fetch;
  let taken = -Infinity; // when the server last took a request, ours left out

  function reopen() {
    document.querySelector("#page-reopen")?.click();
  }

  function closed() {
    if (performance.now() - taken > SOON_MS) return;
    taken = -Infinity; // once for each: our own request closes a stream, too
    setTimeout(reopen, 0);
  }

  window.fetch = async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (url.includes("/queue/data")) (input instanceof Request ? input : init || {}).signal?.addEventListener("abort", closed);
    const answer = await whole(input, init);
    if (!url.includes("/queue/join")) return answer;
    const ours = String((init || {}).body).includes(MARK);
    if (!ours && answer.ok) taken = performance.now();
    if (!ours || answer.ok) return answer;
    setTimeout(reopen, AGAIN_MS); // the queue is full: nobody asked for this, and nobody need hear of it
    return new Promise(() => {});
  };
})();
