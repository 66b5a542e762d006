"""A message of which nothing is known gets no intent, no entities and no response."""

from __future__ import annotations

import dataclasses
import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from gossamer.assistant import Assistant
from gossamer.data import (
    ComponentConfig,
    Example,
    LookupTable,
    ProjectConfig,
    RegexPattern,
    TrainingData,
)
from gossamer.data.nlu.examples import Entity
from gossamer.nlu.learning.coverage import ENOUGH, TOO_LITTLE, coverage, tells_texts_apart, trust
from gossamer.nlu.pipeline.messages import ComponentState, FeatureBlock, Parse
from gossamer.nlu.pipeline.pipeline import ComponentRecord, Pipeline

Make = Callable[..., ProjectConfig]
Steps = tuple[tuple[str, Mapping[str, Any]], ...]

UNKNOWN = (
    "??", "...", "-", "!", "%$&", "(*)", "<>", "👍", "😡😡", "🤷‍♀️", "🙂 🙂", "¯\\_(ツ)_/¯",
    "你好", "こんにちは", "안녕하세요", "صباح الخير", "Привет", "żółć", "Ω≈ç√", "dziękuję",
    "xyz", "qqqq wwww", "zxcv", "q", "w v", "12345 99", "42", "1 2 3", "12.5", "$7", "", " \n",
)  # fmt: skip
WORDS: Steps = (("CountVectorsFeaturizer", {}),)
PIECES: Steps = (
    ("CountVectorsFeaturizer", {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}),
)
CHARS: Steps = (("CountVectorsFeaturizer", {"analyzer": "char", "min_ngram": 1, "max_ngram": 4}),)
SHAPES: Steps = (("LexicalSyntacticFeaturizer", {}),)
REGEX: Steps = (("RegexFeaturizer", {}),)
TOKENS: Steps = (("WhitespaceTokenizer", {}),)


def data_with(travel: TrainingData, *more: Example, **changes: Any) -> TrainingData:
    return dataclasses.replace(travel, examples=(*travel.examples, *more), **changes)


def nothing(parse: Parse) -> bool:
    return (
        (parse.intent.name, parse.intent.confidence) == (None, 0.0)
        and parse.intent_ranking == []
        and parse.entities == []
    )


def train(make: Make, steps: Steps, data: TrainingData, **options: Any) -> Assistant:
    return Assistant.train(make({"epochs": 1, **options}, before=(*TOKENS, *steps)), data)


@pytest.mark.parametrize(
    "steps",
    [
        WORDS,
        PIECES,
        CHARS,
        (*SHAPES, *WORDS),
        (*SHAPES, *WORDS, *PIECES),
        (*SHAPES, *CHARS),
        (("CountVectorsFeaturizer", {"OOV_token": "oov", "OOV_words": ["friend"]}),),
        (("CountVectorsFeaturizer", {"max_ngram": 2, "stop_words": ["to"]}),),
    ],
)
def test_nothing_is_said_of_unknown_texts(
    tiny_config: Make, travel_data: TrainingData, steps: Steps
) -> None:
    data = data_with(
        travel_data,
        Example(text="order 2 soups", intent="order"),
        regexes=(RegexPattern(name="code", pattern="[A-Z]{2}[0-9]"),),
    )
    assistant = train(tiny_config, (*REGEX, *steps), data)
    together = assistant.parse_many(UNKNOWN)
    assert [parse.text for parse in together if not nothing(parse)] == []
    assert [text for text in UNKNOWN if not nothing(assistant.parse(text))] == []
    rng = random.Random(1)
    for alphabet in ("jkqvwxz", "бгджзйл", "一丁七万丈", "!?.:;()", "0123456789"):
        texts = ["".join(rng.choices(alphabet, k=rng.randint(1, 8))) for _ in range(20)]
        assert [p.text for p in assistant.parse_many(texts) if not nothing(p)] == []
    for text in ("hello", "a train to Zyxwv", "good bye my friend", "order 2 soups"):
        parse = assistant.parse(text)
        assert sum(intent.confidence for intent in parse.intent_ranking) == pytest.approx(
            1, abs=1e-4
        )


@pytest.mark.parametrize("steps", [WORDS, PIECES, CHARS])
def test_numbers_alone_are_known_if_training_has_a_text_of_them(
    tiny_config: Make, travel_data: TrainingData, steps: Steps
) -> None:
    data = data_with(travel_data, Example(text="17", intent="order"))
    assistant = train(tiny_config, steps, data)
    for text in ("23", "$2.50", "3 4"):
        assert assistant.parse(text).intent.name is not None
    assert nothing(assistant.parse("zyxwv"))


def test_a_letter_alone_is_known_if_it_is_a_training_text(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    data = data_with(travel_data, Example(text="k", intent="greet"))
    for steps in (WORDS, PIECES, CHARS):
        assistant = train(tiny_config, steps, data)
        assert assistant.parse("k").intent.name is not None
        assert nothing(assistant.parse("q"))


def test_what_a_pattern_finds_is_known(tiny_config: Make, travel_data: TrainingData) -> None:
    data = data_with(
        travel_data,
        regexes=(RegexPattern(name="code", pattern="[A-Z]{2}[0-9]{4}"),),
        lookups=(LookupTable(name="city", elements=("Zyxwv",)),),
    )
    assistant = train(tiny_config, (*REGEX, *WORDS), data)
    assert assistant.parse("QX4711").intent.name is not None
    assert assistant.parse("Zyxwv").intent.name is not None
    assert nothing(assistant.parse("Qrstu"))


def test_a_pattern_that_is_in_nearly_every_text_tells_nothing(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    data = data_with(travel_data, regexes=(RegexPattern(name="any", pattern=r"\S+"),))
    assistant = train(tiny_config, (*REGEX, *WORDS), data)
    assert nothing(assistant.parse("zyxwv"))
    assert assistant.parse("hello").intent.name is not None


def test_without_features_of_words_every_text_is_answered(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    data = data_with(travel_data, regexes=(RegexPattern(name="hello", pattern="hello"),))
    for steps, examples in ((SHAPES, travel_data), ((*REGEX, *SHAPES), data)):
        assistant = train(tiny_config, steps, examples)
        assert assistant.parse("zyxwv").intent.name is not None
        restored = Pipeline.from_state(assistant.pipeline.state())
        assert restored.parse(["zyxwv"])[0].intent.name is not None


def test_the_less_is_known_the_lower_the_confidence(travel_assistant: Assistant) -> None:
    sums = []
    for n_unknown in range(8):
        parse = travel_assistant.parse(" ".join(["hello", *["zyxwv"] * n_unknown]))
        sums.append(sum(intent.confidence for intent in parse.intent_ranking))
    assert sums[:2] == pytest.approx([1, 1], abs=1e-4)
    assert all(less <= more + 1e-6 for more, less in itertools.pairwise(sums))
    assert 0 < sums[3] < 1 and sums[-1] == 0


def test_raw_similarities_below_zero_do_not_grow(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    options = {"loss_type": "margin", "constrain_similarities": False, "random_seed": 4}
    assistant = train(tiny_config, WORDS, travel_data, **options)
    whole = assistant.parse("hello hello")
    part = assistant.parse("hello qx qy")
    assert nothing(assistant.parse("qx"))
    assert min(i.confidence for i in whole.intent_ranking) < 0
    assert part.intent_ranking


@pytest.mark.parametrize("use_text_as_label", [False, True])
def test_no_response_is_selected_for_unknown_texts(use_text_as_label: bool) -> None:
    texts = {
        "what does it cost": "faq/price",
        "the price": "faq/price",
        "when": "faq/time",
        "at what time": "faq/time",
    }
    data = TrainingData(examples=tuple(Example(text=t, intent=i) for t, i in texts.items()))
    options = {
        "epochs": 1,
        "use_text_as_label": use_text_as_label,
        "hidden_layers_sizes": {"text": [8], "label": [8]},
    }
    steps = (*TOKENS, *WORDS, ("ResponseSelector", options))
    config = ProjectConfig(
        language="en",
        pipeline=tuple(ComponentConfig(name=name, options=each) for name, each in steps),
    )
    pipeline = Pipeline.from_config(config)
    with pytest.warns(UserWarning, match="lack"):
        pipeline.train(data)
    known, *unknown = pipeline.parse(["the price", *UNKNOWN])
    assert known.response_selector
    assert [parse.text for parse in unknown if parse.response_selector] == []


def test_an_earlier_classifier_keeps_its_say(tiny_config: Make, travel_data: TrainingData) -> None:
    data = data_with(travel_data, Example(text="qx", intent="greet"))
    words = ("CountVectorsFeaturizer", {"min_df": 2})
    before = (*TOKENS, words, ("KeywordIntentClassifier", {}))
    pipeline = Pipeline.from_config(tiny_config({"epochs": 1}, before=before))
    pipeline.train(data)
    (parse,) = pipeline.parse(["qx"])
    assert (parse.intent.name, parse.intent.confidence) == ("greet", 1.0)


def old(pipeline: Pipeline) -> list[ComponentRecord]:
    """The state as models before 0.8 have it."""
    new = {"alone", "common", "trusts_all"}
    return [
        record._replace(
            state=ComponentState(
                {k: v for k, v in record.state.json.items() if k not in new}, record.state.arrays
            )
        )
        for record in pipeline.state()
    ]


def test_models_of_earlier_versions_know_it_too(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    data = data_with(
        travel_data,
        Example(text="order 2 soups", intent="order"),
        regexes=(RegexPattern(name="code", pattern="[A-Z]{2}[0-9]"),),
    )
    assistant = train(tiny_config, (*REGEX, *SHAPES, *WORDS, *PIECES), data)
    restored = Pipeline.from_state(old(assistant.pipeline))
    assert restored.parse(["hello"]) == assistant.parse_many(["hello"])
    assert all(map(nothing, restored.parse(["??", "👍", "你好", "xyz", "qqqq wwww"])))
    # They do not say whether training had a text of numbers alone.
    assert not nothing(restored.parse(["42"])[0])


# -- the arithmetic --------------------------------------------------------------------------------


def block(known: Sequence[float] | None, dense: Sequence[float] | None = None) -> FeatureBlock:
    return FeatureBlock(
        origin="x",
        sequence=None if dense is None else np.array(dense, dtype=np.float32)[:, None],
        known=None if known is None else np.array(known, dtype=np.float32),
    )


def test_coverage_takes_the_featurizer_that_knows_best() -> None:
    lengths = np.array([2, 0, 3, 1])
    nan = np.nan
    words = block([1, 0, 0, nan, nan, nan])
    pieces = block([0.5, 0.25, 0, nan, 1, nan])
    found = coverage([words, pieces, block(None)], lengths)
    np.testing.assert_allclose(found, [0.625, 0, 0.5, 0])
    np.testing.assert_array_equal(coverage([block(None)], lengths), np.ones(4))


def test_a_dense_vector_of_zeros_is_an_unknown_word() -> None:
    dense = block(None, [0, 2, 0])
    np.testing.assert_array_equal(coverage([dense], np.array([2, 1])), [0.5, 0])
    words = block([1, 0, np.nan])
    np.testing.assert_array_equal(coverage([words, dense], np.array([2, 1])), [1, 0])


def test_trust_rises_from_nothing_to_all() -> None:
    shares = np.linspace(0, 1, 101)
    found = trust(shares)
    assert (np.diff(found) >= 0).all()
    assert (found[shares <= TOO_LITTLE] == 0).all() and (found[shares >= ENOUGH] == 1).all()
    assert tells_texts_apart(np.array([0, 1, 1]))
    assert not tells_texts_apart(np.array([0, 0, 1]))
    assert tells_texts_apart(np.zeros(0))


def test_entities_of_other_extractors_stay(tiny_config: Make, travel_data: TrainingData) -> None:
    data = data_with(
        travel_data,
        Example(
            text="code 42",
            intent="order",
            entities=(Entity(start=5, end=7, entity="n", value="42"),),
        ),
        regexes=(RegexPattern(name="n", pattern=r"\d+"),),
    )
    steps = (*TOKENS, *WORDS)
    config = tiny_config({"epochs": 1}, before=steps, after=(("RegexEntityExtractor", {}),))
    with pytest.warns(UserWarning, match="both look for n"):
        assistant = Assistant.train(config, data)
    parse = assistant.parse("99")
    assert parse.intent.name is None
    assert [(e.entity, e.value) for e in parse.entities] == [("n", "99")]
