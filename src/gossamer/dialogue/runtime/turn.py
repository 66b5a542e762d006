"""The result of a message: what was said, what happened, and why."""

from __future__ import annotations

from dataclasses import dataclass

from gossamer.dialogue.actions.action import ActionProblem
from gossamer.dialogue.history.events import BotUttered, Event
from gossamer.dialogue.policies.ensemble import EnsemblePrediction


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnAction:
    """An action in a turn, and why it was done.

    Attributes:
        name: its name, or the text it says.
        prediction: what the policies said; None: an event had asked for it, or a session began.
        events: what came of it.
        problem: why it failed, or None.
        is_rejected: whether it would not run.
    """

    name: str
    prediction: EnsemblePrediction | None = None
    events: tuple[Event, ...] = ()
    problem: ActionProblem | None = None
    is_rejected: bool = False

    def reason(self) -> str:
        """Why it was done, for users: which policy chose it, with what confidence and reason."""
        if self.prediction is None:
            return f"{self.name}: an event asked for it"
        own = self.prediction.prediction
        text = f"{self.name}: {own.policy}, {self.prediction.confidence:.2f}"
        if own.reason:
            text += f" ({', '.join(f'{key}: {value}' for key, value in own.reason.items())})"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What came of a message.

    Attributes:
        messages: what the assistant says, in order.
        actions: what it did, in order, the listening at the end among it.
        events: all that happened, the message among it.
        problems: actions that failed.
        is_cut_short: whether too many actions followed each other.
    """

    messages: tuple[BotUttered, ...] = ()
    actions: tuple[TurnAction, ...] = ()
    events: tuple[Event, ...] = ()
    problems: tuple[ActionProblem, ...] = ()
    is_cut_short: bool = False
