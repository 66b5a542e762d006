"""How every network is trained, whose ever it is, and built again when it is loaded."""

from __future__ import annotations

import dataclasses
import functools
import secrets
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gossamer.nlu.learning.held_out import hold_out
from gossamer.nlu.learning.options import LearningOptions
from gossamer.nlu.pipeline.component import EpochListener, EpochReport
from gossamer.nn.calibration import LEAST_EXAMPLES
from gossamer.nn.training.batching import Indices, kept_back
from gossamer.nn.training.callbacks import FitCallback
from gossamer.nn.training.fit import EpochResult, LateExamples, fit
from gossamer.sparse import adopt_connectivity

MakeBatch = Callable[[Indices], Any]
NetworkT = TypeVar("NetworkT", bound=nn.Module)

_MAX_SEED = 2**31
_SHARE, _MOST = 10, 1000  # a tenth of the examples is kept back, at most a thousand
_LEAST_EPOCHS = 6  # half of fewer says little about the final network


class Going(NamedTuple):
    """How training goes on from an earlier network.

    Attributes:
        epoch_fraction: how much of the epochs there are; one epoch at least, unless there are none.
        take_over: gives a new network what the earlier one has learnt.
    """

    epoch_fraction: float
    take_over: Callable[[Any], None]


def train_network(
    make_network: Callable[[], NetworkT],
    make_batch: MakeBatch,
    n_examples: int,
    labels: Indices | None,
    *,
    options: LearningOptions,
    name: str,
    on_epoch: EpochListener | None = None,
    callbacks: Sequence[FitCallback] = (),
    varied: Callable[[np.random.Generator], MakeBatch] | None = None,
    fit_rest: Callable[[NetworkT, Indices], None] | None = None,
    look: Callable[[NetworkT, Indices], None] | None = None,
    going: Going | None = None,
) -> tuple[NetworkT, int]:
    """Train a new network as the options say.

    One seed, the option `random_seed` or a fresh one, decides all that is random; torch's global
    generator is left as it was.

    Args:
        make_network: makes it; it follows `TrainableNetwork`.
        make_batch: makes what `network.step` takes from example numbers.
        n_examples: how many there are.
        labels: label of each, by which examples are held out and batches balanced; None: all are
            equal. *Shape:* (n_examples,).
        options: of the component.
        name: of the component, for reports.
        on_epoch: called after every epoch.
        callbacks: take part in training.
        varied: given a generator to draw with, it gives what makes batches to learn from; None for
            `make_batch`, which always makes those to evaluate on.
        fit_rest: fits what is not learnt step by step to the examples of these numbers: before
            training, and again in the end when others have joined.
        look: examines the network, in evaluation mode, on examples that it has not learnt from:
            those that are held out, in the end; or else a tenth, half way, which then join. It is
            not called where too few could be kept back, or without labels.
        going: on from an earlier network; None: anew.

    Returns:
        The network in evaluation mode, and the seed.

    Raises:
        ConfigError: as many examples as are to be held out cannot be.
    """
    seed = secrets.randbelow(_MAX_SEED) if options.random_seed is None else options.random_seed
    rng = np.random.default_rng(seed)
    fitting = options.fitting(n_examples)
    if going is not None and fitting.epochs > 0:
        epochs = max(1, round(fitting.epochs * going.epoch_fraction))
        every = min(fitting.evaluate_every_number_of_epochs, epochs)
        fitting = dataclasses.replace(fitting, epochs=epochs, evaluate_every_number_of_epochs=every)
    train_on, held_out = hold_out(options, labels, n_examples, rng)
    joining = train_on[:0]
    is_looked_at = look is not None and held_out is None and fitting.epochs >= _LEAST_EPOCHS
    if is_looked_at and labels is not None:
        found = kept_back(labels[train_on], min(len(train_on) // _SHARE, _MOST), rng)
        if len(found) >= LEAST_EXAMPLES:
            train_on, joining = np.delete(train_on, found), train_on[found]

    def report(result: EpochResult) -> None:
        if on_epoch is not None:
            on_epoch(EpochReport(component=name, n_epochs=fitting.epochs, **result._asdict()))

    with _seeded(seed):
        network = make_network()
        if going is not None:
            going.take_over(network)
        if fit_rest is not None:
            fit_rest(network, train_on)
        late = None
        if look is not None and len(joining) > 0:
            meet = functools.partial(look, network, joining)
            late = LateExamples(joining, fitting.epochs // 2, meet)
        fit(
            network,
            make_batch if varied is None else varied(rng),
            train_on,
            labels=labels if options.is_balanced else None,
            options=fitting,
            rng=rng,
            evaluation=held_out,
            evaluation_batch=make_batch,
            late=late,
            on_epoch=report,
            callbacks=callbacks,
        )
    network.eval()
    _warn_if_diverged(network, name)
    if fit_rest is not None and late is not None:
        fit_rest(network, np.concatenate([train_on, joining]))
    if look is not None and held_out is not None:
        look(network, held_out)
    return network, seed


def rebuild_network(
    make_network: Callable[[], NetworkT], seed: int | None, weights: Mapping[str, Tensor]
) -> NetworkT:
    """A trained network from its weights.

    Args:
        make_network: as `train_network` had it.
        seed: what that returned; None where it is not known.
        weights: its state dict; connections come from it, too.
    """
    with _seeded(0 if seed is None else seed):
        network = make_network()
    adopt_connectivity(network, weights)
    network.load_state_dict(weights)
    return network


_ONE_AT_A_TIME = threading.RLock()


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Torch's generator of the CPU with a seed, and float32 as its default; afterwards as it was.

    Both belong to the process, so a training in another thread waits.
    """
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        dtype = torch.get_default_dtype()
        torch.default_generator.manual_seed(seed)
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)


def _warn_if_diverged(network: nn.Module, name: str) -> None:
    if not all(bool(torch.isfinite(weight).all()) for weight in network.parameters()):
        warnings.warn(
            f"the training of {name} has diverged: its weights are not finite, and neither are its "
            "answers. Try: a lower learning_rate",
            stacklevel=4,
        )
