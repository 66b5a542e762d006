"""What tests of a model answer: the figures and entries of Rasa's HTTP API."""

from __future__ import annotations

from typing import Any

from gossamer.evaluate.dialogue.evaluation import DialogueEvaluation
from gossamer.evaluate.dialogue.reports import story_report
from gossamer.evaluate.labels import LabelScores
from gossamer.evaluate.nlu import NLUEvaluation
from gossamer.evaluate.reports import entity_entries, intent_entries, response_entries


def nlu_answer(evaluation: NLUEvaluation) -> dict[str, Any]:
    """Scores of intents, of responses, and of entities by extractor; null where there are none."""
    intents, responses = evaluation.intents, evaluation.responses
    return {
        "intent_evaluation": None
        if intents is None
        else {
            "predictions": [
                {
                    "text": outcome.text,
                    "intent": outcome.target,
                    "predicted": outcome.prediction,
                    "confidence": outcome.confidence,
                }
                for outcome in intents.outcomes
            ],
            **_scores(intents.scores),
            "errors": intent_entries(intents.errors),
        },
        "entity_evaluation": {
            entities.extractor: {
                **_scores(entities.tokens),
                "errors": entity_entries(entities.errors),
            }
            for entities in evaluation.entities
        },
        "response_selection_evaluation": None
        if responses is None
        else {**_scores(responses.scores), "errors": response_entries(responses.errors)},
    }


def stories_answer(evaluation: DialogueEvaluation) -> dict[str, Any]:
    """Scores of actions, and each of them."""
    scores = evaluation.labels
    return {
        "report": story_report(evaluation),
        "precision": scores.precision,
        "f1": scores.f1,
        "accuracy": scores.accuracy,
        "actions": [
            {
                "action": outcome.target,
                "predicted": outcome.prediction,
                "policy": outcome.policy,
                "confidence": outcome.confidence,
            }
            for outcome in evaluation.action_outcomes
        ],
        "in_training_data_fraction": evaluation.in_training_data_fraction,
        "is_end_to_end_evaluation": evaluation.is_end_to_end,
    }


def _scores(scores: LabelScores) -> dict[str, Any]:
    return {
        "report": scores.report,
        "precision": scores.precision,
        "f1_score": scores.f1,
        "accuracy": scores.accuracy,
    }
