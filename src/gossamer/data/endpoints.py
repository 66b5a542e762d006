"""The endpoints, `endpoints.yml`: where custom actions run."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from gossamer.data.errors import ConfigError, Location
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.text_files import read_text
from gossamer.data.text.yaml_tree import YamlMapping, YamlNode, YamlScalar, parse_yaml_tree

_NONE: Mapping[str, str] = MappingProxyType({})
_KEY: Final = "action_endpoint"
_MODULE: Final = "actions_module"
_OTHERS: Final = ("models", "tracker_store", "event_broker", "nlg", "nlu", "lock_store")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
DEFAULT_TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEndpoint:
    """An action server.

    Attributes:
        url: where actions are called, http or https ("http://localhost:5055/webhook"). Departure
            from Rasa 3.6: no user name and password in it, as addresses are shown.
        headers: further headers.
        params: further parameters of the address.
        token: a parameter that says who calls, or None; not shown.
        token_name: the name of that parameter.
        basic_auth: user name and password, or None; not shown.
        cafile: certificates to trust, or None for the machine's.
        timeout: seconds that a whole call may take. Departure from Rasa 3.6, which waits for 300:
            the user is waiting for the answer.
        is_domain_selective: whether only actions that ask for the domain get it.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=lambda: _NONE, repr=False)
    params: Mapping[str, str] = field(default_factory=lambda: _NONE)
    token: str | None = field(default=None, repr=False)
    token_name: str = "token"
    basic_auth: tuple[str, str] | None = field(default=None, repr=False)
    cafile: Path | None = None
    timeout: float = DEFAULT_TIMEOUT
    is_domain_selective: bool = False

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
            _ = parts.port  # raises if it is bad
        except ValueError:
            is_good = False
        if "@" in self.url.partition("?")[0]:
            raise ConfigError(
                "the address of an action server must not hold a user name or password",
                hint="basic_auth: with username and password",
            )
        if not (self.url.isascii() and self.url.isprintable() and " " not in self.url):
            raise ConfigError(
                "the address of an action server must be ASCII without blanks",
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
                "the address of an action server must begin with http:// or https:// and name a "
                "host",
                got=self.url,
                hint="http://localhost:5055/webhook",
            )
        if not (math.isfinite(self.timeout) and self.timeout > 0):
            raise ConfigError("a timeout must be a number of seconds above 0", got=self.timeout)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """What an `endpoints.yml` says, as far as it counts here.

    Attributes:
        action: the action server, the module of actions, or None.
        where: the file, or None; does not count when endpoints are compared.
    """

    action: ActionEndpoint | ActionsModule | None = None
    where: Location | None = field(default=None, compare=False, repr=False)


def read_endpoints(path: str | Path) -> Endpoints:
    """Read an `endpoints.yml`.

    Only the key `action_endpoint` is read; one warning names the others. Besides Rasa's
    keys it may have `timeout`, in seconds. With `actions_module`, as in later versions of Rasa,
    custom actions run in this process; a `url` beside it is not used, with a warning.

    Args:
        path: the file.

    Raises:
        ConfigError: the file is missing or not well-formed YAML; it is not a mapping;
            `action_endpoint` is misspelt, has no valid `url` or `actions_module`, an unknown key,
            or a value of another type than it should have.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError("endpoints must be a file", where=Location(path))
    tree = parse_yaml_tree(read_text(path, error=ConfigError), path, error=ConfigError)
    if tree is None or _is_null(tree):
        return Endpoints(where=Location(path))
    if not isinstance(tree, YamlMapping):
        raise ConfigError(
            f"endpoints must be a mapping, as with the key '{_KEY}'",
            where=tree.where,
            hint=f"{_KEY}:",
        )
    ignored = [key.text for key, _ in tree.pairs if key.text != _KEY]
    for key in ignored:
        if _KEY not in tree.entries and nearest(key, (_KEY, *_OTHERS)) == _KEY:
            raise ConfigError(
                "a key of endpoints must be a known one",
                got=key,
                where=tree.where,
                hint=f"{_KEY}:",
            )
    if ignored:
        warnings.warn(f"{path}: not used by Gossamer: {', '.join(ignored)}", stacklevel=2)
    node = tree.entries.get(_KEY)
    action = None if node is None or _is_null(node) else _action_endpoint(node)
    return Endpoints(action=action, where=Location(path))


def _action_endpoint(node: YamlNode) -> ActionEndpoint | ActionsModule:
    if not isinstance(node, YamlMapping):
        raise ConfigError(
            f"'{_KEY}' must be a mapping with the key 'url'",
            got=node.to_python(),
            where=node.where,
            hint="url: http://localhost:5055/webhook",
        )
    keys = (*_READERS, _MODULE)
    unknown = next((key for key, _ in node.pairs if key.text not in keys), None)
    if unknown is not None:
        raise ConfigError(
            f"'{_KEY}' has the keys {', '.join(keys)}", got=unknown.text, where=unknown.where
        )
    given = {key.text: value for key, value in node.pairs if not _is_null(value)}
    if _MODULE in given:
        return _actions_module(given)
    options: dict[str, Any] = {}
    for key, value in given.items():
        name, read = _READERS[key]
        options[name] = read(key, value)
    if "url" not in options:
        raise ConfigError(
            f"'{_KEY}' needs a url",
            where=node.where,
            hint=f"url: http://localhost:5055/webhook, or {_MODULE}: actions to run them here",
        )
    try:
        return ActionEndpoint(**options)
    except ConfigError as error:
        raise ConfigError(
            error.must_hold, got=error.got, where=node.where, hint=error.hint
        ) from None


def _actions_module(given: Mapping[str, YamlNode]) -> ActionsModule:
    module = given[_MODULE]
    others = [key for key in given if key != _MODULE]
    if others:
        warnings.warn(
            f"{module.where}: actions run in this process, because of {_MODULE}; not used: "
            f"{', '.join(others)}",
            stacklevel=4,
        )
    return ActionsModule(module=_text(_MODULE, module), where=module.where)


def _is_null(node: YamlNode) -> bool:
    return isinstance(node, YamlScalar) and node.value is None


def _text(key: str, node: YamlNode) -> str:
    if not isinstance(node, YamlScalar):
        raise ConfigError(f"'{key}' must be a text", where=node.where)
    return node.text


def _texts(key: str, node: YamlNode) -> dict[str, str]:
    if not isinstance(node, YamlMapping):
        raise ConfigError(f"'{key}' must be a mapping of texts", where=node.where)
    return {name.text: _text(name.text, value) for name, value in node.pairs}


def _path(key: str, node: YamlNode) -> Path:
    path = Path(_text(key, node))
    if not path.is_file():
        raise ConfigError(f"'{key}' must name a file", got=str(path), where=node.where)
    return path


def _login(key: str, node: YamlNode) -> tuple[str, str]:
    texts = _texts(key, node)
    if set(texts) != {"username", "password"}:
        raise ConfigError(
            f"'{key}' must have the keys username and password", got=list(texts), where=node.where
        )
    return texts["username"], texts["password"]


def _seconds(key: str, node: YamlNode) -> float:
    value = node.to_python()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"'{key}' must be a number of seconds", got=value, where=node.where)
    return float(value)


def _truth(key: str, node: YamlNode) -> bool:
    value = node.to_python()
    if not isinstance(value, bool):
        raise ConfigError(f"'{key}' must be true or false", got=value, where=node.where)
    return value


_READERS: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "url": ("url", _text),
        "headers": ("headers", _texts),
        "params": ("params", _texts),
        "token": ("token", _text),
        "token_name": ("token_name", _text),
        "basic_auth": ("basic_auth", _login),
        "cafile": ("cafile", _path),
        "timeout": ("timeout", _seconds),
        "enable_selective_domain": ("is_domain_selective", _truth),
    }
)
