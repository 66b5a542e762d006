"""The benchmark of one layer: peers compute the same, targets choose the right rows, reports."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import layer
import pytest
import torch
from layer_parts.peers import CSRLinear, Layers, MaskedLinear
from layer_parts.report import Row, draw, report, targets

from gossamer.sparse import RandomlyConnectedLinear, Topology
from gossamer.sparse.speed import measure


def row(peer: str = "blocked", **changes: object) -> Row:
    start = Row(
        peer=peer,
        in_features=1024,
        out_features=1024,
        density=0.2,
        tokens=1024,
        threads=1,
        backward=True,
        ms=1.0,
        ratio=3.0,
        ratio_low=2.9,
        ratio_high=3.1,
        share_of_limit=0.6,
        state_bytes=16 * 1024 * 205,
        n_weights=1024 * 205,
    )
    return dataclasses.replace(start, **changes)  # type: ignore[arg-type]


def by_name(rows: list[Row]) -> dict[str, float | None]:
    return {target.name: target.measured for target in targets(rows)}


def test_every_topology_and_form_is_a_peer_and_runs() -> None:
    layers = Layers(64, 64, 0.25)
    for backward in (False, True):
        peers = layers.peers(3, backward)
        assert next(iter(peers)) == "dense"
        assert set(Topology) < set(peers)
        assert {"masked dense", "torch CSR", "blocked"} < set(peers)
        for peer in peers.values():
            peer.call()
    assert peers["dense"].state_bytes == peers["masked dense"].state_bytes == 16 * 64 * 64
    assert peers["uniform"].state_bytes == 16 * 64 * 16


def test_masked_and_csr_layers_have_the_connections_of_ours() -> None:
    ours = RandomlyConnectedLinear(16, 8, connection_density=0.25, topology="uniform", seed=1)
    mask = ours.to_dense_weight() != 0
    assert torch.equal(MaskedLinear(ours).get_buffer("mask").bool(), mask)
    csr = CSRLinear(ours)
    x = torch.randn(5, 16)
    torch.testing.assert_close(csr(x), ours(x))
    csr(x).sum().backward()
    assert csr.weight.grad is not None
    assert csr.weight.grad.layout is torch.strided  # as the report says


def test_measuring_calls_all_in_turns() -> None:
    calls: list[str] = []
    both = {name: functools.partial(calls.append, name) for name in "ab"}
    times = measure(both, rounds=2)
    assert {name: len(part) for name, part in times.items()} == {"a": 2, "b": 2}
    assert calls.count("a") >= 6


def test_medians_over_runs() -> None:
    runs = [[row(ratio=ratio, ms=ratio)] for ratio in (1.0, 9.0, 2.0)]
    assert layer.medians(runs) == [row(ratio=2.0, ms=2.0)]
    assert layer.medians(runs[:1]) == runs[0]


def test_training_targets_take_the_better_shape_and_many_tokens_only() -> None:
    name = "blocked, training at 20% (1 thread)"
    rows = [
        row(ratio=2.0),
        row(ratio=2.5, in_features=256),
        row(ratio=7.0, tokens=64),
        row(ratio=8.0, backward=False),
        row(ratio=9.0, in_features=4096, out_features=4096),
        row("grouped", ratio=4.0),
    ]
    found = by_name(rows)
    assert found[name] == 2.5
    assert found["blocked, training at 1% (1 thread)"] is None


def test_uniform_is_judged_at_its_worst_density() -> None:
    rows = [row("uniform", ratio=0.8), row("uniform", density=0.05, ratio=3.0)]
    assert by_name(rows)["uniform, training at any density measured (1 thread)"] == 0.8


def test_serving_targets_take_the_worst_of_few_tokens() -> None:
    rows = [
        row(backward=False, tokens=1, ratio=1.6),
        row(backward=False, tokens=64, ratio=0.7),
        row(backward=False, tokens=1024, ratio=0.1),
        row("other", backward=False, tokens=1, ratio=0.2),
    ]
    found = by_name(rows)
    assert found["blocked, serving 1 to 64 tokens (1 thread)"] == 0.7
    assert found["blocked, serving 1 token, 1024→1024 at 20% (1 thread)"] == 1.6
    assert found["uniform, serving 1 to 64 tokens (1 thread)"] is None


def test_memory_target_is_that_of_the_largest() -> None:
    small = row("fan_in", state_bytes=16 * 1024 * 200)
    name = "any topology, weights, gradients and Adam's state at 20%"
    assert by_name([row(), small])[name] == pytest.approx(100 * 205 / 1024)


def test_targets_are_told_for_each_number_of_threads() -> None:
    found = by_name([row(ratio=2.0), row(ratio=3.0, threads=2)])
    assert found["blocked, training at 20% (1 thread)"] == 2.0
    assert found["blocked, training at 20% (2 threads)"] == 3.0


def test_report_and_figure(tmp_path: Path) -> None:
    rows = [
        row(peer, density=density, tokens=tokens, backward=backward, in_features=width)
        for peer in ("dense", "uniform", "blocked")
        for density in (0.2, 0.05)
        for tokens in (1, 1024)
        for backward in (False, True)
        for width in (256, 1024)
    ]
    page = report(rows, "A machine.")
    assert "A machine." in page
    assert "| 1024→1024 | 1,024 | blocked | 1 ms, 3.00x, 60% | 1 ms, 3.00x, 60% |" in page
    assert "| 1024→1024 | uniform | 3,280, 20.0% |" in page
    for number, part in enumerate((rows, rows[:1], [r for r in rows if r.backward])):
        path = tmp_path / f"{number}.png"
        draw(part, path)
        assert path.read_bytes().startswith(b"\x89PNG")
