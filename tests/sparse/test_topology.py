"""The promises of every topology: counts, nobody left out, even use, the same everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.sparse import Connectivity, Topology, draw_connectivity
from gossamer.sparse.topology import number_of_groups, tile_of, tiled_identity

widths = st.integers(1, 40)
densities = st.one_of(st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.25, 0.5, 1.0]), st.floats(0, 1))
topologies = st.sampled_from(list(Topology))
seeds = st.integers(0, 2**64)


def draw(n_in: int, n_out: int, density: float, topology: str, seed: int = 0) -> Connectivity:
    return draw_connectivity(n_in, n_out, connection_density=density, topology=topology, seed=seed)


@given(widths, widths, densities, topologies, seeds)
def test_no_unit_is_left_out(
    n_in: int, n_out: int, density: float, topology: Topology, seed: int
) -> None:
    connectivity = draw(n_in, n_out, density, topology, seed)
    assert connectivity.input_degrees().min() >= 1
    assert connectivity.output_degrees().min() >= 1
    assert connectivity.mask().sum() == connectivity.n_weights
    assert connectivity.mask().shape == (n_out, n_in)


@given(widths, widths, densities, topologies, seeds)
def test_counts_are_exact(
    n_in: int, n_out: int, density: float, topology: Topology, seed: int
) -> None:
    connectivity = draw(n_in, n_out, density, topology, seed)
    if topology is Topology.UNIFORM:
        assert connectivity.n_weights == max(n_in, n_out, round(density * n_in * n_out))
    else:
        k = max(1, round(density * n_in), math.ceil(n_in / n_out))
        tile = tile_of(n_in, n_out, density) if topology in ("blocked", "windowed") else None
        k = k if tile is None else tile.k
        assert connectivity.n_weights == n_out * k
        assert set(connectivity.output_degrees()) == {k}


@given(widths, widths, densities, st.sampled_from(["uniform", "fan_in"]), seeds)
def test_the_tiled_identity_is_among_the_weights(
    n_in: int, n_out: int, density: float, topology: str, seed: int
) -> None:
    mask = draw(n_in, n_out, density, topology, seed).mask()
    for i in range(max(n_in, n_out)):
        assert mask[i % n_out, i % n_in]


@given(widths, widths, densities, seeds)
def test_grouped_uses_inputs_evenly(n_in: int, n_out: int, density: float, seed: int) -> None:
    connectivity = draw(n_in, n_out, density, "grouped", seed)
    if connectivity.indices is None:
        return
    uses = np.bincount(connectivity.indices.reshape(-1), minlength=n_in)
    assert uses.min() >= 1
    assert uses.max() - uses.min() <= 1
    sizes = np.bincount(connectivity.group_of_output())
    assert sizes.max() - sizes.min() <= 1
    n_groups, k = connectivity.indices.shape
    assert n_groups == number_of_groups(n_in, n_out, k)
    if n_groups == n_in == n_out:
        assert connectivity.mask().diagonal().all()


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize("seed", range(20))
def test_the_articles_kernel_has_16_weights_and_the_diagonal(topology: Topology, seed: int) -> None:
    connectivity = draw(8, 8, 0.25, topology, seed)
    assert connectivity.n_weights == 16
    assert connectivity.mask().diagonal().all()


@pytest.mark.parametrize("topology", list(Topology))
@pytest.mark.parametrize(("n_in", "n_out"), [(1, 1), (1, 9), (9, 1), (12, 12), (7, 30)])
def test_density_one_is_dense(topology: Topology, n_in: int, n_out: int) -> None:
    connectivity = draw(n_in, n_out, 1.0, topology)
    assert connectivity.is_dense
    assert connectivity.weight_shape == (n_out, n_in)
    assert connectivity.mask().all()


@pytest.mark.parametrize(
    ("n_in", "n_out", "density", "n_groups"),
    [
        (256, 1024, 0.2, 8),
        (1024, 256, 0.2, 8),
        (256, 256, 0.05, 32),
        (256, 1024, 0.01, 128),
        (256, 1021, 0.2, 8),  # a prime number of outputs: sizes 128 and 127
        (1024, 4, 0.0, 4),
    ],
)
def test_group_numbers(n_in: int, n_out: int, density: float, n_groups: int) -> None:
    indices = draw(n_in, n_out, density, "grouped").indices
    assert indices is not None
    assert indices.shape[0] == n_groups


def test_the_tiled_identity_of_a_tall_and_a_wide_kernel() -> None:
    assert tiled_identity(2, 5).tolist() == [0, 3, 4, 7, 8]
    assert tiled_identity(5, 2).tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("topology", list(Topology))
def test_a_seed_fixes_the_connections_and_another_seed_changes_them(topology: Topology) -> None:
    one = draw(64, 48, 0.2, topology, 5)
    assert one.fingerprint() == draw(64, 48, 0.2, topology, 5).fingerprint()
    assert one.fingerprint() != draw(64, 48, 0.2, topology, 6).fingerprint()


def test_uniform_draws_every_place_about_equally_often() -> None:
    total = np.zeros((12, 12), dtype=np.int64)
    n_draws = 2000
    for seed in range(n_draws):
        total += draw(12, 12, 0.3, "uniform", seed).mask()
    np.fill_diagonal(total, 0)
    n_others = round(0.3 * 144) - 12
    expected = n_draws * n_others / (144 - 12)
    off_diagonal = total[~np.eye(12, dtype=np.bool_)]
    spread = math.sqrt(expected * (1 - expected / n_draws))
    assert np.abs(off_diagonal - expected).max() < 4.5 * spread


def test_grouped_deals_every_input_to_every_group_about_equally_often() -> None:
    n_draws, n_in, n_out = 1000, 30, 24
    total = np.zeros((n_out, n_in), dtype=np.int64)
    for seed in range(n_draws):
        total += draw(n_in, n_out, 0.2, "grouped", seed).mask()
    expected = n_draws * 6 / n_in
    assert np.abs(total - expected).max() < 5 * math.sqrt(expected)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_a_density_outside_the_range_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\] \(got .*\)\. Try: 0\.2"):
        draw(4, 4, value, "uniform")


@pytest.mark.parametrize("value", [True, "0.2", None])
def test_a_density_that_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="connection_density must be a real number"):
        draw(4, 4, value, "uniform")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0, -3])
def test_widths_below_one_are_refused(value: int) -> None:
    with pytest.raises(ValueError, match=rf"in_features must be at least 1 \(got {value}\)"):
        draw(value, 4, 0.2, "uniform")
    with pytest.raises(ValueError, match=rf"out_features must be at least 1 \(got {value}\)"):
        draw(4, value, 0.2, "uniform")


@pytest.mark.parametrize("value", [2.0, True, "8"])
def test_widths_that_are_no_integers_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="in_features must be an integer"):
        draw(value, 4, 0.2, "uniform")  # type: ignore[arg-type]


def test_an_unknown_topology_lists_the_known() -> None:
    with pytest.raises(ValueError, match=r"got 'ring'.*'uniform', 'fan_in', 'grouped'"):
        draw(4, 4, 0.2, "ring")


def test_seeds_must_be_whole_numbers_from_0_up() -> None:
    with pytest.raises(ValueError, match="seed must not be negative"):
        draw(4, 4, 0.2, "uniform", -1)
    with pytest.raises(TypeError, match="seed must be an integer"):
        draw(4, 4, 0.2, "uniform", 1.5)  # type: ignore[arg-type]


def test_numpy_integers_are_taken() -> None:
    size = np.int64(6)
    connectivity = draw_connectivity(
        int(size), 6, connection_density=float(np.float32(0.5)), topology="uniform", seed=0
    )
    assert connectivity.n_weights == 18


GROUPED = [topology for topology in Topology if topology.shares_inputs]


@pytest.mark.parametrize("topology", GROUPED)
@given(widths, widths, st.sampled_from([0.05, 0.2, 0.5]), st.integers(1, 40), seeds)
def test_groups_are_as_large_as_said_at_most(
    topology: Topology, n_in: int, n_out: int, density: float, most: int, seed: int
) -> None:
    connectivity = draw_connectivity(
        n_in, n_out, connection_density=density, topology=topology, seed=seed, max_group_size=most
    )
    assert connectivity.input_degrees().min() >= 1
    assert connectivity.output_degrees().min() >= 1
    if connectivity.indices is not None:
        assert np.bincount(connectivity.group_of_output()).max() <= most


@pytest.mark.parametrize("topology", ["blocked", "windowed"])
@pytest.mark.parametrize(
    ("most", "size"), [(None, 32), (64, 32), (31, 16), (16, 16), (9, 8), (4, 4)]
)
def test_tiles_under_a_limit(topology: str, most: int | None, size: int) -> None:
    tile = tile_of(256, 256, 0.25, most)
    assert tile is not None
    assert tile.group_size == size
    connectivity = draw_connectivity(
        256, 256, connection_density=0.25, topology=topology, seed=0, max_group_size=most
    )
    assert set(np.bincount(connectivity.group_of_output())) == {size}
    assert connectivity.n_weights == 256 * 64  # whatever the limit


def test_tiles_need_four_outputs() -> None:
    assert tile_of(128, 128, 0.25, 3) is None
    connectivity = draw_connectivity(
        128, 128, connection_density=0.25, topology="blocked", seed=0, max_group_size=3
    )
    assert np.bincount(connectivity.group_of_output()).max() <= 3


@pytest.mark.parametrize("topology", ["uniform", "fan_in"])
def test_a_limit_says_nothing_where_there_are_no_groups(topology: str) -> None:
    limited = draw_connectivity(
        32, 32, connection_density=0.2, topology=topology, seed=5, max_group_size=1
    )
    assert np.array_equal(limited.positions(), draw(32, 32, 0.2, topology, 5).positions())


@pytest.mark.parametrize("topology", GROUPED)
def test_a_limit_that_does_not_bind_changes_nothing(topology: Topology) -> None:
    limited = draw_connectivity(
        64, 48, connection_density=0.25, topology=topology, seed=5, max_group_size=48
    )
    assert np.array_equal(limited.positions(), draw(64, 48, 0.25, topology, 5).positions())


def test_a_limit_must_be_a_positive_whole_number() -> None:
    for value in (0, -1):
        with pytest.raises(ValueError, match=f"max_group_size.*{value}"):
            draw_connectivity(
                8, 8, connection_density=0.5, topology="uniform", seed=0, max_group_size=value
            )
    with pytest.raises(TypeError, match="max_group_size"):
        draw_connectivity(
            8,
            8,
            connection_density=0.5,
            topology="blocked",
            seed=0,
            max_group_size=2.0,  # type: ignore[arg-type]
        )
