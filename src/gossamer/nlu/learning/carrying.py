"""Weights of an earlier network, carried over to a new one that has more inputs, labels or tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gossamer.nlu.pipeline.starting_point import Was
from gossamer.nn.csr import CsrMatrix
from gossamer.sparse import adopt_connectivity


class Move(NamedTuple):
    """How a weight that has grown is carried over.

    Attributes:
        rows: where each of its rows was; None: where it is.
        columns: likewise.
        is_silent: new rows are zero, so that they say nothing at first; else they stay as drawn.
    """

    rows: Was | None = None
    columns: Was | None = None
    is_silent: bool = False


@torch.no_grad()
def carry_over(
    network: nn.Module,
    earlier: Mapping[str, Tensor],
    moves: Mapping[str, Move],
    *,
    solved: Mapping[str, Tensor] | None = None,
    left: tuple[str, ...] = (),
) -> None:
    """Give a network the weights and connections of an earlier one, as far as it had them.

    Args:
        network: a new one of the same options.
        earlier: a state dict.
        moves: by name, weights whose rows or columns are not those of before.
        solved: by name, weights to take as they are.
        left: how names begin that are not carried over.
    """
    state = network.state_dict()
    for name, now in state.items():
        before = earlier.get(name)
        if before is None or name.startswith(left):
            continue
        move = moves.get(name)
        if move is not None:
            state[name] = moved(now, before, move)
        elif before.shape == now.shape:
            state[name] = before.clone()
    state |= solved or {}
    adopt_connectivity(network, state)
    network.load_state_dict(state)


def moved(now: Tensor, before: Tensor, move: Move) -> Tensor:
    """A weight as it is now, with what it has of an earlier one, of one or two dimensions.

    Raises:
        ValueError: the earlier one has not the rows or columns that are to be moved.
    """
    result = torch.zeros_like(now) if move.is_silent else now.clone()
    axes = (move.rows, move.columns)[: now.ndim]
    places = [
        np.arange(size) if was is None else was for size, was in zip(now.shape, axes, strict=True)
    ]
    kept = [np.flatnonzero(was >= 0) for was in places]
    sources = [was[found] for was, found in zip(places, kept, strict=True)]
    result[tuple(map(torch.from_numpy, np.ix_(*kept)))] = before[
        tuple(map(torch.from_numpy, np.ix_(*sources)))
    ]
    return result


def as_before(now: Tensor, rows: CsrMatrix, wanted: Tensor) -> Tensor:
    """A table that gives some rows what they were given before.

    Columns of features whose names are not stored cannot be looked up. But it is known what an
    earlier table made of these rows: of all tables that make the same of them now, this is the one
    whose columns that occur in them are smallest.

    Args:
        now: a new table. *Shape:* (n_features, units).
        rows: features now. *Shape:* (n_rows, n_features).
        wanted: what is wanted of each, without a bias. *Shape:* (n_rows, units).
    """
    occurs = np.unique(rows.indices)
    dense: npt.NDArray[np.float64] = np.zeros((rows.shape[0], len(occurs)))
    places = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    dense[places, np.searchsorted(occurs, rows.indices)] = rows.data
    found = np.linalg.lstsq(dense, wanted.double().numpy(), rcond=None)[0]
    table = now.clone()
    table[torch.from_numpy(occurs.astype(np.int64))] = torch.from_numpy(found).to(now.dtype)
    return table
