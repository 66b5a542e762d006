"""Everything about DIET's network that the data decide, and what its encoder gives."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from gossamer.nlu.diet.features import FeatureWidths, TextWidths
from gossamer.nlu.diet.tags import TagKind

Side: TypeAlias = Literal["text", "label"]
NumbersT = TypeVar("NumbersT")


class Encoded(NamedTuple, Generic[NumbersT]):
    """Transformer output, in tensors where it learns and in arrays where it answers.

    Attributes:
        tokens: *Shape:* (n_tokens, width); (0, width) when there are no sequence features.
        sentence: *Shape:* (n_texts, width).
    """

    tokens: NumbersT
    sentence: NumbersT


class NetworkShape(NamedTuple):
    """Everything about a network that the data decide.

    Attributes:
        text: widths of the texts' features.
        label: widths of the label features, `TextWidths` where labels are texts; None without
            labels.
        n_labels: how many labels.
        n_tags: tags of each kind; empty without entities.
        forbidden: per kind, which tag must not follow which (see `LinearChainCRF`); may lack kinds.
        n_counts: sparse columns of `TextFeatures.counts`; without any, no wide path.
    """

    text: TextWidths
    label: FeatureWidths | TextWidths | None
    n_labels: int
    n_tags: Mapping[TagKind, int] = MappingProxyType({})
    forbidden: Mapping[TagKind, npt.NDArray[np.bool_]] = MappingProxyType({})
    n_counts: int = 0
