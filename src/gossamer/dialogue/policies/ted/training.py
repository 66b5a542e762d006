"""How TED's network is trained, and built again of its stored weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.policies.ted.data import TEDData
from gossamer.dialogue.policies.ted.earlier import Before
from gossamer.dialogue.policies.ted.features import INTENT, feature_widths
from gossamer.dialogue.policies.ted.network import TEDNetwork
from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.dialogue.policies.ted.shape import TEDShape
from gossamer.nlu.diet.earlier.weights import tag_moves
from gossamer.nlu.diet.features import TextFeatures, TextWidths
from gossamer.nlu.diet.stored_weights import plain_arrays, weights_from_arrays
from gossamer.nlu.diet.tags import TagSet
from gossamer.nlu.learning.carrying import Move, carry_over
from gossamer.nlu.learning.training import Going, rebuild_network, train_network
from gossamer.nlu.pipeline.component import EpochListener
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import Arrays
from gossamer.nn.training.callbacks import FitCallback


class Learnt(NamedTuple):
    """What training gives.

    Attributes:
        network: in evaluation mode.
        seed: of the training.
        weights: of the network, as they are stored.
        shape: what domain and stories decided about it.
        label_texts: features of the labels that are texts; None without any.
        tags: of entities in texts; None without any.
        knows_intents: whether a story has an intent.
    """

    network: TEDNetwork
    seed: int
    weights: Arrays
    shape: TEDShape
    label_texts: TextFeatures | None
    tags: TagSet | None
    knows_intents: bool


def learn(
    data: TEDData,
    domain: Domain,
    options: TEDOptions,
    labels: Features,
    label_texts: TextFeatures | None,
    *,
    name: str,
    on_epoch: EpochListener | None = None,
    callbacks: Sequence[FitCallback] = (),
    before: Before | None = None,
) -> Learnt:
    """Train a new network.

    Args:
        data: stories as numbers.
        domain: theirs.
        options: of the policy.
        labels: features of all labels that are names.
        label_texts: features of all labels that are texts; None without such labels.
        name: of the policy, for reports.
        on_epoch: called after every epoch.
        callbacks: take part in training.
        before: what training goes on from; None: it starts anew.

    Raises:
        ConfigError: options and stories do not fit together.
    """
    tags = None if data.tags is None else data.tags.tag_set
    shape = TEDShape(
        feature_widths(domain),
        {part: TextWidths.of(features) for part, features in data.texts.items()},
        None if label_texts is None else TextWidths.of(label_texts),
        0 if tags is None else len(tags.tags),
        None if tags is None else tags.forbidden(),
    )
    going: Going | None = None
    if before is not None:
        going = Going(before.epoch_fraction, lambda network: take_over(network, before))
    network, seed = train_network(
        lambda: TEDNetwork(options, shape, labels, label_texts),
        data.batch,
        len(data),
        data.last_labels,
        options=options,
        name=name,
        on_epoch=on_epoch,
        callbacks=callbacks,
        going=going,
    )
    knows_intents = bool((data.table.columns[INTENT].row >= 0).any())
    weights = plain_arrays(network)
    return Learnt(network, seed, weights, shape, label_texts, tags, knows_intents)


def take_over(network: TEDNetwork, before: Before) -> None:
    """Give a new network what an earlier one has learnt.

    What is new in the domain and in texts has no effect yet, except for new labels and tags, which
    are as in a new network.
    """
    moves = {
        f"names.{name}.input.table.weight": Move(rows=was, is_silent=True)
        for name, was in before.names.items()
    }
    moves["label.input.table.weight"] = Move(rows=before.labels)
    if before.texts is not None:
        readers = [f"texts.{name}" for name in network.texts] + ["label_text"]
        moves |= {
            f"{reader}.texts.{part}_input.table.weight": Move(rows=was, is_silent=True)
            for reader in readers
            for part, was in zip(("sequence", "sentence"), before.texts, strict=True)
        }
    if before.tags is not None:
        moves |= tag_moves("entity_head.", before.tags)
    carry_over(network, weights_from_arrays(before.weights), moves)


def rebuilt(
    options: TEDOptions,
    shape: TEDShape,
    labels: Features,
    label_texts: TextFeatures | None,
    weights: Arrays,
    *,
    seed: int | None,
) -> TEDNetwork:
    """The trained network of its stored weights, in evaluation mode; arguments as it was trained.

    Raises:
        KeyError: an array is missing.
        ValueError: arrays do not fit options and shape.
    """
    return rebuild_network(
        lambda: TEDNetwork(options, shape, labels, label_texts), seed, weights_from_arrays(weights)
    ).eval()
