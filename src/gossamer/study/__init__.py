"""Studies: many small trainings, one row each, and what they show together.

data = read_study_data("intent", "config.yml", "data", "tests/nlu_test.yml")
result = run_study("density", data, "study", grid=Grid(densities=(1.0, 0.2), sizes=(16, 64)))
"""

from gossamer.study.analysis import Analysis, Picture, Table
from gossamer.study.catalog import STUDIES, study_named
from gossamer.study.counting import WeightCounts, count_network
from gossamer.study.data import StudyData, read_study_data
from gossamer.study.folder import StudyFolder, write_index
from gossamer.study.grid import Grid
from gossamer.study.kind import Study
from gossamer.study.parallel import Backend
from gossamer.study.rows import RowStore
from gossamer.study.running import Progress, StudyResult, run_study
from gossamer.study.runs import InputLayer, Method, Run, Task
from gossamer.study.summary import Cell, Choice, cells, smallest_within_one_standard_error
from gossamer.study.training import perform

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
