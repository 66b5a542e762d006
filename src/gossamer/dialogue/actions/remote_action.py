"""Custom actions: what an action server wants said and done."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from gossamer.dialogue.actions.action import Action, ActionContext, ActionError
from gossamer.dialogue.actions.responses import MESSAGE_PARTS
from gossamer.dialogue.history.events import BotUttered, Event
from gossamer.dialogue.history.tracker import Tracker


class RemoteAction(Action):
    """An action that an action server runs."""

    def run(self, tracker: Tracker, context: ActionContext) -> list[Event]:
        """See `Action.run`: what it wants said, then its events."""
        if context.custom is None:
            raise ActionError(
                f"the action '{self.name}' must have an action server that runs it",
                hint="action_endpoint in endpoints.yml, with its url or, to run actions here, with "
                "actions_module; or declaring a response if it only says something",
            )
        reply = context.custom.run(self.name, tracker, context.domain)
        said = [_message(self.name, response, tracker, context) for response in reply.responses]
        return [*(message for message in said if message is not None), *reply.events]


def _message(
    action: str, response: Mapping[str, Any], tracker: Tracker, context: ActionContext
) -> BotUttered | None:
    """A message as the Rasa SDK's dispatcher describes it.

    With the name of a response, that response, filled in from slots and everything else that is
    given; what is given wins over the response's, its buttons come after the response's.
    """
    given = dict(response)
    template = given.pop("template", None)  # the older name; the SDK sends both
    name = given.pop("response", None) or template
    parts: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    if name:
        drafts = context.say(action, str(name), tracker, arguments=given)
        if drafts is None:
            warnings.warn(
                f"an action wants the response '{name}' said, which the domain does not have or "
                "which has no variation that fits. Try: declaring it under 'responses:'",
                stacklevel=2,
            )
            return None
        if not drafts:
            return None
        draft = drafts[0]
        parts = {"text": draft.text, **draft.data}
        metadata = dict(draft.metadata)
    buttons = [*(parts.get("buttons") or []), *(given.pop("buttons", None) or [])]
    parts |= {key: value for key, value in given.items() if value}
    text = parts.pop("text", None)
    data: dict[str, Any] = {part: parts.pop(part) for part in MESSAGE_PARTS if part in parts}
    data.pop("buttons", None)
    if buttons:
        data["buttons"] = buttons
    return BotUttered(
        text=None if text is None else str(text), data=data, metadata={**metadata, **parts}
    )
