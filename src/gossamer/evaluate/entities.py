"""Entity scores per token, counted as Rasa's `test nlu` counts them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gossamer.data.nlu.examples import Entity, Example
from gossamer.evaluate.labels import LabelScores, score_labels
from gossamer.evaluate.spans import SpanScores, entity_label, score_spans
from gossamer.nlu.pipeline.messages import Parse, Token

NO_ENTITY = "no_entity"
"""The label of a token that belongs to no entity."""

PRETRAINED_EXTRACTORS = frozenset({"DucklingEntityExtractor", "SpacyEntityExtractor"})
"""Extractors that do not learn from annotations, and so are not measured by them, as in Rasa."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityOutcome:
    """What was annotated and what one extractor found in one example.

    Attributes:
        text: the example's text.
        targets: the annotated entities.
        predictions: the extractor's entities.
        target_labels: the annotated label of each token.
        predicted_labels: the predicted label of each token.
        confidences: the confidence of each predicted token label: the least of those of type,
            role and group; None where the token has no predicted entity or the extractor gives no
            confidence.
    """

    text: str
    targets: tuple[Entity, ...]
    predictions: tuple[Entity, ...]
    target_labels: tuple[str, ...]
    predicted_labels: tuple[str, ...]
    confidences: tuple[float | None, ...]

    @property
    def is_right(self) -> bool:
        """Whether every token has the right label."""
        return self.target_labels == self.predicted_labels


@dataclass(frozen=True, kw_only=True)
class EntityEvaluation:
    """One extractor's predictions with their scores.

    Attributes:
        extractor: whose entities were scored.
        outcomes: one per example.
        tokens: scores per token, as Rasa counts: "entity", "entity.role", "entity.group" or
            "entity.group.role" per token, averages over all labels but `no_entity`.
        spans: strict scores per entity.
    """

    extractor: str
    outcomes: tuple[EntityOutcome, ...]
    tokens: LabelScores
    spans: SpanScores

    @property
    def errors(self) -> list[EntityOutcome]:
        """Examples with a wrong token label."""
        return [outcome for outcome in self.outcomes if not outcome.is_right]

    @property
    def successes(self) -> list[EntityOutcome]:
        """Examples with entities and every token label right."""
        return [o for o in self.outcomes if o.is_right and o.targets]


def evaluate_entities(
    examples: Sequence[Example], parses: Sequence[Parse], extractor: str
) -> EntityEvaluation:
    """Score one extractor's entities against the annotated ones.

    Per token, a label combines entity type, group and role; values do not count. A token belongs
    to an entity when the two share at least one character, also when the token reaches over the
    entity's border (so does Rasa). Where entities overlap, the one that covers more of the token
    wins, the first of them when they cover equally much. An annotated entity that no token
    touches cannot be seen per token; the span scores count it as missed.

    Args:
        examples: annotated examples.
        parses: their parses, parallel to `examples`, with tokens.
        extractor: the name in `Entity.extractor`.

    Raises:
        ValueError: the lengths differ, or no parse has a token.
    """
    outcomes = []
    for example, parse in zip(examples, parses, strict=True):
        predictions = tuple(e for e in parse.entities if e.extractor == extractor)
        found = [covering_entity(token, predictions) for token in parse.tokens]
        outcomes.append(
            EntityOutcome(
                text=example.text,
                targets=example.entities,
                predictions=predictions,
                target_labels=tuple(label_tokens(parse.tokens, example.entities)),
                predicted_labels=tuple(label_tokens(parse.tokens, predictions)),
                confidences=tuple(None if e is None else _confidence(e) for e in found),
            )
        )
    tokens = score_labels(
        [label for outcome in outcomes for label in outcome.target_labels],
        [label for outcome in outcomes for label in outcome.predicted_labels],
        exclude=NO_ENTITY,
    )
    strict = score_spans([o.targets for o in outcomes], [o.predictions for o in outcomes])
    return EntityEvaluation(
        extractor=extractor, outcomes=tuple(outcomes), tokens=tokens, spans=strict
    )


def label_tokens(tokens: Sequence[Token], entities: Sequence[Entity]) -> list[str]:
    """The label of each token: that of the entity which covers most of it, or `no_entity`."""
    labels = []
    for token in tokens:
        entity = covering_entity(token, entities)
        labels.append(NO_ENTITY if entity is None else entity_label(entity))
    return labels


def covering_entity(token: Token, entities: Sequence[Entity]) -> Entity | None:
    """The entity that shares most characters with a token, None when none shares any."""
    best: Entity | None = None
    best_overlap = 0
    for entity in entities:
        start, end = entity.span
        overlap = min(token.end, end) - max(token.start, start)
        if overlap > best_overlap:
            best, best_overlap = entity, overlap
    return best


def _confidence(entity: Entity) -> float | None:
    parts = (entity.confidence, entity.role_confidence, entity.group_confidence)
    return min((part for part in parts if part is not None), default=None)
