"""`gossamer run` as an operator meets it: start, refusals at the start, and the end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from gossamer.cli.app import app
from gossamer.serve.run import uvicorn_server
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings

CHAT = "/webhooks/rest/webhook"
ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def wait_until_live(client: httpx.Client, process: subprocess.Popen[str]) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        assert process.poll() is None
        with contextlib.suppress(httpx.TransportError):
            if client.get("/health/live").status_code == 200:
                return
        time.sleep(0.02)
    raise AssertionError("the server does not start")


def logged(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "server-0.log").read_text("utf-8").splitlines()]


SLOW_SERVER = """
import pathlib, sys, time
from gossamer.serve.run import serve
from gossamer.serve.server import Server
from gossamer.serve.settings import Limits, ServerSettings

parse = Server._parse_now
def slowly(*arguments):
    pathlib.Path("begun").touch()
    time.sleep(float(sys.argv[3]))
    return parse(*arguments)
Server._parse_now = slowly
limits = Limits(closing_seconds=int(sys.argv[4]))
serve(ServerSettings(model=pathlib.Path(sys.argv[1]), port=int(sys.argv[2]), limits=limits))
"""


@pytest.mark.parametrize(
    ("slow", "closing", "is_answered"),
    [(0.7, 10, True), pytest.param(30, 1, False, marks=pytest.mark.long)],
)
def test_sigterm_finishes_what_was_begun(
    tiny_model: Path, tmp_path: Path, slow: float, closing: int, is_answered: bool
) -> None:
    """It waits for turns that run, but not for ever; the exit code is 0."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVER, str(tiny_model), str(port), str(slow), str(closing)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
            wait_until_live(client, process)
            answers: list[httpx.Response] = []

            def ask() -> None:
                answers.append(client.post(CHAT, json={"message": "hello"}))

            asking = threading.Thread(target=ask)
            asking.start()
            give_up = time.monotonic() + 20
            while not (tmp_path / "begun").exists() and time.monotonic() < give_up:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            asking.join(10)
            client.close()
            content = answers[0].json()
            if is_answered:
                assert content[0]["text"] == "Hello! Where to?"
            else:
                assert (content["code"], content["message"]) == (503, "the server is ending")
            assert process.stderr is not None
            lines = [json.loads(line) for line in process.stderr.read().splitlines()]
        finally:
            process.kill()
    assert lines[0]["message"].startswith("tiny.gossamer serves channels; no HTTP API at http://")
    told = [line["message"] for line in lines[1:]]
    assert any("given up" in each for each in told) is not is_answered, told


def test_a_token_from_the_environment(
    start_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOSSAMER_AUTH_TOKEN", "open")
    client = start_process("--enable-api", "-i", "0.0.0.0", "--log-level", "debug").client
    assert client.post("/model/parse", json={"text": "hello"}).status_code == 401
    assert client.post("/model/parse?token=open", json={"text": "hello"}).status_code == 200
    assert "warning" not in [line["level"] for line in logged(tmp_path)]
    assert "token=open" not in (tmp_path / "server-0.log").read_text("utf-8")


def test_all_addresses_without_a_token_are_warned_of(start_process: Any, tmp_path: Path) -> None:
    start_process("--enable-api", "-i", "0.0.0.0")
    assert [line["level"] for line in logged(tmp_path)] == ["info", "warning"]
    assert "open to everybody" in logged(tmp_path)[1]["message"]


def refused(*arguments: str, env: dict[str, str] | None = None) -> str:
    """The one line that the command ends with."""
    result = CliRunner().invoke(app, ["run", *arguments], env=env or {})
    assert result.exit_code == 1, result.output
    assert "Traceback" not in result.output
    return result.output


def test_a_port_that_is_taken(tiny_model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = refused("--model", str(tiny_model), "--port", port)
    assert f"port {port} is taken by another program" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--jwt-secret", "x", "--jwt-method", "none"], "a JWT method must be one of HS256"),
        (["--jwt-secret", "x", "--jwt-method", "RS256"], "the public key as PEM text"),
        (["--rate-limit", "0"], "the limit `rate` must be above 0"),
        (["--max-body", "0"], "the limit `body` must be above 0"),
        (["--log-level", "loud"], "a log level must be one of debug, info, warning"),
        (["--ssl-keyfile", "key.pem"], "need a certificate"),
        (["--ssl-certificate", "none.pem"], "must be a file"),
        (["--remote-storage", "aws"], "copy the model into the folder of --model"),
        (["--interface", "203.0.113.7"], "must have the address to listen on"),
        (["--interface", "no such host"], "must have the address to listen on"),
        (["--port", "70000"], "a port must be from 0 to 65535"),
    ],
)
def test_options_that_cannot_be_used(tiny_model: Path, arguments: list[str], message: str) -> None:
    assert message in " ".join(refused("--model", str(tiny_model), *arguments).split())


def test_secrets_are_not_shown(tiny_model: Path) -> None:
    shown = CliRunner().invoke(app, ["run", "--help"], env={"GOSSAMER_AUTH_TOKEN": "geheim"})
    assert shown.exit_code == 0 and "geheim" not in shown.output
    line = refused("--jwt-method", "RS256", env={"GOSSAMER_JWT_SECRET": "geheim"})
    assert "geheim" not in line


def test_https(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -days 1 -subj /CN=x -passout pass:geheim"
    names = "-addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out certificate.pem"
    try:
        subprocess.run(f"{command} {names}".split(), cwd=tmp_path, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    monkeypatch.chdir(tmp_path)
    settings = ServerSettings(
        model=tiny_model,
        ssl_password="geheim",
        ssl_certificate=Path("certificate.pem"),
        ssl_keyfile=Path("key.pem"),
    )
    server = Server(settings)
    serving = uvicorn_server(server)
    context = ssl.create_default_context(cafile="certificate.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/version"
        thread = threading.Thread(target=serving.run, args=([listening],))
        thread.start()
        with httpx.Client(verify=context, trust_env=False, timeout=30) as client:
            assert client.get(url).status_code == 200
        serving.should_exit = True
        thread.join()
    server.close()
    arguments = ["--ssl-certificate", "certificate.pem", "--ssl-keyfile", "key.pem"]
    assert "cannot be used together" in refused(*arguments, "--ssl-password", "wrong")
