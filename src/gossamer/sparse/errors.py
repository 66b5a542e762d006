"""One template for every error message: what must hold, what was given, what to try.

The same wording as the rest of Gossamer, repeated here because this package works alone and imports
torch and NumPy only.
"""

from __future__ import annotations

import numbers


def complaint(must_hold: str, *, got: object, hint: str) -> str:
    """Word a message.

    Args:
        must_hold: the rule that is broken, as a statement.
        got: what was given; its repr is shown, shortened to 120 characters.
        hint: what to try next.

    Returns:
        The message.
    """
    shown = repr(got)
    shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
    return f"{must_hold} (got {shown}). Try: {hint}"


def checked_density(density: object) -> float:
    """Check a connection density.

    Args:
        density: the value a caller gave.

    Returns:
        The density as a float in [0, 1].

    Raises:
        TypeError: it is not a real number (a bool is refused).
        ValueError: it lies outside [0, 1] or is not a number (NaN).
    """
    hint = "0.2 for a fifth of the connections, 1.0 for a dense layer"
    if isinstance(density, bool) or not isinstance(density, numbers.Real):
        raise TypeError(
            complaint("connection_density must be a real number", got=density, hint=hint)
        )
    value = float(density)
    if not 0.0 <= value <= 1.0:
        raise ValueError(complaint("connection_density must lie in [0, 1]", got=density, hint=hint))
    return value


def checked_width(name: str, width: object) -> int:
    """Check a number of units.

    Args:
        name: the argument's name, for the message.
        width: the value a caller gave.

    Returns:
        The width as an int of at least 1.

    Raises:
        TypeError: it is not an integer (a bool is refused).
        ValueError: it is below 1.
    """
    hint = "a whole number of units, 1 or more"
    if isinstance(width, bool) or not isinstance(width, numbers.Integral):
        raise TypeError(complaint(f"{name} must be an integer", got=width, hint=hint))
    if int(width) < 1:
        raise ValueError(complaint(f"{name} must be at least 1", got=width, hint=hint))
    return int(width)


def checked_seed(seed: object) -> int:
    """Check a seed.

    Args:
        seed: the value a caller gave.

    Returns:
        The seed as an int of at least 0.

    Raises:
        TypeError: it is not an integer (a bool is refused).
        ValueError: it is negative.
    """
    hint = "any whole number from 0 up, or None to draw one from torch's global generator"
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral):
        raise TypeError(complaint("seed must be an integer or None", got=seed, hint=hint))
    if int(seed) < 0:
        raise ValueError(complaint("seed must not be negative", got=seed, hint=hint))
    return int(seed)
