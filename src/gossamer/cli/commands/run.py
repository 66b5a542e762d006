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
    teach: Annotated[
        str | None,
        typer.Option(
            "--teach",
            metavar="[PROJECT]",
            help="Let the page teach the project in this folder, '.' if not given; the HTTP API "
            "is there, too.",
        ),
    ] = None,
    cors: Annotated[
        list[str],
        typer.Option("--cors", help="An origin whose pages may call it, or '*'; several may be."),
    ] = [],  # noqa: B006
    auth_token: Annotated[
        str | None,
        typer.Option(
            "--auth-token",
            "-t",
            envvar="GOSSAMER_AUTH_TOKEN",
            help="A token that requests of the HTTP API must bring; better in the variable.",
        ),
    ] = None,
    jwt_secret: Annotated[
        str | None,
        typer.Option(
            "--jwt-secret",
            envvar="GOSSAMER_JWT_SECRET",
            help="Key of JSON web tokens: a shared secret, or a public key as PEM text.",
        ),
    ] = None,
    jwt_method: Annotated[
        str,
        typer.Option("--jwt-method", help="How they are signed: HS, RS or ES with 256, 384, 512."),
    ] = "HS256",
    jwt_private_key: Annotated[str | None, typer.Option("--jwt-private-key", hidden=True)] = None,
    rate_limit: Annotated[
        float | None,
        typer.Option("--rate-limit", help="Requests a second that one client may make."),
    ] = None,
    max_body: Annotated[
        int, typer.Option("--max-body", help="Bytes that a request may have.")
    ] = 1_000_000,
    max_text: Annotated[
        int, typer.Option("--max-text", help="Characters that a message may have.")
    ] = 10_000,
    response_timeout: Annotated[
        float, typer.Option("--response-timeout", help="Seconds in which a request is answered.")
    ] = 3_600.0,
    ssl_certificate: Annotated[
        Path | None, typer.Option("--ssl-certificate", help="Certificate (PEM) for HTTPS.")
    ] = None,
    ssl_keyfile: Annotated[
        Path | None, typer.Option("--ssl-keyfile", help="Key of the certificate (PEM).")
    ] = None,
    ssl_password: Annotated[
        str | None,
        typer.Option(
            "--ssl-password", envvar="GOSSAMER_SSL_PASSWORD", help="Password of the key's file."
        ),
    ] = None,
    ssl_ca_file: Annotated[
        Path | None,
        typer.Option("--ssl-ca-file", help="Certificates (PEM) by which clients' are known."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", envvar="GOSSAMER_WORKERS", help="Processes that answer; one uses one core."
        ),
    ] = 1,
    log_texts: Annotated[
        bool, typer.Option("--log-texts", help="Log what users and the assistant say, too.")
    ] = False,
    log_json: Annotated[
        bool | None,
        typer.Option(
            "--log-json/--log-readable",
            help="Lines of the log are JSON; they are if the log is no terminal.",
        ),
    ] = None,
    log_level: Annotated[
        str,
        typer.Option("--log-level", help="debug (each request, too), info or warning."),
    ] = "info",
    remote_storage: Annotated[str | None, typer.Option("--remote-storage", hidden=True)] = None,
    random_seed: RandomSeed = None,
) -> None:
    """Serve the assistant over HTTP until Ctrl-C."""
    import warnings

    from gossamer.cli.threads import one_thread_for_products

    one_thread_for_products()

    from gossamer.cli.models import parts_config
    from gossamer.data.errors import ConfigError
    from gossamer.data.installed import SERVING, require

    require("the server", *SERVING)

    from gossamer.serve.run import serve
    from gossamer.serve.settings import Limits, ServerSettings

    if remote_storage is not None:
        raise ConfigError(
            "models are read from a folder, not from a remote storage",
            got=remote_storage,
            hint="copy the model into the folder of --model before the start",
        )
    if jwt_private_key is not None:
        warnings.warn(
            "--jwt-private-key changes nothing: tokens are checked here, and not issued",
            stacklevel=2,
        )

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
            teach=None if teach is None else Path(teach),
            cors=tuple(cors),
            auth_token=auth_token,
            jwt_secret=jwt_secret,
            jwt_method=jwt_method,
            ssl_certificate=ssl_certificate,
            ssl_keyfile=ssl_keyfile,
            ssl_password=ssl_password,
            ssl_ca_file=ssl_ca_file,
            workers=workers,
            log_texts=log_texts,
            log_json=log_json,
            log_level=log_level,
            random_seed=random_seed,
            limits=Limits(
                body=max_body,
                text=max_text,
                rate=rate_limit,
                response_seconds=response_timeout,
            ),
        )
    )
