"""What every policy with TED's network has: it is trained, answers and is stored in one way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import InputError
from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.history.state import State
from gossamer.dialogue.policies.policy import DialogueData, Policy
from gossamer.dialogue.policies.ted.earlier import Before, domain_faults, feature_names
from gossamer.dialogue.policies.ted.features import (
    TEXT,
    Indices,
    StateFeaturizer,
    TextInput,
    feature_widths,
    text_inputs,
    turn_inputs,
)
from gossamer.dialogue.policies.ted.frozen import Dialogues, FrozenTED
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.shape import TEDShape
from gossamer.dialogue.policies.ted.texts import TextReader, no_text_features
from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.stored_labels import labels_from_arrays, labels_to_arrays
from gossamer.nlu.diet.tags import TagKind, TagSet
from gossamer.nlu.learning.restoring import refusing_what_does_not_fit
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.starting_point import StartingPoint, Was, names_before
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import NETWORK, Arrays, Floats, Weights, of_network

if TYPE_CHECKING:  # what needs PyTorch is imported where something is learnt
    from gossamer.dialogue.policies.ted.data import TEDData
    from gossamer.dialogue.policies.ted.network import TEDNetwork
    from gossamer.nn.training.callbacks import FitCallback

_KEPT_TURNS = 2000


class Answer(NamedTuple):
    """The network's answers for some conversations.

    Attributes:
        similarity: to each label. *Shape:* (n_dialogues, n_labels).
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


class NetworkPolicy(Policy):
    """Compares conversations with labels by TED's network: with actions, or with intents.

    One seed, the option `random_seed` or a fresh one, decides topology, initial weights, order,
    dropout and negatives; torch's global generator is left as it was.

    Attributes:
        frozen: the network that answers; None before training.
        callbacks: take part in the next training; not stored.
    """

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
        self._turns: dict[State, Floats] = {}

    @abstractmethod
    def _labels(self, domain: Domain) -> Features:
        """Features of all labels that are names."""

    @abstractmethod
    def _label_names(self, domain: Domain) -> Sequence[str]:
        """Names of these labels."""

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
                self._labels(self._domain),
                self._label_texts,
                self._weights,
                seed=self.seed,
            )
        return self._network

    # -- training ------------------------------------------------------------------------------

    def can_go_on_from(self, earlier: Policy) -> bool:
        """Whether it has learnt something."""
        return isinstance(earlier, NetworkPolicy) and earlier._shape is not None

    def check(self, data: DialogueData) -> Iterator[InputError]:
        """Stories have texts, but nothing gives features of texts; training cannot go on."""
        if self.start is not None:
            yield from domain_faults(data.domain, self.start.part._known_domain(), self.alias)
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

    def _learn(
        self,
        data: TEDData,
        label_texts: TextFeatures | None = None,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Train a network on stories of the domain that it belongs to."""
        from gossamer.dialogue.policies.ted.training import learn

        domain = self._known_domain()
        learnt = learn(
            data,
            domain,
            self.options,
            self._labels(domain),
            label_texts,
            name=self.alias,
            on_epoch=on_epoch,
            callbacks=self.callbacks,
            before=None if self.start is None else self._before(self.start, data, domain),
        )
        self._tags, self._knows_intents = learnt.tags, learnt.knows_intents
        self._shape, self._label_texts = learnt.shape, learnt.label_texts
        self._network, self.seed, self._weights = learnt.network, learnt.seed, learnt.weights
        self.start = None
        self._freeze(domain)

    def _before(self, start: StartingPoint, data: TEDData, domain: Domain) -> Before:
        """What an earlier policy has learnt, for these stories."""
        earlier: NetworkPolicy = start.part
        known = earlier._known_domain()
        named, knew = feature_names(domain), feature_names(known)
        text = next((c.texts[0] for c in data.table.texts.values() if c.texts), None)
        text = next(iter(domain.action_texts), None) if text is None else text
        tags: Was | None = None
        if data.tags is not None and earlier._tags is not None:
            tags = names_before(data.tags.tag_set.tags, earlier._tags.tags)
        return Before(
            earlier._weights,
            {name: names_before(names, knew[name]) for name, names in named.items()},
            names_before(self._label_names(domain), earlier._label_names(known)),
            None if text is None else self._reader.columns_before(text),
            tags,
            start.epoch_fraction,
        )

    def _belong_to(self, domain: Domain, pipeline: Pipeline | None) -> None:
        self._domain, self._featurizer = domain, StateFeaturizer(domain)
        self._reader = TextReader(pipeline, self.options.featurizers)

    def _known_domain(self) -> Domain:
        if self._domain is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        return self._domain

    def _freeze(self, domain: Domain) -> None:
        """Make the network that answers of the stored weights."""
        self._turns = {}
        if self._shape is not None:
            self.frozen = FrozenTED(
                Weights(self._weights, NETWORK),
                self.options,
                self._shape,
                self._labels(domain),
                self._label_texts,
            )

    # -- answering -----------------------------------------------------------------------------

    def _answer(self, conversations: Sequence[Sequence[State]]) -> Answer:
        """Run conversations, each as the states it went through, through the network."""
        frozen, featurizer = self.frozen, self._featurizer
        if frozen is None or featurizer is None:
            raise RuntimeError("a policy must be trained before it predicts. Try: train(data)")
        direction = 1 if frozen.is_full_dialogue else -1
        turns = [state for states in conversations for state in states[::direction]]
        lengths = np.array([len(states) for states in conversations], dtype=np.int64)
        batch: MessageBatch | None = None
        text: TextInput | None = None
        tokens: Floats | None = None
        with np.errstate(all="ignore"):  # weights are not finite after training that diverged
            if len(conversations) > 1 or frozen.texts:
                encoded, tokens, text, batch = self._encoded(turns, frozen, featurizer)
            else:
                encoded = self._known_turns(turns, frozen, featurizer)
            dialogues = frozen.encode(encoded, lengths, tokens)
            rows = dialogues.turns
            if frozen.is_full_dialogue:
                rows = rows[np.cumsum(lengths) - 1]
            similarity = frozen.similarity(rows)
        return Answer(similarity, dialogues, text, lengths, batch)

    def _known_turns(
        self, states: Sequence[State], frozen: FrozenTED, featurizer: StateFeaturizer
    ) -> Floats:
        """States without texts encoded, each once, alone, and then kept: few different ones occur.

        *Shape:* (n_states, width).
        """
        if len(self._turns) > _KEPT_TURNS:
            self._turns = {}
        known = self._turns
        for state in states:
            if state not in known:
                known[state] = self._encoded([state], frozen, featurizer)[0][0]
        return np.stack([known[state] for state in states])

    def _encoded(
        self, states: Sequence[State], frozen: FrozenTED, featurizer: StateFeaturizer
    ) -> tuple[Floats, Floats | None, TextInput | None, MessageBatch | None]:
        """States encoded, tokens and texts of their messages, and what these were read from."""
        numbers: dict[State, int] = {}
        turns = np.array(
            [numbers.setdefault(state, len(numbers)) for state in states], dtype=np.int64
        )
        table = featurizer.table(list(numbers))
        features: dict[str, TextFeatures] = {}
        batch: MessageBatch | None = None
        for attribute in frozen.texts:
            if table.texts[attribute].texts:
                features[attribute], read = self._reader.read(table.texts[attribute].texts)
                batch = read if attribute == TEXT else batch
        texts = text_inputs(table, turns, features)
        return *frozen.turns(turn_inputs(table, turns), texts), texts.get(TEXT), batch

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


def _to_json(widths: TextWidths) -> list[list[int]]:
    return [list(part) for part in widths]


def _from_json(stored: Any) -> TextWidths:
    return TextWidths(*(FeatureWidths(*part) for part in stored))
