"""The credentials, `credentials.yml`: which channels messages come through."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeAlias

from gossamer.data.endpoints.http import HTTP_READERS, HttpEndpoint
from gossamer.data.endpoints.values import (
    Readers,
    made,
    mapping_of,
    options_in,
    own_options,
    text_of,
    truth_of,
)
from gossamer.data.errors import ConfigError, Location
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.text_files import read_text
from gossamer.data.text.yaml_tree import YamlMapping, YamlNode, YamlScalar, parse_yaml_tree
from gossamer.data.text.yaml_values import is_null, mapping_from

JWT_METHODS: Final = ("HS256", "HS384", "HS512", "RS256", "RS384", "RS512")


@dataclass(frozen=True, slots=True, kw_only=True)
class RestChannel:
    """Messages are posted, and answers come back with the response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackChannel(HttpEndpoint):
    """Messages are posted, and answers are posted to an address; `HttpEndpoint` has the attributes.

    Departure from Rasa 3.6: an answer is given up after 10 seconds, not 300.
    """

    what: ClassVar[str] = "a callback"
    example: ClassVar[str] = "http://localhost:5034/bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketioChannel:
    """Messages and answers are socket.io events. Names and defaults are those of Rasa 3.6.

    Attributes:
        user_message_evt: the event of a message.
        bot_message_evt: the event of an answer.
        namespace: socket.io's namespace ("/chat"), or None for the usual one.
        session_persistence: whether the client says which conversation is its own; else each
            connection is a conversation.
        socketio_path: where connections are taken.
        metadata_key: the key of a message that has its metadata.
        jwt_key: the secret or public key that a client's token must be signed with, or None: every
            client may connect; not shown.
        jwt_method: how it is signed, one of `JWT_METHODS`.
    """

    user_message_evt: str = "user_uttered"
    bot_message_evt: str = "bot_uttered"
    namespace: str | None = None
    session_persistence: bool = False
    socketio_path: str = "/socket.io"
    metadata_key: str = "metadata"
    jwt_key: str | None = field(default=None, repr=False)
    jwt_method: str = "HS256"

    def __post_init__(self) -> None:
        for key in ("user_message_evt", "bot_message_evt", "metadata_key"):
            if not getattr(self, key):
                raise ConfigError(f"'{key}' must not be empty")
        for key in ("namespace", "socketio_path"):
            value = getattr(self, key)
            if value is not None and not (value.startswith("/") and value.isprintable()):
                raise ConfigError(f"'{key}' must begin with a slash", got=value, hint=f"/{value}")
        if self.jwt_method not in JWT_METHODS:
            raise ConfigError(
                f"'jwt_method' must be one of {', '.join(JWT_METHODS)}", got=self.jwt_method
            )
        if self.jwt_key == "":  # anybody could sign with it
            raise ConfigError("'jwt_key' must not be empty", hint="leaving it out")


@dataclass(frozen=True, slots=True, kw_only=True)
class CmdlineChannel:
    """What `gossamer shell` is; a server has nothing to do for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnChannel:
    """A channel of the user's own.

    Attributes:
        path: the module path of its class.
        options: what is under it; not shown.
        where: where it is named; its folder is where the module is looked for, then the working
            folder.
    """

    path: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    where: Location | None = field(default=None, compare=False, repr=False)


Channel: TypeAlias = RestChannel | CallbackChannel | SocketioChannel | CmdlineChannel | OwnChannel


def read_credentials(path: str | Path) -> dict[str, Channel]:
    """Read a `credentials.yml`.

    `rasa`, which `rasa init` writes into every project and which only Rasa's own products use, is
    left out with a warning.

    Args:
        path: the file.

    Returns:
        Channels by name, in the order of the file; of one's own, the name is the module path.

    Raises:
        ConfigError: the file is missing or not well-formed YAML; it is not a mapping; it names an
            environment variable that is not set; a channel is not known, or one of Rasa's that
            Gossamer does not have; an option is unknown, missing or of another type than it should
            be.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError("credentials must be a file", where=Location(path))
    tree = parse_yaml_tree(read_text(path, error=ConfigError), path, error=ConfigError)
    if tree is None or is_null(tree):
        return {}
    if not isinstance(tree, YamlMapping):
        raise ConfigError(
            "credentials must be a mapping of channels", where=tree.where, hint="rest:"
        )
    found: dict[str, Channel] = {}
    for key, node in tree.pairs:
        if key.text == _RASAS:
            warnings.warn(f"{key.where}: not used by Gossamer: {_RASAS}", stacklevel=2)
        else:
            found[key.text] = _channel(key, node)
    return found


def _channel(key: YamlScalar, node: YamlNode) -> Channel:
    name = key.text
    section = _section(name, node)
    if name in _KINDS:
        kind, readers = _KINDS[name]
        options = options_in(name, section, readers)
        if kind is CallbackChannel and "url" not in options:
            raise ConfigError(
                f"'{name}' needs a url", where=key.where, hint=f"url: {CallbackChannel.example}"
            )
        return made(kind, options, section.where)
    if name in _LACKING:
        raise ConfigError(
            "a channel must be one that Gossamer has, or a class of one's own",
            got=name,
            where=key.where,
            hint="one of " + ", ".join(_KINDS) + ", or the module path of your own channel, as in "
            f"my_channels.{name.title().replace('_', '')}Channel:",
        )
    if "." in name:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ConfigError(
                "a channel of one's own must be a module path",
                got=name,
                where=key.where,
                hint="my_channels.MyChannel:",
            )
        return OwnChannel(path=name, options=own_options(section), where=key.where)
    meant = nearest(name, (*_KINDS, *_LACKING))
    raise ConfigError(
        "a channel must be a known one or a module path",
        got=name,
        where=key.where,
        hint=f"{meant}:" if meant is not None else f"one of {', '.join(_KINDS)}",
    )


def _section(name: str, node: YamlNode) -> YamlMapping:
    """What is under a channel; nothing and `true`, as some write after `rest:`, are no options."""
    if isinstance(node, YamlScalar) and node.value in (None, True, ""):
        return mapping_from(node.where, ())
    return mapping_of(name, node)


_SOCKETIO_READERS: Final[Readers] = MappingProxyType(
    {
        "user_message_evt": ("user_message_evt", text_of),
        "bot_message_evt": ("bot_message_evt", text_of),
        "namespace": ("namespace", text_of),
        "session_persistence": ("session_persistence", truth_of),
        "socketio_path": ("socketio_path", text_of),
        "metadata_key": ("metadata_key", text_of),
        "jwt_key": ("jwt_key", text_of),
        "jwt_method": ("jwt_method", text_of),
    }
)
_NONE: Final[Readers] = MappingProxyType({})
_KINDS: Final[Mapping[str, tuple[Callable[..., Channel], Readers]]] = MappingProxyType(
    {
        "rest": (RestChannel, _NONE),
        "callback": (CallbackChannel, HTTP_READERS),
        "socketio": (SocketioChannel, _SOCKETIO_READERS),
        "cmdline": (CmdlineChannel, _NONE),
    }
)
_RASAS: Final = "rasa"
# Channels of Rasa that Gossamer does not have.
_LACKING: Final = (
    "slack",
    "facebook",
    "telegram",
    "twilio",
    "twilio_voice",
    "mattermost",
    "botframework",
    "rocketchat",
    "webexteams",
    "hangouts",
    "browser_audio",
    "vier_cvg",
    "audiocodes",
    "genesys",
    "jambonz",
    "studio_chat",
    "development_inspector",
)
