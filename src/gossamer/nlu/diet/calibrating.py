"""DIET's temperature: found on training examples that the network has not learnt from yet."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch

from gossamer.nlu.diet.features import DIETData, Indices
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import ModelConfidence, NetworkOptions
from gossamer.nn.calibration import LEAST_EXAMPLES, fit_temperature
from gossamer.nn.training.batching import kept_back
from gossamer.nn.training.fit import LateExamples

_SHARE, _MOST = 10, 1000  # a tenth of the examples is kept back, at most a thousand
_LEAST_EPOCHS = 6  # half of fewer says little about the final network
_AT_A_TIME = 64


def finds_temperature(options: NetworkOptions) -> bool:
    """Whether a temperature is wanted, and is of use."""
    return options.calibrate and options.model_confidence is ModelConfidence.SOFTMAX


def keep_back(
    options: NetworkOptions,
    labels: Indices | None,
    train_on: Indices,
    epochs: int,
    rng: np.random.Generator,
    find: Callable[[Indices], None],
) -> tuple[Indices, LateExamples | None]:
    """Split examples into those of the first half of training and those that join for the second.

    Args:
        options: say whether a temperature is wanted.
        labels: of all examples, or None. *Shape:* (n_examples,).
        train_on: numbers of the examples to train on. *Shape:* (n_training,).
        epochs: of the training.
        rng: draws those that are kept back, at most every fifth of a label.
        find: finds the temperature on the examples of these numbers.

    Returns:
        Numbers of the first, and the others; all of them and None where too few could be kept back
        to find a temperature.
    """
    if labels is None or not finds_temperature(options) or epochs < _LEAST_EPOCHS:
        return train_on, None
    found = kept_back(labels[train_on], min(len(train_on) // _SHARE, _MOST), rng)
    if len(found) < LEAST_EXAMPLES:
        return train_on, None
    late = train_on[found]
    is_balanced = options.batch_strategy == "balanced"
    return np.delete(train_on, found), LateExamples(
        late, labels[late] if is_balanced else None, epochs // 2, functools.partial(find, late)
    )


@torch.no_grad()
def temperature_of(network: DIETNetwork, data: DIETData, examples: Indices) -> float:
    """The temperature of a network in evaluation mode on these examples."""
    labels = network.embed_labels()
    logits, targets = [], []
    for start in range(0, len(examples), _AT_A_TIME):
        batch = data.batch(examples[start : start + _AT_A_TIME])
        if batch.labels is not None:
            logits.append(network.label_logits(batch.text, network.encode(batch.text), labels))
            targets.append(batch.labels)
    return fit_temperature(torch.cat(logits), torch.cat(targets))
