"""A class at work: browsers and API clients for some minutes, with stops, reloads, closed tabs, and faults if asked.

    python -m benchmarks.load [--minutes 10] [--browsers 3] [--clients 27] [--think 3] [--faults 0]

Everybody writes prompts with a word of their own; a word of somebody else in an answer is counted as foreign.
`--faults N` lets about N steps a minute go wrong (NaN logits, no memory, a broken step, a slow one, a model
unloaded): runs may then end with a sentence, but none may be lost. Printed: jobs, lost ones, errors, first token,
stop to idle, closed tab to idle, the event loop's lag, and what the server process holds at the beginning and the
end. Only this machine is asked. Linux, because the server reads /proc.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import goals
from benchmarks.load_server import CODE, FAULTS

ROOT = Path(__file__).parents[1]
CANARY = re.compile(r"canary[0-9a-f]{8}")
LOST_S = 90.0  # a job that has said nothing for so long is lost
LOOK_S = 60.0  # how often what the server holds is written down
SEARCHES: tuple[dict[str, Any], ...] = (
    {"search": "sample", "temperature": 0.8},
    {"search": "sample", "temperature": 1.5, "top_k": 0, "top_p": 1.0},
    {"search": "greedy"},
    {"search": "beam", "num_beams": 4},
)
KEPT = ("kept_mb", "steps_mb", "visits", "pages")  # what the server keeps on purpose
NEWEST = """
  window.newest_ = {};
  const waiting = setInterval(() => {
    if (!window.playground || !playground.frame) return;
    clearInterval(waiting);
    const before = playground.frame;
    playground.frame = (tab, text) => {
      before(tab, text);
      if (tab !== "text") return;
      const frame = JSON.parse(text);
      newest_ = { run: frame.run, recorded: frame.recorded, state: frame.status.state, total: frame.total };
    };
  }, 2);
"""  # what the newest frame of the Text tab said
SEEN = """() => ({newest: window.newest_, tab: {...document.querySelector("#text-tab")?.dataset},
  run: document.querySelector("#text-run")?.disabled, stop: document.querySelector("#text-stop")?.disabled,
  said: [...document.querySelectorAll(".toast-body, .pg-error, .pg-notices")].map(e => e.innerText)})"""
WRONG: tuple[dict[str, Any], ...] = (
    {"model": "no-such-model"}, {"top_p": 7.0}, {"logit_bias": "nonsense"}, {"mode": "chat"},
)  # fmt: skip


@dataclass
class Tally:
    """What happened, from all threads."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)
    foreign: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    think_s: float = 3.0  # mean pause of a person between two jobs

    def add(self, name: str, seconds: float | None = None) -> None:
        with self.lock:
            self.counts[name] += 1
            if seconds is not None:
                self.seconds.setdefault(name, []).append(seconds)

    def lost(self, how: str) -> None:
        self.add("lost")
        self.said(how)
        print(f"lost at {time.strftime('%H:%M:%S')}: {how}", file=sys.stderr, flush=True)

    def said(self, error: str) -> None:
        with self.lock:
            self.counts["ended with a sentence"] += 1
            self.errors[error[:300]] += 1

    def check(self, own: str, text: str) -> None:
        strangers = set(CANARY.findall(text)) - {own}
        with self.lock:
            self.counts["answers searched"] += 1
            self.foreign += sorted(strangers)


def ask(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}bench/{path}", timeout=30) as answer:
        return json.load(answer)


def until_idle(url: str, visit: str, begun: float, most: float = LOST_S) -> float | None:
    """Seconds from `begun` until nothing computes for a visit; None where it goes on for too long."""
    while time.monotonic() - begun < most:
        if visit not in ask(url, "state")["visits"]:
            return time.monotonic() - begun
        time.sleep(0.02)
    return None


# ── clients of the API ───────────────────────────────────────────────────────


class ApiClient:
    """Somebody's program: runs, runs that it cancels, and mistakes."""

    def __init__(self, url: str, number: int, tally: Tally, end: float) -> None:
        self.url, self.tally, self.end = url, tally, end
        self.random = random.Random(number)
        self.canary = f"canary{number + 0xA0000000:08x}"

    def work(self) -> None:
        from gradio_client import Client

        client = Client(self.url, headers={"X-Class-Code": CODE}, verbose=False, analytics_enabled=False)
        while time.monotonic() < self.end:
            self.job(client)
            time.sleep(min(self.random.expovariate(1 / self.tally.think_s), max(0.0, self.end - time.monotonic())))
        client.close()

    def job(self, client: Any) -> None:
        kind = self.random.choices(("run", "cancel", "wrong"), (6, 3, 1))[0]
        settings = dict(self.random.choice(SEARCHES), max_new_tokens=self.random.randint(10, 80), seed=1, model="tales")
        if kind == "wrong":
            settings |= self.random.choice(WRONG)
        self.tally.add("jobs")
        begun = heard = time.monotonic()
        job = client.submit(f"The {self.canary} said:", **settings, api_name="/text")
        after = self.random.randint(1, 8) if kind == "cancel" else 10**9
        events, first, written = 0, None, ""
        try:
            while True:
                event = self._next(job, heard)
                if event is None:
                    job.result(timeout=10)  # the sentence of a run that was refused
                    break
                heard = time.monotonic()
                written += event.get("text", "") if event["event"] == "token" else ""
                self.tally.check(self.canary, json.dumps(event) + written)
                if event["event"] in ("token", "beam"):
                    events += 1
                    if first is None:
                        first = heard - begun
                        self.tally.add("first token", first)
                    if events >= after:
                        self._cancel(client, job)
                        return
                if event["event"] == "finished":
                    self.tally.add("finished")
                    return
            self.tally.lost(f"client: its stream ended after {events} events of {settings}")
        except TimeoutError:
            self.tally.lost(f"client: silent after {events} events of {settings}")
        except Exception as error:  # noqa: BLE001 the server's sentence, as a client gets it
            self.tally.said(str(error))

    def _next(self, job: Any, heard: float) -> Any:
        """The next event; None at the end of the stream.

        Raises:
            TimeoutError: nothing came for too long.
        """
        box: list[Any] = []
        thread = threading.Thread(target=lambda: box.append(_step(job)), daemon=True)
        thread.start()
        thread.join(max(1.0, LOST_S - (time.monotonic() - heard)))
        if not box:
            raise TimeoutError
        if isinstance(box[0], Exception):
            raise box[0]
        return box[0]

    def _cancel(self, client: Any, job: Any) -> None:
        begun = time.monotonic()
        job.cancel()
        idle = until_idle(self.url, f"api {client.session_hash}", begun)
        if idle is None:
            self.tally.add("never idle after a stop")
        else:
            self.tally.add("stop to idle", idle)


def _step(job: Any) -> Any:
    try:
        return next(job)
    except StopIteration:
        return None
    except Exception as error:  # noqa: BLE001 handed to the thread that waits
        return error


def _seen(page: Any) -> str:
    """What a page that does not answer shows, for whoever looks for the reason."""
    try:
        return json.dumps(page.evaluate(SEEN))
    except Exception as error:  # noqa: BLE001 as above
        return f"(nothing can be asked of it: {str(error)[:100]})"


# ── browsers ─────────────────────────────────────────────────────────────────


class Person:
    """Somebody at the page: runs, stops, reloads, closes the tab, looks at tokens, moves sliders."""

    def __init__(self, url: str, number: int, tally: Tally, end: float) -> None:
        self.url, self.tally, self.end = url, tally, end
        self.random = random.Random(1000 + number)
        self.canary = f"canary{number + 0xB0000000:08x}"

    def work(self) -> None:
        from playwright.sync_api import sync_playwright

        names = ("chromium", "chromium-browser", "google-chrome")
        path = next((found for name in names if (found := shutil.which(name))), None)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            page = self.open(browser)
            while time.monotonic() < self.end:
                try:
                    page = self.job(browser, page)
                except Exception as error:  # noqa: BLE001 what a driver of browsers says when a page does not answer
                    self.tally.lost(f"browser: {' '.join(str(error).split())[:300]} {_seen(page)}")
                    page.context.close()
                    page = self.open(browser)
                time.sleep(self.random.expovariate(1 / self.tally.think_s))
            browser.close()

    def open(self, browser: Any) -> Any:
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        page = context.new_page()
        page.set_default_timeout(LOST_S * 1000)
        page.on("pageerror", lambda error: self.tally.said(f"script error: {error}"))
        page.on("response", lambda r: self.tally.add(f"status {r.status}") if r.status >= 500 else None)
        page.context.request.post(f"{self.url}enter", form={"code": CODE})
        page.add_init_script(NEWEST)
        page.goto(self.url)
        page.wait_for_selector("#text-view .pg-chip")
        return page

    def job(self, browser: Any, page: Any) -> Any:
        self.tally.add("jobs")
        kind = self.random.choices(("run", "stop", "reload", "close", "look"), (4, 3, 2, 2, 2))[0]
        page.fill("#text-prompt textarea", f"The {self.canary} said:")
        page.fill("#text-max_new_tokens input[type=number]", str(self.random.randint(20, 200)))
        page.keyboard.press("Tab")
        before = page.evaluate("newest_.run")
        page.click("#text-run")
        page.wait_for_function("before => newest_.run !== before || newest_.state === 'error'", arg=before)
        if kind == "stop":
            self.stop(page)
        elif kind == "reload":
            page.reload()
            page.wait_for_selector("#text-view .pg-chip")
            page.wait_for_function("newest_.run && !newest_.recorded")
        elif kind == "close":
            visit, begun = page.evaluate("playground.visit()"), time.monotonic()
            page.context.close()
            idle = until_idle(self.url, visit, begun)
            self.tally.add("never idle after a closed tab" if idle is None else "closed tab to idle", idle)
            return self.open(browser)
        elif kind == "look":
            chips = page.locator("#text-view .pg-chip:not(.pg-sample)")  # the legend has samples of chips
            if chips.count() > 3:
                chips.nth(3).dispatch_event("click")
            page.fill("#text-temperature input[type=number]", "1.7")
            page.keyboard.press("Tab")
        self._until_written(page)
        self.tally.check(self.canary, page.locator("#text-view").inner_text())
        error = page.locator("#text-view .pg-error")
        if error.is_visible():
            self.tally.said(error.inner_text())
        else:
            self.tally.add("finished")
        return page

    def _until_written(self, page: Any) -> None:
        """Until the page's run has ended, however long it takes while something comes.

        Raises:
            TimeoutError: nothing came for too long.
        """
        heard, seen = time.monotonic(), None
        while time.monotonic() - heard < LOST_S:
            now = page.evaluate("[newest_.state, newest_.total]")
            if now[0] in ("finished", "error", "idle"):
                return
            if now != seen:
                heard, seen = time.monotonic(), now
            page.wait_for_timeout(200)
        raise TimeoutError(f"nothing came for {LOST_S:.0f} s after {seen}")

    def stop(self, page: Any) -> None:
        visit, button = page.evaluate("playground.visit()"), page.locator("#text-stop")
        if button.is_enabled():
            begun = time.monotonic()
            button.dispatch_event("click")  # at once: a click waits for a button that the run's end may disable
            idle = until_idle(self.url, visit, begun)
            self.tally.add("never idle after a stop" if idle is None else "stop to idle", idle)


# ── the whole ────────────────────────────────────────────────────────────────


@contextmanager
def served(port: int) -> Iterator[str]:
    """The server, in a process of its own."""
    url = f"http://127.0.0.1:{port}/"
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.load_server", "--port", str(port)], cwd=ROOT)
    try:
        for _ in range(1200):
            try:
                ask(url, "figures")
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(10)  # the libraries are loaded behind the page
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def report(tally: Tally, before: dict[str, float], after: dict[str, float], lag: list[float]) -> None:
    for name in sorted(tally.counts):
        print(f"{name:<32}{tally.counts[name]:>8}")
    for name, values in sorted(tally.seconds.items()):
        middle, late = goals.part(values, 0.5), goals.part(values, 0.95)
        print(f"{name:<32}  p50 {middle:7.2f} s   p95 {late:7.2f} s   most {max(values):7.2f} s")
    middle, late = goals.part(lag, 0.5) * 1000, goals.part(lag, 0.99) * 1000
    print(f"{'lag of the event loop':<32}  p50 {middle:7.0f} ms  p99 {late:7.0f} ms   (p99 at most 250)")
    for name in before:
        print(f"{name:<32}{before[name]:>14,.0f} →{after[name]:>14,.0f}")
    print(f"foreign words                   {len(tally.foreign):>8}   (none)")
    for error, count in tally.errors.most_common(12):
        print(f"  {count:>5} × {error}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--browsers", type=int, default=3)
    parser.add_argument("--clients", type=int, default=27)
    parser.add_argument("--think", type=float, default=3, help="mean seconds between two jobs of one person")
    parser.add_argument("--faults", type=float, default=0, help="steps a minute that go wrong")
    parser.add_argument("--port", type=int, default=7900)
    arguments = parser.parse_args()
    tally, lag, held = Tally(think_s=arguments.think), list[float](), list[float]()
    with served(arguments.port) as url:
        ask(url, "figures")
        begun = time.monotonic()
        end = begun + arguments.minutes * 60
        works = [Person(url, i, tally, end).work for i in range(arguments.browsers)]
        works += [ApiClient(url, i, tally, end).work for i in range(arguments.clients)]
        threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        time.sleep(20)
        before = ask(url, "figures")
        lag += before.pop("lag_s")
        chance = random.Random(0)
        while time.monotonic() < end:
            pause = min(chance.expovariate(arguments.faults / 60) if arguments.faults else 5, 5)
            time.sleep(pause)
            figures = ask(url, "figures")
            lag += figures["lag_s"]
            if len(held) * LOOK_S <= time.monotonic() - begun:
                held.append(figures["resident_mb"])
                kept = ", ".join(f"{name} {figures[name]:,.0f}" for name in KEPT)
                print(
                    f"minute {len(held) - 1}: {held[-1]:,.0f} MB, {kept}, {dict(tally.counts)}",
                    file=sys.stderr,
                    flush=True,
                )
            if arguments.faults and pause < 5:
                ask(url, f"fault?kind={chance.choice(FAULTS)}")
        for thread in threads:
            thread.join(LOST_S + 30)
        tally.counts["threads that never came back"] = sum(thread.is_alive() for thread in threads)
        idle_at = time.monotonic()
        while ask(url, "state")["visits"] and time.monotonic() - idle_at < 60:
            time.sleep(0.1)
        after = ask(url, "figures")
        lag += after.pop("lag_s")
    report(tally, before, after, lag)
    print(f"{'resident MB, by the minute':<32}{' '.join(f'{one:.0f}' for one in held)}")
    missed = goals.missed(tally, lag, held)
    print("\n".join(f"MISSED: {what}" for what in missed) or "every goal was reached")
    sys.exit(bool(missed))


if __name__ == "__main__":
    main()
