"""How far a candidate is, as a fraction that moves evenly with time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

_MOST: Final = 0.99  # until it is done
_TRUST: Final = 5.0  # seconds after which what was measured counts as much as the guesses


class Stage(StrEnum):
    """What is being done."""

    READING = "reading"
    TRAINING = "training"
    TESTING = "testing"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the making of a candidate is.

    Attributes:
        stage: what is being done.
        part: the component or policy that is trained, or None.
        fraction: of the time that all of it takes, in [0, 1]; it never falls.
        text: for people.
    """

    stage: Stage
    part: str | None = None
    fraction: float
    text: str

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def line(self) -> str:
        """JSON in one line."""
        return json.dumps(self.to_json(), ensure_ascii=False)

    @classmethod
    def read(cls, line: str) -> Progress | None:
        """The progress that a line says; None where it is none."""
        try:
            content = json.loads(line)
            return cls(**{**content, "stage": Stage(content["stage"])})
        except (ValueError, TypeError, KeyError):
            return None


ProgressListener = Callable[[Progress], None]


class EvenProgress:
    """Turns "this piece is done to so much" into a fraction of the whole time.

    There is a guess of how long each piece takes. What is left of the present piece follows from
    the time that it has taken so far; the others are guessed, longer or shorter as those before
    them have been longer or shorter than guessed.

    Args:
        listener: is told; None: nobody is.
        guesses: seconds of each piece, in order.
        clock: gives seconds.
    """

    def __init__(
        self,
        listener: ProgressListener | None,
        guesses: Mapping[str, float],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = listener or (lambda progress: None)
        self._guesses = dict(guesses)
        self._clock = clock
        self._began = self._last = self._piece_began = clock()
        self._piece = next(iter(guesses))
        self._fraction = 0.0

    def plan(self, guesses: Mapping[str, float]) -> None:
        """Guess anew: seconds of each piece, in order, those that are done among them."""
        self._guesses = dict(guesses)

    def drop(self, piece: str) -> None:
        """A piece falls away."""
        self._guesses[piece] = 0.0

    def at(
        self, piece: str, share: float, stage: Stage, text: str, *, part: str | None = None
    ) -> None:
        """Tell where it is.

        Args:
            piece: what is being done; those before it are done.
            share: of the piece, in [0, 1].
            stage: what is told with it.
            text: likewise.
            part: likewise.
        """
        now = self._clock()
        if piece != self._piece:  # it began when something was last told
            self._piece, self._piece_began = piece, self._last
        self._last = now
        names = list(self._guesses)
        place = names.index(piece)
        before = sum(self._guesses[name] for name in names[:place])
        after = sum(self._guesses[name] for name in names[place + 1 :])
        elapsed = now - self._began
        # At first the guesses count, later what was measured.
        pace = (elapsed + _TRUST) / (before + share * self._guesses[piece] + _TRUST)
        guessed = (1.0 - share) * self._guesses[piece] * pace
        measured = (1.0 - share) * (now - self._piece_began) / share if share > 0.0 else 0.0
        left = share * measured + (1.0 - share) * guessed + after * pace
        found = elapsed / (elapsed + left) if elapsed + left > 0.0 else 0.0
        self._fraction = max(self._fraction, min(found, _MOST))
        self._tell(Progress(stage=stage, part=part, fraction=round(self._fraction, 4), text=text))

    def done(self, text: str) -> None:
        """Tell the end."""
        self._tell(Progress(stage=Stage.DONE, fraction=1.0, text=text))
