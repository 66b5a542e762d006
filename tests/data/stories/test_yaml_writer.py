"""Reading what was written gives the same stories, for any stories that YAML can carry."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.data.stories.parts import EVENTS_WITH_FIELDS, PLAIN_EVENTS
from gossamer.data.stories.reading import read_stories
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    CheckpointStep,
    EventStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.data.stories.yaml import parse_story_yaml
from gossamer.data.stories.yaml_writer import dump_stories, write_stories

PATH = Path("written")
CHARACTERS = st.one_of(
    st.sampled_from("-- {}(),:#'\"|>&*!%@`\\/\n\r\t=~<?.0159uUabyn\u2028\x85\x07\ufeffé$"),
    st.characters(exclude_categories=["Cs"]),
)
TEXT = st.one_of(
    st.sampled_from(["yes", "404", "null", "- x", "-", " x ", "${HOME}", "\\u0041", "a: b", "#"]),
    st.text(CHARACTERS, max_size=10),
)
SOMETHING = TEXT.filter(lambda text: text.strip() != "")
# Without brackets in the text, every annotation can be written; "/" begins a direct message.
MESSAGE = SOMETHING.map(lambda text: re.sub(r"[][/]", "", text)).filter(
    lambda text: text.strip() != ""
)
NAME = SOMETHING.filter(lambda text: text not in {"role", "group"})
ACTION = SOMETHING.filter(
    lambda text: text not in PLAIN_EVENTS | EVENTS_WITH_FIELDS | {"slot", "form", "action"}
)
INTENT = st.one_of(
    SOMETHING.map(str.strip).filter(lambda text: "/" not in text), st.sampled_from(["a", "faq/x"])
)
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
LABEL = st.none() | SOMETHING
ENTITY = st.builds(Entity, entity=NAME, value=VALUE, role=LABEL, group=LABEL)
SLOT = st.builds(SlotStep, name=SOMETHING, value=VALUE)
NAMED_SLOT = st.builds(SlotStep, name=SOMETHING, is_named_only=st.just(True))
LOOP = st.builds(LoopStep, name=st.none() | SOMETHING)
DIRECT = st.sampled_from(
    [
        UserStep(intent="a", text="/a"),
        UserStep(
            intent="b",
            text='/a@0.5{"c": [1]} d',
            entities=(Entity(entity="c", value=1, start=6, end=16),),
        ),
    ]
)


@st.composite
def messages(draw: st.DrawFn) -> UserStep:
    text = draw(MESSAGE)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    entities: list[Entity] = []
    for start, end in zip(cuts[::2], cuts[1::2], strict=False):
        entities.append(
            Entity(
                entity=draw(SOMETHING),
                value=draw(st.just(text[start:end]) | TEXT | NUMBER),
                role=draw(st.none() | TEXT),
                group=draw(st.none() | TEXT),
                start=start,
                end=end,
            )
        )
    return UserStep(intent=draw(st.none() | INTENT), text=text, entities=tuple(entities))


USER = st.one_of(
    st.builds(UserStep, intent=INTENT, entities=st.lists(ENTITY, max_size=3).map(tuple)),
    messages(),
    DIRECT,
)
STEP: st.SearchStrategy[Step] = st.one_of(
    USER,
    st.builds(ActionStep, name=ACTION),
    st.builds(BotStep, text=SOMETHING),
    SLOT,
    NAMED_SLOT,
    LOOP,
    st.builds(EventStep, name=st.sampled_from(sorted(PLAIN_EVENTS))),
    st.builds(
        OrStep, alternatives=st.lists(USER | SLOT | NAMED_SLOT, min_size=1, max_size=3).map(tuple)
    ),
)
METADATA = st.none() | VALUE
BEGINNING = st.builds(
    CheckpointStep, name=SOMETHING, conditions=st.lists(SLOT, max_size=2).map(tuple)
)
CHECKPOINT = st.builds(CheckpointStep, name=SOMETHING)


@st.composite
def stories(draw: st.DrawFn) -> Story:
    return Story(
        name=draw(SOMETHING),
        steps=(
            *draw(st.lists(BEGINNING, max_size=2)),
            draw(STEP),
            *draw(st.lists(STEP | CHECKPOINT, max_size=5)),
        ),
        metadata=draw(METADATA),
    )


RULE = st.builds(
    Rule,
    name=SOMETHING,
    steps=st.lists(STEP, min_size=1, max_size=3).map(tuple),
    conditions=st.lists(SLOT | NAMED_SLOT | LOOP, max_size=3).map(tuple),
    conversation_start=st.booleans(),
    wait_for_user_input=st.booleans(),
    metadata=METADATA,
)
DATA = st.builds(
    StoryData,
    stories=st.lists(stories(), max_size=3).map(tuple),
    rules=st.lists(RULE, max_size=2).map(tuple),
)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::gossamer.data.errors.MistakeWarning")  # brackets in texts
@given(DATA, st.dictionaries(st.tuples(st.integers(0, 2), st.integers(0, 6)), TEXT, max_size=4))
def test_yaml_carries_everything(data: StoryData, comments: dict[tuple[int, int], str]) -> None:
    for remarks in (None, comments):
        read_back = parse_story_yaml(dump_stories(data, comments=remarks), PATH)
        assert read_back == data
        assert repr(read_back) == repr(data)  # True is not 1


def story(*steps: Step, **others: Any) -> StoryData:
    return StoryData(stories=(Story(name="s", steps=steps, **others),))


def test_the_written_text_is_what_a_person_would_write(tmp_path: Path) -> None:
    data = StoryData(
        stories=(
            Story(
                name="find a place",
                metadata={"by": "me"},
                steps=(
                    CheckpointStep(name="greeted", conditions=(SlotStep(name="age", value=4),)),
                    UserStep(
                        intent="search",
                        entities=(
                            Entity(entity="city", value="Rome", role="from"),
                            Entity(entity="price"),
                        ),
                    ),
                    SlotStep(name="city", value="Rome"),
                    SlotStep(name="name", is_named_only=True),
                    UserStep(
                        intent="faq/price",
                        text="what is the fare?",
                        entities=(Entity(entity="price", value="fare", start=12, end=16),),
                    ),
                    ActionStep(name="utter_price"),
                    OrStep(alternatives=(UserStep(intent="yes"), SlotStep(name="a", value=True))),
                    LoopStep(name=None),
                    EventStep(name="restart"),
                    BotStep(text="Two\nlines"),
                ),
            ),
        ),
        rules=(
            Rule(
                name="stop",
                conditions=(LoopStep(name="f"), SlotStep(name="a", value=None)),
                conversation_start=True,
                wait_for_user_input=False,
                steps=(UserStep(intent="stop"),),
            ),
        ),
    )
    comments = {(0, 1): "predicted: bye", (0, 2): "a", (0, 5): "b  \n c", (0, 9): "d", (5, 0): "e"}
    write_stories(tmp_path / "new" / "stories.yml", data, comments=comments)
    assert (tmp_path / "new" / "stories.yml").read_text() == (
        'version: "3.1"\n'
        "stories:\n"
        "- story: find a place\n"
        "  metadata:\n"
        "    by: me\n"
        "  steps:\n"
        "  - checkpoint: greeted\n"
        "    slot_was_set:\n"
        "    - age: 4\n"
        "  - intent: search  # predicted: bye\n"
        "    entities:\n"
        "    - city: Rome\n"
        "      role: from\n"
        "    - price\n"
        "  - slot_was_set:\n"
        "    - city: Rome  # a\n"
        "    - name\n"
        "  - intent: faq/price\n"
        '    user: "what is the [fare](price)?"\n'
        "  - action: utter_price  # b c\n"
        "  - or:\n"
        '    - intent: "yes"\n'
        "    - slot_was_set:\n"
        "      - a: true\n"
        "  - active_loop: null\n"
        "  - action: restart\n"
        "  - bot: |-  # d\n"
        "      Two\n"
        "      lines\n"
        "rules:\n"
        "- rule: stop\n"
        "  condition:\n"
        "  - active_loop: f\n"
        "  - slot_was_set:\n"
        "    - a: null\n"
        "  conversation_start: true\n"
        "  steps:\n"
        "  - intent: stop\n"
        "  wait_for_user_input: false\n"
    )
    assert read_stories(tmp_path) == data


def test_no_stories_and_odd_values() -> None:
    assert dump_stories(StoryData()) == 'version: "3.1"\nstories: []\n'
    data = story(SlotStep(name="x", value=math.nan), SlotStep(name="x", value=-math.inf))
    assert repr(parse_story_yaml(dump_stories(data), PATH)) == repr(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (story(), "a story needs steps"),
        (story(ActionStep(name="a"), metadata={1, 2}), "to be written"),
        (story(UserStep()), "needs an intent or a text"),
        (story(UserStep(intent=" a")), "without blanks|no blanks around its name"),
        (story(UserStep(intent="/a")), "one '/' and a key"),
        (story(UserStep(intent="a", text=" ")), "'user' needs a text"),
        (story(UserStep(text="/a")), "must be able to carry a story"),
        (story(UserStep(text="a [b](c)")), "brackets"),
        (
            story(UserStep(text="a", entities=(Entity(entity="b"),))),
            "must have their places",
        ),
        (
            story(UserStep(intent="a", entities=(Entity(entity="b", start=0, end=1),))),
            "must be able to carry a story",
        ),
        (
            story(UserStep(intent="a", entities=(Entity(entity="role", value="b"),))),
            "an entity must have one type",
        ),
        (story(ActionStep(name="restart")), "must be able to carry a story"),
        (story(ActionStep(name="followup")), "must not have the name of an event"),
        (story(EventStep(name="followup", fields={"name": "a"})), "an event with fields"),
        (story(SlotStep(name="a", value=(1, 2))), "must be able to carry a story"),
        (story(SlotStep(name="a", value=1, is_named_only=True)), "must be able to carry"),
        (story(SlotStep(name="a", value=object())), "to be written"),
        (story(ActionStep(name="a"), CheckpointStep(name="")), "a checkpoint needs a name"),
        (
            story(
                ActionStep(name="a"),
                CheckpointStep(name="b", conditions=(SlotStep(name="c", value=1),)),
            ),
            "begins with has conditions",
        ),
        (story(OrStep(alternatives=())), "must be a list of alternatives"),
        (StoryData(rules=(Rule(name="r", steps=(CheckpointStep(name="c"),)),)), "a rule needs"),
        (StoryData(stories=(Story(name=" ", steps=(ActionStep(name="a"),)),)), "needs a name"),
    ],
)
def test_what_yaml_cannot_carry_is_refused(data: StoryData, said: str) -> None:
    with pytest.raises(DataError, match=said):
        dump_stories(data)


def test_nothing_is_written_of_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "stories.yml"
    write_stories(path, story(ActionStep(name="a")))
    before = path.read_text()
    bad = replace(story(ActionStep(name="b")), rules=(Rule(name="r"),))
    with pytest.raises(DataError, match="a rule needs steps"):
        write_stories(path, bad)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
