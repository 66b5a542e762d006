"""Channels in the web application: their routes, and their beginning and end."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from fastapi import FastAPI

from gossamer.data.errors import ConfigError
from gossamer.nlu.own.failures import OwnCode
from gossamer.serve.channels.channel import Channel
from gossamer.serve.channels.rest import RestChannel
from gossamer.serve.quick_routes import add_quick_route

OWN_PATHS: Final = frozenset(
    {
        *("conversations", "domain", "health", "metrics", "model", "status", "teach", "version"),
        *("docs", "favicon.ico", "openapi.json", "page"),
    }
)
"""How paths of the server itself begin."""
_log: Final = logging.getLogger(__name__)


def include_channels(app: FastAPI, channels: Mapping[str, Channel]) -> list[str]:
    """Add what channels take to an application.

    Args:
        app: the application.
        channels: by name.

    Returns:
        The paths that whole applications of theirs take.

    Raises:
        ConfigError: such a path is one of the server's own, which would need no token then.
        OwnPartError: a channel of the user's own fails.
    """
    paths: list[str] = []
    for channel in channels.values():
        with OwnCode(type(channel), "routes"):
            router, prefix = channel.routes(), f"/webhooks/{channel.name}"
            app.include_router(router, prefix=prefix, tags=[channel.name])
        if type(channel) is RestChannel:
            add_quick_route(app, router, "/webhook", prefix)
        with OwnCode(type(channel), "applications"):
            applications = channel.applications()
        for path, application in applications.items():
            if path.strip("/").partition("/")[0] in OWN_PATHS:
                raise ConfigError(
                    f"an application of the channel {channel.name} must be at a path that the "
                    "server does not have itself",
                    got=path,
                    hint=f"/{channel.name}",
                )
            app.mount(path, application)
            paths.append(path)
    return paths


@asynccontextmanager
async def running_channels(channels: Iterable[Channel]) -> AsyncIterator[None]:
    """The time in which channels are there: started in their order, stopped from the last on.

    Raises:
        OwnPartError: a channel of the user's own does not start.
    """
    async with AsyncExitStack() as stack:
        for channel in channels:
            with OwnCode(type(channel), "start"):
                await channel.start()
            stack.push_async_callback(_stop, channel)
        yield


async def _stop(channel: Channel) -> None:
    try:
        await channel.stop()
    except Exception:
        _log.exception("the channel %s failed in stop", channel.name)
