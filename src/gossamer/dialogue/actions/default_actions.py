"""Actions that every assistant has, and responses as actions; `registry` finds them by name.

They do what Rasa 3.6's actions of the same names do; departures are noted at each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

from gossamer.data.domain.domain import ACTION_LISTEN, REQUESTED_SLOT
from gossamer.data.domain.responses import Variation
from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.dialogue.actions.action import UTTER_PREFIX, Action, ActionContext, ActionError
from gossamer.dialogue.actions.slot_filling import extract_slots
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    Event,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.nlu.pipeline.response_selection import DEFAULT_SELECTOR, ResponseSelection

ASK_AFFIRMATION: Final = "action_default_ask_affirmation"
ASK_REPHRASE: Final = "action_default_ask_rephrase"
DEFAULT_FALLBACK: Final = "action_default_fallback"
OUT_OF_SCOPE_INTENT: Final = "out_of_scope"


class NothingAction(Action):
    """Does nothing: `action_listen`, `action_unlikely_intent`."""

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        return []


class ResponseAction(Action):
    """Says the response of its name, or one `<name>/<key>` that a response selector found."""

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        if self.name not in context.domain.responses:
            found = _selected(self.name, tracker)
            if found is not None and found.utter_action.startswith(f"{self.name}/"):
                return RetrievalAction(self.name).run(tracker, context)
        said = context.say(self.name, self.name, tracker)
        if said is None:
            return context.note(self.name, _no_response(self.name, context))
        return [*said]


def _no_response(name: str, context: ActionContext) -> ActionError:
    if name in context.domain.responses:
        return ActionError(
            f"the response '{name}' must have a variation that fits the slots and the channel",
            got=context.channel,
            hint="a variation without 'condition' and 'channel'",
        )
    return ActionError(f"the response '{name}' must be in the domain", hint="responses:")


class RetrievalAction(Action):
    """Says the response that a response selector found for the last message: `utter_faq`.

    The selector of the retrieval intent counts, else the one for all intents ("default"). Its
    response is looked up in the domain; one that is not there is said as the selector found it
    (Rasa 3.6 then says nothing).
    """

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        found = _selected(self.name, tracker)
        if found is None:
            error = ActionError(
                f"the action '{self.name}' must have a response selector for the intent "
                f"'{self.name.removeprefix(UTTER_PREFIX)}' that read the last message",
                hint="ResponseSelector in the pipeline",
            )
            return context.note(self.name, error)
        name = found.utter_action
        variations = context.domain.responses.get(name) or tuple(map(_variation, found.responses))
        said = context.say(self.name, name, tracker, variations=variations)
        return context.note(self.name, _no_response(name, context)) if said is None else [*said]


def _selected(name: str, tracker: Tracker) -> ResponseSelection | None:
    """What a response selector found for an action in the last message, or None."""
    message = tracker.latest_message
    if message is None or message.parse is None:
        return None
    found = message.parse.response_selector
    return found.get(name.removeprefix(UTTER_PREFIX), found.get(DEFAULT_SELECTOR))


def _variation(found: Mapping[str, Any]) -> Variation:
    """A response as a selector gives it."""
    return Variation(
        text=found.get("text"),
        custom=found.get("custom"),
        image=found.get("image"),
        attachment=found.get("attachment"),
        buttons=tuple(found.get("buttons") or ()),
        quick_replies=tuple(found.get("quick_replies") or ()),
        elements=tuple(found.get("elements") or ()),
        channel=found.get("channel"),
    )


class TextAction(Action):
    """Says a text from stories (end-to-end learning)."""

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        return [BotUttered(text=self.name)]

    def executed(
        self, *, policy: str | None, confidence: float, hide_rule_turn: bool
    ) -> ActionExecuted:
        """See `Action.executed`: the text takes the place of a name."""
        return ActionExecuted(
            action_text=self.name,
            policy=policy,
            confidence=confidence,
            hide_rule_turn=hide_rule_turn,
        )


class _SayingAction(Action):
    """Says a response if there is one, then lets events happen."""

    response: str
    events: tuple[Event, ...] = ()

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        return [*(context.say(self.name, self.response, tracker) or ()), *self.events]


class RestartAction(_SayingAction):
    """Says `utter_restart`; the conversation starts over."""

    response = "utter_restart"
    events = (Restarted(),)


class BackAction(_SayingAction):
    """Says `utter_back`; takes back the message that asked for it and the one before."""

    response = "utter_back"
    events = (UserUtteranceReverted(), UserUtteranceReverted())


class DefaultFallbackAction(_SayingAction):
    """Says `utter_default`; takes back the last message."""

    response = "utter_default"
    events = (UserUtteranceReverted(),)


class AskRephraseAction(_SayingAction):
    """Says `utter_ask_rephrase`."""

    response = "utter_ask_rephrase"


class SessionStartAction(Action):
    """Begins a session, with the slots of the one before if the domain says so.

    Departures from Rasa 3.6: a slot is carried over as it is, set once; Rasa sets it once for each
    time it was ever set, including slots that were reset since. What a form asked for is not
    carried over, as no form is active; in Rasa the message that starts it again may be the answer.
    """

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        carried: list[Event] = []
        if context.domain.session.carry_over_slots:
            carried = [
                SlotSet(name=slot.name, value=tracker.slots[slot.name])
                for slot in tracker.declared_slots
                if slot.name in tracker.set_slots and slot.name != REQUESTED_SLOT
            ]
        return [SessionStarted(), *carried, ActionExecuted(name=ACTION_LISTEN)]


class DeactivateLoopAction(Action):
    """Ends the active loop."""

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        return [ActiveLoop(name=None), *requested_slot(None, context)]


class ExtractSlotsAction(Action):
    """Fills slots from the last message; see `extract_slots`."""

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        return extract_slots(tracker, context)


class AskAffirmationAction(Action):
    """Asks whether the likeliest intent is meant, with two buttons.

    Where the classifier was not sure (`nlu_fallback`) the next in its ranking is the likeliest.
    Departure from Rasa 3.6: when the ranking has no other intent, it asks for other words
    (`action_default_ask_rephrase`), rather than whether 'nlu_fallback' is meant.
    """

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        message = tracker.latest_message
        intent = None if message is None else message.intent
        if message is not None and intent == FALLBACK_INTENT:
            ranking = [] if message.parse is None else message.parse.intent_ranking
            intent = ranking[1].name if len(ranking) > 1 else None
        if intent is None:
            return context.run(ASK_REPHRASE, tracker)
        buttons = [
            {"title": "Yes", "payload": f"/{intent}"},
            {"title": "No", "payload": f"/{OUT_OF_SCOPE_INTENT}"},
        ]
        return [
            BotUttered(
                text=f"Did you mean '{intent}'?",
                data={"buttons": buttons},
                metadata={"utter_action": self.name},
            )
        ]


class RevertFallbackAction(Action):
    """Rewrites a conversation as if nothing had been unclear: what was asked is taken back.

    The user said it in other words, or affirmed the intent (perhaps after having said it in other
    words). In Rasa 3.6 this action fails; this is what it was for in Rasa 2.
    """

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`."""
        done = [
            event.label
            for event in reversed(tracker.applied_events())
            if isinstance(event, ActionExecuted) and event.name != ACTION_LISTEN
        ]
        message = tracker.latest_message
        if message is None or not done:
            return []
        rephrasing = [UserUtteranceReverted()] * 3
        listen = ActionExecuted(name=ACTION_LISTEN)
        if done[0] == ASK_REPHRASE:
            return [*rephrasing, listen, dataclasses.replace(message, timestamp=None)]
        if done[0] != ASK_AFFIRMATION:
            return []
        events: list[Event] = [UserUtteranceReverted()] * 2
        events.append(listen)
        if done[1:2] == [ASK_REPHRASE]:
            events += [*rephrasing, listen]
        return [*events, affirmed(message)]


def affirmed(message: UserUttered) -> UserUttered:
    """The message again, now, its intent certain."""
    return dataclasses.replace(message, confidence=1.0, timestamp=None)


def requested_slot(name: str | None, context: ActionContext) -> list[Event]:
    """The event that says which slot a form asks for; none in a domain without forms."""
    if REQUESTED_SLOT not in context.domain.slot_by_name:
        return []
    return [SlotSet(name=REQUESTED_SLOT, value=name)]
