"""Memory that training steps use again and again.

Batches differ in size, so new tensors at each step leave holes of all sizes in the C
library's heap, and a training that needs a quarter of a gigabyte ends up holding several gigabytes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_ROOM = 1.2  # how much larger than asked a buffer is made, so that it is rarely made again


class Workspace:
    """Float32 tensors on loan until `reset`; what they hold at first is arbitrary."""

    def __init__(self) -> None:
        self._buffers: dict[str | int, Tensor] = {}
        self._count = 0

    def reset(self) -> None:
        """Take all tensors back."""
        self._count = 0

    def take(self, *shape: int) -> Tensor:
        """A tensor that no other caller gets before `reset`."""
        self._count += 1
        return self._of(self._count, shape)

    def scratch(self, name: str, *shape: int) -> Tensor:
        """The tensor of that name; the next caller that asks for it gets the same one."""
        return self._of(name, shape)

    def _of(self, key: str | int, shape: tuple[int, ...]) -> Tensor:
        size = math.prod(shape)
        buffer = self._buffers.get(key)
        if buffer is None or buffer.numel() < size:
            self._buffers.pop(key, None)
            buffer = torch.empty(int(size * _ROOM), dtype=torch.float32, device="cpu")
            self._buffers[key] = buffer
        return buffer[:size].view(shape)
