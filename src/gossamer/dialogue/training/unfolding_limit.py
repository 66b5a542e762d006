"""How many conversations may go on from one place, so that unfolding ends.

Alternatives multiply: a story with fourteen choices among three describes 4,782,969 conversations.
Where there are too many, some are drawn, so that every alternative stays in some of them.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

from gossamer.dialogue.training.story_graph import START, Segment, StoryGraph

FEWEST: Final = 10
"""This many conversations may always go on from a place."""


class Walked(Protocol):
    """A conversation that is being walked."""

    @property
    def path(self) -> tuple[Segment, ...]:
        """The segments it went through."""


WalkedT = TypeVar("WalkedT", bound=Walked)


class Quota:
    """Draws conversations where there are more than may go on.

    Every place (a segment of a story) gets the same quota, the largest with which all places
    together get no more than `most` conversations, counted by paths. It gets more where a walked
    segment would otherwise be in none of those that go on.

    Args:
        graph: what is going to be walked.
        most: how many conversations to walk, counted at each segment.
        random_seed: decides which are drawn.

    Attributes:
        n_paths: how many conversations there would be, those that look alike counted too.
        first_cut: the segment where conversations were left out first, or None.
    """

    def __init__(self, graph: StoryGraph, most: int, random_seed: int) -> None:
        counts = _path_counts(graph)
        ended = (n for segment, n in zip(graph.segments, counts, strict=True) if not segment.ends)
        self.n_paths = max(sum(ended), max(counts, default=0))
        self.first_cut: Segment | None = None
        self._quota = _largest_quota(counts, most)
        self._left = 2 * most  # more than counted come where stories lead in a circle
        self._rng = random.Random(random_seed)
        # Segments that begin at the same places share what must go on.
        self._n_siblings = Counter(map(_beginning, graph.segments))
        self._carried: dict[frozenset[str], set[int]] = defaultdict(set)

    def draw(self, arriving: list[WalkedT], segment: Segment) -> list[WalkedT]:
        """Those that go on through a segment, in their order."""
        quota = self._quota if self._left > 0 else FEWEST
        if len(arriving) > quota:
            self.first_cut = segment if self.first_cut is None else self.first_cut
            arriving = self._drawn(arriving, segment, quota)
        self._left -= len(arriving)
        return arriving

    def _drawn(self, arriving: list[WalkedT], segment: Segment, quota: int) -> list[WalkedT]:
        beginning = _beginning(segment)
        carried = self._carried[beginning]
        behind = [{id(part) for part in walked.path} for walked in arriving]
        share = len(set().union(*behind)) // self._n_siblings[beginning] + 1
        order = self._rng.sample(range(len(arriving)), len(arriving))
        chosen: set[int] = set()
        for position in order:
            if len(chosen) < max(quota, share) and not behind[position] <= carried:
                chosen.add(position)
                carried |= behind[position]
        for position in order:
            if len(chosen) >= quota:
                break
            chosen.add(position)
        return [arriving[position] for position in sorted(chosen)]


def _beginning(segment: Segment) -> frozenset[str]:
    return frozenset(link.name for link in segment.starts)


def _path_counts(graph: StoryGraph) -> list[int]:
    """How many paths reach each segment; circles are walked once."""
    reaching: Counter[str] = Counter({START: 1})
    counts = []
    for segment in graph.segments:
        count = sum(reaching[link.name] for link in segment.starts)
        for end in segment.ends:
            reaching[end] += count
        counts.append(count)
    return counts


def _largest_quota(counts: Sequence[int], most: int) -> int:
    """The largest quota with which the counts, each cut to it, add up to `most` or less."""
    total, n_left = 0, len(counts)
    for count in sorted(counts):
        if total + count * n_left > most:
            return max((most - total) // n_left, FEWEST)
        total += count
        n_left -= 1
    return max(most, FEWEST)
