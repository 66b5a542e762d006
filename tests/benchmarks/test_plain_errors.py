"""What a script says of bad input."""

from __future__ import annotations

import pytest
from support.plain_errors import run

from gossamer.data.errors import ConfigError


def test_the_message_alone() -> None:
    def main() -> None:
        raise ConfigError("a configuration must be a file", got="nothing")

    with pytest.raises(SystemExit, match="must be a file") as caught:
        run(main)
    assert caught.value.__suppress_context__


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: print(1 // 0))
