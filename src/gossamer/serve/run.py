"""Start a server and let it run."""

from __future__ import annotations

import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from prometheus_client import disable_created_metrics

from gossamer.data.errors import ConfigError
from gossamer.data.model_files import latest_model
from gossamer.serve.app import create_app
from gossamer.serve.logs import logged
from gossamer.serve.security.protocol import limited_protocol
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings

if TYPE_CHECKING:
    from gossamer.serve.workers.link import Link

_log = logging.getLogger(__name__)

_BACKLOG = 2_048
_HEADERS: Final = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
]
_MORE_SECONDS: Final = 5.0
"""That the parent of workers waits longer than they do for what was begun."""
_ALL_ADDRESSES: Final = ("0.0.0.0", "::", "")


def serve(settings: ServerSettings) -> None:
    """Serve until the process is told to end.

    At SIGTERM it takes no more requests, finishes what was begun, for some seconds at most, and
    ends.

    Args:
        settings: what the server is told.

    Raises:
        InputError: a file of the settings cannot be used, or the port is taken; nothing was
            started.
    """
    _check_certificates(settings)
    # Otherwise each counter has a second series, which nobody asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    with logged(as_json=settings.log_json, level=settings.log_level, log_texts=settings.log_texts):
        if settings.workers > 1:
            _serve_together(settings)
            return
        with _listen(settings) as listening:
            _serve_alone(settings, listening, latest_model(settings.model))


def _serve_together(settings: ServerSettings) -> None:
    """Serve in several processes."""
    from gossamer.serve.workers.checks import check_workers
    from gossamer.serve.workers.parent import Parent

    check_workers(settings)
    with _listen(settings) as listening:
        model = latest_model(settings.model)

        def start(link: Link, path: str | None) -> None:
            _serve_alone(settings, listening, None if path is None else Path(path), link)

        _tell(settings, model.name, listening)
        _settle()  # what is imported stays in memory that all workers share
        closing = 3 * settings.limits.closing_seconds + _MORE_SECONDS
        Parent(settings.workers, start, str(model.resolve()), closing).run()


def _serve_alone(
    settings: ServerSettings,
    listening: socket.socket,
    model: Path | None,
    link: Link | None = None,
) -> None:
    """Serve in this process."""
    server = Server(settings, link)
    try:
        server.use(None if model is None else server.load(model))
        serving = uvicorn_server(server)
        if link is None and model is not None:
            _tell(settings, model.name, listening)
        _settle()
        with _ends_well_at_sigterm():
            serving.run(sockets=[listening])
    finally:
        gc.unfreeze()
        _close(server, settings.limits.closing_seconds)


def _settle() -> None:
    """Let searches for garbage leave out what was there at the start."""
    gc.freeze()


def uvicorn_server(server: Server) -> uvicorn.Server:
    """What speaks HTTP, within the limits of the server's settings.

    Args:
        server: what answers.

    Raises:
        ConfigError: the token or the key cannot be used.
    """
    settings = server.settings
    files: dict[str, Any] = {
        "ssl_certfile": settings.ssl_certificate,
        "ssl_keyfile": settings.ssl_keyfile,
        "ssl_keyfile_password": settings.ssl_password,
        "ssl_ca_certs": None if settings.ssl_ca_file is None else str(settings.ssl_ca_file),
    }
    return uvicorn.Server(
        uvicorn.Config(
            create_app(server),
            http=limited_protocol(settings.limits),
            log_config=None,
            access_log=False,
            server_header=False,
            headers=_HEADERS,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=settings.limits.closing_seconds,
            ws_max_size=settings.limits.body,
            **files,
        )
    )


def _listen(settings: ServerSettings) -> socket.socket:
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} is taken by another program", hint="another port, --port 5006"
            ) from None
        if getattr(error, "errno", None) == errno.EACCES:
            raise ConfigError(
                f"port {port} needs rights that this user does not have", hint="--port 5005"
            ) from None
        raise ConfigError(
            f"this machine must have the address to listen on ({error})",
            got=host,
            hint="--interface 127.0.0.1, or 0.0.0.0 for all",
        ) from None


def _tell(settings: ServerSettings, model: str, listening: socket.socket) -> None:
    """What is served where, and what is not safe about it."""
    scheme = "http" if settings.ssl_certificate is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host or "0.0.0.0"
    what = "channels and the HTTP API" if settings.enable_api else "channels; no HTTP API"
    port = listening.getsockname()[1]
    of = "" if settings.workers == 1 else f", in {settings.workers} processes"
    _log.info("%s serves %s at %s://%s:%d%s", model, what, scheme, host, port, of)
    if settings.enable_api and settings.host in _ALL_ADDRESSES and not settings.asks_for_token:
        _log.warning(
            "the HTTP API is open to everybody who can reach this machine. "
            "Try: GOSSAMER_AUTH_TOKEN, or --interface 127.0.0.1"
        )


def _check_certificates(settings: ServerSettings) -> None:
    certificate = settings.ssl_certificate
    if certificate is None:
        return
    for path in (certificate, settings.ssl_keyfile, settings.ssl_ca_file):
        if path is not None and not Path(path).is_file():
            raise ConfigError("a certificate or key must be a file", got=str(path))
    password = settings.ssl_password or ""
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, settings.ssl_keyfile, lambda: password)
        if settings.ssl_ca_file is not None:
            context.load_verify_locations(settings.ssl_ca_file)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"the certificate and its key cannot be used together ({error})",
            got=str(certificate),
            hint="PEM files that belong together, and --ssl-password if the key has one",
        ) from None


@contextlib.contextmanager
def _ends_well_at_sigterm() -> Any:
    """Let uvicorn, which raises the SIGTERM that ended it once more, not end the process by it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _close(server: Server, seconds: float) -> None:
    """Close the server; turns that do not end in time are given up, and nobody was answered."""
    closing = threading.Thread(target=server.close, daemon=True)
    closing.start()
    closing.join(seconds)
    if closing.is_alive():
        _log.warning("turns were still running after %g seconds, and are given up", seconds)
        logging.shutdown()
        os._exit(0)
