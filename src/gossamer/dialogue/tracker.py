"""The former place of `gossamer.dialogue.history.tracker`, kept for code that names it."""

from gossamer.dialogue.history.tracker import Tracker

__all__ = ["Tracker"]
