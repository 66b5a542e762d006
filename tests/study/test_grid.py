"""Which runs a study makes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gossamer.data.errors import InputError
from gossamer.sparse import Topology
from gossamer.study import Grid, InputLayer, Method, Run, Task


def small(**changes: Any) -> Grid:
    axes: dict[str, Any] = {"densities": (0.2,), "sizes": (16,), "seeds": (0,), "epochs": (2,)}
    return Grid(**axes | changes)


def told(runs: list[Run], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(getattr(run, name) for name in names) for run in runs]


def test_every_combination_once() -> None:
    grid = small(
        densities=(0.2, 0.1),
        sizes=(8, 16),
        seeds=(0, 1),
        epochs=(1, 2),
        topologies=(Topology.UNIFORM, Topology.FAN_IN),
        input_layers=(InputLayer.LEARNED, InputLayer.NONE),
        variants=({"learning_rate": 0.1}, {"learning_rate": 0.2}),
        options={"drop_rate": 0.0},
    )
    runs = grid.runs(Task.ENTITY)
    assert len(runs) == 2**7
    assert len({run.key("") for run in runs}) == 2**7
    assert {run.task for run in runs} == {Task.ENTITY}
    assert {run.options["drop_rate"] for run in runs} == {0.0}


def test_repeated_values_are_run_once() -> None:
    grid = small(densities=(0.2, 0.2), sizes=(16, 16), seeds=(0, 0))
    assert len(grid.runs(Task.INTENT)) == 1


def test_one_and_one_point_zero_are_one_density() -> None:
    assert [run.key("") for run in small(densities=(1,)).runs(Task.INTENT)] == [
        run.key("") for run in small(densities=(1.0,)).runs(Task.INTENT)
    ]


def test_dense_is_run_once() -> None:
    grid = small(densities=(1.0,), topologies=tuple(Topology), methods=tuple(Method))
    assert told(grid.runs(Task.INTENT), "topology", "method") == [(Topology.BLOCKED, Method.FIXED)]


def test_input_layers_differ_when_dense() -> None:
    grid = small(densities=(1.0,), input_layers=tuple(InputLayer))
    assert [run.input_layer for run in grid.runs(Task.INTENT)] == list(InputLayer)


def test_methods_that_move_connections_are_uniform() -> None:
    grid = small(topologies=(Topology.BLOCKED, Topology.FAN_IN), methods=tuple(Method))
    assert told(grid.runs(Task.INTENT), "method", "topology") == [
        (Method.FIXED, Topology.BLOCKED),
        (Method.ONE_SHOT, Topology.UNIFORM),
        (Method.GRADUAL, Topology.UNIFORM),
        (Method.SET, Topology.UNIFORM),
        (Method.RIGL, Topology.UNIFORM),
        (Method.FIXED, Topology.FAN_IN),
    ]


def test_methods_may_be_given_by_name() -> None:
    grid = small(topologies=("fan_in",), methods=("fixed", "set"))
    assert told(grid.runs(Task.INTENT), "method", "topology") == [
        (Method.FIXED, Topology.FAN_IN),
        (Method.SET, Topology.UNIFORM),
    ]


def test_a_limit_on_groups_counts_where_there_are_groups() -> None:
    grid = small(
        densities=(1.0, 0.2),
        topologies=tuple(Topology),
        variants=({}, {"max_group_size": 4}, {"max_group_size": 8}),
    )
    limits: dict[tuple[float, Topology], set[int | None]] = {}
    for run in grid.runs(Task.INTENT):
        found = limits.setdefault((run.density, run.topology), set())
        assert run.options.get("max_group_size") not in found
        found.add(run.options.get("max_group_size"))
    every = {None, 4, 8}
    assert limits == {
        (1.0, Topology.BLOCKED): {None},
        (0.2, Topology.UNIFORM): {None},
        (0.2, Topology.FAN_IN): {None},
        (0.2, Topology.GROUPED): every,
        (0.2, Topology.BLOCKED): every,
        (0.2, Topology.WINDOWED): every,
    }


def test_a_limit_for_all_runs_is_left_out_where_it_is_idle() -> None:
    grid = small(densities=(1.0, 0.2), options={"max_group_size": 4, "drop_rate": 0.0})
    assert [dict(run.options) for run in grid.runs(Task.INTENT)] == [
        {"max_group_size": 4, "drop_rate": 0.0},
        {"drop_rate": 0.0},
    ]


def test_seed_by_seed_and_small_models_first() -> None:
    grid = small(densities=(1.0, 0.01), sizes=(64, 8), seeds=(3, 1))
    models = [(0.01, 8), (0.01, 64), (1.0, 8), (1.0, 64)]
    assert told(grid.runs(Task.INTENT), "seed", "density", "size") == [
        (seed, *model) for seed in (3, 1) for model in models
    ]


def test_sizes_for_one_density() -> None:
    grid = small(densities=(0.2, 0.1), sizes=(8, 16), sizes_at={0.1: (64,)})
    assert set(told(grid.runs(Task.INTENT), "density", "size")) == {(0.2, 8), (0.2, 16), (0.1, 64)}


def test_variants_are_options_that_go_together() -> None:
    grid = small(variants=({"learning_rate": 0.1, "drop_rate": 0.1}, {}))
    assert [dict(run.options) for run in grid.runs(Task.INTENT)] == [
        {"learning_rate": 0.1, "drop_rate": 0.1},
        {},
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"densities": ()}, "at least one of its densities"),
        ({"seeds": []}, "at least one of its seeds"),
        ({"variants": ()}, "at least one of its variants"),
        ({"densities": (0.2, 1.1)}, r"between 0 and 1 \(got 1.1\)"),
        ({"densities": (-0.1,)}, "between 0 and 1"),
        ({"densities": (math.nan,)}, r"between 0 and 1 \(got nan\)"),
        ({"sizes": (0,)}, r"size must be at least 1 \(got 0\)"),
        ({"sizes_at": {0.2: (-4,)}}, r"size must be at least 1 \(got -4\)"),
        ({"sizes_at": {0.2: ()}}, r"at least one \(got 0.2\)"),
        ({"sizes_at": {0.5: (8,)}}, r"one of the densities \(got 0.5\)"),
        ({"seeds": (-1,)}, r"seed must be 0 or more \(got -1\)"),
        ({"epochs": (0,)}, r"at least one epoch \(got 0\)"),
        ({"topologies": ("random",)}, r"a topology must be a known one \(got 'random'\)"),
        ({"methods": ("prune",)}, r"a method must be a known one \(got 'prune'\)"),
        ({"input_layers": ("non",)}, r"an input layer must be a known one .*'none'"),
        ({"options": {"drop_rate": math.nan}}, "drop_rate must be a value that JSON can express"),
        ({"options": {"x": {1, 2}}}, "x must be a value that JSON can express"),
        ({"variants": ({"y": object()},)}, "y must be a value that JSON can express"),
        (
            {"options": {"learning_rate": 0.1}, "variants": ({"learning_rate": 0.2},)},
            r"same in all runs or be varied \(got \['learning_rate'\]\)",
        ),
    ],
)
def test_values_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(**changes).runs(Task.INTENT)
