"""Evaluations as text: a summary for the screen, a full report for a file.

rich is imported where it is used: importing it draws from the global random generator, which
importing this module must not.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from gossamer.evaluate.confidence import AtThreshold, calibration_error
from gossamer.evaluate.fallback import FallbackAdvice, advise_fallback
from gossamer.evaluate.nlu import NLUEvaluation

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from gossamer.evaluate.cross_validation import CrossValidation

_AVERAGES = ("micro avg", "macro avg", "weighted avg")


def summary(evaluation: NLUEvaluation) -> RenderableType:
    """The headline figures, to print on a rich console."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    if evaluation.intents is None:
        parts.append(Text(f"Intents not evaluated: {evaluation.no_intents_because}."))
    else:
        scores = evaluation.intents.scores
        table = make_table(
            f"Intents ({len(evaluation.intents.outcomes)} examples, {len(scores.labels)} intents)",
            ("", "accuracy", "weighted precision", "weighted F1", "calibration error"),
        )
        figures = decimals(scores.accuracy, scores.precision, scores.f1)
        advice = advise_fallback(evaluation.intents, own_threshold=evaluation.fallback_threshold)
        if advice is None:
            table.add_row("intents", *figures, "-")
            parts += [table, Text("Confidences are not evaluated: some are not finite numbers.\n")]
        else:
            gap = calibration_error(evaluation.intents.outcomes)
            table.add_row("intents", *figures, *decimals(gap))
            parts += [table, *_thresholds(advice)]
    if evaluation.responses is not None:
        scores = evaluation.responses.scores
        table = make_table(
            f"Responses ({len(evaluation.responses.outcomes)} examples, {len(scores.labels)} keys)",
            ("", "accuracy", "weighted precision", "weighted F1"),
        )
        table.add_row("responses", *decimals(scores.accuracy, scores.precision, scores.f1))
        parts.append(table)
    elif evaluation.no_responses_because is not None:
        parts.append(Text(f"Responses not evaluated: {evaluation.no_responses_because}."))
    if evaluation.entities:
        table = make_table(
            "Entities per token, as Rasa counts",
            ("extractor", "precision", "recall", "micro F1", "weighted F1"),
        )
        for part in evaluation.entities:
            tokens = part.tokens
            micro = decimals(tokens.micro_precision, tokens.micro_recall, tokens.micro_f1)
            table.add_row(part.extractor, *micro, *decimals(tokens.f1))
        parts.append(table)
    if evaluation.spans is not None:
        table = make_table(
            "Entities as strict spans: borders and labels must fit",
            ("extractor", "precision", "recall", "micro F1", "annotated"),
        )
        rows = [(part.extractor, part.spans.total) for part in evaluation.entities]
        if len(rows) != 1:
            rows.append(("all together", evaluation.spans.total))
        for name, total in rows:
            figures = decimals(total.precision, total.recall, total.f1)
            table.add_row(name, *figures, str(total.support))
        parts.append(table)
    return Group(*parts)


def _thresholds(advice: FallbackAdvice) -> list[RenderableType]:
    from rich.text import Text

    table = make_table(
        "FallbackClassifier: intents answered at a threshold and above",
        ("", "threshold", "answered", "error", "wrong", "right withheld"),
    )
    rows: list[tuple[str, AtThreshold | None]] = [("no threshold", advice.everything)]
    if advice.own is not None:
        rows.append(("own", advice.own))
    if advice.suggested is not None:
        rows.append(("suggested", advice.suggested))
    rows += [(f"error ≤ {error:.0%}", point) for error, point in advice.reaching.items()]
    for name, point in rows:
        table.add_row(name, *(["not reached"] if point is None else _point_cells(point)))
    if advice.suggested is None:
        rule = f"No threshold is suggested: {advice.no_suggestion_because}."
    else:
        rule = "Suggested: the fewest wrong answers given plus right ones withheld."
    own = "" if advice.own is not None else "The model has no FallbackClassifier.\n"
    caution = "Examples that the model was trained on tell nothing about thresholds.\n"
    return [table, Text(f"{rule}\n{own}{caution}")]


def _point_cells(point: AtThreshold) -> list[str]:
    error = "-" if point.error is None else f"{point.error:.1%}"
    return [
        f"{point.threshold:.15g}",
        f"{point.coverage:.1%}",
        error,
        str(point.n_wrong),
        str(point.n_withheld),
    ]


def summary_text(evaluation: NLUEvaluation) -> str:
    """The headline figures as plain text."""
    return plain_text(summary(evaluation))


def report_text(evaluation: NLUEvaluation) -> str:
    """The headline figures and a row for every label, as plain text."""
    from rich.console import Group

    parts: list[RenderableType] = [summary(evaluation)]
    if evaluation.intents is not None:
        parts.append(report_table("Intents", evaluation.intents.scores.report))
    if evaluation.responses is not None:
        parts.append(report_table("Responses", evaluation.responses.scores.report))
    parts += [
        report_table(f"{part.extractor}, per token", part.tokens.report)
        for part in evaluation.entities
    ]
    if evaluation.spans is not None:
        parts.append(report_table("All entities, strict spans", evaluation.spans.report()))
    return plain_text(Group(*parts))


def cross_validation_summary(result: CrossValidation) -> RenderableType:
    """Mean and standard deviation of each figure over the folds, to print on a rich console."""
    from rich.console import Group
    from rich.text import Text

    table = make_table(
        f"{len(result.folds)} folds: mean and standard deviation",
        ("", "training part", "test part"),
    )
    on_train = [fold.train.headline() for fold in result.folds]
    on_test = [fold.test.headline() for fold in result.folds]
    names = dict.fromkeys(name for figures in (*on_train, *on_test) for name in figures)
    for name in names:
        table.add_row(name, _spread(name, on_train), _spread(name, on_test))
    return Group(table, Text("All test parts together:\n"), summary(result.pooled))


def cross_validation_text(result: CrossValidation) -> str:
    """The summary of a cross-validation as plain text."""
    return plain_text(cross_validation_summary(result))


def _spread(name: str, folds: Sequence[Mapping[str, float]]) -> str:
    values = [figures[name] for figures in folds if name in figures]
    if not values:
        return "-"
    deviation = stdev(values) if len(values) > 1 else 0.0
    return f"{mean(values):.4f} ± {deviation:.4f}"


def report_table(title: str, report: Mapping[str, Any]) -> Table:
    """A row for every label of a classification report, the most frequent first."""
    from rich.text import Text

    table = make_table(title, ("label", "precision", "recall", "F1", "support", "confused with"))
    rows = {name: row for name, row in report.items() if isinstance(row, Mapping)}
    labels = sorted(rows.keys() - set(_AVERAGES), key=lambda name: (-rows[name]["support"], name))
    averages = [name for name in _AVERAGES if name in rows]
    for name in (*labels, *averages):
        row = rows[name]
        if name == "micro avg" or (name == "macro avg" and "micro avg" not in rows):
            table.add_section()
        confused = row.get("confused_with", {})
        table.add_row(
            Text(name),
            *decimals(row["precision"], row["recall"], row["f1-score"]),
            str(row["support"]),
            Text(", ".join(f"{label or '(none)'} ({n})" for label, n in confused.items())),
        )
    return table


def make_table(title: str, columns: Iterable[str]) -> Table:
    """An empty table; the first column is text, the others are figures."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for index, column in enumerate(columns):
        is_text = index == 0 or column == "confused with"
        table.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text)
    return table


def decimals(*values: float) -> list[str]:
    """Numbers with four decimals."""
    return [f"{value:.4f}" for value in values]


def plain_text(content: RenderableType) -> str:
    """What a rich console would show, 120 columns wide and without colours."""
    from rich.console import Console

    console = Console(file=io.StringIO(), width=120, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(content)
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"
