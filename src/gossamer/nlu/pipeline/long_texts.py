"""Texts that are longer than a component reads."""

from __future__ import annotations

from collections.abc import Mapping

from gossamer.data.errors import DataError
from gossamer.nlu.pipeline.messages import MessageBatch, ResponseTexts, TrainingBatch


def cut_texts(batch: MessageBatch, ends: Mapping[int, int], *, limit: str, remedy: str) -> None:
    """Cut messages, so that no later component sees the rest; their parses say so.

    Args:
        batch: whose texts are cut in place.
        ends: where each text that is too long ends, by its number.
        limit: what a text may have ("512 words and 20,000 characters").
        remedy: which options set the limit ("larger values of max_tokens of WhitespaceTokenizer").

    Raises:
        DataError: what is too long is a training example or a response; the first is named.
    """
    if not ends:
        return
    if isinstance(batch, TrainingBatch | ResponseTexts):
        raise _too_long(batch, ends, limit, remedy)
    texts = list(batch.texts)
    for index, end in ends.items():
        texts[index] = texts[index][:end]
        batch.parses[index].is_truncated = True
    batch.texts = texts


def _too_long(batch: MessageBatch, ends: Mapping[int, int], limit: str, remedy: str) -> DataError:
    first = min(ends)
    examples = batch.examples if isinstance(batch, TrainingBatch) else []
    example = examples[first] if examples else None
    what = "response" if isinstance(batch, ResponseTexts) else "training example"
    more = f"; there are {len(ends) - 1} more" if len(ends) > 1 else ""
    return DataError(
        f"a {what} may have {limit}{more}",
        got=batch.texts[first][:80],
        where=None if example is None else example.where,
        hint=f"cutting it, or {remedy}",
    )
