"""From states to the numbers TED's network takes.

A turn is described by up to seven attributes. As in Rasa 3.6: what the user said counts only in the
turn right after it; intent, action, entities and active loop are binary vectors over the domain's
lists, slots the features of all slots side by side.

Departure from Rasa: where stories have texts (end-to-end learning), intents and names of actions
keep their binary vectors; in Rasa they are then described by the words in their names.

Dimensions: `n_states` different states, `n_turns` turns of some conversations together.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.state import State
from gossamer.nlu.diet.features import TextFeatures
from gossamer.nlu.featurizers.sparse_rows import SparseRow, rows_to_csr
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features

Indices = npt.NDArray[np.int64]
ValueT = TypeVar("ValueT", bound=Hashable)

INTENT: Final = "intent"
TEXT: Final = "text"
ACTION_NAME: Final = "action_name"
ACTION_TEXT: Final = "action_text"
ENTITIES: Final = "entities"
SLOTS: Final = "slots"
ACTIVE_LOOP: Final = "active_loop"

NAMED: Final = (INTENT, ACTION_NAME, ENTITIES, SLOTS, ACTIVE_LOOP)
TEXTS: Final = (TEXT, ACTION_TEXT)

_FEW_VALUES = 512  # of an attribute: describing up to this many is as fast as choosing


class Column(NamedTuple):
    """An attribute of some turns.

    Attributes:
        values: each different value once. *Shape:* (n_values, n_features).
        row: which value each turn has; -1: none. *Shape:* (n_turns,), int64.
    """

    values: CsrMatrix
    row: Indices


class TextColumn(NamedTuple):
    """A text attribute of some turns; `texts` each once, `row` as in `Column`."""

    texts: tuple[str, ...]
    row: Indices


@dataclass(frozen=True, slots=True)
class TurnTable:
    """Different states, described.

    Attributes:
        columns: by attribute, those of `NAMED`.
        texts: by attribute, those of `TEXTS`.
    """

    columns: Mapping[str, Column]
    texts: Mapping[str, TextColumn]


class StateFeaturizer:
    """Describes states by a domain's lists.

    Args:
        domain: the lists.
    """

    def __init__(self, domain: Domain) -> None:
        self._intents = _numbered(domain.intent_names)
        self._actions = domain.action_index
        self._entities = _numbered(domain.entity_labels)
        self._loops = _numbered(tuple(domain.forms))
        self._slot_starts: dict[str, int] = {}
        n_slot_features = 0
        for slot in domain.slots:
            if slot.feature_size > 0:
                self._slot_starts[slot.name] = n_slot_features
                n_slot_features += slot.feature_size
        self.widths: Mapping[str, int] = {
            INTENT: len(self._intents),
            ACTION_NAME: len(self._actions),
            ENTITIES: len(self._entities),
            SLOTS: n_slot_features,
            ACTIVE_LOOP: len(self._loops),
        }

    def table(self, states: Sequence[State]) -> TurnTable:
        """Describe states."""
        return TurnTable(
            columns={
                INTENT: self._column(INTENT, states, _intent, _one(self._intents)),
                ACTION_NAME: self._column(
                    ACTION_NAME, states, lambda state: state.action, _one(self._actions)
                ),
                ENTITIES: self._column(ENTITIES, states, _entities, _many(self._entities)),
                SLOTS: self._column(SLOTS, states, lambda s: s.slots or None, self._slot_row),
                ACTIVE_LOOP: self._column(
                    ACTIVE_LOOP, states, lambda state: state.loop, _one(self._loops)
                ),
            },
            texts={
                TEXT: _text_column(states, _text),
                ACTION_TEXT: _text_column(states, lambda state: state.action_text),
            },
        )

    def _column(
        self,
        attribute: str,
        states: Sequence[State],
        value_of: Callable[[State], ValueT | None],
        row_of: Callable[[ValueT], SparseRow],
    ) -> Column:
        values, row = _distinct(states, value_of)
        return Column(rows_to_csr([row_of(value) for value in values], self.widths[attribute]), row)

    def _slot_row(self, slots: tuple[tuple[str, tuple[float, ...] | str], ...]) -> SparseRow:
        found: dict[int, float] = {}
        for name, features in slots:
            start = self._slot_starts.get(name)
            if start is not None and not isinstance(features, str):
                found.update((start + i, x) for i, x in enumerate(features) if x != 0.0)
        columns = np.array(sorted(found), dtype=np.int32)
        return columns, np.array([found[int(c)] for c in columns], dtype=np.float32)


def feature_widths(domain: Domain) -> dict[str, int]:
    """How many features each named attribute has; those without any are left out."""
    return {name: width for name, width in StateFeaturizer(domain).widths.items() if width > 0}


def label_features(n_labels: int) -> Features:
    """Labels, one feature each. *Shape:* (n_labels, n_labels)."""
    columns = np.arange(n_labels + 1, dtype=np.int32)
    ones = np.ones(n_labels, dtype=np.float32)
    return Features(sparse=CsrMatrix(ones, columns[:-1], columns, (n_labels, n_labels)))


class TurnInput(NamedTuple):
    """An attribute of a batch's turns.

    Attributes:
        features: of the values that occur. *Shape:* of n_values rows.
        row: the value of each turn; n_values where it has none. *Shape:* (n_turns,), int64.
    """

    features: Features
    row: Indices


class TextInput(NamedTuple):
    """A text attribute of a batch's turns.

    Attributes:
        features: of the texts that occur, n_texts of them.
        row: the text of each turn; n_texts where it has none. *Shape:* (n_turns,), int64.
    """

    features: TextFeatures
    row: Indices


def text_inputs(
    table: TurnTable, turns: Indices, features: Mapping[str, TextFeatures]
) -> dict[str, TextInput]:
    """The text attributes of some turns; those of which no text occurs are left out.

    Args:
        table: all states.
        turns: number of each turn's state in the table. *Shape:* (n_turns,).
        features: of all texts of the table, by attribute.
    """
    inputs: dict[str, TextInput] = {}
    for attribute, column in table.texts.items():
        if attribute not in features or not column.texts:
            continue
        chosen, row = _chosen(column.row[turns], len(column.texts))
        if len(chosen):
            texts = features[attribute].texts(chosen)
            inputs[attribute] = TextInput(texts, row)
    return inputs


def turn_inputs(table: TurnTable, turns: Indices) -> dict[str, TurnInput]:
    """The named attributes of some turns; those that have no feature in the domain are left out.

    Args:
        table: all states.
        turns: number of each turn's state in the table. *Shape:* (n_turns,).
    """
    inputs: dict[str, TurnInput] = {}
    for attribute, (values, rows) in table.columns.items():
        if values.shape[1] == 0:
            continue
        chosen, row = chosen_values(rows[turns], values.shape[0])
        matrix = values if chosen is None else values[chosen]
        inputs[attribute] = TurnInput(Features(sparse=matrix), row)
    return inputs


def chosen_values(row: Indices, n_values: int) -> tuple[Indices | None, Indices]:
    """Which values occur, and each turn's place among them; few values are all taken (None)."""
    if n_values <= _FEW_VALUES:
        return None, np.where(row < 0, n_values, row)
    return _chosen(row, n_values)


def _chosen(row: Indices, n_values: int) -> tuple[Indices, Indices]:
    occurs = np.zeros(n_values + 1, dtype=np.bool_)
    occurs[row] = True  # -1 marks the last place, which belongs to no value
    occurs[-1] = False
    chosen = np.flatnonzero(occurs)
    place = np.full(n_values + 1, len(chosen))
    place[chosen] = np.arange(len(chosen))
    return chosen, place[row]


def _distinct(
    states: Sequence[State], value_of: Callable[[State], ValueT | None]
) -> tuple[list[ValueT], Indices]:
    numbers: dict[ValueT, int] = {}
    row = np.full(len(states), -1, dtype=np.int64)
    for index, state in enumerate(states):
        value = value_of(state)
        if value is not None:
            row[index] = numbers.setdefault(value, len(numbers))
    return list(numbers), row


def _text_column(states: Sequence[State], text_of: Callable[[State], str | None]) -> TextColumn:
    texts, row = _distinct(states, text_of)
    return TextColumn(tuple(texts), row)


def _numbered(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _one(numbers: Mapping[str, int]) -> Callable[[str], SparseRow]:
    def row(name: str) -> SparseRow:
        found = [numbers[name]] if name in numbers else []
        return np.array(found, dtype=np.int32), np.ones(len(found), dtype=np.float32)

    return row


def _many(numbers: Mapping[str, int]) -> Callable[[tuple[str, ...]], SparseRow]:
    def row(names: tuple[str, ...]) -> SparseRow:
        found = sorted(numbers[name] for name in names if name in numbers)
        return np.array(found, dtype=np.int32), np.ones(len(found), dtype=np.float32)

    return row


def _intent(state: State) -> str | None:
    return state.user.intent if state.user is not None and state.follows_listen else None


def _text(state: State) -> str | None:
    return state.user.text if state.user is not None and state.follows_listen else None


def _entities(state: State) -> tuple[str, ...] | None:
    return state.user.entities or None if state.user is not None and state.follows_listen else None
