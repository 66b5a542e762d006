"""Custom actions over HTTP, in the protocol of the Rasa SDK 3.6: servers written for Rasa work."""

from __future__ import annotations

import http.client
import json
import math
import ssl
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from gossamer.data.domain.domain import Domain
from gossamer.data.endpoints import ActionEndpoint
from gossamer.data.errors import DataError
from gossamer.dialogue.actions.action import ActionError, ActionRejected, ActionReply
from gossamer.dialogue.actions.http_calls import HttpAnswer, post_json
from gossamer.dialogue.history.current_state import current_state
from gossamer.dialogue.history.events import events_from_dicts
from gossamer.dialogue.history.tracker import Tracker

PROTOCOL_VERSION: Final = "3.6.21"
"""The version of Rasa given to an action server; it compares the first two numbers."""

MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024


class Failure(StrEnum):
    """What went wrong with a call."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BROKEN_OFF = "broken off"
    UNKNOWN_ACTION = "unknown action"
    STATUS = "status"
    TOO_LARGE = "too large"
    BAD_ANSWER = "bad answer"
    UNSENDABLE = "unsendable"


class ActionServerError(ActionError):
    """An action server did not run an action.

    Args:
        failure: what went wrong.
        action: the action.
        must_hold: as in `InputError`, and so are got and hint.
    """

    def __init__(
        self,
        failure: Failure,
        action: str,
        must_hold: str,
        *,
        got: object = None,
        hint: str | None = None,
    ) -> None:
        self.failure = failure
        self.action = action
        super().__init__(f"the action '{action}': {must_hold}", got=got, hint=hint)


class ActionServer:
    """Runs custom actions by asking an action server.

    Args:
        endpoint: where it is.
        max_answer_bytes: a longer answer is refused.
    """

    def __init__(
        self, endpoint: ActionEndpoint, *, max_answer_bytes: int = MAX_ANSWER_BYTES
    ) -> None:
        self.endpoint = endpoint
        self.max_answer_bytes = max_answer_bytes

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        """Run an action.

        Args:
            name: the action.
            tracker: the conversation; the server gets all of it.
            domain: goes with it, unless the endpoint is selective and the action is not in
                `Domain.send_domain`.

        Raises:
            ActionRejected: the action would not run (HTTP 400).
            ActionServerError: no server there, no answer in time, another status than 200, or an
                answer that is not what it should be; see its `failure`.
        """
        try:
            text = json.dumps(self._call(name, tracker, domain), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise ActionServerError(
                Failure.UNSENDABLE,
                name,
                f"slots and events must be JSON values to be sent: {error}",
            ) from error
        answer = self._post(name, text.encode())
        if len(answer.body) > self.max_answer_bytes:
            raise ActionServerError(
                Failure.TOO_LARGE,
                name,
                f"the answer must not be longer than {self.max_answer_bytes} bytes",
            )
        if answer.status != 200:
            raise _refusal(name, answer)
        return _reply(name, answer.body)

    def _call(self, name: str, tracker: Tracker, domain: Domain) -> dict[str, Any]:
        call = {
            "next_action": name,
            "sender_id": tracker.sender_id,
            "tracker": current_state(tracker),
            "version": PROTOCOL_VERSION,
        }
        if not self.endpoint.is_domain_selective or name in domain.send_domain:
            call["domain"] = dict(domain.content)
        return call

    def _post(self, name: str, body: bytes) -> HttpAnswer:
        shown = _without_query(self.endpoint.url)
        try:
            return post_json(self.endpoint, body, max_bytes=self.max_answer_bytes)
        except TimeoutError as error:
            raise ActionServerError(
                Failure.TIMEOUT,
                name,
                f"the action server at {shown} must answer within {self.endpoint.timeout:g} s",
                hint="'timeout' under action_endpoint in endpoints.yml, or a quicker action",
            ) from error
        except (ConnectionResetError, BrokenPipeError, http.client.HTTPException) as error:
            raise ActionServerError(
                Failure.BROKEN_OFF,
                name,
                f"the action server at {shown} must answer in HTTP",
                got=str(error) or type(error).__name__,
                hint="a look at the log of the action server",
            ) from error
        except (OSError, ssl.CertificateError, UnicodeError) as error:
            raise ActionServerError(
                Failure.UNREACHABLE,
                name,
                f"an action server must be running at {shown}",
                got=str(error),
                hint="starting it (with the Rasa SDK: python -m rasa_sdk --actions actions), or "
                "another url in endpoints.yml",
            ) from error


def _without_query(url: str) -> str:
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _json(body: bytes) -> Any:
    """JSON of an answer, without NaN and infinity. Raises `ValueError`, or `RecursionError`."""
    return json.loads(body.decode("utf-8"), parse_float=_finite, parse_constant=_finite)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"a number must be finite, not {number}")
    return value


def _refusal(name: str, answer: HttpAnswer) -> Exception:
    """What a status other than 200 means."""
    try:
        content = _json(answer.body)
    except (ValueError, RecursionError):
        content = None
    said = content.get("error") if isinstance(content, Mapping) else None
    if answer.status == 400 and isinstance(content, Mapping) and "action_name" in content:
        return ActionRejected(name, said if isinstance(said, str) and said else None)
    if answer.status == 404 and isinstance(content, Mapping) and "action_name" in content:
        return ActionServerError(
            Failure.UNKNOWN_ACTION,
            name,
            "the action server must have this action",
            got=said,
            hint="the name that the action's method name() gives; the server lists its actions "
            "under /actions",
        )
    shown = said if said is not None else answer.body[:200].decode("utf-8", "replace")
    return ActionServerError(
        Failure.STATUS,
        name,
        f"the action server must answer with status 200, not {answer.status}",
        got=shown or None,
        hint="'/webhook' at the end of the url in endpoints.yml"
        if answer.status in (404, 405)
        else "a look at the log of the action server",
    )


def _reply(name: str, body: bytes) -> ActionReply:
    try:
        content = _json(body)
    except (ValueError, RecursionError):
        shown = body[:200].decode("utf-8", "replace")
        raise ActionServerError(
            Failure.BAD_ANSWER, name, "the answer must be JSON", got=shown
        ) from None
    return reply_of(name, content)


def reply_of(name: str, content: Any) -> ActionReply:
    """What JSON of an action's answer wants to happen.

    Args:
        name: the action.
        content: an object with "events" and "responses", as the Rasa SDK gives it.

    Raises:
        ActionServerError: it is not such an object.
    """

    def bad(must_hold: str, got: object, hint: str | None = None) -> ActionServerError:
        return ActionServerError(Failure.BAD_ANSWER, name, must_hold, got=got, hint=hint)

    if not isinstance(content, Mapping):
        raise bad("the answer must be a JSON object with 'events' and 'responses'", content)
    responses = content.get("responses") or []
    if not _are_objects(responses):
        raise bad("'responses' in the answer must be a list of objects", responses)
    for key in ("buttons", "quick_replies"):
        if not all(_are_objects(response.get(key) or []) for response in responses):
            raise bad(f"'{key}' of a response must be a list of objects", responses)
    try:
        events = events_from_dicts(content.get("events") or [])
    except DataError as error:
        raise bad(f"in the answer, {error.must_hold}", error.got, error.hint) from None
    return ActionReply(events=events, responses=responses)


def _are_objects(content: object) -> bool:
    return isinstance(content, list) and all(isinstance(part, dict) for part in content)
