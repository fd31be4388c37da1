"""A page that holds one Train view, fed by hand with the recorded trainings, as gr.HTML would."""

import json
from typing import Any

from playground.ui import train_recorded, train_tab, views
from tests.views.harness import STYLE

BOOT = """
let watchers = [];
window.sent = [];
const props = {value: null};
window.feed = (text) => { props.value = text; watchers.forEach((w) => w()); };
window.remount = () => {
  watchers = [];
  const host = document.getElementById('host');
  host.innerHTML = '<div class="pg-theatre tr-theatre"></div>';
  const trigger = (name, data) => window.sent.push({name, data});
  window.stage = playground.train.mount(host, props, trigger, (_, act) => watchers.push(act));
};
window.remount();
"""


def document(dark: bool = False) -> str:
    """The whole page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>train</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f"{train_tab.facts()}{views.head()}</head>"
        f'<body class="{"dark" if dark else ""}"><div id="host"></div><script>{BOOT}</script></body></html>'
    )


def frame(lesson: str, **changes: Any) -> dict[str, Any]:
    """A lesson's recorded frame; with changes it is that of a visitor's own run."""
    found = json.loads(train_recorded.frame(lesson))
    return {**found, **({"recorded": False, "run": "abc", **changes} if changes else {})}


class TrainStage:
    """One Train view in a browser page."""

    def __init__(self, page: Any, dark: bool = False) -> None:
        self.page, self.problems = page, []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.set_content(document(dark))

    def feed(self, value: dict[str, Any]) -> "TrainStage":
        """The server's next frame."""
        self.page.evaluate("text => window.feed(text)", json.dumps(value))
        return self.settle()

    def settle(self) -> "TrainStage":
        """Until everything is drawn."""
        self.page.wait_for_function("() => !window.stage.waiting")
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self

    def open(self, stage: str) -> "TrainStage":
        """One of the six stages."""
        self.page.click(f"#tr-tab-{stage}")
        return self.settle()

    def answer(self, what: str, value: Any = None, error: str | None = None) -> "TrainStage":
        """Answer the newest question of that name."""
        asked = [s["data"] for s in self.sent("ask") if s["data"]["what"] == what]
        message = {"what": what, "number": asked[-1]["number"], **({"error": error} if error else {"value": value})}
        self.page.evaluate("text => playground.train.answer(text)", json.dumps(message))
        return self.settle()

    def answer_all(self, lesson: str) -> "TrainStage":
        """Answer every open question from the recording, until none is open."""
        for _ in range(6):
            open_ = self.page.evaluate(
                "() => [...playground.trainStore.answers.values()].filter(a => a.waiting).map(a => a.number)"
            )
            asked = [s["data"] for s in self.sent("ask") if s["data"]["number"] in open_]
            if not asked:
                return self
            for one in asked:
                value = train_recorded.answer(lesson, one["what"], one)
                told = {"value": value} if value is not None else {"error": "not recorded"}
                message = json.dumps({"what": one["what"], "number": one["number"], **told})
                self.page.evaluate("text => playground.train.answer(text)", message)
            self.settle()
        return self

    def sent(self, name: str) -> list[dict[str, Any]]:
        """What was triggered under that name."""
        return [one for one in self.page.evaluate("() => window.sent") if one["name"] == name]

    def text(self, selector: str) -> str:
        """The visible text of the first element."""
        return str(self.page.locator(selector).first.inner_text())
