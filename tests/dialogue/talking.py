"""What tests of conversations share: a domain from text, policies and custom actions that follow a
script."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from gossamer.data import read_domain
from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.entities import Entity
from gossamer.dialogue.actions.action import ActionContext, ActionReply
from gossamer.dialogue.actions.registry import action_finder
from gossamer.dialogue.actions.responses import ResponseGenerator
from gossamer.dialogue.history.event_json import event_from_dict
from gossamer.dialogue.history.events import Event, UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import EnsemblePrediction
from gossamer.dialogue.policies.policy import Prediction, certain
from gossamer.dialogue.runtime.conversations import Conversations

SMALL_TALK = """
intents: [greet, bye, inform]
entities: [city]
slots:
  city: {type: text, mappings: [{type: from_entity, entity: city}]}
  session_started_metadata: {type: any, mappings: [{type: custom}]}
responses:
  utter_greet: [{text: Hello}]
  utter_bye: [{text: Bye}, {text: See you}]
  utter_city: [{text: "{city}"}]
actions: [action_a, action_b]
e2e_actions: ["Very well."]
"""


def domain_of(text: str) -> Domain:
    """The domain of a domain file's text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "domain.yml"
        path.write_text(f'version: "3.1"\n{text}', encoding="utf-8")
        return read_domain(path)


def prediction_of(
    domain: Domain,
    action: str,
    *,
    policy: str = "Script",
    confidence: float = 1.0,
    events: Sequence[Event] = (),
    is_end_to_end: bool = False,
    hide_rule_turn: bool = False,
) -> EnsemblePrediction:
    """What policies say when one of them wants an action."""
    prediction = Prediction(
        policy=policy,
        priority=1,
        scores=certain(domain, action, confidence),
        is_end_to_end=is_end_to_end,
        hide_rule_turn=hide_rule_turn,
    )
    return EnsemblePrediction(
        prediction=prediction,
        action=action,
        confidence=confidence,
        events=tuple(events),
        all=(prediction,),
    )


class Script:
    """Chooses one action after the other, and listens when there is none left.

    Attributes:
        seen: conversations it was asked about.
    """

    def __init__(self, domain: Domain, *actions: str | EnsemblePrediction) -> None:
        self.domain = domain
        self.actions = list(actions)
        self.seen: list[Tracker] = []

    def predict(self, tracker: Tracker) -> EnsemblePrediction:
        self.seen.append(tracker.fork())
        chosen = self.actions.pop(0) if self.actions else ACTION_LISTEN
        return (
            chosen if isinstance(chosen, EnsemblePrediction) else prediction_of(self.domain, chosen)
        )


class Rules:
    """Chooses by a function of the conversation."""

    def __init__(self, domain: Domain, rule: Callable[[Tracker], str]) -> None:
        self.domain = domain
        self.rule = rule

    def predict(self, tracker: Tracker) -> EnsemblePrediction:
        return prediction_of(self.domain, self.rule(tracker))


Custom = Callable[[Tracker], ActionReply]


class Actions:
    """Runs custom actions in this process.

    Attributes:
        calls: names of those that ran, and the conversation each saw.
    """

    def __init__(self, **actions: Custom | ActionReply | Exception) -> None:
        self.actions = actions
        self.calls: list[tuple[str, Tracker]] = []

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        self.calls.append((name, tracker.fork()))
        action = self.actions.get(name, ActionReply())
        if isinstance(action, Exception):
            raise action
        return action if isinstance(action, ActionReply) else action(tracker)


def context_of(domain: Domain, custom: Any = None, *, channel: str = "rest") -> ActionContext:
    """What actions work with."""
    return ActionContext(
        domain=domain,
        responses=ResponseGenerator(domain.responses),
        find=action_finder(domain),
        now=lambda: 1000.0,
        channel=channel,
        custom=custom,
    )


def entity(name: str, value: Any, **more: Any) -> Entity:
    return Entity(entity=name, value=value, **more)


def understood(text: str, intent: str | None, *entities: Entity, **more: Any) -> dict[str, Any]:
    """What is understood of a text, in Rasa's shape."""
    return {
        "text": text,
        "intent": {"name": intent, "confidence": 0.9},
        "entities": [found.to_dict() for found in entities],
        **more,
    }


def says(intent: str | None, *entities: Entity, text: str | None = None) -> UserUttered:
    return UserUttered(text=text, intent=intent, entities=tuple(entities), confidence=0.9)


def parse_word(text: str) -> dict[str, Any]:
    """Understands the first word of a text as its intent."""
    return understood(text, text.split()[0].lstrip("/") if text else None)


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def talk(domain: Domain, chooser: Any, **options: Any) -> Conversations:
    """Conversations that understand the first word of a text as its intent."""
    return Conversations(
        domain, chooser, options.pop("parse", parse_word), random_seed=1, **options
    )


def names(events: Iterable[Event]) -> list[str]:
    """Events in short: their type, and what they are about."""
    result = []
    for event in events:
        content = event.to_dict()
        about = content.get("name")
        if event.type_name == "slot":
            about = f"{content['name']}={content['value']}"
        elif event.type_name == "user":
            about = content["parse_data"]["intent"]["name"]
        elif event.type_name == "bot":
            about = content["text"]
        elif event.type_name == "action" and about is None:
            about = content["action_text"]
        result.append(event.type_name if about is None else f"{event.type_name} {about}")
    return result


def event(kind: str, **parts: Any) -> Event:
    return event_from_dict({"event": kind, **parts})
