"""DIET's weights as they are stored: input tables in bytes, the rest as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nn.frozen.weights import NETWORK
from gossamer.nn.inputs import SparseInputTable
from gossamer.nn.ops.rounding import ByteRows

Arrays = dict[str, npt.NDArray[Any]]

_VALUES, _EXPONENTS = ".bytes", ".exponents"


@torch.no_grad()
def round_tables(network: DIETNetwork) -> None:
    """Round the input tables to their stored form, so that storing loses nothing.

    A table with infinite values, after a training that diverged, is not changed.
    """
    for table in _tables(network).values():
        if bool(torch.isfinite(table.weight).all()):
            rounded = ByteRows.nearest(table.weight.numpy()).to_floats()
            table.weight.copy_(torch.from_numpy(rounded))


def weights_to_arrays(network: DIETNetwork) -> Arrays:
    """All weights and connections by name; tables that were rounded, in bytes."""
    tables = {f"{name}.weight" for name in _tables(network)}
    arrays: Arrays = {}
    for name, tensor in network.state_dict().items():
        array = _copied(tensor)
        rows = ByteRows.exactly(array) if name in tables else None
        if rows is None:
            arrays[NETWORK + name] = array
        else:
            arrays[NETWORK + name + _VALUES] = rows.values
            arrays[NETWORK + name + _EXPONENTS] = rows.exponents
    return arrays


def plain_arrays(network: nn.Module) -> Arrays:
    """All weights and connections by name, as they are."""
    return {NETWORK + name: _copied(tensor) for name, tensor in network.state_dict().items()}


def weights_from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Tensor]:
    """The state dict that `weights_to_arrays` took apart; also one with no table in bytes.

    Raises:
        KeyError: a table lacks its exponents.
        ValueError: a table's values and exponents do not belong together.
    """
    weights: dict[str, Tensor] = {}
    for full_name, array in arrays.items():
        if not full_name.startswith(NETWORK) or full_name.endswith(_EXPONENTS):
            continue
        name = full_name.removeprefix(NETWORK)
        if name.endswith(_VALUES):
            name = name.removesuffix(_VALUES)
            rows = ByteRows(array, arrays[NETWORK + name + _EXPONENTS])
            weights[name] = torch.from_numpy(rows.to_floats())
        else:
            weights[name] = torch.from_numpy(np.array(array))
    return weights


def _copied(tensor: Tensor) -> npt.NDArray[Any]:
    """An array of its own: a network that changes changes none that was stored."""
    return np.array(tensor.detach().cpu().numpy())


def _tables(network: DIETNetwork) -> dict[str, SparseInputTable]:
    """The tables by their names in the state dict."""
    tables = {f"{name}.table": part.table for name, part in network.text_inputs().items()}
    if network.wide is not None:
        tables["wide.table"] = network.wide.table
    # A study may have put something else in a table's place, which is not stored.
    return {name: each for name, each in tables.items() if isinstance(each, SparseInputTable)}
