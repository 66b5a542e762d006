"""How often clients may ask, and how deep JSON may be."""

from __future__ import annotations

import json
import time

import pytest

from gossamer.serve.security import rate
from gossamer.serve.security.nesting import is_nested_deeper, is_value_deeper
from gossamer.serve.security.rate import RateLimit, client_of


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_a_steady_rate() -> None:
    clock = Clock()
    limit = RateLimit(2.0, clock=clock)
    assert [limit.wait_of("a") for _ in range(10)] == [0.0] * 10
    assert limit.wait_of("a") == pytest.approx(0.5)
    assert limit.wait_of("b") == 0.0  # others are not touched
    clock.now += 0.5
    assert limit.wait_of("a") == 0.0
    assert limit.wait_of("a") == pytest.approx(0.5)
    clock.now += 1_000.0
    assert [limit.wait_of("a") > 0 for _ in range(11)] == [False] * 10 + [True]


def test_a_slow_rate_lets_one_request_in() -> None:
    clock = Clock()
    limit = RateLimit(0.01, clock=clock)
    assert limit.wait_of("a") == 0.0
    assert limit.wait_of("a") == pytest.approx(100.0)


def test_clients_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "_MOST_CLIENTS", 3)
    limit = RateLimit(0.1, clock=Clock())
    for client in ("a", "b", "c", "d"):
        assert limit.wait_of(client) == 0.0
    assert limit.wait_of("d") > 0
    assert limit.wait_of("a") == 0.0  # the one that was quiet longest


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("not:an:address", "not:an:address", True),
    ],
)
def test_addresses_of_one_client(one: str, other: str, are_one: bool) -> None:
    assert (client_of(one) == client_of(other)) is are_one


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_at_and_beyond_the_limit(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    for depth, is_deeper in ((31, False), (32, False), (33, True), (500_000, True)):
        content = (opening * depth + ("1" if opening != "[" else "") + closing * depth).encode()
        assert is_nested_deeper(content, 32) is is_deeper, depth


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_of_what_is_parsed(opening: str) -> None:
    closing = "]" if opening == "[" else "}"
    for depth, is_deeper in ((0, False), (4, False), (5, True), (500, True)):
        value = json.loads(opening * depth + "[]" + closing * depth)
        assert is_value_deeper(["a", value, 1], 6) is is_deeper, depth
    assert not is_value_deeper("[[[[", 1)


@pytest.mark.parametrize(
    "value",
    [
        [[]] * 500,
        {"a" * 3: ["[[[[" * 50, ']\\"{'] * 50},
        [{"a": [{"b": 1}]}] * 100,
        "[" * 1_000,
        {"[" * 100: "\\"},
    ],
)
def test_wide_json_and_brackets_in_texts_are_not_deep(value: object) -> None:
    content = json.dumps(value).encode()
    assert not is_nested_deeper(content, 4)
    assert is_nested_deeper(b"[" * 3 + b'{"x":[[]]}' + content + b"]" * 3, 4)


def test_mixed_nesting_counts_each_level() -> None:
    assert is_nested_deeper(b'[{"a":' * 17 + b"1" + b"}]" * 17, 32)
    assert not is_nested_deeper(b'[{"a":' * 16 + b"1" + b"}]" * 16, 32)


@pytest.mark.parametrize("content", [b"[" * 10**6, b"[]" * 500_000, b'"' * 10**6, b'"\\' * 500_000])
def test_a_megabyte_is_looked_at_quickly(content: bytes) -> None:
    started = time.process_time()
    is_nested_deeper(content + b"[]" * 40, 32)
    assert time.process_time() - started < 1.0
