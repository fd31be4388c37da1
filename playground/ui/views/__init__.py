"""Scripts and styles of the views, joined for the head of the page.

Each view is a few plain files: `.js` (a function that adds itself to `window.playground`),
`.css`, and where Gradio needs one, a component in Python. They load in the order of their
names, the decoding twins before them.
"""

from pathlib import Path

HERE = Path(__file__).parent
DECODING = HERE.parents[1] / "decoding"


def scripts() -> list[Path]:
    """All scripts of the page in their fixed order: decoding, its filters, then the views."""
    found = [*sorted(DECODING.glob("*.js")), *sorted((DECODING / "filters").glob("*.js"))]
    return found + sorted(HERE.glob("*.js"), key=lambda path: (_RANK.get(path.name, 1), path.name))


def styles() -> list[Path]:
    """All style sheets in their fixed order."""
    return sorted(HERE.glob("*.css"), key=lambda path: (_RANK.get(path.name, 1), path.name))


_RANK = {  # what others build on first, what builds on others last
    "dom.js": 0, "base.css": 0, "train_chart.js": 0.5, "latent_codes.js": 0.6, "theatre.js": 2, "train_theatre.js": 2,
    "picture_stage.js": 0.7, "picture_theatre.js": 3, "latent_parts.js": 0.8, "latent_given.js": 0.9,
    "latent_theatre.js": 3,
}  # fmt: skip


def head() -> str:
    """Styles and scripts of the views as elements for `launch(head=…)`, scripts one per file.

    The styles stand here and not in `launch(css=…)`: Gradio rewrites that sheet rule by rule and
    drops `@container` on the way.
    """
    elements = [f"<script>\n{_checked(path, '</script')}\n</script>" for path in scripts()]
    return "\n".join([f"<style>\n{css()}\n</style>", *elements])


def css() -> str:
    """The views' styles as one sheet; `head()` holds it already."""
    return "\n".join(_checked(path, "</style") for path in styles())


def _checked(path: Path, end: str) -> str:
    source = path.read_text(encoding="utf-8")
    if end in source.lower():
        raise ValueError(f"{path.name} holds {end!r}, which would end its element in the page early")
    return source
