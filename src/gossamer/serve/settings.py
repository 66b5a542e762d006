"""What a server is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from gossamer.data.errors import ConfigError
from gossamer.serve.security.loopback import is_loopback

DEFAULT_PORT: Final = 5005
DEFAULT_HOST: Final = "127.0.0.1"
JWT_METHODS: Final = tuple(
    f"{kind}{bits}" for kind in ("HS", "RS", "ES") for bits in (256, 384, 512)
)
LOG_LEVELS: Final = ("debug", "info", "warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a server takes before it refuses, so that no client can exhaust it.

    Attributes:
        body: bytes of a request; of a training request `training_body`.
        training_body: bytes of a request that brings training data.
        text: characters of a message.
        nesting: how deeply JSON may be nested.
        waiting: messages that may wait or be handled at a time; more are answered with 503.
        rate: requests a second that one client may make, over five seconds; None: any number.
        headers: bytes of a request's line and headers.
        connections: connections that may be open at a time; requests on more are answered with
            503.
        request_seconds: in which a client has to send a request, once it is connected; ten times
            as long where it may bring training data.
        response_seconds: in which a request is answered; later it is answered with 503.
        closing_seconds: for what was begun when the process is told to end.
        lease_wait: seconds that a message waits for its conversation before it is refused.
        training_jobs: trainings and tests over HTTP that run at a time.
    """

    body: int = 1_000_000
    training_body: int = 100_000_000
    text: int = 10_000
    nesting: int = 32
    waiting: int = 1_000
    rate: float | None = None
    lease_wait: float = 30.0
    training_jobs: int = 1
    headers: int = 32_768
    connections: int = 4_000
    request_seconds: float = 30.0
    response_seconds: float = 3_600.0
    closing_seconds: int = 10

    def __post_init__(self) -> None:
        for field_ in fields(self):
            value = getattr(self, field_.name)
            if value is not None and not value > 0:
                raise ConfigError(f"the limit `{field_.name}` must be above 0", got=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What a server is told when it starts. The names are those of `gossamer run`'s options.

    Attributes:
        model: a model file, or a folder: the latest model in it; that folder, or the file's, is
            the only one from which models can be loaded over HTTP.
        config: names the model's own components and policies, or None.
        endpoints: `endpoints.yml`, or None.
        credentials: `credentials.yml`, or None: the channel `rest` alone.
        host: the address it listens on. Departure from Rasa 3.6, which listens on all: the machine
            itself alone.
        port: the port; 0 picks a free one.
        enable_api: whether the HTTP API is there besides the channels, and the page.
        teach: the folder of the project that may be taught over HTTP, or None. The HTTP API is
            there then, too.
        cors: origins whose pages may call it, "*" for any.
        auth_token: a token that requests of the API must bring, or None.
        jwt_secret: the key that signs JSON web tokens, or None.
        jwt_method: how they are signed.
        ssl_certificate: file of the certificate that makes it HTTPS, with those it depends on, or
            None.
        ssl_keyfile: file of its key; None: it is in the certificate's file.
        ssl_password: of the key's file, or None.
        ssl_ca_file: file of certificates by which clients' ones are known, or None.
        workers: processes that answer.
        log_texts: whether texts of messages may be in the log.
        log_json: whether lines of the log are JSON; None: where it is no terminal.
        log_level: what is in the log: "debug" (each request, too), "info" or "warning".
        random_seed: decides among variations of responses; None: a new choice each time.
        limits: see `Limits`.

    Raises:
        ConfigError: a value is out of its range.
    """

    model: Path = Path("models")
    config: Path | None = None
    endpoints: Path | None = None
    credentials: Path | None = None
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    enable_api: bool = False
    teach: Path | None = None
    cors: tuple[str, ...] = ()
    auth_token: str | None = field(default=None, repr=False)
    jwt_secret: str | None = field(default=None, repr=False)
    jwt_method: str = "HS256"
    ssl_certificate: Path | None = None
    ssl_keyfile: Path | None = None
    ssl_password: str | None = field(default=None, repr=False)
    ssl_ca_file: Path | None = None
    workers: int = 1
    log_texts: bool = False
    log_json: bool | None = None
    log_level: str = "info"
    random_seed: int | None = None
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ConfigError("a port must be from 0 to 65535", got=self.port)
        if self.jwt_method not in JWT_METHODS:
            raise ConfigError(
                f"a JWT method must be one of {', '.join(JWT_METHODS)}", got=self.jwt_method
            )
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(
                f"a log level must be one of {', '.join(LOG_LEVELS)}", got=self.log_level
            )
        if self.workers < 1:
            raise ConfigError("there must be 1 worker or more", got=self.workers)
        if self.ssl_certificate is None and (self.ssl_keyfile or self.ssl_ca_file):
            raise ConfigError("a key or certificates of clients need a certificate of the server")
        if self.teach is not None:
            object.__setattr__(self, "enable_api", True)
            if not self.asks_for_token:
                self._check_teaching_without_token()

    @property
    def asks_for_token(self) -> bool:
        """Whether requests of the API must say who they are from."""
        return self.auth_token is not None or self.jwt_secret is not None

    def _check_teaching_without_token(self) -> None:
        hint = "GOSSAMER_AUTH_TOKEN or --jwt-secret"
        if not is_loopback(self.host):
            raise ConfigError(
                "teaching needs a token, unless the server listens on this machine only",
                got=f"--interface {self.host}",
                hint=f"{hint}; or --interface 127.0.0.1",
            )
        if "*" in self.cors:
            raise ConfigError(
                "teaching needs a token if pages of all websites may call the server",
                got="--cors *",
                hint=f"{hint}; or --cors with the origins that may",
            )
