"""The accuracy benchmark: what is cut from data, what peers see, figures computed by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from accuracy_errors import entity_faults, intent_confusions
from accuracy_parts import metrics as metrics
from accuracy_parts.data import (
    DataSet,
    at_most,
    first_intent,
    intents_to_leave_out,
    load,
    without_intent,
)
from accuracy_parts.peers import (
    CRF,
    FeatureCRF,
    LinearIntents,
    bio_spans,
    bio_tags,
    token_features,
    tokenized,
    train_logistic,
    train_svm,
    word_shape,
)
from sklearn.metrics import roc_auc_score

from gossamer.data import Entity, Example, TrainingData
from gossamer.data.errors import InputError
from gossamer.evaluate import calibration_error, evaluate_intents, out_of_scope_auroc
from gossamer.nlu.pipeline.messages import EntityPrediction, IntentPrediction, Parse


def entity(start: int, end: int, name: str) -> Entity:
    return Entity(start=start, end=end, entity=name, value="")


def found(start: int, end: int, name: str) -> EntityPrediction:
    return EntityPrediction(start=start, end=end, entity=name, value="", extractor=CRF)


def parse(
    text: str,
    intent: str | None,
    confidence: float = 1.0,
    entities: Sequence[EntityPrediction] = (),
) -> Parse:
    return Parse(
        text=text,
        intent=IntentPrediction(name=intent, confidence=confidence),
        entities=list(entities),
        tokens=tokenized([text])[0],
    )


def data(**texts: list[str]) -> TrainingData:
    return TrainingData(
        examples=tuple(Example(text=t, intent=i) for i, of in texts.items() for t in of)
    )


def test_the_dev_part_reads_no_test_file(tmp_path: Path) -> None:
    lines = "".join(f"- text {number}\n" for number in range(10))
    (tmp_path / "train.md").write_text(f"## intent:a\n{lines}")
    (tmp_path / "val.md").write_text("## intent:a\n- another\n")
    held_out = DataSet(name="x", family="x", train="train.md", test="test.md")
    train, test = load(held_out, "dev", tmp_path)
    assert (len(train.examples), len(test.examples)) == (8, 2)
    with_val = DataSet(name="x", family="x", train="train.md", test="test.md", val="val.md")
    train, test = load(with_val, "dev", tmp_path)
    assert (len(train.examples), len(test.examples)) == (10, 1)
    with pytest.raises(InputError, match=r"test\.md"):
        load(with_val, "test", tmp_path)
    (tmp_path / "test.md").write_text("## intent:a\n- the last\n")
    train, test = load(with_val, "test", tmp_path)
    assert (len(train.examples), test.examples[0].text) == (11, "the last")


def test_fewer_examples_are_among_the_more_and_depend_on_the_seed() -> None:
    full = data(a=[f"a{n}" for n in range(30)], b=["b0", "b1"])
    three, ten = (at_most(full, n, random_seed=1).examples for n in (3, 10))
    assert [sum(e.intent == i for e in three) for i in "ab"] == [3, 2]
    assert [sum(e.intent == i for e in ten) for i in "ab"] == [10, 2]
    assert set(three) < set(ten)
    assert set(at_most(full, 10, random_seed=2).examples) != set(ten)


def test_an_intent_is_left_out_only_where_both_sides_have_it() -> None:
    train, test = data(a=["x"], b=["y"], c=["z"]), data(b=["u"], c=["v"], d=["w"])
    assert intents_to_leave_out(train, test.examples, most=9) == ["b", "c"]
    assert len(intents_to_leave_out(train, test.examples, most=1)) == 1
    assert without_intent(train, "b").intents == ["a", "c"]
    assert first_intent("atis_flight#atis_airfare") == "atis_flight"


def test_joined_intents_are_scored_in_three_ways() -> None:
    golds = ["a#b", "a#b", "a#b", "a", "b"]
    predicted = ["a#b", "a", "b", "b", "b#a"]
    scores = metrics.intent_scores(
        [Example(text=str(i), intent=gold) for i, gold in enumerate(golds)],
        [parse(str(i), name) for i, name in enumerate(predicted)],
        has_probabilities=False,
    )
    assert scores["intent_accuracy"] == pytest.approx(3 / 5)  # a=a, a=a, a/b, a/b, b=b
    assert scores["intent_accuracy_any"] == pytest.approx(4 / 5)
    assert scores["intent_accuracy_joined"] == pytest.approx(1 / 5)
    # a: 2 right, 2 missed; b: 1 right, 2 invented; supports 4 and 1
    assert scores["intent_weighted_f1"] == pytest.approx((4 * (4 / 6) + 1 * (2 / 4)) / 5)
    assert scores["calibration_error"] is None


def test_an_overlap_of_the_same_label_finds_an_entity() -> None:
    targets = [
        [entity(0, 5, "city"), entity(6, 9, "date")],
        [entity(0, 3, "city"), entity(3, 6, "city")],
        [],
    ]
    predictions = [
        [found(4, 8, "city"), found(4, 8, "date"), found(6, 9, "city")],
        [found(0, 6, "city")],
        [found(0, 2, "date")],
    ]
    counts = metrics.count_overlaps(targets, predictions)
    # found: both of the first text, both of the second by one prediction; invented: the city that
    # only touches the date, and the date of the third text
    assert (counts.right, counts.missed, counts.invented) == (4, 0, 2)
    assert counts.f1 == pytest.approx(8 / 10)
    assert metrics.count_overlaps(targets, [[], [], []]).missed == 4
    beside = metrics.count_overlaps([[entity(0, 3, "city")]], [[found(3, 6, "city")]])
    assert (beside.right, beside.missed, beside.invented) == (0, 1, 1)


def test_entities_per_token_strictly_and_leniently() -> None:
    text = "from new york today"
    examples = [Example(text=text, entities=(entity(5, 13, "city"), entity(14, 19, "date")))]
    parses = [parse(text, None, entities=[found(5, 8, "city"), found(14, 19, "date")])]
    scores = metrics.entity_scores(examples, parses, extractors=[CRF])
    assert scores["entity_token_micro_f1"] == pytest.approx(4 / 5)  # 2 of 2 right, 3 annotated
    assert scores["entity_span_micro_f1"] == pytest.approx(1 / 2)
    assert scores["entity_overlap_micro_f1"] == 1.0


def test_a_whole_sentence_needs_intent_and_entities() -> None:
    city = entity(0, 4, "city")
    examples = [
        Example(text="Oslo", intent="a#b", entities=(city,)),
        Example(text="Oslo", intent="b", entities=(city,)),
        Example(text="Oslo", intent="a", entities=(city,)),
        Example(text="Oslo", entities=(city,)),
    ]
    right = [found(0, 4, "city")]
    parses = [
        parse("Oslo", "a", entities=right),
        parse("Oslo", "a", entities=right),
        parse("Oslo", "a", entities=[found(0, 3, "city")]),
        parse("Oslo", "a", entities=right),
    ]
    assert metrics.whole_sentences(examples, parses) == pytest.approx(2 / 4)


def test_calibration_error_by_hand() -> None:
    # bins of 0.5: {0.0, 0.5} right once: |1/2 - 0.25|; {0.6, 1.0} right twice: |1 - 0.8|
    answers = [(0.0, "b"), (0.5, "a"), (0.6, "a"), (1.0, "a")]
    examples = [Example(text=str(i), intent="a") for i in range(4)]
    parses = [parse(str(i), name, confidence) for i, (confidence, name) in enumerate(answers)]
    outcomes = evaluate_intents(examples, parses).outcomes
    assert calibration_error(outcomes, n_bins=2) == pytest.approx(0.5 * 0.25 + 0.5 * 0.2)
    scores = metrics.intent_scores(examples, parses, has_probabilities=True)
    assert scores["calibration_error"] == calibration_error(outcomes)
    with pytest.raises(ValueError, match="in \\[0, 1\\]"):
        metrics.intent_scores(examples[:1], [parse("0", "a", 1.5)], has_probabilities=True)
    with pytest.raises(ValueError, match="at least one"):
        calibration_error([])


def test_auroc_is_scikit_learns() -> None:
    known, unknown = [0.9, 0.8, 0.8, 0.3], [0.8, 0.1, 0.3]
    expected = roc_auc_score([1] * 4 + [0] * 3, known + unknown)
    assert out_of_scope_auroc(known, unknown) == pytest.approx(expected)
    assert out_of_scope_auroc([-1.0], [-1.0]) == 0.5
    with pytest.raises(ValueError, match="out_of_scope must hold at least one"):
        out_of_scope_auroc([1.0], [])


def test_the_median_is_timed_over_texts_spread_out() -> None:
    asked: list[str] = []
    texts = [str(number) for number in range(401)]
    assert metrics.milliseconds_a_message(asked.append, texts) >= 0.0
    timed = asked[20:]  # after those that warm up
    assert timed == texts[::3]


def test_tags_and_spans_are_each_others_inverse() -> None:
    text = "from New York City to Rome Oslo"
    (tokens,) = tokenized([text])
    entities = [entity(5, 18, "city"), entity(22, 26, "city"), entity(27, 31, "city")]
    tags = bio_tags(tokens, entities)
    assert tags == ["O", "B-city", "I-city", "I-city", "O", "B-city", "B-city"]
    assert bio_spans(tokens, tags) == [(e.start, e.end, "city") for e in entities]
    # an I- that continues nothing begins an entity
    assert bio_spans(tokens[:3], ["I-a", "I-b", "I-b"]) == [(0, 4, "a"), (5, 13, "b")]


def test_features_of_a_word_and_of_its_neighbours() -> None:
    (tokens,) = tokenized(["Go to R2D2"])
    first, _, last = token_features(tokens)
    assert {"0:word=go", "0:title", "0:prefix=g", "0:suffix=go", "1:word=to", "2:word=r2d2"} < set(
        first
    )
    assert "BOS" in first
    assert "EOS" not in first
    assert {"-2:word=go", "0:shape=XdXd", "0:prefix=r2d2", "0:upper", "EOS"} < set(last)
    assert not any(feature.startswith("1:") for feature in last)
    assert word_shape("Ab-9é") == "Xx-dx"


@pytest.mark.parametrize("train", [train_svm, train_logistic])
@pytest.mark.parametrize("n_intents", [2, 3])
def test_linear_models_answer_with_the_best_intent(
    train: Callable[[TrainingData], LinearIntents], n_intents: int
) -> None:
    texts = {"greet": ["hello", "hi there"], "bye": ["see you", "good bye"], "yes": ["yes", "sure"]}
    model = train(data(**dict(list(texts.items())[:n_intents])))
    parses = model.parse_many(["hello there", "good bye now"])
    assert [p.intent.name for p in parses] == ["greet", "bye"]
    if model.has_probabilities:
        assert all(1 / n_intents < p.intent.confidence < 1 for p in parses)
    with pytest.raises(InputError, match="two intents"):
        train(data(greet=["hello"]))


def test_the_crf_finds_what_it_was_shown(tmp_path: Path) -> None:
    cities = ["Oslo", "Rome", "Bern"]
    train = TrainingData(
        examples=tuple(
            Example(text=f"fly to {city} please", entities=(entity(7, 11, "city"),))
            for city in cities
        )
    )
    model = FeatureCRF(train, tmp_path)
    known, empty = model.parse_many(["fly to Kyiv please", ""])
    assert [(e.start, e.end, e.entity, e.value) for e in known.entities] == [
        (7, 11, "city", "Kyiv")
    ]
    assert empty.entities == []
    assert model.n_weights > 0
    assert model.size_mib(tmp_path) > 0
    with pytest.raises(InputError, match="annotated entities"):
        FeatureCRF(data(a=["x"]), tmp_path)


def test_errors_by_their_kind() -> None:
    text = "fly from new york to rome on monday"
    gold = (entity(9, 17, "city"), entity(21, 25, "city"), entity(29, 35, "day"))
    found = [(9, 17, "place"), (21, 28, "city"), (0, 3, "verb")]
    example = Example(text=text, intent="book", entities=gold)
    parse = Parse(
        text=text,
        intent=IntentPrediction(name="ask", confidence=0.7),
        entities=[
            EntityPrediction(start=s, end=e, entity=name, value="", confidence=1.0, extractor="x")
            for s, e, name in found
        ],
    )
    assert intent_confusions([example, example], [parse, parse]) == {
        ("book", "ask"): [(text, 0.7), (text, 0.7)]
    }
    assert list(entity_faults([example], [parse])) == [
        ("type: city as place", text, (9, 17, "city")),
        ("borders: city", text, (21, 25, "city")),
        ("missed", text, (29, 35, "day")),
        ("made up", text, (0, 3, "verb")),
    ]
