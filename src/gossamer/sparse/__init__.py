"""Randomly connected layers: who connects to whom, and how it is computed.

This package works alone: it imports torch and NumPy (matplotlib only to draw) and nothing else
of Gossamer.
"""

from gossamer.sparse.attention import SparseMultiheadAttention
from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.convert import adopt_connectivity, count_weights, densify, sparsify
from gossamer.sparse.frozen import freeze
from gossamer.sparse.linear import RandomlyConnectedLinear
from gossamer.sparse.picture import draw
from gossamer.sparse.report import LayerReport, SparsifyReport
from gossamer.sparse.seeds import child_seed
from gossamer.sparse.speed import SpeedReport, compare_speed
from gossamer.sparse.topology import draw_connectivity

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
