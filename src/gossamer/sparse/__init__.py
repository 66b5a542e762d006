"""Randomly connected layers: who connects to whom, and how it is computed.

This package works alone: it imports torch and NumPy (matplotlib only to draw) and nothing else
of Gossamer. Names are imported on first use: connections and kernels need no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "Connectivity",
    "LayerReport",
    "RandomlyConnectedLinear",
    "SparseMultiheadAttention",
    "SparsifyReport",
    "SpeedReport",
    "Topology",
    "adopt_connectivity",
    "child_seed",
    "compare_speed",
    "count_weights",
    "densify",
    "draw",
    "draw_connectivity",
    "freeze",
    "sparsify",
]

if TYPE_CHECKING:
    from gossamer.sparse.attention import SparseMultiheadAttention as SparseMultiheadAttention
    from gossamer.sparse.connectivity import Connectivity as Connectivity
    from gossamer.sparse.connectivity import Topology as Topology
    from gossamer.sparse.convert import adopt_connectivity as adopt_connectivity
    from gossamer.sparse.convert import count_weights as count_weights
    from gossamer.sparse.convert import densify as densify
    from gossamer.sparse.convert import sparsify as sparsify
    from gossamer.sparse.frozen import freeze as freeze
    from gossamer.sparse.linear import RandomlyConnectedLinear as RandomlyConnectedLinear
    from gossamer.sparse.picture import draw as draw
    from gossamer.sparse.report import LayerReport as LayerReport
    from gossamer.sparse.report import SparsifyReport as SparsifyReport
    from gossamer.sparse.seeds import child_seed as child_seed
    from gossamer.sparse.speed import SpeedReport as SpeedReport
    from gossamer.sparse.speed import compare_speed as compare_speed
    from gossamer.sparse.topology import draw_connectivity as draw_connectivity

_HOMES = {
    "Connectivity": "connectivity",
    "LayerReport": "report",
    "RandomlyConnectedLinear": "linear",
    "SparseMultiheadAttention": "attention",
    "SparsifyReport": "report",
    "SpeedReport": "speed",
    "Topology": "connectivity",
    "adopt_connectivity": "convert",
    "child_seed": "seeds",
    "compare_speed": "speed",
    "count_weights": "convert",
    "densify": "convert",
    "draw": "picture",
    "draw_connectivity": "topology",
    "freeze": "frozen",
    "sparsify": "convert",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
