"""Evaluations of dialogue as text: a summary for the screen, a full report for a file.

rich is imported where it is used, as in `tables`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gossamer.evaluate.dialogue.evaluation import DialogueEvaluation
from gossamer.evaluate.dialogue.outcomes import MessageOutcome
from gossamer.evaluate.tables import decimals, make_table, plain_text, report_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from gossamer.evaluate.dialogue.outcomes import ConversationOutcome

_MOST_FAILED = 20


def dialogue_summary(evaluation: DialogueEvaluation) -> RenderableType:
    """The headline figures and what went wrong, to print on a rich console.

    Of conversations that failed, the first 20 are listed.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_counts(evaluation), _scores(evaluation)]
    failed = evaluation.failed
    if failed:
        parts.append(Text("Failed:", style="bold"))
        parts += [Text(_told(outcome)) for outcome in failed[:_MOST_FAILED]]
        if len(failed) > _MOST_FAILED:
            parts.append(Text(f"  ... and {len(failed) - _MOST_FAILED} more"))
    return Group(*parts)


def dialogue_summary_text(evaluation: DialogueEvaluation) -> str:
    """The headline figures and what went wrong, as plain text."""
    return plain_text(dialogue_summary(evaluation))


def dialogue_report_text(evaluation: DialogueEvaluation) -> str:
    """Headline figures, a row for every action and every failed conversation, as plain text."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [
        _counts(evaluation),
        _scores(evaluation),
        report_table("Actions", evaluation.actions.report),
        _policies(evaluation),
    ]
    if evaluation.failed:
        parts.append(Text("Failed:"))
        parts += [Text(_told(outcome)) for outcome in evaluation.failed]
    return plain_text(Group(*parts))


def _counts(evaluation: DialogueEvaluation) -> Table:
    kind = "end-to-end" if evaluation.is_end_to_end else "intents given"
    table = make_table(f"Test stories, {kind}", ("", "right", "of", "share"))
    conversations, actions = evaluation.outcomes, evaluation.action_outcomes
    counts = [
        ("conversations", len(evaluation.successful), len(conversations)),
        ("actions", sum(action.is_right for action in actions), len(actions)),
    ]
    messages = evaluation.message_outcomes
    if messages:
        counts.append(("messages", sum(m.is_right for m in messages), len(messages)))
    for name, n_right, n_all in counts:
        table.add_row(name, str(n_right), str(n_all), *decimals(n_right / n_all))
    n_warnings = len(evaluation.with_warnings)
    if n_warnings:
        table.caption = f"{n_warnings} right but for an unlikely intent"
    return table


def _scores(evaluation: DialogueEvaluation) -> Table:
    scores = evaluation.actions
    table = make_table(
        "Actions", ("", "accuracy", "weighted precision", "weighted F1", "in training data")
    )
    fraction = evaluation.in_training_data_fraction
    table.add_row("actions", *decimals(scores.accuracy, scores.precision, scores.f1, fraction))
    return table


def _policies(evaluation: DialogueEvaluation) -> Table:
    from rich.text import Text

    table = make_table("Who predicted", ("policy", "actions", "right"))
    outcomes = evaluation.action_outcomes
    n_all = Counter(outcome.policy for outcome in outcomes)
    n_right = Counter(outcome.policy for outcome in outcomes if outcome.is_right)
    for policy, number in n_all.most_common():
        table.add_row(Text(policy or "(none)"), str(number), str(n_right[policy]))
    return table


def _told(outcome: ConversationOutcome) -> str:
    """The name of a failed conversation, and what is wrong in it."""
    lines = [f"  {outcome.name}"]
    for error in outcome.errors:
        if isinstance(error, MessageOutcome):
            lines.append(f"    expected: {error.expected}; {error.remark}")
        else:
            by = "" if error.policy is None else f" ({error.policy}, {error.confidence:.2f})"
            lines.append(f"    expected: {error.target}; {error.remark}{by}")
    return "\n".join(lines)
