from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal

pytest.importorskip("sqlalchemy", reason="gossamer[serve] is not installed")

from gossamer.serve.store import ConversationStore
from gossamer.teach import TaughtProject, correction_of

Run = Callable[..., Any]
MESSAGES = [{"event": "user", "text": "hello"}, {"event": "action", "name": "action_listen"}]
REMINDER = {"event": "reminder", "intent": "i", "name": "r", "date_time": "2040-01-01T00:00:00Z"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with conversations of anna and ben."""
    monkeypatch.chdir(tmp_path)
    store = ConversationStore.open("sqlite:///conversations.db")
    for sender in ("anna", "ben"):
        with store.lease(sender) as lease:
            lease.append([*MESSAGES, REMINDER])
    store.close()
    return tmp_path


def stored() -> dict[str, int]:
    store = ConversationStore.open("sqlite:///conversations.db")
    found = {each: len(store.events(each)) for each in store.senders(10)}
    store.close()
    return found


def test_one_is_forgotten_and_others_are_not(run: Run, folder: Path) -> None:
    result = run("forget", "anna")
    assert result.exit_code == 0, result.stderr
    assert "3 events (1 message) and 1 reminder" in result.stdout
    assert stored() == {"ben": 3}
    again = run("forget", "anna")
    assert again.exit_code == 1
    assert "something that is kept of the sender (got 'anna')" in again.stderr


def test_export_and_dry_run(run: Run, folder: Path) -> None:
    result = run("forget", "anna", "--export", "anna.json", "--dry-run")
    assert result.exit_code == 0
    assert "Nothing was deleted" in result.stdout
    content = json.loads((folder / "anna.json").read_text("utf-8"))
    assert content["events"] == [*MESSAGES, REMINDER]
    assert [each["name"] for each in content["reminders"]] == ["r"]
    assert stored() == {"anna": 3, "ben": 3}
    refused = run("forget", "anna", "--export", "anna.json", "--yes")
    assert refused.exit_code == 1
    assert "must not be overwritten" in refused.stderr
    assert stored() == {"anna": 3, "ben": 3}, "what could not be written first is not deleted"


def test_events_of_a_broker_go_too(run: Run, folder: Path) -> None:
    (folder / "endpoints.yml").write_text(
        "tracker_store:\n  type: SQL\n  dialect: sqlite\n  db: conversations.db\n"
        "event_broker:\n  type: file\n  path: events.jsonl\n",
        "utf-8",
    )
    lines = [json.dumps({"sender_id": each, "event": "restart"}) for each in ("anna", "ben")]
    (folder / "events.jsonl").write_text("\n".join([*lines, ""]), "utf-8")
    result = run("forget", "anna")
    assert "In events.jsonl: 1 event." in result.stdout
    assert "anna" not in (folder / "events.jsonl").read_text("utf-8")
    assert lines[1] in (folder / "events.jsonl").read_text("utf-8")
    assert stored() == {"ben": 3}


def test_conversations_in_memory_leave_the_file_of_a_broker(run: Run, folder: Path) -> None:
    (folder / "endpoints.yml").write_text(
        "tracker_store:\n  type: InMemory\nevent_broker:\n  type: file\n  path: events.jsonl\n",
        "utf-8",
    )
    (folder / "events.jsonl").write_text('{"sender_id": "anna", "event": "restart"}\n', "utf-8")
    result = run("forget", "anna")
    assert result.exit_code == 0
    assert "its DELETE /conversations/ID" in result.stderr
    assert "anna" not in (folder / "events.jsonl").read_text("utf-8")
    assert stored() == {"anna": 3, "ben": 3}, "another database is none of it"


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ("tracker_store:\n  type: InMemory\n", "must be something that is kept"),
        ("tracker_store:\n  type: SQL\n  db: other.db\n", "must exist"),
        ("tracker_store:\n  type: SQL\n  db: data.yml\n", "file is not a database"),
        ("tracker_stor:\n  type: SQL\n", "tracker_store"),
    ],
)
def test_no_database(run: Run, folder: Path, endpoints: str, message: str) -> None:
    (folder / "data.yml").write_text("nlu: []\n" * 100)
    path = folder / "elsewhere.yml"
    path.write_text(endpoints, "utf-8")
    result = run("forget", "anna", "--endpoints", path)
    assert result.exit_code == 1
    assert message in result.stderr
    assert not (folder / "other.db").exists()
    assert (folder / "data.yml").read_text() == "nlu: []\n" * 100


@pytest.mark.skipif(os.name != "posix", reason="there are no pseudo-terminals here")
def test_on_a_terminal_it_is_asked(terminal: Callable[..., Terminal], folder: Path) -> None:
    asking = terminal("forget", "anna")
    asking.wait_for(r"Delete it for good\?")
    asking.type("n\r")
    assert asking.end() == 1
    assert stored() == {"anna": 3, "ben": 3}
    agreeing = terminal("forget", "anna")
    agreeing.wait_for(r"Delete it for good\?")
    agreeing.type("y\r")
    assert agreeing.end() == 0
    assert stored() == {"ben": 3}


def test_what_was_taught_is_named_and_taken_out_if_asked(run: Run, folder: Path) -> None:
    (folder / "data").mkdir()
    nlu = folder / "data" / "nlu.yml"
    nlu.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hello\n')
    (folder / "config.yml").write_text("pipeline:\n- name: WhitespaceTokenizer\n")
    (folder / "domain.yml").write_text("intents: [greet]\n")
    content = {"kind": "message", "text": "hullo it is anna", "intent": "greet"}
    TaughtProject(folder).teach(correction_of(content), who="lea", senders=["anna"])

    other = run("forget", "ben", "--dry-run")
    assert "taught" not in other.stdout
    result = run("forget", "anna", "--export", "anna.json")
    assert result.exit_code == 0, result.stderr
    assert "1. 'hullo it is anna': greet, by lea" in result.stdout
    assert "stays, unless --taught is given" in result.stdout
    (exported,) = json.loads((folder / "anna.json").read_text("utf-8"))["taught"]
    assert exported["correction"]["text"] == "hullo it is anna"
    assert stored() == {"ben": 3}
    assert "hullo it is anna" in nlu.read_text("utf-8")
    assert "Nothing was deleted" in run("forget", "anna").stdout

    later = run("forget", "anna", "--taught")
    assert later.exit_code == 0, later.stderr
    assert "What was taught is taken out" in later.stdout
    (folder / "anna.json").unlink()
    for path in folder.rglob("*"):
        assert path.is_dir() or b"anna" not in path.read_bytes(), path
    assert run("forget", "anna").exit_code == 1
