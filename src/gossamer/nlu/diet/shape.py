"""Everything about DIET's network that the data decide."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nlu.diet.features import FeatureWidths, TextWidths
from gossamer.nlu.diet.tags import TagKind


class NetworkShape(NamedTuple):
    """See the module's docstring.

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
