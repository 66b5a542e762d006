"""Scores of response selectors, counted as Rasa's `test nlu` counts them."""

from __future__ import annotations

from collections.abc import Sequence

from gossamer.data.nlu.examples import Example
from gossamer.evaluate.intents import NO_PREDICTION, IntentEvaluation, IntentOutcome
from gossamer.evaluate.labels import score_labels
from gossamer.nlu.pipeline.parse import Parse
from gossamer.nlu.pipeline.response_selection import DEFAULT_SELECTOR, ResponseSelection


def evaluate_responses(examples: Sequence[Example], parses: Sequence[Parse]) -> IntentEvaluation:
    """Score selected responses against the keys of retrieval intents ("faq/ask_price").

    Examples of other intents are left out. Of several selectors, that of the example's intent
    counts, whether or not the intent was predicted, and otherwise the one of all retrieval intents;
    so the figures describe the selectors and not the classifier. As in Rasa.

    Args:
        examples: annotated examples, at least one of them with a response key.
        parses: their parses, parallel to `examples`.

    Returns:
        Outcomes and scores, with response keys in the place of intents.

    Raises:
        ValueError: the lengths differ, or no example has a response key.
    """
    outcomes = []
    for example, parse in zip(examples, parses, strict=True):
        target = example.response_key
        if target is None:
            continue
        selection = selection_of(example, parse)
        outcomes.append(
            IntentOutcome(
                text=example.text,
                target=target,
                prediction=None if selection is None else selection.best.intent_response_key,
                confidence=0.0 if selection is None else selection.best.confidence,
            )
        )
    scores = score_labels(
        [outcome.target for outcome in outcomes],
        [NO_PREDICTION if o.prediction is None else o.prediction for o in outcomes],
    )
    return IntentEvaluation(outcomes=tuple(outcomes), scores=scores)


def why_not_responses(examples: Sequence[Example], parses: Sequence[Parse]) -> str | None:
    """Why responses cannot be scored, or None when they can; "" where the data ask for none."""
    keys = {example.response_key for example in examples} - {None}
    if not keys:
        return ""
    if len(keys) < 2:
        return "the data have 1 response key; at least two are needed"
    if not any(parse.response_selector for parse in parses):
        return "the model selected no responses"
    return None


def selection_of(example: Example, parse: Parse) -> ResponseSelection | None:
    """What counts of a parse: the selection for the example's intent, or for all of them."""
    found = parse.response_selector.get(example.base_intent or "")
    return parse.response_selector.get(DEFAULT_SELECTOR) if found is None else found
