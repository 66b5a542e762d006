"""What all components that train DIET's network share: training, scores of labels, storing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.earlier.before import Before, ColumnsRead, check_same_kinds
from gossamer.nlu.diet.features import (
    Columns,
    FeatureWidths,
    Indices,
    TextFeatures,
    TextWidths,
    parts_by_length,
    telling_columns,
    text_features,
)
from gossamer.nlu.diet.frozen.network import Answer, FrozenDIET
from gossamer.nlu.diet.mentions import Mentions
from gossamer.nlu.diet.options import ModelConfidence, NetworkOptions
from gossamer.nlu.diet.shape import NetworkShape
from gossamer.nlu.diet.stored_columns import columns_from_arrays, columns_to_arrays
from gossamer.nlu.diet.stored_labels import labels_from_arrays, labels_to_arrays
from gossamer.nlu.diet.tags import TagKind
from gossamer.nlu.learning.coverage import Shares, coverage, tells_texts_apart, trust
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState, FeatureBlock, MessageBatch
from gossamer.nlu.pipeline.starting_point import StartingPoint, names_before
from gossamer.nn.features import Features
from gossamer.nn.frozen.operations import softmax
from gossamer.nn.frozen.weights import NETWORK, Arrays, Floats, Weights, of_network
from gossamer.nn.threads import in_threads

if TYPE_CHECKING:  # what needs PyTorch is imported where something is learnt
    from gossamer.nlu.diet.network import DIETNetwork
    from gossamer.nn.training.callbacks import FitCallback

Forbidden = Mapping[TagKind, npt.NDArray[np.bool_]]
_LEAST_TEMPERATURE = 1e-6
_NO_TAGS: Mapping[TagKind, Any] = MappingProxyType({})


class NetworkComponent(Component):
    """Trains DIET's network on texts with labels, tags or both, and gives its scores.

    One seed, the option `random_seed` or a fresh one, decides topology, initial weights, order,
    dropout and negatives; torch's global generator is left as it was.

    Attributes:
        labels: what it tells apart, in the order of the scores.
        seed: of the training; None before it.
        temperature: what scores of labels are divided by before their softmax, found on the
            examples held out for evaluation, or else on a tenth of the training examples while the
            network has not learnt from these yet.
        frozen: the network that answers; None before training.
        columns: those of the sparse features that the network reads.
        label_metric: name of the accuracy of labels in `EpochReport`.
        callbacks: take part in the next training; not stored.
        example_weights: what the losses of each example of the next training batch are multiplied
            by, best with a mean of 1; None for 1 each; not stored. *Shape:* (n_examples,).
    """

    requires: ClassVar[frozenset[str]] = frozenset({"tokens", "features"})
    label_metric: ClassVar[str]

    options: NetworkOptions
    labels: tuple[str, ...]
    seed: int | None
    temperature: float
    columns: Columns
    frozen: FrozenDIET | None
    _network: DIETNetwork | None
    _shape: NetworkShape | None
    _features_of_labels: Features | TextFeatures | None
    _weights: Arrays

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.callbacks: Sequence[FitCallback] = ()
        self.example_weights: npt.NDArray[np.float32] | None = None
        self._trusts_all = False
        self._columns_read: ColumnsRead | None = None
        self._forget()

    @property
    def network(self) -> DIETNetwork | None:
        """The network that learns, with the weights it has learnt; None before training.

        Built again when it is asked for, which needs PyTorch. Changing it changes no answer.
        """
        if self._network is None and self._shape is not None:
            from gossamer.nlu.diet.training import rebuilt

            self._network = rebuilt(
                self.options,
                self._shape,
                self._features_of_labels,
                self._weights,
                seed=self.seed,
                label_metric=self.label_metric,
            )
        return self._network

    def confidences(self, batch: MessageBatch) -> npt.NDArray[np.float64]:
        """Confidence in each of `labels`, uncut. *Shape:* (n_texts, n_labels).

        A text without a token has the same in all.
        """
        rows = np.full((len(batch.texts), len(self.labels)), 1 / max(1, len(self.labels)))
        for chosen, _, answer in self._answers(batch):
            rows[chosen] = self._confidences(answer)
        return rows

    def trust(self, batch: MessageBatch) -> Shares:
        """The factor between `confidences` and the confidences in a parse.

        In [0, 1]: 1 for a text of known words, 0 for one of which next to nothing is known, which
        gets no answer at all. *Shape:* (n_texts,).
        """
        if self._trusts_all:
            return np.ones(len(batch.texts))
        return trust(coverage(self._blocks(batch.blocks), batch.lengths))

    # -- training ------------------------------------------------------------------------------

    def can_go_on_from(self, earlier: Component) -> bool:
        """Whether it has learnt something."""
        return isinstance(earlier, NetworkComponent) and earlier._shape is not None

    def _see_features(self, batch: MessageBatch) -> None:
        """Find out whether `trust` can be known, and where columns were in an earlier model.

        Call it before features are dropped.
        """
        blocks = self._blocks(batch.blocks)
        shares = coverage(blocks, batch.lengths)
        self._trusts_all = not tells_texts_apart(shares[batch.lengths > 0])
        start = self.start
        if start is not None and start.columns is not None:
            was = start.columns.of(blocks, self.options.featurizers)
            self._columns_read = ColumnsRead(start.part.columns, was)

    def _learn(
        self,
        text: TextFeatures,
        *,
        labels: Features | TextFeatures | None,
        label_numbers: Indices | None,
        tags: Mapping[TagKind, Indices] = _NO_TAGS,
        n_tags: Mapping[TagKind, int] = _NO_TAGS,
        forbidden: Forbidden = _NO_TAGS,
        mentions: Mentions | None = None,
        weights: npt.NDArray[np.float32] | None = None,
        on_epoch: EpochListener | None,
    ) -> None:
        """Train a new network; `self.labels` must be set.

        Args:
            text: features of the texts to train on.
            labels: features of `self.labels`, of their names or of their texts; None without
                labels.
            label_numbers: label of each text. *Shape:* (n_texts,). None without labels.
            tags: tag of each token, per kind. *Shape:* of each (n_tokens,).
            n_tags: how many tags there are, per kind.
            forbidden: see `NetworkShape`.
            mentions: of entities in the texts, to be replaced in training; None leaves them.
            weights: what each text's losses are multiplied by; None for 1. *Shape:* (n_texts,).
            on_epoch: called after every epoch.

        Raises:
            ConfigError: the features do not allow what the options ask for.
        """
        from gossamer.nlu.diet.training import Lesson, train_diet

        text, labels = self._keep_columns(text, labels)
        shape = NetworkShape(
            TextWidths.of(text),
            _widths_of(labels),
            len(self.labels),
            n_tags,
            forbidden,
            text.counts.n_sparse,
        )
        before = None
        if self.start is not None:
            before = self._before(self.start, shape)
        learnt = train_diet(
            Lesson(text, labels, label_numbers, tags, mentions, weights),
            shape,
            self.options,
            name=self.alias,
            label_metric=self.label_metric,
            on_epoch=on_epoch,
            callbacks=self.callbacks,
            before=before,
        )
        self._shape, self._features_of_labels, self._weights = shape, labels, learnt.weights
        self._network, self.seed, self.temperature = (
            learnt.network,
            learnt.seed,
            learnt.temperature,
        )
        self._freeze()

    def _before(self, start: StartingPoint, shape: NetworkShape) -> Before:
        """What an earlier one has learnt, for a network of this shape.

        Raises:
            ConfigError: it had features of other kinds.
        """
        earlier: NetworkComponent = start.part
        read, old = self._columns_read, earlier._shape
        if read is None or old is None:
            raise ValueError("training goes on from a pipeline and a network that was trained")
        check_same_kinds(shape.text, old.text, self.alias)
        tags = earlier._tag_names()
        return Before(
            earlier._weights,
            earlier._features_of_labels,
            earlier.temperature,
            read.of(self.columns),
            names_before(self.labels, earlier.labels),
            {
                kind: names_before(names, tags[kind])
                for kind, names in self._tag_names().items()
                if kind in tags
            },
            start.epoch_fraction,
        )

    def _tag_names(self) -> Mapping[TagKind, Sequence[str]]:
        """The tags it tells apart."""
        return {}

    def _keep_columns(
        self, text: TextFeatures, labels: Features | TextFeatures | None
    ) -> tuple[TextFeatures, Features | TextFeatures | None]:
        """Choose the sparse columns that the network reads by the texts it learns from.

        These are also the texts of the labels where the same layers read both. What an earlier
        network has read is still read.
        """
        self.columns = (None, None)
        if not self.options.prune_features:
            return text, labels
        if isinstance(labels, TextFeatures) and self.options.share_hidden_layers:
            if TextWidths.of(labels) != TextWidths.of(text):
                return text, labels  # which the network refuses
            self._read(telling_columns(text.followed_by(labels)))
            labels = self._in_columns(labels)
        else:
            self._read(telling_columns(text))
        return self._in_columns(text), labels

    def _read(self, columns: Columns) -> None:
        """Read these columns, and those that an earlier network has read."""
        read = self._columns_read
        self.columns = columns if read is None else read.added_to(columns)

    def _in_columns(self, text: TextFeatures) -> TextFeatures:
        of_sequence, of_sentence = self.columns
        reads_all = self.options.has_wide_path(len(self.labels))
        return TextFeatures(
            text.sequence if of_sequence is None else of_sequence.of(text.sequence),
            text.sentence if of_sentence is None else of_sentence.of(text.sentence),
            text.lengths,
            text.sentence if of_sentence is not None and reads_all else None,
        )

    def _blocks(self, blocks: Sequence[FeatureBlock], *, check: bool = True) -> list[FeatureBlock]:
        """The blocks of the featurizers named in the options; all when none is named."""
        wanted = self.options.featurizers
        known = {block.origin for block in blocks}
        if check and not set(wanted) <= known:
            raise ConfigError(
                f"the option featurizers must name featurizers that come before {self.name}",
                got=sorted(set(wanted) - known),
                hint=f"some of {sorted(known)}",
            )
        return [block for block in blocks if not wanted or block.origin in wanted]

    def _check_features(self, text: TextFeatures) -> None:
        if text.sequence.is_empty and text.sentence.is_empty:
            raise ConfigError(
                f"{self.name} needs features",
                got="none for any training text",
                hint="CountVectorsFeaturizer before it",
            )
        if text.sequence.is_empty and self.options.use_masked_language_model:
            raise ConfigError(
                "use_masked_language_model needs features of tokens",
                got="features of whole texts only",
                hint="another featurizer, or use_masked_language_model: false",
            )

    def _freeze(self) -> None:
        """Make the network that answers of the stored weights."""
        if self._shape is not None:
            weights = Weights(self._weights, NETWORK)
            self.frozen = FrozenDIET(weights, self.options, self._shape, self._features_of_labels)

    def _forget(self) -> None:
        """Reset to the state before training."""
        self.labels, self.seed, self.temperature = (), None, 1.0
        self.columns = (None, None)
        self.frozen = self._network = self._shape = self._features_of_labels = None
        self._weights = {}

    # -- answering -----------------------------------------------------------------------------

    def _answers(
        self, batch: MessageBatch, wanted: npt.NDArray[np.bool_] | None = None
    ) -> Iterator[tuple[Indices, Indices, Answer]]:
        """Numbers of some texts, how many tokens they have, and the answer, part by part.

        Args:
            batch: the texts.
            wanted: which of them, if they have a token; None: all. *Shape:* (n_texts,).
        """
        frozen, lengths = self.frozen, batch.lengths
        is_wanted = lengths > 0
        if wanted is not None:
            is_wanted &= wanted
        if frozen is None or self._shape is None or not is_wanted.any():
            return
        use_sequence = self._shape.text.sequence != (0, 0)
        everything = self._in_columns(
            text_features(self._blocks(batch.blocks), lengths, use_sequence=use_sequence)
        )
        order = np.argsort(lengths, kind="stable")  # similar lengths together
        order = order[is_wanted[order]]

        def answer(chosen: Indices) -> Answer:
            is_all = len(chosen) == len(lengths) == 1
            with np.errstate(all="ignore"):  # weights are not finite after training that diverged
                return frozen(everything if is_all else everything.texts(chosen))

        parts = list(parts_by_length(order, lengths))
        for chosen, found in zip(parts, in_threads(answer, parts), strict=True):
            yield chosen, lengths[chosen], found

    def _confidences(self, answer: Answer) -> Floats:
        """Confidence in each label. *Shape:* (n_texts, n_labels)."""
        if answer.label_logits is None:
            raise ValueError("a model without labels has no confidence in them")
        if self.options.model_confidence is ModelConfidence.SOFTMAX:
            with np.errstate(all="ignore"):
                return softmax(answer.label_logits / np.float32(self.temperature))
        return answer.label_logits

    def _ranking(self, confidences: list[float], trust: float) -> list[tuple[str, float]]:
        """Labels and confidences, best first, cut to `ranking_length`; ties by name.

        Args:
            confidences: in each of `labels`, as the network gives them.
            trust: what positive ones are multiplied by.
        """
        pairs = sorted(zip(self.labels, confidences, strict=True), key=lambda pair: -pair[1])
        length = self.options.ranking_length
        pairs = pairs if length == 0 else pairs[:length]
        if self.options.renormalize_confidences:
            total = sum(confidence for _, confidence in pairs)
            pairs = [(name, confidence / total) for name, confidence in pairs]
        return [(name, min(confidence, confidence * trust)) for name, confidence in pairs]

    # -- storing -------------------------------------------------------------------------------

    def _network_state(self) -> ComponentState:
        """Labels, widths and seed; weights, connections and label features as arrays."""
        if self._shape is None:
            return ComponentState()
        text, label = self._shape.text, self._shape.label
        return ComponentState(
            json={
                "labels": list(self.labels),
                "seed": self.seed,
                "sequence_widths": list(text.sequence),
                "sentence_widths": list(text.sentence),
                "label_widths": None if label is None else _to_json(label),
                "trusts_all": self._trusts_all,
                "temperature": self.temperature,
            },
            arrays={
                **self._weights,
                **labels_to_arrays(self._features_of_labels),
                **columns_to_arrays(self.columns),
            },
        )

    def _restore_network(
        self,
        state: ComponentState,
        *,
        n_tags: Mapping[TagKind, int] = _NO_TAGS,
        forbidden: Forbidden = _NO_TAGS,
    ) -> None:
        """Make the network that answers of stored weights and connections."""
        json, arrays = state.json, state.arrays
        self.labels = tuple(json["labels"])
        self.seed = json["seed"]
        self._trusts_all = bool(json.get("trusts_all", False))
        if not all(isinstance(label, str) for label in self.labels) or len(set(self.labels)) < len(
            self.labels
        ):
            raise ValueError(f"labels must be texts that differ: {list(self.labels)[:10]}")
        self.temperature = float(json.get("temperature", 1.0))
        if not _LEAST_TEMPERATURE <= self.temperature < math.inf:
            raise ValueError(f"the temperature must be above 0 and finite: {self.temperature}")
        self.columns = columns_from_arrays(arrays)
        text = TextWidths(*(FeatureWidths(*json[f"{part}_widths"]) for part in TextWidths._fields))
        for kept, (n_sparse, _) in zip(self.columns, text, strict=True):
            if kept is not None and len(kept.kept) != n_sparse:
                raise ValueError(f"{len(kept.kept)} kept columns, {n_sparse} that are read")
        label = _from_json(json["label_widths"])
        kept = self.columns[1]
        n_counts = text.sentence.n_sparse if kept is None else kept.n_columns
        self._shape = NetworkShape(text, label, len(self.labels), n_tags, forbidden, n_counts)
        self._features_of_labels = labels_from_arrays(arrays, label)
        self._weights = of_network(arrays)
        self._freeze()


def _widths_of(labels: Features | TextFeatures | None) -> FeatureWidths | TextWidths | None:
    if labels is None:
        return None
    return FeatureWidths.of(labels) if isinstance(labels, Features) else TextWidths.of(labels)


def _to_json(widths: FeatureWidths | TextWidths) -> list[Any]:
    return [list(part) if isinstance(part, FeatureWidths) else part for part in widths]


def _from_json(stored: Any) -> FeatureWidths | TextWidths | None:
    """What `_to_json` gave: two numbers, or two pairs of numbers where labels are texts."""
    if stored is None:
        return None
    if isinstance(stored[0], list):
        return TextWidths(*(FeatureWidths(*part) for part in stored))
    return FeatureWidths(*stored)
