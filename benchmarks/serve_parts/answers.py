"""Is an answer right? Its shape, always; what it says, for the messages whose answer is known.

What is expected comes from the same server, asked by one client before the load. So "wrong" means
that load changed an answer (mixed up, empty, of another conversation), not that a model errs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

NEAR = 0.01
"""How far a confidence may be from the expected one: batches add up in another order."""


class Responses:
    """Which response of the domain a text is one variant of.

    Args:
        texts: the variants of each response, with `{slot}` in them.
    """

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        self._plain: dict[str, str] = {}
        self._patterns: list[tuple[re.Pattern[str], str]] = []
        for name, variants in texts.items():
            for text in variants:
                parts = re.split(r"\{\w+\}", text)
                if len(parts) == 1:
                    self._plain[text] = name
                else:
                    pattern = re.compile("(.+)".join(map(re.escape, parts)), re.DOTALL)
                    self._patterns.append((pattern, name))

    def said(self, text: str) -> str:
        """Name of the response that a text is of; the text itself where it is of none."""
        name = self._plain.get(text)
        if name is not None:
            return name
        for pattern, name in self._patterns:
            if pattern.fullmatch(text) is not None:
                return name
        return text


def parse_gist(body: bytes) -> list[Any]:
    """What counts of an answer of `/model/parse`: intent, confidence, entities.

    Raises:
        ValueError, KeyError, TypeError: it has another shape.
    """
    content = json.loads(body)
    intent = content["intent"]
    entities = [
        [entity["entity"], entity["value"], entity["start"], entity["end"], entity.get("role")]
        for entity in content["entities"]
    ]
    return [intent["name"], float(intent["confidence"]), sorted(entities, key=str)]


def turn_gist(body: bytes, responses: Responses) -> list[str]:
    """What counts of an answer of the REST channel: which responses, in order.

    Raises:
        ValueError, KeyError, TypeError: it has another shape.
    """
    return [responses.said(message["text"]) for message in json.loads(body)]


def parse_has_shape(body: bytes, quoted_text: bytes) -> bool:
    """Whether this is a parse of this text; looks at bytes only, as it is done for each answer."""
    return (
        body.startswith(b"{")
        and body.rstrip().endswith(b"}")
        and quoted_text in body
        and b'"intent"' in body
        and b'"entities"' in body
        and b'"confidence"' in body
    )


def turn_has_shape(body: bytes, quoted_sender: bytes) -> bool:
    """Whether these are messages to this conversation, at least one."""
    return (
        body.startswith(b"[")
        and body.rstrip().endswith(b"]")
        and body.count(b'"recipient_id"') == body.count(quoted_sender) > 0
        and b'"text"' in body
    )


def same_parse(found: Sequence[Any], expected: Sequence[Any]) -> bool:
    """Whether two of `parse_gist` agree; confidences may differ a little."""
    near = abs(found[1] - expected[1]) <= NEAR
    return bool(near and found[0] == expected[0] and found[2] == expected[2])
