"""From a trained assistant or estimator to a file that other programs can run."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.assistant import Assistant
from gossamer.data.errors import ConfigError, DataError, Location, ModelFileError
from gossamer.export.onnx_diet import diet_to_onnx
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.estimator import DIETClassifier
from gossamer.nlu.diet.estimator_inputs import class_names
from gossamer.nlu.diet.features import text_features
from gossamer.nlu.messages import FeatureBlock, FeatureMatrix, MessageBatch
from gossamer.nlu.pipeline import Pipeline

Model = Assistant | DIETClassifier | Pipeline
_SAMPLE = "a"


class ExportFormat(StrEnum):
    """Formats that a model can be exported to."""

    ONNX = "onnx"

    @classmethod
    def _missing_(cls, value: object) -> ExportFormat:
        raise ConfigError(
            "the export format must be a known one",
            got=value,
            hint=f"one of {[member.value for member in cls]}",
        )


def export_model(
    model: Model,
    path: str | Path,
    *,
    format: ExportFormat | str = ExportFormat.ONNX,
    component: str | None = None,
) -> Path:
    """Write the DIET of a trained model to a file that other programs can run, atomically.

    Args:
        model: an assistant, a fitted estimator or a trained pipeline.
        path: the file; its folder is made if need be, a file of that name replaced.
        format: "onnx" is the only one as yet.
        component: alias of the DIET to take; needed only where the pipeline has several.

    Returns:
        The file's path.

    Raises:
        ConfigError: the format is not known, what it needs is not installed, or the pipeline has
            no such DIET.
        ModelFileError: the file cannot be written there.
    """
    ExportFormat(format)
    pipeline = _pipeline(model)
    diet = _find_diet(pipeline, component)
    raw = diet_to_onnx(
        diet, intents=_intents(model, diet), featurizers=_featurizers(pipeline, diet)
    )
    path = Path(path)
    _write(path, raw)
    return path


def onnx_inputs(
    model: Model, texts: Sequence[str], *, component: str | None = None
) -> dict[str, npt.NDArray[Any]]:
    """The inputs of an exported model for some texts, as `docs/export.md` describes them.

    Args:
        model: what was exported.
        texts: each with a token at least.
        component: as in `export_model`.

    Returns:
        Arrays by the names of the inputs.

    Raises:
        DataError: one string was given instead of a list, there is no text, or one holds nothing
            but white space.
        ConfigError: as `export_model`.
    """
    pipeline = _pipeline(model)
    diet = _find_diet(pipeline, component)
    if isinstance(texts, str):
        raise DataError("texts must be a list of strings", got=texts, hint="[text]")
    if not texts:
        raise DataError("an exported model needs at least one text", got=texts)
    batch = _processed(pipeline, diet, texts)
    lengths = batch.lengths
    if (lengths == 0).any():
        empty = texts[int(np.flatnonzero(lengths == 0)[0])]
        raise DataError(
            "each text of an exported model needs a token",
            got=empty,
            hint="leaving out blank texts; their intent is None",
        )
    has_sequence = diet.network is not None and diet.network.has_sequence
    text = text_features(_own_blocks(diet, batch), lengths, use_sequence=has_sequence)
    inputs: dict[str, npt.NDArray[Any]] = {"lengths": lengths}
    for name, features in (("sequence", text.sequence), ("sentence", text.sentence)):
        if features.sparse is not None:
            inputs[f"{name}_offsets"] = features.sparse.indptr.astype(np.int64)
            inputs[f"{name}_columns"] = features.sparse.indices.astype(np.int64)
            inputs[f"{name}_values"] = features.sparse.data.astype(np.float32)
        if features.dense is not None:
            inputs[f"{name}_dense"] = features.dense
    return inputs


def _pipeline(model: Model) -> Pipeline:
    if isinstance(model, Assistant):
        return model.pipeline
    return model if isinstance(model, Pipeline) else model.pipeline_


def _find_diet(pipeline: Pipeline, component: str | None) -> DIETComponent:
    found = {c.alias: c for c in pipeline.components if isinstance(c, DIETComponent)}
    if component is None and len(found) == 1:
        return next(iter(found.values()))
    if component in found:
        return found[component]
    if not found:
        raise ConfigError(
            "only a pipeline with DIETClassifier can be exported",
            got=[c.alias for c in pipeline.components],
            hint="a model that was trained with DIETClassifier",
        )
    raise ConfigError(
        "the DIETClassifier to export must be named by its alias",
        got=component,
        hint=f"component={sorted(found)[0]!r}" if len(found) == 1 else f"one of {sorted(found)}",
    )


def _processed(pipeline: Pipeline, diet: DIETComponent, texts: Sequence[str]) -> MessageBatch:
    """The texts behind the components that stand before DIET."""
    batch = MessageBatch(texts=texts)
    for component in pipeline.components:
        if component is diet:
            break
        component.process(batch)
    return batch


def _own_blocks(diet: DIETComponent, batch: MessageBatch) -> list[FeatureBlock]:
    wanted = diet.options.featurizers
    return [block for block in batch.blocks if not wanted or block.origin in wanted]


def _intents(model: Model, diet: DIETComponent) -> list[str]:
    """Names of the intents in the order of the scores; an estimator's are those of its classes."""
    names: dict[str, str] = {}
    if isinstance(model, DIETClassifier) and hasattr(model, "classes_"):
        names = {name: str(label) for label, name in class_names(model.classes_).items()}
    return [names.get(label, label) for label in diet.labels]


def _featurizers(pipeline: Pipeline, diet: DIETComponent) -> list[dict[str, Any]]:
    """What makes DIET's features, in order: names, options, vocabularies, and their columns."""
    sample = _processed(pipeline, diet, [_SAMPLE])
    blocks = {block.origin: block for block in _own_blocks(diet, sample)}
    ends = {"sequence": {"sparse": 0, "dense": 0}, "sentence": {"sparse": 0, "dense": 0}}
    described = []
    for record in pipeline.state():
        if record.alias == diet.alias:
            break
        provides = next(c for c in pipeline.components if c.alias == record.alias).provides
        if not provides & {"tokens", "features"}:
            continue
        columns = {
            part: _columns(matrix, ends[part])
            for part, matrix in _parts(blocks.get(record.alias)).items()
        }
        if "tokens" in provides or columns:
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
    """Where a featurizer's columns stand among those of its kind; moves the end behind them."""
    kind = "dense" if isinstance(matrix, np.ndarray) else "sparse"
    first, width = ends[kind], int(matrix.shape[1])
    ends[kind] += width
    return {"kind": kind, "first": first, "width": width}


def _write(path: Path, raw: bytes) -> None:
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        umask = os.umask(0o077)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise ModelFileError(
            "the model must be exported to a place that can be written",
            got=str(error),
            where=Location(path),
            hint="another folder",
        ) from error
    finally:  # also when interrupted
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
