"""Methods that choose connections by training: pruning, SET and RigL.

Fixed random layers are compared with these. Each is a callback that any training loop can drive
(`Rewiring`):

    rewiring.begin(model)  # before the optimiser is made
    companions = optimizer_companions(optimizer)
    for x, y in batches:
        ...  # forward, backward, optimizer.step()
        rewiring.step(model, lambda copied: criterion(copied(x), y), companions)
    rewiring.finish(model)  # after running averages, if any, were put in place
"""

from gossamer.sparse.rewire.gradients import dense_gradients
from gossamer.sparse.rewire.growing import SET, RigL
from gossamer.sparse.rewire.interface import Companions, Loss, Rewiring, optimizer_companions
from gossamer.sparse.rewire.layers import rewire_layer
from gossamer.sparse.rewire.pruning import GradualPruning, magnitude_prune

__all__ = [
    "SET",
    "Companions",
    "GradualPruning",
    "Loss",
    "Rewiring",
    "RigL",
    "dense_gradients",
    "magnitude_prune",
    "optimizer_companions",
    "rewire_layer",
]
