"""What the events of a conversation have led to: slot values, last message, active loop and so on.

Follows Rasa 3.6's `DialogueStateTracker`.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.domain.slots import Slot
from gossamer.data.entities import Entity
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
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
    UserUttered,
)

SHOULD_NOT_BE_SET: Final = "should_not_be_set"
"""In a rule: a slot must have no value, no loop must be active."""

ACTION_SESSION_START: Final = "action_session_start"


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


class Situation:
    """What the events so far have led to.

    Its values are replaced and never changed, so that copies share them.

    Args:
        slots: slots of the domain.

    Attributes:
        declared_slots: slots of the domain.
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

    __slots__ = (
        "_by_name",
        "active_loop",
        "declared_slots",
        "followup_action",
        "is_paused",
        "latest_action",
        "latest_bot_message",
        "latest_message",
        "set_slots",
        "slots",
        "uses_text",
    )
    active_loop: LoopState | None
    declared_slots: Sequence[Slot]
    followup_action: str | None
    is_paused: bool
    latest_action: ActionExecuted | None
    latest_bot_message: BotUttered | None
    latest_message: UserUttered | None
    set_slots: frozenset[str]
    slots: dict[str, Any]
    uses_text: bool | None
    _by_name: Mapping[str, Slot]

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.declared_slots = slots
        self._by_name = {slot.name: slot for slot in slots}
        self.reset()

    def copy(self) -> Situation:
        """The same situation, which may go on in another way."""
        other = Situation.__new__(Situation)
        other.become(self)
        return other

    def become(self, other: Situation) -> None:
        """Be in the situation that another one is in now."""
        self.declared_slots, self._by_name = other.declared_slots, other._by_name
        self.slots, self.set_slots = other.slots, other.set_slots
        self.latest_message, self.uses_text = other.latest_message, other.uses_text
        self.latest_action, self.latest_bot_message = other.latest_action, other.latest_bot_message
        self.active_loop, self.followup_action = other.active_loop, other.followup_action
        self.is_paused = other.is_paused

    def reset(self) -> None:
        """As if nothing had happened."""
        self._reset_slots()
        self.is_paused = False
        self.latest_action = None
        self.latest_message = None
        self.uses_text = None
        self.latest_bot_message = None
        self.followup_action = ACTION_LISTEN
        self.active_loop = None

    def _reset_slots(self) -> None:
        self.slots = {slot.name: slot.initial_value for slot in self.declared_slots}
        self.set_slots = frozenset()

    @property
    def latest_action_name(self) -> str | None:
        """The last action's name or text, or None."""
        return None if self.latest_action is None else self.latest_action.label

    @property
    def active_loop_name(self) -> str | None:
        """The active loop's name, or None."""
        loop = self.active_loop
        return None if loop is None or loop.name == SHOULD_NOT_BE_SET else loop.name

    def apply(self, event: Event) -> None:
        """Go on as an event says; one that takes others back changes nothing here."""
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
                self.reset()
            case Restarted():
                self.reset()
                self.followup_action = ACTION_SESSION_START
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
                stacklevel=5,
            )
            return
        is_mark = value == SHOULD_NOT_BE_SET
        kept = value if is_mark else self._by_name[name].coerce(value)
        self.slots = {**self.slots, name: kept}
        self.set_slots |= {name}

    def _add_entities(self, entities: Sequence[Entity]) -> None:
        message = self.latest_message
        if self.latest_action_name != ACTION_LISTEN or message is None:
            return
        added = [entity for entity in entities if entity not in message.entities]
        self.latest_message = dataclasses.replace(message, entities=(*message.entities, *added))
