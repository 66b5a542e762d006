"""The transformer encoder as ONNX nodes, on packed rows that are laid out for attention only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gossamer.export.onnx_graph import OnnxGraph
from gossamer.export.onnx_layers import cast, gelu, layer_norm, linear
from gossamer.nn.frozen.attention import Attention
from gossamer.nn.frozen.encoder import Encoder

LOWEST = float(np.finfo(np.float32).min)


@dataclass(frozen=True, slots=True)
class Layout:
    """Values that say which packed row is which position of which text.

    Packed rows are the tokens of all texts, then (if there are sentence features) one row a text,
    whose position is the one after its last token.

    Attributes:
        n_texts: *Shape:* (1,).
        length: positions of the longest text. *Shape:* ().
        rows: packed row of each slot; any row where the slot is padding.
            *Shape:* (n_texts, length).
        is_position: True where a slot is not padding. *Shape:* (n_texts, length).
        slots: slot of each packed row, `text * length + position`. *Shape:* (n_positions,).
        text: of each packed row. *Shape:* (n_positions,).
        position: of each packed row. *Shape:* (n_positions,).
    """

    n_texts: str
    length: str
    rows: str
    is_position: str
    slots: str
    text: str
    position: str


def make_layout(graph: OnnxGraph, lengths: str, *, has_sentence: bool) -> Layout:
    """Lay out texts of the given lengths.

    Args:
        graph: to add to.
        lengths: tokens of each text. *Shape:* (n_texts,).
        has_sentence: whether a row for each text follows the rows of the tokens.
    """
    zero, one, axis = graph.constant(0), graph.constant(1), graph.constant([1])
    n_texts = graph.node("Shape", lengths)
    column = graph.node("Unsqueeze", lengths, axis)
    length = graph.node("ReduceMax", lengths, keepdims=0)
    if has_sentence:
        length = graph.node("Add", length, one)
    steps = graph.node("Range", zero, length, one)
    is_token = graph.node("Less", steps, column)
    starts = graph.node("Sub", graph.node("CumSum", lengths, zero), lengths)
    rows = graph.node("Add", graph.node("Unsqueeze", starts, axis), steps)
    token_places = graph.node("NonZero", is_token)
    text = graph.node("Gather", token_places, zero, axis=0)
    position = graph.node("Gather", token_places, one, axis=0)
    if not has_sentence:
        rows = graph.node("Where", is_token, rows, zero)
        is_position = is_token
    else:
        is_position = graph.node("LessOrEqual", steps, column)
        n_tokens = graph.node("ReduceSum", lengths, keepdims=0)
        texts = graph.node("Range", zero, graph.node("Squeeze", n_texts), one)
        behind = graph.node("Unsqueeze", graph.node("Add", n_tokens, texts), axis)
        rows = graph.node("Where", is_token, rows, behind)
        text = graph.node("Concat", text, texts, axis=0)
        position = graph.node("Concat", position, lengths, axis=0)
    slots = graph.node("Add", graph.node("Mul", text, length), position)
    return Layout(n_texts, length, rows, is_position, slots, text, position)


def encoder(graph: OnnxGraph, network: Encoder, x: str, layout: Layout) -> str:
    """*Shape:* (n_positions, input_size) -> (n_positions, hidden_size)."""
    width = network.hidden_size
    x = linear(graph, network.input, x, "encoder.input")
    x = graph.node("Mul", x, graph.constant(math.sqrt(width)))
    x = graph.node("Add", x, _positions(graph, layout.position, width))
    for number, layer in enumerate(network.layers):
        name = f"encoder.layers.{number}"
        normed = layer_norm(graph, layer.attention_norm, x, f"{name}.attention_norm")
        mixed = _attention(graph, layer.attention, normed, layout, f"{name}.attention")
        x = graph.node("Add", x, mixed)
        normed = layer_norm(graph, layer.feed_forward_norm, x, f"{name}.feed_forward_norm")
        inner = gelu(graph, linear(graph, layer.feed_forward_in, normed, f"{name}.feed_forward_in"))
        outer = linear(graph, layer.feed_forward_out, inner, f"{name}.feed_forward_out")
        x = graph.node("Add", x, outer)
    return layer_norm(graph, network.norm, x, "encoder.norm")


def _positions(graph: OnnxGraph, position: str, width: int) -> str:
    """Sinusoids, computed for whatever positions occur (a cosine is a sine a quarter later).

    *Shape:* (n_positions,) -> (n_positions, width).
    """
    dimension = np.arange(width)
    frequency = np.power(10000.0, -2 * np.floor(dimension / 2) / width)
    phase = np.where(dimension % 2 == 0, 0.0, np.pi / 2)
    steps = cast(graph, graph.node("Unsqueeze", position, graph.constant([1])), np.float64)
    angle = graph.node("Mul", steps, graph.constant(frequency))
    sine = graph.node("Sin", graph.node("Add", angle, graph.constant(phase)))
    return cast(graph, sine, np.float32)


def _attention(graph: OnnxGraph, layer: Attention, x: str, layout: Layout, name: str) -> str:
    heads, size = layer.num_heads, layer.head_size

    def laid_out(part: str) -> str:
        """*Shape:* (n_positions, width) -> (n_texts, heads, length, head_size)."""
        padded = graph.node("Gather", part, layout.rows, axis=0)
        split = graph.node("Reshape", padded, graph.constant([0, 0, heads, size]))
        return graph.node("Transpose", split, perm=[0, 2, 1, 3])

    query, key, value = (
        laid_out(linear(graph, module, x, f"{name}.{part}"))
        for part, module in (("query", layer.query), ("key", layer.key), ("value", layer.value))
    )
    logits = graph.node("MatMul", query, graph.node("Transpose", key, perm=[0, 1, 3, 2]))
    steps = graph.node("Range", graph.constant(0), layout.length, graph.constant(1))
    distance = ""
    if layer.key_relative is not None or layer.value_relative is not None:
        pairs = _distances(graph, layer, steps)
        distance = graph.node("Expand", pairs, graph.node("Shape", logits))
    if layer.key_relative is not None:
        turned = np.ascontiguousarray(layer.key_relative.transpose(0, 2, 1))
        table = graph.constant(turned, f"{name}.key_relative")
        by_distance = graph.node("MatMul", query, table)
        logits = graph.node(
            "Add", logits, graph.node("GatherElements", by_distance, distance, axis=-1)
        )
    logits = graph.node("Mul", logits, graph.constant(1 / math.sqrt(size)))
    may_look = graph.node("Unsqueeze", layout.is_position, graph.constant([1, 2]))
    if layer.is_causal:
        earlier = graph.node(
            "LessOrEqual", steps, graph.node("Unsqueeze", steps, graph.constant([1]))
        )
        may_look = graph.node("And", may_look, earlier)
    logits = graph.node("Where", may_look, logits, graph.constant(LOWEST))
    weights = graph.node("Softmax", logits, axis=-1)
    mixed = graph.node("MatMul", weights, value)
    if layer.value_relative is not None:
        table = graph.constant(layer.value_relative, f"{name}.value_relative")
        n_distances = graph.constant([layer.value_relative.shape[1]])
        firsts = graph.node("Shape", weights, start=0, end=3)
        zeros = graph.node("ConstantOfShape", graph.node("Concat", firsts, n_distances, axis=0))
        by_distance = graph.node(
            "ScatterElements", zeros, distance, weights, axis=3, reduction="add"
        )
        mixed = graph.node("Add", mixed, graph.node("MatMul", by_distance, table))
    joined = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
    flat = graph.node("Reshape", joined, graph.constant([-1, heads * size]))
    packed = graph.node("Gather", flat, layout.slots, axis=0)
    return linear(graph, layer.out, packed, f"{name}.out")


def _distances(graph: OnnxGraph, layer: Attention, steps: str) -> str:
    """Row of the relative tables for each (query, key). *Shape:* (length, length)."""
    limit = layer.max_relative_position
    difference = graph.node("Sub", steps, graph.node("Unsqueeze", steps, graph.constant([1])))
    most = graph.constant(0 if layer.is_causal else limit)
    clamped = graph.node("Clip", difference, graph.constant(-limit), most)
    return graph.node("Add", clamped, graph.constant(limit))
