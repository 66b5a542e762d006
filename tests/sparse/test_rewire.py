"""Pruning, SET and RigL: what goes, what comes, what moves along, and what stays as it was."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gossamer.sparse import (
    Connectivity,
    RandomlyConnectedLinear,
    densify,
    draw_connectivity,
    sparsify,
)
from gossamer.sparse.rewire import (
    SET,
    GradualPruning,
    Rewiring,
    RigL,
    dense_gradients,
    magnitude_prune,
    optimizer_companions,
    rewire_layer,
)


def nothing(weight: nn.Parameter) -> Iterable[Tensor]:
    return ()


def dense(kernel: list[list[float]]) -> RandomlyConnectedLinear:
    weight = torch.tensor(kernel)
    layer = RandomlyConnectedLinear(weight.shape[1], weight.shape[0], connection_density=1.0)
    with torch.no_grad():
        layer.weight.copy_(weight)
    return layer


def sparse(kernel: list[list[float]]) -> RandomlyConnectedLinear:
    """A layer with the kernel's weights that are not zero, and 0.25 for its biases."""
    weight = torch.tensor(kernel)
    return RandomlyConnectedLinear.from_masked_dense(
        weight, weight != 0, torch.full((weight.shape[0],), 0.25)
    )


def kernel_of(layer: RandomlyConnectedLinear) -> list[list[float]]:
    found: list[list[float]] = layer.to_dense_weight().tolist()
    return found


def part(model: nn.Module, name: str) -> RandomlyConnectedLinear:
    found = model.get_submodule(name)
    assert isinstance(found, RandomlyConnectedLinear)
    return found


def is_connected(connectivity: Connectivity) -> bool:
    return bool(connectivity.input_degrees().all() and connectivity.output_degrees().all())


# rewire_layer


def test_rewiring_moves_weights_and_companions_with_their_connections() -> None:
    layer = sparse([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])  # places 0, 1, 4, 5
    weight, bias = layer.weight, layer.bias
    moment = torch.tensor([10.0, 20.0, 30.0, 40.0])
    average = torch.tensor([1.5, 2.5, 3.5, 4.5])
    layer(torch.ones(2, 3)).sum().backward()
    keep = torch.tensor([False, True, False, True])
    n_new = rewire_layer(layer, keep, torch.tensor([3, 2]), lambda _: (moment, average))
    assert n_new == 2
    assert layer.weight is weight
    assert layer.bias is bias
    assert weight.grad is None
    assert layer.connectivity.positions().tolist() == [1, 2, 3, 5]
    assert layer.get_buffer("indices").tolist() == [1, 2, 3, 5]
    assert weight.tolist() == [2.0, 0.0, 0.0, 4.0]
    assert moment.tolist() == [20.0, 0.0, 0.0, 40.0]
    assert average.tolist() == [2.5, 0.0, 0.0, 4.5]
    assert layer(torch.tensor([[1.0, 1.0, 1.0]])).tolist() == [[2.25, 4.25]]


def test_a_place_given_up_can_be_taken_again_and_begins_at_zero() -> None:
    layer = sparse([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
    keep = torch.tensor([False, True, True, False])
    assert rewire_layer(layer, keep, torch.tensor([5, 2]), nothing) == 1
    assert kernel_of(layer) == [[0.0, 2.0, 0.0], [0.0, 3.0, 0.0]]
    assert layer.connectivity.positions().tolist() == [1, 2, 4, 5]


def test_answers_kept_in_evaluation_mode_do_not_outlive_the_connections() -> None:
    layer = sparse([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]]).eval()
    x = torch.tensor([[1.0, 10.0, 100.0]])
    with torch.no_grad():
        assert layer(x).tolist() == [[21.25, 430.25]]
        rewire_layer(layer, torch.tensor([True, True, True, False]), torch.tensor([2]), nothing)
        layer.weight[2] = 5.0
        assert layer(x).tolist() == [[521.25, 30.25]]


@pytest.mark.parametrize(
    ("keep", "grow", "companion", "message"),
    [
        ([True, True, True], [2], 4, "keep must be"),
        ([True, True, True, False], [2, 3], 4, "as many connections must grow"),
        ([True, True, True, False], [0], 4, "ascend without duplicates"),
        ([True, True, False, False], [2, 2], 4, "ascend without duplicates"),
        ([True, True, True, False], [6], 4, r"must lie in \[0, 6\)"),
        ([True, True, True, False], [2], 3, "companions must have the weight's shape"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_changes(
    keep: list[bool], grow: list[int], companion: int, message: str
) -> None:
    layer = sparse([[1.0, 2.0, 0.0], [0.0, 3.0, 4.0]])
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(ValueError, match=message):
        rewire_layer(
            layer, torch.tensor(keep), torch.tensor(grow), lambda _: (torch.zeros(companion),)
        )
    assert all(torch.equal(before[name], value) for name, value in layer.state_dict().items())
    assert layer.connectivity.positions().tolist() == [0, 1, 4, 5]


def test_only_sparse_uniform_layers_can_be_rewired() -> None:
    for layer in (
        RandomlyConnectedLinear(8, 8, topology="fan_in", seed=0),
        RandomlyConnectedLinear(8, 8, topology="uniform", connection_density=1.0, seed=0),
    ):
        with pytest.raises(ValueError, match='topology="uniform"'):
            rewire_layer(layer, torch.ones(1, dtype=torch.bool), torch.zeros(0), nothing)


def test_companions_of_an_optimizer_are_its_moments() -> None:
    layer = sparse([[1.0, 2.0], [0.0, 3.0]])
    adam = torch.optim.Adam(layer.parameters())
    companions = optimizer_companions(adam)
    assert list(companions(layer.weight)) == []
    layer(torch.ones(1, 2)).sum().backward()
    adam.step()
    found = list(companions(layer.weight))
    state = adam.state[layer.weight]
    assert len(found) == 2
    assert found[0] is state["exp_avg"]
    assert found[1] is state["exp_avg_sq"]
    assert layer.weight in adam.state
    assert list(companions(nn.Parameter(torch.zeros(3)))) == []
    assert len(adam.state) == 2


# dense_gradients


def test_dense_gradients_are_those_of_a_dense_model() -> None:
    torch.manual_seed(3)
    model = nn.Sequential(
        RandomlyConnectedLinear(12, 10, connection_density=0.3, topology="uniform", seed=1),
        nn.Tanh(),
        nn.Sequential(RandomlyConnectedLinear(10, 8, connection_density=0.5, seed=2)),
        nn.BatchNorm1d(8),
        RandomlyConnectedLinear(8, 6, connection_density=1.0, seed=3),
    )
    x, wanted = torch.randn(5, 12), torch.randn(5, 6)
    reference = densify(copy.deepcopy(model))
    nn.functional.mse_loss(reference(x), wanted).backward()  # type: ignore[no-untyped-call]
    before = copy.deepcopy(model.state_dict())
    found = dense_gradients(model, lambda copied: nn.functional.mse_loss(copied(x), wanted))
    assert list(found) == ["0", "2.0", "4"]
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, reference.get_parameter(f"{name}.weight").grad)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_a_bare_layer_and_a_layer_without_use_have_gradients_too() -> None:
    layer = sparse([[1.0, 0.0], [0.0, 2.0]])
    with torch.no_grad():
        found = dense_gradients(layer, lambda copied: copied(torch.tensor([[1.0, 3.0]])).sum())
    assert found[""].tolist() == [[1.0, 3.0], [1.0, 3.0]]
    both = nn.ModuleList([layer, sparse([[1.0, 2.0]])])
    grads = dense_gradients(both, lambda copied: copied.get_submodule("0")(torch.ones(1, 2)).sum())
    assert grads["1"].tolist() == [[0.0, 0.0]]


def test_gradients_of_another_module_are_refused() -> None:
    layer = sparse([[1.0, 0.0], [0.0, 2.0]])
    for loss in (lambda copied: layer(torch.ones(1, 2)).sum(), lambda copied: torch.ones(())):
        with pytest.raises(ValueError, match="with the module it is given"):
            dense_gradients(layer, loss)
    with pytest.raises(ValueError, match="must have a RandomlyConnectedLinear"):
        dense_gradients(nn.Linear(2, 2), lambda copied: copied(torch.ones(1, 2)).sum())


# magnitude_prune


def test_the_greatest_magnitudes_are_kept() -> None:
    layer = dense([[5.0, -1.0, 0.5], [-4.0, 3.0, 0.1], [0.2, 0.3, -2.0]])
    pruned = magnitude_prune(layer, 5 / 9)
    assert pruned is layer
    # Each unit's strongest are 5, -4, 3 and -2; the fifth is the greatest of the others, -1.
    assert kernel_of(layer) == [[5.0, -1.0, 0.0], [-4.0, 3.0, 0.0], [0.0, 0.0, -2.0]]
    assert layer.topology == "uniform"
    assert layer.weight.shape == (5,)
    assert layer.seed is None


def test_the_strongest_connection_of_each_unit_is_kept() -> None:
    layer = dense([[9.0, 8.0, 7.0], [6.0, 5.0, 4.0], [0.1, 0.3, 0.2]])
    magnitude_prune(layer, 5 / 9)  # 9, 8, 7 and 6 for their units, 0.3 for the last output
    assert kernel_of(layer) == [[9.0, 8.0, 7.0], [6.0, 0.0, 0.0], [0.0, pytest.approx(0.3), 0.0]]


def test_the_tiled_identity_is_kept_where_little_else_is() -> None:
    layer = dense([[9.0, 8.0, 7.0], [6.0, 5.0, 4.0], [0.1, 0.3, 0.2]])
    magnitude_prune(layer, 4 / 9)
    assert layer.connectivity.positions().tolist() == [0, 1, 4, 8]


@pytest.mark.parametrize("density", [0.0, 0.03, 0.2, 0.77, 1.0])
@pytest.mark.parametrize(("n_in", "n_out"), [(20, 12), (12, 20), (16, 16), (1, 5), (1, 1)])
def test_pruned_layers_count_as_uniform_ones(density: float, n_in: int, n_out: int) -> None:
    drawn = draw_connectivity(n_in, n_out, connection_density=density, topology="uniform", seed=0)
    layer = RandomlyConnectedLinear(n_in, n_out, connection_density=1.0, seed=1)
    gradual = copy.deepcopy(layer)
    magnitude_prune(layer, density)
    assert layer.weight.numel() == drawn.n_weights
    assert is_connected(layer.connectivity)

    method = GradualPruning(density, begin=1, end=9, every=2)
    method.begin(gradual)
    for _ in range(10):
        with torch.no_grad():
            gradual.weight.add_(torch.randn_like(gradual.weight))
        method.step(gradual, None, nothing)
    method.finish(gradual)
    assert gradual.weight.numel() == drawn.n_weights
    assert is_connected(gradual.connectivity)
    assert method.n_rewired == n_in * n_out - drawn.n_weights


def test_global_pruning_counts_all_layers_together() -> None:
    strong, weak = dense([[9.0, 8.0], [7.0, 6.0]]), dense([[1.0, 0.5], [0.4, 0.8]])
    model = nn.Sequential(strong, weak)
    magnitude_prune(model, 0.75, scope="global")
    assert kernel_of(strong) == [[9.0, 8.0], [7.0, 6.0]]
    assert [[round(w, 6) for w in row] for row in kernel_of(weak)] == [[1.0, 0.0], [0.0, 0.8]]


def test_pruning_at_full_density_changes_nothing() -> None:
    model = nn.Sequential(RandomlyConnectedLinear(6, 4, connection_density=1.0, seed=0))
    weight = part(model, "0").weight
    assert magnitude_prune(model, 1.0) is model
    assert part(model, "0").weight is weight
    assert part(model, "0").connectivity.is_dense
    bare = nn.Linear(6, 4)
    x = torch.randn(3, 6)
    assert torch.equal(magnitude_prune(bare, 1.0, include_linear=True)(x), bare(x))


def test_plain_linear_layers_are_pruned_when_asked() -> None:
    model = nn.Sequential(
        nn.Linear(8, 8),
        RandomlyConnectedLinear(8, 8, connection_density=1.0, seed=0),
        RandomlyConnectedLinear(8, 8, connection_density=0.5, topology="fan_in", seed=0),
    )
    linear = model[0]
    assert isinstance(linear, nn.Linear)
    linear.weight.requires_grad_(False)
    kept = part(model, "2").connectivity.fingerprint()
    untouched = copy.deepcopy(model)
    magnitude_prune(untouched, 0.25)
    assert type(untouched[0]) is nn.Linear
    magnitude_prune(model, 0.25, include_linear=True)
    assert [part(model, name).weight.numel() for name in "012"] == [16, 16, 32]
    assert part(model, "2").connectivity.fingerprint() == kept
    bias = part(model, "0").bias
    assert bias is not None
    assert torch.equal(bias, linear.bias)
    assert not part(model, "0").weight.requires_grad
    assert torch.equal(part(model, "1").to_dense_weight(), part(untouched, "1").to_dense_weight())


def test_pruning_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match=r"of density 1\.0"):
        magnitude_prune(nn.Sequential(nn.Linear(3, 3)), 0.5)
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
        magnitude_prune(dense([[1.0]]), 1.5)
    with pytest.raises(ValueError, match="one of 'layer', 'global'"):
        magnitude_prune(dense([[1.0]]), 0.5, scope="model")
    first, second = dense([[1.0, 2.0]]), dense([[1.0, 2.0]])
    second.weight = first.weight
    with pytest.raises(ValueError, match="tied weight"):
        magnitude_prune(nn.Sequential(first, second), 0.5)


# GradualPruning


def test_the_cubic_schedule() -> None:
    method = GradualPruning(0.1, begin=100, end=200, every=25)
    steps = [0, 99, 100, 124, 125, 149, 150, 175, 199, 200, 300]
    wanted = [0, 0, 0, 0, 37 / 64, 37 / 64, 7 / 8, 63 / 64, 63 / 64, 1, 1]
    assert [method.progress_at(step) for step in steps] == pytest.approx(wanted)
    at_once = GradualPruning(0.1, begin=5, end=5, every=1)
    assert [at_once.progress_at(step) for step in (4, 5)] == [0.0, 1.0]
    uneven = GradualPruning(0.1, begin=0, end=10, every=4)
    assert uneven.progress_at(9) == pytest.approx(1 - 0.2**3)
    assert uneven.progress_at(10) == 1.0


def test_pruned_weights_are_not_revived_by_the_optimizer() -> None:
    layer = dense([[4.0, 3.0, 0.2, 2.0], [0.1, 5.0, 6.0, 0.3]])
    method = GradualPruning(0.5, begin=0, end=2, every=1)
    method.begin(layer)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.9)
    average = layer.weight.detach().clone()
    counts = []

    def companions(weight: nn.Parameter) -> list[Tensor]:
        return [*optimizer_companions(optimizer)(weight), *([average] if weight.ndim == 2 else [])]

    for _ in range(5):
        optimizer.zero_grad()
        layer(torch.ones(1, 4)).sum().backward()
        optimizer.step()
        method.step(layer, None, companions)
        counts.append(int((layer.weight != 0).sum()))
        average.lerp_(layer.weight.detach(), 0.5)
    assert counts == [4, 4, 4, 4, 4]  # at the first step round(7/8 * 4) go, which is all
    gone = layer.weight == 0
    assert (average[gone] == 0).all()
    assert layer.connectivity.is_dense
    kept = layer.weight.detach().clone()
    method.finish(layer)
    assert layer.weight.shape == (4,)
    assert torch.equal(layer.to_dense_weight(), kept)
    assert method.n_rewired == 4


def test_gradual_pruning_follows_its_schedule_by_magnitude() -> None:
    kernel = torch.arange(1.0, 65.0).reshape(8, 8)
    layer = dense(kernel.tolist())
    method = GradualPruning(0.5, begin=0, end=4, every=2)
    method.begin(layer)
    left = []
    for _ in range(4):
        method.step(layer, None, nothing)
        left.append(int((layer.weight != 0).sum()))
    assert left == [64, 36, 36, 32]
    # Each output's strongest is its last input, the inputs' strongest are the last output's.
    must = {8 * row + 8 for row in range(8)} | set(range(57, 65))
    others = sorted(set(range(1, 65)) - must)[-(32 - len(must)) :]
    assert set(layer.weight[layer.weight != 0].tolist()) == must | set(others)
    reference = magnitude_prune(dense(kernel.tolist()), 0.5)
    method.finish(layer)
    assert torch.equal(layer.to_dense_weight(), reference.to_dense_weight())  # type: ignore[operator]


def test_weights_swapped_in_are_masked_and_an_early_end_prunes_the_rest() -> None:
    layer = dense([[4.0, 3.0, 0.2, 2.0], [0.1, 5.0, 6.0, 0.3]])
    method = GradualPruning(0.625, begin=10, end=20, every=1)
    method.begin(layer)
    method.step(layer, None, nothing)
    assert method.n_rewired == 0
    with torch.no_grad():
        layer.weight.neg_()  # as an average that takes their place
    method.finish(layer)
    assert kernel_of(layer) == [[-4.0, -3.0, 0.0, -2.0], [0.0, -5.0, -6.0, 0.0]]
    assert layer.bias is not None


# SET


def test_set_drops_the_weights_nearest_zero_on_both_sides() -> None:
    # Positive: 1 2 3 4 5 6, negative: -1 -2 -3 -4; a third of them are 2 and 1.
    layer = sparse([[6.0, 1.0, 5.0, -4.0], [-1.0, 2.0, 4.0, 0.0], [-2.0, -3.0, 0.0, 3.0]])
    before = set(layer.connectivity.positions().tolist())
    method = SET(1 / 3, every=1, end=3, seed=0)
    method.begin(layer)
    moment = torch.arange(1.0, 11.0)  # 1 at the weight 6, 2 at the weight 1, and so on
    method.step(layer, None, lambda _: (moment,))
    kernel = layer.to_dense_weight().reshape(-1)
    for place, value in {0: 6.0, 2: 5.0, 3: -4.0, 6: 4.0, 8: -2.0, 9: -3.0, 11: 3.0}.items():
        assert kernel[place] == value
    assert kernel[[1, 4, 5]].tolist() == [0.0, 0.0, 0.0]
    assert (kernel != 0).sum() == 7
    assert layer.weight.numel() == 10
    after = layer.connectivity.positions().tolist()
    by_place = dict(zip(after, moment.tolist(), strict=True))
    assert {p: by_place[p] for p in (0, 2, 3, 6, 8, 9, 11)} == {
        0: 1.0,
        2: 3.0,
        3: 4.0,
        6: 7.0,
        8: 8.0,
        9: 9.0,
        11: 10.0,
    }
    assert sum(by_place.values()) == 42.0
    assert method.n_rewired == len(set(after) - before)
    assert layer.bias is not None
    assert layer.bias.tolist() == [0.25] * 3


def test_set_grows_evenly_and_by_its_seed() -> None:
    def grown(seed: int) -> list[int]:
        torch.manual_seed(seed)
        layer = RandomlyConnectedLinear(40, 40, connection_density=0.2, topology="uniform", seed=5)
        method = SET(0.5, every=1, end=2, seed=seed)
        method.begin(layer)
        before = layer.connectivity.positions()
        method.step(layer, None, nothing)
        found: list[int] = np.setdiff1d(layer.connectivity.positions(), before).tolist()
        return found

    assert grown(1) == grown(1)
    assert grown(1) != grown(2)
    rows = np.bincount(np.array(grown(1) + grown(2) + grown(3)) // 400, minlength=4)
    assert rows.min() > 0.7 * rows.mean()


def test_zeros_are_dropped_first() -> None:
    layer = sparse([[0.5, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 0.0], [8.0, 9.0, 0.0, 0.0]])
    with torch.no_grad():
        layer.weight[4] = 0.0
    method = SET(0.1, every=1, end=2, seed=1)
    method.begin(layer)
    moment = torch.ones(9)
    method.step(layer, None, lambda _: (moment,))
    assert moment.tolist().count(0.0) == 1
    assert layer.to_dense_weight()[0].tolist() == [0.5, 2.0, 3.0, 4.0]


# RigL


def test_rigl_drops_the_weakest_and_grows_by_gradient() -> None:
    layer = sparse([[0.1, 2.0, 0.0, 3.0], [4.0, 0.0, 5.0, 0.2]])
    x = torch.tensor([[3.0, -1.0, 4.0, 2.0]])
    factors = torch.tensor([1.0, -10.0])
    # Gradients of the free places: 4 at (0, 2) and 10 at (1, 1); of the two to be dropped, 0.1 at
    # (0, 0) and 0.2 at (1, 3): 3 and 20. So (1, 3) is grown again, and stays as it is.
    method = RigL(2 / 3, every=1, end=2)  # half of 2/3 at step 1, two of six weights
    method.begin(layer)
    moment = torch.arange(1.0, 7.0)
    method.step(layer, lambda copied: (copied(x) * factors).sum(), lambda _: (moment,))
    assert layer.connectivity.positions().tolist() == [1, 3, 4, 5, 6, 7]
    assert layer.weight.tolist() == pytest.approx([2.0, 3.0, 4.0, 0.0, 5.0, 0.2])
    assert moment.tolist() == [2.0, 3.0, 4.0, 0.0, 5.0, 6.0]
    assert method.n_rewired == 1


def test_the_strongest_connection_of_each_unit_is_never_dropped() -> None:
    methods: list[Rewiring] = [SET(1.0, every=1, end=50, seed=0), RigL(1.0, every=1, end=50)]
    for method in methods:
        layer = RandomlyConnectedLinear(30, 20, connection_density=0.1, topology="uniform", seed=0)
        method.begin(layer)
        for step in range(20):
            x = torch.randn(8, 30, generator=torch.Generator().manual_seed(step))

            def loss(copied: nn.Module, x: Tensor = x) -> Tensor:
                value: Tensor = copied(x).square().sum()
                return value

            method.step(layer, loss, nothing)
            assert layer.weight.numel() == 60
            assert is_connected(layer.connectivity)
            with torch.no_grad():
                layer.weight.add_(0.1 * torch.randn(60))
        assert method.n_rewired > 60


def test_the_cosine_schedule() -> None:
    method = RigL(0.4, every=10, end=100)
    assert method.fraction_at(10) == pytest.approx(0.2 * (1 + math.cos(0.1 * math.pi)))
    assert method.fraction_at(50) == pytest.approx(0.2)
    assert [method.fraction_at(step) for step in (0, 5, 55, 100, 110)] == [0.0] * 5
    constant = SET(0.4, every=10, end=100)
    assert [constant.fraction_at(step) for step in (0, 10, 15, 90, 100)] == [0, 0.4, 0, 0.4, 0]


def test_rigl_needs_the_loss_from_the_first_step_on() -> None:
    layer = sparse([[1.0, 0.0], [0.0, 2.0]])
    method = RigL(every=10, end=100)
    method.begin(layer)
    with pytest.raises(ValueError, match="RigL needs the loss"):
        method.step(layer, None, nothing)


# All of them


METHODS: dict[str, Callable[[], Rewiring]] = {
    "set": lambda: SET(every=1, end=9, seed=0),
    "rigl": lambda: RigL(every=1, end=9),
    "gradual": lambda: GradualPruning(0.2, begin=0, end=4, every=1),
}


@pytest.mark.parametrize("name", METHODS)
def test_begin_comes_first_and_finish_last(name: str) -> None:
    density = 1.0 if name == "gradual" else 0.5
    layer = RandomlyConnectedLinear(8, 8, connection_density=density, topology="uniform", seed=0)

    def loss(copied: nn.Module) -> Tensor:
        value: Tensor = copied(torch.ones(1, 8)).sum()
        return value

    method = METHODS[name]()
    with pytest.raises(RuntimeError, match=r"begin\(module\) must be called first"):
        method.step(layer, loss, nothing)
    with pytest.raises(RuntimeError, match=r"begin\(module\) must be called first"):
        method.finish(layer)
    method.begin(layer)
    method.step(layer, loss, nothing)
    assert method.n_rewired > 0
    assert method.finish(layer) is None  # type: ignore[func-returns-value]
    with pytest.raises(RuntimeError, match=r"begin\(module\) must be called first"):
        method.step(layer, loss, nothing)


@pytest.mark.parametrize("name", METHODS)
def test_layers_a_method_cannot_work_on_are_refused(name: str) -> None:
    method = METHODS[name]()
    with pytest.raises(ValueError, match=r"the model must have a .*Try: .*"):
        method.begin(nn.Sequential(nn.Linear(4, 4)))
    frozen = RandomlyConnectedLinear(
        8, 8, topology="uniform", connection_density=1.0 if name == "gradual" else 0.3
    )
    frozen.weight.requires_grad_(False)
    with pytest.raises(ValueError, match="trained"):
        method.begin(frozen)
    if name != "gradual":
        with pytest.raises(ValueError, match=r"layer '1' must be sparse.*topology=\"uniform\""):
            method.begin(nn.Sequential(nn.Tanh(), RandomlyConnectedLinear(32, 32, seed=0)))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: SET(0.0, every=1, end=1), ValueError, r"fraction must lie in \(0, 1\]"),
        (lambda: RigL(1.1, end=1), ValueError, r"fraction must lie in \(0, 1\]"),
        (
            lambda: RigL("a third", end=1),  # type: ignore[arg-type]
            TypeError,
            "fraction must be a real number",
        ),
        (lambda: RigL(every=0, end=1), ValueError, "every must be at least 1"),
        (lambda: SET(every=1, end=0), ValueError, "end must be at least 1"),
        (
            lambda: SET(every=1.5, end=4),  # type: ignore[arg-type]
            TypeError,
            "every must be an integer",
        ),
        (lambda: SET(every=1, end=4, seed=-1), ValueError, "seed must not be negative"),
        (lambda: GradualPruning(0.5, begin=-1, end=4, every=1), ValueError, "begin must be"),
        (lambda: GradualPruning(0.5, begin=5, end=4, every=1), ValueError, "end must be at least"),
        (lambda: GradualPruning(2.0, begin=0, end=4, every=1), ValueError, "connection_density"),
    ],
)
def test_bad_arguments(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.slow
@pytest.mark.thinned(1)
@pytest.mark.parametrize("name", ["set", "rigl"])
def test_finding_the_connections_of_a_teacher(name: str) -> None:
    """A wide sparse linear map is learnt well only by who finds where its connections are."""
    torch.manual_seed(0)
    teacher = RandomlyConnectedLinear(32, 32, connection_density=0.06, topology="uniform", seed=1)
    with torch.no_grad():
        teacher.weight.copy_(torch.sign(teacher.weight))
    wanted = set(teacher.connectivity.positions().tolist())

    def trained(method: Rewiring | None) -> tuple[float, float, int]:
        torch.manual_seed(1)
        student = RandomlyConnectedLinear(
            32, 32, connection_density=0.12, topology="uniform", seed=2
        )
        if method is not None:
            method.begin(student)
        weight = student.weight
        optimizer = torch.optim.Adam(student.parameters(), lr=0.03)
        companions = optimizer_companions(optimizer)
        losses = []
        for _ in range(400):
            x = torch.randn(64, 32)
            with torch.no_grad():
                y = teacher(x)

            def loss(copied: nn.Module, x: Tensor = x, y: Tensor = y) -> Tensor:
                return nn.functional.mse_loss(copied(x), y)

            value = loss(student)
            optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if method is not None:
                method.step(student, loss, companions)
            losses.append(value.item())
        if method is not None:
            method.finish(student)
        assert student.weight is weight
        assert weight.numel() == round(0.12 * 32 * 32)
        found = len(wanted & set(student.connectivity.positions().tolist()))
        return losses[0], float(np.mean(losses[-20:])), found

    method: Rewiring = (
        SET(0.3, every=10, end=320, seed=3) if name == "set" else RigL(0.3, every=10, end=320)
    )
    first, last, n_found = trained(method)
    _, last_fixed, n_fixed = trained(None)
    assert last < 0.5 * first
    assert last < 0.7 * last_fixed
    assert n_found > n_fixed
    if name == "rigl":
        assert n_found > 0.95 * len(wanted)
        assert last < 0.05 * first


def test_models_made_sparse_by_name_are_rewired_whole() -> None:
    model = sparsify(
        nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 16)),
        0.2,
        topology="uniform",
        seed=0,
    )
    method = SET(every=1, end=3, seed=0)
    method.begin(model)
    before = [part(model, name).connectivity.fingerprint() for name in "02"]
    method.step(model, None, nothing)
    after = [part(model, name).connectivity.fingerprint() for name in "02"]
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert [part(model, name).weight.numel() for name in "02"] == [102, 102]
