"""A language model of transformers: words in, a vector for each and one for the text out."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import ConfigError
from gossamer.nlu.featurizers.language_model.folder import ModelFolder, quiet_hub
from gossamer.nlu.featurizers.language_model.options import Pooling
from gossamer.nn.threads import on_free_cores

Vectors = npt.NDArray[np.float32]

#: What tokenizers put before or after a piece to say where a word begins or goes on. A piece that
#: is nothing else does not count, as in Rasa.
_MARKS = ("##", "</w>", "Ġ", "▁")
_TEXTS_AT_A_TIME = 64
_POSITIONS_AT_A_TIME = 4096  # padding included
_MOST_POSITIONS = 2048  # of a model without a limit of its own: attention takes their square
_CACHED_WORDS = 20_000
_LONGEST_CACHED_WORD = 64


class Pieces(NamedTuple):
    """What a model reads of a text.

    Attributes:
        numbers: of its pieces in the model's vocabulary, without special tokens.
        sizes: how many of them each word has.
    """

    numbers: list[int]
    sizes: list[int]


class LanguageModel:
    """A model and its tokenizer, loaded.

    Args:
        folder: where they lie.

    Attributes:
        width: of its vectors.
        most_pieces: how many pieces of a text it can read.

    Raises:
        ConfigError: transformers cannot load them.
    """

    def __init__(self, folder: ModelFolder) -> None:
        self._pooling = folder.pooling
        try:
            with _quiet():
                self._tokenizer, self._model, missing = _load(folder)
                self._before, self._after = self._special_tokens()
                n_positions = _positions_of(self._model, self._tokenizer)
                self.most_pieces = n_positions - len(self._before) - len(self._after)
                config = self._model.config
                pad = getattr(config, "pad_token_id", None)
                self._pad = self._tokenizer.pad_token_id if pad is None else pad
                self._pad = 0 if self._pad is None else self._pad
                # Special tokens may have been added to a tokenizer that the model does not know.
                self._n_known = self._model.get_input_embeddings().num_embeddings
                self._words: dict[str, tuple[int, ...]] = {}
                (tried,) = self.vectors([self.pieces(["a"])])
                if not np.isfinite(tried).all():
                    raise ValueError("vectors that are not finite")
                self.width = int(tried.shape[1])
        except Exception as error:  # whatever is wrong with the files, in the words of transformers
            lines = str(error).strip().splitlines()
            raise ConfigError(
                "transformers must be able to load the language model and read a text with it",
                got=f"{type(error).__name__}: {lines[0] if lines else ''}",
                hint=f"another model than that in {folder.path}",
            ) from error
        if missing:
            raise ConfigError(
                f"the weights of a language model must be complete; {len(missing)} are missing in "
                f"{folder.path}",
                got=missing[0],
            )

    def pieces(self, words: Sequence[str]) -> Pieces:
        """Cut each word alone."""
        new = [word for word in dict.fromkeys(words) if word not in self._words]
        found: dict[str, tuple[int, ...]] = {}
        if new:
            listed = self._tokenizer(new, add_special_tokens=False)["input_ids"]
            for word, numbers in zip(new, listed, strict=True):
                texts = self._tokenizer.convert_ids_to_tokens(numbers)
                found[word] = tuple(
                    number
                    for number, text in zip(numbers, texts, strict=True)
                    if _says(text) and number < self._n_known
                )
            if len(self._words) + len(found) > _CACHED_WORDS:
                self._words.clear()
            self._words.update(
                (word, cut) for word, cut in found.items() if len(word) <= _LONGEST_CACHED_WORD
            )
        cuts = [found[word] if word in found else self._words[word] for word in words]
        return Pieces([number for cut in cuts for number in cut], [len(cut) for cut in cuts])

    def vectors(self, texts: Sequence[Pieces]) -> list[Vectors]:
        """Per text a row for each word and then one for the text, in the order of the texts."""
        import torch

        order = sorted(range(len(texts)), key=lambda index: len(texts[index].numbers))
        results: dict[int, Vectors] = {}
        with on_free_cores() as cores, torch.inference_mode():
            for chosen in _parts(order, [self._length(text) for text in texts]):
                cores.look()
                hidden = self._hidden([texts[index] for index in chosen])
                for index, rows in zip(chosen, hidden, strict=True):
                    results[index] = self._pool(rows, texts[index])
        return [results[index] for index in range(len(texts))]

    def _length(self, text: Pieces) -> int:
        n_read = min(len(text.numbers), self.most_pieces)
        return len(self._before) + n_read + len(self._after)

    def _hidden(self, texts: Sequence[Pieces]) -> list[Vectors]:
        """Vectors of the pieces that are read, with special tokens; one array per text."""
        import torch

        lengths = [self._length(text) for text in texts]
        numbers = np.full((len(texts), max(1, *lengths)), self._pad, dtype=np.int64)
        mask = np.zeros_like(numbers)
        for row, text in enumerate(texts):
            read = [*self._before, *text.numbers[: self.most_pieces], *self._after]
            numbers[row, : len(read)] = read
            mask[row, : len(read)] = 1
        output = self._model(
            input_ids=torch.from_numpy(numbers), attention_mask=torch.from_numpy(mask)
        )
        hidden = output.last_hidden_state.float().numpy()
        return [rows[:length] for rows, length in zip(hidden, lengths, strict=True)]

    def _pool(self, hidden: Vectors, text: Pieces) -> Vectors:
        of_pieces = hidden[len(self._before) : len(hidden) - len(self._after)]
        result = np.zeros((len(text.sizes) + 1, hidden.shape[1]), dtype=np.float32)
        start = 0
        for row, size in enumerate(text.sizes):
            if size > 0 and start < len(of_pieces):
                result[row] = of_pieces[start : start + size].mean(axis=0)
            start += size
        pooled = of_pieces if self._pooling is Pooling.MEAN_OF_WORDS else hidden
        if len(pooled) > 0:
            result[-1] = pooled[0] if self._pooling is Pooling.FIRST else pooled.mean(axis=0)
        return result

    def _special_tokens(self) -> tuple[list[int], list[int]]:
        """Those that the tokenizer puts before and after a text."""
        alone = self._tokenizer("a", add_special_tokens=False)["input_ids"]
        full = self._tokenizer("a")["input_ids"]
        if not alone:
            raise ValueError("the tokenizer has no piece for the letter a")
        for start in range(len(full) - len(alone) + 1):
            if full[start : start + len(alone)] == alone:
                return full[:start], full[start + len(alone) :]
        raise ValueError(f"special tokens in the middle of a text: {full}")


def _says(piece: str) -> bool:
    for mark in _MARKS:
        piece = piece.replace(mark, "")
    return bool(piece)


def _parts(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Texts ordered by length, in parts whose memory is bounded."""
    part: list[int] = []
    for index in order:
        if part and (
            len(part) >= _TEXTS_AT_A_TIME or (len(part) + 1) * lengths[index] > _POSITIONS_AT_A_TIME
        ):
            yield part
            part = []
        part.append(index)
    if part:
        yield part


def _load(folder: ModelFolder) -> tuple[Any, Any, list[str]]:
    """Tokenizer, model, and the weights that its files lack; no network, no code of the folder."""
    from transformers import AutoModel, AutoTokenizer

    path = str(folder.path.absolute())
    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    model, told = AutoModel.from_pretrained(
        path,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        attn_implementation="eager",  # a config.json might name one on the hub
        output_loading_info=True,
    )
    n_known = model.get_input_embeddings().num_embeddings
    if tokenizer.vocab_size > n_known:
        raise ValueError(f"the tokenizer of a larger model: this one knows {n_known} pieces")
    if getattr(model.config, "is_encoder_decoder", False):
        model = model.get_encoder()
    # What pools is not used here, and many models come without it.
    missing = sorted(name for name in told["missing_keys"] if "pooler" not in name)
    return tokenizer, model.float().eval(), missing


def _positions_of(model: Any, tokenizer: Any) -> int:
    """How many pieces the model can read, special tokens included."""
    limits = [_MOST_POSITIONS]
    config = model.config
    for name in ("max_position_embeddings", "n_positions"):
        limit = getattr(config, name, None)
        if isinstance(limit, int) and limit > 0:
            limits.append(limit)
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
            limits.append(part.num_embeddings - part.padding_idx - 1)
    if isinstance(tokenizer.model_max_length, int):
        limits.append(tokenizer.model_max_length)
    return min(limits)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """In the block transformers shows no progress and logs errors only."""
    from transformers.utils import logging

    level, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with quiet_hub(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if had_bars:
                logging.enable_progress_bar()
