"""Regular expressions with a limit of time: they match as `re` does, and stop."""

from __future__ import annotations

import random
import re
import time
import warnings
from collections.abc import Iterator

import pytest

from gossamer.data.text.regexes import Regex, RegexError, RegexTimeout

SLOW = (r"(a|aa)+$", r"(?:a|aa)+b", r"(a|a)*$", r"(?:(a|aa|aaa)+)+c", r"(.|a)*?$^")


@pytest.mark.parametrize("pattern", SLOW)
def test_what_takes_too_long_is_stopped(pattern: str) -> None:
    regex = Regex.compile(pattern)
    start = time.perf_counter()
    with pytest.raises(RegexTimeout, match=r"longer than 0\.05 s"):
        regex.spans("a" * 100 + "d", 0.05)
    assert time.perf_counter() - start < 5


class Interrupted:
    """A compiled expression whose first searches run out of time."""

    def __init__(self, pattern: str, n_timeouts: int) -> None:
        self.pattern, self.n_timeouts = re.compile(pattern), n_timeouts

    def finditer(self, text: str, timeout: float) -> Iterator[re.Match[str]]:
        self.n_timeouts -= 1
        if self.n_timeouts >= 0:
            raise TimeoutError
        return self.pattern.finditer(text)


@pytest.mark.parametrize("n_timeouts", [0, 1, 2])
def test_a_limit_used_up_by_others_is_given_once_more(n_timeouts: int) -> None:
    pattern = r"(\w+) "
    regex = Regex(pattern, 1, re.compile(pattern), Interrupted(pattern, n_timeouts))  # type: ignore[arg-type]
    if n_timeouts < 2:
        assert regex.spans("a bc d", group=1) == [(0, 1), (2, 4)]
    else:
        with pytest.raises(RegexTimeout, match=r"longer than 0\.5 s"):
            regex.spans("a bc d", group=1)


def test_a_classic_is_answered() -> None:
    assert Regex.compile(r"(a+)+$").spans("a" * 45 + "b") == []
    assert Regex.compile(r"(a+)+$").spans("b" + "a" * 45) == [(1, 46)]


PARTS = (
    "a", "b", "c", ".", r"\w", r"\d", r"\s", r"\b", "[ab]", "[^a]", "[a-c1]", r"\W", " ", "1", "é",
    "-", "$", "^", r"\?", "a{2}", r"[\w-]", r"[^\w]", r"[\W\d]", r"[^\W\d_]", r"[^\W]", r"\B",
    "\u0301",
)  # fmt: skip


def random_pattern(rng: random.Random, depth: int = 0) -> str:
    def part() -> str:
        return random_pattern(rng, depth + 1)

    kind = rng.random()
    if depth > 3 or kind < 0.35:
        return rng.choice(PARTS)
    if kind < 0.6:
        return part() + part()
    if kind < 0.7:
        return f"({part()})"
    if kind < 0.8:
        return f"(?:{part()}|{part()})"
    return f"(?:{part()})" + rng.choice(["*", "+", "?", "{1,2}", "*?", "+?", "??", "{2}"])


def test_matches_as_re_does(seed: int) -> None:
    rng = random.Random(seed)
    n_compared = n_simple = 0
    for _ in range(1500):
        pattern, ignore_case = random_pattern(rng), rng.random() < 0.5
        text = "".join(rng.choices("abcABC1 -é?\u0301\u200d\u094dन२Ⅷ", k=rng.randint(1, 9)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
            except re.error:
                with pytest.raises(RegexError):
                    Regex.compile(pattern)
                continue
            regex = Regex.compile(pattern, ignore_case=ignore_case)
        assert regex.n_groups == expected.groups
        for group in range(regex.n_groups + 1):
            found = [match.span(group) for match in expected.finditer(text)]
            assert regex.spans(text, 5, group=group) == found, (pattern, text)
        n_compared += 1
        n_simple += regex._stoppable is None
    assert n_compared > 500
    assert 0 < n_simple < n_compared, "both ways were taken"


REFUSED = ("(", "[a", "*", "a**", r"\p{L}", "(?V1)a", "(?P<a>", "(" * 9999)
TOO_LARGE = (
    "((a{1000}){1000}){1000}",
    "(?:a{1000}){1000}|b",
    "(?P<x>[a{9}]{999}){99}",
    "(?:(?=a{999}b)){99}",
)
NOT_TOO_LARGE = ("a{60000}", "(?:ab){1,30000}", "[a{9}]{3}(b)", r"(\({5}){9}", "(#{3})")


@pytest.mark.parametrize("pattern", REFUSED, ids=range(len(REFUSED)))
def test_what_re_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(RegexError):
        Regex.compile(pattern)


@pytest.mark.parametrize("pattern", TOO_LARGE)
def test_what_is_too_large_written_out_is_refused(pattern: str) -> None:
    with pytest.raises(RegexError, match="more than 20,000 times"):
        Regex.compile(pattern)


@pytest.mark.parametrize("pattern", NOT_TOO_LARGE)
def test_what_is_not_too_large(pattern: str) -> None:
    assert Regex.compile(pattern).spans("x") == []
