"""What the estimator writes while it trains: nothing, a bar, or a line for each epoch."""

from __future__ import annotations

import sys
from typing import TextIO

from gossamer.nlu.pipeline.component import EpochReport

_NAMES = {"t_loss": "loss", "i_acc": "intent accuracy", "e_f1": "entity F1"}
_BAR = 20  # characters


class Progress:
    """Writes the progress of training to standard output.

    Args:
        verbose: 0 for nothing; 1 for a bar, in a terminal or a notebook only; 2 for a line for each
            epoch, anywhere.
    """

    def __init__(self, verbose: int) -> None:
        self._stream: TextIO = sys.stdout
        self._has_lines = verbose == 2
        self._has_bar = verbose == 1 and _is_watched(self._stream)
        self._width = 0

    def show(self, report: EpochReport) -> None:
        """Report an epoch."""
        if not self._has_lines and not self._has_bar:
            return
        metrics = ", ".join(f"{_name(key)} {value:.3f}" for key, value in report.metrics.items())
        place = f"{report.epoch}/{report.n_epochs}"
        if self._has_lines:
            self._stream.write(f"epoch {place}: {metrics}\n")
        else:
            done = _BAR * report.epoch // report.n_epochs
            line = f"[{'#' * done}{'.' * (_BAR - done)}] epoch {place}: {metrics}"
            self._stream.write("\r" + line.ljust(self._width))
            self._width = len(line)
        self._stream.flush()

    def close(self) -> None:
        """End the line of the bar."""
        if self._width:
            self._stream.write("\n")
            self._stream.flush()


def _name(metric: str) -> str:
    held_out = metric.startswith("val_")
    name = metric.removeprefix("val_")
    return f"{'validation ' if held_out else ''}{_NAMES.get(name, name)}"


def _is_watched(stream: TextIO) -> bool:
    """Whether the stream is shown as it is written: in a terminal or in a notebook."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel")
