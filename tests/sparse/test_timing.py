"""The comparison of speed: turns, what is counted, the table, and errors."""

from __future__ import annotations

import statistics
import time
from typing import Any

import pytest
import torch

from gossamer.sparse import compare_speed, timing
from gossamer.sparse.speed import Comparison, measure, quartiles


def test_calls_take_turns_after_a_warm_up() -> None:
    order: list[str] = []

    def call(name: str, first_takes: float) -> Any:
        def one() -> None:
            time.sleep(0.003 if name in order else first_takes)
            order.append(name)

        return one

    times = measure({"a": call("a", 0.2), "b": call("b", 0.0)}, 3)
    assert order == ["a"] * 4 + ["b"] * 4 + ["a", "b"] * 3
    assert [len(times["a"]), len(times["b"])] == [3, 3]
    assert max(times["a"]) < 0.15  # the first call, which may compile, is not counted


def test_the_ratio_is_the_median_of_rounds() -> None:
    found = Comparison(False, (4.0, 2.0, 9.0), (1.0, 1.0, 3.0))
    assert found.ratios == (4.0, 2.0, 3.0)
    assert found.ratio == 3.0
    assert found.ratio_quartiles == (2.5, 3.5)
    assert quartiles([5.0]) == (5.0, 5.0)


@pytest.mark.parametrize("topology", ["blocked", "uniform"])
def test_a_report_says_what_was_timed_and_leaves_everything_as_it_was(topology: str) -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with torch.no_grad():
        report = compare_speed(
            32, 48, density=0.25, tokens=16, topology=topology, threads=2, rounds=3
        )
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert (report.n_weights, report.n_dense) == (384, 32 * 48)
    assert (report.tokens, report.threads, report.rounds) == (16, 2, 3)
    for part in (report.forward, report.both):
        assert len(part.dense_seconds) == len(part.sparse_seconds) == 3
        assert all(seconds > 0 for seconds in part.sparse_seconds)
        assert part.ratio == statistics.median(part.ratios)
    lines = str(report).splitlines()
    assert lines[0] == f"32 -> 48, {topology}, density 0.25, 384 of 1,536 weights (0.25)"
    assert [line.split()[0] for line in lines[4:]] == ["forward", "forward+backward"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"in_features": 0}, "in_features must be at least 1"),
        ({"density": 1.5}, r"must lie in \[0, 1\]"),
        ({"tokens": 0}, "tokens must be at least 1"),
        ({"threads": -1}, "threads must be at least 1"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"topology": "ring"}, "topology must be a known name"),
        ({"tokens": 10**9}, "must fit into 8 GiB"),
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compare_speed(**{"in_features": 8, "out_features": 8, **wrong})


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--tokens", "8", "--rounds", "2", "--density", "0.5", "--topology", "grouped"]
    assert timing.main(["16", "16", *options]) == 0
    assert "16 -> 16, grouped, density 0.5" in capsys.readouterr().out
    assert timing.main(["16", "0"]) == 2
    assert capsys.readouterr().err.startswith("Error: out_features must be at least 1 (got 0)")
