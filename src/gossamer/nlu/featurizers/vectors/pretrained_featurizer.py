"""What featurizers of files learnt elsewhere have in common: kept in the model, or referred to."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from gossamer.data.errors import InputError, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.vectors.source_files import check_unchanged, checksum
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState, TrainingBatch

Files = tuple[Path, ...]


class PretrainedOptions(ComponentOptions):
    """Options of all such featurizers.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        store: "model" keeps what is needed of the files in the model; "reference" keeps a checksum,
            and each time the model is loaded the same is read from the files again, which must not
            have changed.
        additional_words: how many words are known besides those of the training data: the first
            ones of the file, which are the most frequent ones.
    """

    alias: str | None = None
    store: Literal["model", "reference"] = "model"
    additional_words: int = Field(default=20_000, ge=0)


class PretrainedFeaturizer(Component):
    """See the module's docstring; a component says how files are found, read and stored."""

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: PretrainedOptions
        self._words: tuple[str, ...] = ()
        self._checksum: str | None = None

    @abstractmethod
    def _files(self) -> Files:
        """The files that the options name. Raises `ConfigError` where they are not there."""

    @abstractmethod
    def _check_files(self, files: Files) -> None:
        """Raise `DataError` where the beginning of a file shows that it is of another kind."""

    @abstractmethod
    def _read(self, files: Files) -> None:
        """Read what is known of `_words`, and of other words. Raises `DataError`."""

    @abstractmethod
    def _stored(self) -> ComponentState:
        """What `_read` has read."""

    @abstractmethod
    def _restore(self, state: ComponentState) -> None:
        """Take what `_stored` gave.

        Raises `KeyError`, `TypeError` or `ValueError` where it does not fit.
        """

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """Files that are missing or of another kind, as far as their beginning shows."""
        try:
            self._check_files(self._files())
        except InputError as fault:
            yield fault

    def files_read(self) -> str:
        """A checksum of the files."""
        return checksum(self._files())

    def can_go_on_from(self, earlier: Component) -> bool:
        """Always: the words it knew stay known."""
        return True

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Read the files. Raises `DataError` where one cannot be read."""
        files = self._files()
        responses = None if batch.responses is None else batch.responses.texts
        texts = batch.tokens if responses is None else [*batch.tokens, *responses.tokens]
        before = () if self.start is None else self.start.part._words
        found = (token.text for tokens in texts for token in tokens)
        self._words = tuple(dict.fromkeys([*before, *found]))
        self._checksum = checksum(files) if self.options.store == "reference" else None
        self._read(files)

    def state(self) -> ComponentState:
        """The words of the training data; what was read, or the checksum of the files."""
        if not self._words:
            return ComponentState()
        words: dict[str, Any] = {"words": list(self._words)}
        if self._checksum is not None:
            return ComponentState({**words, "sha256": self._checksum})
        stored = self._stored()
        return ComponentState({**words, **stored.json}, stored.arrays)

    def restore(self, state: ComponentState) -> None:
        """Restore what was stored, or read the files again.

        Raises:
            ModelFileError: the state does not fit, or a file that it refers to is missing or is
                another one.
        """
        if not state.json:
            return
        stored = state.json.get("sha256")
        try:
            self._words = tuple(distinct_texts(state.json["words"]))
            if stored is None:
                self._restore(state)
            elif not isinstance(stored, str):
                raise ValueError("a checksum that is no text")
        except (KeyError, TypeError, ValueError) as problem:
            raise ModelFileError(
                f"{self.name} must be stored with its words and what is known of each",
                got=str(problem),
                hint="training the model again",
            ) from problem
        if stored is None:
            return
        try:
            files = self._files()
            check_unchanged(files, stored, owner=self.name)
            self._read(files)
        except ModelFileError:
            raise
        except InputError as problem:
            raise ModelFileError(
                f"{self.name} must find the files it was trained with: {problem}",
                hint="the working folder of training, or store: model there",
            ) from problem
        self._checksum = stored


def distinct_texts(stored: Any) -> list[str]:
    """A stored list of texts. Raises `ValueError` where it is something else."""
    if (
        not isinstance(stored, list)
        or not all(isinstance(text, str) for text in stored)
        or len(set(stored)) != len(stored)
    ):
        raise ValueError("not a list of different texts")
    return stored


def numbers_of(tokens: list[list[Any]]) -> tuple[list[str], Any]:
    """The texts of tokens, each once, and the number of each token's. *Shape:* (n_tokens,)."""
    numbers: dict[str, int] = {}
    of_token = [numbers.setdefault(token.text, len(numbers)) for text in tokens for token in text]
    return list(numbers), np.array(of_token, dtype=np.int64)
