"""The picture of a kernel shows exactly the connections that exist."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes

from gossamer.sparse import RandomlyConnectedLinear, Topology, draw

mpl.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def shown(ax: Axes) -> np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]:
    data = ax.images[0].get_array()
    assert isinstance(data, np.ma.MaskedArray)
    return data


@pytest.mark.parametrize("topology", list(Topology))
def test_cells_are_the_connections(topology: Topology) -> None:
    layer = RandomlyConnectedLinear(8, 8, connection_density=0.25, topology=topology, seed=0)
    ax = draw(layer)
    cells = ~np.ma.getmaskarray(shown(ax))
    assert np.array_equal(cells, layer.connectivity.mask())
    assert ax.get_title() == "16 of 64 connections (0.25)"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("input", "output")
    ax.figure.canvas.draw()


def test_given_axes_are_used_and_a_connectivity_can_be_drawn() -> None:
    _, ax = plt.subplots()
    layer = RandomlyConnectedLinear(100, 70, connection_density=1.0, seed=0)
    assert draw(layer.connectivity, ax, color="black") is ax
    assert shown(ax).shape == (70, 100)
    ax.figure.canvas.draw()


def test_values_can_be_shown() -> None:
    layer = RandomlyConnectedLinear(6, 4, topology="uniform", seed=0)
    ax = draw(layer, show_values=True)
    dense = layer.to_dense_weight().detach().numpy()
    mask = layer.connectivity.mask()
    assert np.array_equal(shown(ax).data[mask], dense[mask])
    ax.figure.canvas.draw()
    with pytest.raises(TypeError, match="show_values needs a layer"):
        draw(layer.connectivity, show_values=True)


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match=r"can be drawn \(got 'str'\)\. Try: sparsify"):
        draw("layer")  # type: ignore[arg-type]


def test_without_matplotlib_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    layer = RandomlyConnectedLinear(4, 4, seed=0)
    with pytest.raises(ImportError, match=r"pip install \"gossamer\[plots\]\""):
        draw(layer)


def test_the_size_is_that_of_the_figure_in_inches() -> None:
    layer = RandomlyConnectedLinear(4, 4, seed=0)
    draw(layer, size=(8, 3))
    assert tuple(plt.gcf().get_size_inches()) == (8, 3)
    draw(layer, size=5)
    assert tuple(plt.gcf().get_size_inches()) == (5, 5)
    for wrong in (0, -1, (1, 2, 3), (1, "2"), float("nan")):
        with pytest.raises(ValueError, match="one or two positive numbers"):
            draw(layer, size=wrong)  # type: ignore[arg-type]
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="size is for a new figure"):
        draw(layer, ax, size=3)
