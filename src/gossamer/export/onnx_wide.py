"""The wide path as ONNX nodes (see `gossamer.nlu.diet.wide`)."""

from __future__ import annotations

import numpy as np

from gossamer.export.onnx_features import SparseRows, sparse_product
from gossamer.export.onnx_graph import OnnxGraph
from gossamer.export.onnx_layers import LEAST_NORM, unit_length
from gossamer.nlu.diet.frozen.wide import LENGTH, FrozenWidePath


def wide_scores(
    graph: OnnxGraph, wide: FrozenWidePath, counts: SparseRows, dense: str | None = None
) -> str:
    """The wide path's score of each label.

    Args:
        graph: to add to.
        wide: of the network.
        counts: the texts' sparse features, each column once a row.
        dense: their dense features, or None.

    Returns:
        *Shape:* (n_texts, n_labels).
    """
    counts = counts._replace(columns=counts.all_columns, is_pruned=False)
    idf = graph.constant(wide.idf, "wide.idf")
    one = graph.constant(1.0)
    sizes = graph.node("Abs", counts.values)
    logs = graph.node("Log", graph.node("Max", sizes, one))
    weighted = graph.node(
        "Mul",
        graph.node("Mul", graph.node("Sign", sizes), graph.node("Add", logs, one)),
        graph.node("Gather", idf, counts.columns, axis=0),
    )
    # What is padding has no weight and may be of any part.
    numbers = wide.part.astype(np.float32)
    part = graph.node("Gather", graph.constant(numbers, "wide.part"), counts.columns, axis=0)
    parts = []
    for number in np.unique(wide.part).tolist():
        is_of_it = graph.node("Equal", part, graph.constant(float(number)))
        own = graph.node("Where", is_of_it, weighted, graph.constant(0.0))
        length = graph.node("ReduceL2", own, axes=[1], keepdims=1)
        length = graph.node("Max", length, graph.constant(LEAST_NORM))  # of one without features
        parts.append(graph.node("Div", own, length))
    total = parts[0]
    for other in parts[1:]:
        total = graph.node("Add", total, other)
    values = graph.node("Mul", total, graph.constant(LENGTH))
    n_labels = wide.n_labels  # the table has columns to spare
    weight = wide.table.weight[:, :n_labels]
    bias = wide.table.bias[:n_labels]
    scores = sparse_product(graph, counts._replace(values=values), weight, bias, "wide.table")
    if wide.dense is None or dense is None:
        return scores
    table = graph.constant(wide.dense, "wide.dense")
    return graph.node("Add", scores, graph.node("MatMul", unit_length(graph, dense), table))
