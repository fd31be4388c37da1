"""A page that holds one theatre, fed by hand: what Gradio's gr.HTML does, without Gradio.

`page()` is a complete HTML document. In it, `feed(text)` sets the component's value as a server
would, `sent` lists what the view triggered.
"""

from pathlib import Path

from playground.ui import views

BOOT = """
const watchers = [];
window.sent = [];
const props = {value: null, tab: 'text'};
window.feed = (text) => { if (props.value === text) return; props.value = text; watchers.forEach((w) => w()); };
const host = document.getElementById('host');
host.innerHTML = '<div class="pg-theatre"></div>';
window.stage = window.playground.theatre.mount(host, props, (name, data) => window.sent.push({name, data}), (_, act) => watchers.push(act));
window.settled = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
"""
STYLE = """
body { margin: 0; padding: 16px; font-family: system-ui, sans-serif; --body-text-color: #27272a; --background-fill-primary: #fff; background: #fff; }
body.dark { --body-text-color: #f4f4f5; --background-fill-primary: #18181b; background: #0f0f11; color-scheme: dark; }
#host { max-width: 920px; margin: auto; }
"""


def page(dark: bool = False, extra: tuple[Path, ...] = ()) -> str:
    """The document; `extra` scripts load before the views."""
    scripts = "\n".join(f"<script>{path.read_text(encoding='utf-8')}</script>" for path in extra)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>theatre</title><style>{STYLE}</style>{scripts}{views.head()}</head>"
        f'<body class="{"dark" if dark else ""}"><div id="host"></div><script>{BOOT}</script></body></html>'
    )
