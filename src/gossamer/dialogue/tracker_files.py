"""The former place of `gossamer.dialogue.history.tracker_files`, kept for code that names it."""

from gossamer.dialogue.history.tracker_files import load_tracker, save_tracker

__all__ = ["load_tracker", "save_tracker"]
