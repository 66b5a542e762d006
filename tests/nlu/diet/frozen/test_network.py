"""The frozen network equals the one that learnt, for every kind of input and every option."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.frozen.network import FrozenDIET
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.shape import NetworkShape
from gossamer.nlu.diet.stored_weights import weights_to_arrays
from gossamer.nlu.diet.tags import TagKind
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import Weights

Made = tuple[DIETNetwork, FrozenDIET, TextFeatures]
Make = Callable[..., Made]
LENGTHS = [1, 2, 5, 1, 3, 12]
WIDTHS: list[dict[str, Any]] = [
    {},
    {"sequence": (9, 2), "sentence": (7, 2)},
    {"sequence": (9, 2), "sentence": (7, 5)},  # of two widths: brought to one
    {"sequence": (0, 3), "sentence": (0, 3)},
    {"sequence": (0, 3)},
    {"sentence": (0, 0)},
    {"sequence": (0, 0)},
    {"sequence": (0, 0), "sentence": (7, 2)},
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"context_window": 0},
    {"context_window": 1},
    {"context_window": 7, "unidirectional_encoder": True},
    {"wide_path": False},
    {"rasa_defaults": True},
    {"hidden_layers_sizes": {"text": [6], "label": [5]}},
    {"hidden_layers_sizes": {"text": [16, 6], "label": [8, 4]}, "context_window": 2},
    {"number_of_transformer_layers": 0},
    {"number_of_transformer_layers": 3, "transformer_size": 32, "connection_density": 0.1},
    {"number_of_transformer_layers": 1, "transformer_size": 32},
    {"use_key_relative_attention": True},
    {"use_value_relative_attention": True, "max_relative_position": 2},
    {
        "use_key_relative_attention": True,
        "use_value_relative_attention": True,
        "unidirectional_encoder": True,
    },
    {"use_masked_language_model": True},
    {"loss_type": "margin"},
    {"similarity_type": "cosine"},
    {"similarity_type": "inner", "loss_type": "margin"},
    {"connection_density": 1.0},
    {"topology": "uniform"},
    {"topology": "fan_in", "transformer_size": 32},
    {"topology": "windowed", "transformer_size": 32},
    {"topology": "grouped", "max_group_size": 4},
    {"BILOU_flag": False},
]


@torch.inference_mode()
def check(made: Made) -> None:
    """Encoding, scores, tags and their confidences of texts together and one by one."""
    network, frozen, texts = made
    for part in [texts, *(texts.texts(np.array([i])) for i in range(len(texts.lengths)))]:
        encoded, found = network.encode(part), frozen.encode(part)
        close(found.tokens, encoded.tokens, 2e-5)
        close(found.sentence, encoded.sentence, 2e-5)
        if frozen.label_embeddings is not None:
            logits = network.label_logits(part, encoded, network.embed_labels())
            close(frozen.label_logits(part, found), logits, 1e-4)
            ours = np.exp(frozen.label_logits(part, found).astype(np.float64))
            close(ours / ours.sum(1, keepdims=True), logits.double().softmax(1), 1e-5)
        tags = network.tag(encoded.tokens, torch.from_numpy(part.lengths))
        answer = frozen(part)
        assert set(answer.tags) == set(tags)
        for kind, paths in tags.items():
            assert answer.tags[kind].tags.tolist() == paths.tags.tolist()
            close(answer.tags[kind].confidence, paths.confidence, 1e-5)
        assert (answer.label_logits is None) is (frozen.label_embeddings is None)


def close(found: Any, expected: torch.Tensor, tolerance: float) -> None:
    np.testing.assert_allclose(found, expected.numpy(), atol=tolerance, rtol=1e-4)


@pytest.mark.thinned(8)
@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_equals_the_network(
    random_diet: Make, widths: dict[str, Any], options: dict[str, Any], seed: int
) -> None:
    if options.get("use_masked_language_model") and widths.get("sequence") == (0, 0):
        pytest.skip("nothing to mask")
    check(random_diet(seed, lengths=LENGTHS, **{**widths, **options}))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option(random_diet: Make, options: dict[str, Any], seed: int) -> None:
    check(random_diet(seed, lengths=LENGTHS, sentence=(7, 3), **options))


@pytest.mark.parametrize("widths", WIDTHS, ids=str)
@pytest.mark.parametrize(
    "labels",
    [
        {"label": (4, 0)},
        {"label": (4, 3), "hidden_layers_sizes": {"text": [], "label": [6]}},
        {"label": "texts"},
        {"label": "texts", "share_hidden_layers": True},
        {"label": "texts", "hidden_layers_sizes": {"text": [6], "label": [5, 7]}},
        {"n_labels": 0},
        {"n_labels": 1},
        {"n_labels": 2},
    ],
    ids=str,
)
@pytest.mark.thinned(10)
def test_every_kind_of_labels(
    random_diet: Make, widths: dict[str, Any], labels: dict[str, Any], seed: int
) -> None:
    check(random_diet(seed, lengths=LENGTHS, **widths, **labels))


def test_layers_that_names_share_with_texts(random_diet: Make, seed: int) -> None:
    sizes = {"text": [16, 6], "label": [16, 6]}
    dense = {"text": 8, "label": 8}
    check(
        random_diet(
            seed,
            lengths=LENGTHS,
            label=(4, 0),
            share_hidden_layers=True,
            hidden_layers_sizes=sizes,
            dense_dimension=dense,
        )
    )


@pytest.mark.parametrize("kinds", [(), (TagKind.ENTITY,), (TagKind.ENTITY, TagKind.GROUP)], ids=len)
def test_kinds_of_tags(random_diet: Make, kinds: tuple[TagKind, ...], seed: int) -> None:
    made = random_diet(seed, lengths=LENGTHS, kinds=kinds)
    assert set(made[1].heads) == set(kinds)
    check(made)


@pytest.mark.parametrize("all_columns", [0, 20])
@pytest.mark.parametrize("is_rounded", [False, True])
def test_the_wide_path_and_tables_of_floats(
    random_diet: Make, all_columns: int, is_rounded: bool, seed: int
) -> None:
    made = random_diet(seed, lengths=LENGTHS, all_columns=all_columns, is_rounded=is_rounded)
    assert made[1].wide is not None
    check(made)


@pytest.mark.parametrize("size", [8, 32])
def test_long_texts(random_diet: Make, size: int, seed: int) -> None:
    check(random_diet(seed, lengths=[400, 3, 130], transformer_size=size, context_window=2))


def test_without_labels_there_are_no_scores(random_diet: Make) -> None:
    _, frozen, text = random_diet(0, lengths=LENGTHS, n_labels=0)
    with pytest.raises(ValueError, match="without labels has no confidence"):
        frozen.label_logits(text, frozen.encode(text))


def freeze(
    network: DIETNetwork,
    text: TextFeatures,
    labels: Features,
    drop: str = "",
    **changed: Any,
) -> FrozenDIET:
    arrays = weights_to_arrays(network)
    for name in [name for name in arrays if drop and drop in name]:
        del arrays[name]
    shape = NetworkShape(
        TextWidths.of(text), FeatureWidths.of(labels), 3, n_counts=text.counts.n_sparse
    )
    options = DIETOptions(**{**network.options.model_dump(exclude_unset=True), **changed})
    return FrozenDIET(Weights(arrays, "network."), options, shape, labels)


def test_what_does_not_fit_is_refused(random_diet: Make) -> None:
    network, _, text = random_diet(0, lengths=LENGTHS, kinds=())
    labels = network.labels
    assert isinstance(labels, Features)
    freeze(network, text, labels)
    with pytest.raises(KeyError, match=r"network\.wide\.idf"):
        freeze(network, text, labels, drop="wide.idf")
    with pytest.raises(ValueError, match=r"a place for each stored weight: got network\.encoder"):
        freeze(network, text, labels, number_of_transformer_layers=1)
    with pytest.raises(ValueError, match=r"a place for each stored weight: got network\.wide"):
        freeze(network, text, labels, wide_path=False)
    with pytest.raises(ValueError, match=r"text_embedding\.weight must be real numbers of shape"):
        freeze(network, text, labels, embedding_dimension=5)
    with pytest.raises(ValueError, match=r"3 labels, features of another number"):
        freeze(network, text, labels.rows(np.arange(2)))
    of_texts = NetworkShape(TextWidths.of(text), TextWidths.of(text), 3)
    arrays = Weights(weights_to_arrays(network), "network.")
    with pytest.raises(ValueError, match=r"must be of their names or of their texts"):
        FrozenDIET(arrays, network.options, of_texts, labels)
