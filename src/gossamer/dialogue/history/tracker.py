"""A conversation so far: its events in order, and the state they lead to.

Events are only ever added. The state is the result of applying them in order, so a conversation
that is saved as its events and replayed is the same. Which events count after a restart or when
something is taken back, and how repeated runs of a form collapse, follows Rasa 3.6's
`DialogueStateTracker`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from gossamer.data.domain.slots import Slot
from gossamer.dialogue.history.event_json import events_from_dicts
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    Event,
    Restarted,
    SessionStarted,
    UserFeaturization,
    UserUtteranceReverted,
    UserUttered,
)
from gossamer.dialogue.history.situation import Situation

DEFAULT_SENDER: Final = "default"
_TAKING_BACK: Final = (UserUtteranceReverted, ActionReverted)


class _Applied(NamedTuple):
    """Which events count among the first ones.

    Attributes:
        n_events: how many events there are.
        loops: names of loops that they begin.
        events: those that count.
    """

    n_events: int = 0
    loops: frozenset[str] = frozenset()
    events: tuple[Event, ...] = ()


class Tracker(Situation):
    """A conversation so far; `Situation` says what its events have led to.

    Args:
        slots: slots of the domain.
        sender_id: whose conversation.
        events: what happened already.

    Attributes:
        sender_id: whose conversation.
        derived: what was made of its events, so that it need not be made again when others follow;
            whoever uses it finds out whether it is still right. Forks begin with the same.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        sender_id: str = DEFAULT_SENDER,
        events: Iterable[Event] = (),
    ) -> None:
        super().__init__(slots)
        self.sender_id = sender_id
        self.derived: dict[Hashable, Any] = {}
        self._events: list[Event] = []
        self._applied = _Applied()
        self.update_all(events)

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return tuple(self._events)

    def update(self, event: Event) -> None:
        """Something happened."""
        self._events.append(event)
        if isinstance(event, _TAKING_BACK):
            self.reset()
            for applied in self.applied_events():
                self.apply(applied)
        else:
            self.apply(event)

    def update_all(self, events: Iterable[Event]) -> None:
        """Several things happened, one after the other."""
        following = list(events)
        # Whatever takes something back begins anew, so only the last of them has to.
        backs = (i for i, event in enumerate(following) if isinstance(event, _TAKING_BACK))
        last = max(backs, default=0)
        self._events += following[:last]
        for event in following[last:]:
            self.update(event)

    def fork(self, sender_id: str | None = None) -> Tracker:
        """A conversation that was the same until now."""
        other = Tracker.__new__(Tracker)
        other.become(self)
        other.sender_id = self.sender_id if sender_id is None else sender_id
        other.slots = dict(self.slots)
        other.derived = dict(self.derived)
        other._events = list(self._events)
        other._applied = self._applied
        return other

    def empty(self) -> Tracker:
        """A conversation of the same person and slots in which nothing happened."""
        return Tracker(self.declared_slots, self.sender_id)

    # -- what counts -----------------------------------------------------------------------------

    def applied_events(self) -> tuple[Event, ...]:
        """The events that count: none before a restart, none that was taken back.

        Of a form that runs several times in a row only the first run counts, with the slots that
        later ones set, unless it was left for something else in between.
        """
        known = self._applied
        if known.n_events < len(self._events):
            known = self._applied = _applied(known, self._events)
        return known.events

    # -- storing ---------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """JSON: the sender and all events; `from_dict` gives the same conversation."""
        return {
            "sender_id": self.sender_id,
            "events": [event.to_dict() for event in self._events],
        }

    @classmethod
    def from_dict(cls, slots: Sequence[Slot], content: Mapping[str, Any]) -> Tracker:
        """The conversation that `to_dict` stored, replayed.

        Raises:
            DataError: it is not such JSON.
        """
        sender_id = content.get("sender_id")
        return cls(
            slots,
            sender_id if isinstance(sender_id, str) else DEFAULT_SENDER,
            events_from_dicts(content.get("events")),
        )


def _applied(known: _Applied, events: Sequence[Event]) -> _Applied:
    """Which events count, where this is known of the first ones."""
    following = events[known.n_events :]
    begun = {e.name for e in following if isinstance(e, ActiveLoop) and e.name is not None}
    if not begun <= known.loops:  # then actions before count as runs of a loop too
        known, following = _Applied(loops=known.loops | begun), events
    applied = list(known.events)
    for event in following:
        if isinstance(event, Restarted | SessionStarted):
            applied = []
        elif isinstance(event, ActionReverted):
            _drop_back_to(ActionExecuted, applied)
        elif isinstance(event, UserUtteranceReverted):
            _drop_back_to(UserUttered, applied)
            _drop_back_to(ActionExecuted, applied)
        elif (
            isinstance(event, ActionExecuted)
            and event.name in known.loops
            and not _is_new_run(event.name, applied)
        ):
            _collapse_run(event.name, applied)
        else:
            applied.append(event)
    return _Applied(len(events), known.loops, tuple(applied))


def _drop_back_to(kind: type[Event], events: list[Event]) -> None:
    """Take events off the end, up to and including the last of a kind."""
    while events:
        if isinstance(events.pop(), kind):
            return


def _is_new_run(loop: str | None, applied: Sequence[Event]) -> bool:
    """Whether a form starts, or goes on after something else was done."""
    following: str | None = None
    for event in reversed(applied):
        if isinstance(event, ActiveLoop) and event.name is None:
            return True
        if isinstance(event, ActionExecutionRejected) and event.name == loop:
            return True
        if isinstance(event, UserUttered) and following is not None and following != loop:
            return True
        if isinstance(event, ActionExecuted):
            if event.name == loop:
                return False
            following = event.name
    return True


def _collapse_run(loop: str | None, applied: list[Event]) -> None:
    """Drop messages and actions since the form ran last; what it set stays."""
    for index in range(len(applied) - 1, -1, -1):
        event = applied[index]
        if isinstance(event, ActionExecuted) and event.name == loop:
            return
        if isinstance(event, ActionExecuted | UserUttered | UserFeaturization):
            del applied[index]
