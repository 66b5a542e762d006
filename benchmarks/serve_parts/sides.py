"""The servers that are measured: how each gets its model, and how it is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasa_peer
from ruamel.yaml import YAML
from serve_parts.processes import HOST, Server, free_port

BENCHMARKS = Path(__file__).resolve().parent.parent
SOURCES = BENCHMARKS.parent / "src"
STARTER = SOURCES / "gossamer" / "starter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A server that can be started.

    Attributes:
        name: shown in tables.
        command: how it is started, with `{port}` for the port.
        health: path that answers 200 when it can answer messages.
        folder: its working folder.
        environment: its environment variables.
    """

    name: str
    command: Sequence[str]
    health: str
    folder: Path
    environment: Mapping[str, str]

    def server(self) -> Server:
        """A server of this side, to be started, on a port of its own."""
        port = free_port()
        return Server(
            [part.format(port=port) for part in self.command],
            port=port,
            health=self.health,
            folder=self.folder,
            environment=self.environment,
            log=self.folder / "server.log",
        )


def gossamer(
    folder: Path,
    model: Path | None,
    endpoints: Path | None,
    *,
    name: str = "Gossamer",
    sources: Path = SOURCES,
    more: Sequence[str] = (),
) -> Side:
    """Gossamer's server.

    Args:
        folder: a new one, to work in.
        model: a model trained on the starter project, or None to train one.
        endpoints: `endpoints.yml` for the server, or None.
        name: shown in tables.
        sources: the folder that has the package.
        more: options of `gossamer run`.

    Raises:
        RuntimeError: training failed; holds the end of what it printed.
    """
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(sources)}
    program = [sys.executable, "-m", "gossamer.cli"]
    if model is None:
        model = folder / "starter.gossamer"
        parts = [("--config", "config.yml"), ("--domain", "domain.yml"), ("--data", "data")]
        files = [word for option, name in parts for word in (option, str(STARTER / name))]
        named = ["--out", str(folder), "--fixed-model-name", "starter"]
        _call([*program, "train", *files, *named], folder, environment)
    _write_credentials(folder)
    return Side(
        name=name,
        command=[
            *(*program, "run", "--enable-api", "--port", "{port}"),
            *("--model", str(model.resolve()), "--credentials", "credentials.yml"),
            *_endpoints(endpoints),
            *more,
        ],
        health="/health/ready",
        folder=folder,
        environment=environment,
    )


def rasa(
    python: Path, folder: Path, model: Path | None, endpoints: Path | None, epochs: int
) -> Side:
    """Rasa's server with the same project; only the numbers of epochs differ.

    Args:
        python: the interpreter of Rasa's environment.
        folder: a new one, to work in.
        model: a model that Rasa has trained on the starter project, or None to train one.
        endpoints: `endpoints.yml` for the server, or None.
        epochs: of DIET and TED. They change no size, so no time to answer.

    Raises:
        RuntimeError: training failed; holds the end of what it printed.
    """
    folder.mkdir()
    environment = rasa_peer.environment(None)
    program = [str(python.absolute()), "-W", "ignore", "-m", "rasa"]
    if model is None:
        model = folder / "models" / "starter.tar.gz"
        shutil.copytree(STARTER / "data", folder / "data")
        shutil.copy(STARTER / "domain.yml", folder)
        _write_config(folder / "config.yml", epochs)
        command = [*program, "train", "--fixed-model-name", "starter", "--out", "models"]
        _call(command, folder, environment)
    _write_credentials(folder)
    return Side(
        name=f"Rasa {_rasa_version(python)}",
        command=[
            *(*program, "run", "--enable-api", "--interface", HOST, "--port", "{port}"),
            *("--model", str(model.resolve()), "--credentials", "credentials.yml"),
            *_endpoints(endpoints),
        ],
        health="/status",
        folder=folder,
        environment=environment,
    )


def bare(folder: Path) -> Side:
    """A server that understands nothing: the ceiling of generator and HTTP on this machine."""
    folder.mkdir()
    program = [sys.executable, "-m", "uvicorn", "serve_parts.bare_app:app", "--no-access-log"]
    return Side(
        name="bare FastAPI",
        command=[*program, "--host", HOST, "--port", "{port}"],
        health="/health/ready",
        folder=folder,
        environment=os.environ | {"PYTHONPATH": str(BENCHMARKS)},
    )


def _endpoints(path: Path | None) -> list[str]:
    return [] if path is None else ["--endpoints", str(path.resolve())]


def _write_config(path: Path, epochs: int) -> None:
    """The starter project's configuration with other numbers of epochs."""
    yaml = YAML()
    config = yaml.load((STARTER / "config.yml").read_text(encoding="utf-8"))
    for part in (*config["pipeline"], *config["policies"]):
        if "epochs" in part:
            part["epochs"] = epochs
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(config, file)


def _write_credentials(folder: Path) -> None:
    (folder / "credentials.yml").write_text("rest:\n", encoding="utf-8")


def _rasa_version(python: Path) -> str:
    code = "from importlib.metadata import version; print(version('rasa'))"
    run = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def _call(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    run: subprocess.CompletedProcess[Any] = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if run.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{run.stdout[-3000:]}")
