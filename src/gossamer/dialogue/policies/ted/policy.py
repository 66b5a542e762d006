"""TED as a policy: prepares stories, trains the network, reads its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import InputError
from gossamer.dialogue.history.events import EntitiesAdded, UserUttered
from gossamer.dialogue.history.state import NO_RULES, RuleOnly, State
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData, Policy, Prediction
from gossamer.dialogue.policies.ted.features import (
    TEXT,
    Indices,
    StateFeaturizer,
    TextInput,
    action_labels,
    feature_widths,
    text_inputs,
    turn_inputs,
)
from gossamer.dialogue.policies.ted.frozen import Dialogues, FrozenTED
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.shape import TEDShape
from gossamer.dialogue.policies.ted.texts import TextReader, no_text_features
from gossamer.dialogue.training.examples import prediction_states
from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.stored_labels import labels_from_arrays, labels_to_arrays
from gossamer.nlu.diet.tags import Tagging, TagKind, TagSet, make_consistent, to_entities
from gossamer.nlu.learning.options import ModelConfidence
from gossamer.nlu.learning.restoring import refusing_what_does_not_fit
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nn.features import Features
from gossamer.nn.frozen.operations import softmax
from gossamer.nn.frozen.weights import NETWORK, Arrays, Floats, Weights, of_network

if TYPE_CHECKING:  # what needs PyTorch is imported where something is learnt
    from gossamer.dialogue.policies.ted.network import TEDNetwork
    from gossamer.nn.training.callbacks import FitCallback

Scores = npt.NDArray[np.float32]


class _Answer(NamedTuple):
    """The network's answers for some conversations.

    Attributes:
        similarity: to each action. *Shape:* (n_dialogues, n_actions).
        dialogues: its output before the embedding.
        text: the messages' texts that occur.
        lengths: turns of each conversation. *Shape:* (n_dialogues,).
        batch: the texts with their tokens, or None.
    """

    similarity: Floats
    dialogues: Dialogues
    text: TextInput | None
    lengths: Indices
    batch: MessageBatch | None


class TEDPolicy(Policy):
    """Learns the next action from stories; see `TEDOptions` and `TEDNetwork`.

    One seed, the option `random_seed` or a fresh one, decides topology, initial weights, order,
    dropout and negatives; torch's global generator is left as it was.

    Attributes:
        frozen: the network that answers; None before training.
        callbacks: take part in the next training; not stored.
    """

    name: ClassVar[str] = "TEDPolicy"
    Options: ClassVar[type[ComponentOptions]] = TEDOptions
    reads: ClassVar[frozenset[str] | None] = frozenset(
        {"augmentation", "domain", "stories", "texts"}
    )

    options: TEDOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.seed: int | None = None
        self.frozen: FrozenTED | None = None
        self._network: TEDNetwork | None = None
        self._weights: Arrays = {}
        self._label_texts: TextFeatures | None = None
        self._shape: TEDShape | None = None
        self._tags: TagSet | None = None
        self._knows_intents = True
        self._domain: Domain | None = None
        self._featurizer: StateFeaturizer | None = None
        self._reader = TextReader(None)
        self.callbacks: Sequence[FitCallback] = ()

    @property
    def network(self) -> TEDNetwork | None:
        """The network that learns, with the weights it has learnt; None before training.

        Built again when it is asked for, which needs PyTorch. Changing it changes no answer.
        """
        if self._network is None and self._shape is not None and self._domain is not None:
            from gossamer.dialogue.policies.ted.training import rebuilt

            self._network = rebuilt(
                self.options,
                self._shape,
                action_labels(self._domain),
                self._label_texts,
                self._weights,
                seed=self.seed,
            )
        return self._network

    # -- training ------------------------------------------------------------------------------

    def check(self, data: DialogueData) -> Iterator[InputError]:
        """Stories have texts, but nothing gives features of texts."""
        said = (
            event.text
            for story in data.stories
            for event in story.tracker.events
            if isinstance(event, UserUttered) and event.intent is None and event.text
        )
        text = next(iter(data.domain.action_texts), None) or next(said, None)
        if text is None:
            return
        wanted = self.options.featurizers
        if data.pipeline is None or not any(
            "features" in part.provides and (not wanted or part.alias in wanted)
            for part in data.pipeline.components
        ):
            yield no_text_features(text, has_pipeline=data.pipeline is not None)

    def train(self, data: DialogueData, *, on_epoch: EpochListener | None = None) -> None:
        """Learn from stories, augmented ones among them; rules do not count.

        Without a story nothing is learnt, and all predictions are zero.

        Raises:
            ConfigError: options, stories and pipeline do not fit together.
        """
        from gossamer.dialogue.policies.ted.training import learn

        self._belong_to(data.domain, data.pipeline)
        trackers = [story.tracker for story in data.stories]
        learnt = learn(
            trackers,
            data.domain,
            self.options,
            self._reader,
            name=self.alias,
            on_epoch=on_epoch,
            callbacks=self.callbacks,
        )
        if learnt is None:
            return
        self._tags, self._knows_intents = learnt.tags, learnt.knows_intents
        self._shape, self._label_texts = learnt.shape, learnt.label_texts
        self._network, self.seed, self._weights = learnt.network, learnt.seed, learnt.weights
        self._freeze(data.domain)

    def _belong_to(self, domain: Domain, pipeline: Pipeline | None) -> None:
        self._domain, self._featurizer = domain, StateFeaturizer(domain)
        self._reader = TextReader(pipeline, self.options.featurizers)

    def _freeze(self, domain: Domain) -> None:
        """Make the network that answers of the stored weights."""
        if self._shape is not None:
            self.frozen = FrozenTED(
                Weights(self._weights, NETWORK),
                self.options,
                self._shape,
                action_labels(domain),
                self._label_texts,
            )

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
        domain = self._domain
        if domain is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        if self.frozen is None:
            return self.nothing(domain)
        by_intent = self._window(tracker, rule_only, use_text=False)
        reads_texts = TEXT in self.frozen.texts
        by_text = self._window(tracker, rule_only, use_text=True) if reads_texts else by_intent
        text = _text_of(by_text[-1]) if reads_texts else None
        trust = 0.0 if text is None else self._reader.trust(text)
        if trust == 0.0:
            if _says_nothing(by_intent[-1]):
                return self.nothing(domain)
            answer = self._answer([by_intent])
            return self._prediction(self._confidences(answer.similarity)[0])
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

    def _window(
        self, tracker: Tracker, rule_only: RuleOnly, *, use_text: bool
    ) -> tuple[State, ...]:
        if self._domain is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        return prediction_states(
            tracker,
            self._domain,
            max_history=self.options.history,
            use_text=use_text,
            rule_only=rule_only,
        )

    def _answer(self, conversations: Sequence[Sequence[State]]) -> _Answer:
        frozen, featurizer = self.frozen, self._featurizer
        if frozen is None or featurizer is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        numbers: dict[State, int] = {}
        direction = 1 if frozen.is_full_dialogue else -1
        turns = np.array(
            [
                numbers.setdefault(state, len(numbers))
                for states in conversations
                for state in states[::direction]
            ],
            dtype=np.int64,
        )
        table = featurizer.table(list(numbers))
        features: dict[str, TextFeatures] = {}
        batch: MessageBatch | None = None
        for attribute in frozen.texts:
            if table.texts[attribute].texts:
                features[attribute], read = self._reader.read(table.texts[attribute].texts)
                batch = read if attribute == TEXT else batch
        lengths = np.array([len(states) for states in conversations], dtype=np.int64)
        texts = text_inputs(table, turns, features)
        with np.errstate(all="ignore"):  # weights are not finite after training that diverged
            dialogues = frozen.encode(turn_inputs(table, turns), texts, lengths)
            rows = dialogues.turns
            if frozen.is_full_dialogue:
                rows = rows[np.cumsum(lengths) - 1]
            similarity = frozen.similarity(rows)
        return _Answer(similarity, dialogues, texts.get(TEXT), lengths, batch)

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

    def _entities(self, answer: _Answer, number: int) -> tuple[EntitiesAdded, ...]:
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

    # -- storing -------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """Seed, widths and tags; weights, connections and features of labels as arrays."""
        if self._shape is None:
            return ComponentState()
        shape = self._shape
        return ComponentState(
            json={
                "seed": self.seed,
                "knows_intents": self._knows_intents,
                "trusts_all": self._reader.trusts_all,
                "texts": {name: _to_json(widths) for name, widths in shape.texts.items()},
                "label_texts": None if shape.label_texts is None else _to_json(shape.label_texts),
                "tags": None if self._tags is None else list(self._tags.tags),
            },
            arrays={**self._weights, **labels_to_arrays(self._label_texts)},
        )

    def restore(
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        """Make the network that answers of stored weights and connections."""
        self._belong_to(domain, pipeline)
        if not state.json:
            return
        with refusing_what_does_not_fit("options and domain"):
            self._restore(state.json, state.arrays, domain)

    def _restore(
        self, json: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]], domain: Domain
    ) -> None:
        self.seed = json["seed"]
        self._knows_intents = bool(json["knows_intents"])
        self._reader.trusts_all = bool(json.get("trusts_all", False))
        if json["tags"] is not None:
            self._tags = TagSet(TagKind.ENTITY, tuple(json["tags"]), self.options.BILOU_flag)
        widths = None if json["label_texts"] is None else _from_json(json["label_texts"])
        self._shape = TEDShape(
            feature_widths(domain),
            {name: _from_json(part) for name, part in json["texts"].items()},
            widths,
            0 if self._tags is None else len(self._tags.tags),
            None if self._tags is None else self._tags.forbidden(),
        )
        label_texts = labels_from_arrays(arrays, widths)
        if isinstance(label_texts, Features):
            raise ValueError("labels that are texts must have features of texts")
        self._label_texts = label_texts
        self._weights = of_network(arrays)
        self._freeze(domain)


def _text_of(state: State) -> str | None:
    """The text of the last message, if it counts."""
    return state.user.text if state.follows_listen and state.user is not None else None


def _says_nothing(state: State) -> bool:
    """Whether the user has just said something of which neither intent nor entity is known."""
    user = state.user
    return state.follows_listen and user is not None and not (user.intent or user.entities)


def _to_json(widths: TextWidths) -> list[list[int]]:
    return [list(part) for part in widths]


def _from_json(stored: Any) -> TextWidths:
    return TextWidths(*(FeatureWidths(*part) for part in stored))
