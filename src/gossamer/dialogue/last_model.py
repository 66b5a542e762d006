"""The model that was trained last, of which parts are taken that need not be trained again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from gossamer.dialogue.model import policy_records
from gossamer.nlu.pipeline.reuse import ComponentRecord
from gossamer.nlu.pipeline.storage import records_from_parts
from gossamer.nn.storage import ASSISTANT, load_model_of_kind

_OF_THE_MOMENT = "trained_at"


@dataclass(frozen=True, kw_only=True)
class LastModel:
    """Made by `read` or `of_parts`; its components are not built, and need nothing to be installed.

    Attributes:
        components: of its pipeline; none where it was trained on stories only.
        policies: none where it was trained to understand only.
        content: its JSON.
        path: its file, or None.
    """

    components: Sequence[ComponentRecord]
    policies: Sequence[ComponentRecord]
    content: Mapping[str, Any] = field(repr=False)
    path: Path | None = None

    @property
    def is_known(self) -> bool:
        """Whether it says what it was trained from; older models do not."""
        return any(record.fingerprint for record in (*self.components, *self.policies))

    @classmethod
    def read(cls, path: Path, *, with_what_went_on: bool = False) -> LastModel:
        """The parts that a model file holds.

        Args:
            path: the file.
            with_what_went_on: whether parts that went on from an earlier model count as learnt
                from what they were trained on last. Training anew would give others.

        Raises:
            ModelFileError: the file is missing, damaged or of another kind.
        """
        stored = load_model_of_kind(path, ASSISTANT, named="an assistant", hint="another model")
        return replace(cls.of_parts(*stored, with_what_went_on=with_what_went_on), path=path)

    @classmethod
    def of_parts(
        cls,
        content: Mapping[str, Any],
        arrays: Mapping[str, npt.NDArray[Any]],
        *,
        with_what_went_on: bool = False,
    ) -> LastModel:
        """The parts of a model that was taken apart; see `read`.

        Raises:
            ModelFileError: they are not those of a model.
        """
        pipeline, dialogue = content.get("pipeline", []), content.get("dialogue")
        components = records_from_parts(pipeline, arrays)
        policies = [] if dialogue is None else policy_records(dialogue, arrays)
        if not with_what_went_on:
            components = [part.unless_went_on() for part in components]
            policies = [part.unless_went_on() for part in policies]
        return cls(components=components, policies=policies, content=content)

    def followed_by(self, others: Sequence[LastModel]) -> LastModel:
        """This model, and parts of others for what it does not have."""
        models = (self, *others)
        return replace(
            self,
            components=[part for model in models for part in model.components],
            policies=[part for model in models for part in model.policies],
        )

    def is_as(self, content: Mapping[str, Any]) -> bool:
        """Whether a model of this content says and does the same: only its time may differ.

        Fingerprints of what its parts have learnt are in the content.
        """
        return _text(self.content) == _text(content)


def _text(content: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in content.items() if key != _OF_THE_MOMENT}
    return json.dumps(kept, sort_keys=True)
