"""The messages of ../shared/cases/01-unknown-text, said to the starter."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.assistant import Assistant

FILE = Path(__file__).resolve().parents[3] / "shared" / "cases" / "01-unknown-text" / "messages.txt"


@pytest.mark.slow
@pytest.mark.skipif(not FILE.is_file(), reason="needs ../shared/cases/01-unknown-text")
def test_unknown_texts_are_asked_again(starter_assistant: Assistant) -> None:
    messages = [line for line in FILE.read_text("utf-8").splitlines() if line]
    assert len(messages) > 5
    for parse in starter_assistant.parse_many(messages):
        assert parse.intent.name in (None, "nlu_fallback"), parse
    for message in messages:
        conversation = starter_assistant.conversations(random_seed=1)
        conversation.begin()
        conversation.handle("book a train from Ottersea to Silverfen on Friday")
        turn = conversation.handle(message)
        assert [each.name for each in turn.actions] == ["utter_rephrase", "action_listen"], message
