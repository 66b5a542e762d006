"""`gossamer run`: serve an assistant over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gossamer.cli.options import MODELS, ModelPath, PartsConfig, RandomSeed


def run(
    model: ModelPath = MODELS,
    config: PartsConfig = None,
    endpoints: Annotated[
        Path | None, typer.Option("--endpoints", help="endpoints.yml; used if it exists.")
    ] = None,
    credentials: Annotated[
        Path | None, typer.Option("--credentials", help="credentials.yml; used if it exists.")
    ] = None,
    host: Annotated[
        str, typer.Option("--interface", "-i", help="The address to listen on; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="The port to listen on.")] = 5005,
    enable_api: Annotated[
        bool, typer.Option("--enable-api", help="Serve the HTTP API and the page, too.")
    ] = False,
    random_seed: RandomSeed = None,
) -> None:
    """Serve the assistant over HTTP until Ctrl-C."""
    from gossamer.cli.models import parts_config
    from gossamer.data.installed import SERVING, require

    require("the server", *SERVING)

    from gossamer.serve.run import serve
    from gossamer.serve.settings import ServerSettings

    def found(given: Path | None, name: str) -> Path | None:
        return Path(name) if given is None and Path(name).is_file() else given

    serve(
        ServerSettings(
            model=model,
            config=parts_config(config),
            endpoints=found(endpoints, "endpoints.yml"),
            credentials=found(credentials, "credentials.yml"),
            host=host,
            port=port,
            enable_api=enable_api,
            random_seed=random_seed,
        )
    )
