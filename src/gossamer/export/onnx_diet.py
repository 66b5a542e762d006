"""A trained DIET as an ONNX model: features in, similarities, tag logits and tags out.

The steps from a text to the result are in `docs/guides/export.md`. The labels' side of the network
does not depend on the text, so its result, one embedding a label, is stored instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gossamer.data.errors import ConfigError
from gossamer.export.features import feature_widths
from gossamer.export.onnx_context import in_context
from gossamer.export.onnx_crf import Steps, decode, make_steps, transitions_of
from gossamer.export.onnx_encoder import encoder, make_layout
from gossamer.export.onnx_features import FeatureRows, feature_input, feature_rows
from gossamer.export.onnx_graph import Dimension, OnnxGraph
from gossamer.export.onnx_layers import feed_forward, gelu, linear, unit_length
from gossamer.export.onnx_wide import wide_scores
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.frozen.network import FrozenDIET
from gossamer.nlu.diet.options import ModelConfidence
from gossamer.nlu.diet.tags import TagKind
from gossamer.version import __version__

FORMAT = "gossamer-diet"
FORMAT_VERSION = 2


def diet_to_onnx(
    diet: DIETComponent,
    *,
    intents: Sequence[str] | None = None,
    featurizers: Sequence[Mapping[str, Any]] = (),
    not_exported: Sequence[str] = (),
) -> bytes:
    """The model file of a trained DIET.

    Args:
        diet: the component.
        intents: names of the intents to store; those of the component if None.
        featurizers: what makes the features, as JSON values, to be stored with the model.
        not_exported: aliases of what else the pipeline has, to be stored with the model.

    Raises:
        ConfigError: ONNX is not installed, or the component is not trained.
    """
    network = diet.frozen
    if network is None:
        raise ConfigError(
            "only a trained DIETClassifier can be exported", got=diet.alias, hint="training it"
        )
    graph = OnnxGraph(FORMAT)
    lengths = graph.input("lengths", np.int64, ["n_texts"])
    widths = feature_widths(diet)
    sequence = feature_rows(graph, widths.sequence, diet.columns[0], "sequence", "n_tokens")
    sentence = feature_rows(graph, widths.sentence, diet.columns[1], "sentence", "n_texts")
    encoded = _encode(graph, network, lengths, sequence, sentence)
    if network.label_embeddings is not None:
        _intents(graph, diet, network, encoded, sentence)
    if diet.tag_sets:
        _entities(graph, network, encoded.tokens, make_steps(graph, lengths))
    metadata = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "gossamer_version": __version__,
        "intents": list(diet.labels if intents is None else intents),
        "tags": {kind.value: list(tag_set.tags) for kind, tag_set in diet.tag_sets.items()},
        "is_bilou": diet.options.BILOU_flag,
        "model_confidence": diet.options.model_confidence.value,
        "temperature": diet.temperature,
        "feature_widths": {
            part: {"sparse": width.n_sparse, "dense": width.n_dense}
            for part, width in widths._asdict().items()
        },
        "featurizers": list(featurizers),
        "not_exported": list(not_exported),
    }
    return graph.to_bytes(
        {
            name: value
            if isinstance(value, str)
            else json.dumps(value, ensure_ascii=False, sort_keys=True)
            for name, value in metadata.items()
        },
        producer_version=__version__,
    )


class _Encoded(NamedTuple):
    """Values after the transformer.

    Attributes:
        tokens: "" where the network reads nothing of tokens. *Shape:* (n_tokens, width).
        sentence: *Shape:* (n_texts, width).
    """

    tokens: str
    sentence: str


def _encode(
    graph: OnnxGraph,
    network: FrozenDIET,
    lengths: str,
    sequence: FeatureRows,
    sentence: FeatureRows,
) -> _Encoded:
    n_texts = graph.node("Shape", lengths)
    n_tokens = graph.node("ReduceSum", lengths, keepdims=1)
    parts = []
    if network.has_sequence:
        x = feature_input(graph, network.sequence_input, sequence, "sequence_input")
        if network.sequence_unify is not None:
            x = feed_forward(graph, network.sequence_unify, x, "sequence_unify")
        parts.append(x)
    if network.has_sentence:
        x = feature_input(graph, network.sentence_input, sentence, "sentence_input")
        if network.sentence_unify is not None:
            x = feed_forward(graph, network.sentence_unify, x, "sentence_unify")
        parts.append(x)
    x = parts[0] if len(parts) == 1 else graph.node("Concat", *parts, axis=0)
    x = feed_forward(graph, network.hidden, x, "hidden")
    if not network.has_sequence:  # each text is a sentence row without tokens
        lengths = graph.node("Mul", lengths, graph.constant(0))
    if network.encoder is not None:
        has_sentence, size = network.has_sentence, network.context_window
        if size > 0:
            width = network.hidden.width
            x = in_context(graph, x, lengths, width=width, size=size, has_sentence=has_sentence)
        layout = make_layout(graph, lengths, has_sentence=has_sentence)
        x = gelu(graph, encoder(graph, network.encoder, x, layout))
    if not network.has_sequence:
        return _Encoded("", x)
    if network.has_sentence:
        axis = graph.constant([0])
        n_all = graph.node("Add", n_tokens, n_texts)
        tokens = graph.node("Slice", x, graph.constant([0]), n_tokens, axis)
        sentence_rows = graph.node("Slice", x, n_tokens, n_all, axis)
    else:  # the last token represents the text
        ends = graph.node("CumSum", lengths, graph.constant(0))
        last = graph.node("Sub", ends, graph.constant(1))
        tokens, sentence_rows = x, graph.node("Gather", x, last, axis=0)
    return _Encoded(tokens, sentence_rows)


def _intents(
    graph: OnnxGraph,
    diet: DIETComponent,
    network: FrozenDIET,
    encoded: _Encoded,
    features: FeatureRows,
) -> None:
    if network.text_embedding is None or network.label_embeddings is None:
        raise ValueError("a network without labels has no scores of them")
    text = linear(graph, network.text_embedding, encoded.sentence, "text_embedding")
    if diet.options.use_cosine:
        text = unit_length(graph, text)
    similarities = graph.node(
        "Gemm", text, graph.constant(network.label_embeddings, "label_embeddings"), transB=1
    )
    if network.wide is not None and features.sparse is not None:
        scores = wide_scores(graph, network.wide, features.sparse, features.dense)
        similarities = graph.node("Add", similarities, scores)
    shape: list[Dimension] = ["n_texts", len(diet.labels)]
    graph.output(similarities, np.float32, shape, "intent_similarities")
    confidences = similarities
    if diet.options.model_confidence is ModelConfidence.SOFTMAX:
        if diet.temperature != 1.0:
            confidences = graph.node("Div", similarities, graph.constant(diet.temperature))
        confidences = graph.node("Softmax", confidences, axis=-1)
    graph.output(confidences, np.float32, shape, "intent_confidences")


def _entities(graph: OnnxGraph, network: FrozenDIET, tokens: str, steps: Steps) -> None:
    """Heads in the order of `TagKind`: roles and groups read the entity tags of the best path."""
    entity_tags = ""
    for kind, head in network.heads.items():
        name = kind.value
        x = tokens
        if head.tag_rows is not None and entity_tags:
            table = graph.constant(head.tag_rows, f"{name}.embed_tag")
            x = graph.node("Concat", x, graph.node("Gather", table, entity_tags, axis=0), axis=1)
        logits = linear(graph, head.logits, x, f"{name}.logits")
        transitions = transitions_of(graph, head.decoder, name)
        decoded = decode(graph, head.decoder, transitions, logits, steps)
        if kind is TagKind.ENTITY:
            entity_tags = decoded.tags
        n_tags = len(head.decoder.moves)
        graph.output(logits, np.float32, ["n_tokens", n_tags], f"{name}_logits")
        graph.output(transitions, np.float32, [n_tags, n_tags], f"{name}_transitions")
        graph.output(decoded.tags, np.int64, ["n_tokens"], f"{name}_tags")
        graph.output(decoded.confidence, np.float32, ["n_tokens"], f"{name}_confidences")
