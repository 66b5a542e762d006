"""What response selectors learn to tell apart, gathered from training data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gossamer.data.nlu.examples import Example
from gossamer.nlu.pipeline.messages import ResponseLabels, ResponseTexts
from gossamer.nlu.pipeline.response_selection import RESPONSE_PREFIX

Responses = Mapping[str, Sequence[Mapping[str, Any]]]


def response_labels(
    examples: Iterable[Example], responses: Responses, *, with_texts: bool
) -> ResponseLabels:
    """The response keys of examples.

    Args:
        examples: of all intents.
        responses: variations by name ("utter_faq/ask_price").
        with_texts: whether the responses are to be read as texts.
    """
    keys = sorted({each.response_key for each in examples if each.response_key is not None})
    texts = [response_text(key, responses) for key in keys]
    return ResponseLabels(keys=keys, texts=ResponseTexts(texts=texts) if with_texts else None)


def response_text(key: str, responses: Responses) -> str:
    """The text of a response key: as in Rasa, the last of its variations with a text.

    The key itself where none has one.
    """
    variations = responses.get(RESPONSE_PREFIX + key, ())
    texts = [each["text"] for each in variations if isinstance(each.get("text"), str)]
    return next((text for text in reversed(texts) if text.strip()), key)
