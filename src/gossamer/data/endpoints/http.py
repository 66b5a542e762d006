"""Servers that are called over HTTP: action servers, NLG servers, addresses for answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final
from urllib.parse import urlsplit

from gossamer.data.endpoints.values import Readers, login_of, path_of, seconds_of, text_of, texts_of
from gossamer.data.errors import ConfigError, Location

_NONE: Mapping[str, str] = MappingProxyType({})
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
DEFAULT_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEndpoint:
    """A server that is sent JSON.

    Attributes:
        url: where it is called, http or https. Departure from Rasa 3.6: no user name and password
            in it, as addresses are shown.
        headers: further headers.
        params: further parameters of the address.
        token: a parameter that says who calls, or None; not shown.
        token_name: the name of that parameter.
        basic_auth: user name and password, or None; not shown.
        cafile: certificates to trust, or None for the machine's.
        timeout: seconds that a whole call may take. Departure from Rasa 3.6, which waits for 300:
            the user is waiting for the answer.
    """

    what: ClassVar[str] = "a server"
    example: ClassVar[str] = "http://localhost:8000/"

    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NONE, repr=False)
    params: Mapping[str, str] = field(default_factory=lambda: _NONE)
    token: str | None = field(default=None, repr=False)
    token_name: str = "token"
    basic_auth: tuple[str, str] | None = field(default=None, repr=False)
    cafile: Path | None = None
    timeout: float = DEFAULT_TIMEOUT

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port  # raises if it is bad
        except ValueError:
            is_good = False
        if "@" in self.url.partition("?")[0]:
            raise ConfigError(
                f"the address of {self.what} must not hold a user name or password",
                hint="basic_auth: with username and password",
            )
        if not (self.url.isascii() and self.url.isprintable() and " " not in self.url):
            raise ConfigError(
                f"the address of {self.what} must be ASCII without blanks",
                got=self.url,
                hint="%20 for a blank, %C3%A9 for é",
            )
        for name, value in self.headers.items():
            if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
                raise ConfigError(  # its value is not shown
                    "a header must have a name without blanks, and one line of Latin-1", got=name
                )
        if not is_good:
            raise ConfigError(
                f"the address of {self.what} must begin with http:// or https:// and name a host",
                got=self.url,
                hint=self.example,
            )
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise ConfigError("a timeout must be a number of seconds above 0", got=self.timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEndpoint(HttpEndpoint):
    """An action server; `HttpEndpoint` has the other attributes.

    Attributes:
        is_domain_selective: whether only actions that ask for the domain get it.
    """

    what: ClassVar[str] = "an action server"
    example: ClassVar[str] = "http://localhost:5055/webhook"

    is_domain_selective: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NlgEndpoint(HttpEndpoint):
    """A server that makes the messages of responses; `HttpEndpoint` has the attributes."""

    what: ClassVar[str] = "an NLG server"
    example: ClassVar[str] = "http://localhost:5056/nlg"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionsModule:
    """A module of custom actions that run in this process.

    Attributes:
        module: its path ("actions").
        where: where it is named, or None; the module is looked for in the folder of that file,
            then in the working folder.
    """

    module: str
    where: Location | None = field(default=None, compare=False, repr=False)


HTTP_READERS: Final[Readers] = MappingProxyType(
    {
        "url": ("url", text_of),
        "headers": ("headers", texts_of),
        "params": ("params", texts_of),
        "token": ("token", text_of),
        "token_name": ("token_name", text_of),
        "basic_auth": ("basic_auth", login_of),
        "cafile": ("cafile", path_of),
        "timeout": ("timeout", seconds_of),
    }
)
"""What the keys of such a server in a file mean."""
