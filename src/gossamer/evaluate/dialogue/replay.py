"""Going through a conversation of a test story, asking at each turn what comes next."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.stories.steps import UserStep
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    Event,
    SessionStarted,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import Prediction
from gossamer.dialogue.training.examples import UNLIKELY_INTENT
from gossamer.evaluate.dialogue.conversations import Conversation, GoldEvent
from gossamer.evaluate.dialogue.outcomes import (
    ActionOutcome,
    ConversationOutcome,
    MessageOutcome,
)
from gossamer.nlu.pipeline.messages import Parse
from gossamer.nlu.pipeline.response_selection import DEFAULT_SELECTOR, RESPONSE_PREFIX

CIRCUIT_BREAKER: Final = "circuit breaker tripped"
"""The prediction when too many actions follow each other without listening; Rasa's words."""

FOLLOWUP_POLICY: Final = "followup_action"
"""The "policy" of an action that an event asked for; Rasa's word."""


class ChosenAction(Protocol):
    """What an ensemble of policies says comes next."""

    @property
    def prediction(self) -> Prediction:
        """That of the policy that won."""
        ...

    @property
    def action(self) -> str:
        """Name or text of the action."""
        ...

    @property
    def confidence(self) -> float:
        """In the action, in [0, 1]."""
        ...

    @property
    def events(self) -> Sequence[Event]:
        """What happens before the action."""
        ...


class ActionChooser(Protocol):
    """Anything that chooses actions: an ensemble of policies, or a stand-in."""

    def predict(self, tracker: Tracker, /) -> ChosenAction:
        """What comes next in a conversation."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """A chosen action, or what comes next without a policy.

    Attributes:
        action: its name.
        policy: or None for the circuit breaker.
        confidence: in it.
        events: what happens before the action.
        hide_rule_turn: whether policies that learn from stories are not to see it.
    """

    action: str
    policy: str | None
    confidence: float = 1.0
    events: tuple[Event, ...] = ()
    hide_rule_turn: bool = False


class Replay:
    """Goes through one conversation; see `evaluate_dialogue`.

    Args:
        conversation: of a test story.
        chooser: predicts actions.
        domain: what may be said and done.
        parses: by their text, of messages that are to be understood.
        max_actions: how many actions may follow each other without listening.
    """

    def __init__(
        self,
        conversation: Conversation,
        chooser: ActionChooser,
        domain: Domain,
        *,
        parses: Mapping[str, Parse],
        max_actions: int,
    ) -> None:
        self._conversation = conversation
        self._chooser = chooser
        self._domain = domain
        self._parses = parses
        self._max_actions = max_actions
        self._tracker = Tracker(domain.slots, conversation.name)
        self._actions: list[ActionOutcome] = []
        self._messages: list[MessageOutcome] = []
        self._has_begun = False
        self._full_intent: str | None = None

    def run(self) -> ConversationOutcome:
        """Predict every action; whatever is predicted, the conversation goes on as it is."""
        for gold in self._conversation.events(self._domain):
            match gold.event:
                case ActionExecuted():
                    self._act(gold, gold.event)
                case UserUttered():
                    self._hear(gold)
                case _:
                    self._tracker.update(gold.event)
        return ConversationOutcome(
            conversation=self._conversation,
            actions=tuple(self._actions),
            messages=tuple(self._messages),
        )

    def _hear(self, gold: GoldEvent) -> None:
        self._has_begun = True
        self._tracker.update(gold.event)
        step = self._conversation.steps[gold.position]
        if not isinstance(step, UserStep):  # an event, not a message
            return
        self._full_intent = step.intent
        parse = None if step.text is None else self._parses.get(step.text)
        if parse is None or step.intent is None:
            return
        self._full_intent = full_intent(parse)
        # A story that names the base intent alone does not ask for the key.
        is_base = parse.intent.name == step.intent
        self._messages.append(
            MessageOutcome(
                text=parse.text,
                target=step.intent,
                prediction=step.intent if is_base else self._full_intent,
                target_entities=tuple(e for e in step.entities if e.has_place),
                predicted_entities=tuple(parse.entities),
                position=gold.position,
            )
        )

    def _act(self, gold: GoldEvent, action: ActionExecuted) -> None:
        target = str(action.label)
        if not self._has_begun:
            # Nothing says which action a story begins with, and listening is implied.
            self._has_begun = target != ACTION_LISTEN
            self._tracker.update(action)
            return
        known = target if action.name is None else self._known_name(target)
        choice = self._choose_or_reject(known)
        is_unlikely = choice.action == UNLIKELY_INTENT and target != UNLIKELY_INTENT
        if is_unlikely:
            self._apply(choice, ActionExecuted(name=UNLIKELY_INTENT))
            choice = self._choose_or_reject(known)
        prediction = self._full_action(choice.action, target)
        self._actions.append(
            ActionOutcome(
                target=target,
                prediction=prediction,
                policy=choice.policy,
                confidence=choice.confidence,
                position=gold.position,
                is_implied=gold.is_implied,
                is_after_unlikely_intent=is_unlikely,
            )
        )
        done = action if action.name is None else dataclasses.replace(action, name=known)
        if prediction == target:
            self._apply(choice, done)
        else:
            self._tracker.update(done)

    def _choose(self) -> _Choice:
        tracker = self._tracker
        followup = tracker.followup_action
        if followup is not None and followup in self._domain.action_index:
            return _Choice(action=followup, policy=FOLLOWUP_POLICY)
        if _n_actions_in_a_row(tracker) >= self._max_actions:
            return _Choice(action=CIRCUIT_BREAKER, policy=None, confidence=0.0)
        chosen = self._chooser.predict(tracker)
        return _Choice(
            action=chosen.action,
            policy=chosen.prediction.policy,
            confidence=chosen.confidence,
            events=tuple(chosen.events),
            hide_rule_turn=chosen.prediction.hide_rule_turn,
        )

    def _choose_or_reject(self, target: str) -> _Choice:
        """A form that the story leaves is taken to have rejected the message, as no form runs."""
        choice = self._choose()
        is_active = choice.action == self._tracker.active_loop_name
        if choice.action == target or not is_active or choice.action not in self._domain.forms:
            return choice
        self._tracker.update_all(choice.events)
        self._tracker.update(
            ActionExecutionRejected(
                name=choice.action, policy=choice.policy, confidence=choice.confidence
            )
        )
        return self._choose()

    def _apply(self, choice: _Choice, action: ActionExecuted) -> None:
        """Apply what was predicted."""
        self._tracker.update_all(choice.events)
        self._tracker.update(
            dataclasses.replace(
                action,
                policy=choice.policy,
                confidence=choice.confidence,
                hide_rule_turn=choice.hide_rule_turn,
            )
        )

    def _known_name(self, action: str) -> str:
        """The name that policies know an action by: "utter_faq" for "utter_faq/ask_price"."""
        base = action.partition("/")[0]
        return base if base in self._domain.action_index else action

    def _full_action(self, action: str, target: str) -> str:
        """A predicted retrieval action with the key of the response it would say."""
        if action == target or self._full_intent is None or "/" not in self._full_intent:
            return action
        full = RESPONSE_PREFIX + self._full_intent
        return full if full.partition("/")[0] == action else action


def full_intent(parse: Parse) -> str | None:
    """The predicted intent with the key that a response selector picked, where there is one."""
    intent = parse.intent.name
    if intent is None or intent not in parse.retrieval_intents:
        return intent
    for name in (DEFAULT_SELECTOR, intent):
        if name in parse.response_selector:
            return parse.response_selector[name].best.intent_response_key
    return intent


def _n_actions_in_a_row(tracker: Tracker) -> int:
    """Actions since the assistant last listened."""
    number = 0
    for event in reversed(tracker.events):
        if isinstance(event, SessionStarted):
            break
        if isinstance(event, ActionExecuted):
            if event.name == ACTION_LISTEN:
                break
            number += 1
    return number
