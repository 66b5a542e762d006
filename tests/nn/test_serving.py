from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.packing import Packing
from gossamer.nn.serving import LONGEST, ServingEncoder
from gossamer.sparse import RandomlyConnectedLinear


def make_encoder(topology: str = "grouped", density: float = 0.2, **options: Any) -> Any:
    def linear(n_in: int, n_out: int, bias: bool) -> nn.Module:
        if topology == "dense":
            return nn.Linear(n_in, n_out, bias)
        return RandomlyConnectedLinear(
            n_in, n_out, bias, connection_density=density, topology=topology
        )

    encoder = TransformerEncoder(
        20, 32, num_layers=2, num_heads=4, linear=linear, dropout=0.3, **options
    )
    for parameter in encoder.parameters():  # biases start at zero, norms at one
        nn.init.normal_(parameter, std=0.3)
    return encoder.eval()


@pytest.mark.thinned(12)
@pytest.mark.parametrize("topology", ["grouped", "uniform", "fan_in", "blocked", "dense"])
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
@pytest.mark.parametrize("is_causal", [False, True])
@pytest.mark.parametrize("length", [1, 2, 7, LONGEST])
@torch.inference_mode()
def test_equals_the_encoder(
    topology: str, density: float, is_causal: bool, length: int, seed: int
) -> None:
    torch.manual_seed(seed)
    encoder = make_encoder(topology, density, is_causal=is_causal)
    x = torch.randn(length, 20)
    expected = encoder(x, Packing.from_lengths(torch.tensor([length])))
    torch.testing.assert_close(ServingEncoder(encoder)(x), expected, atol=2e-5, rtol=1e-4)


@torch.inference_mode()
def test_no_position_at_all() -> None:
    assert ServingEncoder(make_encoder())(torch.zeros(0, 20)).shape == (0, 32)


def test_needs_no_gradient_and_leaves_the_encoder_alone() -> None:
    encoder = make_encoder()
    before = {name: each.clone() for name, each in encoder.state_dict().items()}
    with torch.inference_mode():
        ServingEncoder(encoder)(torch.randn(3, 20))
    assert all(torch.equal(before[name], each) for name, each in encoder.state_dict().items())


@pytest.mark.parametrize(
    "encoder",
    [
        make_encoder(use_key_relative=True),
        make_encoder(use_value_relative=True),
        make_encoder().double(),
    ],
    ids=["key-relative", "value-relative", "float64"],
)
def test_others_are_refused(encoder: TransformerEncoder) -> None:
    assert not ServingEncoder.can_serve(encoder)
    with pytest.raises(ValueError, match=r"float32 on the CPU .* Try: the encoder itself"):
        ServingEncoder(encoder)
