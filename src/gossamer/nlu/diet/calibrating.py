"""DIET's temperature: found on examples that the network has not learnt from."""

from __future__ import annotations

import torch

from gossamer.nlu.diet.batches import DIETData
from gossamer.nlu.diet.features import Indices
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import ModelConfidence, NetworkOptions
from gossamer.nn.calibration import fit_temperature

_AT_A_TIME = 64


def finds_temperature(options: NetworkOptions) -> bool:
    """Whether a temperature is wanted, and is of use."""
    return options.calibrate and options.model_confidence is ModelConfidence.SOFTMAX


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
