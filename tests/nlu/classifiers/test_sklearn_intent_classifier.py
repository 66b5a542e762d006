from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.classifiers.sklearn_intent_classifier import (
    SklearnIntentClassifier,
    SklearnIntentClassifierOptions,
)
from gossamer.nlu.classifiers.support_vectors import Kernel, probabilities
from gossamer.nlu.classifiers.svm_training import Candidate, _taken_out, fit, folds
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    Token,
    TrainingBatch,
)

Matrix = Any


def clouds(n_labels: int, n_each: int, spread: float = 0.7, seed: int = 0) -> tuple[Matrix, Matrix]:
    """Points around a centre for each label."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).standard_normal((n_labels, 5))
    numbers = np.tile(np.arange(n_labels), n_each)
    return centres[numbers] + spread * rng.standard_normal((len(numbers), 5)), numbers


@pytest.mark.parametrize("kernel", Kernel)
@pytest.mark.parametrize("n_labels", [2, 4])
def test_decisions_are_those_of_scikit_learn(kernel: Kernel, n_labels: int) -> None:
    x, numbers = clouds(n_labels, 12)
    machine = Candidate(kernel, 2.0, 0.3).fitted(x, numbers)
    found = _taken_out(machine, Candidate(kernel, 2.0, 0.3)).decisions(x)
    expected = machine.decision_function(x)
    expected = -expected[:, None] if n_labels == 2 else expected
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_coupled_probabilities_fit_the_pairs() -> None:
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(4), 7)
    first, second = np.triu_indices(4, 1)
    decisions = np.log(p[:, first] / p[:, second])  # pairs that agree with each other
    np.testing.assert_allclose(probabilities(decisions, 1.0), p, atol=1e-6)
    flat = probabilities(decisions, 1e-9)
    np.testing.assert_allclose(flat, 0.25, atol=1e-6)
    certain = probabilities(1e9 * decisions, 1e9)
    assert np.isfinite(certain).all()
    assert (certain.argmax(axis=1) == p.argmax(axis=1)).all()


def test_confidences_are_calibrated_on_examples_not_learnt_from() -> None:
    x, numbers = clouds(3, 100, spread=1.0)
    machine = fit(x, numbers, [Candidate(Kernel.RBF, 1.0, 0.3)], most_folds=5, scoring="accuracy")
    new, expected = clouds(3, 200, spread=1.0, seed=5)
    likely = probabilities(machine.decisions(new), machine.scale)
    accuracy = (likely.argmax(axis=1) == expected).mean()
    assert accuracy < 0.95
    assert likely.max(axis=1).mean() == pytest.approx(accuracy, abs=0.04)
    for scale in (machine.scale / 4, machine.scale * 4):
        other = probabilities(machine.decisions(new), scale)
        assert abs(other.max(axis=1).mean() - accuracy) > 0.06


def test_the_best_candidate_is_chosen() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((120, 2))
    numbers = (np.hypot(x[:, 0], x[:, 1]) > 1.1).astype(np.int64)  # no line parts them
    candidates = [Candidate(Kernel.LINEAR, 1.0, 0.1), Candidate(Kernel.RBF, 1.0, 1.0)]
    for order in (candidates, candidates[::-1]):
        assert fit(x, numbers, order, most_folds=5, scoring="f1_weighted").kernel is Kernel.RBF


@pytest.mark.parametrize(
    ("counts", "most", "n_folds"),
    [([30, 25], 5, 5), ([30, 12], 5, 2), ([9, 2], 5, 2), ([3, 1], 3, 2)],
)
def test_folds(counts: list[int], most: int, n_folds: int) -> None:
    numbers = np.repeat(np.arange(len(counts)), counts)
    parts = folds(numbers, most)
    assert len(parts) == n_folds
    judged = np.concatenate([judged for _, judged in parts])
    assert sorted(judged) == [i for i, label in enumerate(numbers) if counts[label] > 1]
    for learnt, part in parts:
        assert set(numbers[learnt]) == set(range(len(counts)))
        assert not set(learnt) & set(part)


def test_one_example_of_each_label_leaves_nothing_to_judge_by() -> None:
    assert folds(np.arange(3), 5) == []
    x, numbers = clouds(3, 1)
    machine = fit(
        x,
        numbers,
        [Candidate(Kernel.LINEAR, 1.0, 0.1), Candidate(Kernel.LINEAR, 9.0, 0.1)],
        most_folds=5,
        scoring="f1_weighted",
    )
    assert machine.scale == 1.0
    assert (probabilities(machine.decisions(x), 1.0).argmax(axis=1) == numbers).all()


# -- the component ---------------------------------------------------------------------------------


def trained(**options: Any) -> tuple[SklearnIntentClassifier, TrainingBatch]:
    x, numbers = clouds(3, 6)
    examples = [Example(text=f"t {i}", intent=f"intent {n}") for i, n in enumerate(numbers)]
    batch = TrainingBatch(texts=[e.text for e in examples], examples=examples, labels=[])
    batch.tokens = [[Token(text, 0, len(text))] for text in batch.texts]
    dense = x.astype(np.float32)
    batch.blocks = [FeatureBlock(origin="vectors", sequence=dense, sentence=dense)]
    classifier = SklearnIntentClassifier(SklearnIntentClassifierOptions(**{"C": [1], **options}))
    classifier.train(TrainingData(examples=tuple(examples)), batch)
    return classifier, batch


def ranked(classifier: SklearnIntentClassifier, batch: MessageBatch) -> list[Any]:
    batch.parses = MessageBatch(texts=batch.texts).parses
    classifier.process(batch)
    return [parse.intent_ranking for parse in batch.parses]


@pytest.mark.parametrize("kernel", Kernel)
def test_it_learns_and_is_stored(kernel: Kernel) -> None:
    classifier, batch = trained(kernels=[kernel.value])
    rankings = ranked(classifier, batch)
    names = [ranking[0].name for ranking in rankings]
    right = [name == example.intent for name, example in zip(names, batch.examples, strict=True)]
    assert sum(right) > 0.7 * len(right)
    assert sum(intent.confidence for intent in rankings[0]) == pytest.approx(1.0)
    again = SklearnIntentClassifier(classifier.options)
    again.restore(classifier.state())
    for one, other in zip(rankings, ranked(again, batch), strict=True):
        assert [i.name for i in one] == [i.name for i in other]
        assert [i.confidence for i in one] == pytest.approx([i.confidence for i in other], abs=1e-5)


def test_it_needs_dense_features() -> None:
    classifier, batch = trained()
    batch.blocks = []
    with pytest.raises(ConfigError, match=r"dense features of whole texts.*SpacyFeaturizer"):
        classifier.train(TrainingData(examples=tuple(batch.examples)), batch)


@pytest.mark.parametrize(
    "options",
    [
        {"C": []},
        {"C": [0]},
        {"gamma": ["scale"]},
        {"kernels": ["cosine"]},
        {"max_cross_validation_folds": 1},
        {"scoring_function": "roc_auc"},
    ],
    ids=str,
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        SklearnIntentClassifierOptions(**options)


def test_options_that_change_nothing() -> None:
    assert SklearnIntentClassifierOptions(C=5).C == (5,)
    assert list(SklearnIntentClassifierOptions(gamma=[1]).without_effect())
    assert not list(SklearnIntentClassifierOptions(gamma=[1], kernels=["rbf"]).without_effect())


@pytest.mark.parametrize(
    ("json", "arrays"),
    [
        ({"kernel": "cosine"}, {}),
        ({"scale": 0}, {}),
        ({"gamma": "nan"}, {}),
        ({"counts": [1, 1]}, {}),
        ({"counts": [-1, 1, 1]}, {}),
        ({}, {"offsets": np.zeros(2)}),
        ({}, {"factors": np.zeros((3, 3))}),
        ({}, {"vectors": np.full((2, 5), np.inf)}),
    ],
)
def test_a_stored_state_that_does_not_fit_is_refused(
    json: dict[str, Any], arrays: dict[str, Any]
) -> None:
    classifier, _ = trained()
    state = classifier.state()
    lie = ComponentState(json={**state.json, **json}, arrays={**state.arrays, **arrays})
    with pytest.raises(ModelFileError):
        SklearnIntentClassifier(classifier.options).restore(lie)


def test_it_answers_without_what_trained_it(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, batch = trained()
    for module in ("scipy", "sklearn", "torch"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, "gossamer.nlu.classifiers.svm_training")
    again = SklearnIntentClassifier(classifier.options)
    again.restore(classifier.state())
    assert [ranking[0].name for ranking in ranked(again, batch)]
