"""What the answers under /teach look like."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from gossamer.serve.routes.documented import Answer


class ProjectAnswer(Answer):
    """What can be taught."""

    intents: list[dict[str, Any]] = Field(description="With `name` and `n_examples` each.")
    entities: list[dict[str, Any]]
    actions: list[str]
    responses: list[str]
    slots: list[dict[str, Any]]
    forms: list[str]
    out_of_scope: str = Field(description="The intent of messages that the assistant is not for.")


class PatchAnswer(Answer):
    """What is written, or would be."""

    diff: str = Field(description="Unified; paths are relative to the project.")
    files: list[dict[str, Any]]


class AlikeAnswer(Answer):
    """What the model says of a stored message."""

    text: str
    parse: dict[str, Any]
    agrees: bool | None = Field(
        None, description="Whether it has the intent that is taught; null where none is."
    )


class PreviewAnswer(PatchAnswer):
    """What would be written, and what the model says of stored messages that are alike."""

    similar: list[AlikeAnswer]


class TaughtAnswer(PatchAnswer):
    """What was taught."""

    id: int
    when: float = Field(description="Seconds since the epoch.")
    who: str
    correction: dict[str, Any] | None = Field(description="null: it was erased.")
    is_undone: bool


class TaughtListAnswer(Answer):
    """All that was taught."""

    corrections: list[TaughtAnswer]


class SimilarAnswer(Answer):
    """Stored messages that are like a text."""

    similar: list[AlikeAnswer]


class InboxAnswer(Answer):
    """Stored messages that are worth a look, the most useful first."""

    groups: list[dict[str, Any]]
    n_messages: int = Field(description="How many stored messages were read, the newest ones.")


class TextAnswer(Answer):
    """The text."""

    text: str


class BegunAnswer(Answer):
    """What has begun."""

    id: str


class TrainingAnswer(Answer):
    """A training, and the candidate that came of it."""

    id: str
    when: float = Field(description="When it began, in seconds since the epoch.")
    who: str | None
    state: str = Field(description="running, done, failed or cancelled.")
    progress: dict[str, Any] | None
    comparison: dict[str, Any] | None = Field(
        description="With the model that answered when it began."
    )
    error: Any = None
    is_in_service: bool = Field(description="Whether it was swapped.")
    is_discarded: bool


class TrainingsAnswer(Answer):
    """The last trainings, the newest first."""

    trainings: list[TrainingAnswer]


class ModelAnswer(Answer):
    """The model that answers from now on."""

    model: str


class ModelsAnswer(Answer):
    """Models of the folder, the newest first."""

    models: list[dict[str, Any]]
