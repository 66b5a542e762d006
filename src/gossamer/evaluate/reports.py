"""Report files, with the names and the layout that Rasa's `test nlu` writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gossamer.data.errors import InputError
from gossamer.data.installed import FIGURES, require
from gossamer.data.text.files import write_files
from gossamer.evaluate.entities import EntityEvaluation, EntityOutcome
from gossamer.evaluate.fallback import advise_fallback, confidence_report
from gossamer.evaluate.files import json_bytes, text_bytes
from gossamer.evaluate.intents import IntentEvaluation, IntentOutcome
from gossamer.evaluate.labels import LabelScores
from gossamer.evaluate.nlu import NLUEvaluation
from gossamer.evaluate.tables import report_text


def write_reports(
    evaluation: NLUEvaluation,
    folder: Path,
    *,
    errors: bool = True,
    successes: bool = False,
    plots: bool = True,
) -> list[Path]:
    """Write an evaluation into a folder.

    Always `report.txt`; for intents `intent_report.json` and, where all confidences are finite,
    `intent_confidence_report.json` (calibration and thresholds, not in Rasa); for response
    selectors `response_selection_report.json`; for each extractor `<Extractor>_report.json` (per
    token, as Rasa), and `entity_span_report.json` (strict spans, not in Rasa). Either all files are
    replaced or none; files of an earlier run that this run would not write are left alone.

    Args:
        evaluation: what to write.
        folder: made when it is not there.
        errors: write `intent_errors.json`, `response_selection_errors.json` and
            `<Extractor>_errors.json`.
        successes: write the same with what is right, `intent_successes.json` and so on.
        plots: draw `..._confusion_matrix.png` and `..._histogram.png`, and for intents
            `intent_risk_coverage.png`, where an intent was predicted and confidences are finite.

    Returns:
        The files written.

    Raises:
        InputError: the folder cannot be written, or figures are wanted and matplotlib is not there.
    """
    if plots:
        require("figures (plots=True)", *FIGURES)
    reports: dict[str, Any] = {}
    if evaluation.intents is not None:
        reports["intent_report.json"] = evaluation.intents.scores.report
        advice = advise_fallback(evaluation.intents, own_threshold=evaluation.fallback_threshold)
        if advice is not None:
            reports["intent_confidence_report.json"] = confidence_report(evaluation.intents, advice)
        if errors:
            reports["intent_errors.json"] = intent_entries(evaluation.intents.errors)
        if successes:
            reports["intent_successes.json"] = intent_entries(evaluation.intents.successes)
    if evaluation.responses is not None:
        reports["response_selection_report.json"] = evaluation.responses.scores.report
        if errors:
            reports["response_selection_errors.json"] = response_entries(
                evaluation.responses.errors
            )
        if successes:
            reports["response_selection_successes.json"] = response_entries(
                evaluation.responses.successes
            )
    for entities in evaluation.entities:
        name = entities.extractor
        reports[f"{name}_report.json"] = entities.tokens.report
        if errors:
            reports[f"{name}_errors.json"] = entity_entries(entities.errors)
        if successes:
            reports[f"{name}_successes.json"] = entity_entries(entities.successes)
    if evaluation.spans is not None:
        reports["entity_span_report.json"] = evaluation.spans.report()
    contents = {name: json_bytes(content) for name, content in reports.items()}
    contents["report.txt"] = text_bytes(report_text(evaluation))
    if plots:
        contents |= _plots(evaluation)
    files = {folder / name: content for name, content in contents.items()}
    write_files(files, error=InputError)
    return list(files)


def _plots(evaluation: NLUEvaluation) -> dict[str, bytes]:
    # Drawing is imported late: the figures are optional, matplotlib takes a second to load.
    from gossamer.evaluate.plots import confusion_matrix_png, histogram_png, risk_coverage_png

    files = {}
    if evaluation.intents is not None:
        advice = advise_fallback(evaluation.intents, own_threshold=evaluation.fallback_threshold)
        if advice is not None and advice.everything.n_answered:
            files["intent_risk_coverage.png"] = risk_coverage_png(
                advice, title="Intents: error against coverage"
            )
    parts: list[tuple[str, str, str, LabelScores, tuple[list[float], list[float]]]] = [
        (prefix, title, "examples", part.scores, confidences_of_intents(part))
        for prefix, title, part in (
            ("intent", "Intents", evaluation.intents),
            ("response_selection", "Responses", evaluation.responses),
        )
        if part is not None
    ]
    for entities in evaluation.entities:
        name = entities.extractor
        confidences = confidences_of_entities(entities)
        title = f"{name}, entities per token"
        parts.append((name, title, "entity tokens", entities.tokens, confidences))
    for prefix, title, what, scores, (right, wrong) in parts:
        files[f"{prefix}_confusion_matrix.png"] = confusion_matrix_png(
            scores.confusion, scores.confusion_labels, title=f"{title}: confusion matrix"
        )
        if right or wrong:
            files[f"{prefix}_histogram.png"] = histogram_png(
                right, wrong, title=f"{title}: confidence", what=f"Predicted {what}"
            )
    return files


def confidences_of_intents(evaluation: IntentEvaluation) -> tuple[list[float], list[float]]:
    """Confidences of right and of wrong intent predictions; missing predictions are left out."""
    predicted = [o for o in evaluation.outcomes if o.prediction is not None]
    return (
        [o.confidence for o in predicted if o.is_right],
        [o.confidence for o in predicted if not o.is_right],
    )


def confidences_of_entities(evaluation: EntityEvaluation) -> tuple[list[float], list[float]]:
    """Confidences of right and of wrong entity tokens, as far as the extractor gives them."""
    right: list[float] = []
    wrong: list[float] = []
    for outcome in evaluation.outcomes:
        for target, predicted, confidence in zip(
            outcome.target_labels, outcome.predicted_labels, outcome.confidences, strict=True
        ):
            if confidence is not None:
                (right if target == predicted else wrong).append(confidence)
    return right, wrong


def intent_entries(outcomes: Iterable[IntentOutcome]) -> list[dict[str, Any]]:
    """Intent predictions, as Rasa's `intent_errors.json` has them."""
    return [
        {
            "text": outcome.text,
            "intent": outcome.target,
            "intent_prediction": {"name": outcome.prediction, "confidence": outcome.confidence},
        }
        for outcome in outcomes
    ]


def response_entries(outcomes: Iterable[IntentOutcome]) -> list[dict[str, Any]]:
    """Selected responses, as Rasa's `response_selection_errors.json` has them."""
    return [
        {
            "text": outcome.text,
            "intent_response_key_target": outcome.target,
            "intent_response_key_prediction": {
                "name": outcome.prediction,
                "confidence": outcome.confidence,
            },
        }
        for outcome in outcomes
    ]


def entity_entries(outcomes: Iterable[EntityOutcome]) -> list[dict[str, Any]]:
    """Extracted entities, as Rasa's `<Extractor>_errors.json` has them."""
    return [
        {
            "text": outcome.text,
            "entities": [entity.to_dict() for entity in outcome.targets],
            "predicted_entities": [entity.to_dict() for entity in outcome.predictions],
        }
        for outcome in outcomes
    ]
