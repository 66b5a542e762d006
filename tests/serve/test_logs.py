"""The log: one stream, one line a thing, and nothing of what users say unless asked."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gossamer.data.errors import DataError, MessageWarning
from gossamer.dialogue.actions.action import ActionProblem
from gossamer.dialogue.runtime.turn import Turn
from gossamer.serve import logs
from gossamer.serve.logs import logged
from gossamer.serve.metrics import Metrics
from gossamer.serve.observed import TurnObserver

Log = Callable[..., io.StringIO]

SECRET = "my secret"


@pytest.fixture
def log() -> Iterator[Log]:
    """Starts a log into a text, until the test ends."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> io.StringIO:
            stream = io.StringIO()
            settings: dict[str, Any] = {"as_json": True, "level": "info", "log_texts": False}
            stack.enter_context(logged(**(settings | options), stream=stream))
            return stream

        yield start


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def fail(text: str) -> None:
    """Fail as own code may: the exception quotes the message."""
    try:
        raise KeyError(text)
    except KeyError as error:
        raise ValueError(f"cannot read {text}") from error


@pytest.mark.parametrize("as_json", [True, False])
def test_what_users_say_is_left_out_of_tracebacks(log: Log, as_json: bool) -> None:
    for log_texts in (False, True):
        stream = log(as_json=as_json, log_texts=log_texts)
        try:
            fail(SECRET)
        except ValueError:
            logging.getLogger("gossamer.serve").exception("a request failed")
        text = stream.getvalue()
        assert "ValueError" in text and "KeyError" in text and "test_logs.py" in text
        assert (SECRET in text) is log_texts


def test_it_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("gossamer", "uvicorn", "uvicorn.error")
    before = [(each.handlers, each.propagate, each.level) for each in map(logging.getLogger, names)]
    show = warnings.showwarning
    with pytest.raises(RuntimeError), logged(as_json=True, level="debug", log_texts=True):
        assert logs.sender("ada") == "ada" and warnings.showwarning is not show
        logging.getLogger("gossamer.x").debug("told")
        raise RuntimeError
    assert "told" in capsys.readouterr().err
    loggers = map(logging.getLogger, names)
    assert [(each.handlers, each.propagate, each.level) for each in loggers] == before
    assert logs.sender("ada") != "ada" and warnings.showwarning is show


def test_a_line_of_json(log: Log) -> None:
    stream = log()
    token = logs.request_id.set("abc")
    extra = logs.fields(route="/x", sender=logs.sender("ada"))
    logging.getLogger("gossamer.x").warning("a\nb %s", "\x1b[31m", extra=extra)
    logs.request_id.reset(token)
    logging.getLogger("gossamer.x").debug("not shown")
    (line,) = lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "gossamer.x",
        "message": "a\nb \x1b[31m",
        "request_id": "abc",
        "route": "/x",
        "sender": "fdee430d40bd",
    }


def test_a_line_for_people_cannot_be_forged(log: Log) -> None:
    stream = log(as_json=False)
    logging.getLogger("gossamer").error("x\n12:00:00  error  \x1b[2J forged \u202e")
    assert stream.getvalue().count("\n") == 1
    assert r"x\n12:00:00" in stream.getvalue()
    assert r"\x1b[2J" in stream.getvalue() and r"\u202e" in stream.getvalue()


def test_warnings_are_logged_once_each(log: Log) -> None:
    stream = log()
    for _ in range(3):
        warnings.warn("a message has\nan intent", stacklevel=1)
    assert [line["message"] for line in lines(stream)] == ["a message has an intent"]
    for n in range(100):  # of one place, with what users send
        warnings.warn(f"the intent {n}", stacklevel=1)
    told = [line["message"] for line in lines(stream)]
    assert len(told) == 21
    assert told[-1] == "the intent 19. More like it are not shown"
    assert lines(stream)[0]["logger"] == "gossamer.warnings"


def test_warnings_that_quote_messages(log: Log) -> None:
    for log_texts in (False, True):
        stream = log(log_texts=log_texts)
        warnings.warn(f"the message {SECRET!r} is odd", MessageWarning, stacklevel=1)
        assert (SECRET in lines(stream)[0]["message"]) is log_texts


def test_input_errors_say_what_must_hold_and_not_what_was_given() -> None:
    error = DataError("a text must be short", got=SECRET)
    assert logs.reason_of(error) == "DataError: a text must be short"


def test_requests_have_numbers(shared_server: Any) -> None:
    client = shared_server.client
    assert len(client.get("/version").headers["X-Request-ID"]) == 16
    for given, is_kept in (("a-1.B:c_2", True), ("x" * 64, True), ("x" * 65, False), ("é;", False)):
        answer = client.get("/nowhere", headers={"X-Request-ID": given.encode()})
        assert (answer.headers["X-Request-ID"] == given) is is_kept


def test_a_fault_is_in_the_log_and_not_in_the_answer(
    log: Log, start_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start_server(enable_api=True)
    stream = log()

    async def parse(text: str) -> None:
        fail(text)

    monkeypatch.setattr(running.server, "parse", parse)
    header = {"X-Request-ID": "number-7"}
    answer = running.client.post("/model/parse", json={"text": SECRET}, headers=header)
    assert answer.status_code == 500
    assert answer.json()["message"] == "the server has a fault; its log has more under number-7"
    assert answer.headers["X-Request-ID"] == "number-7"
    (line,) = lines(stream)
    assert line["message"] == "a request failed"
    assert line["request_id"] == "number-7" and line["route"] == "/model/parse"
    assert "test_logs.py" in line["traceback"] and SECRET not in stream.getvalue()


def test_a_failed_action(log: Log) -> None:
    stream = log()

    async def turn() -> Turn:
        return Turn(problems=(ActionProblem(action="action_x", error=ValueError(SECRET)),))

    asyncio.run(TurnObserver(Metrics(), log_texts=False).of("ada", turn()))
    (line,) = lines(stream)
    assert line["message"] == "the action 'action_x' failed: ValueError"
    assert line["sender"] == logs.sender("ada") != "ada"
    assert SECRET not in stream.getvalue()


def test_each_request_where_they_are_asked_for(log: Log, start_server: Any) -> None:
    stream = log(level="debug")
    body = {"message": "hello", "sender": "my name"}
    path = "/webhooks/rest/webhook"
    start_server().client.post(path, json=body, headers={"X-Request-ID": "one"})
    (line,) = [line for line in lines(stream) if line.get("request_id") == "one"]
    assert (line["message"], line["route"], line["status"]) == ("request", path, 200)
    assert "my name" not in stream.getvalue()


def test_texts_where_they_are_asked_for(log: Log, start_server: Any) -> None:
    stream = log(log_texts=True)
    client = start_server(log_texts=True).client
    client.post("/webhooks/rest/webhook", json={"message": "hello", "sender": "ada"})
    (line,) = [line for line in lines(stream) if line["message"] == "turn"]
    assert (line["sender"], line["text"], line["intent"]) == ("ada", ["hello"], ["greet"])
    assert line["answers"] == ["Hello! Where to?"]
