"""One call from a trained assistant and annotated data to all NLU scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.evaluate.confidence import calibration_error
from gossamer.evaluate.entities import (
    PRETRAINED_EXTRACTORS,
    EntityEvaluation,
    evaluate_entities,
)
from gossamer.evaluate.intents import IntentEvaluation, evaluate_intents
from gossamer.evaluate.responses import evaluate_responses, why_not_responses
from gossamer.evaluate.spans import SpanScores, score_spans
from gossamer.nlu.classifiers.fallback_classifier import FallbackClassifier
from gossamer.nlu.pipeline.component import Component
from gossamer.nlu.pipeline.direct_message import DirectMessageHandler
from gossamer.nlu.pipeline.messages import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline


class TextParser(Protocol):
    """Anything that understands texts: an assistant, or a stand-in."""

    def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
        """One parse per text, in order."""
        ...


@dataclass(frozen=True, kw_only=True)
class NLUEvaluation:
    """All scores of a model on annotated data.

    Attributes:
        n_examples: how many different examples were evaluated.
        intents: intent scores, or None when intents were not evaluated.
        no_intents_because: why not, when `intents` is None.
        entities: one evaluation per extractor, by name; empty when there are no extractors.
        spans: strict scores of the entities of all extractors but `PRETRAINED_EXTRACTORS`
            together, or None when entities are neither annotated nor predicted.
        fallback_threshold: of the model's FallbackClassifier, or None if it has none.
        responses: scores of response selectors, with response keys in the place of intents, or
            None when they were not evaluated.
        no_responses_because: why not, when the data have response keys.
    """

    n_examples: int
    intents: IntentEvaluation | None
    no_intents_because: str | None = None
    entities: tuple[EntityEvaluation, ...] = ()
    spans: SpanScores | None = None
    fallback_threshold: float | None = None
    responses: IntentEvaluation | None = None
    no_responses_because: str | None = None

    def headline(self) -> dict[str, float]:
        """The figures that are quoted, by name.

        `intent accuracy`, `intent weighted precision`, `intent weighted F1`,
        `intent calibration error` (0 is best), `response accuracy`, `response weighted F1`,
        `<Extractor> token micro F1`, `<Extractor> token weighted F1`, `<Extractor> span micro F1`,
        `entity span micro F1`;
        absent where not evaluated; the calibration error also where a confidence is not finite.
        """
        figures: dict[str, float] = {}
        if self.intents is not None:
            figures["intent accuracy"] = self.intents.scores.accuracy
            figures["intent weighted precision"] = self.intents.scores.precision
            figures["intent weighted F1"] = self.intents.scores.f1
            if self.intents.has_confidences:
                figures["intent calibration error"] = calibration_error(self.intents.outcomes)
        if self.responses is not None:
            figures["response accuracy"] = self.responses.scores.accuracy
            figures["response weighted F1"] = self.responses.scores.f1
        for evaluation in self.entities:
            tokens = evaluation.tokens
            figures[f"{evaluation.extractor} token micro F1"] = tokens.micro_f1
            figures[f"{evaluation.extractor} token weighted F1"] = tokens.f1
            figures[f"{evaluation.extractor} span micro F1"] = evaluation.spans.total.f1
        if self.spans is not None:
            figures["entity span micro F1"] = self.spans.total.f1
        return figures


def evaluate_nlu(
    parser: TextParser, data: TrainingData, *, extractors: Sequence[str] | None = None
) -> NLUEvaluation:
    """Parse the examples and score the parses.

    Repeated examples count once: Rasa drops them when it loads data.

    Args:
        parser: a trained assistant.
        data: annotated examples.
        extractors: see `evaluate_parses`; None means those of the assistant's pipeline.

    Raises:
        DataError: the data hold no examples.
    """
    examples = data.unique_examples()
    if not examples:
        raise DataError(
            "there must be annotated examples to evaluate on",
            hint="a file or folder with NLU data, or a look at what was read: "
            "`gossamer data validate`",
        )
    parses = parser.parse_many([example.text for example in examples])
    names = pipeline_extractors(parser) if extractors is None else extractors
    return evaluate_parses(
        examples, parses, extractors=names, fallback_threshold=pipeline_fallback_threshold(parser)
    )


def evaluate_parses(
    examples: Sequence[Example],
    parses: Sequence[Parse],
    *,
    extractors: Sequence[str] | None = None,
    fallback_threshold: float | None = None,
) -> NLUEvaluation:
    """Score parses that are already there.

    Intents are evaluated when the examples have at least two different ones and the parses hold
    intents, responses when they have at least two keys of retrieval intents and the parses hold
    selections. Entities of `PRETRAINED_EXTRACTORS` are left out, as in Rasa. Departures from Rasa:
    examples without an intent take part in the entity scores (Rasa ignores them altogether); an
    extractor that finds nothing is scored when it is named in `extractors`.

    Args:
        examples: annotated examples.
        parses: their parses, parallel to `examples`.
        extractors: extractors of the pipeline. Those that occur in the parses are always
            evaluated; None means only those.
        fallback_threshold: of the pipeline's FallbackClassifier, which is compared with the
            threshold that the data suggest, or None.

    Raises:
        ValueError: the lengths differ.
    """
    if len(examples) != len(parses):
        raise ValueError(
            f"there must be one parse per example (got {len(examples)} and {len(parses)})"
        )
    reason = _why_not_intents(examples, parses)
    intents = evaluate_intents(examples, parses) if reason is None else None
    no_responses = why_not_responses(examples, parses)
    responses = evaluate_responses(examples, parses) if no_responses is None else None
    annotated = any(example.entities for example in examples)
    predicted = [
        [entity for entity in parse.entities if entity.extractor not in PRETRAINED_EXTRACTORS]
        for parse in parses
    ]
    found = {str(entity.extractor) for entities in predicted for entity in entities}
    entities: tuple[EntityEvaluation, ...] = ()
    spans = None
    if annotated or found:
        spans = score_spans([example.entities for example in examples], predicted)
        if any(parse.tokens for parse in parses):
            named = set(() if extractors is None else extractors)
            names = sorted((found | named) - PRETRAINED_EXTRACTORS)
            entities = tuple(evaluate_entities(examples, parses, name) for name in names)
    return NLUEvaluation(
        n_examples=len(examples),
        intents=intents,
        no_intents_because=reason,
        entities=entities,
        spans=spans,
        fallback_threshold=fallback_threshold,
        responses=responses,
        no_responses_because=no_responses or None,
    )


def pipeline_extractors(parser: object) -> list[str]:
    """Sorted names of the entity extractors in a parser's `pipeline`; none where it has none.

    The handler of direct messages ("/greet"), which ends every pipeline, is not among them, nor
    are `PRETRAINED_EXTRACTORS`.
    """
    return sorted(
        {
            component.name
            for component in _components(parser)
            if "entities" in component.provides
            and not isinstance(component, DirectMessageHandler)
            and component.name not in PRETRAINED_EXTRACTORS
            # DIET can be set to leave entities alone.
            and getattr(component.options, "entity_recognition", True)
        }
    )


def pipeline_fallback_threshold(parser: object) -> float | None:
    """The threshold of the FallbackClassifier in a parser's `pipeline`; None without one.

    Of several, the highest: a message falls back when any of them says so.
    """
    return max(
        (
            component.options.threshold
            for component in _components(parser)
            if isinstance(component, FallbackClassifier)
        ),
        default=None,
    )


def _components(parser: object) -> Sequence[Component]:
    pipeline = getattr(parser, "pipeline", None)
    return pipeline.components if isinstance(pipeline, Pipeline) else ()


def _why_not_intents(examples: Sequence[Example], parses: Sequence[Parse]) -> str | None:
    known = {example.base_intent for example in examples} - {None, ""}
    if len(known) < 2:
        return f"the data have {len(known)} intents; at least two are needed"
    if not any(parse.intent.name is not None or parse.intent_ranking for parse in parses):
        return "the model predicted no intents"
    return None
