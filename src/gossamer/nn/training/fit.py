"""The training loop of all networks; `gossamer.nlu.learning.training` calls it."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from gossamer.nn.inputs import SparseInputTable
from gossamer.nn.options import FitOptions
from gossamer.nn.threads import on_free_cores
from gossamer.nn.training.adam import Adam
from gossamer.nn.training.averaging import WeightAverage
from gossamer.nn.training.batching import Indices, batch_size_at, epoch_batches
from gossamer.nn.training.callbacks import FitCallback
from gossamer.nn.training.memory import keep_free_memory, release_free_memory
from gossamer.nn.training.row_adam import RowAdam

_ADAM_EPSILON = 1e-7  # Keras' default, which Rasa uses; PyTorch's is 1e-8


class StepResult(NamedTuple):
    """A network's results on one batch.

    Attributes:
        loss: to be minimised, a scalar.
        metrics: accuracies and F1 scores in [0, 1] by name.
    """

    loss: Tensor
    metrics: dict[str, float]


class Regularized(NamedTuple):
    """A kernel under L2, and which of its rows have a gradient (None for all)."""

    weight: Tensor
    rows: Tensor | None = None


BatchT = TypeVar("BatchT", contravariant=True)


class TrainableNetwork(Protocol[BatchT]):
    """A module the loop can train."""

    def step(self, batch: BatchT, *, with_metrics: bool) -> StepResult:
        """Loss of a batch; costly metrics only `with_metrics`."""
        ...

    def regularized(self) -> list[Regularized]:
        """Kernels under L2, after a backward pass."""
        ...


class LateExamples(NamedTuple):
    """Examples that are held back at first, so that the network can be examined on unseen ones.

    Attributes:
        examples: their numbers; training has others. *Shape:* (n_late,).
        after: epochs without them.
        look: called with the network in evaluation mode, the running average in place where there
            is one, before it learns from them.
    """

    examples: Indices
    after: int
    look: Callable[[], None]


class EpochResult(NamedTuple):
    """The state of training after an epoch (1-based) and how long it took, in seconds."""

    epoch: int
    metrics: dict[str, float]
    seconds: float


def fit(
    network: nn.Module,
    make_batch: Callable[[Indices], Any],
    training: Indices,
    *,
    labels: Indices | None,
    options: FitOptions,
    rng: np.random.Generator,
    evaluation: Indices | None = None,
    evaluation_batch: Callable[[Indices], Any] | None = None,
    late: LateExamples | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    callbacks: Sequence[FitCallback] = (),
) -> None:
    """Train a network in place, for `options.epochs` or until a callback stops it.

    Args:
        network: follows `TrainableNetwork`.
        make_batch: makes what `network.step` takes from example numbers.
        training: example numbers to train on. *Shape:* (n_training,).
        labels: label of each example, to balance batches by, or None. *Shape:* (n_examples,).
        options: how to train.
        rng: where the order of examples comes from; dropout and negatives use torch's generator.
        evaluation: example numbers to evaluate on, or None.
        evaluation_batch: makes batches of these; None for `make_batch`.
        late: examples that join later, or None; no callback ends training before they have.
        on_epoch: called after every epoch.
        callbacks: take part in training, in this order.
    """
    if options.epochs == 0 or len(training) == 0:
        return
    if callbacks:
        n_steps = _count_steps(training, labels, options, late, copy.deepcopy(rng))
        for callback in callbacks:
            callback.begin(network, n_steps)
    keep_free_memory()
    optimizer = _Optimizer(network, options)
    best = _Best()
    averaged = _learned(network) if options.weight_averaging > 0.0 else []
    average = WeightAverage(averaged, options.weight_averaging)

    def companions(parameter: nn.Parameter) -> list[Tensor]:
        return [*optimizer.companions(parameter), *average.companions(parameter)]

    with on_free_cores() as cores:
        for epoch in range(options.epochs):
            began = time.perf_counter()
            if late is not None and epoch == late.after:
                optimizer.catch_up()
                network.eval()
                with average.in_place(), torch.no_grad():
                    late.look()
                training = np.concatenate([training, late.examples])
            network.train()
            batches = _batches(training, labels, epoch, options, rng)
            mean = _Mean()
            for number, chosen in enumerate(batches, start=1):
                batch = make_batch(chosen)
                result: StepResult = network.step(  # type: ignore[operator]
                    batch, with_metrics=number == len(batches)
                )
                optimizer.step(result.loss)
                cores.look()
                if options.weight_averaging > 0.0:
                    if average.is_due:
                        optimizer.catch_up()
                    average.update()
                for callback in callbacks:
                    callback.step(network, _loss_of(batch), companions)
                mean.add({"t_loss": float(result.loss.detach()), **result.metrics})
            release_free_memory()
            metrics = mean.values()
            every = options.evaluate_every_number_of_epochs
            due = epoch + 1 == options.epochs if every < 1 else (epoch + 1) % every == 0
            if evaluation is not None and due:
                optimizer.catch_up()
                with average.in_place():
                    of_them = make_batch if evaluation_batch is None else evaluation_batch
                    scores = evaluate(network, of_them, evaluation, options.batch_size[1])
                    if options.checkpoint_model:
                        best.offer(network, scores)
                    for callback in callbacks:
                        callback.evaluated(network, scores)
                metrics |= {f"val_{name}": value for name, value in scores.items()}
            if on_epoch is not None:
                on_epoch(EpochResult(epoch + 1, metrics, time.perf_counter() - began))
            is_complete = late is None or epoch >= late.after
            if any(callback.should_stop() for callback in callbacks) and is_complete:
                break
    optimizer.close()
    average.use()
    best.restore(network)
    network.eval()
    for callback in callbacks:
        callback.finish(network)


def _learned(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _batches(
    training: Indices,
    labels: Indices | None,
    epoch: int,
    options: FitOptions,
    rng: np.random.Generator,
) -> list[Indices]:
    """Example numbers of each batch of an epoch."""
    places = epoch_batches(
        len(training),
        None if labels is None else labels[training],
        batch_size_at(epoch, options.epochs, options.batch_size),
        rng,
        drop_small_last=options.drop_small_last_batch,
    )
    return [training[chosen] for chosen in places]


def _count_steps(
    training: Indices,
    labels: Indices | None,
    options: FitOptions,
    late: LateExamples | None,
    rng: np.random.Generator,
) -> int:
    n_steps = 0
    for epoch in range(options.epochs):
        if late is not None and epoch == late.after:
            training = np.concatenate([training, late.examples])
        n_steps += len(_batches(training, labels, epoch, options, rng))
    return n_steps


def _loss_of(batch: Any) -> Callable[[nn.Module], Tensor]:
    def loss(network: nn.Module) -> Tensor:
        result: StepResult = network.step(batch, with_metrics=False)  # type: ignore[operator]
        return result.loss

    return loss


class _Optimizer:
    """Adam on all parameters: input tables by rows and the rest at once where kernels can."""

    def __init__(self, network: nn.Module, options: FitOptions) -> None:
        tables = [
            part
            for part in network.modules()
            if isinstance(part, SparseInputTable)
            and part.can_collect_rows
            and part.weight.requires_grad
        ]
        apart = {id(table.weight) for table in tables}
        self._network = network
        self._strength = options.regularization_constant
        self._apart = apart
        weights: list[Regularized] = network.regularized()  # type: ignore[operator]
        self._regularized = {id(part.weight) for part in weights}
        rest = [p for p in _learned(network) if id(p) not in apart]
        self._adam: Adam | torch.optim.Adam
        if all(map(Adam.can_step, rest)):
            self._adam = Adam(
                rest,
                learning_rate=options.learning_rate,
                epsilon=_ADAM_EPSILON,
                regularization_constant=self._strength,
            )
        else:
            self._adam = torch.optim.Adam(
                rest, lr=options.learning_rate, eps=_ADAM_EPSILON, fused=True
            )
        self._rows = RowAdam(
            tables,
            learning_rate=options.learning_rate,
            epsilon=_ADAM_EPSILON,
            regularization_constant=options.regularization_constant,
            regularized=self._regularized,
        )

    def step(self, loss: Tensor) -> None:
        """Step along the gradient of a loss and of L2."""
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if isinstance(self._adam, Adam):
            self._adam.step(self._regularized)
        else:
            for weight, rows in self._network.regularized():  # type: ignore[operator]
                if id(weight) not in self._apart:
                    add_l2_gradient(weight, self._strength, rows)
            self._adam.step()
        self._rows.step()

    def companions(self, parameter: nn.Parameter) -> list[Tensor]:
        """Adam's moments of a parameter; none before its first step, or for an input table."""
        if isinstance(self._adam, Adam):
            return self._adam.moments(parameter)
        state = self._adam.state.get(parameter, {})
        return [part for part in state.values() if part.shape == parameter.shape]

    def catch_up(self) -> None:
        """Call it before weights are read."""
        self._rows.catch_up()

    def close(self) -> None:
        """Call it when training ends."""
        self._rows.close()


@torch.no_grad()
def evaluate(
    network: nn.Module, make_batch: Callable[[Indices], Any], chosen: Indices, size: int
) -> dict[str, float]:
    """Loss and metrics on examples, without learning from them, mean over batches."""
    was_training = network.training
    network.eval()
    mean = _Mean()
    for start in range(0, len(chosen), size):
        part = chosen[start : start + size]
        result: StepResult = network.step(make_batch(part), with_metrics=True)  # type: ignore[operator]
        mean.add({"t_loss": float(result.loss), **result.metrics}, weight=len(part))
    network.train(was_training)
    return mean.values()


@torch.no_grad()
def add_l2_gradient(weight: Tensor, strength: float, rows: Tensor | None = None) -> None:
    """Add the gradient of strength * sum(weight^2) where the loss's own gradient is positive.

    That rule is Rasa 3.6's: an element with a zero or negative gradient is left alone. Keeping to
    it matters with Adam: a plain L2 term would be the only gradient of table rows that do not occur
    in a batch, and Adam would walk them to zero at full learning rate.

    Args:
        weight: has a gradient; nothing happens without one.
        strength: Rasa's `regularization_constant`.
        rows: rows whose gradient can be non-zero; None for all.
    """
    if weight.grad is None or strength == 0.0:
        return
    if rows is None:
        weight.grad.addcmul_(weight, (weight.grad > 0).to(weight.dtype), value=2 * strength)
        return
    grad, values = weight.grad.index_select(0, rows), weight.index_select(0, rows)
    grad.addcmul_(values, (grad > 0).to(values.dtype), value=2 * strength)
    weight.grad.index_copy_(0, rows, grad)


class _Mean:
    """Weighted means of named numbers; a name may be missing from some additions."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[float, float]] = {}

    def add(self, numbers: dict[str, float], weight: float = 1.0) -> None:
        for name, value in numbers.items():
            total, weights = self._sums.get(name, (0.0, 0.0))
            self._sums[name] = (total + weight * value, weights + weight)

    def values(self) -> dict[str, float]:
        return {name: total / weights for name, (total, weights) in self._sums.items()}


class _Best:
    """Rasa's rule for `checkpoint_model`: no score below the best so far and one above it."""

    def __init__(self) -> None:
        self._scores: dict[str, float] | None = None
        self._weights: dict[str, Any] | None = None

    def offer(self, network: nn.Module, metrics: dict[str, float]) -> None:
        scores = {name: value for name, value in metrics.items() if name != "t_loss"}
        if self._scores is not None:
            pairs: Sequence[tuple[float, float]] = [(scores[n], self._scores[n]) for n in scores]
            if any(new < old for new, old in pairs) or all(new <= old for new, old in pairs):
                return
        self._scores = scores
        self._weights = copy.deepcopy(network.state_dict())

    def restore(self, network: nn.Module) -> None:
        if self._weights is not None:
            network.load_state_dict(self._weights)
