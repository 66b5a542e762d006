"""DIET as a pipeline component: learns intents and entities, and reads the network's answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import ConfigError, DataError, InputError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.diet.component import NetworkComponent
from gossamer.nlu.diet.features import (
    Indices,
    TextFeatures,
    label_features,
    rows_of,
    text_features,
)
from gossamer.nlu.diet.mentions import Mentions
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.tags import (
    OUTSIDE,
    Tagging,
    TagKind,
    TagSet,
    make_consistent,
    to_entities,
    warn_of_split_words,
)
from gossamer.nlu.learning.held_out import held_out_faults
from gossamer.nlu.learning.restoring import refusing_what_does_not_fit
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    IntentPrediction,
    MessageBatch,
    TrainingBatch,
)
from gossamer.nn.frozen.crf import TagPaths


class DIETComponent(NetworkComponent):
    """Intent classifier and entity extractor; see `DIETOptions` and `DIETNetwork`.

    Departures from Rasa: a text of which next to nothing is known (see
    `gossamer.nlu.learning.coverage`) gets no intent, an empty ranking and no entities; where little
    is known, confidences are lower. When training ends, each row of the input tables is rounded to
    255 steps, in which it is stored (`gossamer.nn.ops.rounding`). On Sara's 999 test texts, 100
    epochs, that changed no intent and no entity, and confidences by 0.0004 in the mean, 0.023 at
    most.
    """

    name: ClassVar[str] = "DIETClassifier"
    Options: ClassVar[type[ComponentOptions]] = DIETOptions
    provides: ClassVar[frozenset[str]] = frozenset({"intent", "entities"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"entities", "intents", "texts"})
    label_metric: ClassVar[str] = "i_acc"

    options: DIETOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.tag_sets: dict[TagKind, TagSet] = {}

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
        self._see_features(batch)
        batch.drop_read_features()
        if len(chosen) < len(batch.examples):
            text = text.texts(chosen)
        self._check_features(text)
        labels, label_numbers = None, None
        if options.intent_classification:
            self.labels = tuple(sorted({str(e.base_intent) for e in examples}))
            if len(self.labels) < 2:
                raise _too_few_intents(list(self.labels))
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
        mentions = None
        if tags and options.mention_replacement > 0.0:
            mentions = Mentions(
                tags,
                text.lengths,
                is_bilou=options.BILOU_flag,
                rate=options.mention_replacement,
            )
        self._learn(
            text,
            labels=labels,
            label_numbers=label_numbers,
            tags=tags,
            n_tags=self._n_tags(),
            forbidden=self._forbidden(),
            mentions=mentions,
            weights=None if self.example_weights is None else self.example_weights[chosen],
            on_epoch=on_epoch,
        )

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """Too few intents, no entities, or too few examples to hold some out."""
        examples = [example for example in data.unique_examples() if example.text.strip()]
        intents = [str(example.base_intent) for example in examples if example.base_intent]
        if self.options.intent_classification:
            if not intents:
                yield _nothing_usable("examples with an intent", len(examples))
            elif len(set(intents)) < 2:
                yield _too_few_intents(sorted(set(intents)))
            else:
                yield from held_out_faults(self.options, intents)
        elif not any(example.entities for example in examples):
            yield _no_entities()

    def _usable(self, batch: TrainingBatch) -> Indices:
        """Numbers of the examples to train on: with a token and, for intents, with an intent."""
        needs_intent = self.options.intent_classification
        chosen = [
            i
            for i, example in enumerate(batch.examples)
            if batch.tokens[i] and (example.intent is not None or not needs_intent)
        ]
        if not chosen:
            what = "examples with an intent" if needs_intent else "examples"
            raise _nothing_usable(what, len(batch.examples))
        return np.array(chosen, dtype=np.int64)

    def _find_tags(self, batch: TrainingBatch, chosen: Indices) -> dict[TagKind, TagSet]:
        if not self.options.entity_recognition:
            return {}
        examples = [batch.examples[i] for i in chosen]
        found = {
            kind: TagSet.from_examples(kind, examples, is_bilou=self.options.BILOU_flag)
            for kind in TagKind
        }
        if found[TagKind.ENTITY] is None and not self.options.intent_classification:
            raise _no_entities()
        warn_of_split_words(examples, [batch.tokens[i] for i in chosen])
        return {kind: tag_set for kind, tag_set in found.items() if tag_set is not None}

    def _n_tags(self) -> dict[TagKind, int]:
        return {kind: len(tag_set.tags) for kind, tag_set in self.tag_sets.items()}

    def _tag_names(self) -> Mapping[TagKind, Sequence[str]]:
        return {kind: tag_set.tags for kind, tag_set in self.tag_sets.items()}

    def _forbidden(self) -> dict[TagKind, npt.NDArray[np.bool_]]:
        """Which tags must not follow each other, where that is enforced."""
        if not self.options.constrain_tags:
            return {}
        rules = {kind: tag_set.forbidden() for kind, tag_set in self.tag_sets.items()}
        return {kind: rule for kind, rule in rules.items() if rule is not None}

    def _check_features(self, text: TextFeatures) -> None:
        super()._check_features(text)
        if text.sequence.is_empty and self.tag_sets:
            raise ConfigError(
                "entity recognition needs features of tokens",
                got="features of whole texts only",
                hint="another featurizer, or entity_recognition: false",
            )

    # -- answering -----------------------------------------------------------------------------

    @property
    def intents(self) -> Collection[str]:
        """The intents it can tell apart."""
        return self.labels

    def process(self, batch: MessageBatch) -> None:
        """Set intent and ranking and append entities of every text of which something is known."""
        trust = self.trust(batch)
        for chosen, lengths, answer in self._answers(batch, trust > 0):
            if answer.label_logits is not None:
                for i, row in zip(chosen, self._confidences(answer).tolist(), strict=True):
                    parse = batch.parses[i]
                    parse.intent_ranking = [
                        IntentPrediction(name=name, confidence=confidence)
                        for name, confidence in self._ranking(row, float(trust[i]))
                    ]
                    parse.intent = parse.intent_ranking[0]
            if answer.tags:
                self._add_entities(batch, chosen, lengths, answer.tags)

    def _add_entities(
        self,
        batch: MessageBatch,
        chosen: Indices,
        lengths: Indices,
        found: Mapping[TagKind, TagPaths],
    ) -> None:
        outside = self.tag_sets[TagKind.ENTITY].tags.index(OUTSIDE)
        is_outside = found[TagKind.ENTITY].tags == outside
        for i, end, length in zip(chosen, np.cumsum(lengths), lengths, strict=True):
            part = slice(int(end - length), int(end))
            if is_outside[part].all():
                continue
            batch.parses[i].entities += to_entities(
                batch.texts[i],
                batch.tokens[i],
                {kind: self._tagging(kind, paths, part) for kind, paths in found.items()},
                extractor=self.name,
                split_by_comma=self.options.split_entities_by_comma,
            )

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
        state = self._network_state()
        if not state.json:
            return state
        tags = {kind.value: list(tag_set.tags) for kind, tag_set in self.tag_sets.items()}
        return ComponentState(json={**state.json, "tags": tags}, arrays=state.arrays)

    def restore(self, state: ComponentState) -> None:
        """Build the network again and restore weights and connections."""
        if not state.json:
            return
        with refusing_what_does_not_fit():
            self.tag_sets = {
                TagKind(kind): TagSet(TagKind(kind), tuple(tags), self.options.BILOU_flag)
                for kind, tags in state.json["tags"].items()
            }
            if self.tag_sets and (
                TagKind.ENTITY not in self.tag_sets
                or any(each.tags.count(OUTSIDE) != 1 for each in self.tag_sets.values())
            ):
                raise ValueError(f"entities must have tags, one of them '{OUTSIDE}'")
            self._restore_network(state, n_tags=self._n_tags(), forbidden=self._forbidden())


def _too_few_intents(intents: list[str]) -> DataError:
    return DataError(
        "intent classification needs examples of at least two intents",
        got=intents,
        hint="adding examples of another intent, or intent_classification: false",
    )


def _nothing_usable(what: str, n_examples: int) -> DataError:
    return DataError(
        f"DIETClassifier needs {what} to train on",
        got=f"{n_examples} examples, none usable",
        hint="adding examples under `nlu:` with `intent:`",
    )


def _no_entities() -> DataError:
    return DataError(
        "entity recognition needs annotated entities",
        got="none in the training data",
        hint="annotating examples, as in [Paris](city)",
    )
