"""What the choice of a model, a mode or a search means for the other controls, in words."""

from types import ModuleType
from typing import Any

import gradio as gr

from playground.errors import PlaygroundError
from playground.ui.controls import Controls, inactive, sampling_fields, search_fields

STATES = {
    "embedded": "comes with the page",
    "cached": "on disk",
    "ready": "ready",
    "in use": "ready",  # by oneself, mostly: it stands beside a finished run while what is near it is looked up
    "loading": "loading",
    "failed": "failed",
}


class Choices:
    """Answers to changes of model, mode and search in one tab."""

    def __init__(self, name: str, modality: ModuleType, controls: Controls, manager: Any) -> None:
        self.name, self.modality, self.controls, self.manager = name, modality, controls, manager
        self.any_model = manager.audience == "own"  # else the catalogue only

    # ── model ────────────────────────────────────────────────────────────────

    def models(self, visit: str = "") -> list[tuple[str, str]]:
        """Label and id of every model of this modality that a visit may use; the label says its state."""
        return [(f"{m.title}{_state(m)}", m.id) for m in self.manager.models(visit) if self.name in m.modalities]

    def refresh(self, visit: str = "") -> Any:
        """The list of models as it is now."""
        return gr.update(choices=self.models(visit))

    def after_run(self, visit: str, model_id: str) -> list[Any]:
        """The list, and what is said of the model, once a run may have loaded it."""
        pictures = "scheduler" in self.controls.components
        said = self.on_picture_model(visit, model_id) if pictures else [self.about(model_id, visit)]
        return [self.refresh(visit), *said]

    def about(self, model_id: str, visit: str = "") -> str:
        """One sentence: size, licence, and what a click on Run would download."""
        try:
            known = next((m for m in self.manager.models(visit) if m.id == model_id), None)
            info = known or self.manager.spec(model_id, visit)
        except PlaygroundError as error:
            return escape(str(error))
        words = [_parameters(info.parameters), info.licence]
        state = getattr(info, "state", "unknown")
        if self.manager.audience == "class" and state in ("not downloaded", "cached", "failed"):
            words.append("**not loaded: your teacher can load it**")
        elif state == "not downloaded" and info.size_mb:
            words.append(
                f"**not downloaded: Run fetches {info.size_mb:,.0f} MB** and needs {info.memory_mb:,.0f} MB of memory"
            )
        elif state in STATES:
            words.append(STATES[state])
        elif known is None:
            words.append(self._needs(model_id, visit))
        more = f" {escape(info.note)}" if info.note and state in ("not downloaded", "unknown") else ""
        hint = getattr(self.manager.spec(model_id, visit), "hint", "")
        more += f" {escape(hint)}" if hint else ""
        wait = "" if self.manager.is_warm else " The libraries are still loading: the first run waits for them."
        return escape(", ".join(w for w in words if w)).replace("\\*\\*", "**") + "." + more + wait

    def _needs(self, model_id: str, visit: str) -> str:
        """What a model that a person named would take."""
        if not self.manager.is_warm:
            return ""
        try:
            size = self.manager.needs(model_id, visit)
        except PlaygroundError as error:
            return escape(str(error)).removesuffix(".")
        return f"needs {size / 1e6:,.0f} MB of memory" if size else "Run looks up its size before it fetches anything"

    def example(self, values: dict[str, Any], visit: str = "", model_id: str = "") -> dict[str, Any]:
        """The values of an example; where a model of another kind is chosen than the one that examples are for, that
        one is chosen."""
        if "model" in values or not model_id:
            return values
        try:
            own = self.manager.spec(self.controls.defaults["model"], visit).kind
            other = self.manager.spec(model_id, visit).kind != own
        except PlaygroundError:
            other = False
        return {**values, "model": self.controls.defaults["model"]} if other else values

    def suited(self, visit: str, model_id: str) -> list[Any]:
        """The settings that a model was made for, where it says so."""
        try:
            return self.controls.show(dict(self.manager.spec(model_id, visit).suits))
        except PlaygroundError:
            return self.controls.show({})

    def until_warm(self, visit: str, model_id: str) -> list[Any]:
        """The note, asked for again until the libraries are there."""
        return [self.about(model_id, visit), gr.Timer(active=not self.manager.is_warm)]

    def on_model(self, visit: str, model_id: str, mode: str = "completion") -> Any:
        """Note, chat or not (where there is a mode), and the longest length; only the note where no text is written."""
        if "max_new_tokens" not in self.controls.descriptions:
            return self.about(model_id, visit)
        note, *chatting, length = self._on_model(visit, model_id)
        return [note, *(chatting if "mode" in self.controls.components else ()), length]

    def on_picture_model(self, visit: str, model_id: str) -> list[Any]:
        """The note; schedulers, width and height that a picture model allows, where its files are here to say so, else
        all there are. What is chosen by then, the browser knows (`playground.bounded`)."""
        own = self.controls.descriptions
        names, most = own["scheduler"].choices, own["width"].range
        assert most is not None
        high = most.high
        try:
            folder = self.manager.folder(model_id, visit)
        except PlaygroundError:
            folder = None
        found = self.modality.offered(folder) if folder is not None else None
        if found is not None:
            names, high = found[0], found[1].high
        side = gr.update(maximum=high)
        return [self.about(model_id, visit), gr.update(choices=list(names)), side, side]

    def _on_model(self, visit: str, model_id: str) -> list[Any]:
        try:
            spec = self.manager.spec(model_id, visit)
        except PlaygroundError as error:
            return [escape(str(error)), gr.update(visible=False), gr.skip(), gr.skip()]
        chat = bool(spec.chat)
        asked = getattr(self.modality, "CHATS", True) is not False
        why = gr.update(value="This model was not trained to chat.", visible=asked and not chat)
        which = gr.update(interactive=True) if chat else gr.update(value="completion", interactive=False)
        ranges = self.modality.limits(self.modality.Settings, spec)
        own = self.controls.descriptions["max_new_tokens"].range
        most = min(own.high, ranges.get("max_new_tokens", own).high) if own else None
        return [self.about(model_id, visit), why, which, gr.update(maximum=most) if most else gr.skip()]

    # ── mode ─────────────────────────────────────────────────────────────────

    def on_mode(self, mode: str) -> list[Any]:
        """Words of the prompt box and the buttons."""
        chat = mode == "chat"
        box = gr.update(label="Message" if chat else self.controls.descriptions["prompt"].label)
        system = [gr.update(visible=chat)] * ("system" in self.controls.components)
        return [box, gr.update(visible=chat), gr.update(value="Send" if chat else "Run"), *system]

    # ── search ───────────────────────────────────────────────────────────────

    def governed(self) -> list[Any]:
        """The controls that some search leaves without effect."""
        return [self.controls.components[n] for n in self._governed()]

    def _governed(self) -> list[str]:
        names = dict.fromkeys([*sampling_fields(), *(n for own in search_fields().values() for n in own)])
        return [n for n in names if n in self.controls.components]

    def asleep(self, values: dict[str, Any]) -> set[str]:
        """Fields without effect under these values."""
        return set(inactive(values.get("search", "sample")))

    def why_inactive(self, search: str) -> str:
        """Why sampling settings do nothing under `search`; empty where they act."""
        reasons = [reason for name, reason in inactive(search).items() if name in sampling_fields()]
        return reasons[0][0].upper() + reasons[0][1:] + "." if reasons else ""

    def on_search(self, search: str) -> list[Any]:
        """The note, and each governed control awake or asleep."""
        reasons = inactive(search)
        note = gr.update(value=self.why_inactive(search))
        own = [gr.update(visible=group == search) for group in self.groups()]
        return [note, *own, *(gr.update(interactive=n not in reasons) for n in self._governed())]

    def groups(self) -> dict[str, Any]:
        """The fold-outs that belong to one search, by its name."""
        return {name: self.controls.groups[name] for name in search_fields() if name in self.controls.groups}


def _state(info: Any) -> str:
    if info.state == "embedded":
        return ""
    words = (
        f"{info.size_mb:,.0f} MB to download" if info.state == "not downloaded" else STATES.get(info.state, info.state)
    )
    return f" · {words}"


def _parameters(count: int) -> str:
    """46,560 parameters, 5.9 M parameters, 362 M parameters; nothing where it is not known."""
    if not count:
        return ""
    if count < 1_000_000:
        return f"{count:,} parameters"
    return f"{count / 1e6:,.{int(count < 10_000_000)}f} M parameters"


def escape(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join("\\" + c if c in "\\`*_{}[]()#+-.!<>|&$~" else c for c in text)
