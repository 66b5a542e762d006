"""What an assistant would do next, for a person to judge."""

from __future__ import annotations

from dataclasses import dataclass

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import EnsemblePrediction
from gossamer.dialogue.runtime.running_turn import FOLLOWUP_POLICY
from gossamer.dialogue.runtime.turn_runner import TurnRunner


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the assistant would do next.

    Attributes:
        action: the action's name, or the text it says.
        confidence: in it.
        policy: who chose it; `FOLLOWUP_POLICY` where an event asked for it.
        ranking: all actions with the scores that the winning policy gives, best first; of equal
            ones the domain's own before those that every assistant has.
        prediction: what policies said, or None.
    """

    action: str
    confidence: float
    policy: str
    ranking: tuple[tuple[str, float], ...]
    prediction: EnsemblePrediction | None = None


def proposal_of(turns: TurnRunner, tracker: Tracker) -> Proposal | None:
    """What the assistant would do now, within a turn that `TurnRunner.hear` began.

    Args:
        turns: runs its turns.
        tracker: the conversation; it is not changed.

    Returns:
        None where it is to be silent.
    """
    found = turns.next_action(tracker)
    if found is None:
        return None
    action, prediction = found
    own = (prediction or turns.predict(tracker)).prediction
    domain = turns.domain
    scores = list(zip(domain.action_labels, map(float, own.scores), strict=True))
    named = {*domain.actions, *domain.responses, *domain.forms, ACTION_LISTEN}
    scores.sort(key=lambda pair: (-pair[1], pair[0] not in named))
    return Proposal(
        action=action,
        confidence=1.0 if prediction is None else prediction.confidence,
        policy=FOLLOWUP_POLICY if prediction is None else own.policy,
        ranking=tuple(scores),
        prediction=prediction,
    )
