"""Custom actions over HTTP, by the protocol of the Rasa SDK 3.6.

The whole call has a limit of time: a server that answers byte by byte cannot hold up a
conversation.
"""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from gossamer.data.domain import Domain
from gossamer.data.endpoints import ActionEndpoint
from gossamer.data.errors import DataError
from gossamer.dialogue.actions import (
    ActionError,
    ActionRejected,
    ActionReply,
    events_after_restart,
)
from gossamer.dialogue.events import events_from_dicts
from gossamer.dialogue.tracker import Tracker

PROTOCOL_VERSION: Final = "3.6.2"
_MOST_BYTES: Final = 10 * 2**20
_CHUNK: Final = 65536


class ActionServer:
    """Runs actions on a server such as `rasa run actions`.

    Args:
        endpoint: where it is.
    """

    def __init__(self, endpoint: ActionEndpoint) -> None:
        self.endpoint = endpoint
        parts = urlsplit(endpoint.url)
        self._host = parts.hostname or ""
        self._port = parts.port
        self._is_secure = parts.scheme == "https"
        parameters = [*parse_qsl(parts.query), *endpoint.params.items()]
        if endpoint.token is not None:
            parameters.append((endpoint.token_name, endpoint.token))
        query = f"?{urlencode(parameters)}" if parameters else ""
        self._target = f"{parts.path or '/'}{query}"
        self._headers = {"Content-Type": "application/json", **endpoint.headers}
        if endpoint.basic_auth is not None:
            login = base64.b64encode(":".join(endpoint.basic_auth).encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        """Have an action run.

        Raises:
            ActionRejected: the action would not run.
            ActionError: the server is not there, takes too long, does not know the action, fails,
                or answers something else than the protocol says.
        """
        with_domain = not self.endpoint.is_domain_selective or name in domain.send_domain
        status, body = self._post(name, request(name, tracker, domain if with_domain else None))
        if status == 400:
            told = _json(body)
            if isinstance(told, Mapping) and "action_name" in told:
                raise ActionRejected(name, str(told.get("error") or "") or None)
        if status == 404:
            raise self._error(
                name, "the action server must know the action", "registering it there, restarting"
            )
        if status != 200:
            raise self._error(
                name,
                f"the action server must answer with status 200, not {status}: {_shown(body)}",
                "a look at the server's own output",
            )
        return self._reply(name, body)

    def _reply(self, name: str, body: bytes) -> ActionReply:
        hint = "an action server of the Rasa SDK 3, and its address in endpoints.yml"
        told = _json(body)
        if not isinstance(told, Mapping):
            raise self._error(name, f"the answer must be a JSON mapping, not {_shown(body)}", hint)
        events, responses = told.get("events") or [], told.get("responses") or []
        if not isinstance(responses, list) or not all(isinstance(r, Mapping) for r in responses):
            raise self._error(name, '"responses" must be a list of mappings', hint)
        try:
            return ActionReply(events=tuple(events_from_dicts(events)), responses=tuple(responses))
        except DataError as error:
            raise self._error(name, f"the answer's events must be valid: {error}", hint) from None

    def _post(self, name: str, content: Mapping[str, Any]) -> tuple[int, bytes]:
        """Status and body of the answer."""
        timeout = self.endpoint.timeout
        deadline = time.monotonic() + timeout
        try:
            payload = json.dumps(content).encode()
        except TypeError as error:
            raise self._error(
                name, f"what is sent must be JSON: {error}", "slots that hold JSON values"
            ) from None
        connection = self._connection()
        try:
            connection.request("POST", self._target, body=payload, headers=self._headers)
            # Kept here, as the connection lets go of it when the server closes after the answer.
            sock = connection.sock
            _limit(sock, deadline)
            response = connection.getresponse()
            body = bytearray()
            while True:
                _limit(sock, deadline)
                chunk = response.read1(_CHUNK)
                if not chunk:
                    return response.status, bytes(body)
                body += chunk
                if len(body) > _MOST_BYTES:
                    raise self._error(
                        name,
                        f"the answer must have at most {_MOST_BYTES // 2**20} MiB",
                        "fewer events",
                    )
        except TimeoutError:
            raise self._error(
                name,
                f"the action server must answer within {timeout:g} s",
                "a higher timeout under action_endpoint, or a look at the server",
            ) from None
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise self._error(
                name,
                f"the action server must be there and answer: {reason}",
                "starting it, or its address in endpoints.yml",
            ) from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        timeout = self.endpoint.timeout
        if not self._is_secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=timeout)
        cafile = self.endpoint.cafile
        context = ssl.create_default_context(cafile=None if cafile is None else str(cafile))
        return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=context)

    def _error(self, action: str, must_hold: str, hint: str) -> ActionError:
        parts = urlsplit(self.endpoint.url)
        place = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        return ActionError(f"{must_hold} ({action} at {place}{parts.path})", hint=hint)


def request(name: str, tracker: Tracker, domain: Domain | None) -> dict[str, Any]:
    """What an action server is sent, JSON of the Rasa SDK's shape.

    Args:
        name: the action.
        tracker: the conversation.
        domain: the domain to send along, or None.
    """
    content: dict[str, Any] = {
        "next_action": name,
        "sender_id": tracker.sender_id,
        "tracker": tracker_json(tracker),
        "version": PROTOCOL_VERSION,
    }
    if domain is not None:
        content["domain"] = dict(domain.content)
    return content


def tracker_json(tracker: Tracker) -> dict[str, Any]:
    """A conversation's state and its events since the last restart, as the Rasa SDK reads it."""
    message, loop, action = tracker.latest_message, tracker.active_loop, tracker.latest_action
    events = tracker.events
    of_loop: dict[str, Any] = {}
    if loop is not None and tracker.active_loop_name is not None:
        trigger = loop.trigger
        of_loop = {
            "name": loop.name,
            "is_interrupted": loop.is_interrupted,
            "rejected": loop.is_rejected,
            "trigger_message": None if trigger is None else trigger.to_dict()["parse_data"],
        }
    return {
        "sender_id": tracker.sender_id,
        "slots": dict(tracker.slots),
        "latest_message": {} if message is None else message.to_dict()["parse_data"],
        "latest_event_time": events[-1].timestamp if events else None,
        "followup_action": tracker.followup_action,
        "paused": tracker.is_paused,
        "events": [event.to_dict() for event in events_after_restart(tracker)],
        "latest_input_channel": None if message is None else message.input_channel,
        "active_loop": of_loop,
        "latest_action": {}
        if action is None
        else {"action_name": action.name}
        if action.name is not None
        else {"action_text": action.action_text},
        "latest_action_name": tracker.latest_action_name,
    }


def _limit(sock: socket.socket, deadline: float) -> None:
    """Let the next reading take only what is left of the time."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _shown(body: bytes) -> str:
    text = body[:200].decode("utf-8", errors="replace")
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
