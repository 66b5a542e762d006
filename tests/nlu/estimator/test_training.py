"""How DIETClassifier trains: weights, seeds, early stopping, what it writes; and how it is kept."""

from __future__ import annotations

import copy
import io
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.estimator.estimator import DIETClassifier
from gossamer.nlu.estimator.parameters import errors_of_python
from gossamer.nlu.estimator.progress import Progress
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nn.storage import load_model, save_model

TEXTS = ["hello there", "hi", "hey you", "good day", "fly to Rome", "go to Oslo", "to Rome", "off"]
INTENTS = ["greet"] * 4 + ["travel"] * 4
CITIES = [[(t.index(c), t.index(c) + 4, "city") for c in ("Rome", "Oslo") if c in t] for t in TEXTS]


def tiny(**options: Any) -> DIETClassifier:
    given: dict[str, Any] = {
        "featurizers": ({"name": "WhitespaceTokenizer"}, {"name": "CountVectorsFeaturizer"}),
        "transformer_size": 8,
        "number_of_transformer_layers": 0,
        "number_of_attention_heads": 2,
        "dense_dimension": {"text": 8, "label": 8},
        "batch_size": 4,
        "epochs": 6,
        "learning_rate": 0.02,
        "drop_rate": 0.0,
        "random_seed": 5,
    }
    return DIETClassifier(**{**given, **options})


@pytest.fixture(scope="module")
def model() -> DIETClassifier:
    return tiny(epochs=20).fit(TEXTS, INTENTS, CITIES)


def same(one: DIETClassifier, other: DIETClassifier) -> bool:
    return np.array_equal(one.predict_proba(TEXTS), other.predict_proba(TEXTS))


# -- weights -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"use_masked_language_model": True,
                                          "number_of_transformer_layers": 1}], ids=str)  # fmt: skip
def test_a_text_of_weight_zero_is_as_good_as_left_out(options: Any) -> None:
    texts, intents = [*TEXTS[:4], "junk", *TEXTS[4:]], [*INTENTS[:4], "junk", *INTENTS[4:]]
    weights = [1.0] * 4 + [0.0] + [1.0] * 4
    weighted = tiny(**options).fit(texts, intents, sample_weight=weights)
    assert weighted.classes_.tolist() == ["greet", "travel"]
    assert same(weighted, tiny(**options).fit(TEXTS, INTENTS))


def test_weights_of_one_kind_and_their_scale_change_nothing() -> None:
    plain = tiny().fit(TEXTS, INTENTS)
    assert same(plain, tiny().fit(TEXTS, INTENTS, sample_weight=np.full(8, 3.0)))
    weights = np.arange(1.0, 9.0)
    one, other = (tiny().fit(TEXTS, INTENTS, sample_weight=w) for w in (weights, 1000 * weights))
    np.testing.assert_allclose(one.predict_proba(TEXTS), other.predict_proba(TEXTS), atol=1e-5)
    assert not same(plain, one)


def test_a_repeated_text_has_the_sum_of_its_weights() -> None:
    weights = np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0])
    repeated = tiny().fit(
        [*TEXTS, "hi", "off"], [*INTENTS, "greet", "travel"],
        sample_weight=np.array([1.0, 1, 1, 1, 1, 1, 1, 1, 1, 2]),
    )  # fmt: skip
    assert same(repeated, tiny().fit(TEXTS, INTENTS, sample_weight=weights))


def test_weights_decide_between_intents_of_one_text() -> None:
    texts, intents = [*TEXTS, "hmm", "hmm"], [*INTENTS, "greet", "travel"]
    for weights, expected in (([9.0, 0.1], "greet"), ([0.1, 9.0], "travel")):
        found = tiny(epochs=30).fit(texts, intents, sample_weight=[1.0] * 8 + weights)
        assert found.predict(["hmm"]).tolist() == [expected]


def test_weights_decide_about_entities() -> None:
    texts = ["go ox now", "go ox", "see ox now", "see ox", "ox go", "go ax"]
    entities = [[(3, 5, "x")], [(3, 5, "x")], [], [], [], [(3, 5, "x")]]
    options = {"epochs": 40, "number_of_transformer_layers": 0}
    for weights, n in (([9, 9, 0.01, 0.01, 0.01, 1], 1), ([0.01, 0.01, 9, 9, 9, 1], 0)):
        found = tiny(**options).fit(texts, entities=entities, sample_weight=weights)
        assert len(found.predict_entities(["ox"])[0]) == n


# -- seeds -------------------------------------------------------------------------------------


def test_random_state_is_random_seed() -> None:
    plain = tiny(epochs=1).fit(TEXTS, INTENTS)
    for options in ({"random_seed": None, "random_state": 5}, {"random_state": np.int64(5)}):
        assert same(plain, tiny(epochs=1, **options).fit(TEXTS, INTENTS))


def test_a_generator_gives_a_new_seed_each_time() -> None:
    def fitted(state: np.random.RandomState) -> DIETClassifier:
        return tiny(epochs=1, random_seed=None, random_state=state).fit(TEXTS, INTENTS)

    state = np.random.RandomState(3)
    first, second = fitted(state), fitted(state)
    again = fitted(np.random.RandomState(3))
    assert same(first, again) and not same(first, second)
    assert isinstance(again.fitted_params_["random_state"], int)
    repeated = DIETClassifier(**again.fitted_params_).fit(TEXTS, INTENTS)
    assert same(repeated, again)


# -- early stopping ----------------------------------------------------------------------------


def test_without_early_stopping_all_epochs_are_run(model: DIETClassifier) -> None:
    assert model.n_iter_ == len(model.loss_curve_) == 20
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.validation_scores_ is None and model.best_validation_score_ is None


@pytest.mark.parametrize("entities", [None, CITIES], ids=["intents", "and entities"])
def test_early_stopping(entities: Any) -> None:
    told: list[EpochReport] = []
    found = tiny(epochs=200, early_stopping=True, validation_fraction=0.25, n_iter_no_change=3).fit(
        TEXTS, INTENTS, entities, on_epoch=told.append
    )
    scores = found.validation_scores_ or []
    assert found.n_iter_ == len(told) == len(scores) < 200
    assert found.best_validation_score_ == max(scores)
    names = ["val_i_acc", "val_e_f1"] if entities else ["val_i_acc"]
    assert scores == [float(np.mean([each.metrics[name] for name in names])) for each in told]
    assert max(scores[-4:]) < max(scores[:-4]) + found.tol


@pytest.mark.slow
def test_early_stopping_on_entities_alone() -> None:
    found = tiny(
        epochs=100, early_stopping=True, validation_fraction=0.3, n_iter_no_change=2, tol=0
    ).fit(TEXTS, entities=CITIES)
    assert found.n_iter_ == len(found.validation_scores_ or [])


# -- what it writes and warns of ---------------------------------------------------------------


def test_one_warning_for_many_entities_within_words() -> None:
    texts = [f"to Rome{i}ville" for i in range(31)]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        tiny(epochs=1).fit([*texts, "hi"], ["go"] * 31 + ["greet"], [[(3, 7, "city")]] * 31 + [[]])
    (message,) = [str(each.message) for each in told]
    first, *lines = message.splitlines()
    assert first == "31 warnings of one kind:" and lines[-1] == "- and 28 more"
    assert lines[0].startswith("- the entity 'Rome' (city) in 'to Rome0ville' does not begin")


def test_one_warning_for_many_direct_messages(model: DIETClassifier) -> None:
    with pytest.warns(UserWarning, match="5 warnings of one kind") as told:
        model.parse_many([f"/nonsense{i}" for i in range(5)])
    assert len(told) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_verbose(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tiny(epochs=2).fit(TEXTS, INTENTS)
    tiny(epochs=2, verbose=1).fit(TEXTS, INTENTS)
    assert capsys.readouterr().out == "", "a bar is for terminals"
    tiny(epochs=2, verbose=2).fit(TEXTS, INTENTS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]
    assert "loss " in lines[0] and "intent accuracy " in lines[0]
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    tiny(epochs=2, verbose=1).fit(TEXTS, INTENTS)
    written = terminal.getvalue()
    assert written.startswith("\r[##########..........] epoch 1/2: loss ")
    assert "\r[####################] epoch 2/2" in written and written.endswith("\n")
    assert written.count("\n") == 1


def test_a_notebook_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    stream = kind()
    monkeypatch.setattr(sys, "stdout", stream)
    progress = Progress(1)
    progress.show(
        EpochReport(component="x", epoch=1, n_epochs=4, metrics={"val_e_f1": 0.5}, seconds=1.0)
    )
    progress.close()
    assert stream.getvalue() == "\r[#####...............] epoch 1/4: validation entity F1 0.500\n"


def test_errors_name_arguments() -> None:
    with (
        pytest.raises(ConfigError, match=r"x needs it. Try: fewer, or entity_recognition=False"),
        errors_of_python(),
    ):
        raise ConfigError("x needs it", hint="fewer, or entity_recognition: false")
    letters = {"name": "CountVectorsFeaturizer", "analyzer": "char_wb"}
    sizes = {"text": [8], "label": [8]}
    with pytest.raises(ConfigError, match=r"Try: share_hidden_layers=False"):
        tiny(
            featurizers=({"name": "WhitespaceTokenizer"}, letters),
            share_hidden_layers=True,
            hidden_layers_sizes=sizes,
        ).fit(TEXTS, INTENTS)


# -- how it is kept ----------------------------------------------------------------------------


def test_pickles_are_as_small_as_saved_files(model: DIETClassifier, tmp_path: Path) -> None:
    saved = model.save(tmp_path / "m").stat().st_size
    assert len(pickle.dumps(model)) < 1.2 * saved
    joblib.dump(model, tmp_path / "m.joblib")
    for kept in (
        pickle.loads(pickle.dumps(model)),  # noqa: S301
        copy.deepcopy(model),
        joblib.load(tmp_path / "m.joblib"),
        joblib.load(tmp_path / "m.joblib", mmap_mode="r"),
        DIETClassifier.load(tmp_path / "m"),
    ):
        assert same(kept, model) and kept.parse_many(TEXTS) == model.parse_many(TEXTS)
        assert kept.n_iter_ == 20 and kept.loss_curve_ == model.loss_curve_
        assert kept.classes_.tolist() == model.classes_.tolist()
        assert clone(kept).get_params() == clone(kept).get_params()


def test_nothing_of_training_is_left(model: DIETClassifier) -> None:
    diet = next(c for c in model.pipeline_.components if isinstance(c, DIETComponent))
    assert diet.example_weights is None and not diet.callbacks


def test_an_estimator_that_is_not_fitted_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(tiny())).get_params() == tiny().get_params()  # noqa: S301


def test_parameters_set_after_fit_do_not_change_what_is_saved(tmp_path: Path) -> None:
    model = tiny(epochs=1).fit(TEXTS, INTENTS)
    before = model.predict_proba(TEXTS)
    model.set_params(epochs=99, random_seed=7, loss_type="margin", ranking_length=1)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), before)
    loaded = DIETClassifier.load(model.save(tmp_path / "m"))
    assert loaded.epochs == 1 and loaded.random_seed == 5 and loaded.ranking_length == 10
    assert same(loaded, model)
    unpickled = pickle.loads(pickle.dumps(model))  # noqa: S301
    assert unpickled.epochs == 99 and unpickled.fitted_params_["epochs"] == 1


def test_halves_of_characters_can_be_saved(tmp_path: Path) -> None:
    """Python's strings may hold them; UTF-8 may not."""
    model = tiny(epochs=1).fit([*TEXTS, "\ud800 x"], [*INTENTS, "\udfff"])
    loaded = DIETClassifier.load(model.save(tmp_path / "m"))
    assert loaded.classes_.tolist() == model.classes_.tolist() and "\udfff" in loaded.classes_


def test_files_of_before_training_was_told(model: DIETClassifier, tmp_path: Path) -> None:
    content, arrays = load_model(model.save(tmp_path / "m"))
    del content["training"]
    save_model(tmp_path / "old", content, arrays)
    loaded = DIETClassifier.load(tmp_path / "old")
    assert loaded.n_iter_ is None and same(loaded, model)
    assert same(DIETClassifier.load(loaded.save(tmp_path / "again")), model)


# -- answers -----------------------------------------------------------------------------------


def test_probabilities_sum_to_one_with_the_margin_loss() -> None:
    model = tiny(loss_type="margin", epochs=3).fit(TEXTS, INTENTS)
    rows = model.predict_proba([*TEXTS, "", "unknown"])
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)
    assert rows.min() >= 0.0


def test_probabilities_are_in_bounds_though_numbers_are_rounded(
    model: DIETClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.array([[np.float32(1.0) + np.finfo(np.float32).eps, 0.0]], dtype=np.float64)
    monkeypatch.setattr(DIETComponent, "confidences", lambda self, batch: rows)
    monkeypatch.setattr(DIETComponent, "trust", lambda self, batch: np.ones(1))
    found = model.predict_proba(["a"])
    assert found.min() >= 0 and found.max() <= 1
    assert found.sum() == pytest.approx(1, abs=1e-12)


def test_a_training_that_diverged_is_told_and_can_be_saved(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="has diverged"):
        model = tiny(learning_rate=1e30).fit(TEXTS, INTENTS)
    loaded = DIETClassifier.load(model.save(tmp_path / "m"))
    assert None in loaded.loss_curve_


def test_another_default_dtype_is_left_alone() -> None:
    expected = tiny().fit(TEXTS, INTENTS).predict_proba(TEXTS)
    torch.set_default_dtype(torch.float64)
    try:
        found = tiny().fit(TEXTS, INTENTS).predict_proba(TEXTS)
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_two_trainings_in_threads_are_as_one_after_the_other() -> None:
    state = torch.get_rng_state()
    expected = tiny().fit(TEXTS, INTENTS).predict_proba(TEXTS)
    with ThreadPoolExecutor(2) as pool:
        models = list(pool.map(lambda _: tiny().fit(TEXTS, INTENTS), range(2)))
    for each in models:
        np.testing.assert_allclose(each.predict_proba(TEXTS), expected, atol=1e-6)
    assert torch.equal(torch.get_rng_state(), state)


def test_numbers_of_numpy_as_labels_can_be_saved(tmp_path: Path) -> None:
    labels = np.array([np.int64(each == "greet") for each in INTENTS], dtype=object)
    model = tiny(epochs=1).fit(TEXTS, labels)
    assert DIETClassifier.load(model.save(tmp_path / "m")).classes_.tolist() == [0, 1]


def test_confidence_that_a_text_leaves_open_is_divided(
    model: DIETClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.array([[0.3, 0.1], [0.0, 0.0]])
    monkeypatch.setattr(DIETComponent, "confidences", lambda self, batch: rows)
    monkeypatch.setattr(DIETComponent, "trust", lambda self, batch: np.ones(2))
    np.testing.assert_allclose(model.predict_proba(["a", "b"]), [[0.6, 0.4], [0.5, 0.5]])
    assert model.predict(["a", "b"]).tolist() == ["greet", "greet"]


def test_weights_and_entities_are_routed() -> None:
    weights = np.arange(8.0)
    arguments: dict[str, Any] = {"cv": 2, "error_score": "raise"}
    with sklearn.config_context(enable_metadata_routing=True):
        one = tiny(epochs=1).set_fit_request(sample_weight=True, entities=True)
        one.set_score_request(sample_weight=True)
        params = {"sample_weight": weights, "entities": CITIES}
        found = cross_validate(
            make_pipeline(FunctionTransformer(), one), TEXTS, INTENTS, params=params,
            return_estimator=True, **arguments,
        )  # fmt: skip
        for pipeline in found["estimator"]:
            assert pipeline[-1].parse("to Rome").intent.name is not None
            assert pipeline[-1].pipeline_.components[2].tag_sets
    one = tiny(epochs=1)
    cross_validate(one, TEXTS, INTENTS, params={"sample_weight": weights}, **arguments)
    fitted = make_pipeline(FunctionTransformer(), one).fit(
        TEXTS, INTENTS, dietclassifier__entities=CITIES
    )
    assert fitted[-1].pipeline_.components[2].tag_sets
