"""Entities such as dates, amounts and durations, found by a Duckling server."""

from __future__ import annotations

import http.client
import json
import os
import time
import warnings
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import SplitResult, urlencode, urlsplit

from pydantic import Field, field_validator

from gossamer.data.entities import Entity
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.messages import MessageBatch, TrainingBatch

URL_VARIABLE = "RASA_DUCKLING_HTTP_URL"
"""The environment variable that takes the place of the option `url`, as in Rasa."""

_HEADERS = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
_LONGEST_ANSWER = 2**24


class DucklingEntityExtractorOptions(ComponentOptions):
    """Options of `DucklingEntityExtractor`; names and defaults are Rasa's.

    Attributes:
        url: of the server, as in "http://localhost:8000"; None for the environment variable
            RASA_DUCKLING_HTTP_URL, which always takes precedence over the option.
        locale: language and country, as in "en_GB"; None for the server's own.
        timezone: as in "Europe/Berlin"; None for the server's own.
        dimensions: what to look for ("time", "number", "amount-of-money", ...); None for all.
        timeout: seconds to wait for the server to start, or to continue, its answer.
    """

    url: str | None = None
    locale: str | None = None
    timezone: str | None = None
    dimensions: tuple[str, ...] | None = None
    timeout: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 3.0

    @field_validator("url")
    @classmethod
    def _is_url(cls, value: str | None) -> str | None:
        if value is not None:
            _split(value)
        return value


class NoAnswerError(Exception):
    """The server cannot be asked, or its answer cannot be understood."""


class DucklingEntityExtractor(Component):
    """Asks a Duckling server (https://github.com/facebook/duckling) about each message.

    Its entities come after those of other extractors, with confidence 1.0; an interval has a value
    with `from` and `to`. Times are relative to now. The server is not asked in training.

    When there is no server, no answer in time or no valid one, the entities of the others
    stay, Duckling's are missing, and the first time a warning says why. A server that cannot be
    reached is not asked about the other messages of the same batch.

    Departures from Rasa: the environment's proxies are not used, and redirects not followed.
    """

    name: ClassVar[str] = "DucklingEntityExtractor"
    Options: ClassVar[type[ComponentOptions]] = DucklingEntityExtractorOptions
    provides: ClassVar[frozenset[str]] = frozenset({"entities"})

    options: DucklingEntityExtractorOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._has_warned = False

    def process(self, batch: MessageBatch) -> None:
        """Append what the server finds in each text; nothing in a training batch."""
        if isinstance(batch, TrainingBatch):
            return
        url = os.environ.get(URL_VARIABLE) or self.options.url
        if not url:
            self._warn(f"no server is named; set its option url, or {URL_VARIABLE}")
            return
        server: _Server | None = None
        try:
            server = _Server(url, self.options.timeout)
            for text, parse in zip(batch.texts, batch.parses, strict=True):
                if text.strip():
                    parse.entities += self._ask(server, text)
        except ValueError as error:
            self._warn(f"{url} cannot be asked: {error}")
        except (OSError, http.client.HTTPException) as error:
            self._warn(
                f"no answer from {url} within {self.options.timeout:g} s "
                f"({type(error).__name__}: {error}); is the server running there?"
            )
        finally:
            if server is not None:
                server.close()

    def _ask(self, server: _Server, text: str) -> list[Entity]:
        wanted = self.options.dimensions
        form = {
            "text": text,
            "locale": self.options.locale,
            "tz": self.options.timezone,
            "dims": None if wanted is None else json.dumps(wanted),
            "reftime": str(int(time.time() * 1000)),
        }
        filled = {name: value for name, value in form.items() if value is not None}
        body = urlencode(filled, errors="replace")
        try:
            found = [self._entity(each, text) for each in server.post("/parse", body)]
        except NoAnswerError as error:
            self._warn(f"the answer of {server.url} cannot be understood: {error}")
            return []
        return [entity for entity in found if not wanted or entity.entity in wanted]

    def _entity(self, match: Any, text: str) -> Entity:
        """An item of the server's answer. Raises `NoAnswerError` when it is not an entity."""
        if not isinstance(match, Mapping):
            raise NoAnswerError(f"an entity must be a mapping (got {match!r:.80})")
        start, end, dimension, value = (match.get(k) for k in ("start", "end", "dim", "value"))
        if (
            type(start) is not int
            or type(end) is not int
            or not 0 <= start <= end <= len(text)
            or not isinstance(dimension, str)
            or not isinstance(value, Mapping)
        ):
            raise NoAnswerError(
                "an entity must have start, end, dim and a mapping as value, within the text "
                f"(got {match!r:.80})"
            )
        said = match.get("body", text[start:end])
        return Entity(
            start=start,
            end=end,
            entity=dimension,
            value=_value(value),
            extractor=self.name,
            confidence=1.0,
            text=said if isinstance(said, str) else text[start:end],
            additional_info=dict(value),
        )

    def _warn(self, told: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"{self.alias} finds no entities: {told} (this is said only once)", stacklevel=3
            )


class _Server:
    """One connection, for the messages of a batch."""

    def __init__(self, url: str, timeout: float) -> None:
        self.url = url
        parts = _split(url)
        kind: type[http.client.HTTPConnection] = http.client.HTTPConnection
        if parts.scheme == "https":
            kind = http.client.HTTPSConnection
        self._path = parts.path.rstrip("/")
        self._connection = kind(str(parts.hostname), parts.port, timeout=timeout)
        self._is_used = False

    def post(self, path: str, body: str) -> list[Any]:
        """The list that the server answers a form with.

        Raises:
            NoAnswerError: the answer is not a success, or not a list in JSON.
            OSError: the server cannot be reached, or not in time.
            http.client.HTTPException: it does not speak HTTP.
        """
        try:
            response = self._send(path, body)
        except (ConnectionError, http.client.BadStatusLine):
            if not self._is_used:
                raise
            self._connection.close()  # a server may close the connection after an answer
            response = self._send(path, body)
        self._is_used = True
        raw = response.read(_LONGEST_ANSWER + 1)
        if len(raw) > _LONGEST_ANSWER:
            self._connection.close()
            raise NoAnswerError(f"it is longer than {_LONGEST_ANSWER} bytes")
        if response.status != http.client.OK:
            raise NoAnswerError(f"status {response.status} {response.reason} ({raw!r:.80})")
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise NoAnswerError(f"it is not JSON ({raw!r:.80})") from error
        if not isinstance(found, list):
            raise NoAnswerError(f"it must be a list (got {raw!r:.80})")
        return found

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _send(self, path: str, body: str) -> http.client.HTTPResponse:
        self._connection.request("POST", self._path + path, body.encode("ascii"), _HEADERS)
        return self._connection.getresponse()


def _split(url: str) -> SplitResult:
    """The parts of a server's address. Raises `ValueError` when it is not one."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError(
            f"the address of a Duckling server must be like http://localhost:8000 (got '{url}')"
        )
    _ = parts.port  # raises for a port that is not a number
    return parts


def _value(value: Mapping[str, Any]) -> Any:
    """The value of an entity; an interval has two ends, of which one may be open (None)."""
    if value.get("type") != "interval":
        return value.get("value")
    ends = {name: value.get(name) for name in ("to", "from")}
    return {
        name: end.get("value") if isinstance(end, Mapping) else None for name, end in ends.items()
    }
