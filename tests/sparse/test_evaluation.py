"""Answers in evaluation mode are those of the weights as they are, whatever changed them."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, parametrize, prune, vector_to_parameters
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from gossamer.nn.training.adam import Adam
from gossamer.sparse import RandomlyConnectedLinear, Topology, freeze
from gossamer.sparse.frozen import FrozenLinear

l1_unstructured: Any = prune.l1_unstructured
ema: Any = get_ema_multi_avg_fn
TOPOLOGIES = ["blocked", "windowed", "grouped", "uniform", "fan_in"]


def layer_of(topology: str = "blocked", density: float = 0.2) -> RandomlyConnectedLinear:
    layer = RandomlyConnectedLinear(64, 48, connection_density=density, topology=topology, seed=1)
    nn.init.normal_(layer.get_parameter("bias"))
    return layer.eval()


def expected(layer: RandomlyConnectedLinear, x: Tensor) -> Tensor:
    return F.linear(x, layer.to_dense_weight(), layer.bias)


def check(layer: nn.Module, change: Callable[[], object]) -> None:
    """Answer, change, and answer as the changed weights do, for few tokens and for many."""
    assert isinstance(layer, RandomlyConnectedLinear)
    few, many = torch.randn(2, 64), torch.randn(80, 64)
    with torch.no_grad():
        before = layer(few), layer(many)
    change()
    with torch.no_grad():
        for x, old in zip((few, many), before, strict=True):
            after = layer(x)
            torch.testing.assert_close(after, expected(layer, x), atol=1e-4, rtol=1e-4)
            assert not torch.allclose(after, old)


def optimizers() -> list[tuple[str, dict[str, bool]]]:
    found: list[tuple[str, dict[str, bool]]] = []
    for name, kind in sorted(vars(torch.optim).items()):
        if inspect.isclass(kind) and kind is not torch.optim.Optimizer:
            if not issubclass(kind, torch.optim.Optimizer) or name in ("SparseAdam", "Muon"):
                continue  # these refuse dense gradients, and vectors
            parameters = inspect.signature(kind).parameters
            found.append((name, {}))
            found += [(name, {way: True}) for way in ("fused", "foreach") if way in parameters]
    return found


@pytest.mark.thinned(12)
@pytest.mark.parametrize("topology", ["blocked", "uniform"])
@pytest.mark.parametrize(("name", "options"), optimizers())
def test_a_step_of_every_optimizer_is_seen(
    topology: str, name: str, options: dict[str, bool]
) -> None:
    layer = layer_of(topology)
    optimizer = getattr(torch.optim, name)(layer.parameters(), lr=0.1, **options)

    def loss() -> Tensor:
        optimizer.zero_grad()
        total: Tensor = layer(torch.ones(40, 64)).square().mean()
        total.backward()  # type: ignore[no-untyped-call]
        return total

    def step() -> None:
        for _ in range(3):
            loss()
            optimizer.step(loss) if name == "LBFGS" else optimizer.step()

    check(layer, step)


def load(layer: nn.Module, *, assign: bool) -> None:
    state = {name: t.clone() for name, t in layer.state_dict().items()}
    state["weight"] += 1
    layer.load_state_dict(state, assign=assign)


def replace(layer: nn.Module) -> None:
    layer.weight = nn.Parameter(layer.get_parameter("weight").detach() + 1)


def step_by_kernel(layer: nn.Module) -> None:
    weight = layer.get_parameter("weight")
    weight.grad = torch.ones_like(weight)
    Adam([weight], learning_rate=0.5, epsilon=1e-7).step()


def scale_in_place(layer: nn.Module) -> None:
    with torch.no_grad():
        layer.get_parameter("weight").mul_(2)


CHANGES: dict[str, Callable[[nn.Module], object]] = {
    "in place": scale_in_place,
    "data in place": lambda layer: layer.get_parameter("weight").data.mul_(2),
    "data of the bias": lambda layer: layer.get_parameter("bias").data.add_(2),
    "through numpy": lambda layer: layer.get_parameter("weight").detach().numpy().fill(0.5),
    "load": lambda layer: load(layer, assign=False),
    "load, assigned": lambda layer: load(layer, assign=True),
    "replaced": replace,
    "vector": lambda layer: vector_to_parameters(
        parameters_to_vector(layer.parameters()) * 2, layer.parameters()
    ),
    "own Adam": step_by_kernel,
    "pruned": lambda layer: l1_unstructured(layer, "weight", amount=0.5),
}


@pytest.mark.parametrize("topology", TOPOLOGIES)
@pytest.mark.parametrize("change", list(CHANGES))
def test_every_change_of_weights_is_seen(topology: str, change: str) -> None:
    layer = layer_of(topology)
    check(layer, lambda: CHANGES[change](layer))


class Twice(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_parametrizations_and_averages(topology: str) -> None:
    layer = layer_of(topology)
    check(layer, lambda: parametrize.register_parametrization(layer, "weight", Twice()))
    check(layer, lambda: layer.parametrizations.weight.original.data.mul_(3))  # type: ignore[union-attr,operator]
    model = layer_of(topology)
    for average in (
        AveragedModel(model),
        AveragedModel(model, multi_avg_fn=ema()),
    ):
        average.eval().update_parameters(model)

        def update(average: AveragedModel = average) -> None:
            scale_in_place(model)
            average.update_parameters(model)

        check(average.module, update)


# -- frozen copies --------------------------------------------------------------------------------


@pytest.mark.thinned(8)
@pytest.mark.parametrize("topology", [t.value for t in Topology])
@pytest.mark.parametrize("density", [1.0, 0.5, 0.2, 0.05, 0.02])
def test_a_frozen_copy_answers_the_same(topology: str, density: float) -> None:
    layer = layer_of(topology, density)
    frozen = freeze(layer)
    for shape in [(0, 64), (64,), (1, 64), (3, 7, 64), (64, 64), (200, 64)]:
        x = torch.randn(shape)
        for guard in (torch.no_grad, torch.inference_mode, torch.enable_grad):
            with guard():
                for _ in range(2):  # made, and kept
                    torch.testing.assert_close(frozen(x), expected(layer, x), atol=1e-5, rtol=1e-4)
    x = torch.randn(3, 64, requires_grad=True)
    (gradient,) = torch.autograd.grad(frozen(x).sum(), x)
    torch.testing.assert_close(gradient, layer.to_dense_weight().sum(0).expand(3, 64))


@pytest.mark.parametrize("topology", ["blocked", "uniform"])
def test_a_frozen_copy_stays_as_it_is(topology: str) -> None:
    model = nn.Sequential(layer_of(topology), nn.Linear(48, 4)).train()
    x = torch.randn(2, 64)
    wanted = model(x).detach()
    frozen = freeze(model)
    first = frozen[0]
    assert isinstance(first, FrozenLinear)
    assert not any(p.requires_grad for p in frozen.parameters())
    assert model.training
    assert not frozen.train()[0].training
    for parameter in model.parameters():
        parameter.data.mul_(3)
    torch.testing.assert_close(frozen(x), wanted)
    for other in (copy.deepcopy(frozen), pickle.loads(pickle.dumps(frozen))):  # noqa: S301
        torch.testing.assert_close(other(x), wanted)
    assert list(frozen.state_dict()) == list(model.state_dict())
    frozen.load_state_dict(model.state_dict())  # and what is kept follows
    torch.testing.assert_close(frozen(x), model(x))
    torch.testing.assert_close(frozen.double()(x.double()).float(), model(x), rtol=1e-4, atol=1e-5)
    with pytest.raises(RuntimeError, match="must stay"):
        first.reset_parameters()
    with pytest.raises(RuntimeError, match="must stay"):
        first.replace_connectivity(first.connectivity)


def test_a_frozen_copy_can_share_its_tensors() -> None:
    model = nn.Sequential(layer_of(), nn.Linear(48, 4))
    frozen = freeze(model, share_tensors=True)
    assert frozen[1].weight is model[1].weight
    assert frozen[0].get_buffer("weight").data_ptr() == model[0].get_parameter("weight").data_ptr()


def test_layers_with_hooks_are_not_frozen() -> None:
    layer = layer_of()
    l1_unstructured(layer, "weight", amount=0.5)
    with torch.no_grad():
        layer(torch.ones(1, 64))
    model = nn.Sequential(layer)
    assert not isinstance(freeze(model)[0], FrozenLinear)
