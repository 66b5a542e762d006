"""`sparsify` and `densify` on models that know nothing of them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from gossamer.sparse import (
    RandomlyConnectedLinear,
    SparsifyReport,
    Topology,
    child_seed,
    count_weights,
    densify,
    sparsify,
)


class Net(nn.Module):
    """A layer inside a container, one used under two names, one inside attention."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16, bias=False))
        self.shared = nn.Linear(16, 16)
        self.again = self.shared
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.last = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.shared(self.first(x)))
        x, _ = self.attention(x, x, x, need_weights=False)
        result: Tensor = self.last(x)
        return result


@pytest.mark.parametrize("topology", list(Topology))
def test_every_linear_is_replaced_and_shared_ones_stay_shared(topology: Topology) -> None:
    net = Net()
    assert sparsify(net, 0.25, topology=topology, seed=0, skip=["last"]) is net
    assert isinstance(net.first[0], RandomlyConnectedLinear)
    assert isinstance(net.first[2], RandomlyConnectedLinear)
    assert net.first[2].bias is None
    assert isinstance(net.shared, RandomlyConnectedLinear)
    assert net.again is net.shared
    assert net.shared.topology is topology
    assert type(net.last) is nn.Linear
    assert isinstance(net.attention.out_proj, nn.Linear)
    net(torch.randn(2, 5, 16)).sum().backward()
    with torch.no_grad():
        net.eval()(torch.randn(2, 5, 16))
    assert all(p.grad is not None for p in net.parameters())


def test_counts_shrink() -> None:
    net = nn.Sequential(nn.Linear(40, 50), nn.Linear(50, 40, bias=False))
    assert count_weights(net) == 2000 + 50 + 2000
    sparsify(net, 0.1, topology="uniform", seed=0)
    assert count_weights(net) == 200 + 50 + 200
    net[1].requires_grad_(False)
    assert count_weights(net) == 250
    assert count_weights(net, trainable_only=False) == 450


def test_a_bare_layer_comes_back() -> None:
    layer = sparsify(nn.Linear(8, 8), 0.25, seed=0)
    assert isinstance(layer, RandomlyConnectedLinear)
    assert layer.weight.numel() == 16
    assert type(densify(layer)) is nn.Linear
    linear = nn.Linear(8, 8)
    assert sparsify(linear, 0.25, skip=[""]) is linear


def test_the_seed_fixes_all_layers_and_each_has_its_own() -> None:
    nets = [sparsify(Net(), seed=seed) for seed in (3, 3, 4)]
    states = [{k: v for k, v in net.state_dict().items() if "indices" in k} for net in nets]
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert not all(torch.equal(states[0][key], states[2][key]) for key in states[0])
    twins = sparsify(nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20)), seed=0)
    state = twins.state_dict()
    assert not torch.equal(state["0.indices"], state["1.indices"])
    torch.manual_seed(5)
    one = sparsify(nn.Linear(20, 20))
    torch.manual_seed(5)
    two = sparsify(nn.Linear(20, 20))
    # Building nn.Linear draws from the same generator, so both runs do it.
    assert torch.equal(one(torch.ones(20)), two(torch.ones(20)))


def test_skipping_a_layer_does_not_change_the_others() -> None:
    every = sparsify(nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20)), seed=0)
    second = sparsify(nn.Sequential(nn.Linear(20, 20), nn.Linear(20, 20)), seed=0, skip="0")
    assert torch.equal(every.state_dict()["1.indices"], second.state_dict()["1.indices"])


def test_child_seeds_differ_and_are_fixed() -> None:
    assert len({child_seed(seed, number) for seed in range(20) for number in range(20)}) == 400
    assert child_seed(0, 0) == child_seed(0, 0)
    assert 0 <= child_seed(2**70, 3) < 2**63


@pytest.mark.parametrize("topology", list(Topology))
def test_kept_weights_are_the_dense_ones_under_the_mask(topology: Topology) -> None:
    linear = nn.Linear(15, 11)
    layer = sparsify(linear, 0.3, topology=topology, seed=0, keep_weights=True)
    assert isinstance(layer, RandomlyConnectedLinear)
    mask = torch.from_numpy(layer.connectivity.mask())
    assert torch.equal(layer.to_dense_weight(), linear.weight * mask)
    assert layer.bias is not None
    assert torch.equal(layer.bias, linear.bias)


def test_kept_weights_at_density_one_change_nothing() -> None:
    net = Net().eval()
    x = torch.randn(2, 5, 16)
    before = net(x)
    sparsify(net, 1.0, keep_weights=True)
    assert torch.equal(net(x), before)


@pytest.mark.parametrize("topology", list(Topology))
def test_densify_computes_the_same(topology: Topology) -> None:
    net = sparsify(Net(), 0.25, topology=topology, seed=0).eval()
    x = torch.randn(2, 5, 16)
    before = net(x)
    state = torch.get_rng_state()
    assert densify(net) is net
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(isinstance(part, RandomlyConnectedLinear) for part in net.modules())
    assert isinstance(net, Net)
    assert net.again is net.shared
    torch.testing.assert_close(net(x), before)


def test_mode_dtype_and_freezing_are_kept() -> None:
    net = nn.Sequential(nn.Linear(8, 8)).double().eval()
    net[0].weight.requires_grad_(False)
    sparsify(net, 0.25, seed=0)
    layer = net[0]
    assert isinstance(layer, RandomlyConnectedLinear)
    assert layer.weight.dtype == torch.float64
    assert not layer.training
    assert not layer.weight.requires_grad
    assert layer.bias is not None
    assert layer.bias.requires_grad
    densify(net)
    assert net[0].weight.dtype == torch.float64
    assert not net[0].weight.requires_grad


def test_layers_whose_weight_is_computed_are_left_alone() -> None:
    net = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.5),  # type: ignore[no-untyped-call]
    )
    sparsify(net, 0.25)
    assert not any(isinstance(part, RandomlyConnectedLinear) for part in net.modules())


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_torchs_transformer_layer_works_in_training_and_inference(activation: str) -> None:
    layer = nn.TransformerEncoderLayer(
        16, 2, 32, dropout=0.0, activation=activation, batch_first=True
    )
    fast = layer.activation_relu_or_gelu
    sparsify(layer, 0.25, seed=0)
    assert isinstance(layer.linear1, RandomlyConnectedLinear)
    x = torch.randn(2, 5, 16)
    trained = layer.train()(x)
    with torch.no_grad():
        torch.testing.assert_close(layer.eval()(x), trained)
    densify(layer)
    assert layer.activation_relu_or_gelu == fast
    with torch.no_grad():
        torch.testing.assert_close(layer(x), trained)


def test_skip_takes_patterns_and_functions() -> None:
    net = sparsify(Net(), skip=["first.*", "shared"])
    assert isinstance(net, Net)
    assert type(net.first[0]) is nn.Linear
    assert type(net.shared) is nn.Linear
    assert isinstance(net.last, RandomlyConnectedLinear)
    net = sparsify(Net(), skip=lambda name, layer: layer.out_features < 10)
    assert isinstance(net, Net)
    assert type(net.last) is nn.Linear
    assert isinstance(net.shared, RandomlyConnectedLinear)


def test_a_pattern_that_fits_nothing_is_refused() -> None:
    message = r"every pattern in skip must match.*got 'frist'.*'first\.0'"
    with pytest.raises(ValueError, match=message):
        sparsify(Net(), skip=["frist"])


def test_tied_weights_are_refused_unless_skipped() -> None:
    net = nn.ModuleDict({"embed": nn.Embedding(30, 8), "out": nn.Linear(8, 30)})
    net["out"].weight = net["embed"].weight
    message = r"tied weight.*\['embed\.weight', 'out\.weight'\].*skip="
    with pytest.raises(ValueError, match=message):
        sparsify(net)
    assert sparsify(net, skip=["out"]) is net


@pytest.mark.parametrize("density", [-1, 2, math.nan])
def test_a_bad_density_leaves_the_model_alone(density: float) -> None:
    net = Net()
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        sparsify(net, density)
    assert type(net.last) is nn.Linear


def test_a_model_without_linear_layers_comes_back_as_it_is() -> None:
    net = nn.Sequential(nn.ReLU())
    assert sparsify(net) is net
    assert densify(net) is net


def test_the_report_tells_what_was_replaced_and_what_was_left_and_why() -> None:
    net = nn.Sequential(
        nn.Linear(16, 32),
        nn.ReLU(),
        nn.Linear(32, 4),
        nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        prune.l1_unstructured(nn.Linear(8, 8), "weight", 0.5),  # type: ignore[no-untyped-call]
        nn.Embedding(10, 8),
        nn.MultiheadAttention(16, 2),
        nn.MultiheadAttention(16, 2, add_bias_kv=True),
        nn.LayerNorm(8),
        nn.LazyLinear(3),
        nn.modules.linear.NonDynamicallyQuantizableLinear(8, 4),
        RandomlyConnectedLinear(16, 16, connection_density=0.25, seed=0),
    )
    reports: list[SparsifyReport] = []
    assert sparsify(net, 0.25, seed=0, skip=["2"], report=reports.append) is net
    (report,) = reports
    lines = str(report).splitlines()
    assert lines[0] == "0: Linear 16 -> 32, 512 -> 128 weights (density 0.25)"
    assert {layer.name: layer.left_because for layer in report.left} == {
        "2": "skip",
        "3": "its weight is computed (parametrized, pruned or normalised)",
        "4": "its weight is computed (parametrized, pruned or normalised)",
        "5": "not an nn.Linear",
        "6": "attention=True would replace it",
        "7": "add_bias_kv and add_zero_attn are not supported",
        "9": "its shape is not known before its first call",
        "10": "a subclass of nn.Linear, whose owner may read its weight",
        "11": "it is sparse already",
    }
    before = 512 + 128 + 64 + 64 + 80 + 1024 + 1024 + 2 * 16 + 32 + 64
    assert lines[-1] == f"replaced 1 of 10 layers: {before:,} -> {before - 384:,} weights"
    assert sum(layer.weights_after for layer in report.layers) == before - 384


def test_the_report_counts_attention_and_a_bare_or_shared_layer() -> None:
    reports: list[SparsifyReport] = []
    net = Net()
    sparsify(net, 0.25, seed=0, attention=True, report=reports.append)
    (report,) = reports
    names = [layer.name for layer in report.replaced]
    assert names == ["first.0", "first.2", "shared", "attention", "last"]
    assert report.left == ()
    attention = report.replaced[3]
    assert (attention.weights_before, attention.weights_after) == (4 * 256, 4 * 64)
    assert attention.density == 0.25
    sparsify(nn.Linear(8, 8), 0.25, seed=0, report=reports.append)
    assert str(reports[1].layers[0]).startswith("(the model): Linear 8 -> 8, 64 -> 16 weights")


def test_skip_names_attention_too() -> None:
    net = Net()
    reports: list[SparsifyReport] = []
    sparsify(net, 0.25, attention=True, skip=["atten*", "last"], report=reports.append)
    assert type(net.attention) is nn.MultiheadAttention
    assert {layer.name for layer in reports[0].left} == {"attention", "last"}
    assert all(layer.left_because == "skip" for layer in reports[0].left)
