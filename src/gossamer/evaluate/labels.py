"""Scores for one label per item: the arithmetic that intents and entity tokens share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

N_CONFUSED = 3
"""How many of the largest cells of a label's confusion row `confused_with` looks at, as Rasa."""


@dataclass(frozen=True, kw_only=True)
class LabelScores:
    """How well predicted labels agree with the true ones.

    Averages run over the *scored* labels: those that occur among the true labels, without the
    excluded one. Labels that are only ever predicted are not scored, as in Rasa; they still cost
    the items they were wrongly given to.

    Attributes:
        labels: the scored labels, sorted.
        accuracy: share of items that are right, the excluded label included.
        precision: mean over labels, weighted by their number of items.
        recall: mean over labels, weighted likewise.
        f1: mean over labels, weighted likewise.
        micro_precision: right predictions of scored labels over all predictions of them.
        micro_recall: right predictions of scored labels over all items that have them.
        micro_f1: harmonic mean of the two.
        macro_f1: plain mean over labels.
        report: scikit-learn's classification report as a dictionary, with `accuracy` always
            present and, per label, `confused_with` as Rasa writes it.
        confusion: how often row label was predicted as column label.
            *Shape:* (n_confusion_labels, n_confusion_labels).
        confusion_labels: all labels that occur, true or predicted, sorted.
    """

    labels: tuple[str, ...]
    accuracy: float
    precision: float
    recall: float
    f1: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    macro_f1: float
    report: Mapping[str, Any]
    confusion: npt.NDArray[np.int64]
    confusion_labels: tuple[str, ...]


def score_labels(
    targets: Sequence[str], predictions: Sequence[str], *, exclude: str | None = None
) -> LabelScores:
    """Compare predicted labels with true ones.

    Args:
        targets: the true labels.
        predictions: the predicted labels, parallel to `targets`.
        exclude: a label that is not scored ("no_entity").

    Returns:
        The scores. With nothing to score, all averages are 0.0 and the report holds the accuracy
        alone.

    Raises:
        ValueError: the two sequences differ in length or are empty.
    """
    if len(targets) != len(predictions) or len(targets) == 0:
        raise ValueError(
            "targets and predictions must be equally long and not empty "
            f"(got {len(targets)} and {len(predictions)})"
        )
    confusion_labels = sorted({*targets, *predictions})
    # scikit-learn's own matrix warns when there is but one label.
    index = {label: i for i, label in enumerate(confusion_labels)}
    confusion = np.zeros((len(index), len(index)), dtype=np.int64)
    cells = ([index[label] for label in targets], [index[label] for label in predictions])
    np.add.at(confusion, cells, 1)
    accuracy = float(np.trace(confusion) / len(targets))
    labels = sorted(set(targets) - {exclude})
    if not labels:
        return LabelScores(
            labels=(),
            accuracy=accuracy,
            **dict.fromkeys(_AVERAGES, 0.0),
            report={"accuracy": accuracy},
            confusion=confusion,
            confusion_labels=tuple(confusion_labels),
        )
    rows = [index[label] for label in labels]
    right = confusion.diagonal()[rows]
    predicted, support = confusion.sum(axis=0)[rows], confusion.sum(axis=1)[rows]
    of_labels = _precision_recall_f1(right, predicted, support)
    micro = _precision_recall_f1(right.sum(), predicted.sum(), support.sum())
    n_items = int(support.sum())
    weighted = _entry(of_labels @ support / n_items, n_items)
    macro = _entry(of_labels.mean(axis=1), n_items)
    report: dict[str, Any] = {
        row_name(label): {
            **_entry(of_labels[:, i], int(support[i])),
            "confused_with": _confused_with(label, confusion_labels, confusion),
        }
        for i, label in enumerate(labels)
    }
    if len(labels) < len(confusion_labels):  # otherwise it is the accuracy
        report["micro avg"] = _entry(micro, n_items)
    report |= {"accuracy": accuracy, "macro avg": macro, "weighted avg": weighted}
    return LabelScores(
        labels=tuple(labels),
        accuracy=accuracy,
        precision=weighted["precision"],
        recall=weighted["recall"],
        f1=weighted["f1-score"],
        micro_precision=float(micro[0]),
        micro_recall=float(micro[1]),
        micro_f1=float(micro[2]),
        macro_f1=macro["f1-score"],
        report=report,
        confusion=confusion,
        confusion_labels=tuple(confusion_labels),
    )


def row_name(label: str) -> str:
    """What a label is called in a report, where some names are those of averages."""
    return f"{label} (label)" if label in _NAMES_OF_AVERAGES else label


_NAMES_OF_AVERAGES = frozenset({"accuracy", "macro avg", "micro avg", "weighted avg"})
_AVERAGES = (
    "precision",
    "recall",
    "f1",
    "micro_precision",
    "micro_recall",
    "micro_f1",
    "macro_f1",
)


def _confused_with(
    label: str, labels: Sequence[str], confusion: npt.NDArray[np.int64]
) -> dict[str, int]:
    row = confusion[labels.index(label)]
    # A stable sort keeps the alphabet among equal counts.
    largest = np.argsort(-row, kind="stable")[:N_CONFUSED]
    return {labels[i]: int(row[i]) for i in largest if row[i] > 0 and labels[i] != label}


def _precision_recall_f1(
    right: npt.ArrayLike, predicted: npt.ArrayLike, support: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """The three of them, where nothing can be divided 0.

    Args:
        right: items of a label that were predicted as it.
        predicted: items that were predicted as it.
        support: items that have it.

    Returns:
        Precision, recall and F1. *Shape:* (3, ...), the rest as of the arguments.
    """
    right, predicted, support = (np.asarray(n, np.float64) for n in (right, predicted, support))
    over = np.stack([predicted, support, predicted + support])
    return np.stack([right, right, 2 * right]) / np.maximum(over, 1.0)


def _entry(scores: npt.NDArray[np.float64], support: int) -> dict[str, Any]:
    """One row of a report, in numbers that `json` takes."""
    precision, recall, f1 = scores.tolist()
    return {"precision": precision, "recall": recall, "f1-score": f1, "support": support}
