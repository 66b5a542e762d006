"""Drawing who connects to whom, so that no unit is ever left out.

Whatever the density, 0.0 included, every output gets an input and every input an output.
The article this follows (and Rasa's layer of the same name) ensures that with the *tiled identity*:
the identity matrix of the shorter side, repeated along the longer side.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.errors import checked_density, checked_seed, checked_width
from gossamer.sparse.seeds import Purpose, Stream

# How often an input of a grouped layer is used, on average. Below the lower end too many
# inputs would meet the same partners only; above the upper end groups are small without a gain
# (timed with an earlier product, at 256 -> 1024 and 1024 -> 256: 1.6 beats 3.2 beats 6.4).
LEAST_USE = 1.5
MOST_USE = 3.1
# The same for `blocked`, whose products read tiles in place: more uses, smaller groups cost little.
LEAST_TILE_USE = 1.25


def draw_connectivity(
    in_features: int,
    out_features: int,
    *,
    connection_density: float,
    topology: Topology | str,
    seed: int,
    max_group_size: int | None = None,
) -> Connectivity:
    """Draw the connections of a layer.

    The number of weights, with `round` as Python rounds (half to even):

    - `uniform`: exactly `max(in, out, round(density * in * out))`. The tiled identity is among
      them, the others are drawn evenly, without replacement, from all other places.
    - `fan_in`: exactly `out * k` with `k = max(1, round(density * in), ceil(in / out))`, the
      nearest count that gives each output the same number and each input at least one. The tiled
      identity is among them.
    - `grouped`: the same `out * k`. Outputs are cut into groups of neighbours, and one group
      shares one set of `k` inputs. Inputs are dealt from successive random permutations, so
      their numbers of groups differ by at most one. The number of groups is the smallest
      divisor of `out` with which an input is used 1.5 to 3.1 times; where no divisor does,
      the smallest number that reaches 1.5 (group sizes then differ by one); where even groups of
      one output do not, `out` groups. The diagonal is among the weights of square layers whose
      groups hold one output (8 x 8 at 0.25, say). For larger groups it is not forced: a group that
      held the inputs with the numbers of its own outputs would spend up to two thirds of its
      weights on a block on the diagonal, and mix units far less.
    - `blocked`: as `grouped`, in tiles that a machine's vector unit takes whole: groups of 32, 16,
      8 or 4 outputs, and inputs dealt in runs of 16, 8 or 4 neighbours; `k` is the nearest multiple
      of the run. A run is the longest that divides `in`, of which a group gets two, and that
      changes the count by at most a tenth (a run of 4: by a quarter); a group is the largest that
      divides `out` and with which an input is used 1.25 times. Where no tile fits (small layers,
      few connections), it is `grouped`.
    - `windowed`: the same tiles and counts. Runs are put in one random order, and each group takes
      a window of it, wrapping round, the windows' beginnings evenly apart: neighbouring groups
      share most of their inputs. Where no tile fits, windows of single inputs.

    Args:
        in_features: number of inputs, 1 or more.
        out_features: number of outputs, 1 or more.
        connection_density: share of connections, in [0, 1].
        topology: which kind, see above.
        seed: a whole number from 0 up; the same seed gives the same connections anywhere.
        max_group_size: the most outputs that may share their inputs, 1 or more, for topologies that
            have groups; None leaves it to the rules above. Tiles need 4.

    Returns:
        The connectivity; dense (`indices` None) when the count above comes to `in * out`.

    Raises:
        TypeError: a width or the seed is not an integer, or the density not a real number.
        ValueError: a width or the largest group is below 1, the density outside [0, 1], the seed
            negative or the topology unknown.
    """
    n_in = checked_width("in_features", in_features)
    n_out = checked_width("out_features", out_features)
    density = checked_density(connection_density)
    topology = Topology(topology)
    most = n_out if max_group_size is None else checked_width("max_group_size", max_group_size)
    stream = Stream(checked_seed(seed), Purpose.TOPOLOGY)
    indices: NDArray[np.int64] | None
    if topology is Topology.UNIFORM:
        n_weights = max(n_in, n_out, round(density * n_in * n_out))
        dense = n_weights == n_in * n_out
        indices = None if dense else _uniform(n_in, n_out, n_weights, stream)
    else:
        deal = _windows if topology is Topology.WINDOWED else _dealt
        in_tiles = topology in (Topology.BLOCKED, Topology.WINDOWED)
        tile = tile_of(n_in, n_out, density, most) if in_tiles else None
        k = max(1, round(density * n_in), math.ceil(n_in / n_out)) if tile is None else tile.k
        if k == n_in:
            indices = None
        elif topology is Topology.FAN_IN:
            indices = _fan_in(n_in, n_out, k, stream)
        elif tile is None:
            indices = _grouped(n_in, n_out, k, most, stream, deal)
        else:
            n_groups = n_out // tile.group_size
            runs = np.sort(deal(n_in // tile.run, n_groups, k // tile.run, stream))
            inputs = runs[:, :, None] * tile.run + np.arange(tile.run)
            indices = inputs.reshape(len(runs), k)
    return Connectivity(topology, n_in, n_out, indices)


class Tile(NamedTuple):
    """How a `blocked` layer is cut: outputs of a group, neighbouring inputs of a run, and k."""

    group_size: int
    run: int
    k: int


def tile_of(
    in_features: int, out_features: int, density: float, max_group_size: int | None = None
) -> Tile | None:
    """The tiles of a `blocked` layer; the rule is in `draw_connectivity`.

    Args:
        in_features: number of inputs.
        out_features: number of outputs.
        density: share of connections, in [0, 1].
        max_group_size: the largest group wanted; None for any.

    Returns:
        The tile; None where none fits and the layer is drawn as a `grouped` one.
    """
    wished = density * in_features
    sizes = [s for s in (32, 16, 8, 4) if max_group_size is None or s <= max_group_size]
    for run, most_change in ((16, 0.1), (8, 0.1), (4, 0.25)):
        k = run * round(wished / run)
        if in_features % run or k < 2 * run or abs(k - wished) > most_change * wished:
            continue
        for size in sizes:
            if (
                out_features % size == 0
                and out_features // size * k >= LEAST_TILE_USE * in_features
            ):
                return Tile(size, run, k)
    return None


def number_of_groups(in_features: int, out_features: int, k: int) -> int:
    """The number of groups that the outputs of a `grouped` layer are cut into.

    Args:
        in_features: number of inputs.
        out_features: number of outputs.
        k: inputs of each group; `k * out_features >= in_features` must hold.

    Returns:
        A number in [1, out_features] with which every input is used at least once.
    """
    least = math.ceil(LEAST_USE * in_features / k)
    if least >= out_features:
        return out_features
    most = min(out_features, math.floor(MOST_USE * in_features / k))
    divisors = (n for n in range(least, most + 1) if out_features % n == 0)
    return next(divisors, least)


def tiled_identity(in_features: int, out_features: int) -> NDArray[np.int64]:
    """The identity of the shorter side, repeated along the longer one.

    Args:
        in_features: number of inputs.
        out_features: number of outputs.

    Returns:
        Ascending positions `output * in_features + input`. *Shape:* (max(in, out),)
    """
    longer = np.arange(max(in_features, out_features), dtype=np.int64)
    return np.sort(longer % out_features * in_features + longer % in_features)


def _uniform(n_in: int, n_out: int, n_weights: int, stream: Stream) -> NDArray[np.int64]:
    must = tiled_identity(n_in, n_out)
    n_others = n_weights - len(must)
    if n_others == 0:
        return must
    keys = stream.keys(n_in * n_out)
    keys[must] = 0
    return np.sort(np.argpartition(keys, n_weights - 1)[:n_weights]).astype(np.int64)


def _fan_in(n_in: int, n_out: int, k: int, stream: Stream) -> NDArray[np.int64]:
    keys = stream.keys(n_in * n_out)
    keys[tiled_identity(n_in, n_out)] = 0
    chosen = np.argpartition(keys.reshape(n_out, n_in), k - 1, axis=1)[:, :k]
    return np.sort(chosen, axis=1).astype(np.int64)


def _grouped(
    n_in: int,
    n_out: int,
    k: int,
    max_group_size: int,
    stream: Stream,
    deal: Callable[..., NDArray[np.int64]],
) -> NDArray[np.int64]:
    n_groups = max(number_of_groups(n_in, n_out, k), math.ceil(n_out / max_group_size))
    groups = deal(n_in, n_groups, k, stream)
    if n_groups == n_in == n_out:
        groups = _matching(groups)[groups]
    return np.sort(groups, axis=1)


def _dealt(n_in: int, n_groups: int, k: int, stream: Stream) -> NDArray[np.int64]:
    """Deal inputs to groups like cards from one shuffled pack after another.

    A group that takes the end of one pack and the start of the next must not get the same card
    twice, so the start of the new pack is made of cards it does not hold yet.
    """
    n_slots = n_groups * k
    slots = np.empty(-(-n_slots // n_in) * n_in, dtype=np.int64)
    for start in range(0, n_slots, n_in):
        pack = stream.permutation(n_in)
        n_held = start % k
        if n_held > 0:
            held = np.isin(pack, slots[start - n_held : start])
            n_wanted = k - n_held
            fresh = pack[~held]
            rest = np.concatenate([fresh[n_wanted:], pack[held]])
            pack = np.concatenate([fresh[:n_wanted], stream.shuffled(rest)])
        slots[start : start + n_in] = pack
    return slots[:n_slots].reshape(n_groups, k)


def _windows(n_in: int, n_groups: int, k: int, stream: Stream) -> NDArray[np.int64]:
    """Windows of one random order, which together hold every input: `n_groups * k >= n_in`."""
    starts = np.arange(n_groups) * n_in // n_groups
    windows: NDArray[np.int64] = stream.permutation(n_in)[(starts[:, None] + np.arange(k)) % n_in]
    return windows


def _matching(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each input the number of an output that has it, no number twice.

    In a square layer each output has k inputs and each input k outputs, and such a graph has
    a perfect matching (D. König, 1916). It is found with augmenting paths. Renaming the inputs
    by it puts the diagonal among the connections and changes nothing else.

    Args:
        groups: inputs of each output. *Shape:* (n, k)

    Returns:
        The new name of each input. *Shape:* (n,)
    """
    choices = groups.tolist()
    owner = [-1] * len(choices)
    for output in range(len(choices)):
        came_from: dict[int, int] = {}
        queue = deque([output])
        free = -1
        while queue and free < 0:
            asking = queue.popleft()
            for candidate in choices[asking]:
                if candidate in came_from:
                    continue
                came_from[candidate] = asking
                if owner[candidate] < 0:
                    free = candidate
                    break
                queue.append(owner[candidate])
        taken_by = {owner[candidate]: candidate for candidate in came_from}
        while True:
            asking = came_from[free]
            owner[free] = asking
            if asking == output:
                break
            free = taken_by[asking]
    return np.asarray(owner, dtype=np.int64)
