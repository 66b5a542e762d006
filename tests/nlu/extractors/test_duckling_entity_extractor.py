"""Duckling's answers, from a server on this machine that answers as it is told."""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from gossamer.nlu.extractors.duckling_entity_extractor import (
    DucklingEntityExtractor,
    DucklingEntityExtractorOptions,
)
from gossamer.nlu.pipeline.messages import EntityPrediction, MessageBatch

TEXT = "two cups at five"
NUMBER = {
    "start": 0,
    "end": 3,
    "body": "two",
    "dim": "number",
    "value": {"value": 2, "type": "value"},
}
INTERVAL = {
    "start": 9,
    "end": 16,
    "body": "at five",
    "dim": "time",
    "value": {"type": "interval", "from": {"value": "a"}, "to": {"value": "b"}},
}

Serve = Callable[..., str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    monkeypatch.delenv("RASA_DUCKLING_HTTP_URL", raising=False)
    servers: list[ThreadingHTTPServer] = []

    def start(body: bytes, *, status: int = 200, wait: float = 0.0, asked: Any = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if asked is not None:
                    asked.append((self.path, parse_qs(form)))
                time.sleep(wait)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def found(texts: list[str] = [TEXT], **options: Any) -> list[list[EntityPrediction]]:  # noqa: B006
    extractor = DucklingEntityExtractor(DucklingEntityExtractorOptions(**options))
    batch = MessageBatch(texts=texts)
    batch.parses[0].entities.append(
        EntityPrediction(start=4, end=8, entity="thing", value="cups", extractor="Other")
    )
    extractor.process(batch)
    return [parse.entities for parse in batch.parses]


def test_entities_come_behind_the_others(serve: Serve) -> None:
    asked: list[Any] = []
    url = serve(json.dumps([NUMBER, INTERVAL]).encode(), asked=asked)
    ((thing, number, interval),) = found(
        url=url, locale="en_GB", timezone="Europe/Berlin", dimensions=["number", "time"]
    )
    assert thing.extractor == "Other"
    assert (number.entity, number.value, number.text, number.confidence) == ("number", 2, "two", 1)
    assert interval.value == {"from": "a", "to": "b"}
    assert interval.to_dict()["additional_info"] == INTERVAL["value"]
    ((path, form),) = asked
    assert path == "/parse"
    assert form["text"] == [TEXT]
    assert form["locale"] == ["en_GB"]
    assert form["tz"] == ["Europe/Berlin"]
    assert json.loads(form["dims"][0]) == ["number", "time"]


def test_only_wanted_dimensions(serve: Serve) -> None:
    url = serve(json.dumps([NUMBER, INTERVAL]).encode())
    ((_, only),) = found(url=url, dimensions=["number"])
    assert only.entity == "number"


def test_the_environment_counts_first(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASA_DUCKLING_HTTP_URL", serve(json.dumps([NUMBER]).encode()))
    assert len(found(url="http://127.0.0.1:9")[0]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 200),
        (b'{"start": 1}', 200),
        (b"[3]", 200),
        (json.dumps([{**NUMBER, "end": 99}]).encode(), 200),
        (json.dumps([{**NUMBER, "value": 2}]).encode(), 200),
        (b"[]", 500),
    ],
)
def test_rubbish_is_told_once_and_the_others_stay(serve: Serve, body: bytes, status: int) -> None:
    url = serve(body, status=status)
    with pytest.warns(UserWarning, match="DucklingEntityExtractor finds no entities") as told:
        first, second = found([TEXT, "three"], url=url)
    assert len(told) == 1
    assert [entity.extractor for entity in first] == ["Other"]
    assert second == []


def test_a_server_that_hangs(serve: Serve) -> None:
    url = serve(b"[]", wait=2.0)
    began = time.monotonic()
    with pytest.warns(UserWarning, match=r"within 0\.2 s"):
        assert len(found([TEXT, TEXT], url=url, timeout=0.2)[0]) == 1
    assert time.monotonic() - began < 1.5


def test_no_server(serve: Serve) -> None:
    with pytest.warns(UserWarning, match="is the server running there"):
        assert len(found(url="http://127.0.0.1:9")[0]) == 1


def test_no_address(serve: Serve) -> None:
    with pytest.warns(UserWarning, match="no server is named"):
        found()


def test_nothing_is_said_a_second_time(serve: Serve) -> None:
    extractor = DucklingEntityExtractor(DucklingEntityExtractorOptions(url="http://127.0.0.1:9"))
    with pytest.warns(UserWarning):
        extractor.process(MessageBatch(texts=[TEXT]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        extractor.process(MessageBatch(texts=[TEXT]))
