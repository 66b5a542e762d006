"""`gossamer inbox`: stored messages, accepted, corrected, dismissed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.nlu.reading import read_training_data

Run = Callable[..., Any]

DOMAIN = 'version: "3.1"\nintents: [greet, travel]\nentities: [city]\n'


def user(text: str, intent: str | None, confidence: float, *entities: dict[str, Any]) -> Any:
    ranking = [{"name": intent, "confidence": confidence}]
    parse = {"intent": ranking[0], "intent_ranking": ranking, "entities": list(entities)}
    return {"event": "user", "text": text, "timestamp": 1.0, "parse_data": {**parse, "text": text}}


LISTEN = {"event": "action", "name": "action_listen"}
BONN = {"entity": "city", "start": 8, "end": 12, "value": "Bonn", "extractor": "DIETClassifier"}
ANNA = {
    "sender_id": "anna",
    "events": [
        LISTEN,
        user("take to Bonn", "travel", 0.4, BONN),
        LISTEN,
        user("hello", "greet", 1.0),
        {"event": "slot", "name": "gone", "value": 1},
    ],
}
BERT = {"sender_id": "bert", "events": [LISTEN, user("quack", "greet", 0.2)]}


@pytest.fixture
def stored(project: Path) -> Path:
    """A file of two conversations; of their messages one is an example already."""
    (project / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    path = project / "talks.json"
    path.write_text(json.dumps([ANNA, BERT]), encoding="utf-8")
    return path


def taught(text: str) -> list[tuple[str | None, list[str]]]:
    return [
        (example.intent, [entity.entity for entity in example.entities])
        for example in read_training_data("data").examples
        if example.text == text
    ]


def reviewed(run: Run, *keys: str, conversations: object = "talks.json") -> Any:
    return run("inbox", "--conversations", conversations, input="".join(f"{k}\n" for k in keys))


def keys_for(run: Run, wanted: dict[str, str]) -> list[str]:
    """A key for each message, in the inbox's order."""
    shown = reviewed(run, *("s" for _ in wanted)).stdout.splitlines()
    texts = [line for line in shown if line in wanted]
    assert sorted(texts) == sorted(wanted)
    return [wanted[text] for text in texts]


def test_one_key_accepts_and_one_dismisses(run: Run, stored: Path) -> None:
    keys = keys_for(run, {"take to Bonn": "a", "quack": "d"})
    result = reviewed(run, *keys)
    assert result.exit_code == 0, result.stderr
    assert taught("take to Bonn") == [("travel", ["city"])]
    assert taught("quack") == []
    assert "Taught: 1 message." in result.stdout
    assert "quack" not in (stored.parent / ".gossamer" / "dismissed.json").read_text()
    again = reviewed(run)
    assert "no message is left to look at" in again.stdout
    assert "slot" not in result.stderr


def test_correct_undo_and_quit(run: Run, stored: Path) -> None:
    before = (stored.parent / "data" / "nlu.yml").read_bytes()
    first = keys_for(run, {"take to Bonn": "Bonn", "quack": "quack"})[0]
    text = {"Bonn": "take to Bonn", "quack": "quack"}[first]
    result = reviewed(run, "x", "u", "c", "greet", text, "u", "d", "u", "q")
    assert result.exit_code == 0, result.stderr
    assert "Please press one of" in result.stderr
    assert "something to take back" in result.stderr
    assert f"+    - {text}" in result.stdout
    assert "Taught: nothing." in result.stdout
    assert (stored.parent / "data" / "nlu.yml").read_bytes() == before
    assert sorted(keys_for(run, {"take to Bonn": "1", "quack": "2"})) == ["1", "2"]


def test_what_has_no_intent_cannot_be_accepted(run: Run, project: Path) -> None:
    (project / "talks.json").write_text(
        json.dumps({"events": [LISTEN, user("quack", "nlu_fallback", 0.3)]}), encoding="utf-8"
    )
    result = reviewed(run, "a", "c", "travel", "")
    assert result.exit_code == 0, result.stderr
    assert "must have an intent that can be learnt" in result.stderr
    assert taught("quack") == [("travel", [])]


def test_files_of_several_kinds(run: Run, stored: Path) -> None:
    stored.write_text("\n".join(map(json.dumps, (ANNA, BERT))) + "\n", encoding="utf-8")
    one = stored.with_name("one.json")
    one.write_text(json.dumps(ANNA, indent=2), encoding="utf-8")
    assert "1 of 2" in reviewed(run, "q").stdout
    assert "1 of 1" in reviewed(run, "q", conversations=one).stdout


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "a conversation must be a file"),
        ("{", "a conversation must be whole JSON"),
        ("[1]", "a conversation must be a mapping"),
        ('{"events": []}\n{"events": [}\n', "bad.json:2: a conversation must be whole JSON"),
        ('{"events": [{"event": "user", "parse_data": 1}]}', "bad.json"),
    ],
)
def test_files_that_cannot_be_read(run: Run, stored: Path, text: str | None, told: str) -> None:
    bad = stored.with_name("bad.json")
    if text is not None:
        bad.write_text(text, encoding="utf-8")
    result = reviewed(run, conversations=bad)
    assert result.exit_code == 1
    assert told in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_databases_that_cannot_be_read(run: Run, stored: Path) -> None:
    result = run("inbox")
    assert result.exit_code == 1
    assert "the file of conversations must exist (got 'conversations.db')" in result.stderr
    Path("conversations.db").write_text("no database at all, but a text", encoding="utf-8")
    result = run("inbox")
    assert result.exit_code == 1
    assert "cannot be used now" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    Path("endpoints.yml").write_text("tracker_store:\n  type: InMemory\n", encoding="utf-8")
    result = run("inbox")
    assert result.exit_code == 1
    assert "must be in a database" in result.stderr
    result = run("inbox", "--endpoints", "nowhere.yml")
    assert result.exit_code == 1
    assert "nowhere.yml" in result.stderr


def test_the_database_of_the_server(run: Run, stored: Path) -> None:
    from gossamer.serve.store import ConversationStore

    store = ConversationStore.open("sqlite:///talks.db")
    for tracker in (ANNA, BERT):
        with store.lease(str(tracker["sender_id"])) as lease:
            lease.append(tracker["events"])
    store.close()
    Path("endpoints.yml").write_text(
        "tracker_store:\n  type: SQL\n  db: talks.db\n", encoding="utf-8"
    )
    result = run("inbox", input="q\n")
    assert result.exit_code == 0, result.stderr
    assert "1 of 2" in result.stdout


def test_what_must_be_there(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("inbox", "--conversations", "talks.json")
    assert result.exit_code == 1
    assert "must hold a project to teach" in result.stderr


def test_what_others_wrote_does_not_reach_the_terminal(run: Run, project: Path) -> None:
    """Nor does anything that they may write end the review."""
    (project / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    odd = [
        "clear \x1b[2J\x1b]52;c;ZXZpbA==\x07 all",
        "turn \u202e round \x9b31m\r hidden",
        "half \0 nothing",
        "[brackets](city)",
    ]
    entity = {"entity": "city", "value": "\x1b[31mx"}
    events = [LISTEN, *(user(text, "greet", 0.2, entity) for text in odd)]
    path = project / "odd.json"
    path.write_text(json.dumps({"sender_id": "eve \ud800", "events": events}), encoding="utf-8")
    result = reviewed(run, *("c", "1", "", "s") * len(odd), conversations=path)
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert not {*"\x1b\x07\x9b\r\0\u202e"} & {*result.stdout, *result.stderr}
    assert "clear \u241b[2J" in result.stdout
    assert "that was the last one" in result.stdout
    assert "hold no half surrogate pair" in result.stderr
    assert "must look like an annotation" not in result.stdout
