"""Custom actions over HTTP, in the protocol of the Rasa SDK 3.6: servers written for Rasa work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gossamer.data.domain.domain import Domain
from gossamer.data.endpoints import ActionEndpoint
from gossamer.data.errors import DataError
from gossamer.dialogue.actions.action import ActionError, ActionRejected, ActionReply
from gossamer.dialogue.actions.http_calls import HttpAnswer
from gossamer.dialogue.actions.server_calls import (
    MAX_ANSWER_BYTES,
    Failure,
    ServerCallError,
    are_objects,
    call_server,
    json_of,
    required_json,
    start_of,
)
from gossamer.dialogue.history.current_state import current_state
from gossamer.dialogue.history.event_json import events_from_dicts
from gossamer.dialogue.history.tracker import Tracker

PROTOCOL_VERSION: Final = "3.6.21"
"""The version of Rasa given to an action server; it compares the first two numbers."""


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
            answer = call_server(
                self.endpoint,
                self._call(name, tracker, domain),
                what="action server",
                key="action_endpoint",
                starting="starting it (with the Rasa SDK: python -m rasa_sdk --actions actions)",
                max_answer_bytes=self.max_answer_bytes,
            )
            if answer.status != 200:
                raise _refusal(name, answer)
            content = required_json(answer.body)
        except ServerCallError as error:
            raise ActionServerError(
                error.failure, name, error.must_hold, got=error.got, hint=error.hint
            ) from error
        return reply_of(name, content)

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


def _refusal(name: str, answer: HttpAnswer) -> Exception:
    """What a status other than 200 means."""
    try:
        content = json_of(answer.body)
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
    shown = said if said is not None else start_of(answer.body)
    return ActionServerError(
        Failure.STATUS,
        name,
        f"the action server must answer with status 200, not {answer.status}",
        got=shown,
        hint="'/webhook' at the end of the url in endpoints.yml"
        if answer.status in (404, 405)
        else "a look at the log of the action server",
    )


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
    if not are_objects(responses):
        raise bad("'responses' in the answer must be a list of objects", responses)
    for key in ("buttons", "quick_replies"):
        if not all(are_objects(response.get(key) or []) for response in responses):
            raise bad(f"'{key}' of a response must be a list of objects", responses)
    try:
        events = events_from_dicts(content.get("events") or [])
    except DataError as error:
        raise bad(f"in the answer, {error.must_hold}", error.got, error.hint) from None
    return ActionReply(events=events, responses=responses)
