"""Points in stories where a message comes, as numbers: what UnexpecTEDIntentPolicy trains on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.state import State
from gossamer.dialogue.policies.ted.data import Described, TEDData, described
from gossamer.dialogue.policies.ted.features import Indices
from gossamer.dialogue.policies.ted.texts import TextReader

Truths = npt.NDArray[np.bool_]


class IntentData(TEDData):
    """Points in stories as numbers; batches are balanced by sets of intents, as in Rasa.

    Args:
        states: all different states.
        dialogues: numbers of the states before each point, the last one first.
        targets: which intents follow. *Shape:* (n_examples, n_intents).
    """

    def __init__(self, states: Described, dialogues: Sequence[Indices], targets: Truths) -> None:
        sets = np.unique(targets, axis=0, return_inverse=True)[1].reshape(-1, 1)
        super().__init__(states.table, dialogues, list(sets), texts=states.texts)
        self._targets = targets

    def targets(self, chosen: Indices) -> npt.NDArray[Any]:
        """Which intents follow the given examples. *Shape:* (n_chosen, n_intents), bool."""
        return self._targets[chosen]


def intent_data(
    histories: Sequence[tuple[State, ...]], targets: Truths, domain: Domain, reader: TextReader
) -> IntentData:
    """Turn points in stories into numbers.

    Args:
        histories: the states before each.
        targets: which intents follow. *Shape:* (n_examples, n_intents).
        domain: that of the stories.
        reader: gives features of texts; it learns how far to trust them.

    Raises:
        ConfigError: stories have texts, and nothing gives features of texts.
        DataError: a text is too long for the tokenizer.
    """
    numbers: dict[State, int] = {}
    dialogues = [
        np.array([numbers.setdefault(state, len(numbers)) for state in states], dtype=np.int64)
        for states in histories
    ]
    backwards = [turns[::-1] for turns in dialogues]
    return IntentData(described(list(numbers), domain, reader), backwards, targets)


def targets_of(intents: Sequence[Sequence[str]], index: Mapping[str, int]) -> Truths:
    """Which of all intents are in each of several lists. *Shape:* (n_lists, n_intents)."""
    targets = np.zeros((len(intents), len(index)), dtype=np.bool_)
    for row, names in zip(targets, intents, strict=True):
        row[[index[name] for name in names]] = True
    return targets
