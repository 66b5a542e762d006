"""From a trained assistant or estimator to a file that other programs can run."""

from __future__ import annotations

import warnings
from enum import StrEnum
from pathlib import Path

from gossamer.assistant import Assistant
from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.data.text.files import write_file
from gossamer.export.features import describe_featurizers
from gossamer.export.onnx_diet import diet_to_onnx
from gossamer.export.subject import Model, find_diet, left_out, pipeline_of
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.estimator.labels import class_names
from gossamer.nlu.pipeline.pipeline import Pipeline


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

    The file holds no other component; a warning names those of the pipeline that do more than
    make features, such as ResponseSelector, other extractors or FallbackClassifier.

    Args:
        model: an assistant, a fitted estimator or a trained pipeline.
        path: the file; its folder is made if necessary; a file of that name is replaced.
        format: "onnx" is the only one so far.
        component: alias of the DIET to take; needed only where the pipeline has several.

    Returns:
        The file's path.

    Raises:
        ConfigError: the format is not known, or the pipeline has no such DIET.
        MissingPartError: what the format needs is not installed.
        ModelFileError: the file cannot be written there.
        NotFittedError: the estimator is not fitted.
    """
    ExportFormat(format)
    pipeline = pipeline_of(model)
    diet = find_diet(pipeline, component)
    others = left_out(pipeline, diet)
    raw = diet_to_onnx(
        diet,
        intents=_intents(model, diet),
        featurizers=describe_featurizers(pipeline, diet),
        not_exported=others,
    )
    path = Path(path)
    write_file(path, raw, error=ModelFileError)
    finders = [
        part.alias
        for part in pipeline.components
        if part.alias in others
        and not isinstance(part, DIETComponent)
        and part.provides & {"response_selector", "entities", "intent"}
    ]
    if finders:
        warnings.warn(
            f"the exported model holds {diet.alias} alone; what {', '.join(finders)} would add to "
            "its answers is not in it",
            stacklevel=2,
        )
    return path


def _intents(model: Model, diet: DIETComponent) -> list[str]:
    """Names of the intents in the order of the scores; an estimator's are those of its classes."""
    names: dict[str, str] = {}
    if not isinstance(model, Assistant | Pipeline) and hasattr(model, "classes_"):
        names = {name: str(label) for label, name in class_names(model.classes_).items()}
    return [names.get(label, label) for label in diet.labels]
