"""Malformed requests and odd texts, made from a seed: what a server must refuse or understand."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_EVENTS = [{"event": "user", "text": "hi"}, {"event": "slot", "name": "a", "value": [1, None]}]

#: Bodies that routes take, which are then damaged.
_BODIES: Sequence[Any] = (
    {"text": "two tickets to Ottersea", "message_id": "1"},
    {"sender": "fuzz", "message": "hello", "metadata": {"a": [1, {"b": None}]}},
    {"text": "hello", "sender": "user", "parse_data": {"intent": {"name": "greet"}}},
    {"name": "greet", "entities": {"city": "Rome"}},
    {"name": "greet", "entities": [{"entity": "city", "value": "Rome"}]},
    {"name": "action_listen", "policy": "x", "confidence": 0.5},
    {"event": "restart"},
    {"event": "user", "text": "hi", "parse_data": {"entities": [{"start": 1, "end": 0}]}},
    _EVENTS,
    {"events": _EVENTS},
    {"model_file": "../../../etc/passwd"},
    {"model_server": {"url": "file:///etc/passwd"}},
)
_ODD_VALUES: Sequence[Any] = (
    None,
    True,
    -1,
    0,
    10**30,
    1e308,
    -0.0,
    "",
    "\0",
    "x" * 300,
    "../../..",
    "{slot}",
    [],
    {},
    [[]],
    {"": ""},
    {"__proto__": 1},
    "é\u0301\u202e",
)
_ODD_LITERALS = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5_000,
    b"-" + b"9" * 400,
    b"0x10",
    b"1.",
    b"'a'",
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\x41"',
    b"[" * 40 + b"]" * 40,
    b"[" * 5_000 + b"]" * 5_000,
    b'{"a":' * 3_000 + b"1" + b"}" * 3_000,
    b'"\xff\xfe"',
    b'"\xed\xa0\x80"',
    b'"\x00"',
)
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE")
_NAMES = ("fuzz", "a%2Fb", "%00", "%ff", "%F0%9F%98%80", "..", "%2e%2e%2f", "a" * 300, "%E2%80%AE")


@dataclass(frozen=True)
class OddRequest:
    """Bytes to send to a server.

    Attributes:
        kind: how the request was damaged.
        line: its method and path.
        content: the request as it is sent.
        may_be_dropped: whether the connection may end without an answer: the request does not
            come to its end.
        has_no_body: whether answers have none, as those to HEAD.
    """

    kind: str
    line: str
    content: bytes
    may_be_dropped: bool = False
    has_no_body: bool = False


class OddRequests:
    """Makes requests.

    Args:
        routes: methods and paths of a server, as its OpenAPI page has them.
    """

    def __init__(self, routes: Sequence[tuple[str, str]]) -> None:
        self._routes = routes

    def request(self, seed: int) -> OddRequest:
        """One request; the same seed gives the same."""
        rng = random.Random(seed)
        method, path = rng.choice(self._routes)
        while "{" in path:
            start, end = path.index("{"), path.index("}") + 1
            path = path[:start] + rng.choice(_NAMES) + path[end:]
        if rng.random() < 0.1:
            method = rng.choice(_METHODS)
        if (method, path) == ("DELETE", "/model"):  # without a model all else is refused
            method = "POST"
        if rng.random() < 0.1:
            path += rng.choice(("?", "?token=%ff", "?a=" + "b" * 500, "?until=nan", "?x[]=1&x=2"))
        kind, body = self._body(rng)
        how = rng.choice(("plain", "plain", "plain", "chunked", "length", "broken chunks", "bytes"))
        head = f"{method} {path} HTTP/1.1\r\nHost: fuzz\r\n".encode()
        head += rng.choice(
            (
                b"Content-Type: application/json\r\n",
                b"Content-Type: text/plain\r\n",
                b"Content-Type: application/x-yaml\r\n",
                b"Content-Type: multipart/form-data; boundary=x\r\n",
                b"Content-Type: application/json; charset=utf-16\r\n",
                b"Accept: application/x-unknown\r\nContent-Encoding: gzip\r\n",
                b"",
            )
        )
        may_be_dropped = False
        if how == "chunked":
            content = head + b"Transfer-Encoding: chunked\r\n\r\n" + _in_chunks(body, rng)
        elif how == "length":
            length = rng.choice((len(body) + 10, max(0, len(body) - 3), 10**9, 10**25, -1))
            content = head + f"Content-Length: {length}\r\n\r\n".encode() + body
            may_be_dropped = True
        elif how == "broken chunks":
            chunks = bytearray(_in_chunks(body, rng))
            for _ in range(3):
                chunks[rng.randrange(len(chunks))] = rng.randrange(256)
            content = head + b"Transfer-Encoding: chunked\r\n\r\n" + bytes(chunks)
            may_be_dropped = True
        elif how == "bytes":
            whole = bytearray(head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
            for _ in range(rng.randint(1, 6)):
                whole[rng.randrange(min(len(whole), len(head) + 30))] = rng.randrange(256)
            content, may_be_dropped = bytes(whole), True
        else:
            content = head + f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        line = f"{method} {path[:60]}"
        return OddRequest(f"{how}, {kind}", line, content, may_be_dropped, method == "HEAD")

    def _body(self, rng: random.Random) -> tuple[str, bytes]:
        value = json.loads(json.dumps(rng.choice(_BODIES)))
        written = json.dumps(value).encode()
        kind = rng.choice(list(_DAMAGES))
        return kind, _DAMAGES[kind](rng, value, written)


def _in_chunks(body: bytes, rng: random.Random) -> bytes:
    parts = []
    while body:
        size = min(len(body), rng.randint(1, 2_000))
        parts.append(f"{size:x}\r\n".encode() + body[:size] + b"\r\n")
        body = body[size:]
    return b"".join(parts) + b"0\r\n\r\n"


def _other_value(rng: random.Random, value: Any, written: bytes) -> bytes:
    places: list[tuple[Any, Any]] = []

    def collect(part: Any) -> None:
        keys = part if isinstance(part, dict) else range(len(part))
        for key in keys:
            places.append((part, key))
            if isinstance(part[key], dict | list):
                collect(part[key])

    collect(value)
    part, key = rng.choice(places)
    part[key] = rng.choice(_ODD_VALUES)
    return json.dumps(value).encode()


def _odd_literal(rng: random.Random, value: Any, written: bytes) -> bytes:
    places = [n for n in range(len(written)) if written[n : n + 2] == b": "]
    if not places:
        return rng.choice(_ODD_LITERALS)
    place = rng.choice(places) + 2
    return written[:place] + rng.choice(_ODD_LITERALS) + b", " + written[place:]


def _literal_for_value(rng: random.Random, value: Any, written: bytes) -> bytes:
    key = rng.choice(("text", "message", "sender", "metadata", "name", "entities", "event"))
    literal = rng.choice(_ODD_LITERALS)
    return b'{"text": "hi", "message": "hi", "' + key.encode() + b'": ' + literal + b"}"


def _flipped(rng: random.Random, value: Any, written: bytes) -> bytes:
    content = bytearray(written)
    for _ in range(rng.randint(1, 5)):
        content[rng.randrange(len(content))] = rng.randrange(256)
    return bytes(content)


_DAMAGES: dict[str, Callable[[random.Random, Any, bytes], bytes]] = {
    "whole": lambda rng, value, written: written,
    "cut": lambda rng, value, written: written[: rng.randrange(len(written))],
    "flipped bytes": _flipped,
    "another value": _other_value,
    "an odd literal": _odd_literal,
    "an odd literal for a value": _literal_for_value,
    "a key twice": lambda rng, value, written: written.replace(b"{", b'{"text": 1, "text": "a", '),
    "random bytes": lambda rng, value, written: rng.randbytes(rng.randint(0, 300)),
    "another kind": lambda rng, value, written: json.dumps(rng.choice(_ODD_VALUES)).encode(),
    "UTF-16": lambda rng, value, written: written.decode().encode("utf-16"),
    "a mark at its beginning": lambda rng, value, written: b"\xef\xbb\xbf" + written,
    "deep": lambda rng, value, written: b"[" * (n := rng.choice((33, 500, 50_000))) + b"]" * n,
    "wide": lambda rng, value, written: b"[" + b"{}," * rng.choice((10, 30_000)) + b"1]",
    "large": lambda rng, value, written: b'{"text": "' + b"a" * 1_100_000 + b'"}',
    "nothing": lambda rng, value, written: b"",
}

_TEXTS: Sequence[Callable[[random.Random], str]] = (
    lambda rng: _of(rng, lambda: chr(_code_point(rng)), 60),
    lambda rng: _of(rng, lambda: chr(rng.randrange(0x10000, 0x110000)), 60),
    lambda rng: _of(rng, lambda: chr(rng.randrange(0, 32)), 60),
    lambda rng: _of(rng, lambda: chr(rng.randrange(0x1F300, 0x1FAFF)), 80),
    lambda rng: _of(
        rng, lambda: chr(rng.randrange(0x5D0, 0x6FF)) + " \u202e\u200f"[rng.randrange(3)], 60
    ),
    lambda rng: "e" + _of(rng, lambda: chr(rng.randrange(0x300, 0x36F)), 9_000),
    lambda rng: "a" + "\u200d\ufe0f" * rng.randint(1, 4_000),
    lambda rng: rng.choice(("", " ", "\n\t ", "\u00a0\u3000", "\ufeff")),
    lambda rng: (
        rng.choice(("a", "a ", "\U0001f600", "1", "?", "ß", "\u0e01")) * rng.randint(1, 5_000)
    ),
    lambda rng: "a" * 1_000_000,
    lambda rng: rng.choice(("", "hello ")) + chr(rng.randrange(0xD800, 0xE000)),
    lambda rng: (
        "/"
        + rng.choice(
            ("greet", "", "/", "greet{", 'greet{"a":', 'greet{"city": [1,null]}', "greet@")
        )
        + _of(rng, lambda: rng.choice('{}[]"@:,/ a'), 20)
    ),
    lambda rng: (
        rng.choice(
            ("{name}", "%s %n", "${HOME}", "{0.__class__}", "'; DROP TABLE events; --", "<script>")
        )
        * rng.randint(1, 50)
    ),
    lambda rng: "9" * rng.randint(1, 9_000),
    lambda rng: _of(rng, lambda: rng.choice("aA!. "), 9_000),
    lambda rng: "two tickets to Ottersea " * rng.randint(1, 300),
)


def odd_text(seed: int) -> str:
    """One text; the same seed gives the same."""
    rng = random.Random(seed)
    return _TEXTS[seed % len(_TEXTS)](rng)


def _of(rng: random.Random, sign: Callable[[], str], most: int) -> str:
    return "".join(sign() for _ in range(rng.randint(1, most)))


def _code_point(rng: random.Random) -> int:
    while 0xD800 <= (point := rng.randrange(1, 0x110000)) < 0xE000:
        pass
    return point
