"""TED as a policy: prepares stories, trains the network, reads its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import InputError
from gossamer.dialogue.history.events import EntitiesAdded, UserUttered
from gossamer.dialogue.history.state import NO_RULES, RuleOnly, State
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData, Policy, Prediction
from gossamer.dialogue.policies.ted.data import ted_data
from gossamer.dialogue.policies.ted.features import (
    INTENT,
    TEXT,
    Indices,
    StateFeaturizer,
    TextInput,
    text_inputs,
    turn_inputs,
)
from gossamer.dialogue.policies.ted.network import Dialogues, TEDNetwork, TEDShape
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.texts import TextReader, no_text_features
from gossamer.dialogue.training.examples import prediction_states
from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.stored_labels import labels_from_arrays, labels_to_arrays
from gossamer.nlu.diet.stored_weights import plain_arrays, weights_from_arrays
from gossamer.nlu.diet.tags import Tagging, TagKind, TagSet, make_consistent, to_entities
from gossamer.nlu.learning.options import ModelConfidence
from gossamer.nlu.learning.training import (
    rebuild_network,
    refusing_what_does_not_fit,
    train_network,
)
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nn.features import Features
from gossamer.nn.serving import FrozenCopy
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

    similarity: Tensor
    dialogues: Dialogues
    text: TextInput | None
    lengths: Tensor
    batch: MessageBatch | None


class TEDPolicy(Policy):
    """Learns the next action from stories; see `TEDOptions` and `TEDNetwork`.

    One seed, the option `random_seed` or a fresh one, decides topology, initial weights, order,
    dropout and negatives; torch's global generator is left as it was.

    Attributes:
        callbacks: take part in the next training; not stored.
    """

    name: ClassVar[str] = "TEDPolicy"
    Options: ClassVar[type[ComponentOptions]] = TEDOptions

    options: TEDOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.seed: int | None = None
        self.network: TEDNetwork | None = None
        self._frozen = FrozenCopy[TEDNetwork]()
        self._shape: TEDShape | None = None
        self._tags: TagSet | None = None
        self._knows_intents = True
        self._domain: Domain | None = None
        self._featurizer: StateFeaturizer | None = None
        self._reader = TextReader(None)
        self._label_embeddings: Tensor | None = None
        self.callbacks: Sequence[FitCallback] = ()

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
        options = self.options
        self._belong_to(data.domain, data.pipeline)
        trackers = [story.tracker for story in data.stories]
        training = ted_data(trackers, data.domain, options, self._reader)
        if training is None:
            return
        self._tags = None if training.tags is None else training.tags.tag_set
        self._knows_intents = bool((training.table.columns[INTENT].row >= 0).any())
        label_texts = self._label_texts(data.domain)
        self._shape = shape = self._shape_for(
            data.domain,
            {name: TextWidths.of(features) for name, features in training.texts.items()},
            None if label_texts is None else TextWidths.of(label_texts),
        )
        self.network, self.seed = train_network(
            lambda: self._new_network(data.domain, shape, label_texts),
            training.batch,
            len(training),
            training.last_labels,
            options=options,
            name=self.alias,
            on_epoch=on_epoch,
            callbacks=self.callbacks,
        )
        self._get_ready()

    def _belong_to(self, domain: Domain, pipeline: Pipeline | None) -> None:
        self._domain, self._featurizer = domain, StateFeaturizer(domain)
        self._reader = TextReader(pipeline, self.options.featurizers)

    def _label_texts(self, domain: Domain) -> TextFeatures | None:
        return self._reader.read(domain.action_texts)[0] if domain.action_texts else None

    def _shape_for(
        self,
        domain: Domain,
        texts: Mapping[str, TextWidths],
        label_texts: TextWidths | None,
    ) -> TEDShape:
        return TEDShape(
            {name: width for name, width in StateFeaturizer(domain).widths.items() if width > 0},
            texts,
            label_texts,
            0 if self._tags is None else len(self._tags.tags),
            None if self._tags is None else self._tags.forbidden(),
        )

    def _new_network(
        self, domain: Domain, shape: TEDShape, label_texts: TextFeatures | None
    ) -> TEDNetwork:
        labels = Features(sparse=StateFeaturizer(domain).action_rows())
        return TEDNetwork(self.options, shape, labels, label_texts)

    def _get_ready(self) -> None:
        self._frozen.forget()
        if self.network is None:
            return
        self.network.eval()
        with torch.inference_mode():
            self._label_embeddings = self.network.embed_labels()

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
        if self.network is None:
            return self.nothing(domain)
        by_intent = self._window(tracker, rule_only, use_text=False)
        reads_texts = TEXT in self.network.texts
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
        best = answer.similarity.max(dim=1).values
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
        if self.network is None:
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
        network, featurizer, embeddings = self.network, self._featurizer, self._label_embeddings
        if network is None or featurizer is None or embeddings is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        numbers: dict[State, int] = {}
        direction = 1 if network.is_full_dialogue else -1
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
        for attribute in network.texts:
            if table.texts[attribute].texts:
                features[attribute], read = self._reader.read(table.texts[attribute].texts)
                batch = read if attribute == TEXT else batch
        lengths = torch.tensor([len(states) for states in conversations])
        with torch.inference_mode():
            texts = text_inputs(table, turns, features)
            quickest = self._frozen.of(network, len(turns))
            dialogues = quickest.encode(turn_inputs(table, turns), texts, lengths)
            embedded = network.embed_dialogue(dialogues.turns)
            if network.is_full_dialogue:
                embedded = embedded[torch.cumsum(lengths, 0) - 1]
            similarity = network.loss.similarity(embedded, embeddings)
        return _Answer(similarity, dialogues, texts.get(TEXT), lengths, batch)

    def _confidences(self, similarity: Tensor) -> Scores:
        if self.options.model_confidence is ModelConfidence.SOFTMAX:
            similarity = torch.softmax(similarity, dim=1)
        scores: Scores = similarity.numpy()
        return scores

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
        network = self.network
        if (
            network is None
            or network.entity_head is None
            or self._tags is None
            or answer.text is None
            or answer.batch is None
        ):
            return ()
        ends = torch.cumsum(answer.lengths, 0)
        turn = int(
            ends[number] - 1 if network.is_full_dialogue else (ends - answer.lengths)[number]
        )
        place = int(answer.text.row[turn])
        if place >= len(answer.batch.texts):
            return ()
        turns: Indices = np.array([turn], dtype=np.int64)
        with torch.inference_mode():
            paths, _ = network.tag(answer.dialogues, answer.text, turns)
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
        if self.network is None or self._shape is None:
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
            arrays={**plain_arrays(self.network), **labels_to_arrays(self.network.label_texts)},
        )

    def restore(
        self, state: ComponentState, domain: Domain, pipeline: Pipeline | None = None
    ) -> None:
        """Build the network again and restore weights and connections."""
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
        self._shape = shape = self._shape_for(
            domain, {name: _from_json(part) for name, part in json["texts"].items()}, widths
        )
        label_texts = labels_from_arrays(arrays, widths)
        if isinstance(label_texts, Features):
            raise ValueError("labels that are texts must have features of texts")
        self.network = rebuild_network(
            lambda: self._new_network(domain, shape, label_texts),
            self.seed,
            weights_from_arrays(arrays),
        )
        self._get_ready()


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
