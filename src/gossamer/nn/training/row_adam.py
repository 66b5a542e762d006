"""Adam on tables of which a batch touches a few rows only.

The same numbers as `torch.optim.Adam` on the whole table, up to rounding; the work depends on the
rows that occur in a batch, not on the vocabulary. A row that does not occur still moves under Adam,
by its fading moments: it is brought up to date when it occurs again, or by `catch_up`, which must
be called before the tables are read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from gossamer.nn.inputs import SparseInputTable
from gossamer.nn.kernels import tables
from gossamer.sparse.products.guard import require_kernel

_N_KEPT = 200  # 0.9^200 < 1e-9


class RowAdam:
    """Adam for input tables that collect the gradients of the rows that occur.

    Args:
        tables: of which each has `collects_rows` set from now on.
        learning_rate: Adam's.
        epsilon: Adam's.
        regularization_constant: strength of L2, by the rule of `add_l2_gradient`.
        regularized: `id` of the weight of each table under L2; None for all.
        betas: Adam's.
    """

    def __init__(
        self,
        tables: Sequence[SparseInputTable],
        *,
        learning_rate: float,
        epsilon: float,
        regularization_constant: float = 0.0,
        regularized: Collection[int] | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self._tables = list(tables)
        self._learning_rate = learning_rate
        self._betas = betas
        self._step = 0
        self._states = []
        for table in self._tables:
            table.collects_rows = True
            weight = table.weight
            state = (torch.zeros_like(weight), torch.zeros_like(weight))
            self._states.append((*state, torch.zeros(weight.shape[0], dtype=torch.int32)))
        strengths = [
            regularization_constant if regularized is None or id(table.weight) in regularized else 0
            for table in self._tables
        ]
        self._constants = [
            torch.tensor(
                (*betas, epsilon, 1 - betas[0], 1 - betas[1], 2 * strength), dtype=torch.float32
            )
            for strength in strengths
        ]
        self._sizes, self._corrections, self._fading = (
            torch.ones(1, dtype=torch.float32) for _ in range(3)
        )

    def step(self) -> None:
        """Step all tables by the gradients of the last backward pass."""
        self._step += 1
        self._make_room()
        for number, table in enumerate(self._tables):
            gathered = table.take_rows()
            if gathered is not None:
                self._run(number, *gathered)

    def catch_up(self) -> None:
        """Bring all rows up to the present step."""
        for number in range(len(self._tables)):
            self._run(number, None, None)

    def close(self) -> None:
        """Bring all rows up to date and let the tables have ordinary gradients again."""
        self.catch_up()
        for table in self._tables:
            table.collects_rows = False

    def _run(self, number: int, rows: Tensor | None, gradients: Tensor | None) -> None:
        table, state = self._tables[number], self._states[number]
        weight = table.weight.detach()
        require_kernel("the step of an input table", weight, gradients)
        if weight.shape != state[0].shape or not weight.is_contiguous():
            raise RuntimeError(
                f"a table must keep the shape {tuple(state[0].shape)} while it is trained, in one "
                f"piece (got {tuple(weight.shape)}). Try: a new optimiser"
            )
        n_rows = weight.shape[0] if rows is None else rows.numel()
        kernel = tables.adam_rows(weight.shape[1], rows is not None)
        kernel(
            0 if rows is None else rows,
            0 if gradients is None else gradients,
            weight,
            *state,
            n_rows,
            self._step,
            self._sizes,
            self._corrections,
            self._fading,
            self._constants[number],
            _N_KEPT,
            n_threads=torch.get_num_threads(),
        )
        increment_version(table.weight)  # PyTorch did not see the write

    def _make_room(self) -> None:
        """Tables of what depends on the step's number; they double in length when they end."""
        if self._step < len(self._sizes):
            return
        steps = np.arange(max(1024, 2 * self._step), dtype=np.float64)
        beta1, beta2 = self._betas
        with np.errstate(divide="ignore"):
            sizes = self._learning_rate / (1 - beta1**steps)
            corrections = 1 / np.sqrt(1 - beta2**steps)
        self._sizes, self._corrections, self._fading = (
            torch.from_numpy(values.astype(np.float32))
            for values in (sizes, corrections, beta2**steps)
        )
