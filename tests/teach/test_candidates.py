"""A candidate: only what has changed is trained, and it is compared sentence by sentence."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from gossamer.assistant import Assistant
from gossamer.data.entities import Entity
from gossamer.data.errors import InputError
from gossamer.data.model_files import latest_model
from gossamer.data.nlu.examples import Example
from gossamer.data.project import read_project
from gossamer.dialogue.last_model import LastModel
from gossamer.nlu.pipeline.parse import IntentPrediction, Parse
from gossamer.teach.candidates import Comparison, Progress, Stage, make_candidate, making
from gossamer.teach.candidates.comparison import compare
from gossamer.teach.candidates.progress import EvenProgress
from gossamer.teach.candidates.store import candidates_of
from gossamer.teach.candidates.testing import Answer, Answers, Conversations, Questions, ask
from gossamer.teach.corrections import Correction, correction_of

NETWORK = (
    "transformer_size: 16, number_of_attention_heads: 2, batch_size: [8, 16], "
    "random_seed: 7, embedding_dimension: 8, constrain_similarities: true"
)
FILES = {
    "config.yml": f"""\
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- {{name: DIETClassifier, epochs: 20, {NETWORK}}}
- name: EntitySynonymMapper
policies:
- name: MemoizationPolicy
- {{name: TEDPolicy, epochs: 4, {NETWORK}, max_history: 2}}
""",
    "domain.yml": """\
intents: [greet, bye, inform]
entities: [city]
responses:
  utter_greet: [{text: Hello!}]
  utter_bye: [{text: Bye!}]
  utter_where: [{text: Where to?}]
""",
    "data/nlu.yml": """\
nlu:
- intent: greet
  examples: |
    - hello
    - good morning
    - hi there
- intent: bye
  examples: |
    - bye
    - see you later
    - farewell
- intent: inform
  examples: |
    - to [Rome](city)
    - I go to [Oslo](city)
    - we want [Lima](city)
""",
    "data/stories.yml": """\
stories:
- story: short
  steps:
  - intent: greet
  - action: utter_greet
  - intent: bye
  - action: utter_bye
""",
    "tests/nlu_test.yml": """\
nlu:
- intent: greet
  examples: |
    - hello there
- intent: bye
  examples: |
    - bye
""",
    "tests/test_stories.yml": """\
stories:
- story: greet and leave
  steps:
  - user: hello
    intent: greet
  - action: utter_greet
  - user: bye
    intent: bye
  - action: utter_bye
""",
}
SENTENCE = "the weather is dull"


def write(folder: Path, files: dict[str, str] = FILES) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def message(text: str, intent: str, **entity: Any) -> Correction:
    entities = [entity] if entity else []
    return correction_of({"kind": "message", "text": text, "intent": intent, "entities": entities})


def teach(folder: Path, text: str = SENTENCE, intent: str = "greet") -> Correction:
    """Write an example into the project, as corrections do."""
    path = folder / "data/taught.yml"
    path.write_text(f"nlu:\n- intent: {intent}\n  examples: |\n    - {text}\n", "utf-8")
    return message(text, intent)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the model that answers, in its folder `models`."""
    folder = write(tmp_path_factory.mktemp("base"))
    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    Assistant.train_project(project).save(folder / "models/first.gossamer")
    return folder


@pytest.fixture
def project(base: Path, tmp_path: Path) -> Path:
    return shutil.copytree(base, tmp_path / "project")


def make(folder: Path, *taught: Correction, base: str | None = "first", **more: Any) -> Any:
    return make_candidate(
        folder,
        models=folder / "models",
        base=None if base is None else folder / f"models/{base}.gossamer",
        taught=taught,
        **more,
    )


def trained(candidate: Any) -> set[str]:
    return {line.partition(":")[0] for line in candidate.comparison["trained"]}


def test_what_was_taught_is_right_and_only_what_changed_is_trained(project: Path) -> None:
    told: list[Progress] = []
    candidate = make(project, teach(project), on_progress=told.append)
    found = Comparison.of_json(json.loads(json.dumps(candidate.comparison)))
    assert found.to_json() == candidate.comparison
    taught = found.summary["taught"]
    assert (taught.n, taught.before, taught.after) == (1, 0, 1)
    assert (found.summary["test_messages"].n, found.summary["test_stories"].n) == (2, 1)
    difference = next(each for each in found.better if each.is_taught)
    assert (difference.kind, difference.text) == ("message", SENTENCE)
    assert difference.expected == {"intent": "greet", "entities": []}
    assert difference.after is not None
    assert difference.after["intent"] == "greet"
    assert found.still_wrong == ()
    assert trained(candidate) == {"CountVectorsFeaturizer", "DIETClassifier"}
    assert set(found.seconds) == {"reading", "training", "testing"}

    assert Assistant.load(candidate.path).parse(SENTENCE).intent.name == "greet"
    assert latest_model(project / "models").stem == "first"  # it is not in service

    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert (told[-1].stage, told[-1].fraction) == (Stage.DONE, 1.0)
    assert fractions[-2] < 1.0
    assert {progress.part for progress in told} == {None, "DIETClassifier"}
    assert len([progress for progress in told if progress.part]) < 20  # it has gone on
    assert all(Progress.read(progress.line()) == progress for progress in told)


def test_what_went_on_stays_when_it_has_not_changed(project: Path) -> None:
    """In the next candidate; `gossamer train` trains it anew, as it would give another one."""
    first = make(project, teach(project))
    shutil.copy(first.path, project / "models/second.gossamer")
    stories = project / "data/stories.yml"
    stories.write_text(stories.read_text("utf-8") + "  - action: utter_where\n", "utf-8")
    second = make(project, base="second")
    assert trained(second) == {"MemoizationPolicy", "TEDPolicy"}
    kept = LastModel.read(second.path, with_what_went_on=True)
    assert all(record.fingerprint for record in kept.components if record.state.arrays)
    for path in (first.path, second.path):
        records = {part.alias: part for part in LastModel.read(path).components}
        assert not records["DIETClassifier"].fingerprint
        assert records["EntitySynonymMapper"].fingerprint
    shutil.copy(second.path, project / "models/third.gossamer")
    third = make(project, base="third")
    assert trained(third) == set()
    before, after = (Assistant.load(each.path) for each in (second, third))
    assert before.parse(SENTENCE).to_dict() == after.parse(SENTENCE).to_dict()


@pytest.mark.long
@pytest.mark.parametrize("answers", ["first", None])
def test_what_cannot_go_on_is_trained_anew(project: Path, answers: str | None) -> None:
    config = project / "config.yml"
    config.write_text(config.read_text("utf-8").replace("size: 16", "size: 24", 1), "utf-8")
    told: list[Progress] = []
    candidate = make(project, teach(project), base=answers, on_progress=told.append)
    assert "DIETClassifier" in trained(candidate)
    assert sum(progress.part == "DIETClassifier" for progress in told) == 20  # all epochs
    assert candidate.comparison["summary"]["taught"]["after"] == 1
    if answers is None:
        assert candidate.comparison["summary"]["test_stories"]["before"] == 0
        assert all(each["before"] is None for each in candidate.comparison["better"])


def test_a_story_with_a_new_action(project: Path) -> None:
    """The model that answers does not know it, which is no error."""
    domain = project / "domain.yml"
    domain.write_text(domain.read_text("utf-8") + "  utter_new: [{text: New!}]\n", "utf-8")
    steps = [{"intent": "inform"}, {"action": "utter_new"}]
    lines = "".join(f"  - {name}: {value}\n" for step in steps for name, value in step.items())
    (project / "data/taught_stories.yml").write_text(
        f"stories:\n- story: taught\n  steps:\n{lines}", "utf-8"
    )
    candidate = make(project, correction_of({"kind": "story", "name": "taught", "steps": steps}))
    found = Comparison.of_json(candidate.comparison)
    difference = next(each for each in found.better if each.is_taught)
    assert (difference.kind, difference.expected) == ("story", {"actions": ["utter_new"]})
    assert difference.before is not None
    assert difference.before["errors"][0]["expected"] == "utter_new"
    assert difference.after is not None
    assert difference.after["errors"] == []
    assert trained(candidate) == {"MemoizationPolicy", "TEDPolicy"}


def test_more_is_trained_where_what_was_taught_is_still_wrong(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once; what the model that answers has learnt, and has wrong all the same, is no reason."""
    n_asked, n_wrong = 0, 1

    def wrong_at_first(*args: Any) -> Answers:
        nonlocal n_asked
        n_asked += 1
        answers = ask(*args)
        wrong = tuple(dataclasses.replace(each, is_right=False) for each in answers.taught)
        return dataclasses.replace(answers, taught=wrong) if n_asked <= n_wrong else answers

    monkeypatch.setattr(making, "ask", wrong_at_first)
    taught = teach(project)
    candidate = make(project, taught)
    lines = candidate.comparison["trained"]
    assert lines[-1] == "DIETClassifier: once more, as what was taught was still wrong"
    assert candidate.comparison["summary"]["taught"]["after"] == 1
    again = LastModel.read(candidate.path, with_what_went_on=True)
    assert all(record.fingerprint for record in again.policies)

    n_asked, n_wrong = 0, 99
    hopeless = make(project, taught)
    assert not any("once more" in line for line in hopeless.comparison["trained"])
    assert [each["text"] for each in hopeless.comparison["still_wrong"]] == [SENTENCE]
    shutil.copy(hopeless.path, project / "models")
    n_asked = 0
    last = make(project, taught, base=hopeless.name)
    assert n_asked == 3  # what was taught; both models in the end
    assert trained(last) == set()


def test_faults_are_told_before_anything_is_trained(project: Path) -> None:
    (project / "tests/nlu_test.yml").write_text("nlu:\n- intnt: greet\n", "utf-8")
    with pytest.raises(InputError, match=r"nlu_test\.yml:2"):
        make(project)
    (project / "tests/nlu_test.yml").unlink()
    (project / "data/more.yml").write_text("nlu:\n- intent: a/b/c\n  examples: |\n    - x\n")
    with pytest.raises(InputError, match=r"more\.yml:2"):
        make(project)
    (project / "data/more.yml").unlink()
    with pytest.raises(InputError, match="must exist"):
        make(project, base="none")
    assert candidates_of(project / "models") == []
    assert latest_model(project / "models").stem == "first"


def answer(text: str, is_right: bool) -> Answer:
    return Answer(kind="message", text=text, expected={}, found={"of": text}, is_right=is_right)


def test_better_worse_and_still_wrong() -> None:
    def answers(**right: tuple[bool, ...]) -> Answers:
        return Answers(
            **{
                kind: tuple(answer(f"{kind} {n}", is_right) for n, is_right in enumerate(each))
                for kind, each in right.items()
            }
        )

    found = compare(
        answers(taught=(False, False, True), messages=(True, True, False), stories=(False,)),
        answers(taught=(True, False, True), messages=(False, True, False), stories=(True,)),
        seconds={},
        trained=(),
    )
    assert {name: (c.n, c.before, c.after) for name, c in found.summary.items()} == {
        "taught": (3, 1, 2),
        "test_messages": (3, 2, 1),
        "test_stories": (1, 0, 1),
    }
    assert [(each.text, each.is_taught) for each in found.better] == [
        ("taught 0", True),
        ("stories 0", False),
    ]
    assert [each.text for each in found.worse] == ["messages 0"]
    assert [each.text for each in found.still_wrong] == ["taught 1"]  # tests have enough of these


class Understands:
    """An assistant that finds Rome."""

    understands_texts = True
    dialogue = None

    def parse_many(self, texts: list[str]) -> list[Parse]:
        found = Entity(start=3, end=7, entity="city", value="Rome", extractor="DIETClassifier")
        number = Entity(start=0, end=2, entity="number", extractor="DucklingEntityExtractor")
        intent = IntentPrediction(name="inform", confidence=0.9)
        return [Parse(text=text, intent=intent, entities=[found, number]) for text in texts]


@pytest.mark.parametrize(
    ("entity", "is_right"),
    [
        ({}, True),
        ({"entity": "town"}, False),
        ({"role": "from"}, False),
        ({"end": 9}, False),
        ({"value": "Roma"}, False),
    ],
)
def test_a_message_is_right_with_all_its_entities(entity: dict[str, Any], is_right: bool) -> None:
    """Where an extractor does not learn, it does not count, as in `gossamer test`."""
    given = message("to Rome !", "inform", **{"start": 3, "end": 7, "entity": "city", **entity})
    questions = Questions.read(Path("none"), [given])
    assistant: Any = Understands()
    (found,) = ask(assistant, questions, Conversations()).taught
    assert found.is_right is is_right
    assert found.found == {
        "intent": "inform",
        "confidence": 0.9,
        "entities": [{"start": 3, "end": 7, "entity": "city", "value": "Rome"}],
    }
    other = Questions.read(Path("none"), [message("to Rome !", "greet")])
    assert not ask(assistant, other, Conversations()).taught[0].is_right


def test_of_two_meanings_of_a_message_the_last_one_counts(tmp_path: Path) -> None:
    given = [message("hi", "bye"), message("hello", "greet"), message("hi", "greet")]
    told: tuple[Example, ...] = Questions.read(tmp_path / "none", given).taught_messages
    assert [(each.text, each.intent) for each in told] == [("hi", "greet"), ("hello", "greet")]


@pytest.mark.parametrize("factor", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_progress_moves_evenly(factor: float, seed: int) -> None:
    """However fast the machine is, and where guesses are wrong by half as much again."""
    draw = random.Random(seed)
    guesses = {"reading": 3.0, "features": 8.0, "DIET": 20.0, "TED": 15.0, "testing": 2.0}
    seconds = {name: guess * factor * draw.uniform(0.66, 1.5) for name, guess in guesses.items()}
    now = 0.0
    told: list[tuple[float, float]] = []

    def note(progress: Progress) -> None:
        told.append((now / sum(seconds.values()), progress.fraction))

    progress = EvenProgress(note, {**guesses, "gone": 9.0}, clock=lambda: now)
    progress.drop("gone")
    for piece, whole in seconds.items():
        n_steps = 20 if piece in ("DIET", "TED") else 2
        for step in range(n_steps):
            now += whole / n_steps
            progress.at(piece, (step + 1) / n_steps, Stage.TRAINING, "")
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)
    assert max(abs(share - fraction) for share, fraction in told) < 0.2
    progress.done("")
    assert told[-1][1] == 1.0
