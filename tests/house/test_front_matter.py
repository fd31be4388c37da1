"""The README's head is what a Space is configured by."""

import re
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.conftest import ROOT

# from the Hub's reference of Space configuration
KEYS = {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file",
        "short_description", "license", "models", "startup_duration_timeout", "header", "fullWidth", "pinned",
        "tags", "thumbnail", "preload_from_hub", "suggested_hardware", "datasets"}  # fmt: skip
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def front_matter(readme: str) -> dict[str, Any]:
    found = re.match(r"---\n(.*?)\n---\n", readme, re.DOTALL)
    assert found, "the README does not begin with front matter"
    return yaml.safe_load(found[1])


@pytest.fixture(scope="module")
def head() -> dict[str, Any]:
    return front_matter((ROOT / "README.md").read_text(encoding="utf-8"))


def requirement(name: str) -> Requirement:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    found = [r for line in lines if line and line[0] != "#" and (r := Requirement(line)).name == name]
    assert len(found) == 1
    return found[0]


def test_every_key_is_one_that_a_space_knows_and_the_needed_ones_are_there(head):
    assert set(head) <= KEYS
    assert {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file",
            "short_description", "license", "models", "startup_duration_timeout"} <= set(head)  # fmt: skip


def test_colours_sdk_header_and_width_have_values_that_a_space_takes(head):
    assert head["sdk"] == "gradio"
    assert {head["colorFrom"], head["colorTo"]} <= COLOURS
    assert head.get("header", "default") in ("default", "mini")
    assert isinstance(head.get("fullWidth", True), bool)
    assert re.fullmatch(r"\d+ ?(s|m|h|d|min)", head["startup_duration_timeout"])
    assert not head["emoji"].isascii()


def test_the_short_description_fits_on_the_card(head):
    assert 0 < len(head["short_description"]) <= 60


def test_the_sdk_version_is_one_that_the_requirements_take(head):
    assert isinstance(head["sdk_version"], str)
    assert Version(head["sdk_version"]) in requirement("gradio").specifier


def test_the_python_version_is_a_string_and_one_that_the_code_supports(head):
    assert head["python_version"] in ("3.10", "3.11", "3.12", "3.13")


def test_the_app_file_is_there(head):
    assert (ROOT / head["app_file"]).is_file()


def test_the_licence_is_that_of_the_licence_file(head):
    assert head["license"] == "mit"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_the_models_named_are_hub_ids_of_the_catalogue(head):
    from playground.manager import ModelManager

    manager = ModelManager()
    hub = {getattr(source, "repo", None) for info in manager.models() for source in manager.spec(info.id).sources}
    assert head["models"]
    assert set(head["models"]) <= hub


def test_torch_is_a_range_that_holds_what_zerogpu_offers_and_nothing_of_torchs_family_comes_with_it():
    assert Version("2.11.0") in requirement("torch").specifier
    text = (ROOT / "requirements.txt").read_text()
    assert "torchvision" not in text
    assert "torchaudio" not in text


@pytest.mark.parametrize("readme", ["# no head\n", "---\ntitle: x\n"])
def test_a_readme_without_a_head_is_refused(readme):
    with pytest.raises(AssertionError, match="front matter"):
        front_matter(readme)
