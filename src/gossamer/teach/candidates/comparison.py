"""What got better and what got worse, sentence by sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from gossamer.teach.candidates.testing import Answer, Answers, Content, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many are right.

    Attributes:
        n: of how many.
        before: of the model that answers.
        after: of the candidate.
    """

    n: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A message or a story, and what both models say; see `Answer`.

    Attributes:
        kind: "message" or "story".
        text: the message, or the story's name.
        is_taught: whether it was taught; else it is of the project's test data.
        expected: what is right.
        before: what the model says that answers; None: there is none.
        after: what the candidate says.
    """

    kind: Kind
    text: str
    is_taught: bool
    expected: Content
    before: Content | None
    after: Content | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A candidate beside the model that answers.

    Attributes:
        summary: how many are right, of `taught`, `test_messages` and `test_stories`.
        better: what is right now and was wrong, taught first.
        worse: what is wrong now and was right.
        still_wrong: what was taught and is wrong as it was.
        seconds: of `reading`, `training` and `testing`.
        trained: what was trained and why, a line for each component and policy.
    """

    summary: Mapping[str, Counts]
    better: tuple[Difference, ...] = ()
    worse: tuple[Difference, ...] = ()
    still_wrong: tuple[Difference, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    trained: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "summary": {name: asdict(counts) for name, counts in self.summary.items()},
            "better": [asdict(each) for each in self.better],
            "worse": [asdict(each) for each in self.worse],
            "still_wrong": [asdict(each) for each in self.still_wrong],
            "seconds": dict(self.seconds),
            "trained": list(self.trained),
        }

    @classmethod
    def of_json(cls, content: Mapping[str, Any]) -> Comparison:
        """The comparison that `to_json` described.

        Raises:
            KeyError: something is missing.
            TypeError: something is of another kind.
        """
        differences = {
            name: tuple(Difference(**each) for each in content[name])
            for name in ("better", "worse", "still_wrong")
        }
        return cls(
            summary={name: Counts(**counts) for name, counts in content["summary"].items()},
            seconds=content["seconds"],
            trained=tuple(content["trained"]),
            **differences,
        )


def compare(
    before: Answers,
    after: Answers,
    *,
    seconds: Mapping[str, float],
    trained: Sequence[str],
) -> Comparison:
    """Put the answers of two models side by side."""
    pairs = {
        "taught": list(zip(before.taught, after.taught, strict=True)),
        "test_messages": list(zip(before.messages, after.messages, strict=True)),
        "test_stories": list(zip(before.stories, after.stories, strict=True)),
    }

    def differences(was: bool, now: bool, kinds: Sequence[str]) -> tuple[Difference, ...]:
        return tuple(
            _difference(old, new, is_taught=kind == "taught")
            for kind in kinds
            for old, new in pairs[kind]
            if (old.is_right, new.is_right) == (was, now)
        )

    return Comparison(
        summary={
            kind: Counts(
                n=len(each),
                before=sum(old.is_right for old, _ in each),
                after=sum(new.is_right for _, new in each),
            )
            for kind, each in pairs.items()
        },
        better=differences(False, True, list(pairs)),
        worse=differences(True, False, list(pairs)),
        still_wrong=differences(False, False, ["taught"]),
        seconds=seconds,
        trained=tuple(trained),
    )


def _difference(old: Answer, new: Answer, *, is_taught: bool) -> Difference:
    return Difference(
        kind=new.kind,
        text=new.text,
        is_taught=is_taught,
        expected=new.expected,
        before=old.found,
        after=new.found,
    )
