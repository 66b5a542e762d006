"""What a custom action of the user's own is made from, where it runs in this process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.tracker import Tracker


class Dispatcher:
    """Takes what an action says. Its method and arguments have the Rasa SDK's names.

    Attributes:
        messages: what was said.
    """

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def utter_message(
        self,
        text: str | None = None,
        *,
        response: str | None = None,
        buttons: Sequence[Mapping[str, Any]] = (),
        image: str | None = None,
        attachment: Any = None,
        json_message: Mapping[str, Any] | None = None,
        **values: Any,
    ) -> None:
        """Say something.

        Args:
            text: a text.
            response: the name of a response of the domain ("utter_weather").
            buttons: each with "title" and "payload".
            image: the address of a picture.
            attachment: anything that the channel can show.
            json_message: anything else, as the channel takes it.
            values: fill in variables of the response, before slots.
        """
        message = {
            "text": text,
            "response": response,
            "buttons": [dict(button) for button in buttons],
            "image": image,
            "attachment": attachment,
            "custom": None if json_message is None else dict(json_message),
        }
        self.messages.append({**message, **values})


class CustomAction(ABC):
    """An action that the domain declares and that runs in this process.

    `endpoints.yml` names the module in which the class is (`actions_module`). One object of it runs
    all conversations, perhaps in several threads.
    """

    @abstractmethod
    def name(self) -> str:
        """Its name in the domain ("action_weather")."""

    @abstractmethod
    def run(self, dispatcher: Dispatcher, tracker: Tracker, domain: Domain) -> Any:
        """Do it; may be an `async def`.

        Args:
            dispatcher: takes what is said.
            tracker: the conversation so far; changing it changes nothing.
            domain: what may be said and done.

        Returns:
            Events, in a list: objects (`SlotSet(name="city", value="Rome")`) or JSON of Rasa's
            shape. None: nothing happens.

        Raises:
            ActionRejected: the action would not run; another one is chosen.
        """
