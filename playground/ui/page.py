"""The whole page: one tab per modality, the models, and how it is served."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from playground.manager import spare_arenas
from playground.modalities import at_hand, offered
from playground.people import Quotas
from playground.room import Room
from playground.trainings import Trainings
from playground.ui import endpoints, latent_tab, models_panel, room_panel, tab, train_tab, views
from playground.ui.door import Door
from playground.ui.entry import Entry
from playground.ui.guard import Guard, allowed_names
from playground.ui.sessions import use_lean_sessions
from playground.ui.theme import theme
from playground.visits import Visits

HERE = Path(__file__).parent
TITLE = "Watch a model choose"
PROMISES = Path(__file__).resolve().parents[2] / "assets" / "promises"
SESSIONS = 120  # pages whose components Gradio remembers (0.3 MB each, measured); it would keep 10,000


def build(room: Room, door: Door, visits: Visits, trainings: Trainings | None = None) -> gr.Blocks:
    """The page of all modalities."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as page:
        visit = gr.Textbox(visible=False)
        reopen = gr.Button(visible="hidden", elem_id="page-reopen")  # streams.js says when and why
        reopen.click(lambda mark: None, visit, None, js="() => 'open-the-stream'", show_progress="hidden",
                     api_visibility="private", trigger_mode="multiple", concurrency_id="reopen",
                     concurrency_limit=40)  # fmt: skip
        gr.Markdown(f"# {TITLE}", elem_classes="page-title")
        tabs: dict[str, gr.Tab] = {}
        with gr.Tabs(elem_id="tabs") as every:
            for name, modality in offered(room.manager).items():
                with gr.Tab(modality.TITLE, id=name) as tabs[name]:
                    tab.build(name, modality, room, door, visits, visit, page, first=len(tabs) == 1)
            own = at_hand(room.manager).get(latent_tab.NAME)
            if own:
                with gr.Tab(latent_tab.TITLE, id=latent_tab.NAME) as tabs[latent_tab.NAME]:
                    latent_tab.build(own, room, door, visits, visit, page)
            with gr.Tab("Train", id="train") as tabs["train"]:
                train_tab.build(room, door, visits, trainings or Trainings(room), visit, page)
            with gr.Tab("Models", id="models") as tabs["models"]:
                timer = models_panel.build(room, door, visits, visit, page, tabs)
            if door.has_codes:
                room_panel.build(room, door, page, tabs, timer)
        for name, one in tabs.items():  # a tab that is opened is built anew: its buttons follow what is known
            one.select(None, js=f"() => {{ playground.reopened('{name}'); }}")
        anybodys = [name for name in tabs if name != "room"]
        page.load(None, None, every, js=f"() => playground.openTab({anybodys})")
        with gr.Accordion("What is promised here, and what is not", open=False, elem_id="promises"):
            gr.Markdown((PROMISES / f"{door.audience}.md").read_text(encoding="utf-8"))
        endpoints.add_endpoints(room.manager, room, door)
    show_progress_on(page, visit)
    return page


def show_progress_on(page: gr.Blocks, quiet: gr.Textbox) -> None:
    """Let Gradio tell how far each event is on `quiet` alone, which nobody sees.

    It would tell it on all outputs of all events that ever happened, at each message of each stream, and look for each
    of them through the whole page: with the hundred controls of the Train tab, which are set when the page opens,
    that took 60 ms a message, and tokens came seconds late.
    """
    for event in page.fns.values():
        event.show_progress_on = [quiet]


def head() -> str:
    """Styles and scripts of the page: the views' and its own.

    The styles stand in a `<style>` of ours, because Gradio rewrites what it is given as `css`
    and loses `@container` rules on the way.
    """
    styles = "\n".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.css")))
    own = "\n".join(f"<script>\n{path.read_text(encoding='utf-8')}\n</script>" for path in sorted(HERE.glob("*.js")))
    return f"{train_tab.facts()}\n{views.head()}\n<style>\n{styles}\n</style>\n{own}"


class Packed:
    """ASGI middleware: the page itself travels compressed (of 1.4 MB 0.3 are left; Gradio packs files alone)."""

    def __init__(self, app: Any) -> None:
        self.app, self.packed = app, GZipMiddleware(app, minimum_size=10_000, compresslevel=5)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        page = scope["type"] == "http" and scope.get("path") == "/"
        await (self.packed if page else self.app)(scope, receive, send)


def launch(
    manager: Any,
    *,
    host: str = "127.0.0.1",
    port: int | None = 7860,
    names: Iterable[str] = (),
    block: bool = True,
    visits: Visits | None = None,
    door: Door | None = None,
    quotas: Quotas | None = None,
    middleware: Sequence[Middleware] = (),
) -> tuple[gr.Blocks, Visits]:
    """Serve the page; heavy libraries are loaded behind it. Returns at the end, or at once where not `block`.

    `door` asks for codes (none: on one's own computer nobody is asked), `quotas` bound what guests use,
    `middleware` stands before everything else.
    """
    os.environ.setdefault("FORWARDED_ALLOW_IPS", "")  # uvicorn would believe X-Forwarded-For from this machine
    spare_arenas()
    use_lean_sessions()
    visits = visits or Visits(keep=manager.keep)
    door = door or Door(manager.audience)
    room = Room(manager, quotas)
    trainings = Trainings(room, visits)
    page = build(room, door, visits, trainings)
    gates = [Middleware(Guard, names=allowed_names(host, names)), Middleware(Entry, door=door), Middleware(Packed)]
    page.queue(default_concurrency_limit=8, max_size=500)
    page.launch(
        server_name=host, server_port=port, theme=theme(), head=head(), share=False, show_error=False,
        run_history=False, footer_links=["api"], quiet=not block, prevent_thread_lock=True, max_threads=80,
        max_file_size="4mb", pwa=False, mcp_server=False, ssr_mode=False, enable_monitoring=False,
        state_session_capacity=SESSIONS, app_kwargs={"middleware": [*middleware, *gates]},
    )  # fmt: skip
    manager.warm()
    if block:
        try:
            page.block_thread()
        finally:
            trainings.close()
            visits.close()
    return page, visits
