"""A linear-chain CRF as ONNX loops: the best path and how probable each of its tags is.

Loops run over the tokens of all texts in step, time first. A text that has ended keeps its score
and passes its tag through, so that all texts can be read off at the last step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gossamer.export.onnx_graph import OnnxGraph
from gossamer.export.onnx_layers import cast
from gossamer.nn.frozen.crf import Decoder


@dataclass(frozen=True, slots=True)
class Steps:
    """Values that lay packed tokens out in steps.

    Attributes:
        rows: packed token of each step and text, any where a text has ended.
            *Shape:* (n_steps, n_texts).
        is_alive: False where a text has ended. *Shape:* (n_steps, n_texts, 1).
        is_later: 0 in the first step, then 1. *Shape:* (n_steps,), float32.
        slots: `step * n_texts + text` of each packed token. *Shape:* (n_tokens,).
        n_texts: *Shape:* (1,).
    """

    rows: str
    is_alive: str
    is_later: str
    slots: str
    n_texts: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """Values of the best paths; see `gossamer.nn.frozen.crf.TagPaths`."""

    tags: str
    confidence: str


def make_steps(graph: OnnxGraph, lengths: str) -> Steps:
    """Lay out tokens of texts of the given lengths. *Shape:* (n_texts,)."""
    zero, one = graph.constant(0), graph.constant(1)
    n_texts = graph.node("Shape", lengths)
    steps = graph.node("Range", zero, graph.node("ReduceMax", lengths, keepdims=0), one)
    column = graph.node("Unsqueeze", steps, graph.constant([1]))
    is_alive = graph.node("Less", column, lengths)
    starts = graph.node("Sub", graph.node("CumSum", lengths, zero), lengths)
    rows = graph.node("Where", is_alive, graph.node("Add", starts, column), zero)
    # Packed order is text by text, so the places are taken from the transposed table.
    places = graph.node("NonZero", graph.node("Transpose", is_alive, perm=[1, 0]))
    text = graph.node("Gather", places, zero, axis=0)
    step = graph.node("Gather", places, one, axis=0)
    slots = graph.node("Add", graph.node("Mul", step, n_texts), text)
    is_later = cast(graph, graph.node("Greater", steps, zero), np.float32)
    alive = graph.node("Unsqueeze", is_alive, graph.constant([2]))
    return Steps(rows, alive, is_later, slots, n_texts)


def decode(graph: OnnxGraph, crf: Decoder, transitions: str, logits: str, steps: Steps) -> Decoded:
    """Best paths (Viterbi) and the marginal probability of each chosen tag.

    Args:
        graph: to add to.
        crf: whose number of tags counts.
        transitions: *Shape:* (n_tags, n_tags), from row to column.
        logits: *Shape:* (n_tokens, n_tags).
        steps: how tokens are laid out.

    Returns:
        Of each token. *Shape:* of both (n_tokens,).
    """
    n_tags = len(crf.moves)
    by_step = graph.node("Gather", logits, steps.rows, axis=0)  # (n_steps, n_texts, n_tags)
    shape = graph.node("Concat", steps.n_texts, graph.constant([n_tags]), axis=0)
    zeros = graph.node("ConstantOfShape", shape)
    tags = _best_tags(graph, n_tags, transitions, by_step, zeros, steps)
    forward = _forward(graph, n_tags, transitions, by_step, zeros, steps)
    backward = _backward(graph, n_tags, transitions, by_step, zeros, steps)
    marginals = graph.node("Softmax", graph.node("Add", forward, backward), axis=-1)
    last = graph.constant([2])
    chosen = graph.node("GatherElements", marginals, graph.node("Unsqueeze", tags, last), axis=2)
    return Decoded(_packed(graph, tags, steps), _packed(graph, chosen, steps))


def transitions_of(graph: OnnxGraph, crf: Decoder, name: str) -> str:
    """Store the transitions. *Shape:* (n_tags, n_tags), from row to column."""
    return graph.constant(crf.moves, f"{name}.transitions")


def _packed(graph: OnnxGraph, by_step: str, steps: Steps) -> str:
    flat = graph.node("Reshape", by_step, graph.constant([-1]))
    return graph.node("Gather", flat, steps.slots, axis=0)


def _best_tags(
    graph: OnnxGraph, n_tags: int, transitions: str, by_step: str, zeros: str, steps: Steps
) -> str:
    """Viterbi. *Shape:* (n_steps, n_texts)."""
    body = graph.body("viterbi_forward")
    score = body.input("viterbi_score", np.float32, [None, n_tags])
    step = body.input("viterbi_step", np.float32, [None, n_tags])
    is_alive = body.input("viterbi_alive", np.bool_, [None, 1])
    is_later = body.input("viterbi_later", np.float32, [])
    moves = body.node("Mul", transitions, is_later)
    paths = body.node("Add", body.node("Unsqueeze", score, body.constant([2])), moves)
    best = body.node("ReduceMax", paths, axes=[1], keepdims=0)
    came_from = body.node("ArgMax", paths, axis=1, keepdims=0)
    new_score = body.node("Where", is_alive, body.node("Add", best, step), score)
    same = body.constant(np.arange(n_tags, dtype=np.int64)[None])
    body.output(new_score, np.float32, [None, n_tags])
    body.output(body.node("Where", is_alive, came_from, same), np.int64, [None, n_tags])
    last_score, pointers = graph.nodes(
        "Scan",
        zeros,
        by_step,
        steps.is_alive,
        steps.is_later,
        n_outputs=2,
        body=body.as_attribute(),
        num_scan_inputs=3,
    )
    back = graph.body("viterbi_back")
    tag = back.input("viterbi_tag", np.int64, [None, 1])
    pointer = back.input("viterbi_pointer", np.int64, [None, n_tags])
    back.output(back.node("GatherElements", pointer, tag, axis=1), np.int64, [None, 1])
    back.output(back.node("Squeeze", tag, back.constant([1])), np.int64, [None])
    _, tags = graph.nodes(
        "Scan",
        graph.node("ArgMax", last_score, axis=1, keepdims=1),
        pointers,
        n_outputs=2,
        body=back.as_attribute(),
        num_scan_inputs=1,
        scan_input_directions=[1],
        scan_output_directions=[1],
    )
    return tags


def _forward(
    graph: OnnxGraph, n_tags: int, transitions: str, by_step: str, zeros: str, steps: Steps
) -> str:
    """Log-sum of paths that end in each tag. *Shape:* (n_steps, n_texts, n_tags)."""
    body = graph.body("crf_forward")
    score = body.input("forward_score", np.float32, [None, n_tags])
    step = body.input("forward_step", np.float32, [None, n_tags])
    is_later = body.input("forward_later", np.float32, [])
    paths = body.node("Add", body.node("Unsqueeze", score, body.constant([2])), transitions)
    # Nothing comes before the first step; what follows a text's end is not read.
    summed = body.node("ReduceLogSumExp", paths, axes=[1], keepdims=0)
    new_score = body.node("Add", body.node("Mul", summed, is_later), step)
    body.output(new_score, np.float32, [None, n_tags])
    body.output(body.node("Identity", new_score), np.float32, [None, n_tags])
    _, scores = graph.nodes(
        "Scan",
        zeros,
        by_step,
        steps.is_later,
        n_outputs=2,
        body=body.as_attribute(),
        num_scan_inputs=2,
    )
    return scores


def _backward(
    graph: OnnxGraph, n_tags: int, transitions: str, by_step: str, zeros: str, steps: Steps
) -> str:
    """Log-sum of paths from each tag to the end, its own logit left out; shape as above."""
    body = graph.body("crf_backward")
    score = body.input("backward_score", np.float32, [None, n_tags])
    step = body.input("backward_step", np.float32, [None, n_tags])
    is_alive = body.input("backward_alive", np.bool_, [None, 1])
    onward = body.node("Unsqueeze", body.node("Add", score, step), body.constant([1]))
    paths = body.node("Add", onward, transitions)
    summed = body.node("ReduceLogSumExp", paths, axes=[2], keepdims=0)
    body.output(body.node("Where", is_alive, summed, score), np.float32, [None, n_tags])
    body.output(body.node("Identity", score), np.float32, [None, n_tags])
    _, scores = graph.nodes(
        "Scan",
        zeros,
        by_step,
        steps.is_alive,
        n_outputs=2,
        body=body.as_attribute(),
        num_scan_inputs=2,
        scan_input_directions=[1, 1],
        scan_output_directions=[1],
    )
    return scores
