"""TED as a policy: prepares stories, trains the network, reads its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.events import EntitiesAdded
from gossamer.dialogue.history.state import NO_RULES, RuleOnly, State
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData, Prediction
from gossamer.dialogue.policies.ted.features import TEXT, Indices, label_features
from gossamer.dialogue.policies.ted.network_policy import Answer, NetworkPolicy
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.training.examples import prediction_states
from gossamer.nlu.diet.tags import Tagging, TagKind, make_consistent, to_entities
from gossamer.nlu.learning.options import ModelConfidence
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nn.features import Features
from gossamer.nn.frozen.operations import softmax
from gossamer.nn.frozen.weights import Floats

Scores = npt.NDArray[np.float32]

_KEPT_SCORES = 1_000


class TEDPolicy(NetworkPolicy):
    """Learns the next action from stories; see `TEDOptions`, `TEDNetwork` and `NetworkPolicy`."""

    name: ClassVar[str] = "TEDPolicy"
    Options: ClassVar[type[ComponentOptions]] = TEDOptions
    reads: ClassVar[frozenset[str] | None] = frozenset(
        {"augmentation", "domain", "stories", "texts"}
    )

    _scores: dict[tuple[State, ...], Scores]

    # -- training ------------------------------------------------------------------------------

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Learn from stories, augmented ones among them; rules do not count.

        Without a story nothing is learnt, and all predictions are zero.

        Raises:
            ConfigError: options, stories and pipeline do not fit together.
        """
        from gossamer.dialogue.policies.ted.data import ted_data

        domain = data.domain
        self._belong_to(domain, data.pipeline)
        trackers = [story.tracker for story in data.stories]
        found = ted_data(trackers, domain, self.options, self._reader)
        if found is None:
            return
        texts = domain.action_texts
        label_texts = self._reader.read(texts)[0] if texts else None
        self._learn(found, label_texts, on_epoch=on_epoch)

    def _labels(self, domain: Domain) -> Features:
        return label_features(len(domain.action_names))  # those that are texts follow

    def _label_names(self, domain: Domain) -> Sequence[str]:
        return domain.action_names

    # -- answering -----------------------------------------------------------------------------

    def predict(self, tracker: Tracker, rule_only: RuleOnly = NO_RULES) -> Prediction:
        """Confidence in each action: softmax over similarities (the similarity itself with margin).

        A model that learnt from texts looks at the last message's intent and at its text. The text
        decides when it gives a similarity above that of the intent and a confidence above
        `e2e_confidence_threshold`, or when no story had an intent. As in Rasa 3.6.

        A message of which nothing counts (no intent, no entity, no text of known words) says
        nothing about what to do next: no action is preferred. The less of a text is known, the
        lower its confidences. Rasa predicts as if the message had not been there.

        Raises:
            RuntimeError: it is not trained.
        """
        if self.frozen is None:
            return self.nothing(self._known_domain())
        by_intent = self._window(tracker, rule_only, use_text=False)
        reads_texts = TEXT in self.frozen.texts
        by_text = self._window(tracker, rule_only, use_text=True) if reads_texts else by_intent
        if not by_intent or not by_text:  # all of it was hidden, and belongs to rules
            return self.nothing(self._known_domain())
        text = _text_of(by_text[-1]) if reads_texts else None
        trust = 0.0 if text is None else self._reader.trust(text)
        if trust == 0.0:
            if _says_nothing(by_intent[-1]):
                return self.nothing(self._known_domain())
            return self._prediction(self._known_scores(by_intent, is_kept=not reads_texts))
        # A message without an intent has nothing but its text.
        has_choice = self._knows_intents and by_text != by_intent
        windows = [by_intent, by_text] if has_choice else [by_text]
        answer = self._answer(windows)
        scores = self._confidences(answer.similarity)
        scores[-1] = np.minimum(scores[-1], scores[-1] * trust)
        best = answer.similarity.max(axis=1)
        text_counts = len(windows) == 1 or (
            float(scores[-1].max()) > self.options.e2e_confidence_threshold
            and bool(best[-1] > best[0])
        )
        if not text_counts:
            return self._prediction(scores[0])
        return self._prediction(
            scores[-1], is_end_to_end=True, events=self._entities(answer, len(windows) - 1)
        )

    def scores(self, conversations: Sequence[Sequence[State]]) -> Scores | None:
        """Confidences after each of several conversations, each as the states it went through.

        Returns:
            *Shape:* (n_conversations, n_actions); None when nothing was learnt.
        """
        if self.frozen is None:
            return None
        return self._confidences(self._answer(conversations).similarity)

    def _known_scores(self, states: tuple[State, ...], *, is_kept: bool) -> Scores:
        """Confidences after some states, kept: many conversations go through the same ones."""
        known = self._scores
        scores = known.get(states)
        if scores is None:
            scores = self._confidences(self._answer([states]).similarity)[0]
            if is_kept:
                scores.flags.writeable = False
                if len(known) >= _KEPT_SCORES:
                    known = self._scores = {}
                known[states] = scores
        return scores

    def _freeze(self, domain: Domain) -> None:
        self._scores = {}
        super()._freeze(domain)

    def _window(
        self, tracker: Tracker, rule_only: RuleOnly, *, use_text: bool
    ) -> tuple[State, ...]:
        return prediction_states(
            tracker,
            self._known_domain(),
            max_history=self.options.history,
            use_text=use_text,
            rule_only=rule_only,
        )

    def _confidences(self, similarity: Floats) -> Scores:
        if self.options.model_confidence is ModelConfidence.SOFTMAX:
            return softmax(similarity)
        return similarity

    def _prediction(
        self,
        scores: Scores,
        *,
        is_end_to_end: bool = False,
        events: tuple[EntitiesAdded, ...] = (),
    ) -> Prediction:
        return Prediction(
            policy=self.alias,
            priority=self.options.priority,
            scores=self._cut(scores),
            is_end_to_end=is_end_to_end,
            optional_events=events,
        )

    def _cut(self, scores: Scores) -> Scores:
        """Only the best `ranking_length` actions keep their confidence."""
        length = self.options.ranking_length
        if length == 0 or length >= len(scores):
            return scores
        order = np.argsort(-scores, kind="stable")
        cut = np.zeros_like(scores)
        cut[order[:length]] = scores[order[:length]]
        if self.options.renormalize_confidences:
            cut /= cut.sum()
        return cut

    def _entities(self, answer: Answer, number: int) -> tuple[EntitiesAdded, ...]:
        """Entities in the last message of one of the conversations."""
        frozen = self.frozen
        if (
            frozen is None
            or frozen.entity_head is None
            or self._tags is None
            or answer.text is None
            or answer.batch is None
        ):
            return ()
        ends = np.cumsum(answer.lengths)
        turn = int(ends[number] - 1 if frozen.is_full_dialogue else (ends - answer.lengths)[number])
        place = int(answer.text.row[turn])
        if place >= len(answer.batch.texts):
            return ()
        turns: Indices = np.array([turn], dtype=np.int64)
        paths = frozen.tag(answer.dialogues, answer.text, turns)
        tagging = Tagging(
            [self._tags.tags[tag] for tag in paths.tags.tolist()],
            paths.confidence.tolist(),
            self._tags.is_bilou,
        )
        # The texts that occur are numbered in the order in which the batch has them.
        found = to_entities(
            answer.batch.texts[place],
            answer.batch.tokens[place],
            {TagKind.ENTITY: make_consistent(tagging) if self._tags.is_bilou else tagging},
            extractor=self.name,
            split_by_comma=self.options.split_entities_by_comma,
        )
        return (EntitiesAdded(entities=tuple(found)),) if found else ()


def _text_of(state: State) -> str | None:
    """The text of the last message, if it counts."""
    return state.user.text if state.follows_listen and state.user is not None else None


def _says_nothing(state: State) -> bool:
    """Whether the user has just said something of which neither intent nor entity is known."""
    user = state.user
    return state.follows_listen and user is not None and not (user.intent or user.entities)
