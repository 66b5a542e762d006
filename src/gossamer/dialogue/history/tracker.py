"""A conversation so far: its events in order, and the state they lead to.

Events are only ever added. The state is the result of applying them in order, so a conversation
that is saved as its events and replayed is the same. Which events count after a restart or when
something is taken back, and how repeated runs of a form collapse, follows Rasa 3.6's
`DialogueStateTracker`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.domain.slots import Slot
from gossamer.data.entities import Entity
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    EntitiesAdded,
    Event,
    FollowupAction,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserFeaturization,
    UserUtteranceReverted,
    UserUttered,
    events_from_dicts,
)

SHOULD_NOT_BE_SET: Final = "should_not_be_set"
"""In a rule: a slot must have no value, no loop must be active."""

ACTION_SESSION_START: Final = "action_session_start"
DEFAULT_SENDER: Final = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopState:
    """The active loop.

    Attributes:
        name: of the loop, or `SHOULD_NOT_BE_SET` in a rule.
        is_interrupted: whether it was left and is to go on without validating once.
        is_rejected: whether it would not run.
        trigger: the message that started it, or None.
    """

    name: str
    is_interrupted: bool = False
    is_rejected: bool = False
    trigger: UserUttered | None = field(default=None, repr=False)


class Tracker:
    """A conversation so far.

    Args:
        slots: slots of the domain.
        sender_id: whose conversation.
        events: what happened already.

    Attributes:
        sender_id: whose conversation.
        slots: slot values by name.
        set_slots: names of slots that were set, to whatever value.
        latest_message: the user's last message, or None.
        uses_text: whether the last message counts by its text (True; so does one without an
            intent), by its intent (False), or that is not decided (None).
        latest_action: the last action, or None.
        latest_bot_message: what the assistant said last, or None.
        active_loop: the active loop, or None.
        followup_action: the action that is to come next whatever the policies say, or None.
        is_paused: whether the assistant is to be silent.
    """

    def __init__(
        self,
        slots: Sequence[Slot],
        sender_id: str = DEFAULT_SENDER,
        events: Iterable[Event] = (),
    ) -> None:
        self.sender_id = sender_id
        self._declared = slots
        self._events: list[Event] = []
        self._by_name: Mapping[str, Slot] = {slot.name: slot for slot in slots}
        self._reset()
        self.update_all(events)

    def _reset(self) -> None:
        self._reset_slots()
        self.is_paused = False
        self.latest_action: ActionExecuted | None = None
        self.latest_message: UserUttered | None = None
        self.uses_text: bool | None = None
        self.latest_bot_message: BotUttered | None = None
        self.followup_action: str | None = ACTION_LISTEN
        self.active_loop: LoopState | None = None

    def _reset_slots(self) -> None:
        self.slots: dict[str, Any] = {slot.name: slot.initial_value for slot in self._declared}
        self.set_slots: set[str] = set()

    @property
    def events(self) -> tuple[Event, ...]:
        """Everything that happened, in order."""
        return tuple(self._events)

    @property
    def declared_slots(self) -> Sequence[Slot]:
        """Slots of the domain."""
        return self._declared

    @property
    def latest_action_name(self) -> str | None:
        """The last action's name or text, or None."""
        return None if self.latest_action is None else self.latest_action.label

    @property
    def active_loop_name(self) -> str | None:
        """The active loop's name, or None."""
        loop = self.active_loop
        return None if loop is None or loop.name == SHOULD_NOT_BE_SET else loop.name

    def update(self, event: Event) -> None:
        """Something happened."""
        self._events.append(event)
        self._apply(event)

    def update_all(self, events: Iterable[Event]) -> None:
        """Several things happened, one after the other."""
        for event in events:
            self.update(event)

    def fork(self, sender_id: str | None = None) -> Tracker:
        """A conversation that was the same until now."""
        other = Tracker.__new__(Tracker)
        other.__dict__.update(self.__dict__)
        other.sender_id = self.sender_id if sender_id is None else sender_id
        other._events = list(self._events)
        other.slots = dict(self.slots)
        other.set_slots = set(self.set_slots)
        return other

    def empty(self) -> Tracker:
        """A conversation of the same person and slots in which nothing happened."""
        return Tracker(self._declared, self.sender_id)

    def _apply(self, event: Event) -> None:
        match event:
            case ActionExecuted():
                self._apply_action(event)
            case UserUttered():
                self.latest_message = event
                self.uses_text = True if event.text and event.intent is None else None
                self.followup_action = None
            case SlotSet():
                self._set_slot(event.name, event.value)
            case BotUttered():
                self.latest_bot_message = event
            case ActiveLoop():
                self.active_loop = (
                    None
                    if event.name is None
                    else LoopState(name=event.name, trigger=self.latest_message)
                )
            case LoopInterrupted():
                self._change_loop(is_interrupted=event.is_interrupted)
            case ActionExecutionRejected():
                if event.name == self.active_loop_name:
                    self._change_loop(is_rejected=True)
            case FollowupAction():
                self.followup_action = event.name
            case AllSlotsReset():
                self._reset_slots()
            case SessionStarted():
                self._reset()
            case Restarted():
                self._reset()
                self.followup_action = ACTION_SESSION_START
            case UserUtteranceReverted() | ActionReverted():
                self._reset()
                for applied in self.applied_events():
                    self._apply(applied)
            case ConversationPaused() | ConversationResumed():
                self.is_paused = isinstance(event, ConversationPaused)
            case UserFeaturization():
                if self.latest_action_name == ACTION_LISTEN and self.latest_message is not None:
                    self.uses_text = event.use_text
            case EntitiesAdded():
                self._add_entities(event.entities)
            case _:
                pass  # reminders, exports and agents' words change no state

    def _apply_action(self, event: ActionExecuted) -> None:
        self.latest_action = event
        self.followup_action = None
        if self.active_loop_name is not None:
            self._change_loop(is_interrupted=False)
            if event.name == self.active_loop_name:
                self._change_loop(is_rejected=False)

    def _change_loop(
        self, *, is_interrupted: bool | None = None, is_rejected: bool | None = None
    ) -> None:
        loop = self.active_loop
        if loop is not None:
            self.active_loop = dataclasses.replace(
                loop,
                is_interrupted=loop.is_interrupted if is_interrupted is None else is_interrupted,
                is_rejected=loop.is_rejected if is_rejected is None else is_rejected,
            )

    def _set_slot(self, name: str, value: Any) -> None:
        if name not in self._by_name:
            warnings.warn(
                f"the slot '{name}' is not declared in the domain; its value is not kept. "
                "Try: declaring it under 'slots:'",
                stacklevel=4,
            )
            return
        is_mark = value == SHOULD_NOT_BE_SET
        self.slots[name] = value if is_mark else self._by_name[name].coerce(value)
        self.set_slots.add(name)

    def _add_entities(self, entities: Sequence[Entity]) -> None:
        message = self.latest_message
        if self.latest_action_name != ACTION_LISTEN or message is None:
            return
        added = [entity for entity in entities if entity not in message.entities]
        self.latest_message = dataclasses.replace(message, entities=(*message.entities, *added))

    # -- what counts -----------------------------------------------------------------------------

    def applied_events(self) -> list[Event]:
        """The events that count: none before a restart, none that was taken back.

        Of a form that runs several times in a row only the first run counts, with the slots that
        later ones set, unless it was left for something else in between.
        """
        loops = {e.name for e in self._events if isinstance(e, ActiveLoop) and e.name is not None}
        applied: list[Event] = []
        for event in self._events:
            if isinstance(event, Restarted | SessionStarted):
                applied = []
            elif isinstance(event, ActionReverted):
                _drop_back_to(ActionExecuted, applied)
            elif isinstance(event, UserUtteranceReverted):
                _drop_back_to(UserUttered, applied)
                _drop_back_to(ActionExecuted, applied)
            elif (
                isinstance(event, ActionExecuted)
                and event.name in loops
                and not _is_new_run(event.name, applied)
            ):
                _collapse_run(event.name, applied)
            else:
                applied.append(event)
        return applied

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
