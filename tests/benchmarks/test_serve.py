"""The load generator: what it counts as an answer, as a failure, as wrong; tables of results."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from serve_parts import answers, load, messages, report, rounds
from serve_parts.http import AnswerReader, BadAnswer, post
from serve_parts.load import PARSE, TURN, Parses, Turns
from serve_parts.rounds import Row, Start
from serve_parts.sides import STARTER

PARSE_BODY = {
    "text": "to Ottersea",
    "intent": {"name": "inform", "confidence": 0.9},
    "entities": [{"entity": "city", "value": "Ottersea", "start": 3, "end": 11}],
}
RESPONSES = answers.Responses(
    {"utter_greet": ["Hello!", "Hi there!"], "utter_to": ["To {city}.", "{city}? Gladly."]}
)


def _encoded(status: int, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Text\r\n{extra}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_answers_may_come_in_pieces() -> None:
    reader = AnswerReader()
    data = _encoded(200, b'{"a": 1}')
    for cut in range(1, len(data)):
        assert reader.feed(data[:cut]) is None
        found = reader.feed(data[cut:])
        assert found is not None
        assert (found.status, found.body) == (200, b'{"a": 1}')
    refused = reader.feed(_encoded(503, b"", "Retry-After: 2\r\n"))
    assert refused is not None
    assert (refused.status, refused.retry_after) == (503, 2.0)


@pytest.mark.parametrize(
    "data", [_encoded(200, b"[]") + b"x", b"HTTP/1.1 200 OK\r\n\r\n[]", b"nonsense\r\n\r\n"]
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        AnswerReader().feed(data)


def test_requests_say_how_long_they_are() -> None:
    head, _, body = post("127.0.0.1", "/a", {"text": "ü"}).partition(b"\r\n\r\n")
    assert head.endswith(f"Content-Length: {len(body)}".encode())
    assert json.loads(body) == {"text": "ü"}


def test_shape_of_parses_and_turns() -> None:
    body = json.dumps(PARSE_BODY).encode()
    assert answers.parse_has_shape(body, b'"to Ottersea"')
    assert not answers.parse_has_shape(body, b'"to Westhaven"')  # another client's
    assert not answers.parse_has_shape(body[:-1], b'"to Ottersea"')
    one = json.dumps([{"recipient_id": "a", "text": "Hello!"}]).encode()
    assert answers.turn_has_shape(one, b'"a"')
    assert not answers.turn_has_shape(one, b'"b"')
    assert not answers.turn_has_shape(b"[]", b'"a"')  # an empty answer


def test_content_of_parses_and_turns() -> None:
    body = json.dumps(PARSE_BODY).encode()
    gist = answers.parse_gist(body)
    assert answers.same_parse(gist, ["inform", 0.905, gist[2]])
    assert not answers.same_parse(gist, ["inform", 0.8, gist[2]])
    assert not answers.same_parse(gist, ["greet", 0.9, gist[2]])
    assert not answers.same_parse(gist, ["inform", 0.9, []])
    said = [{"text": text} for text in ("Hi there!", "To Ottersea.", "Ottersea? Gladly.", "What?")]
    found = answers.turn_gist(json.dumps(said).encode(), RESPONSES)
    assert found == ["utter_greet", "utter_to", "utter_to", "What?"]


Handler = Callable[[dict[str, Any], int], bytes]


def _load(talk: load.Talk, handler: Handler, *, n_clients: int = 2, **more: Any) -> dict[str, Any]:
    """What the generator finds with a server in the same loop."""
    n_received = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_received
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                content = json.loads(await reader.readexactly(length))
                n_received += 1
                data = handler(content, n_received)
                if not data:
                    break
                await asyncio.sleep(0.001)
                writer.write(data)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def run() -> dict[str, Any]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        effort = {"warm_up": 0.0, "seconds": 0.15, "patience": 0.1} | more
        try:
            return await load.carry_out(
                talk, host="127.0.0.1", port=port, n_clients=n_clients, **effort
            )
        finally:
            server.close()

    return asyncio.run(run())


def _parses() -> Parses:
    gist = answers.parse_gist(json.dumps(PARSE_BODY).encode())
    return Parses("127.0.0.1", ["to Ottersea"], [gist])


def test_good_answers() -> None:
    found = _load(_parses(), lambda content, n: _encoded(200, json.dumps(PARSE_BODY).encode()))
    n_good = len(found["seconds"])
    assert n_good == found["n_sent"] == found["n_compared"] > 4
    assert found["failures"] == found["wrong"] == {}
    assert min(found["seconds"]) >= 0.001
    assert found["rate"] == pytest.approx((n_good - 1) / 0.15, rel=0.3)


def test_each_failure_is_counted_with_its_reason() -> None:
    good = _encoded(200, json.dumps(PARSE_BODY).encode())
    other = json.dumps(PARSE_BODY | {"intent": {"name": "greet", "confidence": 0.9}}).encode()
    script = [  # the first answer comes before anything counts
        *(good, _encoded(503, b"{}", "Retry-After: 0\r\n"), b"", b"nonsense\r\n\r\n"),
        *(_encoded(200, b"{}"), _encoded(200, other), good),
    ]
    found = _load(
        _parses(),
        lambda content, n: script[n - 1] if n <= len(script) else good,
        n_clients=1,
        seconds=0.4,
    )
    assert found["failures"] == {"status 503": 1, "connection lost": 1, "not HTTP as expected": 1}
    assert found["wrong"] == {"shape": 1, "content": 1}
    assert found["n_sent"] == len(found["seconds"]) + 3  # wrong answers took time too
    assert "status 503" in found["example"]


def test_a_server_that_never_answers() -> None:
    found = _load(_parses(), lambda content, n: b"HTTP/1.1 200 OK\r\n", n_clients=3)
    assert found["failures"] == {"no answer": 3}
    assert (found["seconds"], found["rate"]) == ([], 0.0)


def test_clients_may_pause() -> None:
    good = _encoded(200, json.dumps(PARSE_BODY).encode())
    found = _load(_parses(), lambda content, n: good, n_clients=4, pause=0.1, seconds=0.5)
    assert 4 <= found["n_sent"] <= 60  # without pauses there would be hundreds


def test_conversations_keep_their_order_and_their_names() -> None:
    heard: dict[str, list[str]] = {}
    scripts = [["a", "b", "c"], ["d", "e"]]
    expected = [[["utter_greet"]] * 3]

    def handler(content: dict[str, Any], n: int) -> bytes:
        heard.setdefault(content["sender"], []).append(content["message"])
        text = "Hello!" if n % 2 else "Hi there!"
        said = [{"recipient_id": content["sender"], "text": text}]
        return _encoded(200, json.dumps(said).encode())

    talk = Turns("127.0.0.1", "t", scripts, expected, RESPONSES)
    found = _load(talk, handler, n_clients=3)
    assert found["failures"] == found["wrong"] == {}
    assert 0 < found["n_compared"] < found["n_sent"]
    assert len(heard) > 4
    for texts in heard.values():
        assert any(texts == script[: len(texts)] for script in scripts)


def test_a_conversation_that_failed_is_left() -> None:
    talk = Turns("127.0.0.1", "t", [["a", "b", "c"]], [], RESPONSES)
    first, second = talk.following(0), talk.following(0)
    talk.start_over(0)
    third = talk.following(0)
    sent = [json.loads(each.request.split(b"\r\n\r\n")[1]) for each in (first, second, third)]
    assert [each["message"] for each in sent] == ["a", "b", "a"]
    assert sent[0]["sender"] == sent[1]["sender"] != sent[2]["sender"]


def test_what_is_said_is_fixed_and_different() -> None:
    texts = messages.parse_texts(STARTER, 500)
    assert texts == messages.parse_texts(STARTER, 500)
    assert len(set(texts)) == 500
    assert all(text.isascii() for text in texts)  # looked for in answers as JSON writes them
    assert len(set(map(tuple, messages.conversations(60)))) > 50
    assert "utter_greet" in messages.responses(STARTER)


def _row(peer: str, path: str, rate: float, p99: float, n_clients: int = 64) -> Row:
    return Row(
        peer=peer,
        number=1,
        path=path,
        n_clients=n_clients,
        rate=rate,
        p50=p99 / 2,
        p99=p99,
        n_sent=100,
        n_compared=10,
        own_cores=0.1,
        server_cores=0.5,
        peak_rss_mib=150.0,
    )


STARTS = [
    Start(
        peer=peer,
        number=1,
        ready_seconds=seconds,
        ready_cpu_seconds=0.7,
        first_answer_ms=5.0,
        rss_mib=100.0,
    )
    for peer, seconds in (("Gossamer", 0.8), ("Rasa 3.6.21", 30.0))
]
ROWS = [
    _row("Gossamer", PARSE, 1000.0, 40.0),
    replace(_row("Gossamer", PARSE, 800.0, 60.0), number=2, failures={"no answer": 2}),
    _row("Rasa 3.6.21", PARSE, 30.0, math.nan),
    _row("Gossamer", TURN, 400.0, 80.0),
    replace(_row("Rasa 3.6.21", TURN, 40.0, 900.0), wrong={"content": 1}),
]


def test_tables_and_targets() -> None:
    starts, loads = report.tables(STARTS, ROWS)
    assert "| Gossamer | 0.80 s | 0.70 s | 5 ms | 100 MiB | 150 MiB | 300 | 2 | 30 | 0 |" in starts
    assert "| /model/parse | 64 | Gossamer | 900 | 25 | 50 | 150 | 0.562 |" in loads
    assert "| Rasa 3.6.21 | 30 | none | none |" in loads
    assert loads.splitlines()[3].endswith("| 30.0x |")
    assert loads.splitlines()[5].endswith("| 0 | 1 | 10.0x |")
    found = report.targets(STARTS, ROWS)
    assert [line.split(" | ")[3] for line in found.splitlines()[2:]] == [
        *("met", "met", "missed by 50.0%", "missed by 60.0%", "met", "met")
    ]
    assert report.targets(STARTS[1:], ROWS[2:3]) == ""
    assert report.plain("| a | b |\n| --- | ---: |\n| long | 1 |") == "a     b\nlong  1"


def test_a_load_that_does_not_end_is_in_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never_ends(command: list[str], **given: Any) -> None:
        raise subprocess.TimeoutExpired(command, given["timeout"])

    monkeypatch.setattr(subprocess, "run", never_ends)
    order = {"effort": {"n_clients": 8, "warm_up": 1.0, "seconds": 2.0, "patience": 3.0}}
    row = Row.of(
        rounds._generate(order, tmp_path),
        peer="Gossamer",
        number=1,
        path=TURN,
        n_clients=8,
        peak_rss_mib=150.0,
    )
    assert row.failures == {"the load did not end within 66 s": 8}
    _, loads = report.tables(STARTS[:1], [row])
    rest = "none | none | 150 | none | none | none | 8 | 0 | |"
    assert f"| {TURN} | 8 | Gossamer | 0 | {rest}" in " ".join(loads.split())


def test_figure(tmp_path: Path) -> None:
    report.draw([*ROWS, _row("Gossamer", PARSE, 300.0, 3.0, n_clients=1)], tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
