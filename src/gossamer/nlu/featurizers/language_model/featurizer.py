"""Vectors of a pretrained language model for words and texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from gossamer.data.errors import ConfigError, DataError, InputError, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.language_model.folder import ModelFolder
from gossamer.nlu.featurizers.language_model.model import LanguageModel, Vectors
from gossamer.nlu.featurizers.language_model.options import LanguageModelFeaturizerOptions, Pooling
from gossamer.nlu.featurizers.language_model.stored_vectors import StoredVectors, Words
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    ResponseTexts,
    TrainingBatch,
)

_TEXTS_BETWEEN_STORES = 256


class LanguageModelFeaturizer(Component):
    """Vectors of a pretrained language model for words and texts.

    Each token is cut into the model's pieces alone and has the mean of their vectors in the last
    layer; the model reads the pieces of the whole text together. Dense features, of texts and of
    the texts of responses.

    Weights are read as safetensors only, and no code that comes with a model is run. Training gets
    a model of the hub that is not on disk; answering never does. A model file holds the name of the
    language model and a checksum, not its weights.

    The vectors of training texts are kept on disk (see `stored_vectors`), so that training again
    does not run the model again. Messages are not kept.

    Departures from Rasa: a token without a piece has zeros, while Rasa leaves it out, so that its
    features do not belong to the tokens any more; a model reads as many pieces as it can, while
    Rasa cuts GPT-2 at 512; special tokens are those of the model's tokenizer.
    """

    name: ClassVar[str] = "LanguageModelFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = LanguageModelFeaturizerOptions
    reads: ClassVar[frozenset[str] | None] = frozenset()
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})
    needs: ClassVar[tuple[str, ...]] = ("torch", "transformers")

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: LanguageModelFeaturizerOptions
        self._folder: ModelFolder | None = None
        self._loaded: LanguageModel | None = None
        self._width = 0

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """A model that cannot be had, or is not what the options say."""
        try:
            self._find()
        except ConfigError as fault:
            yield fault

    def files_read(self) -> str:
        """A checksum of the model."""
        return self._find().sha256

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Find the model. Raises `ConfigError` when it cannot be had."""
        self._find()

    def process(self, batch: MessageBatch) -> None:
        """Append a block with sequence and sentence features.

        Raises:
            DataError: the model cannot read so long a training example or response.
        """
        texts = [tuple(token.text for token in tokens) for tokens in batch.tokens]
        if isinstance(batch, TrainingBatch | ResponseTexts):
            vectors = self._of_training(batch, texts)
        else:
            model = self._model()
            vectors = model.vectors([model.pieces(words) for words in texts])
        width = self._width
        rows = [rows[:-1] for rows in vectors]
        sequence = np.concatenate(rows) if rows else np.zeros((0, width), dtype=np.float32)
        sentence = np.array([rows[-1] for rows in vectors], dtype=np.float32)
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias,
                sequence=sequence,
                sentence=sentence.reshape(len(texts), width),
                # It has a vector for any letters, so it cannot tell what is known.
                known=np.full(len(sequence), np.nan, dtype=np.float32),
            )
        )

    def state(self) -> ComponentState:
        """Which model it is: a checksum, how texts get their vectors, and the width of these."""
        if self._folder is None:
            return ComponentState()
        return ComponentState(
            json={
                "sha256": self._folder.sha256,
                "pooling": self._folder.pooling.value,
                "width": self._width,
            }
        )

    def restore(self, state: ComponentState) -> None:
        """Load the model that was trained with; nothing is downloaded.

        Raises:
            ModelFileError: it is not on this computer, or is another one.
        """
        json = state.json
        if json.get("pooling") not in tuple(Pooling):
            raise ModelFileError(
                f"{self.name} must be stored with one of the poolings", got=json.get("pooling")
            )
        try:
            options = self.options.model_copy(update={"pooling": json["pooling"]})
            folder = ModelFolder.find(options, may_download=False)
        except ConfigError as error:
            raise ModelFileError(
                f"{self.alias}: {error.must_hold}", got=error.got, hint=error.hint
            ) from error
        if folder.sha256 != json.get("sha256"):
            raise ModelFileError(
                f"{self.alias} must find the language model that it was trained with; that in "
                f"{folder.path} is another one",
                got=folder.sha256,
                hint="getting the same files as in training, or training again",
            )
        self._folder = folder
        try:
            width = self._model().width
        except ConfigError as error:
            raise ModelFileError(
                f"{self.alias}: {error.must_hold}", got=error.got, hint=error.hint
            ) from error
        if width != json.get("width"):
            raise ModelFileError(
                f"{self.name} must be stored with the width of its vectors", got=json.get("width")
            )

    def _find(self) -> ModelFolder:
        if self._folder is None:
            self._folder = ModelFolder.find(self.options, may_download=True)
        return self._folder

    def _model(self) -> LanguageModel:
        if self._loaded is None:
            self._loaded = LanguageModel(self._find())
            self._width = self._loaded.width
        return self._loaded

    def _of_training(self, batch: MessageBatch, texts: Sequence[Words]) -> list[Vectors]:
        """Vectors of texts, as far as possible from disk."""
        folder = self._find()
        kept = StoredVectors(folder.sha256, folder.pooling, version("transformers"))
        found = kept.load(dict.fromkeys(texts))
        missing = [words for words in dict.fromkeys(texts) if words not in found]
        if missing:
            model = self._model()
            pieces = {words: model.pieces(words) for words in missing}
            self._check_lengths(batch, texts, {w: len(p.numbers) for w, p in pieces.items()})
            missing.sort(key=lambda words: len(pieces[words].numbers))  # less padding
            for start in range(0, len(missing), _TEXTS_BETWEEN_STORES):
                part = missing[start : start + _TEXTS_BETWEEN_STORES]
                new = dict(zip(part, model.vectors([pieces[w] for w in part]), strict=True))
                kept.store(new)
                found.update(new)
        vectors = [found[words] for words in texts]
        if vectors:
            self._width = vectors[0].shape[1]
        return vectors

    def _check_lengths(
        self, batch: MessageBatch, texts: Sequence[Words], n_pieces: dict[Words, int]
    ) -> None:
        most = self._model().most_pieces
        too_long = [i for i, words in enumerate(texts) if n_pieces.get(words, 0) > most]
        if not too_long:
            return
        first = too_long[0]
        is_response = isinstance(batch, ResponseTexts)
        more = f"; there are {len(too_long) - 1} more" if len(too_long) > 1 else ""
        raise DataError(
            f"{'a response' if is_response else 'a training example'} may have {most} pieces, as "
            f"many as the language model of {self.alias} can read, and has "
            f"{n_pieces[texts[first]]}{more}",
            got=batch.texts[first][:80],
            where=batch.examples[first].where if isinstance(batch, TrainingBatch) else None,
            hint="cutting it, or another model",
        )
