"""A picture of a kernel: a coloured cell where a connection exists, a blank one where none does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.errors import complaint
from gossamer.sparse.linear import RandomlyConnectedLinear

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Above this many units a side, lines between cells would cover the cells.
MOST_GRID_LINES = 64


def draw(
    layer: RandomlyConnectedLinear | Connectivity,
    ax: Axes | None = None,
    *,
    color: str = "tab:blue",
    show_values: bool = False,
    size: float | tuple[float, float] | None = None,
) -> Axes:
    """Draw a kernel as the article on sparse DIET models does: inputs across, outputs down.

    Args:
        layer: a layer, or a connectivity.
        ax: matplotlib axes to draw on; a new figure's when None.
        color: colour of existing connections.
        show_values: colour each connection by its weight instead, with a colour bar; a layer only.
        size: width and height of the new figure in inches; one number for both. None takes
            matplotlib's own. Axes that are given have a figure, which keeps its size.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: `size` is not one or two positive numbers, or is given with `ax`.
        TypeError: `layer` is neither, or `show_values` is asked of a connectivity.
    """
    if not isinstance(layer, RandomlyConnectedLinear | Connectivity):
        raise TypeError(
            complaint(
                "only a randomly connected layer or a Connectivity can be drawn",
                got=type(layer).__name__,
                hint="sparsify(layer) first, or Connectivity.from_mask(mask)",
            )
        )
    if show_values and isinstance(layer, Connectivity):
        raise TypeError(
            complaint(
                "show_values needs a layer, which has values",
                got=type(layer).__name__,
                hint="show_values=False, or the layer itself",
            )
        )
    figure_size = _checked_size(size, ax)
    try:
        import matplotlib.pyplot as plt
        import numpy as np
        from matplotlib.colors import ListedColormap
    except ImportError as error:
        message = complaint(
            "drawing needs matplotlib", got=str(error), hint='pip install "gossamer[plots]"'
        )
        raise ImportError(message) from error

    connectivity = layer if isinstance(layer, Connectivity) else layer.connectivity
    mask = connectivity.mask()
    if ax is None:
        _, ax = plt.subplots(figsize=figure_size)
    n_out, n_in = mask.shape
    if show_values and isinstance(layer, RandomlyConnectedLinear):
        values = layer.to_dense_weight().detach().float().cpu().numpy()
        most = float(np.abs(values).max(initial=0.0)) or 1.0
        shown = np.ma.masked_array(values, ~mask)
        image = ax.imshow(shown, cmap="coolwarm", vmin=-most, vmax=most, aspect="equal")
        ax.figure.colorbar(image, ax=ax, label="weight")
    else:
        present = np.ma.masked_array(np.ones(mask.shape), ~mask)
        ax.imshow(present, cmap=ListedColormap([color]), vmin=0, vmax=1, aspect="equal")
    if max(n_in, n_out) <= MOST_GRID_LINES:
        ax.set_xticks(np.arange(n_in + 1) - 0.5, minor=True)
        ax.set_yticks(np.arange(n_out + 1) - 0.5, minor=True)
        ax.grid(which="minor", color="0.8", linewidth=0.8)
        ax.tick_params(which="minor", length=0)
    ax.set_xlabel("input")
    ax.set_ylabel("output")
    ax.set_title(
        f"{connectivity.n_weights:,} of {n_in * n_out:,} connections ({connectivity.density:.3g})"
    )
    return ax


def _checked_size(
    size: float | tuple[float, float] | None, ax: Axes | None
) -> tuple[float, float] | None:
    if size is None:
        return None
    if ax is not None:
        raise ValueError(
            complaint(
                "size is for a new figure; axes that are given have one",
                got=size,
                hint="plt.subplots(figsize=...), or no ax",
            )
        )
    pair = size if isinstance(size, tuple | list) else (size, size)
    sound = len(pair) == 2 and all(
        isinstance(side, int | float) and not isinstance(side, bool) and 0 < side < math.inf
        for side in pair
    )
    if not sound:
        raise ValueError(
            complaint(
                "size must be one or two positive numbers, inches", got=size, hint="size=(8, 6)"
            )
        )
    return float(pair[0]), float(pair[1])
