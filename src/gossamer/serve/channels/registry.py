"""From what `credentials.yml` says to channels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gossamer.data import credentials
from gossamer.data.errors import Location
from gossamer.nlu.own.failures import OwnCode, OwnPartError
from gossamer.nlu.own.importing import OwnParts, folders_of
from gossamer.serve.channels.callback import CallbackChannel
from gossamer.serve.channels.channel import Channel
from gossamer.serve.channels.rest import RestChannel

if TYPE_CHECKING:
    from gossamer.serve.server import Server

PAGE: Final = "the page on channels (docs/reference/channels.md)"
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_RASAS: Final = ("rasa", "sanic")


def channels_of(
    server: Server, named: Mapping[str, credentials.Channel] | None
) -> dict[str, Channel]:
    """The channels of a server, by their names.

    Args:
        server: takes their messages.
        named: what `credentials.yml` says; None: there is none, and `rest` is the one channel.

    Raises:
        OwnPartError: a channel of the user's own cannot be imported or made, or its name is none.
        ConfigError: an option cannot be used.
    """
    if named is None:
        return {RestChannel.name: RestChannel(server, {})}
    found: dict[str, Channel] = {}
    for options in named.values():
        match options:
            case credentials.RestChannel():
                found[RestChannel.name] = RestChannel(server, {})
            case credentials.CallbackChannel():
                found[CallbackChannel.name] = CallbackChannel(server, options)
            case credentials.SocketioChannel():
                from gossamer.serve.channels.socketio import SocketioChannel  # with jwt

                found[SocketioChannel.name] = SocketioChannel(server, options)
            case credentials.CmdlineChannel():
                pass
            case credentials.OwnChannel():
                channel = _own(server, options)
                _check_name(channel, found, options.where)
                found[channel.name] = channel
    return found


def _own(server: Server, options: credentials.OwnChannel) -> Channel:
    own = OwnParts(names=frozenset({options.path}), folders=folders_of(options.where))
    try:
        kind = own.find(options.path, Channel, options.where, home="gossamer.serve.channels")
    except OwnPartError as error:
        cause = error.__cause__
        absent = cause.name if isinstance(cause, ModuleNotFoundError) else None
        if absent is not None and absent.partition(".")[0] in _RASAS:
            raise OwnPartError(
                f"{options.path} is made for Rasa (it imports {absent}): a channel must be made "
                "from gossamer.serve.channels.Channel, whose routes are FastAPI's",
                where=options.where,
                hint=PAGE,
            ) from cause
        raise
    with OwnCode(kind, "__init__", options.where):
        return kind(server, options.options)


def _check_name(channel: Channel, others: Mapping[str, Any], where: Location | None) -> None:
    name: object = getattr(channel, "name", None)
    kind = type(channel).__qualname__
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise OwnPartError(
            f"the channel {kind} must have a name of letters, digits and any of '_.-'",
            got=name,
            where=where,
            hint=f'name = "{kind.lower()}"',
        )
    if name in others:
        raise OwnPartError(f"the channel {kind} must have a name of its own", got=name, where=where)
