from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.data.stories.markdown import is_story_markdown, parse_story_markdown
from gossamer.data.stories.steps import (
    ActionStep,
    CheckpointStep,
    EventStep,
    LoopStep,
    OrStep,
    Rule,
    SlotStep,
    Step,
    Story,
    UserStep,
)

PATH = Path("stories.md")


def steps_of(text: str) -> tuple[Step, ...]:
    (story,) = parse_story_markdown(f"## s\n{text}", PATH).stories
    return story.steps


def test_a_file() -> None:
    text = """\
# Stories about places
<!-- two
lines -->
## find a place
> greeted{"city": "Rome"}
* search{"city": "Rome", "tags": ["a", "b"]}   <!-- a remark -->
    - utter_wait
    - slot{"city": "Rome", "price": null}
> waiting
* affirm OR thank{"name": "x OR y"} OR deny@0.9
  - search_form
  - form{"name": "search_form"}
* form: inform{"city": "Rome"}
  - form: search_form
  - active_loop{"name": null}
  -action_listen
  - restart
  - followup{"name": "utter_bye"}
  - form_validation{"validate": false}
> done

# once more
*bye
"""
    data = parse_story_markdown(text, PATH)
    assert data.rules == ()
    first, second = data.stories
    assert first == Story(
        name="find a place",
        steps=(
            CheckpointStep(name="greeted", conditions=(SlotStep(name="city", value="Rome"),)),
            UserStep(
                intent="search",
                entities=(
                    Entity(entity="city", value="Rome"),
                    Entity(entity="tags", value="a"),
                    Entity(entity="tags", value="b"),
                ),
            ),
            ActionStep(name="utter_wait"),
            SlotStep(name="city", value="Rome"),
            SlotStep(name="price", value=None),
            CheckpointStep(name="waiting"),
            OrStep(
                alternatives=(
                    UserStep(intent="affirm"),
                    UserStep(intent="thank", entities=(Entity(entity="name", value="x OR y"),)),
                    UserStep(intent="deny"),
                )
            ),
            ActionStep(name="search_form"),
            LoopStep(name="search_form"),
            LoopStep(name=None),
            ActionStep(name="action_listen"),
            EventStep(name="restart"),
            EventStep(name="followup", fields={"name": "utter_bye"}),
            EventStep(name="loop_interrupted", fields={"is_interrupted": True}),
            CheckpointStep(name="done"),
        ),
    )
    assert second == Story(name="once more", steps=(UserStep(intent="bye"),))
    assert (str(first.where), str(second.where)) == ("stories.md:4", "stories.md:22")
    assert [str(step.where).rpartition(":")[2] for step in first.steps[:6]] == list("567889")


def test_test_stories() -> None:
    assert steps_of("""\
* greet: hello there OR bye: see [you](name:me) at 5: fine?
* faq/ask_price: what is it?
* inform{"x": "ignored"}: to [Rome]{"entity": "city", "role": "to"}
* inform: /inform{"city": "Rome"}
* affirm
""") == (
        OrStep(
            alternatives=(
                UserStep(intent="greet", text="hello there"),
                UserStep(
                    intent="bye",
                    text="see you at 5: fine?",
                    entities=(Entity(entity="name", value="me", start=4, end=7),),
                ),
            )
        ),
        UserStep(intent="faq/ask_price", text="what is it?"),
        UserStep(
            intent="inform",
            text="to Rome",
            entities=(Entity(entity="city", value="Rome", role="to", start=3, end=7),),
        ),
        UserStep(
            intent="inform",
            text='/inform{"city": "Rome"}',
            entities=(Entity(entity="city", value="Rome", start=7, end=23),),
        ),
        UserStep(intent="affirm"),
    )


def test_sentences_are_names() -> None:
    said = [
        "I want a train on 1/2/3 .",
        "Hello: a {table} please",
        "Thanks: that is all",  # looks like a message, but not in this company
        "bye",
        "no , the [cheap](one)",
        "what about _time_ ?",
        "that is fine .",
        "good by .",
    ]
    text = "".join(f"* {line}\n   - Of course {{I}} can. {n} ?\n" for n, line in enumerate(said))
    steps = steps_of(text + '* inform{"city": "Rome"}\n- slot{"city": "Rome"}\n')
    assert [step.intent for step in steps if isinstance(step, UserStep)] == [*said, "inform"]
    assert steps[1] == ActionStep(name="Of course {I} can. 0 ?")
    assert steps[-2:] == (
        UserStep(intent="inform", entities=(Entity(entity="city", value="Rome"),)),
        SlotStep(name="city", value="Rome"),
    )


def test_rules() -> None:
    text = """\
>> in the form
  - form{"name": "f"}
  - slot{"requested_slot": "s"}
  - ...
* inform{"s": "x"}
  - f
>> begin
* greet
  - utter_greet
>> hand on
  - ...
* greet
  - action_look
  - ...
"""
    assert parse_story_markdown(text, PATH).rules == (
        Rule(
            name="in the form",
            conditions=(LoopStep(name="f"), SlotStep(name="requested_slot", value="s")),
            steps=(
                UserStep(intent="inform", entities=(Entity(entity="s", value="x"),)),
                ActionStep(name="f"),
            ),
        ),
        Rule(
            name="begin",
            conversation_start=True,
            steps=(UserStep(intent="greet"), ActionStep(name="utter_greet")),
        ),
        Rule(
            name="hand on",
            wait_for_user_input=False,
            steps=(UserStep(intent="greet"), ActionStep(name="action_look")),
        ),
    )


def test_a_slash_before_an_intent_is_dropped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"stories\.md:2: the intent '/greet' needs no '/'"):
        assert steps_of("* /greet") == (UserStep(intent="greet"),)


@pytest.mark.parametrize(
    "text",
    [
        "## a\n* greet\n  - hello\n",
        "## a\n<!-- remark -->\n* greet: hi\n\n - hello\n",
        ">> a\n- ...\n",
        "## a\n> begun\n",
        '## a\n- slot{"a": 1}\n',
        "## a\n- utter_a\n",
    ],
)
def test_story_files(text: str) -> None:
    assert is_story_markdown(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "## intent:greet\n- hello\n* hi\n- utter_x\n",
        "# Data\n\nHere is what we have\nand more of it:\n\n* stories\n- rules\n",
        "# Data\n\nHere is what we have:\n\n* stories\n  - good ones\n- rules\n",
        "## Files\n- nlu.yml\n- stories.yml\n",
        "* greet\n- utter_greet\n",
        "## a\n> somebody said this\n",
    ],
)
def test_other_files(text: str) -> None:
    assert not is_story_markdown(text)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("* greet\n## a", 1, "a line must be below the name of a story"),
        ("## a\n## b\n* greet", 1, "a story needs steps (got 'a')"),
        ("## a\n* form: inform\n", 1, "a story needs steps"),
        (">> a\n## b\n* greet", 1, "a rule needs steps"),
        (">> a\n- ...\n", 1, "a rule needs steps"),
        (">> a\n* b\n- ...\n- c\n", 3, "'...' must be at the beginning or end of a rule"),
        (">> a\n* b\n> c\n", 3, "a rule must not have checkpoints"),
        ("## a\n> b\n", 1, "a story needs steps besides checkpoints"),
        ("##\n* greet", 1, "a story needs a name"),
        (">>\n* greet", 1, "a rule needs a name"),
        ("## a\n* greet\nand more", 3, "must begin with '*', '-', '>' or '##'"),
        ("## a\n* greet\n-----", 3, "a line must name something after '-'"),
        ("## a\n*", 2, "a line must name something after '*'"),
        ('## a\n* {"b": 1}', 2, "an intent needs a name"),
        ("## a\n* a/b/c", 2, "one '/' and a key"),
        ('## a\n* b{"c": }', 2, "braces must hold valid JSON"),
        ('## a\n* b{"c": 1, "c": 2}', 2, "a key occurs twice"),
        ('## a\n* b{"c": 1} d', 2, "only another intent may follow the entities"),
        ('## a\n* b: to [Rome]{"x": 1}', 2, "unknown key 'x'"),
        ('## a\n* b\n- slot{"c": 1} d', 3, "nothing may follow the braces"),
        ("## a\n* b\n- slot", 3, "'slot' needs a slot and its value"),
        ("## a\n* b\n- slot{}", 3, "'slot' needs a slot and its value"),
        ("## a\n* b\n- form", 3, "'form' needs a name, or null"),
        ('## a\n* b\n- active_loop{"name": 1}', 3, "'active_loop' needs a name, or null"),
        ('## a\n* b\n- utter_c{"d": 1}', 3, "only events have fields"),
        ("## a\n* b\n- followup{}", 3, "the event 'followup' needs fields"),
        ("## a\n* b\n- user", 3, "an action must not have the name of an event"),
        ("## a\n* b\n<!-- c", 3, "a comment must be closed"),
        (
            '## a\n* b\n> c{"d": 1}\n* e',
            3,
            "only a checkpoint that a story begins with has conditions",
        ),
    ],
)
def test_broken_files(text: str, line: int, said: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_story_markdown(text, PATH)
    assert str(caught.value).startswith(f"stories.md:{line}: ")
    assert said in str(caught.value)
