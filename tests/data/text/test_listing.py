from __future__ import annotations

import warnings

import pytest

from gossamer.data.text.listing import shortlist, warn_together


def test_shortlist() -> None:
    assert shortlist(["a", "b", "c"]) == "a, b, c"
    assert shortlist(["a", "b", "c", "d"]) == "a, b, c and 1 more"
    assert shortlist(["a", "b", "c"], most=1, separator="; ") == "a and 2 more"


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], []),
        (["a"], ["a"]),
        (["a", "a"], ["a"]),
        (["a", "b"], ["2 warnings of one kind:\n- a\n- b"]),
        (list("abcde"), ["5 warnings of one kind:\n- a\n- b\n- c\n- and 2 more"]),
    ],
)
def test_warn_together(messages: list[str], expected: list[str]) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        warn_together(messages)
    assert [str(each.message) for each in told] == expected
    assert all(each.filename == __file__ for each in told)
