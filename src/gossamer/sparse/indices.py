"""The indices of a layer as a buffer: as they are drawn, and as they must be again after a move."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

Table = NDArray[np.integer]


def settled(buffer: Tensor, table: Table, weight: Tensor) -> Tensor:
    """The buffer where it is on the weight's device and holds the table; else a new one.

    After `to_empty`, and after loading into a layer on the meta device, a buffer holds anything.
    """
    if type(weight) not in (Tensor, nn.Parameter) and type(buffer) is not Tensor:
        return buffer  # a fake one, of a fake layer
    device = weight.device
    if type(buffer) is Tensor and buffer.device == device:
        kind = torch.from_numpy(np.empty(0, table.dtype)).dtype
        if buffer.is_meta or (buffer.dtype == kind and np.array_equal(buffer.cpu().numpy(), table)):
            return buffer
    return torch.tensor(table, device=device)


def holds_other_connections(stored: Any, own: Table) -> bool:
    """Whether what a state dict stores as indices are numbers, and others than the layer's."""
    if type(stored) not in (Tensor, nn.Parameter) or stored.is_meta:
        return False
    return not np.array_equal(stored.detach().cpu().numpy(), own)
