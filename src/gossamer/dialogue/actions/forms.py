"""Forms: asking for one slot after the other until all are filled, as Rasa 3.6 does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gossamer.data.domain.domain import ACTION_LISTEN, REQUESTED_SLOT
from gossamer.dialogue.actions.action import ActionContext, ActionRejected, slot_sets, with_events
from gossamer.dialogue.actions.loops import LoopAction
from gossamer.dialogue.actions.remote_action import RemoteAction
from gossamer.dialogue.actions.slot_filling import extract_slots
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    Event,
    Restarted,
    SlotSet,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker


class FormAction(LoopAction):
    """A form of the domain.

    When it begins, slots are filled from the message that began it, and what is filled already is
    validated. In each further run the slots that the message filled are validated; if a slot was
    asked for and the message filled none, the form is rejected, so that a policy may do something
    else. A form that was left for something else does not look at the message when it goes on.
    Then it asks for the first required slot that has no value, and ends when there is none.

    `validate_<form>`, if the domain has such an action, does the validation. It may set slots,
    also to None; ask for a slot of its choice by setting `requested_slot`; end the form
    by setting it to None or by ending the loop; or reject the form.

    A slot is asked for by the first of these that the domain has: `action_ask_<form>_<slot>`,
    `utter_ask_<form>_<slot>`, `action_ask_<slot>`, `utter_ask_<slot>`. Without any, the form only
    waits.
    """

    def begin(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `LoopAction.begin`."""
        active = with_events(tracker, [ActiveLoop(name=self.name)])
        extracted = extract_slots(active, context)
        active.update_all(extracted)
        filled = {
            name: active.slots[name]
            for name in self._required(context)
            if active.slots.get(name) is not None
        }
        validated = self._validated(filled, active, context)
        decided = {event.name for event in slot_sets(validated)}
        return [*validated, *(e for e in slot_sets(extracted) if e.name not in decided)]

    def go_on(
        self, tracker: Tracker, context: ActionContext, events: Sequence[Event]
    ) -> list[Event]:
        """See `LoopAction.go_on`."""
        own: list[Event] = []
        if all(isinstance(event, ActiveLoop) for event in events):  # nothing is validated yet
            own = self._read_message(tracker, context)
        if _is_rejected(own):
            return own
        return [*own, *self._ask(tracker, context, [*events, *own])]

    def is_done(self, tracker: Tracker, events: Sequence[Event]) -> bool:
        """See `LoopAction.is_done`: the last word on the requested slot or the loop is None."""
        if _is_rejected(events):
            return False
        requested = [event for event in slot_sets(events) if event.name == REQUESTED_SLOT]
        loops = [event for event in events if isinstance(event, ActiveLoop)]
        return bool(requested and requested[-1].value is None) or bool(
            loops and loops[-1].name is None
        )

    # -- reading ---------------------------------------------------------------------------------

    def _read_message(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        loop = tracker.active_loop
        is_waiting = tracker.latest_action_name == ACTION_LISTEN
        if loop is not None and (loop.is_interrupted or not is_waiting):
            # Still asked, as it may decide which slot is to come.
            return self._validated({}, tracker, context)
        requested = self._requested(tracker)
        wanted = {*self._required(context), *([] if requested is None else [requested])}
        filled = {
            event.name: event.value for event in _set_by_message(tracker) if event.name in wanted
        }
        validated = self._validated(filled, tracker, context)
        has_validated = any(event.name != REQUESTED_SLOT for event in slot_sets(validated))
        if requested and not filled and not has_validated and not _is_rejected(validated):
            raise ActionRejected(
                self.name, f"the message must fill the slot '{requested}' that {self.name} asks for"
            )
        return validated

    def _validated(
        self, filled: Mapping[str, Any], tracker: Tracker, context: ActionContext
    ) -> list[Event]:
        """The values after `validate_<form>`; nothing when there is no such action."""
        name = f"validate_{self.name}"
        if not context.knows(name):
            return []
        proposed = [SlotSet(name=slot, value=value) for slot, value in filled.items()]
        return RemoteAction(name).run(self._as_if_run(tracker, proposed), context)

    # -- asking ----------------------------------------------------------------------------------

    def _ask(
        self, tracker: Tracker, context: ActionContext, events: Sequence[Event]
    ) -> list[Event]:
        if self.is_done(tracker, events):  # ended by the validation
            return [SlotSet(name=REQUESTED_SLOT, value=None)]
        later = self._as_if_run(tracker, events)
        chosen = next((e.value for e in slot_sets(events) if e.name == REQUESTED_SLOT), None)
        if chosen:  # by the validation
            return self._question(chosen, later, context)
        missing = (slot for slot in self._required(context) if later.slots.get(slot) is None)
        slot = next(missing, None)
        if slot is None:
            return [SlotSet(name=REQUESTED_SLOT, value=None)]
        return [SlotSet(name=REQUESTED_SLOT, value=slot), *self._question(slot, later, context)]

    def _question(self, slot: str, tracker: Tracker, context: ActionContext) -> list[Event]:
        names = (
            f"action_ask_{self.name}_{slot}",
            f"utter_ask_{self.name}_{slot}",
            f"action_ask_{slot}",
            f"utter_ask_{slot}",
        )
        name = next(filter(context.knows, names), None)
        return [] if name is None else context.run(name, tracker)

    def _required(self, context: ActionContext) -> tuple[str, ...]:
        return context.domain.forms[self.name].required_slots

    def _requested(self, tracker: Tracker) -> str | None:
        """The slot this form asked for; one that another form asked for does not count."""
        if tracker.active_loop_name != self.name:
            return None
        requested = tracker.slots.get(REQUESTED_SLOT)
        return requested if isinstance(requested, str) else None

    def _as_if_run(self, tracker: Tracker, events: Sequence[Event]) -> Tracker:
        """The conversation as actions within the form see it.

        The form's execution is before the new events, so that an action server recognises them.
        """
        asked = SlotSet(name=REQUESTED_SLOT, value=self._requested(tracker))
        return with_events(tracker, [asked, ActionExecuted(name=self.name), *events])


def _is_rejected(events: Sequence[Event]) -> bool:
    return any(isinstance(event, ActionExecutionRejected) for event in events)


def _set_by_message(tracker: Tracker) -> list[SlotSet]:
    """Slots that were set since the last message that counts (or the last restart)."""
    message = tracker.latest_message
    events = tracker.events
    for index in range(len(events) - 1, -1, -1):
        event = events[index]
        if isinstance(event, Restarted) or (
            message is not None
            and isinstance(event, UserUttered)
            # Policies may have added entities to the message since.
            and (event.text, event.intent) == (message.text, message.intent)
        ):
            return slot_sets(events[index:])
    return slot_sets(events)
