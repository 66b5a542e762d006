"""Strict entity scores: an entity counts when borders, type, role and group all fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, TypeAlias

from gossamer.data.nlu.examples import Entity
from gossamer.evaluate.labels import row_name

Span: TypeAlias = tuple[int, int, str]
"""Start, end and label; the label joins type, group and role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanCounts:
    """Entities found, invented and missed.

    Attributes:
        right: predicted and annotated.
        invented: predicted, not annotated.
        missed: annotated, not predicted.
    """

    right: int = 0
    invented: int = 0
    missed: int = 0

    @property
    def support(self) -> int:
        """Annotated entities."""
        return self.right + self.missed

    @property
    def precision(self) -> float:
        """Share of the predicted entities that are right; 0.0 when none was predicted."""
        return _ratio(self.right, self.right + self.invented)

    @property
    def recall(self) -> float:
        """Share of the annotated entities that were found; 0.0 when none was annotated."""
        return _ratio(self.right, self.support)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0.0 when nothing is right."""
        return _ratio(2 * self.right, 2 * self.right + self.invented + self.missed)

    def to_dict(self) -> dict[str, float | int]:
        """The keys of a classification report, and the counts."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1-score": self.f1,
            "support": self.support,
            "right": self.right,
            "invented": self.invented,
            "missed": self.missed,
        }


@dataclass(frozen=True, kw_only=True)
class SpanScores:
    """Strict span scores.

    Attributes:
        total: counts over all labels; `total.f1` is the strict span micro-F1.
        by_label: counts per label, labels sorted.
    """

    total: SpanCounts
    by_label: Mapping[str, SpanCounts]

    def report(self) -> dict[str, Any]:
        """A dictionary in the layout of a classification report, `micro avg` being the headline."""
        report: dict[str, Any] = {
            row_name(label): counts.to_dict() for label, counts in self.by_label.items()
        }
        report["micro avg"] = self.total.to_dict()
        scored = [counts for counts in self.by_label.values() if counts.support > 0]
        for name, weights in (
            ("macro avg", [1 for _ in scored]),
            ("weighted avg", [counts.support for counts in scored]),
        ):
            total = sum(weights)
            report[name] = {
                key: _ratio(
                    sum(
                        weight * counts.to_dict()[key]
                        for weight, counts in zip(weights, scored, strict=True)
                    ),
                    total,
                )
                for key in ("precision", "recall", "f1-score")
            }
            report[name]["support"] = self.total.support
        return report


def score_spans(
    targets: Sequence[Sequence[Entity]], predictions: Sequence[Sequence[Entity]]
) -> SpanScores:
    """Count entities that are exactly right.

    This is the measure of the slot-filling literature (SNIPS, ATIS, the DIET paper). Values do not
    count. Equal entities of one text count once, so an entity that two extractors find is right
    once and not also invented once.

    Args:
        targets: annotated entities per text.
        predictions: predicted entities per text, parallel to `targets`.

    Raises:
        ValueError: the lengths differ.
    """
    right: dict[str, int] = {}
    invented: dict[str, int] = {}
    missed: dict[str, int] = {}
    for target, prediction in zip(targets, predictions, strict=True):
        true, found = spans(target), spans(prediction)
        _count(right, true & found)
        _count(invented, found - true)
        _count(missed, true - found)
    by_label = {
        label: SpanCounts(
            right=right.get(label, 0), invented=invented.get(label, 0), missed=missed.get(label, 0)
        )
        for label in sorted({*right, *invented, *missed})
    }
    total = SpanCounts(
        right=sum(right.values()), invented=sum(invented.values()), missed=sum(missed.values())
    )
    return SpanScores(total=total, by_label=by_label)


def spans(entities: Sequence[Entity]) -> set[Span]:
    """The different entities of one text, as start, end and label."""
    return {(*e.span, entity_label(e)) for e in entities}


def entity_label(entity: Entity) -> str:
    """Type, group and role joined with dots, absent ones left out: Rasa's label of a token."""
    parts = (entity.entity, entity.group, entity.role)
    return ".".join(part for part in parts if part is not None)


def _count(counts: dict[str, int], found: Set[Span]) -> None:
    for _, _, label in found:
        counts[label] = counts.get(label, 0) + 1


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0 else 0.0
