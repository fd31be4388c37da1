"""How fast the page is: start, first token, memory, and from the server to the screen.

    python -m benchmarks.page [--port 7890]

Start, first token and memory are those of `python app.py` in a process of its own, asked through its API.
Server to screen: the real page in a real Chromium, while a run of 500 tokens comes at 30 a second. Each step
is a real one of `tales` whose text was replaced by its number, so that the browser can say when it showed
which; both clocks are this computer's. Linux, because memory is read from /proc.
"""

import argparse
import dataclasses
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOKENS, RATE = 500, 30.0
WATCH = """() => {
  window.seen = {};
  const look = (node) => {
    const found = /w(\\d+)/.exec(node.textContent || '');
    if (found && !(found[1] in window.seen)) window.seen[found[1]] = Date.now();
  };
  new MutationObserver((records) => records.forEach((r) => r.addedNodes.forEach((node) => {
    if (node.nodeType !== 1) return;
    if (node.matches('.pg-chip')) look(node);
    node.querySelectorAll('.pg-chip').forEach(look);
  }))).observe(document.body, {childList: true, subtree: true});
}"""

FIRST_CHIP = """() => {
  const written = '.pg-chip:not(.pg-given)';
  new MutationObserver((records) => {
    if (!window.clicked || window.first) return;
    for (const node of records.flatMap((r) => [...r.addedNodes])) {
      if (node.nodeType !== 1 || !(node.matches(written) || node.querySelector(written))) continue;
      window.first = performance.now();
    }
  }).observe(document.querySelector('#text-view'), {childList: true, subtree: true});
  document.querySelector('#text-run').addEventListener('click', () => (window.clicked = performance.now()), true);
}"""


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) * 1024 / 1e6


@contextmanager
def served(port: int) -> Iterator[tuple[int, str, float]]:
    """`python app.py`: its process id, address, and the seconds until it answered."""
    begun, url = time.perf_counter(), f"http://127.0.0.1:{port}/"
    process = subprocess.Popen([sys.executable, "app.py", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - begun > 120:
                    raise
                time.sleep(0.02)
        yield process.pid, url, time.perf_counter() - begun
    finally:
        process.terminate()
        process.wait(timeout=20)


def first_token_s(client: Any) -> float:
    """Seconds from the call to the first token."""
    begun = time.perf_counter()
    job = client.submit("The sky is", model="tales", max_new_tokens=40, api_name="/text")
    first = next(time.perf_counter() - begun for event in job if event["event"] == "token")
    job.result()
    return first


@contextmanager
def opened(url: str) -> Iterator[Any]:
    """The page in a real Chromium."""
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next((found for name in names if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(url)
        page.wait_for_selector("#text-run")
        yield page
        browser.close()


def clicks_s(url: str, clicks: int) -> list[float]:
    """Seconds from a click on Run to its first token on the screen, in the browser's own time."""
    with opened(url) as page:
        page.fill("#text-max_new_tokens input[type=number]", "5")
        page.keyboard.press("Tab")
        page.evaluate(FIRST_CHIP)
        found = []
        for _ in range(clicks):
            page.wait_for_timeout(1500)
            page.evaluate("() => { window.first = null; document.querySelector('#text-run').click(); }")
            page.wait_for_function("() => window.first !== null", timeout=60_000)
            found.append(page.evaluate("window.first - window.clicked") / 1000)
    return found


def start_and_memory(port: int) -> None:
    from gradio_client import Client

    with served(port) as (pid, url, page_s):
        print(f"page answers after          {page_s:7.2f} s    (at most 5)")
        client = Client(url, verbose=False, analytics_enabled=False)
        time.sleep(15)  # heavy libraries are loaded behind the page
        print(f"resident, page alone        {resident_mb(pid):7.0f} MB")
        print(f"first token, tales not loaded {first_token_s(client):5.2f} s    (at most 1)")
        warm = sorted(first_token_s(client) for _ in range(5))
        print(f"first token, warm, by API   {warm[2] * 1000:7.0f} ms   median of 5")
        shown = sorted(clicks_s(url, 7))
        print(f"click to first token shown  {shown[3] * 1000:7.0f} ms   (at most 100), median of 7, warm")
        print(f"resident, page and tales    {resident_mb(pid):7.0f} MB   (at most 900)")


def real_steps(manager: Any) -> tuple[Any, Any]:
    """A Started and a TokenStep of `tales`."""
    from playground.events import Started, TokenStep
    from playground.modalities import text

    events = list(text.generate(text.Settings(prompt="The sky is", max_new_tokens=1), manager))
    return tuple(next(e for e in events if isinstance(e, kind)) for kind in (Started, TokenStep))  # type: ignore[return-value]


def server_to_screen(port: int) -> None:
    from playground.events import Finished, Reason
    from playground.manager import ModelManager
    from playground.modalities import text
    from playground.ui.page import launch

    manager = ModelManager()
    started, step = real_steps(manager)
    sent: dict[int, float] = {}

    def paced(*_: Any, **__: Any) -> Iterator[Any]:
        yield started
        begun = time.time()
        for i in range(TOKENS):
            time.sleep(max(0.0, begun + i / RATE - time.time()))
            word = f" w{i}"
            sent[i] = time.time()
            yield dataclasses.replace(step, index=i, seq=i + 1, position=4 + i, text=word, piece=word)
        yield Finished("paced", TOKENS + 1, Reason.MAX_NEW_TOKENS, "", TOKENS)

    text.generate = paced  # type: ignore[assignment]
    blocks, _ = launch(manager, port=port, block=False)
    with opened(f"http://127.0.0.1:{port}/") as page:
        page.evaluate(WATCH)
        page.click("#text-run")
        page.wait_for_function(f"() => '{TOKENS - 1}' in window.seen", timeout=120_000)
        seen = {int(i): at / 1000 for i, at in page.evaluate("() => window.seen").items()}
    blocks.close()
    manager.close()
    print(f"server to screen, {TOKENS} tokens at {RATE:.0f} a second ({len(seen)} seen one by one):")
    for name, part in (("all", range(TOKENS)), ("first 100", range(100)), ("last 100", range(TOKENS - 100, TOKENS))):
        late = sorted(1000 * (seen[i] - sent[i]) for i in part if i in seen)
        p50, p95 = late[len(late) // 2], late[int(len(late) * 0.95)]
        print(f"  {name:<10} p50 {p50:6.0f} ms   p95 {p95:6.0f} ms   (p95 at most 100)")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--port", type=int, default=7890)
    port = parser.parse_args().port
    start_and_memory(port)
    server_to_screen(port + 1)


if __name__ == "__main__":
    main()
