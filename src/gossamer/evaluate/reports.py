"""Report files, with the names and the layout that Rasa's `test nlu` writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gossamer.data.examples import Entity
from gossamer.evaluate.entities import EntityEvaluation, EntityOutcome
from gossamer.evaluate.files import make_folder, write_json, write_text
from gossamer.evaluate.intents import IntentEvaluation, IntentOutcome
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

    Always `report.txt`; for intents `intent_report.json`, for each extractor
    `<Extractor>_report.json` (per token, as Rasa), and `entity_span_report.json` (strict spans,
    not in Rasa). Every file is replaced in one step; files of an earlier run that this run would
    not write are left alone.

    Args:
        evaluation: what to write.
        folder: made when it is not there.
        errors: write `intent_errors.json` and `<Extractor>_errors.json`.
        successes: write `intent_successes.json` and `<Extractor>_successes.json`.
        plots: draw `..._confusion_matrix.png` and `..._histogram.png`.

    Returns:
        The files written.

    Raises:
        InputError: a file stands where the folder should be.
    """
    make_folder(folder)
    reports: dict[str, Any] = {}
    if evaluation.intents is not None:
        reports["intent_report.json"] = evaluation.intents.scores.report
        if errors:
            reports["intent_errors.json"] = _intent_entries(evaluation.intents.errors)
        if successes:
            reports["intent_successes.json"] = _intent_entries(evaluation.intents.successes)
    for entities in evaluation.entities:
        name = entities.extractor
        reports[f"{name}_report.json"] = entities.tokens.report
        if errors:
            reports[f"{name}_errors.json"] = _entity_entries(entities.errors)
        if successes:
            reports[f"{name}_successes.json"] = _entity_entries(entities.successes)
    if evaluation.spans is not None:
        reports["entity_span_report.json"] = evaluation.spans.report()
    written = []
    for file_name, content in reports.items():
        write_json(folder / file_name, content)
        written.append(folder / file_name)
    write_text(folder / "report.txt", report_text(evaluation))
    written.append(folder / "report.txt")
    if plots:
        written += _write_plots(evaluation, folder)
    return written


def _write_plots(evaluation: NLUEvaluation, folder: Path) -> list[Path]:
    # Drawing is imported late: the figures are optional, matplotlib takes a second to load.
    from gossamer.evaluate.plots import draw_confusion_matrix, draw_histogram

    written = []
    parts: list[IntentEvaluation | EntityEvaluation] = list(evaluation.entities)
    if evaluation.intents is not None:
        parts.insert(0, evaluation.intents)
    for part in parts:
        if isinstance(part, IntentEvaluation):
            prefix, title, what, scores = "intent", "Intents", "examples", part.scores
            right, wrong = confidences_of_intents(part)
        else:
            prefix, what, scores = part.extractor, "entity tokens", part.tokens
            title = f"{prefix}, entities per token"
            right, wrong = confidences_of_entities(part)
        matrix = folder / f"{prefix}_confusion_matrix.png"
        draw_confusion_matrix(
            scores.confusion, scores.confusion_labels, matrix, title=f"{title}: confusion matrix"
        )
        written.append(matrix)
        if right or wrong:
            histogram = folder / f"{prefix}_histogram.png"
            draw_histogram(
                right, wrong, histogram, title=f"{title}: confidence", what=f"Predicted {what}"
            )
            written.append(histogram)
    return written


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


def _intent_entries(outcomes: Iterable[IntentOutcome]) -> list[dict[str, Any]]:
    return [
        {
            "text": outcome.text,
            "intent": outcome.target,
            "intent_prediction": {"name": outcome.prediction, "confidence": outcome.confidence},
        }
        for outcome in outcomes
    ]


def _entity_entries(outcomes: Iterable[EntityOutcome]) -> list[dict[str, Any]]:
    return [
        {
            "text": outcome.text,
            "entities": [_annotation(entity) for entity in outcome.targets],
            "predicted_entities": [entity.to_dict() for entity in outcome.predictions],
        }
        for outcome in outcomes
    ]


def _annotation(entity: Entity) -> dict[str, Any]:
    return {key: part for key, part in asdict(entity).items() if part is not None}
