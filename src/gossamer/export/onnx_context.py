"""Context windows as ONNX nodes (see `gossamer.nn.ops.neighbours`)."""

from __future__ import annotations

import numpy as np

from gossamer.export.onnx_encoder import make_layout
from gossamer.export.onnx_graph import OnnxGraph


def in_context(
    graph: OnnxGraph, x: str, lengths: str, *, width: int, size: int, has_sentence: bool
) -> str:
    """Tokens between their neighbours, sentences between zeros, as `TextEncoder.in_context`.

    Args:
        graph: to add to.
        x: tokens, then sentences if there are any. *Shape:* (n_positions, width).
        lengths: tokens of each text. *Shape:* (n_texts,).
        width: of `x`.
        size: neighbours on each side.
        has_sentence: whether a row for each text follows the rows of the tokens.

    Returns:
        *Shape:* (n_positions, (2 * size + 1) * width).
    """
    zero, one, axis = graph.constant(0), graph.constant(1), graph.constant([1])
    tokens = make_layout(graph, lengths, has_sentence=False)
    position, limit = tokens.position, graph.node("Gather", lengths, tokens.text, axis=0)
    if has_sentence:  # each is the only row of its kind
        zeros = graph.node("Mul", lengths, zero)
        position = graph.node("Concat", position, zeros, axis=0)
        limit = graph.node("Concat", limit, graph.node("Add", zeros, one), axis=0)
    offsets = graph.constant(list(range(-size, size + 1)))
    neighbour = graph.node("Add", graph.node("Unsqueeze", position, axis), offsets)
    exists = graph.node(
        "And",
        graph.node("GreaterOrEqual", neighbour, zero),
        graph.node("Less", neighbour, graph.node("Unsqueeze", limit, axis)),
    )
    n_rows = graph.node("Shape", position)  # also the place of the zeros added after all rows
    row = graph.node("Range", zero, graph.node("Squeeze", n_rows), one)
    places = graph.node("Add", graph.node("Unsqueeze", row, axis), offsets)
    places = graph.node("Where", exists, places, n_rows)
    nothing = graph.constant(np.zeros((1, width), dtype=np.float32))
    found = graph.node("Gather", graph.node("Concat", x, nothing, axis=0), places, axis=0)
    return graph.node("Reshape", found, graph.constant([0, (2 * size + 1) * width]))
