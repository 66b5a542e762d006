"""What a client is told when a turn fails and no HTTP answer can say so."""

from __future__ import annotations

import logging
from typing import Final

from gossamer.serve.errors import ServeError

_log: Final = logging.getLogger(__name__)


def told(error: BaseException) -> ServeError:
    """The error that a client sees; of others than `ServeError` only the log has the text."""
    if isinstance(error, ServeError):
        return error
    _log.error("a turn failed, nothing of it is stored", exc_info=error)
    return ServeError(
        500,
        "InternalError",
        "the turn is not stored and does not count; the server's log says more",
    )
