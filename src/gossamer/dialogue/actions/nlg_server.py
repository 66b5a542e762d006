"""Messages of responses over HTTP, from an NLG server as Rasa 3.6 asks it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gossamer.data.domain.domain import Domain
from gossamer.data.endpoints.http import NlgEndpoint
from gossamer.dialogue.actions.action import ActionError
from gossamer.dialogue.actions.responses import MESSAGE_PARTS, suitable
from gossamer.dialogue.actions.server_calls import (
    MAX_ANSWER_BYTES,
    Failure,
    ServerCallError,
    are_objects,
    call_server,
    required_json,
    start_of,
)
from gossamer.dialogue.history.current_state import current_state
from gossamer.dialogue.history.events import BotUttered
from gossamer.dialogue.history.tracker import Tracker

_LISTS = ("buttons", "quick_replies", "elements")
_TEXTS = ("text", "image")
_ATTACHMENTS = "attachments"  # as Rasa's documentation has it; its code has `attachment`


class NlgServerError(ActionError):
    """An NLG server did not make a message.

    Args:
        failure: what went wrong.
        response: the name of the response.
        must_hold: as in `InputError`, and so are got and hint.
    """

    def __init__(
        self,
        failure: Failure,
        response: str,
        must_hold: str,
        *,
        got: object = None,
        hint: str | None = None,
    ) -> None:
        self.failure = failure
        self.response = response
        super().__init__(f"the response '{response}': {must_hold}", got=got, hint=hint)


class NlgServer:
    """Makes messages by asking an NLG server.

    Departures from Rasa 3.6: an answer without anything to say is an error; what the server gives
    as `attachments` is the attachment, if it gives no `attachment`.

    Args:
        endpoint: where it is.
        max_answer_bytes: a longer answer is refused.
    """

    def __init__(self, endpoint: NlgEndpoint, *, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self.endpoint = endpoint
        self.max_answer_bytes = max_answer_bytes

    def generate(
        self,
        name: str,
        tracker: Tracker,
        channel: str,
        domain: Domain,
        arguments: Mapping[str, Any],
    ) -> BotUttered:
        """The message of a response.

        Args:
            name: the response; the domain need not have it.
            tracker: the conversation; the server gets all of it.
            channel: where the message goes.
            domain: of its variations that fit, the server gets the first one's `id`.
            arguments: what an action wants said with it.

        Raises:
            NlgServerError: no server there, no answer in time, another status than 2xx, or an
                answer that is not what it should be; see its `failure`.
        """
        fitting = suitable(domain.responses.get(name, ()), tracker.slots, channel)
        call = {
            "response": name,
            "id": fitting[0].others.get("id") if fitting else None,
            "arguments": dict(arguments),
            "tracker": current_state(tracker),
            "channel": {"name": channel},
        }
        try:
            answer = call_server(
                self.endpoint,
                call,
                what="NLG server",
                key="nlg",
                starting="starting it",
                max_answer_bytes=self.max_answer_bytes,
            )
            if not 200 <= answer.status < 300:
                raise ServerCallError(
                    Failure.STATUS,
                    f"the NLG server must answer with status 200, not {answer.status}",
                    got=start_of(answer.body),
                    hint="the whole path in the url under nlg in endpoints.yml"
                    if answer.status in (404, 405)
                    else "a look at the log of the NLG server",
                )
            return _message(name, required_json(answer.body))
        except ServerCallError as error:
            raise NlgServerError(
                error.failure, name, error.must_hold, got=error.got, hint=error.hint
            ) from error


def _message(name: str, content: Any) -> BotUttered:
    def bad(must_hold: str, got: object) -> ServerCallError:
        return ServerCallError(Failure.BAD_ANSWER, must_hold, got=got)

    if not isinstance(content, dict):
        raise bad("the answer must be a JSON object with 'text'", content)
    given = {key: part for key, part in content.items() if part not in (None, "", [], {})}
    for key in _TEXTS:
        if not isinstance(given.get(key, ""), str):
            raise bad(f"'{key}' in the answer must be a text", given[key])
    for key in _LISTS:
        if not are_objects(given.get(key, [])):
            raise bad(f"'{key}' in the answer must be a list of objects", given[key])
    if _ATTACHMENTS in given:
        given.setdefault("attachment", given[_ATTACHMENTS])
        del given[_ATTACHMENTS]
    text = given.pop("text", None)
    data = {part: given.pop(part) for part in MESSAGE_PARTS if part in given}
    if text is None and not data:
        raise bad("the answer must have something to say, as with 'text'", content)
    return BotUttered(text=text, data=data, metadata={"utter_action": name, **given})
