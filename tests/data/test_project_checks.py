from __future__ import annotations

from gossamer.data.domain.domain import DEFAULT_INTENTS, Domain, Intent
from gossamer.data.domain.responses import Variation
from gossamer.data.nlu.examples import Entity, Example, TrainingData
from gossamer.data.project_checks import check_project
from gossamer.data.stories.steps import ActionStep, Rule, Story, StoryData, UserStep

HELLO = Variation(text="hello")
DOMAIN = Domain(
    intents=tuple(Intent(name=name) for name in sorted((*DEFAULT_INTENTS, "greet", "faq", "gone"))),
    responses={
        "utter_greet": (HELLO,),
        "utter_bye": (HELLO,),
        "utter_default": (HELLO,),
        "utter_ask_city": (HELLO,),
    },
)
NLU = TrainingData(
    examples=tuple(
        Example(text=f"{text} {number}", intent=intent, entities=entities)
        for text, intent, entities in [
            ("hello", "greet", ()),
            ("what", "faq/what", ()),
            ("hm", "gret", ()),
            ("Rome", "greet", (Entity(start=0, end=4, entity="city", value="Rome"),)),
        ]
        for number in (1, 2)
    ),
    responses={"utter_faq/what": ({"text": "that"},)},
)
STORIES = StoryData(
    stories=(
        Story(name="s", steps=(UserStep(intent="greet"), ActionStep(name="utter_greet"))),
        Story(name="t", steps=(UserStep(intent="faq"), ActionStep(name="utter_faq"))),
    ),
    rules=(Rule(name="r", steps=(UserStep(intent="faq"), UserStep(intent="faq"))),),
)


def test_parts_that_do_not_agree() -> None:
    findings = check_project(NLU, STORIES, DOMAIN)
    assert [str(finding) for finding in findings] == [
        "error: the domain has no intent 'gret', which has examples; did you mean 'greet'?",
        "error: the domain has no entity 'city', which examples have",
        "warning: intent 'gone' of the domain has no examples",
        "error: in rule 'r' the user speaks 2 times; once is the most",
        "warning: no story or rule says response 'utter_bye'; unless an action does, it is never "
        "said",
    ]
    assert len(check_project(NLU, STORIES, DOMAIN, restrict_rules=False)) == 4


def test_each_part_alone() -> None:
    assert check_project() == []
    assert check_project(NLU) == []
    assert check_project(domain=DOMAIN) == []
    assert len(check_project(stories=STORIES)) == 1
    assert check_project(stories=StoryData(), domain=DOMAIN) == []


def test_answers_of_retrieval_intents_come_from_nlu_data() -> None:
    (unknown, *_) = check_project(None, STORIES, DOMAIN)
    assert "the domain has no action 'utter_faq'" in unknown.message
