"""The labels that `fit` is given: which are right, which classes they are, how they are named."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError
from gossamer.nlu.estimator.inputs import Unquoted, at, column, is_column_vector, is_missing


def checked_labels(y: Any, n_texts: int) -> npt.NDArray[Any]:
    """The intents as an array. *Shape:* (n_texts,).

    Like scikit-learn, it warns of a column vector and takes it.

    Raises:
        DataError: there is not one for each text, one is missing, one is not a string, whole number
            or bool, or there are several of these kinds.
    """
    labels = column(y, "y")
    if len(labels) != n_texts:
        raise DataError(
            "y must have one intent for each text",
            got=Unquoted(f"{len(labels)} intents for {n_texts} texts"),
        )
    _refuse(
        {
            i: label
            for i, label in enumerate(labels)
            if is_missing(label) or (isinstance(label, str) and not label)
        },
        "y must have an intent for each text",
        "leaving these texts out, or y=None to learn entities only",
    )
    kinds = [_kind(label) for label in labels]
    _refuse(
        {i: label for i, (label, kind) in enumerate(zip(labels, kinds, strict=True)) if not kind},
        "y must hold strings, whole numbers or bools",
        "str(label) for each",
        note="Unknown label type: ",
    )
    firsts = {kind: i for i, kind in reversed(list(enumerate(kinds)))}
    if len(firsts) > 1:
        _refuse(
            {i: labels[i] for i in sorted(firsts.values())},
            "y must hold labels of one kind: all strings, all numbers or all bools",
            "str(label) for each",
        )
    if is_column_vector(y):
        from sklearn.exceptions import DataConversionWarning

        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of "
            "y to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=3,
        )
    array = y if isinstance(y, np.ndarray) else np.asarray(labels)
    flat: npt.NDArray[Any] = array.reshape(-1)
    return flat


def checked_classes(labels: npt.NDArray[Any], texts: list[str]) -> npt.NDArray[Any]:
    """The sorted classes of the labels that count.

    Raises:
        DataError: there are fewer than two, or one has blank texts only.
    """
    classes = np.unique(labels)
    pairs = zip(texts, labels.tolist(), strict=True)
    with_text = {label for text, label in pairs if text.strip()}
    without = [label for label in classes.tolist() if label not in with_text]
    if without:
        raise DataError("each intent in y needs a text that is not blank", got=without)
    if len(classes) < 2:
        raise DataError(
            "y must hold at least two classes of texts (with a sample_weight above zero)",
            got=Unquoted(f"one class, {classes.tolist()[0]!r}"),
            hint="texts of another intent, or y=None to learn entities only",
        )
    return classes


def class_names(classes: npt.NDArray[Any]) -> dict[Any, str]:
    """The name under which each class is trained.

    A slash would make it a retrieval intent, so it becomes a blank; a name that would then occur
    twice gets a number.
    """
    names: dict[Any, str] = {}
    taken: set[str] = set()
    for label in classes.tolist():
        name = str(label).replace("/", " ")
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name} {number}", number + 1
        taken.add(unique)
        names[label] = unique
    return names


def _kind(label: object) -> str:
    """Which kind of label it is; "" for anything else."""
    if isinstance(label, str):
        return "string"
    if isinstance(label, bool | np.bool_):
        return "bool"
    if isinstance(label, int | np.integer):
        return "number"
    is_whole = isinstance(label, float | np.floating) and float(label).is_integer()
    return "number" if is_whole else ""


def _refuse(wrong: dict[int, Any], must_hold: str, hint: str, *, note: str = "") -> None:
    if wrong:
        raise DataError(must_hold, got=Unquoted(note + at(wrong)), hint=hint)
