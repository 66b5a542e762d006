from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from gossamer.assistant import Assistant
from gossamer.data.errors import ConfigError, DataError, ModelFileError
from gossamer.data.nlu.examples import Entity
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.estimator.estimator import DEFAULT_FEATURIZERS, DIETClassifier
from gossamer.nlu.pipeline.component import EpochReport

TEXTS = [
    "hello there", "hi", "hey you", "good morning", "hello again", "hi you",
    "fly to Rome", "a train to Oslo", "go to Rome", "take me to Oslo", "fly to Oslo", "to Rome",
]  # fmt: skip
INTENTS = ["greet"] * 6 + ["travel"] * 6
WORDS = ({"name": "WhitespaceTokenizer"}, {"name": "CountVectorsFeaturizer"})


def cities(texts: list[str]) -> list[list[dict[str, Any]]]:
    """Where Rome and Oslo stand."""
    return [
        [
            {"start": text.index(city), "end": text.index(city) + 4, "entity": "city"}
            for city in ("Rome", "Oslo")
            if city in text
        ]
        for text in texts
    ]


def tiny(**options: Any) -> DIETClassifier:
    given: dict[str, Any] = {
        "featurizers": WORDS,
        "transformer_size": 16,
        "number_of_transformer_layers": 1,
        "number_of_attention_heads": 2,
        "dense_dimension": {"text": 16, "label": 8},
        "batch_size": 8,
        "epochs": 30,
        "learning_rate": 0.01,
        "drop_rate": 0.0,
        "random_seed": 5,
    }
    return DIETClassifier(**{**given, **options})


@pytest.fixture(scope="module")
def model() -> DIETClassifier:
    return tiny().fit(TEXTS, INTENTS, cities(TEXTS))


def test_parameters_are_the_options_with_their_defaults() -> None:
    """A tuple stands for a list, None for a mapping or for what follows from another option.

    What follows from `rasa_defaults` is among the latter.
    """
    parameters = {
        name: parameter.default
        for name, parameter in inspect.signature(DIETClassifier).parameters.items()
    }
    fields = dict(DIETOptions.model_fields)
    left_out = {"run_eagerly", "tensorboard_log_directory", "tensorboard_log_level"}
    own = {
        "random_state", "early_stopping", "validation_fraction", "n_iter_no_change", "tol",
        "verbose",
    }  # fmt: skip
    assert set(parameters) == (set(fields) - left_out) | own
    none = {
        "featurizers", "hidden_layers_sizes", "dense_dimension", "concat_dimension",
        "model_confidence", "random_seed", *DIETOptions.rasas,
    }  # fmt: skip
    for name, default in parameters.items():
        if name in own:
            continue
        expected = None if name in none else fields[name].default
        found = list(default) if isinstance(default, tuple) else default
        assert found == expected, name


def test_every_parameter_is_documented_with_its_default() -> None:
    text = inspect.getdoc(DIETClassifier) or ""
    told = re.findall(r"^    (\w+) \(([^\n]*), default (.*?)\): \S", text, re.MULTILINE)
    parameters = inspect.signature(DIETClassifier).parameters
    assert [name for name, _, _ in told] == list(parameters)
    for name, kind, default in told:
        assert ast.literal_eval(default) == parameters[name].default, name
        value = parameters[name].default
        if value is not None and not isinstance(value, tuple):
            assert kind.split()[0] == type(value).__name__, name


def test_parameters_can_be_read_set_and_cloned() -> None:
    model = tiny(epochs=3)
    parameters = model.get_params()
    assert parameters["epochs"] == 3 and parameters["transformer_size"] == 16
    assert model.set_params(epochs=4, topology="uniform") is model
    copy = clone(model)
    assert copy is not model and copy.get_params() == model.get_params()
    assert copy.epochs == 4 and not hasattr(copy, "pipeline_")
    with pytest.raises(ValueError, match="Invalid parameter 'epoch'"):
        model.set_params(epoch=3)
    assert "epochs=4" in repr(model)


def test_fit_changes_no_parameter(model: DIETClassifier) -> None:
    assert clone(model).get_params() == tiny().get_params()


def test_predictions(model: DIETClassifier) -> None:
    assert model.classes_.tolist() == ["greet", "travel"]
    predicted = model.predict(["hi there", "fly to Oslo"])
    assert predicted.tolist() == ["greet", "travel"]
    rows = model.predict_proba(TEXTS)
    assert rows.shape == (12, 2)
    np.testing.assert_allclose(rows.sum(1), 1.0, atol=1e-5)
    assert model.score(TEXTS, INTENTS) == 1.0
    as_array: Any = np.array(TEXTS[:2])
    assert model.predict(as_array).tolist() == ["greet", "greet"]


def test_no_texts(model: DIETClassifier) -> None:
    assert model.predict([]).shape == (0,)
    assert model.predict_proba([]).shape == (0, 2)
    assert model.parse_many([]) == [] and model.predict_entities([]) == []


def test_blank_texts(model: DIETClassifier) -> None:
    np.testing.assert_allclose(model.predict_proba(["", "  ", "hi"])[:2], 0.5)
    assert model.predict(["", "hi"]).shape == (2,)
    assert model.parse("  ").intent.name is None


def test_more_texts_than_are_done_at_a_time(model: DIETClassifier) -> None:
    many = TEXTS * 25
    rows = model.predict_proba(many)
    np.testing.assert_allclose(rows, np.tile(model.predict_proba(TEXTS), (25, 1)), atol=1e-5)
    assert len(model.parse_many(many)) == 300


def test_parse_agrees_with_predict_proba(model: DIETClassifier) -> None:
    for parse, row in zip(model.parse_many(TEXTS), model.predict_proba(TEXTS), strict=True):
        found = {i.name: i.confidence for i in parse.intent_ranking}
        assert [found[name] for name in model.classes_] == pytest.approx(row, abs=1e-5)


def test_entities(model: DIETClassifier) -> None:
    (found,) = model.predict_entities(["fly to Rome"])
    assert [(e.entity, e.value, e.start, e.end) for e in found] == [("city", "Rome", 7, 11)]
    assert model.parse("fly to Rome").entities == found


def test_entities_may_be_objects(model: DIETClassifier) -> None:
    objects = [
        [Entity(value=text[part["start"] : part["end"]], **part) for part in found]
        for text, found in zip(TEXTS, cities(TEXTS), strict=True)
    ]
    same = tiny().fit(TEXTS, INTENTS, objects)
    np.testing.assert_array_equal(same.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_entities_only() -> None:
    model = tiny().fit(TEXTS, entities=cities(TEXTS))
    (found,) = model.predict_entities(["fly to Rome"])
    assert [e.value for e in found] == ["Rome"]
    assert model.parse("fly to Rome").intent.name is None
    assert not hasattr(model, "classes_")
    with pytest.raises(DataError, match=r"model fitted with intents.*predict_entities"):
        model.predict(["hi"])


def test_intent_classification_switched_off_overrules_intents() -> None:
    model = tiny(intent_classification=False).fit(TEXTS, INTENTS, cities(TEXTS))
    assert model.parse("fly to Rome").intent.name is None
    assert [e.value for e in model.parse("fly to Rome").entities] == ["Rome"]
    with pytest.raises(DataError, match="model fitted with intents"):
        model.predict(["hi"])


def test_fitting_again_forgets() -> None:
    model = tiny(epochs=1).fit(TEXTS, INTENTS)
    assert model.fit(TEXTS, entities=cities(TEXTS)) is model
    assert not hasattr(model, "classes_")


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ([3] * 6 + [-10] * 6, [-10, 3]),
        ([10] * 6 + [2] * 6, [2, 10]),
        (np.array([0] * 6 + [1] * 6, dtype=np.uint8), [0, 1]),
        (["faq/a"] * 6 + ["faq a"] * 6, ["faq a", "faq/a"]),
        (["faq/a/b"] * 6 + ["faq/a"] * 6, ["faq/a", "faq/a/b"]),
        (["10"] * 6 + ["9"] * 6, ["10", "9"]),
        (np.array(["x"] * 6 + ["longer"] * 6, dtype=object), ["longer", "x"]),
    ],
    ids=[
        "negative",
        "sorted as numbers",
        "uint8",
        "slash and blank",
        "slashes",
        "digits",
        "objects",
    ],
)
def test_labels_of_many_kinds(labels: Any, classes: list[Any], tmp_path: Path) -> None:
    model = tiny().fit(TEXTS, labels)
    assert model.classes_.tolist() == classes
    assert model.predict(TEXTS).tolist() == list(labels)
    assert model.score(TEXTS, labels) == 1.0
    assert model.parse("fly to Rome").intent.name == str(labels[-1])
    loaded = DIETClassifier.load(model.save(tmp_path / "m"))
    assert loaded.predict(TEXTS).tolist() == list(labels)
    assert loaded.classes_.dtype.kind == ("U" if isinstance(labels[0], str) else "i")


def test_direct_messages(model: DIETClassifier) -> None:
    assert model.parse("/travel").intent.name == "travel"
    assert model.parse("/restart").intent.name == "restart"
    with pytest.warns(UserWarning, match="names the intent 'nonsense'"):
        assert model.parse("/nonsense").intent.name is None, "an unknown word"
    numbered = tiny(epochs=1).fit(TEXTS, [0] * 6 + [1] * 6)
    assert numbered.parse("/1").intent.name == "1"
    only_entities = tiny(epochs=1).fit(TEXTS, entities=cities(TEXTS))
    assert only_entities.parse("/restart").intent.name == "restart"


@pytest.mark.slow
def test_scikit_learn_tools() -> None:
    model = tiny(epochs=15)
    scores = cross_val_score(model, TEXTS, INTENTS, cv=2)
    assert scores.shape == (2,) and scores.mean() > 0.5
    search = GridSearchCV(
        make_pipeline(FunctionTransformer(), model),
        {"dietclassifier__connection_density": [0.2, 1.0]},
        cv=2,
        error_score="raise",
    )
    search.fit(TEXTS, INTENTS)
    assert search.best_score_ > 0.5
    assert search.predict(["hello"]).tolist() == ["greet"]


def test_seed(model: DIETClassifier) -> None:
    again = tiny().fit(TEXTS, INTENTS, cities(TEXTS))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    other = tiny(random_seed=6).fit(TEXTS, INTENTS, cities(TEXTS))
    assert not np.array_equal(other.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_listener() -> None:
    told: list[EpochReport] = []
    tiny(epochs=3).fit(TEXTS, INTENTS, on_epoch=told.append)
    assert [(r.component, r.epoch, r.n_epochs) for r in told] == [
        ("DIETClassifier", n, 3) for n in (1, 2, 3)
    ]


def test_default_featurizers() -> None:
    model = DIETClassifier(epochs=1, transformer_size=16, random_seed=1).fit(TEXTS, INTENTS)
    names = [component.name for component in model.pipeline_.components]
    assert names[:4] == [step["name"] for step in DEFAULT_FEATURIZERS]
    assert model.get_params()["featurizers"] is None


def test_save_and_load(model: DIETClassifier, tmp_path: Path) -> None:
    path = model.save(tmp_path / "deep" / "model")
    assert path == tmp_path / "deep" / "model"
    loaded = DIETClassifier.load(str(path))
    assert loaded.parse_many(TEXTS) == model.parse_many(TEXTS)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert loaded.classes_.tolist() == model.classes_.tolist()
    again = clone(loaded).fit(TEXTS, INTENTS, cities(TEXTS))
    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


def test_save_and_load_without_intents(tmp_path: Path) -> None:
    model = tiny(epochs=1).fit(TEXTS, entities=cities(TEXTS))
    loaded = DIETClassifier.load(model.save(tmp_path / "m"))
    assert loaded.parse_many(TEXTS) == model.parse_many(TEXTS)
    assert not hasattr(loaded, "classes_")


@pytest.mark.slow
def test_another_kind_of_file(travel_assistant: Assistant, tmp_path: Path) -> None:
    path = travel_assistant.save(tmp_path / "assistant")
    with pytest.raises(ModelFileError, match=r"must be a DIETClassifier .*Assistant.load"):
        DIETClassifier.load(path)
    with pytest.raises(ModelFileError, match="must exist"):
        DIETClassifier.load(tmp_path / "absent")


@pytest.mark.parametrize("call", ["predict", "predict_proba", "parse", "parse_many", "save"])
def test_not_fitted(call: str, tmp_path: Path) -> None:
    argument: Any = {"parse": "hi", "save": tmp_path / "m"}.get(call, ["hi"])
    with pytest.raises(NotFittedError):
        getattr(tiny(), call)(argument)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"transformer_size": 15}, "divisible by number_of_attention_heads: got 15 and 2"),
        ({"connection_density": 2.0}, "connection_density must be less than or equal to 1 .*2.0"),
        ({"topology": "ring"}, "topology must be 'uniform', 'fan_in', .*'ring'"),
        ({"epochs": -1}, r"^epochs must be greater than or equal to 0 \(got -1\)$"),
        ({"epochs": "many"}, "^epochs must be a valid integer"),
        ({"batch_size": [1, 2, 3]}, "^batch_size must have at most 2 items"),
        ({"dense_dimension": {"text": 0}}, r"^dense_dimension\['text'\] must be greater"),
        ({"evaluate_every_number_of_epochs": 0}, "^evaluate_every_number_of_epochs must be a pos"),
        ({"scale_loss": "x", "drop_rate": 1}, "scale_loss must be a valid bool.*; drop_rate must"),
        ({"early_stopping": 1}, "early_stopping must be True or False .*1"),
        ({"validation_fraction": 1.0}, "validation_fraction must be between 0 and 1 .*1.0"),
        ({"n_iter_no_change": 0}, "n_iter_no_change must be a whole number from 1 up"),
        ({"tol": -1.0}, "tol must be a number from 0 up"),
        ({"verbose": 3}, "verbose must be 0, 1 or 2 .*3"),
        ({"random_seed": 1, "random_state": 2}, "random_state and random_seed .* must agree"),
        ({"random_seed": None, "random_state": -2}, "random_state must be None, a whole number"),
        ({"random_seed": None, "random_state": "x"}, "random_state must be None, a whole number"),
        ({"random_state": np.random.RandomState(1)}, "must not both be given"),
        (
            {"early_stopping": True, "evaluate_on_number_of_examples": 3},
            "evaluate_on_number_of_examples must be 0",
        ),
        (
            {"early_stopping": True, "validation_fraction": 0.01},
            r"validation_fraction must hold out .*\(got 0.01, which is 1 of 12 different texts\)",
        ),
        ({"entity_recognition": False, "intent_classification": False}, "must be true"),
        ({"featurizers": [{"name": "WhitespaceTokenizr"}]}, "WhitespaceTokenizer"),
        ({"featurizers": [{"name": "WhitespaceTokenizer", "flag": 1}]}, "no option 'flag'"),
        ({"featurizers": "WhitespaceTokenizer"}, "featurizers must be a list of mappings"),
        ({"intent_classification": None}, "^intent_classification must be a valid boolean"),
        ({"random_state": 1, "random_seed": np.array([1, 2])}, "must agree"),
        ({"tol": np.array([1, 2])}, "tol must be a number from 0 up"),
        ({"verbose": np.array([1, 2])}, "verbose must be 0, 1 or 2"),
        ({"featurizers": 3}, "featurizers must be a list of mappings"),
        ({"epochs": np.array("x")}, "epochs must be a valid integer"),
        ({"featurizers": ["WhitespaceTokenizer"]}, "each of featurizers must be a mapping"),
        (
            {"featurizers": [{"nam": "WhitespaceTokenizer"}]},
            "each of featurizers must be a mapping",
        ),
        ({"featurizers": []}, "WhitespaceTokenizer|tokens"),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_options_that_fit_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        tiny(**{"epochs": 1, **options}).fit(TEXTS, INTENTS)


def test_texts_that_predict_refuses(model: DIETClassifier) -> None:
    with pytest.raises(DataError, match=r"X must be a list, .*'hello'"):
        model.predict("hello")
    with pytest.raises(DataError, match=r"X must hold strings only .*3 at index 0"):
        model.parse(3)  # type: ignore[arg-type]


def test_shared_layers_where_there_are_none() -> None:
    """Texts and labels are of different widths, and no layer is there to share."""
    rows = tiny(epochs=1, share_hidden_layers=True).fit(TEXTS, INTENTS).predict_proba(TEXTS)
    plain = tiny(epochs=1).fit(TEXTS, INTENTS).predict_proba(TEXTS)
    np.testing.assert_array_equal(rows, plain)
