"""What every policy is: it sees a conversation and scores what may come next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import ConfigError, InputError
from gossamer.dialogue.history.events import Event
from gossamer.dialogue.history.state import NO_RULES, RuleOnly
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.training.unfolding import TrainingTracker
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener, check_class
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.starting_point import StartingPoint

Scores = npt.NDArray[np.float32]

_TRACKER_FEATURIZERS = ("MaxHistoryTrackerFeaturizer", "FullDialogueTrackerFeaturizer")
_STATE_FEATURIZER = "SingleStateFeaturizer"


@dataclass(frozen=True, kw_only=True)
class DialogueData:
    """What policies learn from.

    Attributes:
        domain: what may be said and done.
        stories: unfolded stories, augmented ones among them.
        rules: unfolded rules.
        pipeline: trained NLU components, which give features of texts, or None.
    """

    domain: Domain
    stories: Sequence[TrainingTracker] = ()
    rules: Sequence[TrainingTracker] = ()
    pipeline: Pipeline | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a policy says should come next.

    Attributes:
        policy: its name.
        priority: counts when two policies are equally confident.
        scores: its confidence in each of `Domain.action_labels`, in [0, 1].
            *Shape:* (n_actions,).
        is_no_user_prediction: whether it has nothing to do with the user's message (a form goes
            on); such a prediction beats all others.
        is_end_to_end: whether it was made from the message's text.
        hide_rule_turn: whether policies that learn from stories are not to see this turn.
        events: happen whichever policy wins.
        optional_events: happen when this policy wins.
        reason: why, for users: JSON values.
    """

    policy: str
    priority: int
    scores: Scores
    is_no_user_prediction: bool = False
    is_end_to_end: bool = False
    hide_rule_turn: bool = False
    events: tuple[Event, ...] = ()
    optional_events: tuple[Event, ...] = ()
    reason: Mapping[str, Any] = field(default_factory=dict)

    @property
    def confidence(self) -> float:
        """Of its best action."""
        return float(self.scores.max(initial=0.0))

    @property
    def best(self) -> int:
        """The number of its best action, the first of several."""
        return int(self.scores.argmax())


class PolicyOptions(ComponentOptions):
    """Options that every policy has, named as in Rasa's `config.yml`."""

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"max_training_samples": "all stories count here"}
    )

    priority: int = 1


def tracker_featurizer(given: Any) -> tuple[str, Any]:
    """Rasa's option `featurizer: [{name: MaxHistoryTrackerFeaturizer, max_history: 5}]`.

    Returns:
        Which of the two it is, and its `max_history` or None.

    Raises:
        ValueError: it is another one, or states are to be featurized in another way.
    """
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], Mapping):
        raise ValueError("featurizer must be a list of one mapping with the key 'name'")
    name = str(given[0].get("name")).rpartition(".")[2]
    if name not in _TRACKER_FEATURIZERS:
        raise ValueError(f"featurizer must be one of {', '.join(_TRACKER_FEATURIZERS)}; got {name}")
    unknown = sorted(set(map(str, given[0])) - {"name", "max_history", "state_featurizer"})
    if unknown:
        raise ValueError(f"featurizer {name} has no option {', '.join(unknown)}")
    states = given[0].get("state_featurizer") or [{"name": _STATE_FEATURIZER}]
    for part in states if isinstance(states, list) else [states]:
        found = str(part.get("name") if isinstance(part, Mapping) else part).rpartition(".")[2]
        if found != _STATE_FEATURIZER:
            raise ValueError(f"state_featurizer must be {_STATE_FEATURIZER}; got {found}")
    return name, given[0].get("max_history")


class Policy(ABC):
    """One of an assistant's ways to choose the next action.

    Of your own: `predict` is all that must be written.

    Attributes:
        name: the name in `config.yml`, and in messages; by default the class's.
        Options: the class of its options; by default these are `PolicyOptions`.
        learns_rules: whether it learns rules and runs forms.
        reads: what training reads, of `gossamer.data.fingerprints.DIALOGUE_INPUTS`; None:
            everything. It holds for the class that declares it and not for those derived from it.
            A policy is trained again only when something that it reads has changed.
        alias: unique among an assistant's policies.
        options: as `Options`.
        domain: what may be said and done; `Ensemble` sets it before training and before restoring.
        start: what the next training goes on from; None: it starts anew, and after training. Set
            for a policy that `can_go_on_from` the one of an earlier model, which `start` has.
    """

    name: ClassVar[str]
    Options: ClassVar[type[ComponentOptions]] = PolicyOptions
    learns_rules: ClassVar[bool] = False
    reads: ClassVar[frozenset[str] | None] = None

    domain: Domain

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_class(cls, PolicyOptions)

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        self.options: Any = options
        self.alias = self.name if alias is None else alias
        self.start: StartingPoint | None = None

    def can_go_on_from(self, earlier: Policy) -> bool:
        """Whether training may go on from what a policy of this class and options has learnt.

        Others are trained anew.
        """
        return False

    def check(self, data: DialogueData) -> Iterator[InputError]:
        """What `train` would refuse, as far as it can be known before anything is trained.

        Args:
            data: with a pipeline that need not be trained yet.
        """
        return iter(())

    def train(  # noqa: B027  (policies that learn nothing keep this)
        self, data: DialogueData, *, on_epoch: EpochListener | None = None
    ) -> None:
        """Learn from stories and rules.

        Raises:
            DataError: they contradict each other, or what they name is not in the domain.
        """

    @abstractmethod
    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        """Score the next action.

        Args:
            tracker: the conversation so far.
            rule_only: what only rules know; policies that learn from stories do not see it.
        """

    def state(self) -> ComponentState:
        """What was learnt: everything that `restore` needs besides options and domain."""
        return ComponentState()

    def restore(  # noqa: B027
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        """Restore a stored state. Raises `ModelFileError` when it does not fit."""

    def nothing(self, domain: Domain | None = None) -> Prediction:
        """A prediction that prefers no action of a domain, by default `self.domain`."""
        domain = self.domain if domain is None else domain
        return Prediction(
            policy=self.alias,
            priority=self.options.priority,
            scores=np.zeros(len(domain.action_labels), dtype=np.float32),
        )

    def prefer(self, action: str, confidence: float = 1.0) -> Prediction:
        """A prediction that prefers one action.

        Args:
            action: its name.
            confidence: in it, in [0, 1].

        Raises:
            ConfigError: `self.domain` does not have the action.
        """
        if action not in self.domain.action_index:
            raise ConfigError(
                f"{self.alias} must prefer an action that the domain has",
                got=action,
                where=self.domain.where,
                hint="declaring it under 'actions:' or 'responses:'",
            )
        return Prediction(
            policy=self.alias,
            priority=self.options.priority,
            scores=certain(self.domain, action, confidence),
        )


def certain(domain: Domain, action: str, score: float = 1.0) -> Scores:
    """Scores that prefer one action. *Shape:* (n_actions,)."""
    scores = np.zeros(len(domain.action_labels), dtype=np.float32)
    scores[domain.action_index[action]] = score
    return scores
