"""A conversation that is corrected at every step, without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.assistant import Assistant
from gossamer.data import read_project
from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.stories.reading import read_stories
from gossamer.data.stories.steps import ActionStep, SlotStep, UserStep
from gossamer.teach import TaughtProject
from gossamer.teach.interactive import Awaits, Interactive

FILES = {
    "config.yml": """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
policies:
- name: MemoizationPolicy
- name: RulePolicy
""",
    "domain.yml": """\
version: "3.1"
intents: [greet, travel]
entities: [city]
slots:
  city:
    type: text
    mappings:
    - type: from_entity
      entity: city
  notes:
    type: any
    mappings:
    - type: custom
responses:
  utter_greet:
  - text: Good day.
  utter_travel:
  - text: Off we go.
""",
    "data/nlu.yml": """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - hi
- intent: travel
  examples: |
    - a train to [Rome](city)
    - tickets
""",
    "data/rules.yml": """\
version: "3.1"
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
""",
}


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    folder = tmp_path_factory.mktemp("project")
    written(folder)
    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    return Assistant.train_project(project)


def written(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


@pytest.fixture
def session(assistant: Assistant, tmp_path: Path) -> Interactive:
    written(tmp_path)
    turns = assistant.conversations().turns
    session = Interactive(turns, TaughtProject(tmp_path), who="ann", clock=lambda: 1_700_000_000.0)
    session.begin()
    return session


def examples(session: Interactive) -> set[tuple[str, str | None]]:
    data = read_training_data(session.project.folder / "data")
    return {(example.text, example.intent) for example in data.examples}


def accepted_turn(session: Interactive) -> list[str]:
    """The assistant does what it would do, until it listens."""
    done = []
    while session.awaits is Awaits.ACTION:
        proposal = session.proposal()
        session.do(proposal.action, proposal)
        done.append(proposal.action)
    return done


def test_a_turn_goes_as_it_would_by_itself(session: Interactive, assistant: Assistant) -> None:
    assert session.say("hello").intent.name == "greet"
    assert session.awaits is Awaits.MEANING
    assert session.accept() is None  # it is known
    assert accepted_turn(session) == ["utter_greet", "action_listen"]
    alone = assistant.conversations()
    alone.handle("hello")
    events = session.tracker.events
    assert [e.to_dict() | {"timestamp": 0} for e in events if e.type_name != "bot"] == [
        e.to_dict() | {"timestamp": 0} for e in alone.tracker().events if e.type_name != "bot"
    ]
    assert not session.has_corrected_story
    assert session.taught == []


def test_what_is_right_and_new_becomes_an_example(session: Interactive) -> None:
    session.say("hello there")
    taught = session.accept()
    assert taught is not None
    assert taught.who == "ann"
    assert ("hello there", "greet") in examples(session)


def test_what_is_wrong_is_taught_and_the_talk_goes_on_with_it(session: Interactive) -> None:
    session.say("hello to Rome")
    rome = Entity(start=9, end=13, entity="city", value="Rome")
    assert session.correct("travel", [rome]) is not None
    assert session.tracker.slots["city"] == "Rome"
    assert session.tracker.latest_message is not None
    assert session.tracker.latest_message.intent == "travel"
    data = read_training_data(session.project.folder / "data")
    (example,) = [each for each in data.examples if each.text == "hello to Rome"]
    assert example.intent == "travel"
    assert example.entities == (rome,)


def test_a_corrected_action_is_in_the_story(session: Interactive) -> None:
    session.say("hello to Rome")
    session.correct("travel", [Entity(start=9, end=13, entity="city", value="Rome")])
    proposal = session.proposal()
    assert proposal.action != "utter_travel"
    assert dict(proposal.ranking).keys() == set(session.turns.domain.action_labels)
    turn = session.do("utter_travel", proposal)
    assert [message.text for message in turn.messages] == ["Off we go."]
    assert not session.has_corrected_story  # the turn has not ended
    session.do("action_listen")
    assert session.has_corrected_story
    story = session.story("to Rome")
    assert story is not None
    assert session.teach(story) is not None
    assert not session.has_corrected_story
    stories = read_stories(session.project.folder / "data").stories
    (written_one,) = [each for each in stories if each.name == "to Rome"]
    assert written_one.steps == (
        UserStep(intent="travel", entities=(Entity(entity="city", value="Rome"),)),
        SlotStep(name="city", value="Rome"),
        ActionStep(name="utter_travel"),
    )
    read_project(*(session.project.folder / each for each in ("config.yml", "data", "domain.yml")))


def test_a_story_leaves_out_slots_that_nobody_sees(session: Interactive) -> None:
    session.say("/greet")
    session.set_slot("notes", {"a": 1})
    session.set_slot("city", "Bonn")
    accepted_turn(session)
    story = session.story()
    assert story is not None
    assert [step.name for step in story.steps if isinstance(step, SlotStep)] == ["city"]
    assert session.has_corrected_story
    with pytest.raises(DataError, match="a slot must be of the domain"):
        session.set_slot("town", "Bonn")


def test_undo_takes_the_example_out_again(session: Interactive) -> None:
    before = {path: path.read_bytes() for path in session.project.folder.glob("data/*")}
    session.say("hello there")
    session.correct("travel")
    session.do("utter_travel")
    session.undo()
    assert session.awaits is Awaits.ACTION
    assert session.undo() is not None
    assert session.awaits is Awaits.MEANING
    assert session.taught == []
    assert {path: path.read_bytes() for path in session.project.folder.glob("data/*")} == before
    assert session.undo() is None
    assert session.awaits is Awaits.MESSAGE
    assert session.messages() == []
    with pytest.raises(DataError, match="something to take back"):
        session.undo()


def test_fork_and_restart(session: Interactive) -> None:
    for text in ("hello", "/greet"):
        session.say(text)
        if session.awaits is Awaits.MEANING:
            session.accept()
        accepted_turn(session)
    n_events = len(session.tracker.events)
    session.fork(1)
    assert session.messages() == ["hello"]
    assert session.awaits is Awaits.MESSAGE
    session.undo()
    assert len(session.tracker.events) == n_events
    session.restart()
    assert session.messages() == []
    assert session.story() is None
    session.undo()
    assert session.messages() == ["hello", "/greet"]
    with pytest.raises(DataError, match="one of the 2 messages"):
        session.fork(2)


def test_what_is_not_possible_now(session: Interactive) -> None:
    for wrong in (session.accept, session.proposal, lambda: session.do("utter_greet")):
        with pytest.raises(DataError, match="awaits message"):
            wrong()
    with pytest.raises(DataError, match="must not be blank"):
        session.say("  ")
    with (
        pytest.warns(UserWarning, match="names the intent 'nothing'"),
        pytest.raises(DataError, match="must name an intent that the model knows"),
    ):
        session.say("/nothing")
    session.say("something else")
    with pytest.raises(DataError, match="a message must have an intent"):
        session.accept()
    with pytest.raises(DataError, match="a retrieval intent"):
        session.correct("new/")
    session.correct("greet")
    with pytest.raises(DataError, match="must be of the domain"):
        session.do("utter_nothing")
    assert session.awaits is Awaits.ACTION


def test_a_new_intent(session: Interactive) -> None:
    session.say("sing a song")
    session.correct("sing")
    assert ("sing a song", "sing") in examples(session)
    assert "sing" in session.intents
    assert "sing" in (session.project.folder / "domain.yml").read_text(encoding="utf-8")


def test_a_file_that_is_broken_leaves_all_as_it_is(session: Interactive) -> None:
    (session.project.folder / "data" / "nlu.yml").write_text("nlu: [", encoding="utf-8")
    session.say("hello there")
    with pytest.raises(DataError, match=r"nlu\.yml"):
        session.accept()
    assert session.awaits is Awaits.MEANING
    session.accept(teaches=False)
    assert accepted_turn(session) == ["utter_greet", "action_listen"]
