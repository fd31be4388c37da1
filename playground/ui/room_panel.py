"""The teacher's view of the room: who runs what, who waits, what the memory holds; a button to stop a run, or all.

Visits are neutral numbers, in the order in which they came. Nothing that anybody writes is in the
snapshot. Only a request with the teacher's cookie gets one; the tab is hidden from everybody else.
"""

import dataclasses
from typing import Any

import gradio as gr

from playground.json_text import dumps
from playground.room import Room
from playground.ui import trigger
from playground.ui.door import Door
from playground.ui.views.data_view import DataView

ON_LOAD = """
const begin = () => window.playground && window.playground.room
  ? window.playground.room(element, props, (data) => trigger('stop', data), watch)
  : setTimeout(begin, 20);
begin();
"""
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
EVERY_S = 1.0


class RoomView(DataView):
    """The table of runs. Listener: `stop`, with event data `{id}`; no id means all."""

    TEMPLATE = '<div class="page-room"></div>'
    ON_LOAD = ON_LOAD


class Panel:
    """What the view is told, and what its buttons do."""

    def __init__(self, room: Room, door: Door) -> None:
        self.room, self.door = room, door

    def snapshot(self, request: gr.Request) -> str:
        """Everything the view draws, as JSON; nothing for those who are not the teacher."""
        if not self.door.may_change(request):
            return dumps({"allowed": False})
        loaded = [m for m in self.room.manager.models() if m.state in ("loading", "ready", "in use")]
        return dumps({
            "allowed": True, "jobs": self.room.jobs(), "memory": dataclasses.asdict(self.room.manager.memory()),
            "models": [{"id": m.id, "title": m.title, "state": m.state, "memory_mb": m.memory_mb} for m in loaded],
        })  # fmt: skip

    def stop(self, request: gr.Request, event: gr.EventData) -> str:
        """End one run or, where no id is given, all."""
        if self.door.may_change(request):
            sent = trigger.data(event)
            job = sent.get("id")
            if "id" not in sent:
                self.room.stop()
            elif isinstance(job, int) and not isinstance(job, bool):
                self.room.stop(job)
        return self.snapshot(request)

    def opened(self, request: gr.Request) -> Any:
        """The tab is there for the teacher only."""
        return gr.Tab(visible=self.door.may_change(request))


def build(room: Room, door: Door, page: gr.Blocks, tabs: dict[str, gr.Tab], models_timer: gr.Timer) -> None:
    """Add the hidden tab "room" to the open gr.Tabs and connect it."""
    panel = Panel(room, door)
    with gr.Tab("Room", id="room", visible=False) as tabs["room"]:
        gr.Markdown(
            "What runs now, on the page and through the API. Visits are numbered as they come; nothing of what "
            "anybody writes is shown here.",
            elem_classes="page-note",
        )
        view = RoomView(elem_id="room-view")
    view.stop(panel.stop, None, view, **QUIET)
    timer = gr.Timer(EVERY_S, active=False)
    timer.tick(panel.snapshot, None, view, **QUIET)
    tabs["room"].select(panel.snapshot, None, view, **QUIET)
    tabs["room"].select(lambda: gr.Timer(active=False), None, models_timer, **QUIET)
    page.load(panel.opened, None, tabs["room"], **QUIET)
    for key, one in tabs.items():
        one.select(lambda on=key == "room": gr.Timer(active=on), None, timer, **QUIET)
