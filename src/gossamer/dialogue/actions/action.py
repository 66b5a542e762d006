"""What an action is: something the assistant can do, which makes things happen."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gossamer.data.domain.domain import Domain
from gossamer.data.domain.responses import Variation
from gossamer.data.errors import InputError
from gossamer.dialogue.actions.responses import ResponseGenerator
from gossamer.dialogue.history.events import ActionExecuted, BotUttered, Event, Restarted, SlotSet
from gossamer.dialogue.history.tracker import Tracker

UTTER_PREFIX: Final = "utter_"


class ActionError(InputError):
    """An action could not be run."""


class ActionRejected(Exception):
    """An action would not run, so that another one may be chosen.

    Args:
        action: its name.
        reason: why, for users.
    """

    def __init__(self, action: str, reason: str | None = None) -> None:
        self.action = action
        self.reason = reason
        super().__init__(f"the action '{action}' would not run" if reason is None else reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionProblem:
    """An action that failed; the conversation went on without what it would have done.

    Attributes:
        action: its name.
        error: why.
    """

    action: str
    error: Exception

    def __str__(self) -> str:
        kind = "" if isinstance(self.error, InputError | ActionRejected) else _kind(self.error)
        return f"{self.action}: {kind}{self.error}"


def _kind(error: Exception) -> str:
    return f"{type(error).__name__}: "


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionReply:
    """What a custom action wants to happen.

    Attributes:
        events: events.
        responses: messages, said before the events; Rasa SDK's JSON, each with "text", "response"
            (the name of a response, filled in from slots and the mapping's other keys), "buttons"
            and so on.
    """

    events: Sequence[Event] = ()
    responses: Sequence[Mapping[str, Any]] = ()


class CustomActions(Protocol):
    """Runs the actions that the assistant does not know itself: an action server."""

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        """Run an action.

        Raises:
            ActionRejected: the action would not run.
            ActionError: it failed.
        """
        ...


class MessageMaker(Protocol):
    """Makes the messages of responses in place of the domain: an NLG server."""

    def generate(
        self,
        name: str,
        tracker: Tracker,
        channel: str,
        domain: Domain,
        arguments: Mapping[str, Any],
    ) -> BotUttered:
        """The message of a response.

        Raises:
            ActionError: there is none.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """What actions work with besides the conversation.

    Attributes:
        domain: what may be said and done.
        responses: makes messages of the domain's responses.
        find: the action of a name.
        now: seconds since the epoch.
        channel: where messages go.
        custom: runs custom actions; None: none can be run.
        nlg: makes all messages of responses in place of `responses`; None: nothing does.
        problems: actions that failed and whose failure was not the end of what called them.
    """

    domain: Domain
    responses: ResponseGenerator
    find: Callable[[str], Action]
    now: Callable[[], float]
    channel: str
    custom: CustomActions | None = None
    nlg: MessageMaker | None = None
    problems: list[ActionProblem] = field(default_factory=list)

    def run(self, name: str, tracker: Tracker) -> list[Event]:
        """Run an action as a part of another one. Raises what the action raises."""
        return self.find(name).run(tracker, self)

    def say(
        self,
        action: str,
        response: str,
        tracker: Tracker,
        *,
        variations: Sequence[Variation] | None = None,
        arguments: Mapping[str, Any] | None = None,
    ) -> list[BotUttered] | None:
        """The message of a response.

        Args:
            action: what says it; if making the message fails, that is noted as a problem of this.
            response: its name.
            tracker: the conversation.
            variations: to choose from; None: those of the domain.
            arguments: further variables; they win over slots.

        Returns:
            The message; nothing if making it failed; None when there is no such response, or no
            variation fits.
        """
        if self.nlg is not None:
            try:
                message = self.nlg.generate(
                    response, tracker, self.channel, self.domain, arguments or {}
                )
            except ActionError as error:
                self.note(action, error)
                return []
            return [message]
        values = (tracker.slots, self.channel)
        if variations is None:
            chosen = self.responses.generate(response, *values, arguments)
        else:
            chosen = self.responses.choose(response, variations, *values, arguments=arguments)
        return None if chosen is None else [chosen]

    def knows(self, name: str) -> bool:
        """Whether there is an action of that name."""
        return name in self.domain.action_index

    def note(self, action: str, error: Exception) -> list[Event]:
        """Remember that an action failed; the result is no events."""
        self.problems.append(ActionProblem(action=action, error=error))
        return []


class Action(ABC):
    """Something the assistant can do.

    Args:
        name: its name, or the text that it says (end-to-end learning).
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """Do it.

        Args:
            tracker: the conversation so far; it is not changed.
            context: what else is needed.

        Returns:
            What happens, including messages of the assistant.

        Raises:
            ActionRejected: the action would not run.
            ActionError: it failed.
        """

    def executed(
        self, *, policy: str | None, confidence: float, hide_rule_turn: bool
    ) -> ActionExecuted:
        """The event that records that it was done."""
        return ActionExecuted(
            name=self.name, policy=policy, confidence=confidence, hide_rule_turn=hide_rule_turn
        )


def with_events(tracker: Tracker, events: Sequence[Event]) -> Tracker:
    """The conversation as it would be after some events; the tracker itself is not changed."""
    other = tracker.fork()
    other.update_all(events)
    return other


def events_after_restart(tracker: Tracker) -> list[Event]:
    """What happened since the last restart."""
    events = tracker.events
    for index in range(len(events) - 1, -1, -1):
        if isinstance(events[index], Restarted):
            return list(events[index + 1 :])
    return list(events)


def slot_sets(events: Sequence[Event]) -> list[SlotSet]:
    """The events that set a slot."""
    return [event for event in events if isinstance(event, SlotSet)]


def stamped(event: Event, now: float) -> Event:
    """The event with a time, which stays if it has one."""
    return event if event.timestamp is not None else dataclasses.replace(event, timestamp=now)
