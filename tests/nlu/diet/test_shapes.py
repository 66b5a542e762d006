"""Networks of every kind of input, without training: one text as among many, thousands of labels.

All weights are random, so that no part of the network is left out by being zero.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.network import DIETNetwork, Encoded, NetworkShape
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.serving import ServingNetwork
from gossamer.nlu.diet.tags import TagKind
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features

SMALL: dict[str, Any] = {
    "transformer_size": 8,
    "number_of_attention_heads": 2,
    "dense_dimension": {"text": 16, "label": 8},
    "concat_dimension": {"text": 12, "label": 8},
    "embedding_dimension": 4,
}
LENGTHS = [1, 2, 5, 1, 3]


def features_of(rng: np.random.Generator, n_rows: int, widths: tuple[int, int]) -> Features:
    n_sparse, n_dense = widths
    counts = rng.poisson(0.5, (n_rows, n_sparse)).astype(np.float32)
    counts[-1:] = 0  # a row of unknown words
    return Features(
        CsrMatrix.of(sparse.csr_array(counts)) if n_sparse else None,
        rng.standard_normal((n_rows, n_dense)).astype(np.float32) if n_dense else None,
    )


def made(
    seed: int,
    *,
    sequence: tuple[int, int] = (9, 0),
    sentence: tuple[int, int] = (7, 0),
    n_labels: int = 3,
    **options: Any,
) -> tuple[DIETNetwork, TextFeatures]:
    rng = np.random.default_rng(seed)
    lengths = np.array(LENGTHS)
    text = TextFeatures(
        features_of(rng, int(lengths.sum()), sequence),
        features_of(rng, len(lengths), sentence),
        lengths,
    )
    names = Features(dense=rng.standard_normal((n_labels, 5)).astype(np.float32))
    n_tags = {TagKind.ENTITY: 3, TagKind.ROLE: 2} if any(sequence) else {}
    shape = NetworkShape(
        TextWidths.of(text),
        FeatureWidths.of(names),
        n_labels,
        n_tags,
        n_counts=text.counts.n_sparse,
    )
    network = DIETNetwork(DIETOptions(**{**SMALL, **options}), shape, names)
    if network.wide is not None:
        network.wide.fit(replace(text.sentence, parts=(3, 4)), np.arange(len(lengths)) % n_labels)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for parameter in network.parameters():
            parameter.copy_(0.3 * torch.randn_like(parameter))
    return network.eval(), text


@pytest.mark.thinned(3)
@pytest.mark.parametrize(
    "widths",
    [
        {},
        {"sequence": (9, 2), "sentence": (7, 2)},
        {"sequence": (9, 2), "sentence": (7, 5)},  # of two widths: brought to one
        {"sequence": (0, 3), "sentence": (0, 3)},
        {"sequence": (0, 3)},
        {"sentence": (0, 0)},
        {"sequence": (0, 0)},
        {"sequence": (0, 0), "sentence": (7, 2)},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"context_window": 0},
        {"context_window": 2},
        {"context_window": 7, "unidirectional_encoder": True},
        {"wide_path": False},
        {"rasa_defaults": True},
        {"hidden_layers_sizes": {"text": [6], "label": [5]}},
        {"number_of_transformer_layers": 0},
        {"use_key_relative_attention": True},
    ],
    ids=str,
)
@torch.inference_mode()
def test_one_text_as_among_many(widths: dict[str, Any], options: dict[str, Any], seed: int) -> None:
    network, text = made(seed, **widths, **options)
    labels = network.embed_labels()
    together = network.encode(text)
    logits = network.label_logits(text, together, labels)
    serving = ServingNetwork.of(network)
    tags = network.tag(together.tokens, torch.from_numpy(text.lengths))
    start = 0
    for number, length in enumerate(LENGTHS):
        one = text.texts(np.array([number]))
        end = start + (length if network.has_sequence else 0)
        forms: list[tuple[Encoded, DIETNetwork | ServingNetwork]]
        forms = [(network.encode(one), network)]
        if serving is not None:
            assert serving.takes(one)
            forms.append((serving.encode(one), serving))
        for encoded, form in forms:
            torch.testing.assert_close(
                encoded.tokens, together.tokens[start:end], atol=1e-5, rtol=1e-4
            )
            torch.testing.assert_close(
                encoded.sentence, together.sentence[[number]], atol=1e-5, rtol=1e-4
            )
            torch.testing.assert_close(
                form.label_logits(one, encoded, labels), logits[[number]], atol=1e-4, rtol=1e-4
            )
        if serving is not None and tags:
            found = serving.tag(encoded.tokens)
            for kind, paths in tags.items():
                assert found[kind].tags.tolist() == paths.tags[start:end].tolist()
                torch.testing.assert_close(
                    found[kind].confidence.float(), paths.confidence[start:end].float()
                )
        start = end


def test_which_parts_there_are() -> None:
    network, _ = made(0)
    assert network.wide is not None and network.context_window == 2
    network, _ = made(0, sequence=(0, 0))
    assert network.wide is not None and network.context_window == 0
    network, _ = made(0, sentence=(0, 3))
    assert network.wide is None, "no counts of the text"
    network, text = made(0, number_of_transformer_layers=0)
    assert network.encode(text).sentence.shape == (5, 16), "as wide as without a window"


@pytest.mark.parametrize(("n_labels", "is_drawn"), [(2000, False), (2001, True)])
def test_thousands_of_labels_are_drawn_and_have_no_wide_path(n_labels: int, is_drawn: bool) -> None:
    network, _ = made(0, n_labels=n_labels)
    options = network.intent_loss.options
    assert options.number_of_negative_examples == (20 if is_drawn else None)
    assert (network.wide is None) is is_drawn
    assert options.label_smoothing == (0.0 if is_drawn else 0.1)


def test_a_number_of_negatives_and_the_margin_loss_are_kept_to() -> None:
    drawn = DIETOptions(number_of_negative_examples=7).label_similarity(10)
    assert (drawn.number_of_negative_examples, drawn.label_smoothing) == (7, 0.0)
    margin = DIETOptions(loss_type="margin").label_similarity(10)
    assert (margin.number_of_negative_examples, margin.label_smoothing) == (20, 0.0)


def test_the_margin_loss_has_similarities_alone() -> None:
    """From -1 to 1, as in Rasa: the wide path would add to them."""
    network, text = made(0, loss_type="margin")
    assert network.wide is None
    with torch.no_grad():
        logits = network.label_logits(text, network.encode(text), network.embed_labels())
    assert float(logits.abs().max()) <= 1 + 1e-6
