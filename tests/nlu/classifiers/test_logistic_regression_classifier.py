from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from gossamer.data.errors import ConfigError, DataError, ModelFileError
from gossamer.data.installed import MissingPartError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.classifiers.logistic_regression_classifier import (
    LogisticRegressionClassifier,
    LogisticRegressionClassifierOptions,
)
from gossamer.nlu.pipeline.messages import (
    NO_INTENT,
    ComponentState,
    FeatureBlock,
    MessageBatch,
    Token,
    TrainingBatch,
)
from gossamer.nn.csr import CsrMatrix

INTENTS = ("greet", "bye", "book")
FREELY: dict[str, Any] = {"max_iter": 1000}


def blocks(n_texts: int, seed: int = 0, *, use_dense: bool = True) -> list[FeatureBlock]:
    """Counts of 12 words and 3 dense numbers; text i is one of intent i % 3."""
    from scipy import sparse

    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.4, (n_texts, 12))
    counts[np.arange(n_texts), np.arange(n_texts) % 3] += 2
    matrix = CsrMatrix.of(sparse.csr_array(counts.astype(np.float32)))
    known = np.ones(n_texts, dtype=np.float32)
    found = [FeatureBlock(origin="counts", sequence=matrix, sentence=matrix, known=known)]
    if use_dense:
        dense = rng.standard_normal((n_texts, 3)).astype(np.float32)
        found.append(FeatureBlock(origin="vectors", sequence=dense, sentence=dense))
    return found


def batch_of(examples: list[Example], found: list[FeatureBlock]) -> TrainingBatch:
    batch = TrainingBatch(
        texts=[example.text for example in examples], examples=examples, labels=sorted(INTENTS)
    )
    batch.tokens = [[Token(text, 0, len(text))] for text in batch.texts]
    batch.blocks = found
    return batch


def messages(found: list[FeatureBlock], n_texts: int) -> MessageBatch:
    batch = MessageBatch(texts=[f"text {number}" for number in range(n_texts)])
    batch.tokens = [[Token(text, 0, len(text))] for text in batch.texts]
    batch.blocks = found
    return batch


def trained(
    n_texts: int = 30, *, n_intents: int = 3, use_dense: bool = True, **options: Any
) -> tuple[LogisticRegressionClassifier, TrainingBatch]:
    classifier = LogisticRegressionClassifier(
        LogisticRegressionClassifierOptions(**{**FREELY, **options})
    )
    examples = [
        Example(text=f"text {number}", intent=INTENTS[number % n_intents])
        for number in range(n_texts)
    ]
    batch = batch_of(examples, blocks(n_texts, use_dense=use_dense))
    classifier.train(TrainingData(examples=tuple(examples)), batch)
    return classifier, batch


def confidences(classifier: LogisticRegressionClassifier, batch: MessageBatch) -> Any:
    """Of each text and intent, from the rankings."""
    batch.parses = MessageBatch(texts=batch.texts).parses
    classifier.process(batch)
    found = [{i.name: i.confidence for i in parse.intent_ranking} for parse in batch.parses]
    return np.array([[each[label] for label in classifier.labels] for each in found])


def matrix_of(found: list[FeatureBlock]) -> Any:
    parts: list[Any] = [block.sentence for block in found]
    return np.hstack([p.toarray() if isinstance(p, CsrMatrix) else p for p in parts])


@pytest.mark.parametrize("n_intents", [2, 3])
@pytest.mark.parametrize("use_dense", [True, False])
def test_it_answers_as_scikit_learn(n_intents: int, use_dense: bool) -> None:
    from sklearn.linear_model import LogisticRegression

    classifier, batch = trained(n_intents=n_intents, use_dense=use_dense)
    intents = [str(example.intent) for example in batch.examples]
    model = LogisticRegression(class_weight="balanced", max_iter=1000, tol=1e-4, random_state=42)
    model.fit(matrix_of(batch.blocks).astype(np.float64), intents)
    new = blocks(20, seed=1, use_dense=use_dense)
    assert list(model.classes_) == list(classifier.labels)
    found = confidences(classifier, messages(new, 20))
    np.testing.assert_allclose(found, model.predict_proba(matrix_of(new)), atol=1e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_liblinear_fits_each_intent_against_the_others() -> None:
    classifier, batch = trained(31, solver="liblinear")
    found = confidences(classifier, messages(batch.blocks, 31))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    expected = [classifier.labels.index(INTENTS[number % 3]) for number in range(31)]
    assert (found.argmax(axis=1) == expected).mean() > 0.9
    softmax, _ = trained(31)
    assert np.abs(found - confidences(softmax, messages(batch.blocks, 31))).max() > 0.01


def test_the_ranking_is_cut_and_in_order() -> None:
    classifier, batch = trained(ranking_length=2)
    classifier.process(batch)
    for parse in batch.parses:
        assert len(parse.intent_ranking) == 2
        assert parse.intent == parse.intent_ranking[0]
        assert parse.intent.confidence >= parse.intent_ranking[1].confidence


def test_a_text_of_which_nothing_is_known_has_no_intent() -> None:
    classifier, _ = trained(use_dense=False)
    (block,) = blocks(2, use_dense=False)
    known = np.array([0.0, 0.35], dtype=np.float32)
    batch = messages([FeatureBlock(origin="c", sentence=block.sentence, known=known)], 2)
    classifier.process(batch)
    unknown, half = batch.parses
    assert unknown.intent == NO_INTENT
    assert unknown.intent_ranking == []
    assert sum(intent.confidence for intent in half.intent_ranking) == pytest.approx(0.5)


def test_examples_without_intent_are_left_out() -> None:
    examples = [Example(text=f"t {i}", intent=INTENTS[i % 3] if i > 2 else None) for i in range(12)]
    classifier = LogisticRegressionClassifier(LogisticRegressionClassifierOptions(**FREELY))
    batch = batch_of(examples, blocks(12))
    classifier.train(TrainingData(examples=tuple(examples)), batch)
    assert set(classifier.intents) == set(INTENTS)


def test_it_warns_when_the_solver_has_not_converged() -> None:
    with pytest.warns(UserWarning, match="lbfgs has not converged in 1 iterations"):
        trained(max_iter=1)


@pytest.mark.parametrize("intents", [[], ["greet"]])
def test_fewer_than_two_intents_are_an_error(intents: list[str]) -> None:
    classifier = LogisticRegressionClassifier(LogisticRegressionClassifierOptions())
    examples = [Example(text="hi", intent=intent) for intent in intents]
    data = TrainingData(examples=tuple(examples))
    (fault,) = classifier.check(data)
    assert "needs examples of at least two intents" in str(fault)
    with pytest.raises(DataError, match="at least two intents"):
        classifier.train(data, batch_of(examples, blocks(len(examples) or 1)))


def test_it_needs_features() -> None:
    examples = [Example(text=f"t {i}", intent=INTENTS[i % 2]) for i in range(4)]
    classifier = LogisticRegressionClassifier(LogisticRegressionClassifierOptions())
    with pytest.raises(ConfigError, match="needs features of whole texts"):
        classifier.train(TrainingData(examples=tuple(examples)), batch_of(examples, []))


def test_a_missing_library_is_named_before_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    examples = tuple(Example(text=f"t {i}", intent=INTENTS[i]) for i in range(2))
    classifier = LogisticRegressionClassifier(LogisticRegressionClassifierOptions())
    (fault,) = classifier.check(TrainingData(examples=examples))
    assert isinstance(fault, MissingPartError)
    assert 'pip install "gossamer[train]"' in str(fault)


def test_it_is_stored_and_answers_the_same() -> None:
    classifier, batch = trained()
    again = LogisticRegressionClassifier(classifier.options)
    again.restore(classifier.state())
    one, other = (confidences(each, messages(batch.blocks, 30)) for each in (classifier, again))
    np.testing.assert_array_equal(one, other)
    untrained = LogisticRegressionClassifier(classifier.options)
    untrained.restore(ComponentState())
    assert untrained.intents == ()


@pytest.mark.parametrize(
    ("json", "arrays"),
    [
        ({"labels": ["a", "a", "b"]}, {}),
        ({"labels": ["a"]}, {}),
        ({"labels": ["a", "b"]}, {}),
        ({"labels": 3}, {}),
        ({"n_sparse": 99}, {}),
        ({"n_sparse": True}, {}),
        ({}, {"weights": np.zeros((3, 15), dtype=np.int64)}),
        ({}, {"weights": np.full((3, 15), np.nan, dtype=np.float32)}),
        ({}, {"bias": np.zeros(2, dtype=np.float32)}),
    ],
)
def test_a_stored_state_that_does_not_fit_is_refused(
    json: dict[str, Any], arrays: dict[str, Any]
) -> None:
    classifier, _ = trained()
    state = classifier.state()
    lie = ComponentState(json={**state.json, **json}, arrays={**state.arrays, **arrays})
    with pytest.raises(ModelFileError):
        LogisticRegressionClassifier(classifier.options).restore(lie)


def test_other_features_than_in_training_are_refused() -> None:
    classifier, _ = trained()
    with pytest.raises(ModelFileError, match="12 sparse and 3 dense columns"):
        classifier.process(messages(blocks(2, use_dense=False), 2))


def test_it_answers_without_what_trained_it(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, batch = trained()
    expected = confidences(classifier, messages(batch.blocks, 30))
    for module in ("scipy", "sklearn", "threadpoolctl", "torch"):
        monkeypatch.setitem(sys.modules, module, None)
    again = LogisticRegressionClassifier(classifier.options)
    again.restore(classifier.state())
    np.testing.assert_array_equal(confidences(again, messages(batch.blocks, 30)), expected)
