"""Defaults of conversations and of training on stories."""

from __future__ import annotations

from typing import Final

DEFAULT_AUGMENTATION: Final = 50
"""How much stories are glued together: Rasa's default for `--augmentation`."""

DEFAULT_CHANNEL: Final = "cmdline"
"""Where messages go."""
