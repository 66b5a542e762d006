from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.data.installed import MissingPartError
from gossamer.data.nlu.examples import Entity, Example, RegexPattern, TrainingData
from gossamer.nlu.extractors.crf.attributes import SeenToken, Window
from gossamer.nlu.extractors.crf.extractor import CRFEntityExtractor
from gossamer.nlu.extractors.crf.options import CRFEntityExtractorOptions
from gossamer.nlu.extractors.crf.training import train_tagger
from gossamer.nlu.featurizers.regex_featurizer import RegexFeaturizer, RegexFeaturizerOptions
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    Token,
    TrainingBatch,
)
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)

CITIES = ("Oslo", "New York", "Rome", "Los Angeles", "Bonn")


def annotated(text: str, *entities: tuple[str, str, str | None]) -> Example:
    """A text in which words are entities; (words, type, role)."""
    found = [
        Entity(
            start=text.index(words),
            end=text.index(words) + len(words),
            entity=kind,
            role=role,
            value=words,
        )
        for words, kind, role in entities
    ]
    return Example(text=text, intent="go", entities=tuple(found))


def journeys(*, with_roles: bool = False) -> list[Example]:
    roles = ("from", "to") if with_roles else (None, None)
    return [
        annotated(f"a flight from {a} to {b} please", (a, "city", roles[0]), (b, "city", roles[1]))
        for a in CITIES
        for b in CITIES
        if a != b
    ] + [Example(text="hello there", intent="greet"), Example(text="from me", intent="greet")]


def pipeline(*before: Component, **options: Any) -> Pipeline:
    return Pipeline(
        [
            WhitespaceTokenizer(WhitespaceTokenizerOptions()),
            *before,
            CRFEntityExtractor(CRFEntityExtractorOptions(**options)),
        ]
    )


def trained(examples: list[Example], *before: Component, **options: Any) -> Pipeline:
    pytest.importorskip("pycrfsuite")
    made = pipeline(*before, **options)
    made.train(TrainingData(examples=tuple(examples)))
    return made


def extractor(made: Pipeline) -> CRFEntityExtractor:
    (found,) = [part for part in made.components if isinstance(part, CRFEntityExtractor)]
    return found


def spans(made: Pipeline, text: str) -> list[tuple[str, str, str | None]]:
    (parse,) = made.parse([text])
    return [(entity.value, entity.entity, entity.role) for entity in parse.entities]


# -- what the field sees ---------------------------------------------------------------------------


def test_attributes_are_those_of_rasa() -> None:
    window = Window(
        [["low", "upper"], ["bias", "prefix2", "suffix3", "title", "digit", "pos2"], ["pattern"]]
    )
    first, last = window(
        [SeenToken("Flight", pos="NNP", patterns=["p"]), SeenToken("LH7", patterns=["code", "p"])]
    )
    assert first == dict.fromkeys(
        [
            *("BOS", "0:bias:bias", "0:prefix2:Fl", "0:suffix3:ght", "0:title", "0:pos2:NN"),
            *("1:pattern:code", "1:pattern:p"),
        ],
        1.0,
    )
    assert last == dict.fromkeys(
        ["-1:low:flight", "0:bias:bias", "0:prefix2:LH", "0:suffix3:LH7", "EOS"], 1.0
    )


def test_vectors_and_entity_tags_are_attributes() -> None:
    window = Window([["text_dense_features"]])
    (found,) = window([SeenToken("a", vector=[0.5, -2.0], entity_tag="B-city")])
    assert found == {
        "0:text_dense_features:0": 0.5,
        "0:text_dense_features:1": -2.0,
        "0:entity:B-city": 1.0,
    }


# -- the field -------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalties", [(0.1, 0.1), (0.0, 1.0)])
def test_marginals_are_those_of_crfsuite(tmp_path: Path, penalties: tuple[float, float]) -> None:
    crfsuite = pytest.importorskip("pycrfsuite")
    rng = np.random.default_rng(0)
    tags = ["O", "B-a", "L-a", "U-b"]
    texts = [
        [
            {f"x{rng.integers(6)}": 1.0, "y": float(rng.normal()), "bias": 1.0}
            for _ in range(rng.integers(1, 6))
        ]
        for _ in range(30)
    ]
    own = [[tags[(2 * i + len(text)) % 4] for i in range(len(text))] for text in texts]
    options = CRFEntityExtractorOptions(L1_c=penalties[0], L2_c=penalties[1], max_iterations=30)
    tagger = train_tagger(texts, own, options)
    trainer = crfsuite.Trainer(verbose=False)
    trainer.set_params(
        {
            "c1": penalties[0],
            "c2": penalties[1],
            "max_iterations": 30,
            "feature.possible_transitions": True,
        }
    )
    for text, line in zip(texts, own, strict=True):
        trainer.append(crfsuite.ItemSequence(text), line)
    trainer.train(str(tmp_path / "model"))
    theirs = crfsuite.Tagger()
    theirs.open(str(tmp_path / "model"))
    assert set(tagger.tags) == set(theirs.labels())
    for text in texts:
        theirs.set(crfsuite.ItemSequence(text))
        expected = [[theirs.marginal(tag, i) for tag in tagger.tags] for i in range(len(text))]
        np.testing.assert_allclose(tagger.marginals(text), expected, atol=1e-5)


def test_the_confidence_is_that_of_the_name() -> None:
    pytest.importorskip("pycrfsuite")
    options = CRFEntityExtractorOptions()
    texts = [[{"x": 1.0}], [{"x": 1.0}, {"y": 1.0}], [{"z": 1.0}]]
    tagger = train_tagger(texts, [["U-a"], ["B-a", "L-a"], ["O"]], options)
    likely = tagger.marginals([{"x": 1.0}])[0]
    (confidence,) = tagger([{"x": 1.0}]).confidences
    assert confidence == pytest.approx(1 - likely[tagger.tags.index("O")])
    assert confidence > likely.max()
    unknown = tagger([{"never seen": 1.0}])  # by the weights from tag to tag alone
    assert 0 < unknown.confidences[0] <= 1


# -- the component ---------------------------------------------------------------------------------


@pytest.mark.parametrize("is_bilou", [True, False])
def test_it_finds_entities(is_bilou: bool) -> None:
    made = trained(journeys(), BILOU_flag=is_bilou)
    (parse,) = made.parse(["a flight from New York to Zagreb please"])
    assert [(e.value, e.entity, e.extractor) for e in parse.entities] == [
        ("New York", "city", "CRFEntityExtractor"),
        ("Zagreb", "city", "CRFEntityExtractor"),
    ]
    assert all(0.5 < float(e.confidence or 0) <= 1 for e in parse.entities)
    assert spans(made, "hello there") == []


def test_roles_have_a_field_of_their_own() -> None:
    made = trained(journeys(with_roles=True))
    (parse,) = made.parse(["a flight from Rome to Los Angeles please"])
    assert [(e.value, e.role) for e in parse.entities] == [("Rome", "from"), ("Los Angeles", "to")]
    assert all(e.role_confidence is not None for e in parse.entities)
    assert set(extractor(made).state().json["fields"]) == {"entity", "role"}


def test_regexes_and_lookup_tables_are_features() -> None:
    pytest.importorskip("pycrfsuite")
    texts = ["it is qk17 now", "the zz93 came", "is it late", "it came here"]
    examples = [
        annotated(texts[0], ("qk17", "code", None)),
        annotated(texts[1], ("zz93", "code", None)),
        *(Example(text=text, intent="go") for text in texts[2:]),
    ]
    data = TrainingData(
        examples=tuple(examples),
        regexes=(
            RegexPattern(name="code", pattern=r"\b[a-z]{2}\d\d\b"),
            RegexPattern(name="code", pattern="never"),
        ),
    )
    made = pipeline(RegexFeaturizer(RegexFeaturizerOptions()), features=[["pattern", "bias"]])
    made.train(data)
    assert spans(made, "some vw55 here") == [("vw55", "code", None)]
    assert "0:pattern:code" in extractor(made).state().json["fields"]["entity"]["attributes"]


class Vectors(Component):
    """The length of a token and its first letter as numbers."""

    name = "Vectors"
    Options = ComponentOptions
    provides = frozenset({"features"})

    def process(self, batch: MessageBatch) -> None:
        rows = [[len(t.text), float(t.text[0].isupper())] for ts in batch.tokens for t in ts]
        dense = np.array(rows, dtype=np.float32)
        batch.blocks.append(FeatureBlock(origin=self.alias, sequence=dense))


class Tagged(Vectors):
    """Nouns are capitalised."""

    name = "Tagged"

    def process(self, batch: MessageBatch) -> None:
        batch.tokens = [
            [Token(t.text, t.start, t.end, "", "NNP" if t.text[0].isupper() else "IN") for t in ts]
            for ts in batch.tokens
        ]


def test_vectors_are_features() -> None:
    made = trained(
        journeys(), Vectors(ComponentOptions()), features=[["text_dense_features", "bias"]]
    )
    assert ("Berlin", "city", None) in spans(made, "from Berlin")
    with pytest.raises(ConfigError, match="text_dense_features needs word vectors"):
        trained(journeys(), features=[["text_dense_features"]])


def test_vectors_of_some_featurizers() -> None:
    wanted = {"features": [["text_dense_features", "low"]], "featurizers": ["Vectors"]}
    trained(journeys(), Vectors(ComponentOptions()), **wanted)
    with pytest.raises(ConfigError, match="must name featurizers"):
        pipeline(**wanted)


def test_parts_of_speech_are_features() -> None:
    made = trained(journeys(), Tagged(ComponentOptions()), features=[["pos"]])
    assert spans(made, "to Berlin") == [("Berlin", "city", None)]
    with pytest.raises(ConfigError, match=r"need tokens with a part of speech.*SpacyTokenizer"):
        trained(journeys(), features=[["pos2"]])


def test_data_without_entities_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="finds nothing, as no entity is annotated"):
        made = trained([Example(text="hello", intent="greet")])
    assert spans(made, "hello") == []
    again = CRFEntityExtractor(CRFEntityExtractorOptions())
    again.restore(extractor(made).state())


def test_an_annotation_that_cuts_a_word_is_a_warning() -> None:
    with pytest.warns(UserWarning, match="does not begin and end where words do"):
        trained([*journeys(), annotated("to Oslos", ("Oslo", "city", None))])


def test_no_character_confuses_it() -> None:
    pytest.importorskip("pycrfsuite")
    odd = ["a\0b", "a\0c", "x:y=z\\", "\ud800", "\n", "😀", ""]
    texts = [Window([["low", "suffix2"]])([SeenToken(word)]) for word in odd]
    options = CRFEntityExtractorOptions(L1_c=0.0, L2_c=0.001)
    tagger = train_tagger(texts, [[f"U-{number}:\0"] for number in range(len(odd))], options)
    for number, text in enumerate(texts):
        assert tagger(text).tags == [f"U-{number}:\0"]


def test_progress_is_reported() -> None:
    pytest.importorskip("pycrfsuite")
    seen: list[Any] = []
    pipeline(max_iterations=3).train(
        TrainingData(examples=tuple(journeys(with_roles=True))), on_epoch=seen.append
    )
    assert [(r.component, r.epoch, r.n_epochs) for r in seen[:3]] == [
        ("CRFEntityExtractor", step, 3) for step in (1, 2, 3)
    ]
    assert seen[-1].component == "CRFEntityExtractor (roles)"
    assert seen[1].metrics["t_loss"] < seen[0].metrics["t_loss"]


def test_crfsuite_is_asked_for_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycrfsuite", None)
    with pytest.raises(MissingPartError, match=r'python-crfsuite.*pip install "gossamer\[train\]"'):
        pipeline().train(TrainingData(examples=tuple(journeys())))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"features": [["low"], ["low"]]}, "must be odd"),
        ({"features": [["lower"]]}, "'lower' is not a feature"),
        ({"features": [[]]}, "at least one feature"),
        ({"L1_c": -1}, "L1_c"),
        ({"max_iterations": 0}, "max_iterations"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        CRFEntityExtractorOptions(**options)


def test_features_are_kept_for_it_when_it_comes_last() -> None:
    crf = extractor(pipeline())
    assert crf.reads_features
    assert not CRFEntityExtractor(CRFEntityExtractorOptions(features=[["low"]])).reads_features


# -- storing ---------------------------------------------------------------------------------------


def test_a_stored_one_answers_the_same() -> None:
    made = trained(journeys(with_roles=True))
    again = CRFEntityExtractor(CRFEntityExtractorOptions())
    again.restore(extractor(made).state())
    batch = made.process(["a flight from Rome to Los Angeles please"], before=extractor(made))
    (before,) = made.parse(batch.texts)
    again.process(batch)
    assert batch.parses[0].entities == before.entities


def changed(part: str, **changes: Any) -> Any:
    def change(json: Any, arrays: Any) -> None:
        if part == "arrays":
            for name, make in changes.items():
                key = f"entity.{name}"
                arrays[key] = make(arrays[key])
        else:
            json["fields"]["entity"].update(changes)

    return change


LIES: dict[str, Any] = {
    "no fields": lambda json, _: json.pop("fields"),
    "another field": lambda json, _: json["fields"].update(colour={}),
    "roles alone": lambda json, _: json["fields"].update(role=json["fields"].pop("entity")),
    "a tag less": changed("json", tags=["O"]),
    "no tags": changed("json", tags=[]),
    "tags alike": changed("json", tags=["O"] * 5),
    "tags of numbers": changed("json", tags=[1, 2, 3, 4, 5]),
    "no attributes": changed("json", attributes=[]),
    "attributes that are no list": changed("json", attributes="abc"),
    "columns too far": changed("arrays", indices=lambda a: a + 100),
    "another type": changed("arrays", data=lambda a: a.astype(np.float64)),
    "not finite": changed("arrays", data=lambda a: a * np.float32(np.nan)),
    "moves of another size": changed("arrays", transitions=lambda a: a[:-1]),
    "moves not finite": changed("arrays", transitions=lambda a: a + np.float32(np.inf)),
}


@pytest.fixture(scope="module")
def small() -> CRFEntityExtractor:
    return extractor(trained(journeys()[:4]))


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_stored_state_that_does_not_fit_is_refused(small: CRFEntityExtractor, lie: Any) -> None:
    state = small.state()
    json = {"fields": {kind: dict(each) for kind, each in state.json["fields"].items()}}
    arrays = dict(state.arrays)
    lie(json, arrays)
    with pytest.raises(ModelFileError):
        CRFEntityExtractor(CRFEntityExtractorOptions()).restore(ComponentState(json, arrays))


def test_huge_weights_give_no_nonsense(small: CRFEntityExtractor) -> None:
    state = small.state()
    arrays = {name: array.copy() for name, array in state.arrays.items()}
    arrays["entity.data"][:] = np.float32(3e38)
    arrays["entity.transitions"][:] = np.float32(-3e38)
    again = CRFEntityExtractor(CRFEntityExtractorOptions())
    again.restore(ComponentState(state.json, arrays))
    batch = MessageBatch(texts=["to Rome"])
    batch.tokens = [[Token("to", 0, 2), Token("Rome", 3, 7)]]
    again.process(batch)
    assert all(0 <= float(e.confidence or 0) <= 1 for e in batch.parses[0].entities)


def test_it_counts_among_the_extractors_that_learn() -> None:
    from gossamer.nlu.diet.classifier import DIETComponent
    from gossamer.nlu.diet.options import DIETOptions

    crf = CRFEntityExtractor(CRFEntityExtractorOptions())
    with pytest.warns(UserWarning, match="CRFEntityExtractor and DIETClassifier all learn"):
        Pipeline(
            [
                WhitespaceTokenizer(WhitespaceTokenizerOptions()),
                Vectors(ComponentOptions()),
                crf,
                DIETComponent(DIETOptions()),
            ]
        )


def test_a_training_batch_is_not_needed_to_be_whole() -> None:
    """Blank texts have no tokens and are left out."""
    pytest.importorskip("pycrfsuite")
    examples = [*journeys(), Example(text=" ", intent="go")]
    batch = TrainingBatch(texts=[e.text for e in examples], examples=examples, labels=[])
    WhitespaceTokenizer(WhitespaceTokenizerOptions()).process(batch)
    crf = CRFEntityExtractor(CRFEntityExtractorOptions())
    crf.train(TrainingData(examples=tuple(examples)), batch)
    crf.process(batch)
    assert batch.parses[-1].entities == []
