"""The features an exported DIET takes: as arrays, and described for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError
from gossamer.export.subject import Model, find_diet, pipeline_of
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.features import FeatureWidths, KeptColumns, TextWidths, text_features
from gossamer.nlu.pipeline.component import FOR_LATER_COMPONENTS
from gossamer.nlu.pipeline.messages import FeatureBlock, FeatureMatrix, MessageBatch
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nn.frozen.inputs import FeatureInput

_SAMPLE = "a"  # any text will do: the widths of its features are those of all


def onnx_inputs(
    model: Model, texts: Sequence[str], *, component: str | None = None
) -> dict[str, npt.NDArray[Any]]:
    """The inputs of an exported model for some texts, as `docs/guides/export.md` describes them.

    Args:
        model: what was exported.
        texts: each with at least one token.
        component: as in `export_model`.

    Returns:
        Arrays by the names of the inputs.

    Raises:
        DataError: one string was given instead of a list, there is no text, or one holds nothing
            but white space.
        ConfigError: as `export_model`.
    """
    pipeline = pipeline_of(model)
    diet = find_diet(pipeline, component)
    if isinstance(texts, str):
        raise DataError("texts must be a list of strings", got=texts, hint="[text]")
    if not texts:
        raise DataError("an exported model needs at least one text", got=texts)
    batch = pipeline.process(texts, before=diet)
    lengths = batch.lengths
    if (lengths == 0).any():
        empty = texts[int(np.flatnonzero(lengths == 0)[0])]
        raise DataError(
            "each text of an exported model needs a token",
            got=empty,
            hint="leaving out blank texts; their intent is None",
        )
    widths = feature_widths(diet)
    use_sequence = widths.sequence != (0, 0)
    text = text_features(_own_blocks(diet, batch), lengths, use_sequence=use_sequence)
    inputs: dict[str, npt.NDArray[Any]] = {"lengths": lengths}
    for name, features, read in (
        ("sequence", text.sequence, widths.sequence),
        ("sentence", text.sentence, widths.sentence),
    ):
        if features.sparse is not None and read.n_sparse > 0:
            inputs[f"{name}_offsets"] = features.sparse.indptr.astype(np.int64)
            inputs[f"{name}_columns"] = features.sparse.indices.astype(np.int64)
            inputs[f"{name}_values"] = features.sparse.data.astype(np.float32)
        if features.dense is not None and read.n_dense > 0:
            inputs[f"{name}_dense"] = features.dense
    return inputs


def feature_widths(diet: DIETComponent) -> TextWidths:
    """Widths of the features that an exported model takes: as the featurizers make them.

    Zero for what the network does not read at all. Of sparse columns it may read some only.
    """
    network = diet.frozen
    if network is None:
        return TextWidths(FeatureWidths(0, 0), FeatureWidths(0, 0))
    layers = network.sequence_input, network.sentence_input
    return TextWidths(*map(_widths, layers, diet.columns))


def _widths(layer: FeatureInput, kept: KeptColumns | None) -> FeatureWidths:
    n_read = 0 if layer.table is None else layer.table.n_features
    return FeatureWidths(n_read if kept is None else kept.n_columns, layer.n_dense)


def describe_featurizers(pipeline: Pipeline, diet: DIETComponent) -> list[dict[str, Any]]:
    """What makes DIET's features, in order: names, options, vocabularies, and their columns."""
    sample = pipeline.process([_SAMPLE], before=diet)
    blocks = {block.origin: block for block in _own_blocks(diet, sample)}
    ends = {"sequence": {"sparse": 0, "dense": 0}, "sentence": {"sparse": 0, "dense": 0}}
    described = []
    for record in pipeline.state():
        if record.alias == diet.alias:
            break
        provides = next(c for c in pipeline.components if c.alias == record.alias).provides
        if not provides & FOR_LATER_COMPONENTS:
            continue
        columns = {
            part: _columns(matrix, ends[part])
            for part, matrix in _parts(blocks.get(record.alias)).items()
        }
        if provides & {"documents", "tokens"} or columns:
            described.append(
                {
                    "name": record.name,
                    "alias": record.alias,
                    "options": record.options,
                    "state": dict(record.state.json),
                    "columns": columns,
                }
            )
    return described


def _parts(block: FeatureBlock | None) -> dict[str, FeatureMatrix]:
    if block is None:
        return {}
    parts = {"sequence": block.sequence, "sentence": block.sentence}
    return {name: matrix for name, matrix in parts.items() if matrix is not None}


def _columns(matrix: FeatureMatrix, ends: dict[str, int]) -> dict[str, Any]:
    """Where a featurizer's columns are among those of its kind; moves the end past them."""
    kind = "dense" if isinstance(matrix, np.ndarray) else "sparse"
    first, width = ends[kind], int(matrix.shape[1])
    ends[kind] += width
    return {"kind": kind, "first": first, "width": width}


def _own_blocks(diet: DIETComponent, batch: MessageBatch) -> list[FeatureBlock]:
    wanted = diet.options.featurizers
    return [block for block in batch.blocks if not wanted or block.origin in wanted]
