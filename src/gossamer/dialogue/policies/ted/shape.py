"""All that domain and stories decide about TED's network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.dialogue.policies.ted.features import (
    ACTION_NAME,
    ACTION_TEXT,
    ACTIVE_LOOP,
    ENTITIES,
    INTENT,
    SLOTS,
    TEXT,
)
from gossamer.dialogue.policies.ted.options import SparsePart, TextPart
from gossamer.nlu.diet.features import TextWidths

#: What is described by itself.
PLAIN: tuple[SparsePart, ...] = (ENTITIES, SLOTS, ACTIVE_LOOP)
#: A message and an action are each described by a name, by a text, or by both.
PAIRS: tuple[tuple[SparsePart, TextPart], ...] = ((INTENT, TEXT), (ACTION_NAME, ACTION_TEXT))


class TEDShape(NamedTuple):
    """See the module's docstring.

    Attributes:
        widths: features of each attribute that occurs.
        texts: widths of the features of messages' and actions' texts, where these occur.
        label_texts: widths of the features of actions that are texts; None without such actions.
        n_tags: tags of entities; 0 where none are to be found.
        forbidden: which tag must not follow which; see `LinearChainCRF`.
    """

    widths: Mapping[str, int]
    texts: Mapping[str, TextWidths]
    label_texts: TextWidths | None
    n_tags: int = 0
    forbidden: npt.NDArray[np.bool_] | None = None
