"""The studies there are, by name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from gossamer.data.errors import InputError
from gossamer.data.names import nearest_or_all
from gossamer.study.kind import Study
from gossamer.study.kinds.density import DensityStudy

STUDIES: Final = MappingProxyType({study.name: study for study in (DensityStudy(),)})


def study_named(name: str) -> Study:
    """The study of a name.

    Raises:
        InputError: there is none.
    """
    if name not in STUDIES:
        raise InputError(
            "a study must be one that there is", got=name, hint=nearest_or_all(name, list(STUDIES))
        )
    return STUDIES[name]
