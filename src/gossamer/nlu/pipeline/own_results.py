"""What components and policies of the user's own give back is looked at before others read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

import numpy as np

from gossamer.data.entities import Entity
from gossamer.nlu.own.failures import GUIDE, OwnCode, OwnPartError, is_own_class, path_of
from gossamer.nlu.pipeline.component import Component
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    FeatureMatrix,
    IntentPrediction,
    MessageBatch,
    Parse,
    Token,
)

_NUMBERS: Final = "biuf"  # kinds of arrays that a model file can hold


class Stored(Protocol):
    """A component or a policy."""

    options: Any

    def state(self) -> ComponentState:
        """What was learnt."""
        ...


def process(component: Component, batch: MessageBatch) -> None:
    """Let a component process a batch.

    Raises:
        OwnPartError: it is the user's own, and fails or leaves what others cannot read.
    """
    kind = type(component)
    if not is_own_class(kind):
        component.process(batch)
        return
    with OwnCode(kind, "process"):
        component.process(batch)
    for must_hold, got in _faults(batch):
        raise OwnPartError(f"after {path_of(kind)}, {must_hold}", got=got, hint=GUIDE)


def _faults(batch: MessageBatch) -> list[tuple[str, object]]:
    n_texts = len(batch.texts)
    lists: dict[str, Any] = {"parses": batch.parses, "tokens": batch.tokens or batch.texts}
    for name, found in lists.items():
        if not isinstance(found, list | tuple) or len(found) != n_texts:
            return [
                (f"batch.{name} must be a list with an item for each of {n_texts} texts", found)
            ]
    for parse in batch.parses:
        if not isinstance(parse, Parse):
            return [("each of batch.parses must be a Parse", parse)]
        wanted: list[tuple[str, Any, type]] = [
            ("intent", [parse.intent], IntentPrediction),
            ("intent_ranking", parse.intent_ranking, IntentPrediction),
            ("entities", parse.entities, Entity),
        ]
        for name, items, kind in wanted:
            if not _all_are(items, kind):
                return [(f"{name} of a parse must be of the type {kind.__name__}", items)]
    for tokens in batch.tokens:
        if not _all_are(tokens, Token):
            return [("batch.tokens must have a list of Token for each text", tokens)]
    if not _all_are(batch.blocks, FeatureBlock):
        return [("each of batch.blocks must be a FeatureBlock", batch.blocks)]
    n_tokens = int(batch.lengths.sum())
    for block in batch.blocks:
        for name, matrix, n_rows in (
            ("sequence", block.sequence, n_tokens),
            ("sentence", block.sentence, n_texts),
        ):
            if matrix is not None and not _has_rows(matrix, n_rows):
                return [(f"{name} of a FeatureBlock must be float32 with {n_rows} rows", matrix)]
    return []


def _all_are(items: object, kind: type) -> bool:
    return isinstance(items, list | tuple) and all(isinstance(item, kind) for item in items)


def _has_rows(matrix: FeatureMatrix, n_rows: int) -> bool:
    shape: tuple[int, ...] = getattr(matrix, "shape", ())
    is_float32 = not isinstance(matrix, np.ndarray) or matrix.dtype == np.float32
    return len(shape) == 2 and shape[0] == n_rows and is_float32


def options_as_json(part: Stored) -> dict[str, Any]:
    """All options of a component or policy, as JSON values.

    Raises:
        OwnPartError: it is the user's own, and an option cannot be stored.
    """
    with OwnCode(type(part), "Options"):
        dumped: dict[str, Any] = part.options.model_dump(mode="json")
    return dumped


def checked_state(part: Stored) -> ComponentState:
    """What a component or policy has learnt, if it can be stored.

    Raises:
        OwnPartError: it is the user's own, and fails, or its state is not one of JSON values and
            arrays of numbers.
    """
    kind = type(part)
    with OwnCode(kind, "state"):
        state = part.state()
    if not is_own_class(kind):
        return state
    name = path_of(kind)
    if not isinstance(state, ComponentState):
        raise OwnPartError(f"the state of {name} must be a ComponentState", got=state, hint=GUIDE)
    for where, array in _items(state.arrays, f"{name}.state().arrays"):
        if not isinstance(array, np.ndarray) or array.dtype.kind not in _NUMBERS:
            raise OwnPartError(f"{where} must be an array of numbers", got=array, hint=GUIDE)
        if array.dtype.itemsize > 8:
            raise OwnPartError(f"{where} must have numbers of at most 8 bytes", got=array.dtype)
    _items(state.json, f"{name}.state().json")
    try:
        again = json.loads(json.dumps(dict(state.json), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise OwnPartError(
            f"{name}.state().json must hold JSON values: {error}", hint=GUIDE
        ) from None
    if not _is_same(dict(state.json), again):
        raise OwnPartError(
            f"{name}.state().json must hold JSON values, whose keys are texts",
            got=state.json,
            hint=GUIDE,
        )
    return state


def _items(parts: object, where: str) -> list[tuple[str, object]]:
    if not isinstance(parts, Mapping) or not all(isinstance(key, str) for key in parts):
        raise OwnPartError(f"{where} must be a mapping with names", got=parts, hint=GUIDE)
    return [(f"{where}['{key}']", value) for key, value in parts.items()]


def _is_same(value: Any, again: Any) -> bool:
    """Whether JSON gives a value back, tuples as lists."""
    if isinstance(value, Mapping):
        return value.keys() == again.keys() and all(
            _is_same(part, again[key]) for key, part in value.items()
        )
    if isinstance(value, list | tuple):
        return all(map(_is_same, value, again))
    return bool(value == again)
