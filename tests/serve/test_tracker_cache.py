"""Conversations in memory: how many there are, and how large they are together."""

from __future__ import annotations

from gossamer.dialogue.history.tracker import Tracker
from gossamer.serve.work.tracker_cache import CachedTracker, TrackerCache


def cached(n_characters: int) -> CachedTracker:
    return CachedTracker(1, "model", Tracker(()), n_characters)


def kept(cache: TrackerCache) -> list[str]:
    return [name for name in "abcde" if cache.get(name) is not None]


def test_those_kept_longest_ago_go_first() -> None:
    cache = TrackerCache(most=2)
    for name in "abac":
        cache.keep(name, cached(1))
    assert kept(cache) == ["a", "c"]


def test_together_they_are_of_a_limited_size() -> None:
    cache = TrackerCache(most_characters=100)
    for name in "abc":
        cache.keep(name, cached(30))
    assert kept(cache) == ["a", "b", "c"]
    cache.keep("b", cached(60))  # grows; the others have 60
    assert kept(cache) == ["b", "c"]
    cache.keep("d", cached(101))
    assert kept(cache) == []
    cache.keep("e", cached(100))
    assert kept(cache) == ["e"]


def test_one_that_is_dropped_makes_room() -> None:
    cache = TrackerCache(most_characters=100)
    cache.keep("a", cached(60))
    cache.drop("a")
    cache.drop("never")
    for name in "bc":
        cache.keep(name, cached(50))
    assert kept(cache) == ["b", "c"]
