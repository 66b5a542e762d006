"""UnexpecTEDIntentPolicy: learns which intents may come next, and notices others."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import InputError
from gossamer.data.text.suggestions import nearest_or_all
from gossamer.dialogue.history.events import ActionExecuted, UserUttered
from gossamer.dialogue.history.state import NO_RULES, RuleOnly, State
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData, Prediction, certain
from gossamer.dialogue.policies.ted.features import label_features
from gossamer.dialogue.policies.ted.network_policy import NetworkPolicy
from gossamer.dialogue.policies.unexpected_intent.options import UnexpecTEDIntentOptions
from gossamer.dialogue.policies.unexpected_intent.thresholds import thresholds_of
from gossamer.dialogue.training.examples import (
    UNLIKELY_INTENT,
    intent_examples,
    states_before_message,
)
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import Floats

_THRESHOLDS = "thresholds"
_AT_ONCE = 1000  # conversations that the network runs through together
_LEAST_INTENTS = 2


class UnexpecTEDIntentPolicy(NetworkPolicy):
    """Predicts `action_unlikely_intent` where stories do not expect the message's intent.

    TED's network learns from stories which intents follow the same states. After a message it
    compares the conversation before it with all intents. As in Rasa 3.6: the message's intent is
    unlikely when its similarity is below its threshold (see `thresholds_of`) and another intent's
    is higher. Nothing is said of intents that no story has, of those in `ignore_intents_list`, and
    once an action has followed the message.

    Attributes:
        thresholds: of each of `Domain.intent_names`, nan for those that no story has; None before
            training. *Shape:* (n_intents,).
    """

    name: ClassVar[str] = "UnexpecTEDIntentPolicy"
    Options: ClassVar[type[ComponentOptions]] = UnexpecTEDIntentOptions
    reads: ClassVar[frozenset[str] | None] = frozenset(
        {"augmentation", "domain", "stories", "texts"}
    )

    options: UnexpecTEDIntentOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.thresholds: Floats | None = None

    def _labels(self, domain: Domain) -> Features:
        return label_features(len(domain.intent_names))

    def _label_names(self, domain: Domain) -> Sequence[str]:
        return domain.intent_names

    # -- training ------------------------------------------------------------------------------

    def check(self, data: DialogueData) -> Iterator[InputError]:
        """As `NetworkPolicy`. Warns where it could notice nothing, and of unknown ignored intents.

        Stories must have two intents at least.
        """
        known = data.domain.intent_names
        for name in self.options.ignore_intents_list:
            if name not in known:
                warnings.warn(
                    f"{self.alias}: '{name}' of ignore_intents_list is no intent of the domain. "
                    f"Try: {nearest_or_all(name, known)}",
                    stacklevel=2,
                )
        found = {
            event.intent
            for story in data.stories
            for event in story.tracker.events
            if isinstance(event, UserUttered) and event.intent in known
        }
        if len(found) < _LEAST_INTENTS:
            warnings.warn(
                f"{self.alias} learns nothing, as stories have {len(found)} of the domain's "
                f"intents, and never predicts {UNLIKELY_INTENT}. Try: stories with "
                f"{_LEAST_INTENTS} intents at least, or leaving the policy out",
                stacklevel=2,
            )
            return
        yield from super().check(data)

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Learn from stories, augmented ones among them; rules do not count.

        Nothing is learnt from stories with fewer than two intents.

        Raises:
            ConfigError: options, stories and pipeline do not fit together.
        """
        from gossamer.dialogue.policies.unexpected_intent.data import intent_data, targets_of

        domain = data.domain
        self._belong_to(domain, data.pipeline)
        index = {name: number for number, name in enumerate(domain.intent_names)}
        found = intent_examples(
            (story.tracker for story in data.stories), domain, max_history=self.options.max_history
        )
        examples = list(found.items())[: self.options.max_training_samples]
        histories = [states for states, _ in examples]
        follows = targets_of([names for _, names in examples], index)
        if follows.any(axis=0).sum() < _LEAST_INTENTS:
            return
        self._learn(intent_data(histories, follows, domain, self._reader), on_epoch=on_epoch)
        similarity = self._similarity(histories)
        self.thresholds = thresholds_of(similarity, follows, self.options.tolerance)

    def _similarity(self, histories: Sequence[tuple[State, ...]]) -> Floats:
        return np.concatenate(
            [
                self._answer(histories[start : start + _AT_ONCE]).similarity
                for start in range(0, len(histories), _AT_ONCE)
            ]
        )

    # -- answering -----------------------------------------------------------------------------

    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        """`action_unlikely_intent` with a score of 1, or nothing.

        Where the message was looked at, the reason has its intent, the similarity and the
        threshold, and the intents that fit best.

        Raises:
            RuntimeError: it is not trained.
        """
        domain = self._known_domain()
        intent = _intent_just_said(tracker)
        if (
            self.thresholds is None
            or intent not in domain.intent_names
            or intent in self.options.ignore_intents_list
        ):
            return self.nothing(domain)
        number = domain.intent_names.index(intent)
        threshold = float(self.thresholds[number])
        if np.isnan(threshold):
            return self.nothing(domain)
        states = states_before_message(
            tracker, domain, max_history=self.options.max_history, rule_only=rule_only
        )
        (similarity,) = self._answer([states]).similarity
        own = similarity[number]
        is_unlikely = bool(own < threshold and own < similarity.max())
        scores = certain(domain, UNLIKELY_INTENT) if is_unlikely else self.nothing(domain).scores
        return Prediction(
            policy=self.alias,
            priority=self.options.priority,
            scores=scores,
            reason={
                "query_intent": intent,
                "similarity": round(float(own), 3),
                "threshold": round(threshold, 3),
                "ranking": self._ranking(similarity, domain),
            },
        )

    def _ranking(self, similarity: Floats, domain: Domain) -> dict[str, float]:
        order = np.argsort(-similarity, kind="stable")[: self.options.ranking_length or None]
        return {domain.intent_names[i]: round(float(similarity[i]), 3) for i in order}

    # -- storing -------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """As `NetworkPolicy`, and the thresholds."""
        state = super().state()
        if self.thresholds is None:
            return state
        return ComponentState(
            json=state.json, arrays={**state.arrays, _THRESHOLDS: self.thresholds}
        )

    def _restore(
        self, json: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], domain: Domain
    ) -> None:
        super()._restore(json, arrays, domain)
        thresholds = arrays[_THRESHOLDS]
        wanted = (len(domain.intent_names),)
        if thresholds.shape != wanted or thresholds.dtype != np.float32:
            raise ValueError(
                f"thresholds must be float32 of shape {wanted}: got {thresholds.dtype} of shape "
                f"{thresholds.shape}"
            )
        self.thresholds = thresholds


def _intent_just_said(tracker: Tracker) -> str | None:
    """The intent of the last message if no action has followed it."""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            return event.intent
        if isinstance(event, ActionExecuted):
            return None
    return None
