"""Options of the conditional random field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BeforeValidator, Field, field_validator

from gossamer.data.text.suggestions import nearest_or_all
from gossamer.nlu.extractors.crf.attributes import FEATURES
from gossamer.nlu.pipeline.component import ComponentOptions

Penalty = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]

_OF_POS = ("pos", "pos2")


class CRFEntityExtractorOptions(ComponentOptions):
    """Options of `CRFEntityExtractor`; names and defaults are Rasa's.

    Attributes:
        BILOU_flag: use separate tags for the first, inner, last and only tokens of an entity.
        split_entities_by_comma: False joins two neighbouring entities of one type when a comma is
            between them; a mapping decides for each entity type, True for the rest.
        features: a list of features for each token of a window whose middle is the current token,
            so an odd number of lists. Available: low (the token in lower case), title, upper,
            digit (Python's `str.istitle` and so on), prefix2, prefix5, suffix1, suffix2, suffix3,
            suffix5, bias (always there), pos and pos2 (part of speech, and its first two letters;
            of a tokenizer that gives it), pattern (the regexes and lookup tables of a
            RegexFeaturizer that match the token), text_dense_features (word vectors).
        max_iterations: most steps of L-BFGS.
        L1_c: strength of the L1 penalty, which makes weights zero.
        L2_c: strength of the L2 penalty.
        featurizers: aliases of the featurizers whose vectors text_dense_features is; empty for
            all.
    """

    BILOU_flag: bool = True
    split_entities_by_comma: bool | dict[str, bool] = True
    features: tuple[tuple[str, ...], ...] = (
        ("low", "title", "upper"),
        (
            *("low", "bias", "prefix5", "prefix2", "suffix5", "suffix3", "suffix2"),
            *("upper", "title", "digit", "pattern"),
        ),
        ("low", "title", "upper"),
    )
    max_iterations: Annotated[int, Field(ge=1, lt=2**31)] = 50
    L1_c: Penalty = 0.1
    L2_c: Penalty = 0.1
    featurizers: Annotated[
        tuple[str, ...], BeforeValidator(lambda value: () if value is None else value)
    ] = ()

    @field_validator("features")
    @classmethod
    def _are_known(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        for feature in (feature for features in value for feature in features):
            if feature not in FEATURES:
                raise ValueError(
                    f"'{feature}' is not a feature; try {nearest_or_all(feature, FEATURES)}"
                )
        if len(value) % 2 == 0:
            raise ValueError(
                f"the number of lists must be odd, so that one is in the middle (got {len(value)})"
            )
        if not any(value):
            raise ValueError("at least one feature is needed")
        return value

    def without_effect(self) -> Iterator[str]:
        """`featurizers` where no vectors are read."""
        if self.featurizers and not self.reads("text_dense_features"):
            yield "featurizers has no effect without text_dense_features among the features"

    def reads(self, *features: str) -> bool:
        """Whether any of these features is asked for."""
        return any(feature in features for own in self.features for feature in own)

    @property
    def reads_pos(self) -> bool:
        """Whether tokens need a part of speech."""
        return self.reads(*_OF_POS)
