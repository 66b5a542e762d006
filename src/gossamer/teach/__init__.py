"""Teaching an assistant: what is wrong is corrected in the project's own files.

`TaughtProject` writes corrections into YAML files such that everything else in them stays as it is,
remembers who taught what, and takes it back.
"""

from gossamer.teach.corrections import (
    Correction,
    MessageCorrection,
    StoryCorrection,
    correction_json,
    correction_of,
)
from gossamer.teach.description import ProjectDescription
from gossamer.teach.files.patch import FileChange, Hunk, Patch
from gossamer.teach.history import Taught
from gossamer.teach.project import TaughtProject

__all__ = [
    "Correction",
    "FileChange",
    "Hunk",
    "MessageCorrection",
    "Patch",
    "ProjectDescription",
    "StoryCorrection",
    "Taught",
    "TaughtProject",
    "correction_json",
    "correction_of",
]
