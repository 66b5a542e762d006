"""Names of intents: what is allowed, whatever file they are written in."""

from __future__ import annotations

from gossamer.data.errors import DataError, Location

#: What `FallbackClassifier` says when no intent is likely enough.
FALLBACK_INTENT = "nlu_fallback"


def intent_name(text: str, where: Location | None = None) -> str:
    """The intent that a text names: surrounding blanks are dropped, as Rasa does.

    Args:
        text: the name as written; "faq/ask_price" names the retrieval intent `faq` with a key.
        where: where it was read, for errors.

    Raises:
        DataError: there is no name, or a retrieval intent without exactly one key.
    """
    name = text.strip()
    if not name:
        raise DataError("an intent needs a name", where=where, hint="intent: greet")
    parts = name.split("/")
    if len(parts) > 2 or not all(part.strip() for part in parts):
        raise DataError(
            "a retrieval intent must be a name, one '/' and a key",
            got=name,
            where=where,
            hint="intent: faq/ask_price",
        )
    return name
