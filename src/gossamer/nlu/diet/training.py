"""How DIET's network is trained, and built again of its stored weights."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from gossamer.nlu.diet.batches import DIETData
from gossamer.nlu.diet.earlier.before import Before
from gossamer.nlu.diet.earlier.weights import take_over
from gossamer.nlu.diet.features import Indices, TextFeatures, token_identities
from gossamer.nlu.diet.mentions import Mentions, replacing
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import ModelConfidence, NetworkOptions
from gossamer.nlu.diet.shape import NetworkShape
from gossamer.nlu.diet.stored_weights import (
    round_tables,
    weights_from_arrays,
    weights_to_arrays,
)
from gossamer.nlu.diet.tags import TagKind
from gossamer.nlu.diet.wide import fit_wide_path
from gossamer.nlu.learning.training import Going, rebuild_network, train_network
from gossamer.nlu.pipeline.component import EpochListener
from gossamer.nn.calibration import fit_temperature
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import Arrays
from gossamer.nn.training.callbacks import FitCallback

_AT_A_TIME = 64


@dataclass(frozen=True, slots=True)
class Lesson:
    """What there is to learn.

    Attributes:
        text: features of the texts to train on.
        labels: features of the labels, of their names or of their texts; None without labels.
        label_numbers: label of each text. *Shape:* (n_texts,). None without labels.
        tags: tag of each token, per kind. *Shape:* of each (n_tokens,).
        mentions: of entities in the texts, to be replaced in training; None leaves them.
        weights: what each text's losses are multiplied by; None for 1. *Shape:* (n_texts,).
    """

    text: TextFeatures
    labels: Features | TextFeatures | None
    label_numbers: Indices | None
    tags: Mapping[TagKind, Indices] = field(default_factory=dict)
    mentions: Mentions | None = None
    weights: npt.NDArray[np.float32] | None = None


class Learnt(NamedTuple):
    """What training gives.

    Attributes:
        network: in evaluation mode.
        seed: of the training.
        temperature: what scores of labels are to be divided by.
        weights: of the network, as they are stored.
    """

    network: DIETNetwork
    seed: int
    temperature: float
    weights: Arrays


def train_diet(
    lesson: Lesson,
    shape: NetworkShape,
    options: NetworkOptions,
    *,
    name: str,
    label_metric: str,
    on_epoch: EpochListener | None = None,
    callbacks: Sequence[FitCallback] = (),
    before: Before | None = None,
) -> Learnt:
    """Train a new network; see `train_network` for seeds and held-out examples.

    Args:
        lesson: what there is to learn.
        shape: widths of it.
        options: of the component.
        name: of the component, for reports.
        label_metric: name of the accuracy of labels.
        on_epoch: called after every epoch.
        callbacks: take part in training.
        before: what training goes on from; None: it starts anew. The wide path is fitted anew in
            any case, which loses nothing: it is the best one for the examples, wherever it starts.
            The temperature stays, as the earlier network has learnt from most examples and would
            seem too sure of them.

    Raises:
        ConfigError: the features do not allow what the options ask for.
    """
    masks = options.use_masked_language_model
    token_ids = token_identities(lesson.text.sequence) if masks else None
    data = DIETData(lesson.text, lesson.label_numbers, lesson.tags, token_ids, lesson.weights)
    temperature = 1.0 if before is None else before.temperature
    going: Going | None = None
    if before is not None:
        going = Going(before.epoch_fraction, lambda network: take_over(network, before))

    def find_temperature(network: DIETNetwork, examples: Indices) -> None:
        nonlocal temperature
        temperature = temperature_of(network, data, examples)

    is_calibrated = before is None and lesson.label_numbers is not None
    is_calibrated = is_calibrated and finds_temperature(options)
    mentions = lesson.mentions
    network, seed = train_network(
        lambda: DIETNetwork(options, shape, lesson.labels, label_metric=label_metric),
        data.batch,
        len(lesson.text.lengths),
        lesson.label_numbers,
        options=options,
        name=name,
        on_epoch=on_epoch,
        callbacks=callbacks,
        varied=None if mentions is None else functools.partial(replacing, data, mentions),
        fit_rest=lambda network, examples: fit_wide_path(network.wide, data, examples),
        look=find_temperature if is_calibrated else None,
        going=going,
    )
    round_tables(network)
    return Learnt(network, seed, temperature, weights_to_arrays(network))


def rebuilt(
    options: NetworkOptions,
    shape: NetworkShape,
    labels: Features | TextFeatures | None,
    weights: Arrays,
    *,
    seed: int | None,
    label_metric: str,
) -> DIETNetwork:
    """The trained network of its stored weights, in evaluation mode; arguments as it was trained.

    Raises:
        KeyError: an array is missing.
        ValueError: arrays do not fit options and shape.
    """
    return rebuild_network(
        lambda: DIETNetwork(options, shape, labels, label_metric=label_metric),
        seed,
        weights_from_arrays(weights),
    ).eval()


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
