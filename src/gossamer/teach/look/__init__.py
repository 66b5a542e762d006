"""Looks into a model: its kernels, what it confuses, how sure it is, whether more examples help.

Each function gives JSON, with `state`: "done", or "none" with a `text` where there is nothing to
show.
"""

from __future__ import annotations

from gossamer.teach.look.curve import learning_curve
from gossamer.teach.look.layers import layers_of
from gossamer.teach.look.tested import TestedMessages, confusion_of, coverage_of

__all__ = ["TestedMessages", "confusion_of", "coverage_of", "layers_of", "learning_curve"]
