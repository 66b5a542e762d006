"""Gossamer: light dialogue understanding with randomly connected layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gossamer.version import __version__

__all__ = ["Assistant", "DIETClassifier", "RandomlyConnectedLinear", "__version__", "register"]

if TYPE_CHECKING:
    from gossamer.assistant import Assistant as Assistant
    from gossamer.nlu.estimator.estimator import DIETClassifier as DIETClassifier
    from gossamer.parts import register as register
    from gossamer.sparse import RandomlyConnectedLinear as RandomlyConnectedLinear

_HOMES = {
    "Assistant": "gossamer.assistant",
    "DIETClassifier": "gossamer.nlu.estimator.estimator",
    "RandomlyConnectedLinear": "gossamer.sparse",
    "register": "gossamer.parts",
}

# Libraries that are no dependencies but extras: asked for when the import has failed.
_NEEDS = {
    "Assistant": (),
    "DIETClassifier": ("torch", "scipy", "sklearn"),
    "RandomlyConnectedLinear": ("torch",),
    "register": (),
}


def __getattr__(name: str) -> Any:
    """Import the public names on first use, so that `import gossamer` needs no torch."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError:
        from gossamer.data.installed import require

        require(name, *_NEEDS[name])
        raise


def __dir__() -> list[str]:
    return sorted(__all__)
