"""Policies that remember stories word for word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from pydantic import Field

from gossamer.data.domain import Domain
from gossamer.data.errors import ModelFileError
from gossamer.dialogue.events import ActionExecuted, Event
from gossamer.dialogue.examples import prediction_states, training_examples
from gossamer.dialogue.policy import DialogueData, Policy, PolicyOptions, Prediction, certain
from gossamer.dialogue.state import NO_RULES, RuleOnly, State, UserState
from gossamer.dialogue.tracker import Tracker
from gossamer.nlu.component import ComponentOptions, EpochListener
from gossamer.nlu.messages import ComponentState
from gossamer.nlu.pipeline import Pipeline

States = tuple[State, ...]


class MemoizationOptions(PolicyOptions):
    """Options of both policies, named and defaulted as in Rasa 3.6.

    Attributes:
        priority: see `Prediction`.
        max_history: how many states of a conversation are compared; None for all.
        use_nlu_confidence_as_score: the score is how sure the classifier was of the last message's
            intent, not 1.
        enable_feature_string_compression: accepted, and without effect: states are stored once
            each.
    """

    priority: Annotated[int, Field(ge=0)] = 3
    max_history: Annotated[int, Field(ge=1)] | None = None
    use_nlu_confidence_as_score: bool = False
    enable_feature_string_compression: bool = True


class MemoizationPolicy(Policy):
    """Does what a story does, where the last `max_history` states are those of a story.

    As in Rasa 3.6, stories count as they are written, without those that augmentation adds, rules
    do not, and where stories go on in different ways nothing is remembered.
    """

    name: ClassVar[str] = "MemoizationPolicy"
    Options: ClassVar[type[ComponentOptions]] = MemoizationOptions

    options: MemoizationOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._memory: dict[States, str] = {}
        self._domain: Domain | None = None

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Remember stories."""
        self._domain = data.domain
        trackers = [story.tracker for story in data.stories if not story.is_augmented]
        memory: dict[States, str] = {}
        ambiguous: set[States] = set()
        max_history = self.options.max_history
        for example in training_examples(trackers, data.domain, max_history=max_history):
            if memory.setdefault(example.states, example.action) != example.action:
                ambiguous.add(example.states)
        self._memory = {key: action for key, action in memory.items() if key not in ambiguous}

    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        """Score 1 for the remembered action; zeros when there is none.

        Raises:
            RuntimeError: it is not trained.
        """
        domain = self._domain
        if domain is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        action = self._recall(tracker, domain, rule_only)
        if action is None or action not in domain.action_index:
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
        return prediction_states(
            tracker, domain, max_history=self.options.max_history, rule_only=rule_only
        )

    def state(self) -> ComponentState:
        """Different states, and the memories as their numbers with the action behind them."""
        numbers: dict[State, int] = {}
        memories = [
            [[numbers.setdefault(state, len(numbers)) for state in states], action]
            for states, action in self._memory.items()
        ]
        return ComponentState(
            json={"states": [_to_json(state) for state in numbers], "memories": memories}
        )

    def restore(
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        """Take over stored memories."""
        try:
            states = [_from_json(content) for content in state.json["states"]]
            memory = {
                tuple(states[number] for number in numbers): str(action)
                for numbers, action in state.json["memories"]
            }
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelFileError(
                "stored memories must be states and actions",
                got=str(error),
                hint="training the model again",
            ) from error
        self._memory, self._domain = memory, domain


class AugmentedMemoizationPolicy(MemoizationPolicy):
    """As `MemoizationPolicy`; what finds no match is tried again with its oldest part forgotten.

    Slots that were set in what is forgotten are then no longer set. As in Rasa 3.6.
    """

    name: ClassVar[str] = "AugmentedMemoizationPolicy"

    def _recall(self, tracker: Tracker, domain: Domain, rule_only: RuleOnly) -> str | None:
        states = self._states(tracker, domain, rule_only)
        action = self._memory.get(states)
        if action is not None:
            return action
        for shorter in _forgetting(tracker, self.options.max_history):
            found = self._states(shorter, domain, rule_only)
            if found != states:
                action = self._memory.get(found)
                if action is not None:
                    return action
                states = found
        return None


def _forgetting(tracker: Tracker, max_history: int | None) -> Iterator[Tracker]:
    """The conversation from its last `max_history` actions on, then from ever later ones."""
    events: Sequence[Event] = tracker.applied_events()
    places = [i for i, event in enumerate(events) if isinstance(event, ActionExecuted)]
    for place in places[-(max_history or 0) :]:
        shorter = tracker.empty()
        shorter.update_all(events[place:])
        yield shorter


def _to_json(state: State) -> list[Any]:
    user = None if state.user is None else list(state.user)
    return [user, state.action, state.action_text, state.slots, state.loop]


def _from_json(content: Any) -> State:
    user, action, action_text, slots, loop = content
    return State(
        None if user is None else UserState(user[0], user[1], tuple(user[2])),
        action,
        action_text,
        tuple((name, x if isinstance(x, str) else tuple(x)) for name, x in slots),
        loop,
    )
