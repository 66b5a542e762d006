"""Features of the texts in conversations, as TED reads them; without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.features import TextFeatures, text_features
from gossamer.nlu.learning.coverage import coverage, tells_texts_apart, trust
from gossamer.nlu.pipeline.messages import MessageBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.starting_point import Was


class TextReader:
    """Features of texts, by the featurizers of a trained pipeline.

    Args:
        pipeline: the trained pipeline, or None.
        featurizers: aliases of the featurizers to use; empty for all.

    Attributes:
        trusts_all: whether every text counts in full.
    """

    def __init__(self, pipeline: Pipeline | None, featurizers: Sequence[str] = ()) -> None:
        self._pipeline = pipeline
        self._featurizers = featurizers
        self.trusts_all = False

    def read(self, texts: Sequence[str]) -> tuple[TextFeatures, MessageBatch]:
        """Features of texts, and their tokens.

        Raises:
            ConfigError: there is no pipeline, or it gives no features.
        """
        if self._pipeline is None:
            raise no_text_features(texts[0], has_pipeline=False)
        batch = self._pipeline.process(texts)
        blocks = [
            block
            for block in batch.blocks
            if not self._featurizers or block.origin in self._featurizers
        ]
        batch.blocks = blocks
        features = text_features(blocks, batch.lengths)
        if features.sequence.is_empty and features.sentence.is_empty:
            raise no_text_features(texts[0], has_pipeline=True)
        return features, batch

    def columns_before(self, text: str) -> tuple[Was, Was] | None:
        """Where sparse columns were in the pipeline that the pipeline's training went on from.

        None where it did not.

        Args:
            text: any one.
        """
        if self._pipeline is None or self._pipeline.columns_before is None:
            return None
        _, batch = self.read([text])
        return self._pipeline.columns_before.of(batch.blocks, self._featurizers)

    def trust(self, text: str) -> float:
        """How far a message counts by its text, in [0, 1]; see `gossamer.nlu.learning.coverage`."""
        if self.trusts_all:
            return 1.0
        _, batch = self.read([text])
        return float(trust(coverage(batch.blocks, batch.lengths))[0])

    def see_coverage(self, batch: MessageBatch) -> None:
        """Find out from the texts of stories whether `trust` can be known."""
        self.trusts_all = not tells_texts_apart(coverage(batch.blocks, batch.lengths))


def no_text_features(text: str, *, has_pipeline: bool) -> ConfigError:
    """Refuse a story with a text where nothing gives features of it."""
    needed = "features of texts" if has_pipeline else "an NLU pipeline"
    return ConfigError(
        f"stories with texts need {needed}",
        got=text,
        hint="a pipeline with WhitespaceTokenizer and CountVectorsFeaturizer",
    )
