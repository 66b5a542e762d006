"""The bundled assistant is sound: enough examples, marked right, tested on other ones."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gossamer.data import (
    Domain,
    Example,
    Project,
    StoryData,
    TrainingData,
    check_domain,
    check_stories,
    read_config,
    read_domain,
    read_project,
    read_stories,
    read_test_stories,
    read_training_data,
)
from gossamer.data.domain.domain import DEFAULT_INTENTS
from gossamer.data.domain.slots import MappingType
from gossamer.data.stories.steps import ActionStep, OrStep, Step, UserStep

if TYPE_CHECKING:
    from gossamer.assistant import Assistant

ROOT = Path(__file__).resolve().parents[1]
STARTER = ROOT / "src" / "gossamer" / "starter"


@pytest.fixture(scope="module")
def train() -> TrainingData:
    return read_training_data([STARTER / "data" / "nlu.yml"])


@pytest.fixture(scope="module")
def test() -> TrainingData:
    return read_training_data([STARTER / "tests" / "nlu_test.yml"])


@pytest.fixture(scope="module")
def project() -> Project:
    return read_project(STARTER / "config.yml", [STARTER / "data"], [STARTER / "domain.yml"])


@pytest.fixture(scope="module")
def domain() -> Domain:
    return read_domain(STARTER / "domain.yml")


@pytest.fixture(scope="module")
def stories() -> StoryData:
    return read_stories([STARTER / "data"])


@pytest.fixture(scope="module")
def test_stories() -> StoryData:
    return read_test_stories([STARTER / "tests"])


def words(example: Example) -> str:
    """The text without what does not make it another sentence."""
    return " ".join(re.findall(r"\w+", example.text.lower()))


def test_there_is_enough_of_everything(train: TrainingData) -> None:
    assert len(train.examples) >= 300
    assert len(train.intents) >= 14
    assert len(train.entity_types) >= 5
    assert {"greet", "goodbye", "thank", "affirm", "deny", "help", "out_of_scope"} <= set(
        train.intents
    )
    assert train.synonyms
    assert train.regexes
    assert train.lookups


def test_intents_are_balanced(train: TrainingData, test: TrainingData) -> None:
    counts = Counter(example.intent for example in train.examples)
    assert min(counts.values()) >= 15
    assert max(counts.values()) <= 2 * min(counts.values())
    in_test = Counter(example.intent for example in test.examples)
    assert set(in_test) == set(counts)
    assert min(in_test.values()) >= 4


def test_every_entity_type_has_several_examples_in_both_files(
    train: TrainingData, test: TrainingData
) -> None:
    for data, at_least in ((train, 8), (test, 2)):
        counts = Counter(entity.entity for e in data.examples for entity in e.entities)
        assert set(counts) == set(train.entity_types)
        assert min(counts.values()) >= at_least, counts


def test_no_sentence_occurs_twice_or_in_both_files(train: TrainingData, test: TrainingData) -> None:
    counts = Counter(words(example) for example in (*train.examples, *test.examples))
    assert [text for text, n in counts.items() if n > 1] == []


def test_every_sentence_has_words_and_clean_edges(train: TrainingData, test: TrainingData) -> None:
    for example in (*train.examples, *test.examples):
        assert words(example), example
        assert example.text == " ".join(example.text.split()), example
        assert not set("[]{}") & set(example.text), f"an annotation was not read: {example}"


def test_city_roles(train: TrainingData, test: TrainingData) -> None:
    for data in (train, test):
        roles = Counter(
            entity.role for e in data.examples for entity in e.entities if entity.entity == "city"
        )
        assert set(roles) == {"departure", "destination", None}
        others = {
            entity.role for e in data.examples for entity in e.entities if entity.entity != "city"
        }
        assert others == {None}


def test_city_names_are_marked_wherever_they_occur(train: TrainingData, test: TrainingData) -> None:
    (lookup,) = (table for table in train.lookups if table.name == "city")
    synonyms = [s.text for s in train.synonyms if s.value in lookup.elements]
    pattern = re.compile(rf"\b({'|'.join([*lookup.elements, *synonyms])})\b", re.IGNORECASE)
    for example in (*train.examples, *test.examples):
        found = {match.span() for match in pattern.finditer(example.text)}
        marked = {(e.start, e.end) for e in example.entities if e.entity == "city"}
        assert found == marked, example


def test_booking_codes_are_marked_wherever_they_occur(
    train: TrainingData, test: TrainingData
) -> None:
    (regex,) = train.regexes
    assert regex.name == "booking_code"
    for example in (*train.examples, *test.examples):
        found = {match.span() for match in re.finditer(regex.pattern, example.text)}
        marked = {(e.start, e.end) for e in example.entities if e.entity == "booking_code"}
        assert found == marked, example


def test_values_that_differ_from_their_text_are_synonyms(
    train: TrainingData, test: TrainingData
) -> None:
    explicit = {synonym.text: synonym.value for synonym in train.synonyms}
    for example in (*train.examples, *test.examples):
        for entity in example.entities:
            text = example.text[entity.start : entity.end]
            assert entity.value == explicit.get(text, text), example


def test_entities_have_no_loose_ends(train: TrainingData, test: TrainingData) -> None:
    for example in (*train.examples, *test.examples):
        for entity in example.entities:
            start, end = entity.span
            text = example.text[start:end]
            assert text == text.strip(" ,.?!")
            around = example.text[max(start - 1, 0) : start] + example.text[end : end + 1]
            assert not any(c.isalnum() for c in around), f"cuts a word: {example}"


def test_the_pipeline_is_the_one_promised() -> None:
    config = read_config(STARTER / "config.yml")
    assert [step.name for step in config.pipeline] == [
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "LexicalSyntacticFeaturizer",
        "CountVectorsFeaturizer",
        "CountVectorsFeaturizer",
        "DIETClassifier",
        "EntitySynonymMapper",
        "FallbackClassifier",
    ]
    assert [policy.name for policy in config.policies] == [
        "MemoizationPolicy",
        "RulePolicy",
        "TEDPolicy",
    ]


# -- dialogue ------------------------------------------------------------------------------------


def steps_of(data: StoryData) -> Iterator[Step]:
    for story in data.stories:
        yield from story.steps
    for rule in data.rules:
        yield from rule.steps


def actions_of(data: StoryData) -> set[str]:
    return {step.name for step in steps_of(data) if isinstance(step, ActionStep)}


def messages_of(data: StoryData) -> list[UserStep]:
    choices = [
        choice
        for step in steps_of(data)
        for choice in (step.alternatives if isinstance(step, OrStep) else (step,))
    ]
    return [choice for choice in choices if isinstance(choice, UserStep)]


def test_domain_and_stories_fit_together(
    domain: Domain, stories: StoryData, test_stories: StoryData
) -> None:
    assert check_domain(domain) == []
    assert check_stories(stories, domain) == []
    assert check_stories(test_stories, domain) == []


def test_the_domain_knows_what_the_examples_have(domain: Domain, train: TrainingData) -> None:
    assert set(train.intents) == set(domain.intent_names) - (
        set(DEFAULT_INTENTS) - {"out_of_scope"}
    )
    assert {entity.name for entity in domain.entities} == set(train.entity_types)
    marked = {
        f"{entity.entity}#{entity.role}"
        for example in train.examples
        for entity in example.entities
        if entity.role is not None
    }
    assert marked == {label for label in domain.entity_labels if "#" in label}


def test_every_intent_leads_somewhere(stories: StoryData, train: TrainingData) -> None:
    used = {message.intent for message in messages_of(stories)}
    assert used == {*train.intents, "nlu_fallback"}


def test_every_response_is_said(domain: Domain, stories: StoryData) -> None:
    asked = {f"utter_ask_{slot}" for form in domain.forms.values() for slot in form.required_slots}
    said = {name for name in actions_of(stories) if name.startswith("utter_")}
    assert said | asked | {"utter_default"} == set(domain.responses)
    assert not said & asked


def test_what_a_domain_can_do_is_shown(domain: Domain, stories: StoryData) -> None:
    (form,) = domain.forms.values()
    assert len(form.required_slots) == 3
    mappings = [m for name in form.required_slots for m in domain.slot_by_name[name].mappings]
    assert {mapping.type for mapping in mappings} == {MappingType.FROM_ENTITY}
    assert {mapping.role for mapping in mappings} == {"departure", "destination", None}
    variations = list(domain.responses.values())
    assert sum(len(each) > 1 for each in variations) >= 4
    assert any(variation.conditions for each in variations for variation in each)
    names = {rule.name for rule in stories.rules}
    assert {"greet", "say goodbye", "ask to rephrase", "start to book", "stop booking"} <= names
    assert not domain.actions, "nobody needs an action server"


def test_conversations_are_new(
    train: TrainingData, test: TrainingData, test_stories: StoryData
) -> None:
    texts = [str(message.text) for message in messages_of(test_stories)]
    assert len(test_stories.stories) >= 6
    known = {words(example) for example in (*train.examples, *test.examples)}
    repeated = [text for text in texts if words(Example(text=text)) in known]
    assert repeated == []
    assert len(set(texts)) == len(texts)
    assert {message.intent for message in messages_of(test_stories)} >= {
        "affirm", "book_trip", "cancel_booking", "change_booking", "deny", "inform"
    }  # fmt: skip


def test_test_stories_are_no_training_stories(
    domain: Domain, stories: StoryData, test_stories: StoryData
) -> None:
    from gossamer.evaluate import conversations_of

    def shape(data: StoryData) -> list[tuple[str, ...]]:
        return [
            tuple(
                str(step.intent if isinstance(step, UserStep) else step.name)
                for step in conversation.steps
                if isinstance(step, UserStep | ActionStep)
            )
            for conversation in conversations_of(data, domain)
        ]

    new, known = shape(test_stories), shape(stories)
    assert len(new) == len(test_stories.stories)
    assert sum(conversation in known for conversation in new) <= 1


def test_rules_and_stories_get_far_without_a_network(
    project: Project, test_stories: StoryData
) -> None:
    """Rules and memory are exact: Rasa 3.6.21 fails the same story at the same steps."""
    from gossamer.dialogue.model import DialogueModel
    from gossamer.evaluate import evaluate_dialogue

    config = project.config
    without = tuple(policy for policy in config.policies if policy.name != "TEDPolicy")
    project = replace(project, config=replace(config, policies=without))
    model = DialogueModel.train(project)
    evaluation = evaluate_dialogue(model.ensemble, test_stories, model.domain)
    (failed,) = evaluation.failed
    assert failed.name == "two questions while booking, and no booking in the end"
    assert [error.remark for error in failed.errors] == ["predicted: action_default_fallback"] * 3
    assert len(evaluation.action_outcomes) == 73
    own = evaluate_dialogue(model.ensemble, project.stories, model.domain)
    assert len(own.outcomes) == 24
    assert own.failed == []


def script() -> list[str]:
    return (STARTER / "tests" / "conversation.txt").read_text("utf-8").splitlines()


def test_the_script_is_short() -> None:
    lines = script()
    assert 5 <= len(lines) <= 20
    assert all(line == line.strip() != "" for line in lines)


def test_the_starter_holds_no_code() -> None:
    (module,) = STARTER.rglob("*.py")
    (statement,) = ast.parse(module.read_text("utf-8")).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Constant)


def demo_sentences() -> list[str]:
    """The sentences that `make demo` parses."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    command = re.search(r"\(GOSSAMER\) parse(.*?)--model", makefile, re.DOTALL)
    assert command is not None
    return re.findall(r'"([^"]+)"', command.group(1))


def test_demo_sentences_are_new(train: TrainingData, test: TrainingData) -> None:
    sentences = demo_sentences()
    assert len(sentences) == 2
    known = {words(example) for example in (*train.examples, *test.examples)}
    assert not known & {words(Example(text=text)) for text in sentences}


UNKNOWN = (
    "??", "...", "-", "!", "%$&", "👍", "😡😡", "🤷‍♀️", "🙂 🙂", "你好", "안녕하세요", "صباح الخير",
    "Привет", "xyz", "qqqq wwww", "zxcv", "k", "q", "w v", "12345 99", "42", "12.5", "", "  ",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("text", UNKNOWN, ids=ascii)
def test_what_nobody_can_know_is_asked_again(starter_assistant: Assistant, text: str) -> None:
    assert starter_assistant.parse(text).intent.name == "nlu_fallback"
    conversation = starter_assistant.conversations(random_seed=1)
    conversation.begin()

    def say(message: str) -> list[str]:
        return [action.name for action in conversation.handle(message).actions]

    assert say(text) == ["utter_rephrase", "action_listen"]
    assert say("/book_trip")[0] == "booking_form"
    assert "utter_rephrase" in say(text), "in the middle of the form"
    assert say('/inform{"city": "Ottersea"}')[0] == "booking_form"
    assert "utter_rephrase" in say(text)
    say('/inform{"city": "Silverfen"}')
    assert "utter_confirm_booking" in say('/inform{"date": "Friday"}')
    assert say(text) == ["utter_rephrase", "action_listen"], "in answer to whether to book"


@pytest.mark.slow
@pytest.mark.parametrize("text", ["yes", "yes please", "yess", "sure!", "ok 🙂", "helo", "no..."])
def test_what_is_known_is_still_understood(starter_assistant: Assistant, text: str) -> None:
    wanted = {"helo": "greet", "no...": "deny"}.get(text, "affirm")
    assert starter_assistant.parse(text).intent.name == wanted


@pytest.mark.slow
@pytest.mark.long
def test_a_model_of_it_is_good(
    project: Project, test: TrainingData, test_stories: StoryData
) -> None:
    from gossamer.assistant import Assistant
    from gossamer.evaluate import evaluate_dialogue, evaluate_nlu

    assistant = Assistant.train_project(project)
    figures = evaluate_nlu(assistant, test).headline()
    assert figures["intent weighted F1"] >= 0.9, figures
    assert figures["DIETClassifier token micro F1"] >= 0.9, figures

    little_known = ("asdf jkl", "blorp", "fnord quux", "zzz", "hgjk", "brrr", "vbn qwrt zxcv")
    parses = assistant.parse_many([*UNKNOWN, *little_known])
    asked_again = {parse.intent.name for parse in parses}
    assert asked_again == {"nlu_fallback"}
    known = {
        "book a train to Zyxwv": "book_trip",
        "plese bok a tiket": "book_trip",
        "cancl my boking": "cancel_booking",
        "yess": "affirm",
        "helo": "greet",
        "thnks": "thank",
        "tomorow": "inform",
    }
    found = {parse.text: parse.intent.name for parse in assistant.parse_many(list(known))}
    assert found == known
    ticket, umbrella = assistant.parse_many(demo_sentences())
    assert ticket.intent.name == "book_trip"
    assert {(e.entity, e.role, e.value) for e in ticket.entities} == {
        ("city", "departure", "Westhaven"),
        ("city", "destination", "Kingsferry"),
        ("date", None, "Friday"),
    }
    assert umbrella.intent.name == "report_lost_item"
    assert {(e.entity, e.role, e.value) for e in umbrella.entities} == {
        ("item", None, "umbrella"),
        ("time", None, "17:30"),
        ("city", "departure", "Silverfen"),
    }

    model = assistant.require_dialogue()
    given = evaluate_dialogue(model.ensemble, test_stories, model.domain)
    assert given.failed == []
    understood = evaluate_dialogue(
        model.ensemble, test_stories, model.domain, parser=assistant, end_to_end=True
    )
    assert len(understood.failed) <= 1, [story.errors for story in understood.failed]

    for text in UNKNOWN:
        conversations = assistant.conversations(random_seed=1)
        conversations.begin()
        for message in ("book a train from Ottersea to Silverfen on Friday", text):
            turn = conversations.handle(message)
        assert [action.name for action in turn.actions] == ["utter_rephrase", "action_listen"]
        turn = conversations.handle("yes please")
        assert turn.actions[0].name == "utter_booked", "the question still stands"

    conversations = assistant.conversations(random_seed=1)
    conversations.begin()
    answers = [[str(m.text) for m in conversations.handle(line).messages] for line in script()]
    said = [text for answer in answers for text in answer]
    assert all(answers), "every message is answered"
    # The form goes on after a question in between, and its last answer decides the response.
    assert said.count("Where do you start?") == 2
    assert "From Ottersea to Silverfen, next Friday. Shall I book that?" in said
    (booked,) = (text for text in said if text.startswith("Booked, in first class!"))
    assert "Silverfen" in booked
    # The booking is over: the next one starts anew.
    assert "From Westhaven to Port Hollow, tomorrow. Shall I book that?" in said
    assert "Shall I cancel booking KF2201?" in said
