"""Several policies, and which of them decides.

As in Rasa 3.6: a prediction that has nothing to do with the user's message beats all others; else
one made from the message's text beats those made from its intent; among these the most confident
wins, then the one of the highest priority, then the first.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.errors import ConfigError, InputError, ModelFileError, all_of
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    Event,
    UserFeaturization,
)
from gossamer.dialogue.history.state import NO_RULES, RuleOnly
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.own_predictions import predict
from gossamer.dialogue.policies.policy import DialogueData, Policy, Prediction
from gossamer.dialogue.training.checks import check_actions
from gossamer.nlu.own.failures import OwnCode
from gossamer.nlu.pipeline.component import EpochListener
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nlu.pipeline.own_results import checked_state
from gossamer.nlu.pipeline.pipeline import Pipeline

DISAGREEMENT: Final = "disagreement"
"""Where an action's event keeps `EnsemblePrediction.disagreement`, in its metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsemblePrediction:
    """What comes next, and which policy decided it.

    Attributes:
        prediction: the one that won.
        action: its action's name or text.
        confidence: in it.
        events: those that happen before the action: of all policies, then the winner's own.
        all: what each policy said, in order.
    """

    prediction: Prediction
    action: str
    confidence: float
    events: tuple[Event, ...]
    all: tuple[Prediction, ...]

    @property
    def disagreement(self) -> float:
        """How much surer of another action one of the other policies was, in [0, 1].

        A rule's turn and a form that goes on are not for policies that learn from stories, so there
        is no disagreement about them; and a fallback is nobody's opinion.
        """
        winner = self.prediction
        if winner.hide_rule_turn or winner.is_no_user_prediction:
            return 0.0
        others = (p for p in self.all if p.policy != winner.policy and "fallback" not in p.reason)
        surer = (p.confidence - float(p.scores[winner.best]) for p in others)
        return min(1.0, max(0.0, max(surer, default=0.0)))


class Ensemble:
    """An assistant's policies.

    Args:
        policies: in order; at least one.

    Raises:
        ConfigError: there is no policy.
    """

    def __init__(self, policies: Sequence[Policy]) -> None:
        if not policies:
            raise ConfigError(
                "a dialogue model needs at least one policy", hint="MemoizationPolicy"
            )
        self.policies = tuple(policies)
        self._domain: Domain | None = None

    @property
    def rule_only(self) -> RuleOnly:
        """Slots and loops that only rules know, if a policy learns rules."""
        for policy in self.policies:
            found = getattr(policy, "rule_only", None)
            if isinstance(found, RuleOnly):
                return found
        return NO_RULES

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Train every policy, those that take epochs last, after the others could refuse the data.

        Raises:
            DataError: stories or rules have actions that the domain does not have.
            InputError: policies cannot use the data; see their `train`.
        """
        faults = self.prepare(data)
        if faults:
            raise all_of(faults)
        self.finish(data, on_epoch=on_epoch)

    def prepare(self, data: DialogueData, *, known: Collection[Policy] = ()) -> list[InputError]:
        """Train the policies that take no epochs, and check what the others need.

        Args:
            data: with a pipeline that need not be trained yet.
            known: those that are trained already.

        Returns:
            What policies refuse.
        """
        try:
            check_actions([*data.stories, *data.rules], data.domain)
        except InputError as fault:
            return [fault]
        faults: list[InputError] = []
        for policy in self.policies:
            policy.domain = data.domain
            if policy in known:
                continue
            try:
                with OwnCode(type(policy), "check"):
                    found = list(policy.check(data))
                faults += found
                if not found and not takes_epochs(policy):
                    with OwnCode(type(policy), "train"):
                        policy.train(data)
            except InputError as fault:
                faults += fault.faults
        return faults

    def finish(
        self,
        data: DialogueData,
        *,
        known: Collection[Policy] = (),
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Train the policies that take epochs, after `prepare` found no fault.

        Args:
            data: with a trained pipeline.
            known: those that are trained already.
            on_epoch: called after every epoch.

        Raises:
            InputError: a policy cannot use the data; see its `train`.
        """
        for policy in filter(takes_epochs, self.policies):
            if policy in known:
                continue
            with OwnCode(type(policy), "train"):
                policy.train(data, on_epoch=on_epoch)
        self._domain = data.domain

    def predict(self, tracker: Tracker) -> EnsemblePrediction:
        """Choose the next action.

        Raises:
            RuntimeError: the policies are not trained.
            OwnPartError: a policy of the user's own fails.
        """
        if self._domain is None:
            raise RuntimeError("policies must be trained before they predict. Try: train(data)")
        rule_only = self.rule_only
        domain = self._domain
        predictions = [predict(policy, tracker, rule_only, domain) for policy in self.policies]
        return choose(predictions, tracker, domain)

    def states(self) -> list[ComponentState]:
        """What each policy has learnt, in order."""
        return [checked_state(policy) for policy in self.policies]

    def restore(
        self,
        states: Sequence[ComponentState],
        domain: Domain,
        pipeline: Pipeline | None = None,
    ) -> None:
        """Restore what `states` gave.

        Raises:
            ModelFileError: it does not fit the policies.
        """
        if len(states) != len(self.policies):
            raise ModelFileError(
                f"there must be a state for each of the {len(self.policies)} policies",
                got=len(states),
                hint="training the model again",
            )
        for policy, state in zip(self.policies, states, strict=True):
            policy.domain = domain
            with OwnCode(type(policy), "restore"):
                policy.restore(state, domain, pipeline)
        self._domain = domain


def takes_epochs(policy: Policy) -> bool:
    """Whether its training may take long, so that it comes last."""
    return hasattr(policy.options, "epochs")


def choose(
    predictions: Sequence[Prediction], tracker: Tracker, domain: Domain
) -> EnsemblePrediction:
    """The prediction that wins; see the module's docstring.

    An action that has just been rejected counts as zero in all. When no policy prefers anything,
    the first label is taken, which is to listen.

    Args:
        predictions: at least one.
        tracker: the conversation.
        domain: names of the actions.
    """
    rejected = _rejected_action(tracker)
    if rejected is not None and rejected in domain.action_index:
        predictions = [_without(p, domain.action_index[rejected]) for p in predictions]
    no_user = any(p.is_no_user_prediction for p in predictions)
    end_to_end = any(p.is_end_to_end for p in predictions)
    candidates = [
        p
        for p in predictions
        if p.is_no_user_prediction == no_user and (no_user or p.is_end_to_end == end_to_end)
    ]
    best = max(candidates, key=lambda p: (p.confidence, p.priority))  # the first of equal ones
    events = [event for p in predictions for event in p.events]
    events += best.optional_events
    if tracker.latest_action_name == ACTION_LISTEN:
        events.append(UserFeaturization(use_text=best.is_end_to_end))
    return EnsemblePrediction(
        prediction=best,
        action=domain.action_labels[best.best],
        confidence=best.confidence,
        events=tuple(events),
        all=tuple(predictions),
    )


def _rejected_action(tracker: Tracker) -> str | None:
    for event in reversed(tracker.events):
        if isinstance(event, ActionExecutionRejected):
            return event.name
        if isinstance(event, ActionExecuted):
            return None
    return None


def _without(prediction: Prediction, action: int) -> Prediction:
    scores = prediction.scores.copy()
    scores[action] = 0.0
    return dataclasses.replace(prediction, scores=scores)
