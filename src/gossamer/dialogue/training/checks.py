"""What must hold of stories and rules before any policy learns from them."""

from __future__ import annotations

from collections.abc import Iterable

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError, Location
from gossamer.data.stories.steps import ActionStep, BotStep
from gossamer.data.text.suggestions import nearest
from gossamer.dialogue.history.events import ActionExecuted
from gossamer.dialogue.training.unfolding import TrainingTracker


def check_actions(trackers: Iterable[TrainingTracker], domain: Domain) -> None:
    """Refuse actions that the domain does not have; a policy could not choose them.

    Raises:
        DataError: there are some; the message names each once, with the first place it is at.
    """
    first: dict[str, TrainingTracker] = {}
    for training in trackers:
        for event in training.tracker.events:
            label = event.label if isinstance(event, ActionExecuted) else None
            if label is not None and label not in domain.action_index:
                first.setdefault(label, training)
    if not first:
        return
    places = {label: _place(label, training) for label, training in first.items()}
    lines = [f"- {_told(label, first[label], places[label], domain)}" for label in first]
    raise DataError(
        "actions of stories and rules must be in the domain; these are not:\n" + "\n".join(lines),
        where=next(iter(places.values())),
        hint="declaring them under 'actions:' or 'responses:'",
    )


def _place(label: str, training: TrainingTracker) -> Location | None:
    for source in training.sources:
        for step in source.steps:
            written = None
            if isinstance(step, ActionStep):
                written = step.name
            elif isinstance(step, BotStep):
                written = step.text
            if written == label:
                return step.where
    return None


def _told(label: str, training: TrainingTracker, where: Location | None, domain: Domain) -> str:
    kind = "rule" if training.is_rule else "story"
    place = "" if where is None else f" ({where})"
    near = nearest(label, domain.action_names)
    guess = "" if near is None else f"; did you mean '{near}'?"
    return f"'{label}' in {kind} '{training.name}'{place}{guess}"
