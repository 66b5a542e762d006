"""The fuzz of the layer: some calls of it, and proof that it finds layers that are wrong."""

from __future__ import annotations

import faulthandler
import os
import random
import time
from collections.abc import Callable

import fuzz_layer
import pytest
import torch
from layer_parts.cases import Case, draw_case, make_input, make_layer
from layer_parts.ways import RARE, WAYS
from torch import Tensor, nn

from gossamer.sparse import RandomlyConnectedLinear, Topology

pytestmark = pytest.mark.long

N_CALLS = 200
# Python 3.12 and later warn where a process with threads is forked.
FORKS = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def quick_cases(seed: int, count: int) -> list[Case]:
    """Cases that take milliseconds: no tracing, and kernels of few shapes to compile."""
    chance = random.Random(seed)
    found: list[Case] = []
    while len(found) < count:
        case = draw_case(chance.randrange(2**31))
        size = case.in_features * case.out_features
        compiles = size > 1000 and case.density < 1.0
        few = (case.in_features, case.out_features, case.density) == (48, 48, 0.2)
        if case.way not in RARE and (few or not compiles):
            found.append(case)
    return found


def test_calls_equal_the_dense_reference(seed: int) -> None:
    cases = quick_cases(seed, N_CALLS)
    assert len(cases) == N_CALLS
    outcomes = list(fuzz_layer.run([case.seed for case in cases]))
    wrong = [f"--only {outcome.seed}: {outcome.problem}" for outcome in outcomes if outcome.problem]
    assert wrong == []


def test_a_case_is_fixed_by_its_seed_and_cases_differ(seed: int) -> None:
    cases = [draw_case(seed + number) for number in range(500)]
    assert cases == [draw_case(seed + number) for number in range(500)]
    assert len({case.way for case in cases}) > len(WAYS) / 2
    assert {case.topology for case in cases} == {topology.value for topology in Topology}
    for case in cases[:50]:
        one, two = make_input(case), make_input(case)
        assert one.shape == case.shape
        assert one.stride() == two.stride()
        torch.testing.assert_close(one, two, rtol=0, atol=0, equal_nan=True)


class Wrong(RandomlyConnectedLinear):
    """A layer with a fault; see FAULTS."""

    fault: Callable[[Wrong, Tensor], Tensor]
    kept: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return Wrong.fault(self, x)


def right(layer: Wrong, x: Tensor) -> Tensor:
    return RandomlyConnectedLinear.forward(layer, x)


def one_connection_off(layer: Wrong, x: Tensor) -> Tensor:
    y = right(layer, x)
    return y + torch.nn.functional.pad(y.new_full((1,), 0.5), (0, y.shape[-1] - 1))


def no_input_gradient(layer: Wrong, x: Tensor) -> Tensor:
    return right(layer, x.detach())


def stale(layer: Wrong, x: Tensor) -> Tensor:
    if not hasattr(layer, "kept"):
        layer.kept = layer.to_dense_weight().detach().clone()
    return torch.nn.functional.linear(x, layer.kept.to(x.dtype), layer.bias)


def other_error(layer: Wrong, x: Tensor) -> Tensor:
    try:
        return right(layer, x)
    except Exception as error:
        raise KeyError("something else") from error


def lenient(layer: Wrong, x: Tensor) -> Tensor:
    return right(layer, x.to(layer.weight.dtype))


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (one_connection_off, "wrong by"),
        (no_input_gradient, "requires_grad|gradient|not None|raises"),
        (stale, "wrong by|requires_grad|raises"),
        (other_error, "raises KeyError"),
        (lenient, "answers where F.linear raises"),
    ],
)
def test_it_finds_a_layer_with_a_fault(
    monkeypatch: pytest.MonkeyPatch, fault: Callable[[Wrong, Tensor], Tensor], said: str
) -> None:
    monkeypatch.setattr(Wrong, "fault", fault, raising=False)

    def build(case: Case) -> nn.Module:
        layer = make_layer(case)
        layer.__class__ = Wrong
        return layer

    cases = [case for case in quick_cases(0, 500) if case.way in ("plain", "changed")][:60]
    found = [problem for case in cases if (problem := fuzz_layer.run_case(case, build))]
    assert any(any(part in problem for part in said.split("|")) for problem in found), found


@FORKS
def test_a_crash_and_a_hang_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def die_or_hang(case: Case) -> str:
        if case.seed == 2:
            faulthandler.disable()  # this crash is wanted, and need not be told
            os.abort()
        if case.seed == 3:
            time.sleep(600)
        return ""

    monkeypatch.setattr(fuzz_layer, "_SECONDS", 3.0)
    monkeypatch.setattr(fuzz_layer, "run_case", die_or_hang)
    outcomes = list(fuzz_layer.run([1, 2, 3, 4], start="fork"))
    problems = [outcome.problem for outcome in outcomes]
    assert problems == [
        "",
        "CRASH: the process ended with code -6",
        "HANG: no answer in 3 s",
        "",
    ]
    assert fuzz_layer.kind_of(outcomes[1]).endswith("code #")
