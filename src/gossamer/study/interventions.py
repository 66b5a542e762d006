"""What studies change about a training besides its options: see `Method` and `InputLayer`."""

from __future__ import annotations

from gossamer.nn.callbacks import FitCallback
from gossamer.study.runs import Run


def callbacks_for(run: Run) -> list[FitCallback]:
    """What takes part in the training of a run."""
    return []
