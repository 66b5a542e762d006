"""DIET as a pipeline component: prepares data, trains the network, reads its answers."""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gossamer.data.errors import ConfigError, DataError, ModelFileError
from gossamer.data.examples import TrainingData
from gossamer.nlu.component import Component, ComponentOptions, EpochListener, EpochReport
from gossamer.nlu.diet.features import (
    DIETData,
    FeatureWidths,
    TextFeatures,
    label_features,
    rows_of,
    stored_labels,
    text_features,
    token_identities,
)
from gossamer.nlu.diet.network import DIETNetwork, Encoded, NetworkShape
from gossamer.nlu.diet.options import DIETOptions, ModelConfidence
from gossamer.nlu.diet.serving import ServingNetwork
from gossamer.nlu.diet.stored_weights import (
    round_tables,
    weights_from_arrays,
    weights_to_arrays,
)
from gossamer.nlu.diet.tags import (
    Tagging,
    TagKind,
    TagSet,
    make_consistent,
    to_entities,
    token_span,
)
from gossamer.nlu.messages import (
    ComponentState,
    FeatureBlock,
    IntentPrediction,
    MessageBatch,
    TrainingBatch,
)
from gossamer.nn.batching import stratified_holdout
from gossamer.nn.crf import TagPaths
from gossamer.nn.fit import EpochResult, fit
from gossamer.sparse import adopt_connectivity

_TEXTS_AT_A_TIME = 64
_MAX_SEED = 2**31


class DIETComponent(Component):
    """Intent classifier and entity extractor; see `DIETOptions` and `DIETNetwork`.

    One seed, the option `random_seed` or a fresh one, decides topology, initial weights, order,
    dropout and negatives; torch's global generator is left as it was.

    Departure from Rasa: when training ends, each row of the input tables is rounded to 255 steps,
    in which it is stored (`gossamer.nn.rounding`). On Sara's 999 test texts, 100 epochs, that
    changed no intent and no entity, and confidences by 0.0004 in the mean, 0.023 at most.
    """

    name: ClassVar[str] = "DIETClassifier"
    Options: ClassVar[type[ComponentOptions]] = DIETOptions
    provides: ClassVar[frozenset[str]] = frozenset({"intent", "entities"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens", "features"})

    options: DIETOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.labels: tuple[str, ...] = ()
        self.tag_sets: dict[TagKind, TagSet] = {}
        self.seed: int | None = None
        self.network: DIETNetwork | None = None
        self._shape: NetworkShape | None = None
        self._label_embeddings: Tensor | None = None
        self._serving: ServingNetwork | None = None
        self._serving_is_made = False

    # -- training ------------------------------------------------------------------------------

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Learn from the examples of a batch that has been through the featurizers.

        Raises:
            DataError: there are fewer than two intents, or nothing to learn from.
            ConfigError: the features do not allow what the options ask for.
        """
        options = self.options
        chosen = self._usable(batch)
        examples = [batch.examples[i] for i in chosen]
        self.tag_sets = self._find_tags(batch, chosen)
        use_sequence = options.number_of_transformer_layers > 0 or bool(self.tag_sets)
        text = text_features(self._blocks(batch.blocks), batch.lengths, use_sequence=use_sequence)
        batch.drop_read_features()
        if len(chosen) < len(batch.examples):
            text = text.texts(chosen)
        self._check_features(text)
        labels, label_numbers = None, None
        if options.intent_classification:
            self.labels = tuple(sorted({str(e.base_intent) for e in examples}))
            if len(self.labels) < 2:
                raise DataError(
                    "intent classification needs examples of at least two intents",
                    got=list(self.labels),
                    hint="adding examples of another intent, or intent_classification: false",
                )
            number = {label: i for i, label in enumerate(self.labels)}
            label_numbers = np.array([number[str(e.base_intent)] for e in examples])
            rows = np.array([list(batch.labels).index(label) for label in self.labels])
            label_blocks = self._blocks(batch.label_blocks, check=False)
            labels = label_features(
                [rows_of(block, rows) for block in label_blocks], len(self.labels)
            )
        tags = {
            kind: np.concatenate(
                [tag_set.encode(batch.tokens[i], batch.examples[i].entities) for i in chosen]
            )
            for kind, tag_set in self.tag_sets.items()
        }
        token_ids = token_identities(text.sequence) if options.use_masked_language_model else None
        self._shape = NetworkShape(
            FeatureWidths.of(text.sequence),
            FeatureWidths.of(text.sentence),
            None if labels is None else FeatureWidths.of(labels),
            len(self.labels),
            {kind: len(tag_set.tags) for kind, tag_set in self.tag_sets.items()},
            self._forbidden(),
        )
        self.seed = (
            secrets.randbelow(_MAX_SEED) if options.random_seed is None else options.random_seed
        )
        training = DIETData(text, label_numbers, tags, token_ids)
        rng = np.random.default_rng(self.seed)
        train_on, evaluate_on = self._hold_out(label_numbers, len(examples), rng)
        balance_by = None
        if options.batch_strategy == "balanced" and label_numbers is not None:
            balance_by = label_numbers[train_on]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(self.seed)  # of the CPU, and of that alone
            self.network = DIETNetwork(options, self._shape, labels)
            fit(
                self.network,
                training.batch,
                train_on,
                labels=balance_by,
                options=options.fitting(),
                rng=rng,
                evaluation=evaluate_on,
                on_epoch=None if on_epoch is None else self._reporter(on_epoch),
            )
        round_tables(self.network)
        self._get_ready()

    def _usable(self, batch: TrainingBatch) -> npt.NDArray[np.int64]:
        """Numbers of the examples to train on: with a token and, for intents, with an intent."""
        needs_intent = self.options.intent_classification
        chosen = [
            i
            for i, example in enumerate(batch.examples)
            if batch.tokens[i] and (example.intent is not None or not needs_intent)
        ]
        if not chosen:
            what = "examples with an intent" if needs_intent else "examples"
            raise DataError(
                f"DIETClassifier needs {what} to train on",
                got=f"{len(batch.examples)} examples, none usable",
                hint="adding examples under `nlu:` with `intent:`",
            )
        return np.array(chosen, dtype=np.int64)

    def _find_tags(
        self, batch: TrainingBatch, chosen: npt.NDArray[np.int64]
    ) -> dict[TagKind, TagSet]:
        if not self.options.entity_recognition:
            return {}
        examples = [batch.examples[i] for i in chosen]
        found = {
            kind: TagSet.from_examples(kind, examples, is_bilou=self.options.BILOU_flag)
            for kind in TagKind
        }
        if found[TagKind.ENTITY] is None and not self.options.intent_classification:
            raise DataError(
                "entity recognition needs annotated entities",
                got="none in the training data",
                hint="annotating examples, as in [Paris](city)",
            )
        for i in chosen:
            for entity in batch.examples[i].entities:
                if token_span(batch.tokens[i], entity) is None:
                    where = batch.examples[i].where
                    warnings.warn(
                        f"{'' if where is None else f'{where}: '}the entity "
                        f"{batch.examples[i].text[entity.start : entity.end]!r} ({entity.entity}) "
                        "does not begin and end where words do, so it is not fully learnt; "
                        "annotate whole words",
                        stacklevel=2,
                    )
        return {kind: tag_set for kind, tag_set in found.items() if tag_set is not None}

    def _forbidden(self) -> dict[TagKind, npt.NDArray[np.bool_]]:
        """Which tags must not follow each other, where that is to be kept to."""
        if not self.options.constrain_tags:
            return {}
        rules = {kind: tag_set.forbidden() for kind, tag_set in self.tag_sets.items()}
        return {kind: rule for kind, rule in rules.items() if rule is not None}

    def _blocks(self, blocks: Sequence[FeatureBlock], *, check: bool = True) -> list[FeatureBlock]:
        """The blocks of the featurizers named in the options; all when none is named."""
        wanted = self.options.featurizers
        known = {block.origin for block in blocks}
        if check and not set(wanted) <= known:
            raise ConfigError(
                "the option featurizers must name featurizers that come before DIETClassifier",
                got=sorted(set(wanted) - known),
                hint=f"some of {sorted(known)}",
            )
        return [block for block in blocks if not wanted or block.origin in wanted]

    def _check_features(self, text: TextFeatures) -> None:
        if text.sequence.is_empty and text.sentence.is_empty:
            raise ConfigError(
                "DIETClassifier needs features",
                got="none for any training text",
                hint="CountVectorsFeaturizer before it",
            )
        if text.sequence.is_empty and self.tag_sets:
            raise ConfigError(
                "entity recognition needs features of tokens",
                got="features of whole texts only",
                hint="another featurizer, or entity_recognition: false",
            )
        if text.sequence.is_empty and self.options.use_masked_language_model:
            raise ConfigError(
                "use_masked_language_model needs features of tokens",
                got="features of whole texts only",
                hint="another featurizer, or use_masked_language_model: false",
            )

    def _hold_out(
        self,
        labels: npt.NDArray[np.int64] | None,
        n_examples: int,
        rng: np.random.Generator,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        number = self.options.evaluate_on_number_of_examples
        if number == 0:
            return np.arange(n_examples), None
        try:
            strata = np.zeros(n_examples, dtype=np.int64) if labels is None else labels
            return stratified_holdout(strata.tolist(), number, rng)
        except ValueError as error:
            raise ConfigError(
                "evaluate_on_number_of_examples does not fit the training data",
                got=number,
                hint=str(error),
            ) from error

    def _reporter(self, on_epoch: EpochListener) -> Any:
        def report(result: EpochResult) -> None:
            on_epoch(
                EpochReport(
                    component=self.alias,
                    epoch=result.epoch,
                    n_epochs=self.options.epochs,
                    metrics=result.metrics,
                    seconds=result.seconds,
                )
            )

        return report

    def _get_ready(self) -> None:
        """Compute what every answer needs."""
        if self.network is None:
            return
        self.network.eval()
        self._serving, self._serving_is_made = None, False
        if self.network.has_intents:
            with torch.inference_mode():
                self._label_embeddings = self.network.embed_labels()

    # -- answering -----------------------------------------------------------------------------

    @property
    def intents(self) -> Collection[str]:
        """The intents it can tell apart."""
        return self.labels

    def process(self, batch: MessageBatch) -> None:
        """Set intent and ranking and append entities of every text that has a token."""
        for chosen, text, encoded in self._encode(batch):
            if self._label_embeddings is not None:
                for i, row in zip(chosen, self._scores(encoded).tolist(), strict=True):
                    parse = batch.parses[i]
                    parse.intent_ranking = self._ranking(row)
                    parse.intent = parse.intent_ranking[0]
            if self.tag_sets:
                self._add_entities(batch, chosen, text, encoded)

    def confidences(self, batch: MessageBatch) -> npt.NDArray[np.float64]:
        """Confidence in each of `labels`, uncut. *Shape:* (n_texts, n_labels).

        A text without a token has the same in all.
        """
        rows = np.full((len(batch.texts), len(self.labels)), 1 / max(1, len(self.labels)))
        for chosen, _, encoded in self._encode(batch):
            rows[chosen] = self._scores(encoded).numpy()
        return rows

    def _encode(
        self, batch: MessageBatch
    ) -> Iterator[tuple[npt.NDArray[np.int64], TextFeatures, Encoded]]:
        """Numbers of some texts, their features and the transformer's output, part by part."""
        network = self.network
        if network is None or self._shape is None:
            return
        use_sequence = self._shape.sequence != (0, 0)
        everything = text_features(
            self._blocks(batch.blocks), batch.lengths, use_sequence=use_sequence
        )
        order = np.argsort(batch.lengths, kind="stable")  # like lengths together: little padding
        order = order[batch.lengths[order] > 0]
        for start in range(0, len(order), _TEXTS_AT_A_TIME):
            chosen = order[start : start + _TEXTS_AT_A_TIME]
            is_all = len(chosen) == len(batch.texts) == 1
            text = everything if is_all else everything.texts(chosen)
            serving = self._serving_for(text)
            with torch.inference_mode():
                encoded = network.encode(text) if serving is None else serving.encode(text)
            yield chosen, text, encoded

    def _serving_for(self, text: TextFeatures) -> ServingNetwork | None:
        """The form for single messages, made when first needed; None where it does not apply."""
        if len(text.lengths) != 1 or self.network is None:
            return None
        if not self._serving_is_made:
            self._serving = ServingNetwork.of(self.network)
            self._serving_is_made = True
        return self._serving if self._serving is not None and self._serving.takes(text) else None

    @torch.inference_mode()
    def _scores(self, encoded: Encoded) -> Tensor:
        """Confidence in each label. *Shape:* (n_texts, n_labels)."""
        if self.network is None or self._label_embeddings is None:
            raise ValueError("a model without intents has no confidence in them")
        similarity = self.network.intent_loss.similarity(
            self.network.embed_text(encoded.sentence), self._label_embeddings
        )
        if self.options.model_confidence is ModelConfidence.SOFTMAX:
            return torch.softmax(similarity, dim=1)
        return similarity

    @torch.inference_mode()
    def _add_entities(
        self,
        batch: MessageBatch,
        chosen: npt.NDArray[np.int64],
        text: TextFeatures,
        encoded: Encoded,
    ) -> None:
        if self.network is None:
            return
        serving = self._serving_for(text)
        found = (
            self.network.tag(encoded.tokens, torch.from_numpy(text.lengths))
            if serving is None
            else serving.tag(encoded.tokens)
        )
        for i, end, length in zip(chosen, np.cumsum(text.lengths), text.lengths, strict=True):
            part = slice(int(end - length), int(end))
            batch.parses[i].entities += to_entities(
                batch.texts[i],
                batch.tokens[i],
                {kind: self._tagging(kind, paths, part) for kind, paths in found.items()},
                extractor=self.name,
                split_by_comma=self.options.split_entities_by_comma,
            )

    def _ranking(self, confidences: list[float]) -> list[IntentPrediction]:
        """Intents, best first, cut to `ranking_length`; ties by name."""
        pairs = sorted(zip(self.labels, confidences, strict=True), key=lambda pair: -pair[1])
        length = self.options.ranking_length
        pairs = pairs if length == 0 else pairs[:length]
        if self.options.renormalize_confidences:
            total = sum(confidence for _, confidence in pairs)
            pairs = [(name, confidence / total) for name, confidence in pairs]
        return [IntentPrediction(name=name, confidence=confidence) for name, confidence in pairs]

    def _tagging(self, kind: TagKind, paths: TagPaths, part: slice) -> Tagging:
        tag_set = self.tag_sets[kind]
        tagging = Tagging(
            [tag_set.tags[tag] for tag in paths.tags[part].tolist()],
            paths.confidence[part].tolist(),
            tag_set.is_bilou,
        )
        return make_consistent(tagging) if tag_set.is_bilou else tagging

    # -- storing -------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """Labels, tags, widths and seed; weights, connections and label features as arrays."""
        if self.network is None or self._shape is None:
            return ComponentState()
        arrays = weights_to_arrays(self.network)
        labels = self.network.labels
        if labels is not None and labels.sparse is not None:
            arrays["labels.data"] = labels.sparse.data
            arrays["labels.indices"] = labels.sparse.indices
            arrays["labels.indptr"] = labels.sparse.indptr
        if labels is not None and labels.dense is not None:
            arrays["labels.dense"] = labels.dense
        shape = self._shape
        return ComponentState(
            json={
                "labels": list(self.labels),
                "tags": {kind.value: list(s.tags) for kind, s in self.tag_sets.items()},
                "seed": self.seed,
                "sequence_widths": list(shape.sequence),
                "sentence_widths": list(shape.sentence),
                "label_widths": None if shape.label is None else list(shape.label),
            },
            arrays=arrays,
        )

    def restore(self, state: ComponentState) -> None:
        """Build the network again and take over weights and connections."""
        if not state.json:
            return
        try:
            self._restore(state.json, state.arrays)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ModelFileError(
                "the stored weights must fit the stored options",
                got=str(error),
                hint="training the model again",
            ) from error

    def _restore(self, json: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self.labels = tuple(json["labels"])
        self.seed = json["seed"]
        self.tag_sets = {
            TagKind(kind): TagSet(TagKind(kind), tuple(tags), self.options.BILOU_flag)
            for kind, tags in json["tags"].items()
        }
        label_widths = (
            None if json["label_widths"] is None else FeatureWidths(*json["label_widths"])
        )
        self._shape = NetworkShape(
            FeatureWidths(*json["sequence_widths"]),
            FeatureWidths(*json["sentence_widths"]),
            label_widths,
            len(self.labels),
            {kind: len(tag_set.tags) for kind, tag_set in self.tag_sets.items()},
            self._forbidden(),
        )
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0 if self.seed is None else self.seed)
            network = DIETNetwork(self.options, self._shape, stored_labels(arrays, label_widths))
        weights = weights_from_arrays(arrays)
        adopt_connectivity(network, weights)
        network.load_state_dict(weights)
        self.network = network
        self._get_ready()
        if self._label_embeddings is not None and len(self._label_embeddings) != len(self.labels):
            raise ValueError(f"{len(self.labels)} labels, features of another number")
