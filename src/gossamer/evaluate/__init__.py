"""How good a model is: intent and entity scores, reports with Rasa's file names, figures."""

from gossamer.evaluate.cross_validation import CrossValidation, Fold, cross_validate
from gossamer.evaluate.entities import EntityEvaluation, EntityOutcome, evaluate_entities
from gossamer.evaluate.intents import IntentEvaluation, IntentOutcome, evaluate_intents
from gossamer.evaluate.labels import LabelScores, score_labels
from gossamer.evaluate.nlu import (
    NLUEvaluation,
    TextParser,
    evaluate_nlu,
    evaluate_parses,
    pipeline_extractors,
)
from gossamer.evaluate.reports import write_reports
from gossamer.evaluate.spans import SpanCounts, SpanScores, score_spans
from gossamer.evaluate.tables import cross_validation_text, report_text, summary_text

__all__ = [
    "CrossValidation",
    "EntityEvaluation",
    "EntityOutcome",
    "Fold",
    "IntentEvaluation",
    "IntentOutcome",
    "LabelScores",
    "NLUEvaluation",
    "SpanCounts",
    "SpanScores",
    "TextParser",
    "cross_validate",
    "cross_validation_text",
    "evaluate_entities",
    "evaluate_intents",
    "evaluate_nlu",
    "evaluate_parses",
    "pipeline_extractors",
    "report_text",
    "score_labels",
    "score_spans",
    "summary_text",
    "write_reports",
]
