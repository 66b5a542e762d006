"""What a command does where a library that it could use is not installed."""

from __future__ import annotations

from gossamer.cli.streams import say


def figures_wanted(are_asked_for: bool) -> bool:
    """Whether to draw; where that is asked for and cannot be done, a line says what to install."""
    from gossamer.data.installed import FIGURES, missing_part

    missing = missing_part("drawing", *FIGURES) if are_asked_for else None
    if missing is not None:
        say(f"Figures are left out: {missing}")
    return are_asked_for and missing is None
