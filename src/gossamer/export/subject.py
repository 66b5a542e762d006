"""What can be exported, and which part of it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from gossamer.assistant import Assistant
from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.pipeline.component import FOR_LATER_COMPONENTS
from gossamer.nlu.pipeline.direct_message import DirectMessageHandler
from gossamer.nlu.pipeline.pipeline import Pipeline

if TYPE_CHECKING:  # it needs scikit-learn, which an assistant does not
    from gossamer.nlu.estimator.estimator import DIETClassifier

Model: TypeAlias = "Assistant | DIETClassifier | Pipeline"


def pipeline_of(model: Model) -> Pipeline:
    """The pipeline of a trained model. Raises `NotFittedError` for an estimator without one."""
    if isinstance(model, Pipeline):
        return model
    if isinstance(model, Assistant):
        return model.pipeline
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(model, "pipeline_")
    return model.pipeline_


def find_diet(pipeline: Pipeline, component: str | None) -> DIETComponent:
    """The DIET to export.

    Args:
        pipeline: the one it is in.
        component: its alias; None for the only one.

    Raises:
        ConfigError: there is no DIET, none of that alias, or several and no alias is given.
    """
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


def left_out(pipeline: Pipeline, diet: DIETComponent) -> list[str]:
    """Aliases of the components that are not exported with a DIET, in order.

    Tokenizer and featurizers are described with it, so they are not among them, nor is the handler
    of direct messages, which every pipeline has.
    """
    return [
        component.alias
        for component in pipeline.components
        if component is not diet
        and not component.provides & FOR_LATER_COMPONENTS
        and not isinstance(component, DirectMessageHandler)
    ]
