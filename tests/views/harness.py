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
window.feed = (text) => {
  if (props.value === text) return;
  props.value = text;
  watchers.forEach((w) => w());
};
window.remount = () => {
  watchers.length = 0;
  const host = document.getElementById('host');
  host.innerHTML = '<div class="pg-theatre"></div>';
  const trigger = (name, data) => window.sent.push({name, data});
  window.stage = window.playground.theatre.mount(host, props, trigger, (_, act) => watchers.push(act));
};
window.remount();
window.settled = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
"""
STYLE = """
body { margin: 0; padding: 16px; font-family: system-ui, sans-serif; background: #fff; }
body { --body-text-color: #27272a; --background-fill-primary: #fff; }
body.dark { --body-text-color: #f4f4f5; --background-fill-primary: #18181b; background: #0f0f11; color-scheme: dark; }
#host { max-width: 920px; margin: auto; }
"""
TOP = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>theatre</title>'


def page(dark: bool = False, extra: tuple[Path, ...] = ()) -> str:
    """The document; `extra` scripts load before the views."""
    scripts = "\n".join(f"<script>{path.read_text(encoding='utf-8')}</script>" for path in extra)
    return (
        f'<!doctype html><html lang="en"><head>{TOP}<style>{STYLE}</style>{scripts}{views.head()}</head>'
        f'<body class="{"dark" if dark else ""}"><div id="host"></div><script>{BOOT}</script></body></html>'
    )
