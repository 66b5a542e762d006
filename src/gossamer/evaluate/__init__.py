"""How good a model is: understanding and dialogue, reports with Rasa's file names, figures."""

from gossamer.evaluate.comparison import ComparedModel, Comparison, Measure
from gossamer.evaluate.comparison_reports import comparison_text, write_comparison
from gossamer.evaluate.confidence import (
    AtThreshold,
    RiskCoverage,
    calibration_error,
    out_of_scope_auroc,
    risk_coverage,
)
from gossamer.evaluate.cross_validation import CrossValidation, Fold, cross_validate
from gossamer.evaluate.dialogue.comparison import compare_dialogue
from gossamer.evaluate.dialogue.conversations import Conversation, conversations_of
from gossamer.evaluate.dialogue.evaluation import DialogueEvaluation, evaluate_dialogue
from gossamer.evaluate.dialogue.outcomes import (
    ActionOutcome,
    ConversationOutcome,
    MessageOutcome,
)
from gossamer.evaluate.dialogue.replay import ActionChooser, ChosenAction
from gossamer.evaluate.dialogue.reports import write_dialogue_reports
from gossamer.evaluate.dialogue.tables import dialogue_report_text, dialogue_summary_text
from gossamer.evaluate.entities import EntityEvaluation, EntityOutcome, evaluate_entities
from gossamer.evaluate.fallback import FallbackAdvice, advise_fallback
from gossamer.evaluate.intents import IntentEvaluation, IntentOutcome, evaluate_intents
from gossamer.evaluate.labels import LabelScores, score_labels
from gossamer.evaluate.nlu import (
    NLUEvaluation,
    TextParser,
    evaluate_nlu,
    evaluate_parses,
    pipeline_extractors,
    pipeline_fallback_threshold,
)
from gossamer.evaluate.nlu_comparison import compare_nlu
from gossamer.evaluate.reports import write_reports
from gossamer.evaluate.responses import evaluate_responses
from gossamer.evaluate.spans import SpanCounts, SpanScores, score_spans
from gossamer.evaluate.tables import cross_validation_text, report_text, summary_text

__all__ = [
    "ActionChooser",
    "ActionOutcome",
    "AtThreshold",
    "ChosenAction",
    "ComparedModel",
    "Comparison",
    "Conversation",
    "ConversationOutcome",
    "CrossValidation",
    "DialogueEvaluation",
    "EntityEvaluation",
    "EntityOutcome",
    "FallbackAdvice",
    "Fold",
    "IntentEvaluation",
    "IntentOutcome",
    "LabelScores",
    "Measure",
    "MessageOutcome",
    "NLUEvaluation",
    "RiskCoverage",
    "SpanCounts",
    "SpanScores",
    "TextParser",
    "advise_fallback",
    "calibration_error",
    "compare_dialogue",
    "compare_nlu",
    "comparison_text",
    "conversations_of",
    "cross_validate",
    "cross_validation_text",
    "dialogue_report_text",
    "dialogue_summary_text",
    "evaluate_dialogue",
    "evaluate_entities",
    "evaluate_intents",
    "evaluate_nlu",
    "evaluate_parses",
    "evaluate_responses",
    "out_of_scope_auroc",
    "pipeline_extractors",
    "pipeline_fallback_threshold",
    "report_text",
    "risk_coverage",
    "score_labels",
    "score_spans",
    "summary_text",
    "write_comparison",
    "write_dialogue_reports",
    "write_reports",
]
