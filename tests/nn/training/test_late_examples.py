"""Examples that join later: when, what is looked at before, and what callbacks are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor, nn

from gossamer.nn.csr import CsrMatrix
from gossamer.nn.inputs import SparseInputTable
from gossamer.nn.options import FitOptions
from gossamer.nn.training.batching import Indices
from gossamer.nn.training.callbacks import FitCallback
from gossamer.nn.training.fit import (
    EpochResult,
    LateExamples,
    Regularized,
    StepResult,
    fit,
)

FIRST, LATE = np.arange(12), np.arange(12, 20)


class Words(nn.Module):
    """A table and a layer; keeps the example numbers of each step."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = SparseInputTable(20, 16)
        self.layer = nn.Linear(16, 1)
        self.steps: list[list[int]] = []

    def step(self, batch: Indices, *, with_metrics: bool) -> StepResult:
        self.steps.append(batch.tolist())
        return StepResult((self(batch) - 1).square().mean(), {})

    def forward(self, batch: Indices) -> Tensor:
        chosen = sparse.csr_array(np.eye(20, dtype=np.float32)[batch])
        rows: Tensor = self.table(CsrMatrix.of(chosen))
        result: Tensor = self.layer(rows)
        return result

    def regularized(self) -> list[Regularized]:
        return [Regularized(self.layer.weight)]


class Counting(FitCallback):
    def __init__(self, stop_after: int | None = None) -> None:
        self.promised, self.seen, self.stop_after = -1, 0, stop_after

    def begin(self, network: nn.Module, n_steps: int) -> None:
        self.promised = n_steps

    def step(self, network: nn.Module, loss: Any, companions: Any) -> None:
        self.seen += 1

    def should_stop(self) -> bool:
        return self.stop_after is not None and self.seen >= self.stop_after


def train(
    network: Words,
    look: Callable[[], None],
    *,
    after: int,
    labels: Indices | None = None,
    on_epoch: Callable[[EpochResult], None] | None = None,
    callback: FitCallback | None = None,
    **settings: Any,
) -> None:
    options: Mapping[str, Any] = {
        "epochs": 4,
        "batch_size": (4, 4),
        "learning_rate": 0.05,
        **settings,
    }
    fit(
        network,
        lambda chosen: chosen,
        FIRST,
        labels=labels,
        options=FitOptions(**options),
        rng=np.random.default_rng(0),
        late=LateExamples(LATE, after, look),
        on_epoch=on_epoch,
        callbacks=() if callback is None else (callback,),
    )


@pytest.mark.parametrize("after", [0, 1, 3])
def test_they_join_after_these_epochs_and_are_looked_at_once(after: int) -> None:
    network, epochs, looks = Words(), [0], []
    train(
        network,
        lambda: looks.append(len(network.steps)),
        after=after,
        on_epoch=lambda _: epochs.append(len(network.steps)),
    )
    seen = [sorted(chain(*network.steps[begin:end])) for begin, end in pairwise(epochs)]
    assert seen == [list(range(12))] * after + [list(range(20))] * (4 - after)
    assert looks == [epochs[after]]


@pytest.mark.parametrize("after", [4, 9])
def test_training_that_ends_before_has_none_of_them(after: int) -> None:
    network, looks = Words(), []
    train(network, lambda: looks.append(1), after=after)
    assert looks == [] and {i for step in network.steps for i in step} == set(FIRST.tolist())


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_what_is_looked_at_is_what_training_for_so_long_gives(decay: float) -> None:
    """In evaluation mode, without gradients: the running average where there is one."""
    whole, short = Words(), Words()
    found: dict[str, Tensor] = {}

    def look() -> None:
        assert not whole.training and not torch.is_grad_enabled()
        assert not whole(FIRST).requires_grad
        found.update({name: each.clone() for name, each in whole.state_dict().items()})

    settings: dict[str, Any] = {
        "weight_averaging": decay,
        "epochs": 14,
        "regularization_constant": 0.01,
    }
    train(whole, look, after=7, **settings)  # 21 steps: the average has begun
    train(short, lambda: None, after=99, **{**settings, "epochs": 7})
    for name, weight in short.state_dict().items():
        torch.testing.assert_close(found[name], weight, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("decay", [0.0, 0.9])
def test_looking_changes_nothing_but_rounding(decay: float) -> None:
    """All join at once: the same steps as without looking."""
    looked, plain = Words(), Words()
    settings: dict[str, Any] = {"weight_averaging": decay, "epochs": 10}
    train(looked, lambda: None, after=0, **settings)
    options = FitOptions(batch_size=(4, 4), learning_rate=0.05, **settings)
    everything = np.concatenate([FIRST, LATE])
    rng = np.random.default_rng(0)
    fit(plain, lambda chosen: chosen, everything, labels=None, options=options, rng=rng)
    assert looked.steps == plain.steps
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(looked.state_dict()[name], weight, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("is_balanced", [False, True])
@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("after", [0, 2, 4])
def test_callbacks_are_told_the_number_of_steps(after: int, drop: bool, is_balanced: bool) -> None:
    network, callback = Words(), Counting()
    train(
        network,
        lambda: None,
        after=after,
        labels=np.concatenate([FIRST % 5 // 4, LATE % 7 // 5]) if is_balanced else None,
        callback=callback,
        batch_size=(3, 9),
        drop_small_last_batch=drop,
    )
    assert callback.promised == callback.seen == len(network.steps)


def test_batches_are_balanced_by_the_labels_of_both() -> None:
    """One of the late examples has a label of its own, and so is repeated."""
    network = Words()
    labels = np.concatenate([np.zeros(12, dtype=np.int64), [0, 0, 0, 1, 0, 0, 0, 0]])
    train(network, lambda: None, after=1, labels=labels, epochs=2)
    counts = np.bincount(list(chain(*network.steps[3:])), minlength=20)
    assert counts.argmax() == LATE[3] and counts[LATE[3]] > counts[:12].max()
    assert (counts > 0).all()


def test_no_callback_ends_training_before_they_have_joined() -> None:
    network, looks = Words(), []
    train(network, lambda: looks.append(1), after=2, callback=Counting(stop_after=1))
    assert looks == [1] and not network.training
    assert len(list(chain(*network.steps))) == 2 * len(FIRST) + len(FIRST) + len(LATE)
