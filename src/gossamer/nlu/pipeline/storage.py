"""A trained pipeline as JSON and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from gossamer.data.errors import ModelFileError
from gossamer.nlu.own.importing import NO_OWN_PARTS, OwnParts
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.reuse import ComponentRecord, stored_fingerprint

Arrays = dict[str, npt.NDArray[Any]]


def pipeline_to_parts(pipeline: Pipeline) -> tuple[list[dict[str, Any]], Arrays]:
    """JSON of each component, and all arrays, named "<number of the component>.<name>"."""
    components: list[dict[str, Any]] = []
    arrays: Arrays = {}
    for number, record in enumerate(pipeline.state()):
        arrays |= {f"{number}.{name}": array for name, array in record.state.arrays.items()}
        components.append(
            {
                "name": record.name,
                "alias": record.alias,
                "options": record.options,
                "state": dict(record.state.json),
                **stored_fingerprint(record.source),
            }
        )
    return components, arrays


def pipeline_from_parts(
    components: Sequence[Mapping[str, Any]],
    arrays: Mapping[str, npt.NDArray[Any]],
    own: OwnParts = NO_OWN_PARTS,
) -> Pipeline:
    """The trained pipeline that `pipeline_to_parts` took apart.

    Args:
        components: JSON of each component.
        arrays: all arrays.
        own: the classes of the user's own that may be imported.

    Raises:
        ModelFileError: the parts do not describe a pipeline of this version, or name an own class
            that may not be imported.
        OwnPartError: an own class cannot be imported or restored.
    """
    return Pipeline.from_state(records_from_parts(components, arrays), own)


def records_from_parts(
    components: Sequence[Mapping[str, Any]], arrays: Mapping[str, npt.NDArray[Any]]
) -> list[ComponentRecord]:
    """The components that `pipeline_to_parts` took apart, as they were stored.

    Raises:
        ModelFileError: the parts do not describe components.
    """
    by_component: dict[str, Arrays] = {}
    for name, array in arrays.items():
        number, _, rest = name.partition(".")
        by_component.setdefault(number, {})[rest] = array
    try:
        return [
            ComponentRecord.stored(part, by_component.get(str(number), {}))
            for number, part in enumerate(components)
        ]
    except (AttributeError, KeyError, TypeError) as error:
        raise ModelFileError(
            "a stored component must have name, alias, options and state",
            got=str(error),
            hint="training the model again",
        ) from error
