"""The page: complete, safe whatever the project calls things, and quick for big projects."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gossamer.data import DataError, StoryData, read_domain, read_stories, read_training_data
from gossamer.data.stories.steps import ActionStep, Step, Story, UserStep
from gossamer.visualize import stories_page

HERE = Path(__file__).parent
STARTER = HERE.parents[1] / "src" / "gossamer" / "starter"
EVIL = "</script><script>alert('x')</script>\u2028<b onclick=\"y\">&amp;"


class Elements(HTMLParser):
    """Counts elements, and keeps what is in scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[str] = []
        self.scripts: list[str] = []
        self._is_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [name for name, _ in attrs]
        self._is_script = tag == "script"
        if self._is_script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_script = False

    def handle_data(self, data: str) -> None:
        if self._is_script:
            self.scripts[-1] += data


def story(*names: str) -> StoryData:
    steps: list[Step] = [UserStep(intent=names[0]), *(ActionStep(name=name) for name in names[1:])]
    return StoryData(stories=(Story(name=names[0], steps=tuple(steps)),))


def test_the_starter_assistant() -> None:
    page = stories_page(
        read_stories(STARTER / "data"),
        domain=read_domain(STARTER / "domain.yml"),
        nlu=read_training_data(STARTER / "data"),
    )
    data = json.loads(Elements(page).scripts[0])
    assert {node["kind"] for node in data["nodes"]} == {
        "user", "action", "checkpoint", "condition",
    }  # fmt: skip
    by_label = {node["label"]: node for node in data["nodes"]}
    assert len(by_label["greet"]["texts"]) == 5
    assert by_label["utter_greet"]["texts"]
    drawing = re.search(r"<svg.*</svg>", page, re.DOTALL)
    assert drawing is not None
    svg = ET.fromstring(drawing[0])  # well-formed
    assert len([g for g in svg.iter("g") if g.get("role") == "button"]) == len(data["nodes"])
    assert len([p for p in svg.iter("path") if p.get("id")]) == len(data["edges"])


def test_nothing_is_fetched_from_elsewhere() -> None:
    page = stories_page(story("greet", "utter_hi"))
    assert "//" not in re.sub(r"^\s*//.*$|  // .*$", "", page, flags=re.MULTILINE)
    assert not {"src", "href"} & set(Elements(page).attributes)
    assert "default-src 'none'" in page


def test_names_are_text_and_nothing_else() -> None:
    plain = Elements(stories_page(story("greet", "utter_hi"), title="a"))
    evil = Elements(stories_page(story(EVIL, EVIL + "2"), title=EVIL))
    assert evil.names == plain.names
    assert evil.attributes == plain.attributes
    assert json.loads(evil.scripts[0])["nodes"][0]["label"] == EVIL


def test_a_long_name_is_shortened_and_told_in_full() -> None:
    name = "utter_" + "x" * 100
    page = stories_page(story("greet", name))
    assert f"<title>{name}</title>" in page
    assert f">{name[:33]}…</text>" in page


def test_names_that_look_like_places_for_values_stay() -> None:
    assert "%%script%%" in stories_page(story("%%script%%", "utter_hi"))


def test_a_loop_to_itself_is_drawn() -> None:
    page = stories_page(story("greet", "utter_a", "utter_a", "utter_a"), max_history=1)
    assert json.loads(Elements(page).scripts[0])["edges"][1][:2] == [1, 1]


def test_nothing_to_show() -> None:
    with pytest.raises(DataError, match="there must be stories or rules to show"):
        stories_page(StoryData())


@pytest.mark.shared_data
def test_a_big_project() -> None:
    folder = HERE.parents[2] / "shared" / "data" / "workshop" / "train"
    if not folder.is_dir():
        pytest.skip("the public reference data is not there")
    page = stories_page(read_stories(folder))
    assert len(json.loads(Elements(page).scripts[0])["nodes"]) == 201
    assert len(page) < 300_000
