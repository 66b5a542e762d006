"""Layers as ONNX nodes: sparse and dense products, feed-forward stacks.

A randomly connected layer is stored as the weights that exist and what they connect:

- *grouped* kinds: one matrix a group and the numbers of the inputs it gathers. One gather and one
  batched product for each size of groups, as in training.
- others: the weights and the gaps between their places in the kernel, from which the kernel is
  spread out when the model is loaded (runtimes fold what is constant). The file is small; the
  product is dense.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.export.onnx_graph import OnnxGraph
from gossamer.nn.frozen.inputs import FeedForward
from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.operations import EPSILON, Normalisation

Floats = npt.NDArray[np.float32]
LEAST_NORM = 1e-12  # of torch.nn.functional.normalize


class GroupedWeights(NamedTuple):
    """Groups of one size.

    Attributes:
        inputs: of each group. *Shape:* (n_groups, k).
        weights: *Shape:* (n_groups, size, k).
    """

    inputs: npt.NDArray[np.int64]
    weights: Floats


def grouped_weights(layer: Linear) -> list[GroupedWeights]:
    """The weights of a layer whose outputs share inputs in groups, runs of one size together.

    They are read from the dense kernel at the places the connectivity names, so that it does not
    matter in which order the layer keeps them.
    """
    inputs = np.asarray(layer.connectivity.indices, dtype=np.int64)
    groups = layer.connectivity.group_of_output()
    rows = np.take_along_axis(layer.matrix.T, inputs[groups], axis=1)
    sizes = np.bincount(groups, minlength=len(inputs))
    edges = [0, *(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(sizes)]
    ends = np.concatenate([[0], np.cumsum(sizes)])
    return [
        GroupedWeights(
            inputs[first:last],
            rows[ends[first] : ends[last]].reshape(last - first, int(sizes[first]), -1),
        )
        for first, last in itertools.pairwise(edges)
    ]


def linear(graph: OnnxGraph, layer: Linear, x: str, name: str) -> str:
    """An affine layer, dense or randomly connected.

    *Shape:* (n_rows, in_features) -> (n_rows, out_features).
    """
    connectivity = layer.connectivity
    if connectivity.is_dense:
        weight = graph.constant(np.ascontiguousarray(layer.matrix.T), f"{name}.weight")
        return _gemm(graph, x, weight, layer.bias, name)
    if connectivity.topology.shares_inputs:
        return _grouped(graph, grouped_weights(layer), layer.bias, x, name)
    mask = connectivity.mask()
    return _gemm(graph, x, _spread(graph, mask, layer.matrix.T[mask], name), layer.bias, name)


def _gemm(graph: OnnxGraph, x: str, weight: str, bias: Floats | None, name: str) -> str:
    inputs = [x, weight]
    if bias is not None:
        inputs.append(graph.constant(bias, f"{name}.bias"))
    return graph.node("Gemm", *inputs, transB=1)


def _grouped(
    graph: OnnxGraph, parts: list[GroupedWeights], bias: Floats | None, x: str, name: str
) -> str:
    by_feature = graph.node("Transpose", x, perm=[1, 0])
    outputs = []
    for number, part in enumerate(parts):
        suffix = f".{number}" if len(parts) > 1 else ""
        inputs = whole_numbers(graph, part.inputs, f"{name}.inputs{suffix}")
        gathered = graph.node("Gather", by_feature, inputs, axis=0)  # (n_groups, k, n_rows)
        weights = graph.constant(part.weights, f"{name}.weight{suffix}")
        product = graph.node("MatMul", weights, gathered)  # (n_groups, size, n_rows)
        n_outputs = part.weights.shape[0] * part.weights.shape[1]
        # 0 keeps a dimension, so the number of rows may be 0 where -1 could not be inferred.
        rows = graph.node("Transpose", product, perm=[2, 0, 1])
        outputs.append(graph.node("Reshape", rows, graph.constant([0, n_outputs])))
    y = outputs[0] if len(outputs) == 1 else graph.node("Concat", *outputs, axis=1)
    return y if bias is None else graph.node("Add", y, graph.constant(bias, f"{name}.bias"))


def _spread(graph: OnnxGraph, mask: npt.NDArray[np.bool_], weights: Floats, name: str) -> str:
    """The whole kernel from the weights that exist. *Shape:* (out_features, in_features)."""
    gaps = np.diff(np.flatnonzero(mask), prepend=0)
    stored = whole_numbers(graph, gaps, f"{name}.gaps")
    places = graph.node("CumSum", stored, graph.constant(0))
    zeros = graph.node("ConstantOfShape", graph.constant([mask.size]))
    values = graph.constant(weights, f"{name}.weight")
    flat = graph.node("ScatterElements", zeros, places, values, axis=0)
    return graph.node("Reshape", flat, graph.constant(list(mask.shape)))


def whole_numbers(graph: OnnxGraph, values: npt.NDArray[np.int64], name: str) -> str:
    """Whole numbers from 0 up, stored in the narrowest type that holds them; int64."""
    largest = int(values.max(initial=0))
    narrow = next(
        t for t in (np.uint8, np.uint16, np.int32, np.int64) if largest <= np.iinfo(t).max
    )
    stored = graph.constant(values.astype(narrow), name)
    return cast(graph, stored, np.int64)


def cast(graph: OnnxGraph, x: str, kind: npt.DTypeLike) -> str:
    """The same numbers in another type."""
    to = graph.dtype(kind)
    return graph.node("Cast", x, to=to)


def gelu(graph: OnnxGraph, x: str) -> str:
    """The exact GELU, x (1 + erf(x / sqrt 2)) / 2."""
    erf = graph.node("Erf", graph.node("Mul", x, graph.constant(float(np.sqrt(0.5)))))
    half = graph.node("Mul", x, graph.constant(0.5))
    return graph.node("Mul", half, graph.node("Add", erf, graph.constant(1.0)))


def layer_norm(graph: OnnxGraph, layer: Normalisation, x: str, name: str) -> str:
    """Normalise each row."""
    return graph.node(
        "LayerNormalization",
        x,
        graph.constant(layer.gain, f"{name}.weight"),
        graph.constant(layer.offset, f"{name}.bias"),
        axis=-1,
        epsilon=EPSILON,
    )


def feed_forward(graph: OnnxGraph, stack: FeedForward, x: str, name: str) -> str:
    """A stack of linear layers, each with GELU."""
    for number, layer in enumerate(stack.layers):
        x = gelu(graph, linear(graph, layer, x, f"{name}.layers.{number}"))
    return x


def unit_length(graph: OnnxGraph, x: str) -> str:
    """Rows divided by their length, as torch's `normalize` does it."""
    length = graph.node("ReduceL2", x, axes=[-1], keepdims=1)
    return graph.node("Div", x, graph.node("Max", length, graph.constant(LEAST_NORM)))
