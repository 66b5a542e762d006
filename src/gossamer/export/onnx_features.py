"""The features of texts as inputs of an ONNX graph, and their products with tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gossamer.export.onnx_graph import OnnxGraph
from gossamer.export.onnx_layers import Floats, whole_numbers
from gossamer.nlu.diet.features import FeatureWidths, KeptColumns
from gossamer.nn.frozen.inputs import FeatureInput


class SparseRows(NamedTuple):
    """Sparse rows (CSR), the values of each laid out beside each other, short rows filled up.

    Attributes:
        columns: rows of the tables that the values belong to. *Shape:* (n_rows, longest).
        values: 0 where a row is filled up. *Shape:* (n_rows, longest).
        is_pruned: whether there are columns that the tables leave out; these all have the number
            after the last row.
        all_columns: the same places' numbers among all columns. *Shape:* (n_rows, longest).
    """

    columns: str
    values: str
    is_pruned: bool
    all_columns: str


class FeatureRows(NamedTuple):
    """Features of some rows; either part may be None.

    Attributes:
        sparse: those that a table projects.
        dense: *Shape:* (n_rows, n_dense).
    """

    sparse: SparseRows | None
    dense: str | None


def feature_rows(
    graph: OnnxGraph, widths: FeatureWidths, kept: KeptColumns | None, prefix: str, dimension: str
) -> FeatureRows:
    """Declare the inputs of some features.

    Args:
        graph: to add to.
        widths: of the features, columns that the network does not read included.
        kept: the sparse columns that it reads; None for all.
        prefix: of the inputs' names.
        dimension: name of the number of rows.
    """
    sparse = _sparse_rows(graph, kept, prefix, dimension) if widths.n_sparse > 0 else None
    dense = None
    if widths.n_dense > 0:
        dense = graph.input(f"{prefix}_dense", np.float32, [dimension, widths.n_dense])
    return FeatureRows(sparse, dense)


def _sparse_rows(
    graph: OnnxGraph, kept: KeptColumns | None, prefix: str, dimension: str
) -> SparseRows:
    """Rows in a layout for gathers and one batched product; a scatter takes single numbers."""
    size = f"n_{prefix}_values"
    offsets = graph.input(f"{prefix}_offsets", np.int64, [f"{dimension}_and_1"])
    columns = graph.input(f"{prefix}_columns", np.int64, [size])
    values = graph.input(f"{prefix}_values", np.float32, [size])
    zero, one, axis = graph.constant(0), graph.constant(1), graph.constant([1])
    first, all_but, end = graph.constant([0]), graph.constant([-1]), graph.constant([2**62])
    starts = graph.node("Slice", offsets, first, all_but, first)
    ends = graph.node("Slice", offsets, axis, end, first)
    counts = graph.node("Unsqueeze", graph.node("Sub", ends, starts), axis)
    longest = graph.node("Max", graph.node("ReduceMax", counts, keepdims=0), one)
    steps = graph.node("Range", zero, longest, one)
    places = graph.node("Add", graph.node("Unsqueeze", starts, axis), steps)
    filler = graph.node("Shape", columns)  # the place of a zero put after all values
    places = graph.node("Where", graph.node("Less", steps, counts), places, filler)
    padded_values = graph.node("Concat", values, graph.constant([0.0]), axis=0)
    values = graph.node("Gather", padded_values, places, axis=0)
    padded_columns = graph.node("Concat", columns, first, axis=0)
    all_columns = graph.node("Gather", padded_columns, places, axis=0)
    is_pruned = kept is not None and len(kept.kept) < kept.n_columns
    if kept is not None and is_pruned:
        numbers = np.full(kept.n_columns, len(kept.kept), dtype=np.int64)
        numbers[kept.kept] = np.arange(len(kept.kept))
        table = whole_numbers(graph, numbers, f"{prefix}_numbers")
        read = graph.node("Gather", table, all_columns, axis=0)
        return SparseRows(read, values, is_pruned, all_columns)
    return SparseRows(all_columns, values, is_pruned, all_columns)


def feature_input(graph: OnnxGraph, layer: FeatureInput, rows: FeatureRows, name: str) -> str:
    """Project the sparse features and append the dense ones.

    *Shape:* -> (n_rows, layer.width).
    """
    parts = []
    if layer.table is not None and rows.sparse is not None:
        table = layer.table
        parts.append(sparse_product(graph, rows.sparse, table.weight, table.bias, name))
    if rows.dense is not None:
        parts.append(rows.dense)
    return parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=1)


def sparse_product(
    graph: OnnxGraph, rows: SparseRows, weight: Floats, bias: Floats, name: str
) -> str:
    """Sparse rows times a table, plus a bias.

    *Shape:* of `weight` (n_columns, units) -> (n_rows, units).
    """
    table = graph.constant(with_row_of_pruned(weight, rows), f"{name}.weight")
    found = graph.node("Gather", table, rows.columns, axis=0)  # (n_rows, longest, units)
    axis = graph.constant([1])
    product = graph.node("MatMul", graph.node("Unsqueeze", rows.values, axis), found)
    return graph.node(
        "Add", graph.node("Squeeze", product, axis), graph.constant(bias, f"{name}.bias")
    )


def with_row_of_pruned(table: Floats, rows: SparseRows) -> Floats:
    """A table and zeros for the columns that it leaves out, where there are any.

    *Shape:* (n_columns, ...) -> (n_columns, ...) or (n_columns + 1, ...).
    """
    return np.concatenate([table, np.zeros_like(table[:1])]) if rows.is_pruned else table
