"""Does a malformed request or an odd text ever end in an error of the server, or fill its memory?

A server is started, and gets requests that are damaged in many ways over all routes that its
OpenAPI page has, and odd texts by `/model/parse` and the REST channel. Every answer must have a
status of 2xx or 4xx, an error must be JSON of Rasa's shape, and memory must stay flat. Exit code 1
otherwise; the faults are listed with the seeds that bring them back.

    python benchmarks/fuzz_serve.py --model models --count 2000 --texts 500
    python benchmarks/fuzz_serve.py --model models --count 100000 --texts 10000    about an hour
    python benchmarks/fuzz_serve.py --model models --only 4711                     one of them
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from support.odd_requests import OddRequest, OddRequests, odd_text

_SECONDS = 60.0  # in which each request has to be answered
_KEYS = {"version", "status", "message", "reason", "details", "help", "code"}
_ONE_AT_A_TIME = ("/model/train", "/model/test/")  # others are answered with 503
_GROWTH = 30.0  # MiB that memory may grow by after the first fifth of bodies, and of texts


@dataclass
class Findings:
    """What came of the requests.

    Attributes:
        statuses: how often each status was answered; 0: none was, which was allowed.
        faults: what went wrong, by kind of request and status, each with the first seeds.
        memory: MiB of the server, after each fifth.
    """

    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)

    def fault(self, what: str, seed: int) -> None:
        """Note what went wrong."""
        self.faults.setdefault(what, []).append(seed)


class Client:
    """Sends bytes and reads one answer for each, on connections of their own."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port

    async def ask(
        self, content: bytes, *, has_no_body: bool = False, is_cut: bool = False
    ) -> tuple[int, bytes]:
        """The status and body of the answer; status 0 if the connection ended without one.

        With `is_cut` nothing more is sent, so that the server need not wait for the rest.
        """
        reader, writer = await asyncio.open_connection(*self._address)
        try:
            with suppress(OSError):  # it may have answered and closed the connection already
                writer.write(content)
                await writer.drain()
                if is_cut:
                    writer.write_eof()
            return await asyncio.wait_for(_answer(reader, has_no_body), _SECONDS)
        except TimeoutError:
            return 0, b"none in time"
        except (OSError, asyncio.IncompleteReadError):
            return 0, b""
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader, has_no_body: bool) -> tuple[int, bytes]:
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        if status != 100:
            break
    headers = dict(
        line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
    )
    if has_no_body or status in (204, 304):
        return status, b""
    if b"content-length" in headers:
        return status, await reader.readexactly(int(headers[b"content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += (await reader.readexactly(size + 2))[:-2]
    return status, body


def problem_of(
    status: int,
    body: bytes,
    *,
    may_be_dropped: bool,
    has_no_body: bool,
    may_be_busy: bool = False,
) -> str | None:
    """What is wrong with an answer, or None."""
    if status == 0:
        return None if may_be_dropped and not body else "no answer"
    is_busy = status == 503 and may_be_busy
    if not (is_busy or 200 <= status < 300 or 400 <= status < 500):
        return f"status {status}"
    if status < 400 or has_no_body:
        return None
    try:
        error = json.loads(body)
    except ValueError:
        return f"status {status} without JSON"
    if not isinstance(error, dict) or set(error) != _KEYS or error["code"] != status:
        return f"status {status} with JSON of another shape"
    return "a path or traceback in an answer" if _tells_too_much(body) else None


def _tells_too_much(body: bytes) -> bool:
    return any(part in body for part in (b"Traceback", b'.py"', b"site-packages", b"/src/"))


async def fuzz(
    client: Client,
    routes: list[tuple[str, str]],
    count: int,
    texts: int,
    at_once: int,
    memory: Callable[[], float],
) -> Findings:
    """Send all of them, some at a time."""
    findings = Findings()
    requests = OddRequests(routes)

    async def body(seed: int) -> None:
        odd = requests.request(seed)
        await check(odd, seed)

    async def text(seed: int) -> None:
        await check(text_request(seed), seed)

    async def check(odd: OddRequest, seed: int) -> None:
        try:
            status, answer = await client.ask(
                odd.content, has_no_body=odd.has_no_body, is_cut=odd.may_be_dropped
            )
        except (ValueError, IndexError, asyncio.LimitOverrunError) as error:
            findings.fault(f"{odd.line}, {odd.kind}: {type(error).__name__} {error}", seed)
            return
        findings.statuses[status] += 1
        problem = problem_of(
            status,
            answer,
            may_be_dropped=odd.may_be_dropped,
            has_no_body=odd.has_no_body,
            may_be_busy=any(path in odd.line for path in _ONE_AT_A_TIME),
        )
        if problem is not None:
            findings.fault(f"{odd.line}, {odd.kind}: {problem}", seed)

    for what, job, n in (("bodies", body, count), ("texts", text, texts)):
        await _all(job, n, at_once, lambda: findings.memory.append(memory()))
        print(f"{n} {what}; memory now {memory():.0f} MiB", flush=True)
    return findings


async def _all(
    job: Callable[[int], Awaitable[None]], n: int, at_once: int, on_fifth: Callable[[], None]
) -> None:
    seeds = iter(range(n))
    fifth = max(1, n // 5)

    async def work() -> None:
        for seed in seeds:
            await job(seed)
            if seed % fifth == fifth - 1:
                on_fifth()

    await asyncio.gather(*(work() for _ in range(at_once)))


def text_request(seed: int) -> OddRequest:
    """A well-formed request with an odd text: most to `/model/parse`, some to the REST channel."""
    text = odd_text(seed)
    if seed % 5 == 0:
        path, content = "/webhooks/rest/webhook", {"sender": f"fuzz-{seed % 7}", "message": text}
    else:
        path, content = "/model/parse", {"text": text}
    is_ascii = bool(seed % 2) or any("\ud800" <= sign < "\ue000" for sign in text)
    body = json.dumps(content, ensure_ascii=is_ascii).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: fuzz\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return OddRequest(f"text {seed % 16}", f"POST {path}", head + body)


def routes_of(url: str) -> list[tuple[str, str]]:
    """Methods and paths of a server, from its OpenAPI page."""
    with urllib.request.urlopen(f"{url}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def resident(pid: int) -> float:
    """MiB of memory that a process holds."""
    fields_ = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields_[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def started(model: Path, folder: str) -> tuple[subprocess.Popen[bytes], int, Path]:
    """A server with its API on a free port, that port, and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = Path(folder) / "server.log"
    command = [sys.executable, "-m", "gossamer.cli", "run", "--enable-api", "--model"]
    process = subprocess.Popen(
        [*command, str(model.resolve()), "--port", str(port)], cwd=folder, stderr=log.open("wb")
    )
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready").close()
            return process, port, log
        time.sleep(0.1)
    sys.exit(f"the server does not start:\n{log.read_text()}")


def main() -> int:
    """Fuzz a server, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=Path("models"), help="a file, or a folder")
    parser.add_argument("--count", type=int, default=2_000, help="damaged requests")
    parser.add_argument("--texts", type=int, default=500, help="odd texts")
    parser.add_argument("--at-once", type=int, default=8, help="requests at a time")
    parser.add_argument("--only", type=int, help="the seed of one request, which is shown")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        process, port, log = started(options.model, folder)
        try:
            client, routes = Client("127.0.0.1", port), routes_of(f"http://127.0.0.1:{port}")
            if options.only is not None:
                for odd in (OddRequests(routes).request(options.only), text_request(options.only)):
                    print(odd.kind, odd.content[:2_000], sep="\n")
                    print(
                        asyncio.run(
                            client.ask(
                                odd.content, has_no_body=odd.has_no_body, is_cut=odd.may_be_dropped
                            )
                        )
                    )
                return 0
            began = time.monotonic()
            findings = asyncio.run(
                fuzz(
                    client,
                    routes,
                    options.count,
                    options.texts,
                    options.at_once,
                    lambda: resident(process.pid),
                )
            )
            print(
                f"{len(routes)} routes, {time.monotonic() - began:.0f} s, statuses "
                + ", ".join(f"{status}: {n}" for status, n in sorted(findings.statuses.items()))
            )
            print("MiB after each fifth:", *(f"{each:.0f}" for each in findings.memory))
            for what, seeds in sorted(findings.faults.items()):
                print(f"FAULT {what}; {len(seeds)} times, seeds {seeds[:5]}")
            has_ended = process.poll() is not None
            growth = max(
                part[-1] - part[0] for part in (findings.memory[:5], findings.memory[5:]) if part
            )
            if has_ended or growth > _GROWTH:
                print(
                    f"FAULT the server {'has ended' if has_ended else f'grew by {growth:.0f} MiB'}"
                )
            logged = Counter(json.loads(line)["message"] for line in log.read_text().splitlines())
            print("log:", *(f"{n} x {message}" for message, n in logged.most_common(8)), sep="\n  ")
            return int(bool(findings.faults) or has_ended or growth > _GROWTH)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


if __name__ == "__main__":
    sys.exit(main())
