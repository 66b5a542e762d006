"""A server's turn: started, asked by one client, put under one load after the other, ended."""

from __future__ import annotations

import http.client
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latency_parts.measurements import percentiles
from serve_parts import answers
from serve_parts.load import PARSE, TURN, Gist
from serve_parts.processes import HOST, Server
from serve_parts.sides import BENCHMARKS, Side

PATHS = (PARSE, TURN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured.

    Attributes:
        clients: numbers of clients.
        warm_up: seconds of load before each measurement.
        seconds: length of each measurement.
        patience: seconds to wait for the last answers.
        pause: mean seconds of a client between an answer and its next message.
    """

    clients: Sequence[int]
    warm_up: float
    seconds: float
    patience: float
    pause: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the clients say.

    Attributes:
        texts: for `/model/parse`.
        n_compared_texts: so many of them are compared with the answer of a quiet server.
        conversations: for the REST channel.
        n_compared_conversations: so many of them are compared.
        responses: the variants of each response.
    """

    texts: Sequence[str]
    n_compared_texts: int
    conversations: Sequence[Sequence[str]]
    n_compared_conversations: int
    responses: dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A start of a server.

    Attributes:
        peer: which server.
        number: of the round, from 1.
        ready_seconds: until its health path answered 200.
        ready_cpu_seconds: processor time until then.
        first_answer_ms: the first message after that, over a new connection.
        rss_mib: memory of its processes then.
    """

    peer: str
    number: int
    ready_seconds: float
    ready_cpu_seconds: float
    first_answer_ms: float
    rss_mib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One load on one server.

    Attributes:
        peer: which server.
        number: of the round, from 1.
        path: what was asked.
        n_clients: how many clients there were.
        rate: good answers a second.
        p50: milliseconds, of good answers to messages sent while measuring; NaN without one.
        p99: likewise.
        n_sent: messages sent while measuring.
        failures: those without a good answer, by reason.
        n_compared: answers whose content was compared.
        wrong: answers of the wrong shape, or of another content, by kind.
        own_cores: what the generator used.
        server_cores: what the server used.
        peak_rss_mib: most memory of the server's processes during the load.
        example: an answer that was wrong, or a failure.
    """

    peer: str
    number: int
    path: str
    n_clients: int
    rate: float
    p50: float
    p99: float
    n_sent: int
    n_compared: int
    own_cores: float
    server_cores: float
    peak_rss_mib: float
    failures: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)
    example: str = ""

    @property
    def cpu_ms(self) -> float:
        """Processor time of the server for a message; NaN without one. Other load hardly counts."""
        return 1000 * self.server_cores / self.rate if self.rate else float("nan")

    @classmethod
    def of(
        cls,
        found: dict[str, Any],
        *,
        peer: str,
        number: int,
        path: str,
        n_clients: int,
        peak_rss_mib: float,
    ) -> Row:
        """The row of what the generator found."""
        times = {"p50": float("nan"), "p99": float("nan")}
        if found["seconds"]:
            times = percentiles(found["seconds"])
        names = ("rate", "n_sent", "n_compared", "failures", "wrong", "example")
        return cls(
            peer=peer,
            number=number,
            path=path,
            n_clients=n_clients,
            p50=times["p50"],
            p99=times["p99"],
            own_cores=found["own_cores"],
            server_cores=found["server_cores"],
            peak_rss_mib=peak_rss_mib,
            **{name: found[name] for name in names},
        )


def one_round(
    side: Side, said: Said, effort: Effort, number: int, folder: Path
) -> tuple[Start, list[Row]]:
    """Start a server, measure it under each load, end it.

    Args:
        side: the server.
        said: the messages.
        effort: how much is measured.
        number: of the round, from 1.
        folder: for the orders to the generator.

    Raises:
        RuntimeError: the server did not start, the generator failed, or an answer that others are
            to be compared with is not one.
    """
    with side.server() as server:
        _, first_seconds = _ask(server, PARSE, [{"text": said.texts[-1]}])
        start = Start(
            peer=side.name,
            number=number,
            ready_seconds=server.ready_seconds,
            ready_cpu_seconds=server.ready_cpu_seconds,
            first_answer_ms=first_seconds * 1000,
            rss_mib=server.take_peak_rss_mib(),
        )
        _note(
            f"{side.name}: ready in {start.ready_seconds:.2f} s "
            f"(CPU {start.ready_cpu_seconds:.2f} s), "
            f"{start.rss_mib:.0f} MiB, first answer after {start.first_answer_ms:.0f} ms"
        )
        orders = {PARSE: _parses(server, said), TURN: _turns(server, said, number)}
        rows = []
        for path in PATHS:
            for n_clients in effort.clients:
                server.take_peak_rss_mib()
                effort_now = {
                    "port": server.port,
                    "n_clients": n_clients,
                    "warm_up": effort.warm_up,
                    "seconds": effort.seconds,
                    "patience": effort.patience,
                    "pause": effort.pause,
                    "server_pid": server.pid,
                }
                name = f"load-{number}-{n_clients}"
                order = {"path": path, "host": HOST, "name": name, "effort": effort_now}
                row = Row.of(
                    _generate(order | orders[path], folder),
                    peer=side.name,
                    number=number,
                    path=path,
                    n_clients=n_clients,
                    peak_rss_mib=server.take_peak_rss_mib(),
                )
                _note(_in_words(row))
                rows.append(row)
    return start, rows


def _in_words(row: Row) -> str:
    faults = "".join(f", {n} {name}" for name, n in (row.failures | row.wrong).items())
    return (
        f"{row.peer} {row.path} {row.n_clients}: {row.rate:.1f}/s, p50 {row.p50:.1f} ms, "
        f"p99 {row.p99:.1f} ms, {row.peak_rss_mib:.0f} MiB, server {row.server_cores:.2f} and "
        f"generator {row.own_cores:.2f} cores{faults}"
    )


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _generate(order: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What the generator found, in a process of its own."""
    path = folder / "order.json"
    path.write_text(json.dumps(order), encoding="utf-8")
    effort = order["effort"]
    limit = 60 + effort["warm_up"] + effort["seconds"] + effort["patience"]
    command = [sys.executable, "-m", "serve_parts.load", str(path)]
    try:
        run = subprocess.run(
            command, cwd=BENCHMARKS, capture_output=True, text=True, check=False, timeout=limit
        )
    except subprocess.TimeoutExpired:
        return _endless(effort["n_clients"], limit)
    if run.returncode != 0:
        raise RuntimeError(f"the load generator failed:\n{run.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _endless(n_clients: int, limit: float) -> dict[str, Any]:
    """What stands for a load that did not end, so that all others are in the table."""
    nothing = {"seconds": [], "rate": 0.0, "n_sent": n_clients, "n_compared": 0, "wrong": {}}
    cores = {"own_cores": math.nan, "server_cores": math.nan}
    text = f"the load did not end within {limit:.0f} s"
    return {**nothing, **cores, "failures": {text: n_clients}, "example": text}


def _parses(server: Server, said: Said) -> dict[str, Any]:
    """The order for parses, with the answers of the quiet server."""
    texts = said.texts[: said.n_compared_texts]
    bodies, _ = _ask(server, PARSE, [{"text": text} for text in texts])
    return {"texts": said.texts, "expected": [answers.parse_gist(body) for body in bodies]}


def _turns(server: Server, said: Said, number: int) -> dict[str, Any]:
    """The order for conversations, with the answers of the quiet server."""
    responses = answers.Responses(said.responses)
    expected: list[list[Gist]] = []
    for place, texts in enumerate(said.conversations[: said.n_compared_conversations]):
        sender = f"quiet-{number}-{place}"
        bodies, _ = _ask(server, TURN, [{"sender": sender, "message": text} for text in texts])
        expected.append([answers.turn_gist(body, responses) for body in bodies])
    return {
        "conversations": said.conversations,
        "expected": expected,
        "responses": said.responses,
    }


def _ask(
    server: Server, path: str, contents: Sequence[dict[str, str]]
) -> tuple[list[bytes], float]:
    """Answers to messages sent one after the other, and seconds until the first one.

    Raises:
        RuntimeError: one has another status than 200, or is of the wrong shape.
    """
    connection = http.client.HTTPConnection(HOST, server.port, timeout=60)
    bodies: list[bytes] = []
    first = 0.0
    began = time.perf_counter()
    try:
        for content in contents:
            headers = {"Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(content), headers)
            answer = connection.getresponse()
            body = answer.read()
            first = first or time.perf_counter() - began
            quoted = json.dumps(content.get("sender", content.get("text"))).encode()
            has_shape = answers.parse_has_shape if path == PARSE else answers.turn_has_shape
            if answer.status != 200 or not has_shape(body, quoted):
                raise RuntimeError(
                    f"{path} must answer {content} with status 200 and the usual JSON, even "
                    f"without load: got {answer.status}, {body[:500]!r}"
                )
            bodies.append(body)
    except (OSError, http.client.HTTPException) as error:
        raise RuntimeError(f"{path} did not answer {contents[len(bodies)]}: {error!r}") from error
    finally:
        connection.close()
    return bodies, first
