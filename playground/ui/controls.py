"""Gradio controls made from a modality's settings.

Every described field becomes one control: sliders, choices, text, switches. Fields of
one group stand together. A filter that is added as a file appears here by itself.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import gradio as gr

from playground import fields
from playground.fields import Description, Kind
from playground.plugins import discover

GROUPS = {
    "": "", "beam": "Beams", "sampling": "Sampling", "chat": "Chat", "seed": "Seed", "size": "Size and number",
    "strip": "Film strip", "picture": "Picture to begin from", "penalties": "Penalties", "end": "Where it ends",
}  # fmt: skip  # in the order of the page
OPEN = ("sampling", "beam")
BOUNDED = ("max_new_tokens", "width", "height")  # their highest value is the chosen model's


class Controls:
    """The controls of one tab, by field name; `values` turns what Gradio sends back into a dictionary."""

    def __init__(self, tab: str, settings_class: type) -> None:
        self.tab, self.settings_class = tab, settings_class
        self.descriptions = fields.describe(settings_class)
        self.defaults = fields.defaults(settings_class)
        self.components: dict[str, Any] = {}
        self.groups: dict[str, gr.Accordion] = {}

    def make(self, name: str, **changes: Any) -> Any:
        """Draw the control of one field here; `changes` replace arguments of the Gradio component."""
        self.components[name] = component(self.tab, name, self.descriptions[name], self.defaults[name], **changes)
        return self.components[name]

    def make_rest(self, later: tuple[str, ...] = (), asleep: Collection[str] = ()) -> None:
        """Draw every field that has no control yet, but those of `later`: ungrouped ones, then group by group.

        Fields of `asleep` begin inactive.
        """
        rest = [n for n, d in self.descriptions.items() if n not in self.components and n not in later and not d.hidden]
        found = dict.fromkeys(self.descriptions[n].group for n in rest)
        for group in sorted(found, key=lambda g: list(GROUPS).index(g) if g in GROUPS else len(GROUPS)):
            names = [n for n in rest if self.descriptions[n].group == group]
            title = GROUPS.get(group, group.replace("_", " ").capitalize())
            if len(names) == 1 or not title:
                self._make_all(names, asleep)
                continue
            self.groups[group] = gr.Accordion(
                title, open=group in OPEN, elem_id=f"{self.tab}-group-{group}", elem_classes="page-group"
            )
            with self.groups[group]:
                self._make_all(names, asleep)

    def _make_all(self, names: Iterable[str], asleep: Collection[str]) -> None:
        for name in names:
            self.make(name, interactive=name not in asleep)

    @property
    def inputs(self) -> list[Any]:
        """All components, in the order of `names`."""
        return list(self.components.values())

    @property
    def names(self) -> list[str]:
        """The fields that have a control."""
        return list(self.components)

    def values(self, sent: tuple[Any, ...] | list[Any]) -> dict[str, Any]:
        """What Gradio sent for `inputs`, by name; an emptied number is the field's default."""
        found = dict(zip(self.components, sent, strict=True))
        kinds = fields.types(self.settings_class)
        for name, value in found.items():
            if value is None:
                found[name] = self.defaults[name]
            elif kinds[name] is int and isinstance(value, float) and value == int(value):
                found[name] = int(value)
        return found

    def show(self, values: Mapping[str, Any]) -> list[Any]:
        """Updates for `inputs` that show these values; fields that are not named stay as they are."""
        return [gr.update(value=values[name]) if name in values else gr.skip() for name in self.components]


class Choice(gr.Radio):
    """A choice whose list may be another one by the time it is sent: the settings check it, and say what is wrong."""

    is_template = True  # Gradio draws it as what it is made of

    def preprocess(self, payload: Any) -> Any:
        """What was sent, as it is."""
        return payload


class Bar(gr.Slider):
    """A slider that ends where the model does, or where larger numbers are allowed but seldom wanted: what was sent
    from beyond is checked by the settings, or brought back and said by the run."""

    is_template = True

    def preprocess(self, payload: float) -> float:
        """What was sent, as it is."""
        return payload


class Amount(gr.Number):
    """A number box that the browser brings into its range (`numbers.js`); the settings check all else."""

    is_template = True

    def preprocess(self, payload: float | None) -> float | int | None:
        """What was sent, as it is."""
        return payload


def component(tab: str, name: str, description: Description, default: Any, **changes: Any) -> Any:
    """The Gradio component of one field; its element's id is `tab-name`."""
    about: dict[str, Any] = {
        "label": description.label,
        "info": description.help or None,
        "elem_id": f"{tab}-{name}",
        "value": default,
    }
    if description.kind is Kind.SWITCH:
        return gr.Checkbox(**{**about, **changes})
    if description.kind is Kind.TEXT:
        return gr.Textbox(**{**about, "lines": description.lines, "max_lines": max(6, description.lines), **changes})
    if description.kind is Kind.CHOICE:
        if description.choices:
            return Choice(**{**about, "choices": list(description.choices), **changes})
        return gr.Dropdown(**{**about, "choices": [default], "allow_custom_value": True, **changes})
    allowed = description.range
    assert allowed is not None
    if description.typed or allowed.high - allowed.low > 1e6:
        whole = {"precision": 0} if isinstance(default, int) else {}
        bounds = {"minimum": allowed.low, "step": allowed.step}
        if not allowed.open_ended:
            bounds["maximum"] = allowed.high
        return Amount(**{**about, **bounds, **whole, **changes})
    kind = Bar if name in BOUNDED or allowed.open_ended else gr.Slider
    return kind(**{**about, "minimum": allowed.low, "maximum": allowed.high, "step": allowed.step, **changes})


def sampling_fields() -> tuple[str, ...]:
    """Settings that act in sampling only: those of every filter that is no penalty."""
    names: list[str] = []
    for module in discover("playground.decoding.filters").values():
        if not getattr(module, "PENALTY", False):
            names += fields.describe(module.Filter)
    return tuple(names)


def shaping_fields() -> frozenset[str]:
    """Settings that act on a distribution or choose from it: the search and those of all filters and searches."""
    filters = (fields.describe(module.Filter) for module in discover("playground.decoding.filters").values())
    return frozenset({"search"}.union(*filters, *search_fields().values()))


def search_fields() -> dict[str, tuple[str, ...]]:
    """Per search, the settings of its own."""
    return {name: tuple(fields.describe(m.Search)) for name, m in discover("playground.decoding.search").items()}


def inactive(search: str) -> dict[str, str]:
    """Fields that do nothing under `search`, each with the reason."""
    words = {
        "greedy": "greedy search takes the most probable token, which sampling settings cannot change",
        "beam": "beam search compares the model's own log-probabilities; sampling settings act where tokens are drawn",
    }
    found: dict[str, str] = {}
    if search != "sample":
        found = dict.fromkeys(sampling_fields(), words.get(search, f"{search} search does not draw tokens"))
    for other, names in search_fields().items():
        if other != search:
            found |= dict.fromkeys(names, f"acts in {other} search only")
    return found
