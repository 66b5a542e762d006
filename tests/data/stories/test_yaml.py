from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
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
from gossamer.data.stories.yaml import is_story_yaml, parse_story_yaml

PATH = Path("stories.yml")


def steps_of(text: str) -> tuple[Step, ...]:
    """Steps of a story, written without the indentation they have in a file."""
    indented = "".join(f"  {line}\n" for line in text.strip("\n").split("\n"))
    (story,) = parse_story_yaml(f"stories:\n- story: s\n  steps:\n{indented}", PATH).stories
    return story.steps


def test_a_file_with_stories_and_rules() -> None:
    text = """\
version: "3.1"
nlu:
- intent: greet
stories:
- story: find a place
  metadata:
    by: [me]
  steps:
  - checkpoint: greeted
    slot_was_set:
    - city: Rome
    - open: yes
  - intent: search
    entities:
    - city: Rome
      role: from
    - price
    - people: 4
      group: "2"
  - action: utter_wait
  - slot_was_set:
    - city: Rome
      tags: [a, b]
    - name
    - price: null
  - or:
    - intent: affirm
    - intent: thank
      entities: [name]
  - active_loop: search_form
  - active_loop: null
  - user: |
      near the [river](place:water)
  - bot: "There is none. "
  - action: restart
  - checkpoint: done
rules:
- rule: stop
  condition:
  - active_loop: search_form
  - slot_was_set:
    - requested_slot: city
  conversation_start: true
  wait_for_user_input: false
  metadata: 1
  steps:
  - intent: stop
  - action: action_deactivate_loop
"""
    slots = (SlotStep(name="city", value="Rome"), SlotStep(name="open", value="yes"))
    assert parse_story_yaml(text, PATH) == StoryData(
        stories=(
            Story(
                name="find a place",
                metadata={"by": ["me"]},
                steps=(
                    CheckpointStep(name="greeted", conditions=slots),
                    UserStep(
                        intent="search",
                        entities=(
                            Entity(entity="city", value="Rome", role="from"),
                            Entity(entity="price"),
                            Entity(entity="people", value=4, group="2"),
                        ),
                    ),
                    ActionStep(name="utter_wait"),
                    SlotStep(name="city", value="Rome"),
                    SlotStep(name="tags", value=["a", "b"]),
                    SlotStep(name="name", is_named_only=True),
                    SlotStep(name="price", value=None),
                    OrStep(
                        alternatives=(
                            UserStep(intent="affirm"),
                            UserStep(intent="thank", entities=(Entity(entity="name"),)),
                        )
                    ),
                    LoopStep(name="search_form"),
                    LoopStep(name=None),
                    UserStep(
                        text="near the river",
                        entities=(Entity(entity="place", value="water", start=9, end=14),),
                    ),
                    BotStep(text="There is none. "),
                    EventStep(name="restart"),
                    CheckpointStep(name="done"),
                ),
            ),
        ),
        rules=(
            Rule(
                name="stop",
                conditions=(
                    LoopStep(name="search_form"),
                    SlotStep(name="requested_slot", value="city"),
                ),
                conversation_start=True,
                wait_for_user_input=False,
                metadata=1,
                steps=(UserStep(intent="stop"), ActionStep(name="action_deactivate_loop")),
            ),
        ),
    )


def test_lines() -> None:
    text = "rules:\nstories:\n- story: s\n  steps:\n  - or:\n    - intent: a\n    - slot_was_set:\n"
    text += "      - x\n      - y: 1\n  - action: b\n"
    (story,) = parse_story_yaml(text, PATH).stories
    assert str(story.where) == "stories.yml:3"
    either, action = story.steps
    assert isinstance(either, OrStep)
    assert [str(part.where) for part in either.alternatives] == [
        "stories.yml:6",
        "stories.yml:8",
        "stories.yml:9",
    ]
    assert str(action.where) == "stories.yml:10"


def test_test_stories() -> None:
    assert steps_of(
        """
- intent: faq/ask_price
  user: "what is the [fare]{"entity": "price", "role": "to"}?"
- user: plain
- intent: inform
  user: '/inform{"city": ["Rome", "Bonn"]}'
- user: /restart
""".replace('"what', "'what").replace('?"', "?'")
    ) == (
        UserStep(
            intent="faq/ask_price",
            text="what is the fare?",
            entities=(Entity(entity="price", value="fare", role="to", start=12, end=16),),
        ),
        UserStep(text="plain"),
        UserStep(
            intent="inform",
            text='/inform{"city": ["Rome", "Bonn"]}',
            entities=(
                Entity(entity="city", value="Rome", start=7, end=33),
                Entity(entity="city", value="Bonn", start=7, end=33),
            ),
        ),
        UserStep(intent="restart", text="/restart"),
    )


def test_blanks_around_a_message_stay_only_in_double_quotes() -> None:
    said = steps_of("- user: ' a '\n- user: \" a \"\n- user: |\n    a\n    b\n")
    assert [step.text for step in said if isinstance(step, UserStep)] == ["a", " a ", "a\nb"]


def test_old_forms_are_read() -> None:
    assert steps_of("""
- form: f
- form:
    name: f
- active_loop: {name: null}
- or:
  - user: yes please
  - intent: affirm
""") == (
        LoopStep(name="f"),
        LoopStep(name="f"),
        LoopStep(name=None),
        OrStep(alternatives=(UserStep(text="yes please"), UserStep(intent="affirm"))),
    )


def test_a_slash_before_an_intent_is_dropped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"stories\.yml:4: the intent '/greet' needs no '/'"):
        assert steps_of("- intent: /greet") == (UserStep(intent="greet"),)


def test_entities_that_a_text_does_not_annotate_are_left_out_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="'place' is not and is left out"):
        (step,) = steps_of(
            "- intent: a\n  entities:\n  - city: Rome\n  - place\n  user: to [Bonn](city)"
        )
    assert isinstance(step, UserStep)
    assert [entity.value for entity in step.entities] == ["Bonn"]


def test_what_a_yaml_file_holds() -> None:
    assert is_story_yaml("stories:\n", PATH)
    assert is_story_yaml("version: '2.0'\nrules : []\n", PATH)
    assert is_story_yaml("{'stories': []}\n", PATH)
    assert not is_story_yaml("nlu:\n- lookup: x\n  examples: |\n    - stories\n", PATH)
    assert not is_story_yaml("slots:\n  rules: [broken\n".replace("[broken", "x"), PATH)
    assert not is_story_yaml("{ not: [even YAML\n", PATH)


def test_files_without_stories() -> None:
    for text in ("", "stories: []\n", "nlu: [x]\n", "rules: []\n", "version: '3.1'\n"):
        assert parse_story_yaml(text, PATH) == StoryData()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- a", 1, "must be a mapping with the key 'stories' or 'rules'"),
        ('version: "3.2"\nstories: []', 1, "must not be above 3.1"),
        ("stories: x", 1, "'stories' must be a list"),
        ("stories:\n- greet", 2, "a story must be a mapping with the key 'story'"),
        ("rules:\n- story: a", 2, "a rule must be a mapping with the key 'rule'"),
        ("stories:\n- story:\n  steps:\n  - intent: a", 2, "a story needs a name"),
        ("stories:\n- story: a", 2, "a story needs steps (got 'a')"),
        ("stories:\n- story: a\n  steps: []", 2, "a story needs steps"),
        (
            "stories:\n- story: a\n  steps:\n  - checkpoint: b",
            2,
            "a story needs steps besides checkpoints",
        ),
        ("stories:\n- story: a\n  step: []", 3, "Try: 'steps'"),
        ("stories:\n- story: a\n  intent: b", 3, "a story has the keys story, steps, metadata"),
        (
            "rules:\n- rule: a\n  conversation_started: true",
            3,
            "Try: 'conversation_start'",
        ),
        (
            "rules:\n- rule: a\n  wait_for_user_input: no\n  steps:\n  - intent: a",
            3,
            "'wait_for_user_input' must be true or false (got 'no')",
        ),
        (
            "rules:\n- rule: a\n  steps:\n  - intent: a\n  - checkpoint: b",
            5,
            "a rule must not have checkpoints",
        ),
        (
            "rules:\n- rule: a\n  condition:\n  - intent: b\n  steps:\n  - intent: a",
            4,
            "a condition must be 'slot_was_set' or 'active_loop'",
        ),
        ("stories:\n- story: a\n  steps:\n  - intent: [\n", 5, "well-formed"),
    ],
)
def test_broken_files(text: str, line: int, said: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_story_yaml(text, PATH)
    assert str(caught.value).startswith(f"stories.yml:{line}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("- ...", "Try: conversation_start and wait_for_user_input"),
        ("- utter_greet", "a step must be a mapping with one of the keys intent, user, or"),
        ("- intnt: a", "a step must have one of the keys intent"),
        ("- intnt: a", "Try: intent:"),
        ("- metadata: a", "a step must have one of the keys"),
        ("- intent: a\n  action: b", "a step with 'intent' has no key 'action'"),
        ("- intent: a\n  action: b", "Try: a dash before 'action'"),
        ("- action: a\n  metadata: b", "Try: the keys action"),
        ("- intent:", "'intent' needs a name"),
        ("- intent: a/b/c", "one '/' and a key"),
        ("- user: ''", "'user' needs a text"),
        ("- user: '[a]{\"x\": 1}'", "unknown key 'x'"),
        ("- user: '/a{\"b\": }'", "the entities of a direct message must be valid JSON"),
        ("- intent: a\n  entities: b", "'entities' must be a list"),
        ("- intent: a\n  entities: [[b]]", "an entity must be a type, or a mapping"),
        ("- intent: a\n  entities:\n  - b: 1\n    c: 2", "an entity must have one type"),
        ("- intent: a\n  entities:\n  - role: c", "an entity must have one type"),
        ("- intent: a\n  entities:\n  - b: 1\n    role: [c]", "'role' needs a name"),
        ("- action:", "an action needs a name"),
        ("- action: followup", "an action must not have the name of an event"),
        ("- action: slot", "an action must not have the name of an event"),
        ("- bot:", "'bot' needs a text"),
        ("- or: []", "'or' must be a list of alternatives"),
        ("- or:\n  - action: a", "an alternative must be an intent or 'slot_was_set'"),
        ("- checkpoint:", "a checkpoint needs a name"),
        ("- checkpoint: a\n  slot_was_set: [b]", "must give the value of its slot"),
        (
            "- intent: a\n- checkpoint: b\n  slot_was_set:\n  - c: 1\n- intent: d",
            "only a checkpoint that a story begins with has conditions",
        ),
        ("- slot_was_set:\n    a: b", "'slot_was_set' must be a list of slots"),
        ("- slot_was_set: []", "'slot_was_set' must be a list of slots"),
        ("- slot_was_set: [{}]", "a slot must be a name, or a mapping"),
        ("- active_loop: {form: a}", "'active_loop' must be the name of a loop, or null"),
        ("- active_loop: ''", "'active_loop' must be the name of a loop, or null"),
    ],
)
def test_broken_steps(step: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        steps_of(step)
    assert str(caught.value).startswith("stories.yml:")
    assert said in str(caught.value)
