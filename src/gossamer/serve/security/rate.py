"""How often a client may ask: a token bucket for each."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from gossamer.serve.errors import ServeError

BURST_SECONDS: Final = 5.0
"""A client that was quiet may make the requests of this many seconds at once."""

_MOST_CLIENTS = 20_000


class RateLimit:
    """A bucket of requests for each client, filled again at a steady rate.

    At most 20,000 clients are remembered; the one that was quiet longest is forgotten first.

    Args:
        rate: requests a second.
        clock: seconds that only go up.
    """

    def __init__(self, rate: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._most = max(1.0, rate * BURST_SECONDS)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_of(self, client: str) -> float:
        """Count a request of a client.

        Returns:
            0 if it may be made, else after how many seconds the next one may be.
        """
        now = self._clock()
        left, then = self._buckets.pop(client, (self._most, now))
        left = min(self._most, left + (now - then) * self._rate)
        is_allowed = left >= 1.0
        self._buckets[client] = (left - 1.0 if is_allowed else left, now)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if is_allowed else (1.0 - left) / self._rate

    def refusal(self, client: str) -> ServeError | None:
        """Count a request of a client; 429 if it may not be made, else None."""
        wait = self.wait_of(client)
        if wait <= 0:
            return None
        return ServeError(
            429,
            "TooManyRequests",
            f"a client may make {self._rate:g} requests a second",
            retry_after=math.ceil(wait),
        )


def asker_of(scope: Mapping[str, Any]) -> str:
    """The client that a request or a socket comes from, by its ASGI scope."""
    client = scope.get("client")
    return f"at {'' if client is None else client_of(client[0])}"


def client_of(address: str) -> str:
    """The client that an address belongs to: with IPv6 one has a whole /64 of them."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
    except ValueError:
        return address
