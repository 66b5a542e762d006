"""Studies: many small trainings, one row each, and what they show together.

For example, F1 of intents at several densities and two sizes:

    data = read_study_data("intent", "config.yml", "data", "tests/nlu_test.yml")
    result = run_study("density", data, "study", grid=Grid(densities=(1.0, 0.2), sizes=(16, 64)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = [
    "STUDIES",
    "Analysis",
    "Backend",
    "Cell",
    "Choice",
    "Grid",
    "InputLayer",
    "Method",
    "Picture",
    "Progress",
    "RowStore",
    "Run",
    "Study",
    "StudyData",
    "StudyFolder",
    "StudyResult",
    "Table",
    "Task",
    "WeightCounts",
    "cells",
    "count_network",
    "perform",
    "read_study_data",
    "run_study",
    "smallest_within_one_standard_error",
    "study_named",
    "write_index",
]

if TYPE_CHECKING:
    from gossamer.study.catalog import STUDIES as STUDIES
    from gossamer.study.catalog import study_named as study_named
    from gossamer.study.data import StudyData as StudyData
    from gossamer.study.data import read_study_data as read_study_data
    from gossamer.study.executors.executor import Backend as Backend
    from gossamer.study.grid import Grid as Grid
    from gossamer.study.kind import Study as Study
    from gossamer.study.report.analysis import Analysis as Analysis
    from gossamer.study.report.analysis import Picture as Picture
    from gossamer.study.report.analysis import Table as Table
    from gossamer.study.report.summary import Cell as Cell
    from gossamer.study.report.summary import Choice as Choice
    from gossamer.study.report.summary import cells as cells
    from gossamer.study.report.summary import (
        smallest_within_one_standard_error as smallest_within_one_standard_error,
    )
    from gossamer.study.results.counting import WeightCounts as WeightCounts
    from gossamer.study.results.counting import count_network as count_network
    from gossamer.study.results.folder import StudyFolder as StudyFolder
    from gossamer.study.results.folder import write_index as write_index
    from gossamer.study.results.rows import RowStore as RowStore
    from gossamer.study.run import InputLayer as InputLayer
    from gossamer.study.run import Method as Method
    from gossamer.study.run import Run as Run
    from gossamer.study.run import Task as Task
    from gossamer.study.runner import Progress as Progress
    from gossamer.study.runner import StudyResult as StudyResult
    from gossamer.study.runner import run_study as run_study
    from gossamer.study.training import perform as perform

_HOMES = {
    "Analysis": "gossamer.study.report.analysis",
    "Backend": "gossamer.study.executors.executor",
    "Cell": "gossamer.study.report.summary",
    "Choice": "gossamer.study.report.summary",
    "Grid": "gossamer.study.grid",
    "InputLayer": "gossamer.study.run",
    "Method": "gossamer.study.run",
    "Picture": "gossamer.study.report.analysis",
    "Progress": "gossamer.study.runner",
    "RowStore": "gossamer.study.results.rows",
    "Run": "gossamer.study.run",
    "STUDIES": "gossamer.study.catalog",
    "Study": "gossamer.study.kind",
    "StudyData": "gossamer.study.data",
    "StudyFolder": "gossamer.study.results.folder",
    "StudyResult": "gossamer.study.runner",
    "Table": "gossamer.study.report.analysis",
    "Task": "gossamer.study.run",
    "WeightCounts": "gossamer.study.results.counting",
    "cells": "gossamer.study.report.summary",
    "count_network": "gossamer.study.results.counting",
    "perform": "gossamer.study.training",
    "read_study_data": "gossamer.study.data",
    "run_study": "gossamer.study.runner",
    "smallest_within_one_standard_error": "gossamer.study.report.summary",
    "study_named": "gossamer.study.catalog",
    "write_index": "gossamer.study.results.folder",
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that a process of a study starts quickly."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError:
        from gossamer.data.installed import STUDYING, require

        require("a study", *STUDYING)
        raise


def __dir__() -> list[str]:
    return sorted(__all__)
