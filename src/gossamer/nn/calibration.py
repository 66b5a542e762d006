"""Confidences that mean what they say: one temperature for all scores of a classifier."""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor

#: Fewer examples say too little about how confident a network may be.
LEAST_EXAMPLES = 30
_LOWEST, _HIGHEST = 0.2, 5.0
_STEPS = 60  # each leaves 0.62 of the interval


def fit_temperature(logits: Tensor, target: Tensor) -> float:
    """What logits are to be divided by for their softmax to be calibrated.

    Temperature scaling (Guo et al. 2017, arXiv:1706.04599, section 4.2): the temperature of least
    cross-entropy on examples that the network has not learnt from.

    Args:
        logits: *Shape:* (n_examples, n_labels).
        target: *Shape:* (n_examples,), int64.

    Returns:
        From 0.2 to 5; 1 with fewer than `LEAST_EXAMPLES` examples, and where no temperature has a
        lower cross-entropy than 1, as with logits that are not finite.
    """
    if len(target) < LEAST_EXAMPLES:
        return 1.0
    logits = logits.double()
    low, high = math.log(_LOWEST), math.log(_HIGHEST)

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(logits / math.exp(log_temperature), target))

    # The loss has one minimum, being convex in the inverse temperature: golden section search.
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(_STEPS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    found = (low + high) / 2
    return math.exp(found) if loss(found) < loss(0.0) else 1.0
