"""The load generator: clients in a closed loop on one thread, with requests made beforehand.

A program, so that it has a process of its own: `python -m serve_parts.load order.json` carries out
an order and prints what it found. Each client keeps one connection and sends its next message when
the answer to the last one is there. It costs little: no tasks, no locks, bytes in and bytes out.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

from serve_parts import answers
from serve_parts.http import Answer, AnswerReader, BadAnswer, post
from serve_parts.processes import cpu_seconds

Gist = Sequence[Any]
PARSE, TURN = "/model/parse", "/webhooks/rest/webhook"
_LONGEST_WAIT = 1.0  # of a client that was told to come back later
_RETRY_AFTER = 0.05  # of one that was refused without a time
_AT_ONCE = 32  # connections opened at a time, as servers queue few


class Message(NamedTuple):
    """One request and what its answer must be.

    Attributes:
        request: the bytes to send.
        has_shape: whether an answer's body has the right shape.
        is_right: whether it says what is expected; None where that is not known.
    """

    request: bytes
    has_shape: Callable[[bytes], bool]
    is_right: Callable[[bytes], bool] | None = None


class Talk(Protocol):
    """Where a client's messages come from."""

    def following(self, client: int) -> Message:
        """The next message of a client."""

    def start_over(self, client: int) -> None:
        """The last message failed: what follows must not depend on it."""


class Parses:
    """Texts for `/model/parse`: all clients draw from one list, in its order.

    Args:
        host: for the requests.
        texts: the list.
        expected: what is known of the first texts of the list.
    """

    def __init__(self, host: str, texts: Sequence[str], expected: Sequence[Gist]) -> None:
        self._messages = [
            self._message(host, text, expected[number] if number < len(expected) else None)
            for number, text in enumerate(texts)
        ]
        random.Random(2).shuffle(self._messages)  # those that are compared come now and then
        self._next = 0

    @staticmethod
    def _message(host: str, text: str, expected: Gist | None) -> Message:
        quoted = json.dumps(text).encode()

        def is_right(body: bytes) -> bool:
            assert expected is not None
            return answers.same_parse(answers.parse_gist(body), expected)

        return Message(
            request=post(host, PARSE, {"text": text}),
            has_shape=lambda body: answers.parse_has_shape(body, quoted),
            is_right=None if expected is None else is_right,
        )

    def following(self, client: int) -> Message:
        """The next text; who asks does not matter."""
        message = self._messages[self._next]
        self._next = (self._next + 1) % len(self._messages)
        return message

    def start_over(self, client: int) -> None:
        """Nothing: texts do not depend on each other."""


class Turns:
    """Conversations over the REST channel: each client goes through one after the other.

    Args:
        host: for the requests.
        name: begins the names of conversations; must not have been used on the server.
        conversations: what is said in each.
        expected: the responses in each turn of the first conversations.
        responses: the domain's.
    """

    def __init__(
        self,
        host: str,
        name: str,
        conversations: Sequence[Sequence[str]],
        expected: Sequence[Sequence[Gist]],
        responses: answers.Responses,
    ) -> None:
        self._host, self._name, self._responses = host, name, responses
        self._conversations, self._expected = conversations, expected
        self._order = random.Random(3).sample(range(len(conversations)), len(conversations))
        self._n_begun = 0
        self._at: dict[int, tuple[str, int, int]] = {}  # sender, conversation, turn

    def following(self, client: int) -> Message:
        """The next turn of the client's conversation, or the first of a new one."""
        sender, number, turn = self._at.get(client) or self._begin()
        texts = self._conversations[number]
        at_end = turn + 1 == len(texts)
        self._at[client] = self._begin() if at_end else (sender, number, turn + 1)
        quoted = json.dumps(sender).encode()
        wanted = self._expected[number][turn] if number < len(self._expected) else None

        def is_right(body: bytes) -> bool:
            return answers.turn_gist(body, self._responses) == wanted

        return Message(
            request=post(self._host, TURN, {"sender": sender, "message": texts[turn]}),
            has_shape=lambda body: answers.turn_has_shape(body, quoted),
            is_right=None if wanted is None else is_right,
        )

    def start_over(self, client: int) -> None:
        """Leaves the conversation."""
        self._at[client] = self._begin()

    def _begin(self) -> tuple[str, int, int]:
        number = self._order[self._n_begun % len(self._order)]
        self._n_begun += 1
        return f"{self._name}-{self._n_begun}", number, 0


@dataclass(slots=True)
class Counts:
    """What is counted, of requests sent while measuring (`n_in_time`: whenever they were sent).

    Attributes:
        seconds: from sending to the whole answer, of answers with status 200.
        n_sent: requests.
        n_in_time: answers with status 200 that arrived while measuring.
        n_compared: answers that were compared with what is expected.
        failures: requests without a good answer, by reason.
        wrong: answers of the wrong shape or with another content, by kind.
        example: one that failed or was wrong.
    """

    seconds: array[float] = field(default_factory=lambda: array("d"))
    n_sent: int = 0
    n_in_time: int = 0
    n_compared: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    example: str = ""

    def check(self, message: Message, body: bytes) -> None:
        """Count the answer if it is wrong."""
        if not message.has_shape(body):
            self._note(self.wrong, "shape", message, body)
        elif message.is_right is not None:
            self.n_compared += 1
            try:
                is_right = message.is_right(body)
            except (ValueError, KeyError, TypeError):
                is_right = False
            if not is_right:
                self._note(self.wrong, "content", message, body)

    def fail(self, reason: str, message: Message, body: bytes = b"") -> None:
        """Count a request without a good answer."""
        self._note(self.failures, reason, message, body)

    def _note(self, kind: Counter[str], reason: str, message: Message, body: bytes) -> None:
        kind[reason] += 1
        if not self.example:
            sent = message.request.partition(b"\r\n\r\n")[2]
            self.example = f"{reason}: sent {sent!r}, got {body[:600]!r}"


class Load:
    """All clients and their clock.

    Args:
        talk: their messages.
        host: of the server.
        port: of the server.
        pause: mean seconds between an answer and the next message, 0 for none.
    """

    def __init__(self, talk: Talk, host: str, port: int, pause: float = 0.0) -> None:
        self.talk, self.host, self.port = talk, host, port
        self._pause, self._random = pause, random.Random(4)
        self.counts = Counts()
        self.is_running = True
        self.measures = False
        self.waiting: set[Client] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self.crash: BaseException | None = None

    def crashed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A mistake of the generator itself; the figures cannot be used."""
        self.crash = context.get("exception") or RuntimeError(context["message"])

    def pause(self) -> float:
        """Seconds that a client waits now: like people, most a short time, some a long one."""
        return self._random.expovariate(1 / self._pause) if self._pause else 0.0

    async def connect(self, client: Client) -> None:
        """Open a client's connection; again and again until the load ends."""
        loop = asyncio.get_running_loop()
        while self.is_running:
            with contextlib.suppress(OSError):
                await loop.create_connection(lambda: client, self.host, self.port)
                return
            await asyncio.sleep(0.05)

    def connect_again(self, client: Client) -> None:
        """Open a client's connection in the background."""
        task = asyncio.get_running_loop().create_task(self.connect(client))
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)


class Client(asyncio.Protocol):
    """One client: sends, waits for the answer, sends again."""

    def __init__(self, load: Load, number: int) -> None:
        self._load, self._number = load, number
        self._transport: asyncio.WriteTransport | None = None
        self._reader = AnswerReader()
        self._message: Message | None = None
        self._counts = False
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass
        self._reader = AnswerReader()
        self._send_later(self._load.pause())

    def data_received(self, data: bytes) -> None:
        """An answer or a part of one."""
        now = time.perf_counter()
        load = self._load
        try:
            answer = self._reader.feed(data)
        except BadAnswer:
            self._failed("not HTTP as expected", data)
            self.close()
            return
        if answer is None or self._message is None:
            return
        if answer.status != 200:
            self._refused(answer)
            return
        load.counts.n_in_time += load.measures
        if self._counts:
            load.counts.seconds.append(now - self._sent)
            load.counts.check(self._message, answer.body)
        self._message = None
        load.waiting.discard(self)
        self._send_later(load.pause())

    def connection_lost(self, exc: Exception | None) -> None:
        """The server ended the connection, or the load is over."""
        self._transport = None
        if self._message is not None:
            self._failed("connection lost")
        if self._load.is_running:
            self._load.connect_again(self)

    def give_up(self) -> None:
        """The time to wait for the last answer is over: it counts, whenever it was asked for."""
        self._load.counts.n_sent += not self._counts
        self._counts = True
        self._failed("no answer")
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _send_later(self, seconds: float) -> None:
        if seconds > 0:
            asyncio.get_running_loop().call_later(seconds, self._send)
        else:
            self._send()

    def _send(self) -> None:
        load = self._load
        if not load.is_running or self._transport is None or self._message is not None:
            return
        message = self._message = load.talk.following(self._number)
        load.waiting.add(self)
        self._counts = load.measures
        load.counts.n_sent += self._counts
        self._sent = time.perf_counter()
        self._transport.write(message.request)

    def _refused(self, answer: Answer) -> None:
        self._failed(f"status {answer.status}", answer.body)
        self._send_later(min(answer.retry_after or _RETRY_AFTER, _LONGEST_WAIT))

    def _failed(self, reason: str, body: bytes = b"") -> None:
        message, self._message = self._message, None
        self._load.waiting.discard(self)
        if message is not None and self._counts:
            self._load.counts.fail(reason, message, body)
        self._load.talk.start_over(self._number)


async def carry_out(
    talk: Talk,
    *,
    host: str,
    port: int,
    n_clients: int,
    warm_up: float,
    seconds: float,
    patience: float,
    pause: float = 0.0,
    server_pid: int | None = None,
) -> dict[str, Any]:
    """One load.

    Args:
        talk: the messages.
        host: of the server.
        port: of the server.
        n_clients: connections, each with one request at a time.
        warm_up: seconds before measuring.
        seconds: how long messages that count are sent.
        patience: seconds to wait for the last answers.
        pause: mean seconds of a client between an answer and its next message.
        server_pid: to read the processor time of the server.

    Returns:
        `seconds` of each answer, `rate` (answers with status 200 a second that arrived while
        measuring), `n_sent`, `n_compared`, `failures` and `wrong` by kind, an `example` of them,
        and the cores that generator and server kept busy: `own_cores`, `server_cores`.

    Raises:
        RuntimeError: the generator itself failed.
    """
    load = Load(talk, host, port, pause)
    asyncio.get_running_loop().set_exception_handler(load.crashed)
    clients = [Client(load, number) for number in range(n_clients)]
    for start in range(0, n_clients, _AT_ONCE):
        await asyncio.gather(*map(load.connect, clients[start : start + _AT_ONCE]))
    await asyncio.sleep(warm_up)
    busy = _busy(server_pid)
    began, load.measures = time.perf_counter(), True
    await asyncio.sleep(seconds)
    elapsed, load.measures = time.perf_counter() - began, False
    own, server = (
        (after - before) / elapsed for before, after in zip(busy, _busy(server_pid), strict=True)
    )
    load.is_running = False
    last = time.perf_counter() + patience
    while load.waiting and time.perf_counter() < last:
        await asyncio.sleep(0.01)
    for client in list(load.waiting):
        client.give_up()
    for client in clients:
        client.close()
    await asyncio.gather(*load.connecting)
    counts = load.counts
    if load.crash is not None:
        raise RuntimeError(f"the generator failed: {load.crash!r}") from load.crash
    return {
        "seconds": list(counts.seconds),
        "rate": counts.n_in_time / elapsed,
        "n_sent": counts.n_sent,
        "n_compared": counts.n_compared,
        "failures": dict(counts.failures),
        "wrong": dict(counts.wrong),
        "example": counts.example,
        "own_cores": own,
        "server_cores": None if server_pid is None else server,
    }


def _busy(server_pid: int | None) -> tuple[float, float]:
    """Processor time of this process and of the server."""
    return time.process_time(), 0.0 if server_pid is None else cpu_seconds(server_pid)


def _run(work: Any) -> Any:
    """On uvloop where it is installed: it halves what the generator costs."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def main() -> None:
    """Carry out the order in a file; see `serve_parts.sides`."""
    order = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    host = order["host"]
    talk: Talk
    if order["path"] == PARSE:
        talk = Parses(host, order["texts"], order["expected"])
    else:
        responses = answers.Responses(order["responses"])
        name = order["name"]
        talk = Turns(host, name, order["conversations"], order["expected"], responses)
    print(json.dumps(_run(carry_out(talk, host=host, **order["effort"]))))


if __name__ == "__main__":
    main()
