"""What DIETClassifier takes as texts, intents, entities and weights, and what it refuses."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Entity
from gossamer.nlu.estimator.data import FitData, fit_data
from gossamer.nlu.estimator.entities import checked_entities
from gossamer.nlu.estimator.estimator import DIETClassifier
from gossamer.nlu.estimator.inputs import checked_texts
from gossamer.nlu.estimator.labels import checked_labels
from gossamer.nlu.pipeline.messages import EntityPrediction


def shown(value: object) -> str:
    """A name for a test's input that is the same in every process."""
    text = str(value)
    return type(value).__name__ if " at 0x" in text else text[:40]


TEXT = "fly to Rome"
ROME = Entity(start=7, end=11, entity="city", value="Rome")


class Frame:
    """What pandas' and polars' columns and frames have in common."""

    def __init__(self, values: Any) -> None:
        self._values = np.array(values, dtype=object)
        self.shape = self._values.shape

    def to_numpy(self) -> Any:
        return self._values

    def __iter__(self) -> Any:
        return iter(["the name of a column"])  # as a DataFrame


class NA:
    """As pandas' NA: comparing it gives no truth."""

    def __eq__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    def __repr__(self) -> str:
        return "<NA>"


NA.__name__ = "NAType"


def read(**given: Any) -> FitData:
    arguments = {"y": None, "entities": None, "sample_weight": None, **given}
    with_intents = arguments["y"] is not None
    return fit_data(**arguments, with_intents=with_intents, with_entities=True)


@pytest.mark.parametrize(
    "texts",
    [
        ["a", "b"],
        ("a", "b"),
        np.array(["a", "b"]),
        np.array(["a", "b"], dtype=object),
        np.array([["a"], ["b"]]),
        [["a"], ["b"]],
        Frame(["a", "b"]),
        Frame([["a"], ["b"]]),
        (text for text in "ab"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_texts_of_many_kinds(texts: Any) -> None:
    assert checked_texts(texts) == ["a", "b"]


def test_real_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", "b"], "intent": ["x", None]})
    assert checked_texts(frame[["text"]]) == checked_texts(frame["text"]) == ["a", "b"]
    with pytest.raises(DataError, match=r"X must be a list, .*DataFrame of shape \(2, 2\)"):
        checked_texts(frame)
    with pytest.raises(DataError, match=r"y must have an intent for each text .* at index 1"):
        checked_labels(frame["intent"], 2)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("hello", r"X must be a list, .*'hello'.*Try: \[X\]"),
        (b"hello", "X must be a list"),
        (3, "X must be a list"),
        (None, "X must be a list"),
        ({"text": ["a"]}, "X must be a list"),
        ({"a"}, "X must be a list"),
        (np.array("a"), "X must be a list"),
        (np.array([["a", "b"]]), r"X must be a list, .*ndarray of shape \(1, 2\)"),
        (sparse.csr_array(np.eye(2)), "X must be a list"),
        (["a", 3], r"X must hold strings only \(got 3 at index 1\). Try: str\(text\)"),
        (["a", None], "None at index 1.*leaving them out"),
        ([float("nan"), "a"], "nan at index 0.*leaving them out"),
        (["a", NA()], "<NA> at index 1.*leaving them out"),
        ([b"a", "a"], r"b'a' at index 0.*Try: text.decode\(\)"),
        (["a", ["b", "c"]], "at index 1.*flat list"),
        (np.arange(9), "0 at index 0, 1 at index 1, 2 at index 2 and 6 more"),
    ],
    ids=shown,
)
def test_texts_that_are_refused(texts: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        checked_texts(texts)


@pytest.mark.parametrize(
    ("labels", "classes", "kind"),
    [
        (["b", "a"], ["a", "b"], "U"),
        (np.array(["b", "a"], dtype=object), ["a", "b"], "O"),
        ([2, 10], [2, 10], "i"),
        ([True, False], [False, True], "b"),
        (np.array([True, False]), [False, True], "b"),
        ([2.0, 1.0], [1.0, 2.0], "f"),
        (Frame(["b", "a"]), ["a", "b"], "U"),
        ((label for label in "ba"), ["a", "b"], "U"),
    ],
    ids=shown,
)
def test_labels_of_many_kinds(labels: Any, classes: list[Any], kind: str) -> None:
    found = read(X=["x", "y"], y=labels).classes
    assert found is not None and found.tolist() == classes and found.dtype.kind == kind


@pytest.mark.parametrize(
    "labels", [np.array([["b"], ["a"]]), [["b"], ["a"]], Frame([["b"], ["a"]])], ids=shown
)
def test_a_column_of_labels_is_taken_with_scikit_learns_warning(labels: Any) -> None:
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        assert checked_labels(labels, 2).tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"], "y must have one intent for each text .*1 intents for 3 texts"),
        ("abc", "y must be a list"),
        ([["a", "b"], ["a", "b"], ["a", "b"]], "y must hold strings, whole numbers or bools"),
        (np.zeros((3, 2)), r"y must be a list.*shape \(3, 2\)"),
        (["a", None, "b"], "y must have an intent for each text .*None at index 1.*y=None"),
        (["a", float("nan"), None], "nan at index 1, None at index 2"),
        (np.array([1.0, np.nan, 2.0]), "nan.* at index 1"),
        (["a", NA(), "b"], "<NA> at index 1"),
        (["a", "", "b"], "y must have an intent for each text .*'' at index 1"),
        ([1.5, 2.0, 3.0], "Unknown label type: 1.5 at index 0"),
        ([1.0, float("inf"), 3.0], "Unknown label type: inf at index 1"),
        ([b"a", b"b", b"c"], "y must hold strings, whole numbers or bools"),
        (["a", 1, 2], "y must hold labels of one kind: .*'a' at index 0, 1 at index 1"),
        ([True, 2, 3], "labels of one kind: .*True at index 0, 2 at index 1"),
        (np.array(["a", 1, 2], dtype=object), "y must hold labels of one kind"),
        (["a", "a", "a"], "y must hold at least two classes .*one class, 'a'"),
    ],
    ids=shown,
)
def test_labels_that_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(X=["x", "y", "z"], y=labels)


def test_a_class_with_blank_texts_only() -> None:
    """It could never be learnt, and `classes_` must hold what can be predicted."""
    with pytest.raises(DataError, match=r"each intent in y needs a text .* \(got \['c'\]\)"):
        read(X=["hi", "bye", " "], y=["a", "b", "c"])


@pytest.mark.parametrize(
    "found",
    [
        [ROME],
        (ROME,),
        [{"start": 7, "end": 11, "entity": "city"}],
        [{"start": np.int64(7), "end": np.int64(11), "entity": "city", "value": "Rome"}],
        [(7, 11, "city")],
        [[7, 11, "city"]],
        {"entities": [(7, 11, "city")]},
        [EntityPrediction(start=7, end=11, entity="city", value="Rome", extractor="x")],
        [SimpleNamespace(start=2, end=3, start_char=7, end_char=11, label_="city")],
        SimpleNamespace(
            text=TEXT, ents=(SimpleNamespace(start_char=7, end_char=11, label_="city"),)
        ),
        (part for part in [(7, 11, "city")]),
    ],
    ids=shown,
)
def test_entities_of_many_kinds(found: Any) -> None:
    assert checked_entities([found, []], [TEXT, "hi"]) == [(ROME,), ()]


def test_values_roles_groups_and_order() -> None:
    given = [{"start": 3, "end": 4, "entity": "b", "role": "r", "group": "1"},
             {"start": 0, "end": 2, "entity": "a", "value": 7}]  # fmt: skip
    (found,) = checked_entities([given], ["xy z"])
    assert found == (
        Entity(start=0, end=2, entity="a", value=7),
        Entity(start=3, end=4, entity="b", value="z", role="r", group="1"),
    )


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ([[]], "entities must have one list for each text .*1 lists for 2 texts.*an empty list"),
        ([None, []], "entities must have a list for each text .*None at index 0.*empty list"),
        ([[], float("nan")], "entities must have a list for each text .*nan at index 1"),
        ("ab", "entities must be a sequence"),
        ({"entities": []}, "entities must be a sequence"),
        (3, "entities must be a sequence"),
        ([[], 3], "entities must be lists of entities, but is something else at index 1"),
        ([[], {"start": 0}], "something else at index 1"),
        ([[], [None]], "an entity at index 1 must have start, end and entity"),
        ([[], ["city"]], "an entity at index 1 must have start, end and entity"),
        ([[{"start": 0, "entity": "x"}], []], "an entity at index 0 must have start, end"),
        ([[(0, 1, "x", 2)], []], "an entity at index 0 must have start, end"),
        ([[{"start": 0, "end": 1, "entity": "x", "typ": 1}], []], "may have value, role"),
        ([[(0, 99, "x")], []], "index 0 must lie within the 11 characters .*'x' from 0 to 99"),
        ([[(-1, 2, "x")], []], "index 0 must lie within"),
        ([[(3, 3, "x")], []], "index 0 must lie within .*end after its start"),
        ([[(4, 3, "x")], []], "index 0 must lie within"),
        ([[], [(0.0, 1.0, "x")]], "start and end of an entity at index 1 must be whole"),
        ([[], [("0", "1", "x")]], "start and end of an entity at index 1 must be whole"),
        ([[], [(0, True, "x")]], "start and end of an entity at index 1 must be whole"),
        ([[], [(0, 1, "")]], "entity, role and group of an entity at index 1 must be names"),
        ([[], [(0, 1, None)]], "at index 1 must be names"),
        ([[], [(0, 1, 5)]], "at index 1 must be names"),
        (
            [[(0, 6, "x"), (4, 11, "y")], []],
            "must not overlap, but do at index 0 .*x from 0 to 6 and y from 4 to 11",
        ),
        ([[], [(0, 2, "x"), (0, 2, "x")]], "must not overlap, but do at index 1"),
        (
            [SimpleNamespace(text="other", ents=()), []],
            "the document at index 0 of entities must have the text at index 0 of X",
        ),
    ],
    ids=shown,
)
def test_entities_that_are_refused(entities: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        checked_entities(entities, [TEXT, "hi"])


def test_neighbours_do_not_overlap() -> None:
    assert len(checked_entities([[(0, 3, "x"), (3, 6, "y")]], [TEXT])[0]) == 2


def test_weights() -> None:
    given = {"X": ["a", "b", "c", "a"], "y": ["x", "y", "y", "x"]}
    data = read(**given, sample_weight=[1, 3, 0, 2])
    assert [example.text for example in data.training.examples] == ["a", "b"]
    assert data.weights is None  # 3 each: repetitions are added, c is left out
    data = read(**given, sample_weight=np.array([[1.0], [1.0], [4.0], [1.0]]))
    assert data.weights is not None
    np.testing.assert_allclose(data.weights, np.array([2, 1, 4]) * 3 / 7, rtol=1e-6)
    assert read(**given).weights is None
    assert read(X=["a", "b"], y=["x", "y"], sample_weight=2.5).weights is None


def test_a_class_of_weight_zero_is_no_class() -> None:
    data = read(X=["a", "b", "c"], y=["x", "y", "z"], sample_weight=[1, 1, 0])
    assert data.classes is not None and data.classes.tolist() == ["x", "y"]
    with pytest.raises(DataError, match=r"two classes of texts .with a sample_weight above zero"):
        read(X=["a", "b", "c"], y=["x", "x", "z"], sample_weight=[1, 1, 0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0], "one weight for each text .*1 weights for 2 texts"),
        ([1.0, -1.0], "numbers from 0 up .*-1.0 at index 1"),
        ([1.0, float("nan")], "numbers from 0 up .*nan at index 1"),
        ([None, 1.0], "numbers from 0 up .*None at index 0"),
        ([1.0, float("inf")], "numbers from 0 up .*inf at index 1"),
        (["1", 1.0], "numbers from 0 up .*'1' at index 0"),
        ([0, 0.0], "sample_weight must have a weight that is not zero"),
        (np.ones((2, 2)), "sample_weight must be a list"),
    ],
    ids=shown,
)
def test_weights_that_are_refused(weights: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(X=["a", "b"], y=["x", "y"], sample_weight=weights)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"X": ["a", "b"]}, "fit needs intents, entities or both"),
        ({"X": [], "y": []}, "X must hold at least one text"),
        ({"X": ["a", "b"], "entities": [[], []]}, "entities must hold at least one entity"),
        ({"X": [" ", ""], "entities": [[], []]}, "X must hold a text that is not blank"),
    ],
    ids=shown,
)
@pytest.mark.filterwarnings("ignore:2 texts are blank")
def test_nothing_to_learn(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(**given)


def test_entities_alone_need_entity_recognition() -> None:
    model = DIETClassifier(entity_recognition=False)
    with pytest.raises(DataError, match="with entity_recognition=False, fit needs intents"):
        model.fit([TEXT], entities=[[(7, 11, "city")]])


def test_one_warning_of_all_blank_texts() -> None:
    texts = ["a", "b", *[" "] * 31]
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        data = read(X=texts, y=["x", "y", *["x"] * 31])
    assert len(data.training.examples) == 2
    assert [str(each.message) for each in told] == [
        "31 texts are blank and not learnt from, at index 2, 3, 4 and 28 more"
    ]
