from __future__ import annotations

import functools
import math
from typing import Any

import pytest
import torch
from torch import nn

from gossamer.nn.encoder import TransformerEncoder, sinusoidal_positions
from gossamer.nn.packing import Packing, ranges
from gossamer.sparse import RandomlyConnectedLinear

SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "relative": {"use_key_relative": True, "use_value_relative": True},
    "causal": {"is_causal": True},
}


def sparse_linear(in_features: int, out_features: int, bias: bool) -> nn.Module:
    return RandomlyConnectedLinear(in_features, out_features, bias, connection_density=0.3)


def dense(in_features: int, out_features: int, bias: bool) -> nn.Module:
    return nn.Linear(in_features, out_features, bias=bias)


def make(setting: str = "plain", **options: Any) -> TransformerEncoder:
    torch.manual_seed(5)
    given = {"num_layers": 2, "num_heads": 2, "linear": sparse_linear, **SETTINGS[setting]}
    return TransformerEncoder(6, 8, **{**given, **options})


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_batch_equals_each_sequence_alone(setting: str, seed: int) -> None:
    encoder = make(setting).double().eval()
    lengths = torch.tensor([3, 70, 1, 0, 5])
    sequence, position = ranges(lengths)
    order = torch.randperm(len(sequence), generator=torch.Generator().manual_seed(seed))
    x = torch.randn(len(sequence), 6, dtype=torch.float64)
    together = encoder(x[order], Packing(sequence[order], position[order], 5))
    for i in range(5):
        rows = sequence == i
        alone = encoder(x[rows], Packing.from_lengths(lengths[i : i + 1]))
        of_this = sequence[order] == i
        place = position[order][of_this].argsort()
        torch.testing.assert_close(together[of_this][place], alone)


def test_order_of_positions_matters() -> None:
    encoder = make().eval()
    x = torch.randn(4, 6)
    packing = Packing.from_lengths(torch.tensor([4]))
    assert not torch.allclose(encoder(x.flip(0), packing).flip(0), encoder(x, packing), atol=1e-3)


def test_no_positions() -> None:
    empty = Packing.from_lengths(torch.tensor([], dtype=torch.int64))
    assert make()(torch.zeros(0, 6), empty).shape == (0, 8)


def test_output_is_normalised() -> None:
    out = make(num_layers=1).eval()(torch.randn(5, 6), Packing.from_lengths(torch.tensor([5])))
    torch.testing.assert_close(out.mean(1), torch.zeros(5), atol=1e-5, rtol=0.0)
    torch.testing.assert_close(out.std(1, correction=0), torch.ones(5), atol=1e-3, rtol=0.0)


def test_state_dict_round_trip() -> None:
    one, other = make("relative"), make("relative")
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.add_(0.1)
    packing, x = Packing.from_lengths(torch.tensor([3, 2])), torch.randn(5, 6)
    other.eval(), one.eval()
    assert not torch.equal(one(x, packing), other(x, packing))
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x, packing), other(x, packing))
    assert not any("_positions" in name for name in one.state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        other.load_state_dict(make().state_dict())


def test_hidden_size_must_be_divisible_by_heads() -> None:
    with pytest.raises(ValueError, match="divisible by num_heads: got 8 and 3"):
        make(num_heads=3)


def test_dropout_in_training_only() -> None:
    encoder = make(dropout=0.5)
    packing, x = Packing.from_lengths(torch.tensor([3])), torch.randn(3, 6)
    assert not torch.equal(encoder(x, packing), encoder(x, packing))
    encoder.eval()
    assert torch.equal(encoder(x, packing), encoder(x, packing))
    torch.testing.assert_close(encoder(x, packing), make()(x, packing))


def test_every_parameter_gets_a_gradient() -> None:
    encoder = make("relative")
    out = encoder(torch.randn(9, 6), Packing.from_lengths(torch.tensor([4, 5])))
    (out * torch.randn_like(out)).sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert bool((parameter.grad != 0).any()), name


def test_all_matrices_are_made_by_linear() -> None:
    made: list[tuple[int, int, bool]] = []

    def record(in_features: int, out_features: int, bias: bool) -> nn.Module:
        made.append((in_features, out_features, bias))
        return dense(in_features, out_features, bias)

    encoder = TransformerEncoder(6, 8, num_layers=1, num_heads=2, linear=record)
    attention = [(8, 8, False)] * 3 + [(8, 8, True)]
    assert sorted(made) == sorted([(6, 8, True), *attention, (8, 32, True), (32, 8, True)])
    norms = [m for m in encoder.modules() if isinstance(m, nn.LayerNorm)]
    assert len(norms) == 3 and all(norm.eps == 1e-6 for norm in norms)
    n_linear = sum(isinstance(m, nn.Linear) for m in encoder.modules())
    assert n_linear == len(made)


def test_feed_forward_size() -> None:
    encoder = make(feed_forward_size=3, linear=dense)
    assert {tuple(p.shape) for n, p in encoder.named_parameters() if "feed_forward_in.w" in n} == {
        (3, 8)
    }


@pytest.mark.parametrize("width", [1, 2, 5, 8])
def test_sinusoids(width: int) -> None:
    found = sinusoidal_positions(7, width)
    for p in range(7):
        for i in range(width):
            angle = p / 10000 ** (2 * (i // 2) / width)
            wave = math.sin(angle) if i % 2 == 0 else math.cos(angle)
            assert float(found[p, i]) == pytest.approx(wave, abs=1e-6)


def test_texts_longer_than_any_before_and_other_dtypes() -> None:
    encoder = make(linear=functools.partial(dense)).eval()
    for length in (3, 65, 200, 2):
        packing = Packing.from_lengths(torch.tensor([length]))
        assert encoder(torch.randn(length, 6), packing).shape == (length, 8)
    packing = Packing.from_lengths(torch.tensor([3]))
    encoder.double()
    with torch.inference_mode():
        encoder(torch.randn(3, 6, dtype=torch.float64), packing)
    # A table made in inference mode must not stand in the way of training.
    x = torch.randn(3, 6, dtype=torch.float64, requires_grad=True)
    encoder.train()(x, packing).square().sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("hidden_size", [32, 20])  # by kernels, and the readable way
def test_wanted_rows_are_those_of_the_whole(num_layers: int, hidden_size: int) -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(
        12, hidden_size, num_layers=num_layers, num_heads=2, linear=torch.nn.Linear
    )
    lengths = torch.tensor([3, 1, 5, 2])
    packing = Packing.from_lengths(lengths)
    wanted = torch.cumsum(lengths, 0) - lengths
    x = torch.randn(int(lengths.sum()), 12, requires_grad=True)
    weights = torch.randn(4, hidden_size)

    def gradients(part: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
        encoder.zero_grad()
        x.grad = None
        out = encoder(x, packing, wanted) if part else encoder(x, packing)[wanted]
        (out * weights).sum().backward()
        assert x.grad is not None
        found = [x.grad, *(p.grad for p in encoder.parameters() if p.grad is not None)]
        return out.detach(), [grad.clone() for grad in found]

    (whole, expected), (part, found) = gradients(False), gradients(True)
    torch.testing.assert_close(part, whole, rtol=1e-5, atol=1e-5)
    assert len(expected) == len(found)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
