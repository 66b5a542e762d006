"""A trained conditional random field that answers: how probable is each tag of each token.

The probabilities are those that CRFsuite gives with the same weights (Lafferty, McCallum and
Pereira 2001, "Conditional random fields"), from NumPy.

Dimensions: `n_attributes` known attributes, `n_tags` tags that occurred in training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.nlu.diet.features import runs_of_numbers
from gossamer.nlu.diet.tags import Tagging
from gossamer.nlu.extractors.crf.attributes import Attributes
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.frozen.crf import Decoder

Doubles = npt.NDArray[np.float64]
Arrays = Mapping[str, npt.NDArray[Any]]

_SPARSE = ("data", "indices", "indptr")


class Tagger:
    """A linear-chain field over attributes.

    Args:
        tags: their names, those of BILOU with prefixes.
        attributes: their names.
        weights: of attributes and tags. *Shape:* (n_attributes, n_tags).
        transitions: weights from tag to tag. *Shape:* (n_tags, n_tags).
        is_bilou: whether tags have prefixes.

    Raises:
        ValueError: names are not texts that differ, or arrays do not fit them.
    """

    def __init__(
        self,
        tags: Sequence[str],
        attributes: Sequence[str],
        weights: CsrMatrix,
        transitions: npt.NDArray[np.float32],
        *,
        is_bilou: bool,
    ) -> None:
        self.tags, self._is_bilou = tuple(tags), is_bilou
        self._column = {name: number for number, name in enumerate(attributes)}
        for what, names in (("tags", tags), ("attributes", attributes)):
            if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
                raise ValueError(f"{what} must be texts that differ")
        n_tags = len(self.tags)
        if n_tags == 0 or weights.shape != (len(self._column), n_tags):
            raise ValueError(
                f"{len(self._column)} attributes and {n_tags} tags: {weights.shape} weights"
            )
        if transitions.shape != (n_tags, n_tags) or transitions.dtype != np.float32:
            raise ValueError(
                f"{n_tags} tags: {transitions.shape} weights from tag to tag, {transitions.dtype}"
            )
        if not (np.isfinite(weights.data).all() and np.isfinite(transitions).all()):
            raise ValueError("weights must be finite")
        self._weights, self._transitions = weights, transitions
        self._decoder = Decoder(transitions)
        # A confidence is that of the name, whatever the prefix.
        names = Tagging(list(tags), [], is_bilou).without_prefixes()
        self._is_same_name = np.array([[one == other for one in names] for other in names])

    def __call__(self, tokens: Sequence[Attributes]) -> Tagging:
        """The most probable tag of each token of a text; at least one token.

        As in Rasa, each token's by itself, and its confidence is the sum over all prefixes.
        """
        likely = self.marginals(tokens)
        best = likely.argmax(axis=1)
        confidences = (likely * self._is_same_name[best]).sum(axis=1).clip(0.0, 1.0)
        return Tagging([self.tags[tag] for tag in best], confidences.tolist(), self._is_bilou)

    def marginals(self, tokens: Sequence[Attributes]) -> Doubles:
        """The probability of each tag at each token. *Shape:* (n_tokens, n_tags)."""
        return self._decoder.marginals(self._logits(tokens))

    def _logits(self, tokens: Sequence[Attributes]) -> Any:
        """Sums of the weights of each token's attributes. *Shape:* (n_tokens, n_tags)."""
        known = [
            (row, self._column[name], value)
            for row, attributes in enumerate(tokens)
            for name, value in attributes.items()
            if name in self._column
        ]
        n_tags, indptr = len(self.tags), self._weights.indptr.astype(np.int64)
        row, column, value = (np.array([each[i] for each in known]) for i in range(3))
        starts = indptr[column.astype(np.int64)]
        sizes = indptr[column.astype(np.int64) + 1] - starts
        places = runs_of_numbers(starts, sizes)
        cells = np.repeat(row.astype(np.int64) * n_tags, sizes) + self._weights.indices[places]
        sums = np.bincount(
            cells,
            weights=np.repeat(value, sizes) * self._weights.data[places],
            minlength=len(tokens) * n_tags,
        )
        return sums.reshape(len(tokens), n_tags)

    def to_json(self) -> dict[str, Any]:
        """The names."""
        return {"tags": list(self.tags), "attributes": list(self._column)}

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The weights."""
        sparse = {name: getattr(self._weights, name) for name in _SPARSE}
        return {**sparse, "transitions": self._transitions}

    @classmethod
    def stored(cls, json: Mapping[str, Any], arrays: Arrays, *, is_bilou: bool) -> Tagger:
        """What `to_json` and `to_arrays` took apart.

        Raises:
            KeyError: a part is missing.
            ValueError: parts do not fit together.
        """
        tags, attributes = json["tags"], json["attributes"]
        if not isinstance(tags, list) or not isinstance(attributes, list):
            raise ValueError("tags and attributes must be lists")
        data, indices, indptr = (arrays[name] for name in _SPARSE)
        weights = CsrMatrix.checked(data, indices, indptr, len(tags))
        return cls(tags, attributes, weights, arrays["transitions"], is_bilou=is_bilou)
