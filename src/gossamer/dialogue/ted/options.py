"""The former place of `gossamer.dialogue.policies.ted.options`, kept for code that names it."""

from gossamer.dialogue.policies.ted.options import TEDOptions

__all__ = ["TEDOptions"]
