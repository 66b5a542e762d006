"""`Connectivity` checks indices once and answers questions about them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from gossamer.sparse import Connectivity, Topology, draw_connectivity


def test_positions_ascend_and_match_the_mask() -> None:
    for topology in Topology:
        connectivity = draw_connectivity(13, 9, connection_density=0.4, topology=topology, seed=2)
        positions = connectivity.positions()
        assert (np.diff(positions) > 0).all()
        assert np.array_equal(np.flatnonzero(connectivity.mask()), positions)
        assert connectivity.input_degrees().tolist() == connectivity.mask().sum(0).tolist()
        assert connectivity.output_degrees().tolist() == connectivity.mask().sum(1).tolist()
        assert connectivity.density == connectivity.mask().mean()


def test_uneven_groups_cover_all_outputs() -> None:
    connectivity = Connectivity(Topology.GROUPED, 4, 5, np.array([[0, 1], [2, 3]]))
    assert connectivity.group_of_output().tolist() == [0, 0, 0, 1, 1]
    assert connectivity.mask().astype(int).tolist() == [
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 1],
        [0, 0, 1, 1],
    ]


def test_a_mask_goes_in_and_comes_out() -> None:
    mask = np.array([[True, False, True], [False, False, False]])
    connectivity = Connectivity.from_mask(mask)
    assert connectivity.topology is Topology.UNIFORM
    assert np.array_equal(connectivity.mask(), mask)
    assert connectivity.weight_shape == (2,)
    assert Connectivity.from_mask(np.ones((2, 3), dtype=np.bool_)).is_dense
    empty = Connectivity.from_mask(np.zeros((2, 3), dtype=np.bool_))
    assert empty.n_weights == 0
    assert not empty.mask().any()


def test_indices_cannot_be_changed_from_outside() -> None:
    given = np.array([0, 3])
    connectivity = Connectivity(Topology.UNIFORM, 2, 2, given)
    given[0] = 1
    assert connectivity.indices is not None
    assert connectivity.indices.tolist() == [0, 3]
    with pytest.raises(ValueError, match="read-only"):
        connectivity.indices[0] = 1


def test_large_kernels_get_64_bit_positions() -> None:
    connectivity = Connectivity(Topology.UNIFORM, 2**17, 2**17, np.array([0, 2**34 - 1]))
    assert connectivity.indices is not None
    assert connectivity.indices.dtype == np.int64
    small = Connectivity(Topology.UNIFORM, 4, 4, np.array([0, 15]))
    assert small.indices is not None
    assert small.indices.dtype == np.int32


def test_fingerprints_depend_on_everything_but_the_integer_type() -> None:
    base = Connectivity(Topology.UNIFORM, 2, 2, np.array([0, 3]))
    same = Connectivity(Topology.UNIFORM, 2, 2, np.array([0, 3], dtype=np.int64))
    assert base.fingerprint() == same.fingerprint() == copy.deepcopy(base).fingerprint()
    others = [
        Connectivity(Topology.UNIFORM, 2, 2, np.array([0, 2])),
        Connectivity(Topology.UNIFORM, 4, 1, np.array([0, 3])),
        Connectivity(Topology.UNIFORM, 2, 2, None),
        Connectivity(Topology.GROUPED, 4, 2, np.array([[0, 3]])),
        Connectivity(Topology.FAN_IN, 4, 1, np.array([[0, 3]])),
    ]
    assert len({base.fingerprint(), *(other.fingerprint() for other in others)}) == 6


@pytest.mark.parametrize(
    ("topology", "indices", "message"),
    [
        (Topology.UNIFORM, np.array([[0, 1]]), r"must have the shape \(n_weights,\)"),
        (Topology.FAN_IN, np.array([[0], [1]]), r"must have the shape \(3, k\)"),
        (Topology.GROUPED, np.array([[0], [1], [2], [3]]), "at most 3 groups"),
        (Topology.UNIFORM, np.array([0, 12]), r"must lie in \[0, 12\)"),
        (Topology.FAN_IN, np.array([[-1], [1], [2]]), r"must lie in \[0, 4\)"),
        (Topology.UNIFORM, np.array([3, 3]), "ascend without duplicates"),
        (Topology.GROUPED, np.array([[1, 0]]), "ascend without duplicates"),
    ],
)
def test_indices_that_do_not_fit_are_refused(
    topology: Topology, indices: np.ndarray[tuple[int, ...], np.dtype[np.int64]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Connectivity(topology, 4, 3, indices)


def test_indices_must_be_integers() -> None:
    with pytest.raises(TypeError, match="indices must be integers"):
        Connectivity(Topology.UNIFORM, 4, 3, np.array([0.0]))


def test_only_grouped_connectivities_have_groups() -> None:
    connectivity = Connectivity(Topology.UNIFORM, 2, 2, np.array([0, 3]))
    with pytest.raises(ValueError, match="only a grouped connectivity has groups"):
        connectivity.group_of_output()


def test_a_mask_has_two_dimensions() -> None:
    with pytest.raises(ValueError, match=r"shape \(out_features, in_features\)"):
        Connectivity.from_mask(np.ones(3, dtype=np.bool_))
