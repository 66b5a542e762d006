from __future__ import annotations

import pytest

from gossamer.data.text.wording import counted


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0, "error"), "0 errors"),
        ((1, "error"), "1 error"),
        ((2, "story"), "2 stories"),
        ((1, "story"), "1 story"),
        ((3, "key"), "3 keys"),
        ((1200, "entity type"), "1,200 entity types"),
        ((2, "match", "matches"), "2 matches"),
    ],
)
def test_counted(arguments: tuple[int, str], expected: str) -> None:
    assert counted(*arguments) == expected
