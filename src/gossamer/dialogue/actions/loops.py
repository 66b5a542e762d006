"""What forms and the two-stage fallback have in common: they run until they are done."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from gossamer.dialogue.actions.action import Action, ActionContext
from gossamer.dialogue.history.events import ActiveLoop, Event
from gossamer.dialogue.history.tracker import Tracker


class LoopAction(Action):
    """An action that is active over several messages.

    Each run begins the loop if it is not active, goes on unless it is done by then, and ends it
    when it is done.
    """

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        events: list[Event] = []
        if tracker.active_loop_name != self.name:
            events = [ActiveLoop(name=self.name), *self.begin(tracker, context)]
        if not self.is_done(tracker, events):
            events += self.go_on(tracker, context, events)
        if self.is_done(tracker, events):
            events += [ActiveLoop(name=None), *self.end(tracker, context)]
        return events

    def begin(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """What happens when the loop becomes active, besides that."""
        return []

    @abstractmethod
    def go_on(
        self, tracker: Tracker, context: ActionContext, events: Sequence[Event]
    ) -> list[Event]:
        """What happens in a run.

        Args:
            tracker: the conversation before the run.
            context: what else is needed.
            events: what happened in the run already: the loop's beginning, or nothing.
        """

    @abstractmethod
    def is_done(self, tracker: Tracker, events: Sequence[Event]) -> bool:
        """Whether the loop ends; arguments as of `go_on`."""

    def end(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """What happens when the loop ends, besides that."""
        return []
