"""Entities by a conditional random field: one for types, and one each for roles and groups."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from gossamer.data.entities import Entity
from gossamer.data.errors import ConfigError, InputError
from gossamer.data.installed import missing_part
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.diet.features import text_features
from gossamer.nlu.diet.tags import (
    OUTSIDE,
    Tagging,
    TagKind,
    TagSet,
    make_consistent,
    to_entities,
    warn_of_split_words,
)
from gossamer.nlu.extractors.crf.attributes import SeenToken, Window
from gossamer.nlu.extractors.crf.options import CRFEntityExtractorOptions
from gossamer.nlu.extractors.crf.tagger import Tagger
from gossamer.nlu.learning.restoring import refusing_what_does_not_fit
from gossamer.nlu.pipeline.component import (
    Component,
    ComponentOptions,
    EpochListener,
    EpochReport,
)
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    Token,
    TrainingBatch,
)

Floats = npt.NDArray[np.float32]


class CRFEntityExtractor(Component):
    """A linear-chain conditional random field over written features of the tokens.

    CRFsuite trains it; the weights are stored as numbers, and answers need no CRFsuite. As in
    Rasa, each token takes the tag that is most probable by itself; the confidence of an entity is
    that of its type, whatever the BILOU prefix, the least over its tokens; roles and groups have
    fields of their own that also see the tags of the entities around.

    Departures from Rasa: a trained model is stored, where Rasa stores the training data and trains
    again whenever it is loaded; tags become entities as those of DIETClassifier do (see
    `gossamer.nlu.diet.tags.to_entities`); of several regexes of one name, any may match; an
    unknown feature is an error.
    """

    name: ClassVar[str] = "CRFEntityExtractor"
    Options: ClassVar[type[ComponentOptions]] = CRFEntityExtractorOptions
    reads: ClassVar[frozenset[str] | None] = frozenset({"entities", "texts"})
    provides: ClassVar[frozenset[str]] = frozenset({"entities"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})

    options: CRFEntityExtractorOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._window = Window(self.options.features)
        self._taggers: dict[TagKind, Tagger] = {}

    @property
    def reads_features(self) -> bool:
        """Whether patterns or vectors are among the features."""
        return self.options.reads("pattern", "text_dense_features")

    # -- training --------------------------------------------------------------------------------

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """CRFsuite is missing, or a name is that of no entity."""
        missing = missing_part(f"training {self.alias}", "pycrfsuite")
        if missing is not None:
            yield missing
        for kind in TagKind:
            try:
                TagSet.from_examples(kind, data.unique_examples(), is_bilou=self.options.BILOU_flag)
            except InputError as fault:
                yield fault

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Learn from all examples, those without an entity too. Warns when no entity is annotated.

        Raises:
            ConfigError: the tokens or features do not have what the options ask for.
        """
        from gossamer.nlu.extractors.crf.training import train_tagger

        self._taggers = {}
        chosen = [number for number, tokens in enumerate(batch.tokens) if tokens]
        examples = [batch.examples[number] for number in chosen]
        found = {
            kind: TagSet.from_examples(kind, examples, is_bilou=self.options.BILOU_flag)
            for kind in TagKind
        }
        if found[TagKind.ENTITY] is None:
            warnings.warn(
                f"{self.alias} finds nothing, as no entity is annotated in the examples; annotate "
                "some, as in [Paris](city), or leave it out of the pipeline",
                stacklevel=2,
            )
            batch.drop_read_features()
            return
        warn_of_split_words(examples, [batch.tokens[number] for number in chosen])
        seen = self._seen(batch)
        self._check_seen(batch)
        batch.drop_read_features()
        texts = [seen[number] for number in chosen]
        for kind, tag_set in found.items():
            if tag_set is None:
                continue
            tags = [
                [
                    tag_set.tags[tag]
                    for tag in tag_set.encode(batch.tokens[number], example.entities)
                ]
                for number, example in zip(chosen, examples, strict=True)
            ]
            self._taggers[kind] = train_tagger(
                [self._window(text) for text in texts],
                tags,
                self.options,
                on_step=None if on_epoch is None else self._reporting(kind, on_epoch),
            )
            if kind is TagKind.ENTITY:
                texts = [_tagged(text, own) for text, own in zip(texts, tags, strict=True)]

    def _reporting(
        self, kind: TagKind, on_epoch: EpochListener
    ) -> Callable[[int, float, float], None]:
        name = self.alias if kind is TagKind.ENTITY else f"{self.alias} ({kind.value}s)"

        def report(step: int, loss: float, seconds: float) -> None:
            on_epoch(
                EpochReport(
                    component=name,
                    epoch=step,
                    n_epochs=self.options.max_iterations,
                    metrics={"t_loss": loss},
                    seconds=seconds,
                )
            )

        return report

    def _check_seen(self, batch: MessageBatch) -> None:
        if self.options.reads_pos and not any(
            token.pos for tokens in batch.tokens for token in tokens
        ):
            raise ConfigError(
                f"{self.alias}: the features pos and pos2 need tokens with a part of speech",
                got="none in the training data",
                hint="SpacyTokenizer as tokenizer, or other features",
            )
        if self.options.reads("text_dense_features") and self._vectors(batch) is None:
            raise ConfigError(
                f"{self.alias}: text_dense_features needs word vectors",
                got="none for any token of the training data",
                hint="SpacyFeaturizer, LanguageModelFeaturizer or StaticVectorsFeaturizer before "
                "it, or other features",
            )

    # -- answering -------------------------------------------------------------------------------

    def process(self, batch: MessageBatch) -> None:
        """Append the entities of each text."""
        if not self._taggers:
            return
        seen = self._seen(batch)
        for number, text in enumerate(seen):
            if text:
                batch.parses[number].entities += self._entities(
                    batch.texts[number], batch.tokens[number], text
                )

    def _entities(self, text: str, tokens: list[Token], seen: list[SeenToken]) -> list[Entity]:
        taggings: dict[TagKind, Tagging] = {}
        for kind, tagger in self._taggers.items():
            found = tagger(self._window(seen))
            if kind is TagKind.ENTITY:
                if all(tag == OUTSIDE for tag in found.tags):
                    return []
                seen = _tagged(seen, found.tags)
            taggings[kind] = make_consistent(found) if found.is_bilou else found
        return to_entities(
            text,
            tokens,
            taggings,
            extractor=self.name,
            split_by_comma=self.options.split_entities_by_comma,
        )

    # -- features --------------------------------------------------------------------------------

    def _seen(self, batch: MessageBatch) -> list[list[SeenToken]]:
        """The tokens of each text with what the features are made of."""
        seen = [[SeenToken(token.text, token.pos) for token in tokens] for tokens in batch.tokens]
        every = [token for tokens in seen for token in tokens]
        if self.options.reads("pattern"):
            for block in batch.blocks:
                _add_patterns(every, block)
        if self.options.reads("text_dense_features"):
            vectors = self._vectors(batch)
            if vectors is not None:
                for token, vector in zip(every, vectors.tolist(), strict=True):
                    token.vector = vector
        return seen

    def _vectors(self, batch: MessageBatch) -> Floats | None:
        """Dense features of all tokens. *Shape:* (n_tokens, width). None without any."""
        wanted = self.options.featurizers
        blocks = [block for block in batch.blocks if not wanted or block.origin in wanted]
        return text_features(blocks, batch.lengths).sequence.dense

    # -- storing ---------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """Names of tags and attributes of each field, and its weights as arrays."""
        return ComponentState(
            json={"fields": {kind.value: each.to_json() for kind, each in self._taggers.items()}},
            arrays={
                f"{kind.value}.{name}": array
                for kind, tagger in self._taggers.items()
                for name, array in tagger.to_arrays().items()
            },
        )

    def restore(self, state: ComponentState) -> None:
        """Restore stored fields. Raises `ModelFileError` when they do not fit."""
        with refusing_what_does_not_fit("names"):
            fields = state.json["fields"]
            if not isinstance(fields, Mapping) or set(fields) - set(TagKind):
                raise ValueError(f"fields must be some of {', '.join(TagKind)}: {fields!r:.80}")
            if fields and TagKind.ENTITY not in fields:
                raise ValueError("there must be a field for entities")
            self._taggers = {
                kind: Tagger.stored(
                    fields[kind.value],
                    {
                        name.removeprefix(f"{kind.value}."): array
                        for name, array in state.arrays.items()
                        if name.startswith(f"{kind.value}.")
                    },
                    is_bilou=self.options.BILOU_flag,
                )
                for kind in TagKind
                if kind.value in fields
            }


def _tagged(text: list[SeenToken], tags: list[str]) -> list[SeenToken]:
    pairs = zip(text, tags, strict=True)
    return [dataclasses.replace(token, entity_tag=tag) for token, tag in pairs]


def _add_patterns(tokens: list[SeenToken], block: FeatureBlock) -> None:
    """Add the names of the patterns that a block says match a token."""
    matrix = block.sequence
    if not block.patterns or matrix is None or isinstance(matrix, np.ndarray):
        return
    bounds = zip(tokens, matrix.indptr[:-1].tolist(), matrix.indptr[1:].tolist(), strict=True)
    columns = matrix.indices.tolist()
    for token, first, end in bounds:
        if end > first:
            names = (block.patterns[column] for column in columns[first:end])
            token.patterns = [*token.patterns, *names]
