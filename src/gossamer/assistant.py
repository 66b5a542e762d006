"""The one object that ties a project together: train, save, load, parse."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import gossamer
from gossamer.data import (
    ProjectConfig,
    TrainingData,
    config_from_dict,
    config_to_dict,
    read_config,
    read_training_data,
)
from gossamer.data.errors import Location, ModelFileError
from gossamer.nlu.component import EpochListener
from gossamer.nlu.messages import Parse
from gossamer.nlu.pipeline import Pipeline
from gossamer.nlu.pipeline_storage import pipeline_from_parts, pipeline_to_parts
from gossamer.nlu.registry import component_class
from gossamer.nn.storage import load_model_of_kind, save_model

_KIND = "assistant"


class Assistant:
    """A trained assistant. At present it understands messages; see `parse`.

    Made by `train` or `load`, not by hand.

    Attributes:
        config: the configuration it was trained from.
        pipeline: its trained NLU components.
        trained_at: when, in ISO 8601, UTC.
    """

    def __init__(self, config: ProjectConfig, pipeline: Pipeline, trained_at: str) -> None:
        self.config = config
        self.pipeline = pipeline
        self.trained_at = trained_at

    @classmethod
    def train(
        cls,
        config: ProjectConfig | str | Path,
        data: TrainingData | str | Path | Sequence[str | Path],
        *,
        random_seed: int | None = None,
        on_epoch: EpochListener | None = None,
    ) -> Assistant:
        """Train all NLU components.

        Args:
            config: the configuration, or the `config.yml` it stands in.
            data: training data, or the files or folders it stands in.
            random_seed: seed for every component that draws numbers; None leaves what the
                configuration says.
            on_epoch: called after every epoch of a component that has epochs.

        Returns:
            The trained assistant.

        Raises:
            InputError: configuration or data cannot be used; see its subclasses.
        """
        if isinstance(config, str | Path):
            config = read_config(config)
        if not isinstance(data, TrainingData):
            data = read_training_data(data)
        if random_seed is not None:
            config = _with_seed(config, random_seed)
        pipeline = Pipeline.from_config(config)
        pipeline.train(data, on_epoch=on_epoch)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(config, pipeline, now)

    @property
    def intents(self) -> list[str]:
        """Sorted names of the intents it can tell apart."""
        return sorted({i for part in self.pipeline.components for i in part.intents})

    def parse(self, text: str) -> Parse:
        """Understand one message."""
        return self.parse_many([text])[0]

    def parse_many(self, texts: Sequence[str], *, batch_size: int = 256) -> list[Parse]:
        """Understand many messages, `batch_size` at a time; results in the order of `texts`.

        Raises:
            TypeError: one string was given where a list of them is meant.
        """
        if isinstance(texts, str):
            raise TypeError("texts must be a list of strings (got one string). Try: [text]")
        parses: list[Parse] = []
        for start in range(0, len(texts), batch_size):
            parses += self.pipeline.parse(texts[start : start + batch_size])
        return parses

    def save(self, path: str | Path) -> Path:
        """Write the model to one file, atomically.

        Args:
            path: the file, by custom `*.gossamer`.

        Returns:
            The file's path.

        Raises:
            ModelFileError: it cannot be written there.
        """
        components, arrays = pipeline_to_parts(self.pipeline)
        content = {
            "kind": _KIND,
            "gossamer_version": gossamer.__version__,
            "trained_at": self.trained_at,
            "config": config_to_dict(self.config),
            "pipeline": components,
        }
        path = Path(path)
        save_model(path, content, arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Assistant:
        """Read a model that `save` wrote. No code from the file is run.

        Raises:
            ModelFileError: the file is missing, damaged, altered, of a newer format, or no
                assistant.
        """
        path = Path(path)
        content, arrays = load_model_of_kind(
            path, _KIND, named="an assistant", hint="the file that gossamer train nlu wrote"
        )
        try:
            pipeline = pipeline_from_parts(content["pipeline"], arrays)
            config = config_from_dict(content["config"])
            trained_at = datetime.fromisoformat(content["trained_at"]).isoformat()
        except ModelFileError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelFileError(
                "the file must hold pipeline, configuration and time of this version",
                got=str(error),
                where=Location(path),
                hint="training the model again",
            ) from error
        return cls(config, pipeline, trained_at)


def _with_seed(config: ProjectConfig, random_seed: int) -> ProjectConfig:
    """The configuration with the option `random_seed` set wherever a component has it."""
    return dataclasses.replace(
        config,
        pipeline=tuple(
            dataclasses.replace(part, options={**part.options, "random_seed": random_seed})
            if "random_seed" in component_class(part.name, part.where).Options.model_fields
            else part
            for part in config.pipeline
        ),
    )
