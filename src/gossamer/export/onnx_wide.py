"""The wide path as ONNX nodes (see `gossamer.nlu.diet.wide`)."""

from __future__ import annotations

from gossamer.export.onnx_features import SparseRows, sparse_product, with_row_of_pruned
from gossamer.export.onnx_graph import OnnxGraph
from gossamer.export.onnx_layers import LEAST_NORM, to_numpy
from gossamer.nlu.diet.wide import LENGTH, WidePath


def wide_scores(graph: OnnxGraph, wide: WidePath, counts: SparseRows) -> str:
    """What the wide path says of each label; columns that it leaves out weigh nothing.

    Args:
        graph: to add to.
        wide: of the network.
        counts: the texts' sparse features, each column once a row.

    Returns:
        *Shape:* (n_texts, n_labels).
    """
    idf = graph.constant(with_row_of_pruned(to_numpy(wide.idf), counts), "wide.idf")
    roots = graph.node("Sqrt", graph.node("Abs", counts.values))
    weighted = graph.node("Mul", roots, graph.node("Gather", idf, counts.columns, axis=0))
    length = graph.node("ReduceL2", weighted, axes=[1], keepdims=1)
    length = graph.node("Max", length, graph.constant(LEAST_NORM))  # of a text without features
    factor = graph.node("Div", graph.constant(LENGTH), length)
    values = graph.node("Mul", weighted, factor)
    n_labels = wide.n_labels  # the table has columns to spare
    weight = to_numpy(wide.table.weight)[:, :n_labels]
    bias = to_numpy(wide.table.bias)[:n_labels]
    return sparse_product(graph, counts._replace(values=values), weight, bias, "wide.table")
