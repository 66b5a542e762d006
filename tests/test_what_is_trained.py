"""Which parts are trained again after a change, and that the others are those of the last model."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from gossamer.assistant import Assistant
from gossamer.checks import check, read_parts
from gossamer.data.nlu.examples import TrainingData
from gossamer.dialogue.last_model import LastModel
from gossamer.dialogue.policies.ted.policy import TEDPolicy
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.pipeline import registry, reuse
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.messages import ComponentState, FeatureBlock, MessageBatch
from gossamer.nlu.pipeline.pipeline import register
from gossamer.nlu.pipeline.reuse import Change
from gossamer.nlu.selectors.response_selector import ResponseSelector
from gossamer.nlu.tokenizers.jieba_tokenizer import JiebaTokenizer

FILES = {
    "config.yml": """
language: en
pipeline:
- name: WhitespaceTokenizer
- name: RegexFeaturizer
- name: LexicalSyntacticFeaturizer
- name: CountVectorsFeaturizer
- {name: CountVectorsFeaturizer, alias: pieces, analyzer: char_wb, min_ngram: 1, max_ngram: 2}
- name: KeywordIntentClassifier
- {name: DIETClassifier, epochs: 1}
- name: RegexEntityExtractor
- name: EntitySynonymMapper
- {name: ResponseSelector, epochs: 1}
- name: FallbackClassifier
policies:
- name: MemoizationPolicy
- {name: AugmentedMemoizationPolicy, priority: 2}
- name: RulePolicy
- {name: TEDPolicy, epochs: 1}
""",
    "data/nlu.yml": """
nlu:
- intent: greet
  examples: |
    - hello
    - hi there
- intent: order
  examples: |
    - two [red](colour) roses
    - a [white](colour) tulip
    - [crimson]{"entity": "colour", "value": "red"} lilies
- intent: faq/price
  examples: |
    - what does it cost
- intent: faq/hours
  examples: |
    - when are you open
- synonym: white
  examples: |
    - snowy
- regex: colour
  examples: |
    - red|white
- lookup: flower
  examples: |
    - rose
    - tulip
""",
    "data/stories.yml": """
stories:
- story: order
  steps:
  - intent: order
  - action: utter_order
- story: price
  steps:
  - intent: faq
  - action: utter_faq
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
""",
    "domain.yml": """
intents: [greet, order, faq]
entities: [colour]
slots:
  colour:
    type: text
    mappings: [{type: from_entity, entity: colour}]
forms:
  order_form: {required_slots: [colour]}
responses:
  utter_greet: [{text: Hello!}]
  utter_order: [{text: With pleasure.}]
  utter_faq/price: [{text: Two crowns.}]
  utter_faq/hours: [{text: From nine.}]
session_config: {session_expiration_time: 60}
""",
}
FEATURIZERS = {"RegexFeaturizer", "LexicalSyntacticFeaturizer", "CountVectorsFeaturizer", "pieces"}
NETWORKS = {"DIETClassifier", "ResponseSelector"}
POLICIES = {"MemoizationPolicy", "AugmentedMemoizationPolicy", "RulePolicy", "TEDPolicy"}
NLU = {
    *FEATURIZERS,
    *NETWORKS,
    "KeywordIntentClassifier",
    "RegexEntityExtractor",
    "EntitySynonymMapper",
}
OF_TEXTS = {*FEATURIZERS, *NETWORKS, "KeywordIntentClassifier"}
OF_PATTERNS = {"RegexFeaturizer", "RegexEntityExtractor", *NETWORKS}


@pytest.fixture(autouse=True, scope="module")
def untaught() -> Iterator[None]:
    """Networks that learn nothing, and so need no time: what is asked here is whether they do."""
    with pytest.MonkeyPatch.context() as patch:
        for part in (DIETComponent, ResponseSelector, TEDPolicy):
            patch.setattr(part, "train", lambda self, *data, on_epoch=None: None)
        yield


def train(
    folder: Path,
    files: dict[str, str],
    last: LastModel | None = None,
    *,
    seed: int | None = None,
    rasa_defaults: bool = False,
    augmentation: int = 5,
) -> tuple[Assistant, dict[str, Change]]:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text.lstrip("\n"), "utf-8")
    parts = read_parts(folder / "config.yml", folder / "data", folder / "domain.yml")
    changes: list[Change] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checked = check(parts, random_seed=seed, rasa_defaults=rasa_defaults, last=last)
        assistant = Assistant.train_checked(
            checked, augmentation_factor=augmentation, on_change=changes.append
        )
    assert len({change.part for change in changes}) == len(changes)
    return assistant, {change.part: change for change in changes}


def parts_of(assistant: Assistant) -> LastModel:
    return LastModel.of_parts(*assistant._to_parts())


def trained(changes: dict[str, Change]) -> set[str]:
    return {name for name, change in changes.items() if change.is_trained}


@pytest.fixture(scope="module")
def last(untaught: None, tmp_path_factory: pytest.TempPathFactory) -> LastModel:
    """The model before the change, read from its file."""
    folder = tmp_path_factory.mktemp("last")
    assistant, changes = train(folder, FILES)
    assert trained(changes) == NLU | POLICIES
    return LastModel.read(assistant.save(folder / "last.gossamer"))


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("data/nlu.yml", "- hi there", "- hi you", OF_TEXTS),
        ("data/nlu.yml", "- hi there\n", "- hi there\n    - hi\n", OF_TEXTS),
        ("data/nlu.yml", "- when are you open\n", "- when are you open\n    - open\n", OF_TEXTS),
        ("data/nlu.yml", "[red](colour)", "red", {"DIETClassifier", "EntitySynonymMapper"}),
        (
            "data/nlu.yml",
            "[red](colour)",
            '[red]{"entity": "colour", "role": "main"}',
            {"DIETClassifier", "EntitySynonymMapper"},
        ),
        (
            "data/nlu.yml",
            "two [red]",
            "[two](number) [red]",
            {"DIETClassifier", "EntitySynonymMapper", "RegexEntityExtractor"},
        ),
        (
            "data/nlu.yml",
            "intent: faq/price",
            "intent: faq/cost",
            {"CountVectorsFeaturizer", "pieces", "KeywordIntentClassifier", *NETWORKS},
        ),
        ("data/nlu.yml", "- snowy", "- pale", {"EntitySynonymMapper"}),
        ("data/nlu.yml", "red|white", "red|white|blue", OF_PATTERNS),
        ("data/nlu.yml", "- tulip\n", "- lily\n", OF_PATTERNS),
        ("domain.yml", "text: Hello!", "text: Hi!", set()),
        ("domain.yml", "Two crowns", "Three crowns", set()),
        ("domain.yml", "expiration_time: 60", "expiration_time: 5", set()),
        ("domain.yml", "utter_greet: ", "utter_bye: [{text: Bye.}]\n  utter_greet: ", POLICIES),
        ("domain.yml", "type: text", "type: any", POLICIES),
        ("domain.yml", "required_slots: [colour]", "required_slots: []", POLICIES),
        ("domain.yml", "entities: [colour]", "entities: [colour, size]", POLICIES),
        ("data/stories.yml", "action: utter_order", "action: action_restart", POLICIES),
        ("data/stories.yml", "action: utter_greet", "action: utter_order", {"RulePolicy"}),
        ("data/stories.yml", "rule: greet", "rule: hello", {"RulePolicy"}),
        ("config.yml", "WhitespaceTokenizer", "WhitespaceTokenizer\n  max_tokens: 9",
         FEATURIZERS | NETWORKS),
        ("config.yml", "RegexFeaturizer", "RegexFeaturizer\n  case_sensitive: false",
         {"RegexFeaturizer", *NETWORKS}),
        ("config.yml", "LexicalSyntacticFeaturizer",
         "LexicalSyntacticFeaturizer\n  features: [[low]]",
         {"LexicalSyntacticFeaturizer", *NETWORKS}),
        ("config.yml", "CountVectorsFeaturizer\n", "CountVectorsFeaturizer\n  lowercase: false\n",
         {"CountVectorsFeaturizer", *NETWORKS}),
        ("config.yml", "max_ngram: 2", "max_ngram: 3", {"pieces", *NETWORKS}),
        ("config.yml", "KeywordIntentClassifier",
         "KeywordIntentClassifier\n  case_sensitive: false", {"KeywordIntentClassifier"}),
        ("config.yml", "DIETClassifier, epochs: 1", "DIETClassifier, epochs: 2",
         {"DIETClassifier"}),
        ("config.yml", "RegexEntityExtractor", "RegexEntityExtractor\n  use_regexes: false",
         {"RegexEntityExtractor"}),
        ("config.yml", "ResponseSelector, epochs: 1", "ResponseSelector, epochs: 2",
         {"ResponseSelector"}),
        ("config.yml", "FallbackClassifier", "FallbackClassifier\n  threshold: 0.5", set()),
        ("config.yml", "MemoizationPolicy\n-", "MemoizationPolicy\n  max_history: 3\n-",
         {"MemoizationPolicy"}),
        ("config.yml", "priority: 2", "priority: 2, max_history: 3",
         {"AugmentedMemoizationPolicy"}),
        ("config.yml", "RulePolicy", "RulePolicy\n  core_fallback_threshold: 0.5", {"RulePolicy"}),
        ("config.yml", "TEDPolicy, epochs: 1", "TEDPolicy, epochs: 2", {"TEDPolicy"}),
        ("config.yml", "language: en", "language: de", set()),
        ("config.yml", "- name: LexicalSyntacticFeaturizer\n- name: CountVectorsFeaturizer",
         "- name: CountVectorsFeaturizer\n- name: LexicalSyntacticFeaturizer", NETWORKS),
        ("config.yml", "- name: RegexFeaturizer\n", "", NETWORKS),
        ("config.yml", "- name: KeywordIntentClassifier\n", "", set()),
        ("config.yml", "- name: RulePolicy\n- {name: TEDPolicy, epochs: 1}",
         "- {name: TEDPolicy, epochs: 1}\n- name: RulePolicy", set()),
    ],
)  # fmt: skip
def test_only_what_reads_a_change_is_trained(
    last: LastModel, tmp_path: Path, file: str, old: str, new: str, expected: set[str]
) -> None:
    assert FILES[file].count(old) == 1
    files = FILES | {file: FILES[file].replace(old, new)}
    assistant, changes = train(tmp_path, files, last)
    assert trained(changes) == expected
    assert not assistant.is_as(last)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("data/nlu.yml", "nlu:", "# a comment\n\nnlu:"),
        ("data/nlu.yml", "    - hello\n", "    - hello\n    - hello\n"),
        ("data/stories.yml", "stories:", "# a comment\n\nstories:"),
        ("domain.yml", "intents:", "# a comment\n\nintents:"),
        ("config.yml", "language:", "# a comment\n\nlanguage:"),
    ],
)
def test_nothing_changes(last: LastModel, tmp_path: Path, file: str, old: str, new: str) -> None:
    files = FILES | {file: FILES[file].replace(old, new)}
    assistant, changes = train(tmp_path, files, last)
    assert trained(changes) == set()
    assert changes.keys() == NLU | POLICIES
    assert assistant.is_as(last)


def test_options_that_are_not_in_a_file(last: LastModel, tmp_path: Path) -> None:
    seeded = {"DIETClassifier", "ResponseSelector", "TEDPolicy"}
    assert trained(train(tmp_path, FILES, last, seed=7)[1]) == seeded
    others = FEATURIZERS | NETWORKS  # other defaults, of the tokenizer too, and those who follow
    assert trained(train(tmp_path, FILES, last, rasa_defaults=True)[1]) == others
    assert trained(train(tmp_path, FILES, last, augmentation=6)[1]) == {"TEDPolicy"}


def test_other_code_trains_everything(
    last: LastModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reuse, "_own_sources", lambda: "of the next version")
    _, changes = train(tmp_path, FILES, last)
    assert trained(changes) == NLU | POLICIES
    assert {change.reasons for change in changes.values()} == {("version of Gossamer",)}


def test_another_version_of_a_library_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """jieba has its own words, and spaCy its own rules, which a part does not store."""
    part = JiebaTokenizer(JiebaTokenizer.Options())
    before = reuse.of_part(part)
    assert before == reuse.of_part(part)
    monkeypatch.setattr(reuse, "version", lambda library: f"{library} 99")
    assert reuse.differences(before, reuse.of_part(part)) == ("versions of libraries",)


def test_without_a_seed_a_part_stays(last: LastModel, tmp_path: Path) -> None:
    twice = "- {name: DIETClassifier, epochs: 1}"
    files = FILES | {"config.yml": FILES["config.yml"].replace(twice, f"{twice}\n{twice}")}
    assistant, changes = train(tmp_path, files, last)
    assert trained(changes) == {"DIETClassifier_2"}  # one was there, and is taken once
    assert changes["DIETClassifier_2"].reasons == ("it is new",)
    assert trained(train(tmp_path, files, parts_of(assistant))[1]) == set()


def test_the_reasons_are_named(last: LastModel, tmp_path: Path) -> None:
    files = FILES | {
        "data/nlu.yml": FILES["data/nlu.yml"]
        .replace("- hi there", "- hi you")
        .replace("snowy", "x")
    }
    _, changes = train(tmp_path, files, last)
    assert str(changes["DIETClassifier"]) == "DIETClassifier is trained: examples"
    assert str(changes["EntitySynonymMapper"]) == "EntitySynonymMapper is trained: synonyms"
    assert str(changes["TEDPolicy"]) == "TEDPolicy is unchanged"
    files = FILES | {"data/nlu.yml": FILES["data/nlu.yml"].replace("red|white", "red")}
    _, changes = train(tmp_path, files, last)
    assert changes["RegexFeaturizer"].reasons == ("regexes",)
    assert changes["DIETClassifier"].reasons == ("features of RegexFeaturizer",)


def test_what_learns_the_same_changes_nothing_for_others(last: LastModel, tmp_path: Path) -> None:
    """The response is read by a featurizer, as it is learnt from, but its words are known."""
    config = FILES["config.yml"].replace(
        "{name: ResponseSelector", "{use_text_as_label: true, name: ResponseSelector"
    )
    assistant, changes = train(tmp_path, FILES | {"config.yml": config}, last)
    counts = {"CountVectorsFeaturizer", "pieces"}
    assert trained(changes) == {*counts, "ResponseSelector"}
    files = FILES | {
        "config.yml": config,
        "domain.yml": FILES["domain.yml"].replace("Two crowns", "Three crowns"),
    }
    before = parts_of(assistant)
    _, changes = train(tmp_path, files, before)
    assert trained(changes) == {*counts, "ResponseSelector"}  # DIETClassifier is not


def test_what_would_be_trained(last: LastModel, tmp_path: Path) -> None:
    """Foreseen is at least what is trained, and nothing is learnt."""
    nlu = FILES["data/nlu.yml"].replace("- tulip\n", "- tulip\n    - Tulip\n")
    train(tmp_path, FILES | {"data/nlu.yml": nlu}, last)
    parts = read_parts(tmp_path / "config.yml", tmp_path / "data", tmp_path / "domain.yml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        checked = check(parts, last=last)
    changes = Assistant.foresee(checked, augmentation_factor=5)
    assert {change.part for change in changes if change.is_trained} == OF_PATTERNS
    assert checked.pipeline is not None
    with pytest.raises(RuntimeError, match="must be trained"):
        checked.pipeline.parse(["hello"])


def test_texts_in_stories_need_the_features(tmp_path: Path) -> None:
    """End-to-end learning reads what the pipeline makes of texts; a rule is read by rules only."""
    stories = FILES["data/stories.yml"].replace("- intent: order", "- user: two red roses please")
    files = FILES | {"data/stories.yml": stories}
    before = parts_of(train(tmp_path, files)[0])
    assert trained(train(tmp_path, files, before)[1]) == set()
    files["config.yml"] = files["config.yml"].replace("max_ngram: 2", "max_ngram: 3")
    _, changes = train(tmp_path, files, before)
    assert trained(changes) == {"pieces", *NETWORKS, "TEDPolicy"}
    assert changes["TEDPolicy"].reasons == ("features of pieces",)


class OwnOptions(ComponentOptions):
    """Of the components below."""

    draws: bool = False


class OwnFeaturizer(Component):
    """Learns a number, says nothing of what it reads, and may draw another number each time."""

    name: ClassVar[str] = "OwnFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = OwnOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})
    n_drawn: ClassVar[int] = 0
    number: int = 0

    def train(self, data: TrainingData, batch: MessageBatch, *, on_epoch: Any = None) -> None:
        """Take the number of examples, or the next number."""
        type(self).n_drawn += 1
        self.number = self.n_drawn if self.options.draws else len(batch.texts)

    def process(self, batch: MessageBatch) -> None:
        """The number is the only feature."""
        rows = np.full((len(batch.texts), 1), self.number, dtype=np.float32)
        batch.blocks.append(FeatureBlock(origin=self.alias, sentence=rows))

    def state(self) -> ComponentState:
        """The number."""
        return ComponentState(json={"number": self.number})

    def restore(self, state: ComponentState) -> None:
        """The number again."""
        self.number = state.json["number"]


class FileFeaturizer(OwnFeaturizer):
    """Does not store what it reads of a file, as SpacyNLP does not."""

    name: ClassVar[str] = "FileFeaturizer"
    file: ClassVar[str] = "one"

    def files_read(self) -> str:
        """The file."""
        return self.file


class DerivedExtractor(DIETComponent):
    """What its parent says it reads does not hold for it."""

    name: ClassVar[str] = "DerivedExtractor"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    register(OwnFeaturizer)
    register(FileFeaturizer)
    register(DerivedExtractor)


def with_own(draws: bool) -> dict[str, str]:
    lines = f"- {{name: OwnFeaturizer, draws: {str(draws).lower()}}}\n- name: KeywordIntentC"
    config = FILES["config.yml"].replace("- name: KeywordIntentC", lines)
    derived = "DIETClassifier, epochs: 1}\n- {name: DerivedExtractor, epochs: 1"
    return FILES | {"config.yml": config.replace("DIETClassifier, epochs: 1", derived)}


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("draws", [False, True])
def test_an_own_component_is_trained_whatever_changes(tmp_path: Path, draws: bool) -> None:
    files = with_own(draws)
    before = parts_of(train(tmp_path, files)[0])
    assert trained(train(tmp_path, files, before)[1]) == set()
    files["data/nlu.yml"] = files["data/nlu.yml"].replace("- snowy", "- pale")
    _, changes = train(tmp_path, files, before)
    # What it learns is the same number unless it is drawn; only then others have to follow.
    own = {"OwnFeaturizer", "DerivedExtractor", "EntitySynonymMapper"}
    assert trained(changes) == (own | NETWORKS if draws else own)
    files = with_own(draws)
    files["config.yml"] = files["config.yml"].replace("DIETClassifier, epochs: 1", "DIETClassifier")
    _, changes = train(tmp_path, files, before)
    everybody = {"OwnFeaturizer", "DerivedExtractor", *NETWORKS}
    assert trained(changes) == (everybody if draws else {"DIETClassifier"})


@pytest.mark.usefixtures("own")
def test_another_file_of_a_featurizer_trains_who_reads_its_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = FILES["config.yml"].replace("- name: Key", "- name: FileFeaturizer\n- name: Key")
    files = FILES | {"config.yml": config}
    before = parts_of(train(tmp_path, files)[0])
    assert trained(train(tmp_path, files, before)[1]) == set()
    monkeypatch.setattr(FileFeaturizer, "file", "another")
    _, changes = train(tmp_path, files, before)
    assert trained(changes) == {"FileFeaturizer", *NETWORKS}
    assert changes["FileFeaturizer"].reasons == ("files that it reads",)
    assert changes["DIETClassifier"].reasons == ("features of FileFeaturizer",)


def test_a_part_that_does_not_fit_is_trained(last: LastModel, tmp_path: Path) -> None:
    damaged = [
        record._replace(state=ComponentState(json={"synonyms": 3}))
        if record.name == "EntitySynonymMapper"
        else record
        for record in last.components
    ]
    _, changes = train(tmp_path, FILES, dataclasses.replace(last, components=damaged))
    assert trained(changes) == {"EntitySynonymMapper"}
    assert "cannot be read" in str(changes["EntitySynonymMapper"])
