"""The former place of `gossamer.nn.training.callbacks`, kept for code that names it."""

from gossamer.nn.training.callbacks import EarlyStopping, FitCallback

__all__ = ["EarlyStopping", "FitCallback"]
