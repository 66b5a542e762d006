"""The training set as DIET's network takes it: in batches of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gossamer.nlu.diet.features import Indices, TextFeatures, TokenChoice
from gossamer.nlu.diet.tags import TagKind


@dataclass(frozen=True, slots=True)
class DIETBatch:
    """What the network learns from in one step.

    Attributes:
        text: features of the texts.
        labels: intent of each text. *Shape:* (n_texts,), int64. None without intents.
        tags: tag of each token, per kind. *Shape:* of each (n_tokens,), int64.
        token_ids: which tokens have the same features; for masked language modelling.
            *Shape:* (n_tokens,), int64.
        weights: what each text's losses are multiplied by; None for 1 each. *Shape:* (n_texts,).
    """

    text: TextFeatures
    labels: Tensor | None = None
    tags: Mapping[TagKind, Tensor] = field(default_factory=dict)
    token_ids: Tensor | None = None
    weights: Tensor | None = None


@dataclass(frozen=True, slots=True)
class DIETData:
    """The training set; attributes as in `DIETBatch`, for all texts."""

    text: TextFeatures
    labels: Indices | None
    tags: Mapping[TagKind, Indices]
    token_ids: Indices | None
    weights: npt.NDArray[np.float32] | None = None
    _starts: Indices = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Computed once, so that a batch costs the same however large the training set is.
        object.__setattr__(self, "_starts", self.text.starts())

    def batch(self, chosen: Indices, tokens: TokenChoice | None = None) -> DIETBatch:
        """A batch of the given texts.

        Args:
            chosen: numbers of the texts. *Shape:* (n_chosen,).
            tokens: of these texts; None for their own.
        """
        tokens = self.text.tokens_of(chosen, self._starts) if tokens is None else tokens
        return DIETBatch(
            self.text.texts(chosen, tokens),
            None if self.labels is None else torch.from_numpy(self.labels[chosen]),
            {kind: torch.from_numpy(tags[tokens.rows]) for kind, tags in self.tags.items()},
            None if self.token_ids is None else torch.from_numpy(self.token_ids[tokens.rows]),
            None if self.weights is None else torch.from_numpy(self.weights[chosen]),
        )
