"""Errors as HTTP answers: JSON of Rasa's shape, without anything of the server's inside."""

from __future__ import annotations

from typing import Any

from gossamer.version import __version__


class ServeError(Exception):
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        reason: a word for programs ("NotFound").
        message: what must hold, what was given, what to try; for people.
        details: more, as JSON.
        retry_after: after how many seconds the client may try again, or None.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or {}
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return headers | {"WWW-Authenticate": "Bearer"} if self.status == 401 else headers

    def to_dict(self) -> dict[str, Any]:
        """The answer's JSON, with Rasa's keys."""
        return {
            "version": __version__,
            "status": "failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "help": None,
            "code": self.status,
        }


def bad_request(message: str, **details: Any) -> ServeError:
    """400: the request cannot be used."""
    return ServeError(400, "BadRequest", message, details=details)


def not_found(message: str) -> ServeError:
    """404: nothing is there."""
    return ServeError(404, "NotFound", message)


def no_model() -> ServeError:
    """409, as in Rasa: no model is loaded."""
    return ServeError(
        409, "Conflict", "no model is loaded. Try: PUT /model with the name of a model file"
    )


def overloaded(message: str, *, retry_after: int = 1) -> ServeError:
    """503: too much to do at the moment; the client may try again."""
    return ServeError(503, "ServiceUnavailable", message, retry_after=retry_after)
