"""What a message of the assistant looks like in a channel. Shapes and order are Rasa 3.6's.

A message with several parts goes out as several: its text with its buttons, then "custom", "image",
"attachment" and "elements". Quick replies are sent as buttons, and take their place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gossamer.dialogue.history.events import BotUttered

_BLANK_LINE: Final = "\n\n"
# What Rasa's socket.io channel takes out of "custom" as arguments of its own.
_EMITTED: Final = frozenset({"data", "room", "to", "namespace", "skip_sid", "callback"})


def message_json(recipient_id: str, message: BotUttered) -> list[dict[str, Any]]:
    """A message as the channels `rest` and `callback` write it.

    A blank line parts a text into several messages, if it has no buttons.

    Args:
        recipient_id: whom it is for.
        message: the message; one without content gives [].
    """
    to = {"recipient_id": recipient_id}
    data, buttons = message.data, _buttons(message)
    parts: list[dict[str, Any]] = []
    if buttons:
        text = {} if message.text is None else {"text": message.text}
        parts.append(to | text | {"buttons": buttons})
    elif message.text:
        parts += [to | {"text": text} for text in message.text.strip().split(_BLANK_LINE)]
    if data.get("custom"):
        parts.append(to | {"custom": data["custom"]})
    if data.get("image"):
        parts.append(to | {"image": data["image"]})
    if _has_attachment(data):
        parts.append(to | {"attachment": data["attachment"]})
    for element in _elements(data):
        text = {"text": f"{element.get('title', '')} : {element.get('subtitle', '')}"}
        parts.append(to | text | {"buttons": element.get("buttons", [])})
    return parts


def socket_messages(message: BotUttered) -> list[Any]:
    """A message as the channel `socketio` emits it.

    A blank line parts a text into several messages; the last one has the buttons, which are called
    quick replies there. Of "custom" that is made for Rasa, {"data": ...}, the data is sent.
    Departure from Rasa 3.6: other JSON is sent as it is, where Rasa fails; the assistant cannot
    send to another "room".
    """
    data, buttons = message.data, _buttons(message)
    parts: list[Any] = []
    if buttons:
        texts = (message.text or "").strip().split(_BLANK_LINE)
        parts += [{"text": text, "quick_replies": []} for text in texts]
        parts[-1]["quick_replies"] = [
            {
                "content_type": "text",
                "title": button.get("title"),
                "payload": button.get("payload"),
            }
            for button in buttons
            if isinstance(button, Mapping)
        ]
    elif message.text:
        parts += [{"text": text} for text in message.text.strip().split(_BLANK_LINE)]
    if data.get("custom"):
        custom = data["custom"]
        is_rasas = isinstance(custom, Mapping) and "data" in custom and {*custom} <= _EMITTED
        parts.append(custom["data"] if is_rasas else custom)
    if data.get("image"):
        parts.append({"attachment": {"type": "image", "payload": {"src": data["image"]}}})
    if _has_attachment(data):
        parts.append({"attachment": data["attachment"]})
    for element in _elements(data):
        payload = {"template_type": "generic", "elements": element}
        parts.append({"attachment": {"type": "template", "payload": payload}})
    return parts


def _buttons(message: BotUttered) -> list[Any]:
    found = message.data.get("quick_replies") or message.data.get("buttons")
    return list(found) if isinstance(found, list | tuple) else []


def _has_attachment(data: Mapping[str, Any]) -> bool:
    """An attachment that is the image once more does not count."""
    return bool(data.get("attachment")) and data["attachment"] != data.get("image")


def _elements(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    found = data.get("elements")
    for element in found if isinstance(found, list | tuple) else ():
        if isinstance(element, Mapping):
            yield element
