"""Conversations and predictions as JSON of Rasa's HTTP API."""

from __future__ import annotations

from typing import Any

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.actions.action import events_after_restart
from gossamer.dialogue.history.current_state import current_state
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import EnsemblePrediction
from gossamer.dialogue.policies.policy import Scores
from gossamer.serve.routes.parameters import Events


def tracker_answer(tracker: Tracker, include: Events) -> dict[str, Any]:
    """A conversation, with some of its events."""
    state = current_state(tracker)
    if include is Events.NONE:
        state["events"] = None
    elif include is Events.APPLIED:
        state["events"] = [event.to_dict() for event in tracker.applied_events()]
    elif include is Events.AFTER_RESTART:
        state["events"] = [event.to_dict() for event in events_after_restart(tracker)]
    return state


def until(tracker: Tracker, time: float | None) -> Tracker:
    """The conversation as it was at a time; None: as it is."""
    if time is None:
        return tracker
    before = tracker.empty()
    before.update_all(
        event for event in tracker.events if event.timestamp is None or event.timestamp <= time
    )
    return before


def prediction_answer(
    chosen: EnsemblePrediction, domain: Domain, tracker: Tracker, include: Events
) -> dict[str, Any]:
    """What policies would do next."""
    scores = sorted(scored(chosen.prediction.scores, domain), key=lambda pair: (-pair[1], pair[0]))
    return {
        "scores": [{"action": action, "score": score} for action, score in scores],
        "policy": chosen.prediction.policy,
        "confidence": chosen.confidence,
        "tracker": tracker_answer(tracker, include),
    }


def scored(scores: Scores, domain: Domain) -> list[tuple[str, float]]:
    """Actions with their scores."""
    return list(zip(domain.action_labels, map(float, scores), strict=True))
