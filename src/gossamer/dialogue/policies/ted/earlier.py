"""What an earlier network has learnt of a domain, and where its features are now; without PyTorch.

Features of states are found again by their names: intents, entities, actions, forms, and values of
slots.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import ConfigError, InputError
from gossamer.dialogue.policies.ted.features import (
    ACTION_NAME,
    ACTIVE_LOOP,
    ENTITIES,
    INTENT,
    SLOTS,
    feature_widths,
)
from gossamer.nlu.pipeline.starting_point import Was
from gossamer.nn.frozen.weights import Arrays


@dataclass(frozen=True, slots=True)
class Before:
    """What an earlier network has learnt, and where its features, labels and tags are now.

    Attributes:
        weights: as they are stored.
        names: of each named attribute's features now their places before, or -1.
        labels: likewise, of labels.
        texts: likewise, of sparse columns of sequence and sentence features; None without texts.
        tags: likewise, of tags; None where there were none.
        epoch_fraction: how much of its epochs the new network is trained for.
    """

    weights: Arrays
    names: Mapping[str, Was]
    labels: Was
    texts: tuple[Was, Was] | None
    tags: Was | None
    epoch_fraction: float


def feature_names(domain: Domain) -> dict[str, Sequence[Hashable]]:
    """What each feature of each named attribute is of, in the order of `StateFeaturizer`."""
    return {
        INTENT: domain.intent_names,
        ACTION_NAME: domain.action_labels,
        ENTITIES: domain.entity_labels,
        SLOTS: [
            (slot.name, slot.type.value, slot.values[place] if slot.values else place)
            for slot in domain.slots
            for place in range(slot.feature_size)
        ],
        ACTIVE_LOOP: list(domain.forms),
    }


def domain_faults(now: Domain, before: Domain, owner: str) -> Iterator[InputError]:
    """Why a policy cannot go on: one domain has features of a kind of which the other has none.

    The network has then a part that is wider or not there.

    Args:
        now: the domain.
        before: that of the earlier model.
        owner: the policy.
    """
    kinds, known = feature_widths(now).keys(), feature_widths(before).keys()
    if kinds != known:
        told = [f"{kind} now" for kind in kinds if kind not in known]
        told += [f"{kind} before" for kind in known if kind not in kinds]
        yield ConfigError(
            f"{owner} can go on from a model only with a domain that has features of the same "
            "kinds",
            got=f"only {' and '.join(told)}",
            where=now.where,
            hint="training without --finetune",
        )
