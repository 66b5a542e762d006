from __future__ import annotations

from collections.abc import Sequence

import pytest

from gossamer.data.errors import DataError, InputError
from gossamer.data.nlu.examples import Example, Synonym, TrainingData
from gossamer.evaluate import cross_validate, cross_validation_text
from gossamer.nlu.pipeline.messages import IntentPrediction, Parse

DATA = TrainingData(
    examples=tuple(
        Example(text=f"{intent} {i}", intent=intent) for intent in "ab" for i in range(6)
    ),
    synonyms=(Synonym(text="x", value="y"),),
)


class _FirstWord:
    """Knows the intents it was trained on and takes a text's first letter for its intent."""

    def __init__(self, data: TrainingData) -> None:
        self.data = data

    def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
        return [
            Parse(text=text, intent=IntentPrediction(name=text[0], confidence=1.0))
            for text in texts
        ]


def test_every_example_is_tested_once_by_a_model_that_has_not_seen_it() -> None:
    parts: list[TrainingData] = []

    def train(part: TrainingData, fold: int) -> _FirstWord:
        assert fold == len(parts)
        parts.append(part)
        return _FirstWord(part)

    result = cross_validate(DATA, train, n_folds=3, random_seed=1)
    assert [len(part.examples) for part in parts] == [8, 8, 8]
    for part, fold in zip(parts, result.folds, strict=True):
        assert part.synonyms == DATA.synonyms
        # Stratified: both intents equally often.
        assert [e.intent for e in part.examples].count("a") == 4
        assert fold.test.intents is not None
        tested = {o.text for o in fold.test.intents.outcomes}
        assert tested.isdisjoint(e.text for e in part.examples)
        assert fold.train.n_examples == 8
    assert result.pooled.n_examples == 12
    assert result.pooled.intents is not None
    assert {o.text for o in result.pooled.intents.outcomes} == {e.text for e in DATA.examples}
    text = cross_validation_text(result)
    assert "3 folds: mean and standard deviation" in text
    assert "1.0000 ± 0.0000" in text


def test_same_seed_same_folds() -> None:
    def parts(seed: int) -> list[tuple[Example, ...]]:
        seen: list[tuple[Example, ...]] = []

        def train(part: TrainingData, fold: int) -> _FirstWord:
            seen.append(part.examples)
            return _FirstWord(part)

        cross_validate(DATA, train, n_folds=3, random_seed=seed)
        return seen

    assert parts(1) == parts(1)
    assert parts(1) != parts(2)


def test_rare_intents_are_left_out_with_a_warning() -> None:
    data = DATA.merge([TrainingData(examples=(Example(text="c 1", intent="c"), Example(text="d")))])
    with (
        pytest.warns(UserWarning, match="for lack of examples: c"),
        pytest.warns(UserWarning, match="1 examples without an intent"),
    ):
        result = cross_validate(data, lambda part, _: _FirstWord(part), n_folds=2, random_seed=0)
    assert result.pooled.n_examples == 12


def test_one_fold_is_refused() -> None:
    with pytest.raises(InputError, match=r"at least 2 folds \(got 1\)"):
        cross_validate(DATA, lambda part, _: _FirstWord(part), n_folds=1)


def test_too_few_examples_are_an_error() -> None:
    with (
        pytest.warns(UserWarning, match="for lack of examples: a, b"),
        pytest.raises(DataError, match="at least two intents must have 7 examples"),
    ):
        cross_validate(DATA, lambda part, _: _FirstWord(part), n_folds=7)
