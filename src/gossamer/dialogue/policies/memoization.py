"""Policies that remember stories word for word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.errors import ModelFileError
from gossamer.dialogue.history.events import ActionExecuted, Event
from gossamer.dialogue.history.state import NO_RULES, RuleOnly, State
from gossamer.dialogue.history.state_storage import states_from_dicts, states_to_dicts
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import (
    DialogueData,
    Policy,
    PolicyOptions,
    Prediction,
    certain,
    tracker_featurizer,
)
from gossamer.dialogue.training.checks import check_actions
from gossamer.dialogue.training.examples import (
    UNLIKELY_INTENT,
    prediction_states,
    training_examples,
)
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.pipeline import Pipeline

States = tuple[State, ...]


class MemoizationOptions(PolicyOptions):
    """Options of both policies, named and defaulted as in Rasa 3.6.

    Attributes:
        priority: see `Prediction`.
        max_history: how many states of a conversation are compared; None for all. Rasa's option
            `featurizer` is accepted for it.
        use_nlu_confidence_as_score: the score is the classifier's confidence in the last message's
            intent, not 1.
        enable_feature_string_compression: accepted, and without effect: states are stored once
            each.
    """

    priority: Annotated[int, Field(ge=0)] = 3
    max_history: Annotated[int, Field(ge=1)] | None = None
    use_nlu_confidence_as_score: bool = False
    enable_feature_string_compression: bool = True

    @model_validator(mode="before")
    @classmethod
    def _read_featurizer(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "featurizer" not in data:
            return data
        rest = {key: value for key, value in data.items() if key != "featurizer"}
        _, max_history = tracker_featurizer(data["featurizer"])
        return rest if max_history is None else {**rest, "max_history": max_history}


class MemoizationPolicy(Policy):
    """Does what a story does, where the last `max_history` states are those of a story.

    As in Rasa 3.6, stories count as they are written, without those that augmentation adds, rules
    do not, and where stories go on in different ways nothing is remembered. Departure from Rasa:
    `action_unlikely_intent` in a story is skipped, as it is in a conversation; Rasa remembers
    it there, and would then predict it again and again.
    """

    name: ClassVar[str] = "MemoizationPolicy"
    Options: ClassVar[type[ComponentOptions]] = MemoizationOptions
    reads: ClassVar[frozenset[str] | None] = frozenset({"domain", "stories"})

    options: MemoizationOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._memory: dict[States, str] = {}
        self._domain: Domain | None = None

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Remember stories.

        Raises:
            DataError: a story has an action that the domain does not have.
        """
        stories = [story for story in data.stories if not story.is_augmented]
        check_actions(stories, data.domain)
        trackers = [story.tracker for story in stories]
        memory: dict[States, str] = {}
        ambiguous: set[States] = set()
        max_history = self.options.max_history
        for example in training_examples(trackers, data.domain, max_history=max_history):
            if memory.setdefault(example.states, example.action) != example.action:
                ambiguous.add(example.states)
        self._memory = {key: action for key, action in memory.items() if key not in ambiguous}
        self._domain = data.domain

    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        """Score 1 for the remembered action; zeros when none is remembered.

        Raises:
            RuntimeError: it is not trained.
        """
        domain = self._domain
        if domain is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        action = self._recall(tracker, domain, rule_only)
        if action is None:
            return self.nothing(domain)
        score = 1.0
        if self.options.use_nlu_confidence_as_score and tracker.latest_message is not None:
            score = tracker.latest_message.confidence
        return Prediction(
            policy=self.alias,
            priority=self.options.priority,
            scores=certain(domain, action, score),
            reason={"remembered": action},
        )

    def _recall(self, tracker: Tracker, domain: Domain, rule_only: RuleOnly) -> str | None:
        return self._memory.get(self._states(tracker, domain, rule_only))

    def _states(self, tracker: Tracker, domain: Domain, rule_only: RuleOnly) -> States:
        states = prediction_states(
            tracker, domain, max_history=self.options.max_history, rule_only=rule_only
        )
        return (*states[:-1], *map(_unread, states[-1:]))

    def state(self) -> ComponentState:
        """Different states in Rasa's layout; memories as their numbers, each with its action."""
        numbers: dict[State, int] = {}
        memories = [
            [[numbers.setdefault(state, len(numbers)) for state in states], action]
            for states, action in self._memory.items()
        ]
        return ComponentState(
            json={"states": states_to_dicts(tuple(numbers)), "memories": memories}
        )

    def restore(
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        """Restore stored memories."""
        try:
            memory = _memory_from_json(state.json, domain)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(
                "stored memories must be states and actions of the domain",
                got=str(error),
                hint="training the model again",
            ) from error
        self._memory, self._domain = memory, domain


class AugmentedMemoizationPolicy(MemoizationPolicy):
    """As `MemoizationPolicy`; without a match it forgets the oldest part and tries again.

    Slots that were set in what is forgotten are then no longer set. As in Rasa 3.6.
    """

    name: ClassVar[str] = "AugmentedMemoizationPolicy"
    reads: ClassVar[frozenset[str] | None] = MemoizationPolicy.reads

    def _recall(self, tracker: Tracker, domain: Domain, rule_only: RuleOnly) -> str | None:
        states = self._states(tracker, domain, rule_only)
        action = self._memory.get(states)
        if action is not None or not self._memory:
            return action
        longest = max(map(len, self._memory))
        for shorter in _forgetting(tracker, self.options.max_history, longest):
            found = self._states(shorter, domain, rule_only)
            if found != states:
                action = self._memory.get(found)
                if action is not None:
                    return action
                states = found
        return None


def _unread(state: State) -> State:
    """The state without the text of a message that was just said; earlier texts count."""
    user = state.user
    if user is None or user.text is None or not state.follows_listen:
        return state
    user = user._replace(text=None)
    return state._replace(user=user if any(user) else None)


def _forgetting(tracker: Tracker, max_history: int | None, longest: int) -> Iterator[Tracker]:
    """The conversation as if it had begun later, then later still.

    With `max_history`, it begins where the assistant last listened before the last `max_history`
    actions, so that the message they answer and what it set are still there.

    Args:
        tracker: the conversation.
        max_history: how many states are compared; None for all.
        longest: how many states the longest memory has; what is surely longer is left out.
    """
    events: Sequence[Event] = _recent(tracker.applied_events(), max_history)
    begin = 0
    if max_history is None and not any(_is_hidden(event) for event in events):
        counted = [i for i, event in enumerate(events) if _makes_state(event)]
        if len(counted) >= longest:  # each action makes a state, and the present is one more
            events, begin = events[counted[len(counted) - longest] :], 1
    while True:
        actions = [i for i, event in enumerate(events) if isinstance(event, ActionExecuted)]
        if len(actions) <= begin:
            return
        shorter = tracker.empty()
        shorter.update_all(events[actions[begin] :])
        yield shorter
        events, begin = shorter.applied_events(), 1


def _is_hidden(event: Event) -> bool:
    return isinstance(event, ActionExecuted) and event.hide_rule_turn


def _makes_state(event: Event) -> bool:
    return isinstance(event, ActionExecuted) and event.name != UNLIKELY_INTENT


def _recent(events: Sequence[Event], max_history: int | None) -> Sequence[Event]:
    if max_history is None:
        return events
    n_actions = 0
    for place in range(len(events) - 1, -1, -1):
        event = events[place]
        if isinstance(event, ActionExecuted):
            n_actions += 1
            if n_actions > max_history and event.name == ACTION_LISTEN:
                return events[place:]
    return events


def _memory_from_json(content: Mapping[str, Any], domain: Domain) -> dict[States, str]:
    states = dict(enumerate(states_from_dicts(content["states"], domain)))
    memory: dict[States, str] = {}
    for numbers, action in content["memories"]:
        if action not in domain.action_index:
            raise ValueError(f"'{action}' is not an action of the domain")
        memory[tuple(states[number] for number in numbers)] = action
    return memory
