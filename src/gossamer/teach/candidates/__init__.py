"""Candidates: trained from a project as it now is, compared, put in service, gone back from."""

from gossamer.teach.candidates.comparison import Comparison, Counts, Difference
from gossamer.teach.candidates.making import make_candidate
from gossamer.teach.candidates.progress import Progress, Stage
from gossamer.teach.candidates.store import (
    Candidate,
    ModelEntry,
    clean,
    erase_texts,
    find_candidate,
    go_back,
    models_of,
    put_in_service,
)
from gossamer.teach.candidates.task import CandidateTask
from gossamer.teach.candidates.trainings import Training, TrainingGoesOn, Trainings

__all__ = [
    "Candidate",
    "CandidateTask",
    "Comparison",
    "Counts",
    "Difference",
    "ModelEntry",
    "Progress",
    "Stage",
    "Training",
    "TrainingGoesOn",
    "Trainings",
    "clean",
    "erase_texts",
    "find_candidate",
    "go_back",
    "make_candidate",
    "models_of",
    "put_in_service",
]
