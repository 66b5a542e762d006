"""State dicts: strict, round trips, and never weights on connections they were not made for."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from gossamer.sparse import RandomlyConnectedLinear, Topology, adopt_connectivity


def model(seed: int, topology: Topology, density: float = 0.3) -> nn.Sequential:
    return nn.Sequential(
        RandomlyConnectedLinear(12, 20, connection_density=density, topology=topology, seed=seed),
        nn.ReLU(),
        RandomlyConnectedLinear(
            20, 7, connection_density=density, topology=topology, seed=seed + 100
        ),
    )


@pytest.mark.parametrize("topology", list(Topology))
def test_round_trip(topology: Topology) -> None:
    one, two = model(1, topology), model(1, topology)
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.normal_()
    assert set(one.state_dict()) == {
        f"{part}.{name}" for part in ("0", "2") for name in ("weight", "bias", "indices")
    }
    two.load_state_dict(one.state_dict())
    x = torch.randn(3, 12)
    assert torch.equal(one(x), two(x))


def test_through_safetensors_and_torch_load(tmp_path: Path) -> None:
    one, two, three = (model(1, Topology.GROUPED) for _ in range(3))
    torch.nn.init.normal_(one[0].weight)  # type: ignore[arg-type]
    save_file(one.state_dict(), tmp_path / "weights.safetensors")
    two.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    buffer = io.BytesIO()
    torch.save(one.state_dict(), buffer)
    buffer.seek(0)
    three.load_state_dict(torch.load(buffer, weights_only=True), assign=True)
    x = torch.randn(3, 12)
    assert torch.equal(one(x), two(x))
    assert torch.equal(one(x), three(x))


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("strict", [True, False])
def test_other_connections_are_refused_and_change_nothing(topology: Topology, strict: bool) -> None:
    saved, own = model(1, topology), model(2, topology)
    before = {name: value.clone() for name, value in own.state_dict().items()}
    message = r"0\.indices must hold the connections this layer was drawn with.*Try: building"
    with pytest.raises(RuntimeError, match=message):
        own.load_state_dict(saved.state_dict(), strict=strict)
    for name, value in own.state_dict().items():
        assert torch.equal(value, before[name])


def test_another_density_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"of shape \(\d+, \d+\)"):
        model(1, Topology.GROUPED, 0.3).load_state_dict(
            model(1, Topology.GROUPED, 0.6).state_dict()
        )


def test_a_dense_file_does_not_fit_a_sparse_layer_nor_the_other_way() -> None:
    dense, sparse = model(1, Topology.GROUPED, 1.0), model(1, Topology.GROUPED, 0.3)
    with pytest.raises(RuntimeError, match="Missing key"):
        sparse.load_state_dict(dense.state_dict())
    with pytest.raises(RuntimeError, match="Unexpected key"):
        dense.load_state_dict(sparse.state_dict())


def test_missing_and_unexpected_keys_are_refused() -> None:
    layer = RandomlyConnectedLinear(6, 4, seed=0)
    for name in ("weight", "bias", "indices"):
        state: dict[str, Tensor] = dict(layer.state_dict())
        del state[name]
        with pytest.raises(RuntimeError, match=f'Missing key.*"{name}"'):
            layer.load_state_dict(state)
    with pytest.raises(RuntimeError, match=r'Unexpected key.*"more"'):
        layer.load_state_dict({**layer.state_dict(), "more": torch.zeros(1)})


@pytest.mark.parametrize("topology", list(Topology))
def test_connections_can_be_adopted_on_purpose(topology: Topology) -> None:
    saved, own = model(1, topology), model(2, topology)
    adopt_connectivity(own, saved.state_dict())
    own.load_state_dict(saved.state_dict())
    x = torch.randn(3, 12, requires_grad=True)
    assert torch.equal(own(x), saved(x))
    (got,) = torch.autograd.grad(own(x).sum(), x)
    (want,) = torch.autograd.grad(saved(x).sum(), x)
    assert torch.equal(got, want)
    first = own[0]
    assert isinstance(first, RandomlyConnectedLinear)
    assert first.seed is None
    adopt_connectivity(first, first.state_dict())  # a bare layer, nothing to do


def test_what_cannot_be_adopted() -> None:
    own = model(1, Topology.GROUPED)
    before = own.state_dict()["0.indices"].clone()
    with pytest.raises(KeyError, match=r"must hold 0\.indices"):
        adopt_connectivity(own, {})
    with pytest.raises(ValueError, match=r"0\.indices must have the shape"):
        adopt_connectivity(own, model(2, Topology.GROUPED, 0.6).state_dict())
    broken = {**model(2, Topology.GROUPED).state_dict()}
    broken["2.indices"] = torch.full_like(broken["2.indices"], 99)
    with pytest.raises(ValueError, match=r"must lie in \[0, 20\)"):
        adopt_connectivity(own, broken)
    assert torch.equal(own.state_dict()["0.indices"], before)
