"""From a response's name to a message: a variation is chosen, and slots are filled in.

As in Rasa 3.6 with responses in the domain; see `ResponseGenerator` for departures.
"""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gossamer.data.domain.responses import SlotEquals, Variation
from gossamer.dialogue.history.events import BotUttered

# Doubled braces give one; a name may hold anything but braces and line breaks.
_PLACE = re.compile(r"\{\{|\}\}|\{([^\n{}]+)\}")

MESSAGE_PARTS: Final = ("elements", "quick_replies", "buttons", "attachment", "image", "custom")
"""What a message may hold besides its text."""


class ResponseGenerator:
    """Makes messages from responses.

    Departures from Rasa 3.6: a message with a picture has no attachment unless one is given (Rasa
    sends the picture twice); lone braces stay as they are (Rasa fails), as does `{}` (Rasa puts
    all slots there); a text may have doubled braces as well as variables (Rasa then fills in none),
    and they give one even where there are no slots at all; the text "0[" is nothing special (Rasa
    fills in nothing in such a text); an empty list of conditions counts as no conditions (Rasa
    never says it then).

    Args:
        responses: name to variations.
        rng: chooses among variations that fit equally well.
    """

    def __init__(
        self, responses: Mapping[str, Sequence[Variation]], rng: random.Random | None = None
    ) -> None:
        self.responses = responses
        self.rng = random.Random() if rng is None else rng

    def generate(
        self,
        name: str,
        slots: Mapping[str, Any],
        channel: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> BotUttered | None:
        """The message of a response.

        Args:
            name: the response.
            slots: slot values by name, which conditions look at and variables name.
            channel: where the message goes.
            arguments: further variables; they win over slots.

        Returns:
            The message, its metadata as in Rasa: "utter_action" (the name), the variation's own
            ("id", "channel", "metadata"). None when there is no such response, or no variation
            fits.
        """
        return self.choose(name, self.responses.get(name, ()), slots, channel, arguments=arguments)

    def choose(
        self,
        name: str,
        variations: Sequence[Variation],
        slots: Mapping[str, Any],
        channel: str,
        *,
        arguments: Mapping[str, Any] | None = None,
    ) -> BotUttered | None:
        """As `generate`, from given variations."""
        candidates = suitable(variations, slots, channel)
        if not candidates:
            return None
        variation = self.rng.choice(candidates)
        values = {**slots, **(arguments or {})}
        data = {
            part: value if part == "elements" else interpolated(value, values, name)
            for part in MESSAGE_PARTS
            if (value := _plain(getattr(variation, part))) is not None
        }
        text = variation.text
        return BotUttered(
            text=None if text is None else interpolated(text, values, name),
            data=data,
            metadata={
                "utter_action": name,
                **variation.others,
                **({} if variation.channel is None else {"channel": variation.channel}),
                **({} if variation.metadata is None else {"metadata": variation.metadata}),
            },
        )


def _plain(value: Any) -> Any:
    """A part of a variation as JSON; None when it is empty."""
    if isinstance(value, tuple):
        return [dict(item) for item in value] or None
    return value


def suitable(
    variations: Sequence[Variation], slots: Mapping[str, Any], channel: str
) -> list[Variation]:
    """Variations that fit, the first of these groups that is not empty.

    | | conditions | channel |
    |---|---|---|
    | 1 | all hold | this one |
    | 2 | none | this one |
    | 3 | all hold | none |
    | 4 | none | none |
    """
    for is_for_channel in (True, False):
        for is_conditional in (True, False):
            group = [
                variation
                for variation in variations
                if variation.channel == (channel if is_for_channel else None)
                and bool(variation.conditions) == is_conditional
                and all(holds(condition, slots) for condition in variation.conditions)
            ]
            if group:
                return group
    return []


def holds(condition: SlotEquals, slots: Mapping[str, Any]) -> bool:
    """Whether a slot has the value, texts in any case; a slot that is not set has None."""
    value = slots.get(condition.slot)
    if isinstance(value, str) and isinstance(condition.value, str):
        return value.casefold() == condition.value.casefold()
    return bool(value == condition.value)


def interpolated(part: Any, values: Mapping[str, Any], name: str) -> Any:
    """A part of a response with `{variable}` replaced in every text, at any depth; keys stay.

    A text with a variable that has no value at all stays as it is, with a warning. A slot that is
    not set has the value None.

    Args:
        part: JSON; it is not changed.
        values: variables.
        name: the response, for messages.
    """
    if isinstance(part, str):
        return _fill_in(part, values, name)
    if isinstance(part, Mapping):
        return {key: interpolated(value, values, name) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [interpolated(value, values, name) for value in part]
    return part


def _fill_in(text: str, values: Mapping[str, Any], name: str) -> str:
    missing = [
        match[1]
        for match in _PLACE.finditer(text)
        if match[1] is not None and match[1] not in values
    ]
    if missing:
        warnings.warn(
            f"the response '{name}' has the variable {{{missing[0]}}}, which is not a slot and has "
            f"no value, so this text is said as it is: {text!r}. Try: declaring the slot, or "
            "doubled braces if no variable is meant",
            stacklevel=2,
        )
        return text
    return _PLACE.sub(
        lambda match: match[0][0] if match[1] is None else str(values[match[1]]), text
    )
