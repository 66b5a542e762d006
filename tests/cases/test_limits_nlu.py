"""The long message and the slow regex of ../shared/cases/08-limits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from gossamer.assistant import Assistant
from gossamer.data import read_config, read_training_data

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "cases" / "08-limits"


@pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/cases/08-limits")
def test_a_slow_regex_and_a_long_message_end() -> None:
    start = time.process_time()
    data = read_training_data([FOLDER / "regex.yml"])
    assistant = Assistant.train(read_config(FOLDER / "config.yml"), data)
    long, slow, known = assistant.parse_many(
        [(FOLDER / "message.txt").read_text("utf-8") * 4000, "a" * 45 + "b", "hello there"]
    )
    assert time.process_time() - start < 20
    assert long.is_truncated and len(long.tokens) == 512
    assert not slow.is_truncated
    assert known.intent.name is not None
