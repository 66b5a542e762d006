"""How much doubt there is about what was understood of a message."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gossamer.data.nlu.intents import FALLBACK_INTENT


@dataclass(frozen=True, slots=True)
class Guess:
    """The best intents of a message, fallbacks left out.

    Attributes:
        intent: the likeliest, or None.
        confidence: in it, in [0, 1]; 0 where it is no number.
        second: the next, or None.
        margin: distance between both confidences, in [0, 1].
    """

    intent: str | None
    confidence: float
    second: str | None
    margin: float


def guess_of(parse: Mapping[str, Any]) -> Guess:
    """The best intents in JSON of a parse, whatever it lacks."""
    ranking = parse.get("intent_ranking")
    entries = list(ranking) if isinstance(ranking, list | tuple) else []
    found = [_entry(entry) for entry in [*entries, parse.get("intent")]]
    best: dict[str, float] = {}
    for name, confidence in found:
        if name is not None and name != FALLBACK_INTENT:
            best[name] = max(confidence, best.get(name, 0.0))
    first, second, *_ = [*sorted(best, key=lambda name: (-best[name], name)), None, None]
    if first is None:
        return Guess(None, 0.0, None, 0.0)
    margin = best[first] - (0.0 if second is None else best[second])
    return Guess(first, best[first], second, margin)


def _entry(entry: object) -> tuple[str | None, float]:
    if not isinstance(entry, Mapping):
        return None, 0.0
    name, confidence = entry.get("name"), entry.get("confidence")
    is_number = isinstance(confidence, float | int) and math.isfinite(confidence)
    sure = min(1.0, max(0.0, float(confidence))) if is_number and confidence is not None else 0.0
    return (name if isinstance(name, str) else None), sure
