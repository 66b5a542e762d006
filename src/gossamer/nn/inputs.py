"""From sparse and dense features to the rows a network works on.

Sparse features stay CSR matrices until the product with the input table. Where that has no kernels
SciPy's product is taken in training: on a CPU it is several times faster than
`torch.nn.functional.embedding_bag` and `torch.sparse` at the sizes of text features, forward and
backward.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gossamer.nn.attention import LinearMaker
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.kernels import tables
from gossamer.nn.ops.dropout import dropout, keep_mask
from gossamer.sparse.products.guard import may_run_kernel, require_kernel


class SparseInputTable(nn.Module):
    """An affine layer for sparse rows: y = x W + b, Glorot uniform, no activation.

    After a backward pass `touched` names the rows of the table whose gradient can be non-zero.
    With `collects_rows` the gradient of W is not a tensor of W's size: `take_rows` hands out the
    rows that are not zero, for `RowAdam`.

    Args:
        n_features: columns of the input.
        units: width of the output.
    """

    def __init__(self, n_features: int, units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_features, units))
        self.bias = nn.Parameter(torch.zeros(units))
        self.touched: Tensor | None = None
        self.collects_rows = False
        self._rows: tuple[Tensor, Tensor] | None = None
        self._numbering: _Numbering | None = None
        nn.init.xavier_uniform_(self.weight)

    @property
    def can_collect_rows(self) -> bool:
        """Whether there are kernels for this table."""
        return may_run_kernel(self.weight) and tables.vector_width(self.weight.shape[1]) is not None

    def forward(self, x: CsrMatrix, *, dropout: float = 0.0) -> Tensor:
        """Multiply.

        Args:
            x: *Shape:* (n_rows, n_features), float32.
            dropout: probability that a stored value is left out. The others are not rescaled, as
                in Rasa.

        Returns:
            *Shape:* (n_rows, units).
        """
        if dropout > 0.0:
            kept = keep_mask(x.nnz, dropout).numpy()
            x = x.with_data(x.data * kept)
        if self.collects_rows:
            if not torch.is_grad_enabled():
                return _multiplied(x, self.weight, self.bias)
            collected: Tensor = _CollectingProduct.apply(self.bias, x, self)  # type: ignore[no-untyped-call]
            return collected
        if torch.is_grad_enabled():
            occurs = np.zeros(x.shape[1], dtype=np.bool_)
            occurs[x.indices] = True
            self.touched = torch.from_numpy(np.flatnonzero(occurs))
        return sparse_product(self.weight, x) + self.bias

    def take_rows(self) -> tuple[Tensor, Tensor] | None:
        """Rows with a gradient since the last call, and it; None where no row has one.

        *Shape:* (n_found,), int32, each row once; (n_found, units).
        """
        rows, self._rows = self._rows, None
        return rows

    def add_rows(self, x: CsrMatrix, grad: Tensor) -> None:
        """Note the gradient that a batch gives the table. *Shape:* of `grad` (n_rows, units)."""
        if self._rows is not None:
            raise RuntimeError(
                "a table that collects rows must be stepped after each backward pass (got two in "
                "a row). Try: RowAdam.step between them, or collects_rows = False"
            )
        if self._numbering is None:
            self._numbering = _Numbering(self.weight.shape[0])
        require_kernel("the gradient of an input table", grad, self.weight)
        columns = torch.from_numpy(np.ascontiguousarray(x.indices, dtype=np.int32))
        found, slots = self._numbering(columns)
        rows = torch.zeros(found.numel(), self.weight.shape[1], dtype=torch.float32)
        values, starts = _csr_tensors(x)
        grad = grad.contiguous()
        tables.gradient(self.weight.shape[1])(
            values,
            slots,
            starts,
            grad,
            rows,
            x.shape[0],
            n_threads=torch.get_num_threads(),
        )
        self._rows = (found, rows)


class _Numbering:
    """Numbers the columns that occur in a batch, in time proportional to the batch."""

    def __init__(self, n_features: int) -> None:
        self._seen, self._numbers = torch.zeros(2, n_features, dtype=torch.int32)
        self._calls = 0

    def __call__(self, columns: Tensor) -> tuple[Tensor, Tensor]:
        """The columns that occur, and each entry's place among them."""
        self._calls += 1
        found, slots = torch.empty(2, columns.numel(), dtype=torch.int32)
        n_found = torch.zeros(1, dtype=torch.int64)
        tables.number_columns()(
            columns,
            columns.numel(),
            self._seen,
            self._numbers,
            self._calls,
            found,
            slots,
            n_found,
        )
        return found[: int(n_found)], slots


def _csr_tensors(x: CsrMatrix) -> tuple[Tensor, Tensor]:
    """Values and starts as kernels read them."""
    return (
        torch.from_numpy(np.ascontiguousarray(x.data, dtype=np.float32)),
        torch.from_numpy(np.ascontiguousarray(x.indptr, dtype=np.int32)),
    )


def _multiplied(x: CsrMatrix, weight: Tensor, bias: Tensor) -> Tensor:
    """X W + b by the kernel."""
    require_kernel("the product of an input table", weight, bias)
    if weight.shape[:1] != x.shape[1:] or bias.shape != weight.shape[1:]:
        raise ValueError(
            f"a table of shape {tuple(weight.shape)} with a bias of shape {tuple(bias.shape)} must "
            f"fit the features (got {x.shape[1]} columns). Try: the features it was made for"
        )
    weight, bias = weight.contiguous(), bias.contiguous()
    values, starts = _csr_tensors(x)
    columns = torch.from_numpy(np.ascontiguousarray(x.indices, dtype=np.int32))
    y = torch.empty(x.shape[0], weight.shape[1])
    tables.multiply(weight.shape[1])(
        values,
        columns,
        starts,
        weight,
        bias,
        y,
        x.shape[0],
        n_threads=torch.get_num_threads(),
    )
    return y


class _CollectingProduct(torch.autograd.Function):
    """x W + b; the gradient of W goes to the table, as rows."""

    @staticmethod
    def forward(ctx: Any, bias: Tensor, x: CsrMatrix, table: SparseInputTable) -> Tensor:
        ctx.x, ctx.table = x, table
        return _multiplied(x, table.weight.detach(), bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        ctx.table.add_rows(ctx.x, grads[0])
        return grads[0].sum(0), None, None


class _SparseProduct(torch.autograd.Function):
    """x W for a constant sparse x; the gradient of W is x^T g."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: CsrMatrix) -> Tensor:
        ctx.x = x.to_scipy()
        return torch.from_numpy(ctx.x @ weight.detach().numpy())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return torch.from_numpy(ctx.x.T @ grads[0].contiguous().numpy()), None


def sparse_product(weight: Tensor, x: CsrMatrix) -> Tensor:
    """The product x W for a constant sparse x.

    *Shape:* (n_features, units), (n_rows, n_features) -> (n_rows, units).
    """
    product: Tensor = _SparseProduct.apply(weight, x)  # type: ignore[no-untyped-call]
    return product


class FeatureInput(nn.Module):
    """One row of numbers from sparse and dense features: [dropout(sparse W + b), dense].

    Truly dense features pass unchanged and get no dropout, as in Rasa 3.6.

    Args:
        n_sparse: sparse columns; 0 for none.
        n_dense: dense columns; 0 for none.
        units: width of the sparse part's projection.
        sparse_dropout: rate of stored values left out before the projection.
        dense_dropout: rate of ordinary dropout on the projection.
    """

    def __init__(
        self,
        n_sparse: int,
        n_dense: int,
        units: int,
        *,
        sparse_dropout: float = 0.0,
        dense_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.table = SparseInputTable(n_sparse, units) if n_sparse > 0 else None
        self.width = (units if n_sparse > 0 else 0) + n_dense
        self.sparse_dropout = sparse_dropout
        self.dense_dropout = dense_dropout

    def forward(self, features: Features) -> Tensor:
        """*Shape:* features of n_rows -> (n_rows, width)."""
        parts = []
        if self.table is not None and features.sparse is not None:
            rate = self.sparse_dropout if self.training else 0.0
            projected = self.table(features.sparse, dropout=rate)
            parts.append(dropout(projected, self.dense_dropout, self.training))
        if features.dense is not None:
            parts.append(torch.from_numpy(features.dense))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


class FeedForward(nn.Module):
    """A stack of linear, GELU, dropout; nothing at all when `sizes` is empty.

    Args:
        input_size: width of the input.
        sizes: width of each layer.
        linear: makes the layers.
        dropout: rate after each activation.
    """

    def __init__(
        self, input_size: int, sizes: list[int], *, linear: LinearMaker, dropout: float
    ) -> None:
        super().__init__()
        widths = [input_size, *sizes]
        self.layers = nn.ModuleList(
            linear(before, after, True) for before, after in zip(widths, sizes, strict=False)
        )
        self.width = widths[-1]
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (n_rows, input_size) -> (n_rows, width)."""
        for layer in self.layers:
            x = dropout(F.gelu(layer(x)), self.dropout, self.training)
        return x

    def regularized(self) -> list[Tensor]:
        """Kernels under L2."""
        return [layer.get_parameter("weight") for layer in self.layers]


def glorot_linear(in_features: int, out_features: int, bias: bool = True) -> nn.Linear:
    """A dense layer as Keras and so Rasa initialise it: Glorot uniform weights, zero bias."""
    layer = nn.Linear(in_features, out_features, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
