"""The model that answers now: swapped in one step, so that no request sees half of each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gossamer.assistant import Assistant
from gossamer.dialogue.actions.action import CustomActions, MessageMaker
from gossamer.dialogue.runtime.turn_runner import TurnRunner
from gossamer.nlu.pipeline.direct_message import direct_parser
from gossamer.nlu.pipeline.parse import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.serve.errors import ServeError, no_model


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory. Requests that began with it end with it, also when another one is loaded.

    Attributes:
        assistant: the model.
        path: its file.
        model_id: tells it from all others.
    """

    assistant: Assistant
    path: Path
    _runner: TurnRunner | None
    model_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def runner(self) -> TurnRunner:
        """Runs its conversations.

        Raises:
            ServeError: 409, it was trained to understand only.
        """
        if self._runner is None:
            raise ServeError(
                409,
                "Conflict",
                "this model understands messages, and holds no conversation. Try: training on "
                "stories too",
            )
        return self._runner

    @property
    def pipeline(self) -> Pipeline:
        """Understands texts.

        Raises:
            ServeError: 409, it was trained on stories only.
        """
        if not self.assistant.understands_texts:
            raise ServeError(409, "Conflict", "this model was trained on stories only")
        return self.assistant.pipeline


def loaded_model(
    path: Path,
    parse: Callable[[Pipeline, str], Parse],
    *,
    config: Path | None = None,
    custom: CustomActions | None = None,
    nlg: MessageMaker | None = None,
    random_seed: int | None = None,
) -> LoadedModel:
    """Read a model file.

    Args:
        path: the file.
        parse: understands a text with a pipeline.
        config: names the model's own components and policies, or None.
        custom: runs custom actions.
        nlg: makes the messages of responses; None: the domain's responses do.
        random_seed: decides among variations of responses.

    Raises:
        ModelFileError: it cannot be read.
    """
    assistant = Assistant.load(path, config=config)
    dialogue = assistant.dialogue
    if dialogue is None:
        return LoadedModel(assistant, path, None)
    understand: Callable[[str], Parse | Mapping[str, Any]]
    if assistant.understands_texts:
        pipeline = assistant.pipeline

        def understand(text: str) -> Parse:
            return parse(pipeline, text)
    else:
        understand = direct_parser(dialogue.domain)
    runner = TurnRunner(
        dialogue.domain,
        dialogue.ensemble,
        understand,
        custom=custom,
        nlg=nlg,
        random_seed=random_seed,
        sends_reminders=True,
    )
    return LoadedModel(assistant, path, runner)


class CurrentModel:
    """Holds the model that answers now."""

    def __init__(self, model: LoadedModel | None = None) -> None:
        self._model = model

    @property
    def or_none(self) -> LoadedModel | None:
        """The model, or None."""
        return self._model

    def get(self) -> LoadedModel:
        """The model.

        Raises:
            ServeError: 409, none is loaded.
        """
        model = self._model
        if model is None:
            raise no_model()
        return model

    def swap(self, model: LoadedModel | None) -> None:
        """From now on another one answers, or none."""
        self._model = model
