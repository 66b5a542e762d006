"""The known studies, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from gossamer.data.errors import InputError
from gossamer.data.text.suggestions import nearest_or_all
from gossamer.study.kind import Study
from gossamer.study.kinds.convergence import ConvergenceStudy
from gossamer.study.kinds.density import DensityStudy
from gossamer.study.kinds.input_layer import InputLayerStudy
from gossamer.study.kinds.input_order import InputOrderStudy
from gossamer.study.kinds.methods import MethodsStudy
from gossamer.study.kinds.structure import StructureStudy
from gossamer.study.kinds.time import TimeStudy

_ALL: tuple[Study, ...] = (
    DensityStudy(),
    MethodsStudy(),
    ConvergenceStudy(),
    InputLayerStudy(),
    StructureStudy(),
    TimeStudy(),
    InputOrderStudy(),
)

STUDIES: Final = MappingProxyType({study.name: study for study in _ALL})


def study_named(name: str) -> Study:
    """The study of a name.

    Raises:
        InputError: there is no such study.
    """
    if name not in STUDIES:
        raise InputError(
            "a study must be a known one", got=name, hint=nearest_or_all(name, list(STUDIES))
        )
    return STUDIES[name]
