"""The figures of the accuracy benchmark, from examples and what a model made of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from accuracy_parts.data import all_intents, first_intent

from gossamer.data import Entity, Example
from gossamer.evaluate import (
    SpanCounts,
    calibration_error,
    evaluate_entities,
    evaluate_intents,
    score_spans,
)
from gossamer.evaluate.intents import without_fallback
from gossamer.evaluate.spans import Span, spans
from gossamer.nlu.pipeline.messages import EntityPrediction, IntentPrediction, Parse

TIMED_TEXTS = 200
_WARM_UP_TEXTS = 20


def intent_scores(
    examples: Sequence[Example], parses: Sequence[Parse], *, has_probabilities: bool
) -> dict[str, float | None]:
    """How well intents are predicted.

    Where labels join several intents (ATIS) a model is trained on the labels as they are written,
    and scored in three ways: `intent_accuracy` and `intent_weighted_f1` compare the first intent of
    both labels, `intent_accuracy_any` asks whether the two labels share an intent, and
    `intent_accuracy_joined` whether they are the same. Elsewhere all three are one figure.

    Args:
        examples: annotated examples; those without an intent are left out.
        parses: their parses, parallel to `examples`.
        has_probabilities: whether `calibration_error` is to be computed; else it is None.

    Raises:
        ValueError: a probability is outside [0, 1].
    """
    pairs = [(e, p) for e, p in zip(examples, parses, strict=True) if e.base_intent]
    targets = [str(example.base_intent) for example, _ in pairs]
    predicted = [without_fallback(parse) for _, parse in pairs]
    names = [intent.name or "" for intent in predicted]
    firsts = evaluate_intents(
        [replace(e, intent=first_intent(t)) for (e, _), t in zip(pairs, targets, strict=True)],
        [
            replace(parse, intent=IntentPrediction(name=_first(i.name), confidence=i.confidence))
            for (_, parse), i in zip(pairs, predicted, strict=True)
        ],
    )
    shared = [
        not set(all_intents(target)).isdisjoint(all_intents(name))
        for target, name in zip(targets, names, strict=True)
    ]
    same = [target == name for target, name in zip(targets, names, strict=True)]
    if has_probabilities and not all(0.0 <= o.confidence <= 1.0 for o in firsts.outcomes):
        raise ValueError("confidences must lie in [0, 1]")
    return {
        "intent_accuracy": firsts.scores.accuracy,
        "intent_weighted_f1": firsts.scores.f1,
        "intent_accuracy_any": statistics.fmean(shared),
        "intent_accuracy_joined": statistics.fmean(same),
        "calibration_error": calibration_error(firsts.outcomes) if has_probabilities else None,
    }


def _first(name: str | None) -> str | None:
    return None if name is None else first_intent(name)


def entity_scores(
    examples: Sequence[Example], parses: Sequence[Parse], *, extractors: Sequence[str]
) -> dict[str, float]:
    """How well entities are found: per token, strictly, and with any overlap.

    Args:
        examples: annotated examples.
        parses: their parses, parallel to `examples`.
        extractors: what finds entities, at least one; of several the best token score counts.
    """
    by_token = [evaluate_entities(examples, parses, name).tokens for name in extractors]
    best = max(by_token, key=lambda scores: scores.micro_f1)
    targets = [example.entities for example in examples]
    found = [parse.entities for parse in parses]
    return {
        "entity_token_micro_f1": best.micro_f1,
        "entity_token_weighted_f1": best.f1,
        "entity_span_micro_f1": score_spans(targets, found).total.f1,
        "entity_overlap_micro_f1": count_overlaps(targets, found).f1,
    }


def count_overlaps(
    targets: Sequence[Sequence[Entity]], predictions: Sequence[Sequence[EntityPrediction]]
) -> SpanCounts:
    """Entities counted as in the tables of NLU Evaluation Data (HERMIT).

    An annotated entity is found (true positive) when a predicted one of the same label shares at
    least one character with it, else it is missed (false negative). A predicted entity that
    overlaps no annotated one of its label is invented (false positive). One prediction may find
    several annotated entities, and of several predictions that touch one annotated entity none is
    invented, so a prediction of the whole text costs little: the measure is lenient.

    Source: the evaluation script of Vanzo, Bastianelli and Lemon 2019, "Hierarchical Multi-Task
    Natural Language Understanding for Cross-domain Conversational AI: HERMIT NLU", which compares
    with Liu et al. 2019, "Benchmarking Natural Language Understanding Services for building
    Conversational Agents". The script compares numbers of words where we compare characters, and
    it swaps the names of false positives and false negatives, which leaves F1 as it is.

    Args:
        targets: annotated entities of each text.
        predictions: predicted entities of each text, parallel to `targets`; equal ones of one text
            count once.

    Raises:
        ValueError: the lengths differ.
    """
    right = invented = missed = 0
    for annotated, predicted in zip(targets, predictions, strict=True):
        true, found = spans(annotated), spans(predicted)
        n_found = sum(any(_finds(other, one) for other in found) for one in true)
        right += n_found
        missed += len(true) - n_found
        invented += sum(not any(_finds(one, other) for other in true) for one in found)
    return SpanCounts(right=right, invented=invented, missed=missed)


def _finds(one: Span, other: Span) -> bool:
    return one[2] == other[2] and overlap(one, other)


def overlap(one: Span, other: Span) -> bool:
    """Whether two entities, of whatever labels, share at least one character."""
    return min(one[1], other[1]) > max(one[0], other[0])


def whole_sentences(examples: Sequence[Example], parses: Sequence[Parse]) -> float:
    """Share of examples whose intent and all of whose entities are right.

    Entities must fit in borders, type, role and group; of joined intents the first is compared. An
    example without an intent needs only its entities.

    Args:
        examples: annotated examples, at least one.
        parses: their parses, parallel to `examples`.
    """
    return statistics.fmean(
        spans(example.entities) == spans(parse.entities)
        and (
            not example.base_intent
            or first_intent(example.base_intent) == _first(without_fallback(parse).name)
        )
        for example, parse in zip(examples, parses, strict=True)
    )


def milliseconds_a_message(parse: Callable[[str], Any], texts: Sequence[str]) -> float:
    """Median time to answer one message, in milliseconds; NaN without texts.

    Some messages are answered before the clock starts, so that caches are warm and kernels
    compiled. At most `TIMED_TEXTS` texts, spread over all of them.

    Args:
        parse: answers one message.
        texts: messages.
    """
    step = max(1, math.ceil(len(texts) / TIMED_TEXTS))
    chosen = texts[::step]
    for text in chosen[:_WARM_UP_TEXTS]:
        parse(text)
    times = []
    for text in chosen:
        started = time.perf_counter()
        parse(text)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times) if times else math.nan
