"""Which parts the network has for which data and options; thousands of labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from gossamer.nlu.diet.features import TextFeatures
from gossamer.nlu.diet.frozen.network import FrozenDIET
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import DIETOptions

Make = Callable[..., tuple[DIETNetwork, TextFeatures]]
Made = tuple[DIETNetwork, FrozenDIET, TextFeatures]
LENGTHS = [1, 2, 5, 1, 3]


@pytest.fixture
def made(random_diet: Callable[..., Made]) -> Make:
    def make(seed: int, **options: Any) -> tuple[DIETNetwork, TextFeatures]:
        network, _, text = random_diet(seed, lengths=LENGTHS, **options)
        return network, text

    return make


def test_which_parts_there_are(made: Make) -> None:
    network, _ = made(0)
    assert network.wide is not None and network.context_window == 2
    network, _ = made(0, sequence=(0, 0))
    assert network.wide is not None and network.context_window == 0
    network, _ = made(0, sentence=(0, 3))
    assert network.wide is None, "no counts of the text"
    network, text = made(0, number_of_transformer_layers=0)
    assert network.encode(text).sentence.shape == (5, 16), "as wide as without a window"


@pytest.mark.parametrize(("n_labels", "is_drawn"), [(2000, False), (2001, True)])
def test_thousands_of_labels_are_drawn_and_have_no_wide_path(
    made: Make, n_labels: int, is_drawn: bool
) -> None:
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


def test_the_margin_loss_has_similarities_alone(made: Make) -> None:
    """From -1 to 1, as in Rasa: the wide path would add to them."""
    network, text = made(0, loss_type="margin")
    assert network.wide is None
    with torch.no_grad():
        logits = network.label_logits(text, network.encode(text), network.embed_labels())
    assert float(logits.abs().max()) <= 1 + 1e-6
