"""Runs `gossamer run` again and again in new processes, with the imports done once.

`python server_starter.py MODEL`; a line of JSON in (arguments, folder, log, and the network
namespace or null), a process id out.
A server that is killed 200 times need not import everything 200 times; all else is as usual.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from pathlib import Path


def warm_up(model: Path) -> None:
    """Import what a server does, by making one."""
    import psycopg
    import uvicorn.lifespan.on
    import uvicorn.protocols.http.httptools_impl
    import uvloop

    from gossamer.cli.commands import run
    from gossamer.serve.app import create_app
    from gossamer.serve.run import serve
    from gossamer.serve.server import Server
    from gossamer.serve.settings import ServerSettings

    assert all((psycopg, uvicorn, uvloop, run, serve))
    endpoints = Path("endpoints.yml")
    endpoints.write_text("tracker_store:\n  type: InMemory\n", "utf-8")
    server = Server(ServerSettings(model=model, endpoints=endpoints, enable_api=True))
    server.models.swap(server.load(model))
    create_app(server)
    server.close()
    endpoints.unlink()


def run_server(arguments: list[str], folder: str, log: str, network: str | None) -> None:
    """Be the server until it ends."""
    from gossamer.cli import main

    if network is not None:
        descriptor = os.open(f"/run/netns/{network}", os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, 0) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        os.close(descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(folder)
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor in (1, 2):
        os.dup2(written, descriptor)
    sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115
    sys.argv = ["gossamer", "run", *arguments]
    main()


def start_servers(model: Path) -> None:
    """Start what standard input asks for."""
    warm_up(model)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # those that end are gone at once
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            run_server(**asked)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    start_servers(Path(sys.argv[1]))
