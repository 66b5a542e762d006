from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data.domain.domain import DEFAULT_INTENTS, Domain, EntityType, Form, Intent
from gossamer.data.domain.responses import Variation
from gossamer.data.domain.slots import OTHER_VALUE, Slot, SlotType
from gossamer.data.nlu.checks import Severity
from gossamer.data.stories.checks import check_stories
from gossamer.data.stories.steps import StoryData
from gossamer.data.stories.yaml import parse_story_yaml

DOMAIN = Domain(
    intents=tuple(Intent(name=name) for name in sorted((*DEFAULT_INTENTS, "greet", "faq", "ask"))),
    entities=(
        EntityType(name="city", roles=("from", "to"), groups=("one",)),
        EntityType(name="price"),
    ),
    slots=(
        Slot(name="city", type=SlotType.TEXT),
        Slot(name="size", type=SlotType.CATEGORICAL, values=("small", "large", OTHER_VALUE)),
        Slot(name="open", type=SlotType.BOOL),
        Slot(name="age", type=SlotType.FLOAT),
        Slot(name="tags", type=SlotType.LIST),
        Slot(name="any", type=SlotType.ANY),
        Slot(name="hidden", type=SlotType.BOOL, influence_conversation=False),
    ),
    responses={
        "utter_greet": (Variation(text="hi"),),
        "utter_faq/ask_price": (Variation(text="four"),),
    },
    forms={"city_form": Form(name="city_form", required_slots=("city",))},
    actions=("action_look", "utter_faq"),
)


def read(text: str, name: str = "stories.yml") -> StoryData:
    return parse_story_yaml(text, Path(name))


def found(data: StoryData, **options: bool) -> list[str]:
    return [str(finding) for finding in check_stories(data, DOMAIN, **options)]


GOOD = """\
stories:
- story: begin
  steps:
  - intent: greet
    entities:
    - city: Rome
      role: from
      group: one
    - price
  - action: utter_greet
  - slot_was_set:
    - city
    - tags
    - any
    - hidden
    - city: null
    - size: LARGE
    - size: __other__
    - open: "true"
    - age: "4"
    - requested_slot: city
  - checkpoint: on
- story: go on
  steps:
  - checkpoint: on
    slot_was_set:
    - size: small
  - intent: nlu_fallback
  - action: action_two_stage_fallback
  - active_loop: action_two_stage_fallback
  - active_loop: null
  - or:
    - intent: faq
    - slot_was_set:
      - open: true
  - action: utter_faq
  - bot: "anything"
  - user: "anything"
  - action: city_form
  - active_loop: city_form
  - action: action_listen
  - checkpoint: on
- story: end
  steps:
  - checkpoint: on
  - action: action_look
rules:
- rule: begin with an action
  condition:
  - active_loop: city_form
  steps:
  - action: utter_greet
  - or:
    - intent: greet
    - intent: ask
  - action: utter_greet
"""


def test_good_stories() -> None:
    assert found(read(GOOD)) == []
    assert check_stories(StoryData(), DOMAIN) == []


def test_unknown_names() -> None:
    data = read("""\
stories:
- story: s
  steps:
  - intent: gret
    entities:
    - town: Rome
      role: x
    - city: Rome
      role: form
    - city: Rome
      group: two
  - action: utter_gret
  - slot_was_set:
    - sise: 1
  - active_loop: citty_form
  - intent: gret
  - action: xyz
- story: t
  steps:
  - or:
    - intent: gret
    - slot_was_set:
      - zzz
rules:
- rule: r
  condition:
  - slot_was_set:
    - sise: null
  - active_loop: zzz
  steps:
  - intent: faq/more
""")
    assert found(data, is_test=True) == [
        "stories.yml:4: error: story 's': the domain has no intent 'gret'; did you mean 'greet'? "
        "(2 more of it)",
        "stories.yml:4: error: story 's': the domain has no entity 'town'",
        "stories.yml:4: error: story 's': the domain has no role 'city#form'; did you mean "
        "'city#from'?",
        "stories.yml:4: error: story 's': the domain has no group 'city#two'; did you mean "
        "'city#one'?",
        "stories.yml:12: error: story 's': the domain has no action 'utter_gret'; did you mean "
        "'utter_greet'?",
        "stories.yml:14: error: story 's': the domain has no slot 'sise'; did you mean 'size'? "
        "(1 more of it)",
        "stories.yml:15: error: story 's': the domain has no loop 'citty_form'; did you mean "
        "'city_form'?",
        "stories.yml:17: error: story 's': the domain has no action 'xyz'",
        "stories.yml:23: error: story 't': the domain has no slot 'zzz'",
        "stories.yml:29: error: rule 'r': the domain has no loop 'zzz'",
    ]


def test_sentences_may_hold_a_slash() -> None:
    domain = Domain(intents=(Intent(name="yes/no please"),))
    data = read("stories:\n- story: s\n  steps:\n  - intent: yes/no please\n")
    assert check_stories(data, domain, is_test=True) == []


def test_values_of_slots() -> None:
    steps = """\
  - intent: greet
  - slot_was_set:
    - size: huge
    - size: huge
    - open: maybe
    - age: old
    - size
    - open
    - age
"""
    assert found(read(f"stories:\n- story: s\n  steps:\n{steps}")) == [
        "stories.yml:6: warning: story 's': 'huge' is not among the values of slot 'size' "
        "(small, large, __other__); it counts as an unknown one",
        "stories.yml:8: warning: story 's': 'maybe' is not a truth value, as slot 'open' needs; "
        "it counts as not set",
        "stories.yml:9: warning: story 's': 'old' is not a number, as slot 'age' needs; "
        "it counts as not set",
        "stories.yml:10: warning: story 's': slot 'size' of type categorical counts as not set "
        "unless its value is given",
        "stories.yml:11: warning: story 's': slot 'open' of type bool counts as not set unless "
        "its value is given",
        "stories.yml:12: warning: story 's': slot 'age' of type float counts as not set unless "
        "its value is given",
    ]


def joined(*stories: str) -> StoryData:
    """Stories written as the names of their checkpoints, "." for an intent."""
    lines = ["stories:"]
    for number, story in enumerate(stories):
        lines += [f"- story: s{number}", "  steps:"]
        lines += [
            "  - intent: greet" if name == "." else f"  - checkpoint: {name}"
            for name in story.split()
        ]
    return read("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("stories", "said"),
    [
        ([". a", "a ."], []),
        ([". a .", "a ."], []),
        ([". a b", "a .", "b ."], []),
        ([". a", "a . a", "a ."], []),
        (["aa ."], ["story 's0' begins with checkpoint 'aa', with which no story ends"]),
        ([". aa"], ["story 's0' ends with checkpoint 'aa', with which no story begins"]),
        (
            [". bake", "bike ."],
            [
                "story 's1' begins with checkpoint 'bike', with which no story ends; "
                "did you mean 'bake'?",
                "story 's0' ends with checkpoint 'bake', with which no story begins; "
                "did you mean 'bike'?",
            ],
        ),
        (
            ["a . a", "."],
            [
                "no beginning of a conversation leads to checkpoint 'a'",
                "from checkpoint 'a' no story comes to an end",
            ],
        ),
        (
            ["a . b", "b . a", "a ."],
            [f"no beginning of a conversation leads to checkpoint '{n}'" for n in "ab"],
        ),
        (
            [". a", "a . b", "b . a"],
            [f"from checkpoint '{n}' no story comes to an end" for n in "ab"],
        ),
    ],
)
def test_checkpoints(stories: list[str], said: list[str]) -> None:
    findings = check_stories(joined(*stories))
    assert [finding.message for finding in findings] == said
    assert all(finding.severity is Severity.WARNING and finding.where for finding in findings)


def test_beginnings() -> None:
    data = read("""\
stories:
- story: s
  steps:
  - slot_was_set:
    - city: Rome
  - action: utter_greet
- story: t
  steps:
  - bot: hello
- story: u
  steps:
  - or:
    - intent: greet
  - action: utter_greet
""")
    assert found(data) == [
        "stories.yml:6: warning: story 's' begins with an action, which is not learnt, as nothing "
        "comes before it",
        "stories.yml:9: warning: story 't' begins with an action, which is not learnt, as nothing "
        "comes before it",
    ]


def test_retrieval_intents_are_for_test_stories() -> None:
    text = "stories:\n- story: s\n  steps:\n  - intent: faq/ask_price\n  - intent: faq/ask_price\n"
    (message,) = found(read(text))
    assert message == (
        "stories.yml:4: warning: story 's': of the retrieval intent 'faq/ask_price', only 'faq' is "
        "learnt"
    )
    assert found(read(text), is_test=True) == []
    assert found(read(text, "test_stories.yml")) == []


def test_rules_with_two_messages() -> None:
    data = read("""\
rules:
- rule: r
  steps:
  - intent: greet
  - action: utter_greet
  - or:
    - intent: ask
    - intent: faq
""")
    assert found(data) == [
        "stories.yml:6: error: in rule 'r' the user speaks 2 times; once is the most"
    ]
    assert found(data, restrict_rules=False) == []


def test_without_a_domain_structure_is_checked_alone() -> None:
    data = read("stories:\n- story: s\n  steps:\n  - intent: nobody\n  - checkpoint: a\n")
    assert [f.message for f in check_stories(data)] == [
        "story 's' ends with checkpoint 'a', with which no story begins"
    ]


def test_conditions_of_rules_on_what_models_do_not_see() -> None:
    rule = "rules:\n- rule: r\n  condition:\n  - slot_was_set:\n    - {}\n  steps:\n"
    rule += "  - intent: greet\n  - action: utter_greet\n"
    assert found(read(rule.format("hidden: true"))) == [
        "stories.yml:5: warning: rule 'r': a condition on slot 'hidden' has no effect, because the "
        "slot does not influence the conversation"
    ]
    assert found(read(rule.format("city: Rome"))) == [
        "stories.yml:5: warning: rule 'r': a condition on slot 'city' of type text holds for any "
        "value, not for 'Rome' alone; a categorical slot tells values apart"
    ]
    for good in ("city", "city: null", "size: small", "open: true", "requested_slot: city"):
        assert found(read(rule.format(good))) == []
