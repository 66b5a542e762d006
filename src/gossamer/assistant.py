"""The one object that ties a project together: train, save, load, parse, converse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from gossamer.data.config import ProjectConfig, config_from_dict, config_to_dict
from gossamer.data.errors import ConfigError, InputError, Location, ModelFileError
from gossamer.data.installed import TRAINING, require
from gossamer.data.nlu.examples import TrainingData
from gossamer.dialogue.defaults import DEFAULT_AUGMENTATION, DEFAULT_CHANNEL
from gossamer.nlu.pipeline.component import EpochListener
from gossamer.nlu.pipeline.direct_message import DirectMessageHandler
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch, Parse
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.storage import pipeline_from_parts, pipeline_to_parts
from gossamer.nn.storage import load_model_of_kind, save_model
from gossamer.version import __version__

if TYPE_CHECKING:  # imported where they are used, so that a first answer is soon there
    from gossamer.checks import Checked
    from gossamer.checks.finetuning import Finetuning
    from gossamer.data.domain.domain import Domain
    from gossamer.data.endpoints import ActionEndpoint
    from gossamer.data.project import Project
    from gossamer.dialogue.model import DialogueModel
    from gossamer.dialogue.runtime.conversations import Conversations

_KIND = "assistant"


class Assistant:
    """A trained assistant: it understands messages (`parse`), holds conversations, or both.

    Made by `train`, `train_project` or `load`, not by hand.

    Attributes:
        config: the configuration it was trained from.
        trained_at: when, in ISO 8601, UTC.
        dialogue: domain and policies; None when it was trained to understand only.
    """

    def __init__(
        self,
        config: ProjectConfig,
        pipeline: Pipeline | None,
        trained_at: str,
        dialogue: DialogueModel | None = None,
    ) -> None:
        self.config = config
        self.trained_at = trained_at
        self.dialogue = dialogue
        self._pipeline = pipeline

    @classmethod
    def train(
        cls,
        config: ProjectConfig | str | Path,
        data: TrainingData | str | Path | Sequence[str | Path],
        *,
        random_seed: int | None = None,
        rasa_defaults: bool = False,
        on_epoch: EpochListener | None = None,
    ) -> Assistant:
        """Train all NLU components; see `train_project` for dialogue.

        Args:
            config: the configuration, or the `config.yml` it is in.
            data: training data, or the files or folders it is in.
            random_seed: seed for every component that draws numbers; None leaves what the
                configuration says.
            rasa_defaults: options that the configuration leaves open have Rasa's defaults; see
                `ProjectConfig.with_rasa_defaults`.
            on_epoch: called after every epoch of a component that has epochs.

        Returns:
            The trained assistant.

        Raises:
            InputError: configuration or data cannot be used; see its subclasses.
        """
        from gossamer.data.config_files import read_config
        from gossamer.data.nlu.reading import read_training_data
        from gossamer.data.project import Project

        if isinstance(config, str | Path):
            config = read_config(config)
        if not isinstance(data, TrainingData):
            data = read_training_data(data)
        return cls.train_project(
            Project(config=config, nlu=data),
            random_seed=random_seed,
            rasa_defaults=rasa_defaults,
            on_epoch=on_epoch,
        )

    @classmethod
    def train_project(
        cls,
        project: Project,
        *,
        augmentation_factor: int = DEFAULT_AUGMENTATION,
        random_seed: int | None = None,
        rasa_defaults: bool = False,
        finetune: Assistant | str | Path | None = None,
        epoch_fraction: float = 1.0,
        on_epoch: EpochListener | None = None,
    ) -> Assistant:
        """Train NLU components where there are examples, and policies where there are stories.

        Everything that can be checked is checked before the first epoch. Errors that training can
        live with, those that `gossamer data validate` shows, are warned of.

        Args:
            project: see `gossamer.data.read_project`.
            augmentation_factor: how much to glue stories together; see `unfold_stories`.
            random_seed: seed for everything that draws numbers; None leaves what the
                configuration says.
            rasa_defaults: options that the configuration leaves open have Rasa's defaults; see
                `ProjectConfig.with_rasa_defaults`.
            finetune: a trained assistant, or its file, that training goes on from; None: it starts
                anew. What has no epochs is trained anew in any case.
            epoch_fraction: of the epochs that what goes on is trained for, one at least.
            on_epoch: called after every epoch of a component or policy that has epochs.

        Raises:
            ModelFileError: the file to go on from cannot be read.
            InputError: the project cannot be used; all reasons are reported. See its subclasses.
        """
        from gossamer.checks import Parts, check

        require("training", *TRAINING)
        earlier = None if finetune is None else cls._loaded(finetune)
        checked = check(
            Parts.of(project),
            random_seed=random_seed,
            rasa_defaults=rasa_defaults,
            finetuning=None if earlier is None else earlier.finetuning(epoch_fraction),
        )
        checked.require_sound()
        checked.warn()
        return cls.train_checked(
            checked, augmentation_factor=augmentation_factor, on_epoch=on_epoch
        )

    @classmethod
    def train_checked(
        cls,
        checked: Checked,
        *,
        augmentation_factor: int = DEFAULT_AUGMENTATION,
        on_epoch: EpochListener | None = None,
    ) -> Assistant:
        """Train a project that `gossamer.checks.check` has found trainable.

        Args:
            checked: it can be trained once.
            augmentation_factor: see `train_project`.
            on_epoch: called after every epoch of a component or policy that has epochs.

        Raises:
            InputError: the checks found a reason not to train; see its subclasses.
        """
        require("training", *TRAINING)
        project = checked.require_sound()
        if augmentation_factor < 0:
            raise ConfigError("augmentation_factor must not be negative", got=augmentation_factor)
        pipeline = checked.pipeline
        if project.nlu is not None and pipeline is not None:
            pipeline.train(project.nlu, on_epoch=on_epoch)
        dialogue: DialogueModel | None = None
        if checked.dialogue is not None:
            dialogue = checked.dialogue.train(
                pipeline, augmentation_factor=augmentation_factor, on_epoch=on_epoch
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(project.config, pipeline, now, dialogue)

    @property
    def pipeline(self) -> Pipeline:
        """Its trained NLU components.

        Raises:
            InputError: it was trained on stories only.
        """
        if self._pipeline is None:
            raise InputError(
                "this assistant was trained on stories only, and does not understand texts",
                hint="training on examples too (`gossamer train`), or messages like /greet",
            )
        return self._pipeline

    def finetuning(self, epoch_fraction: float = 1.0) -> Finetuning:
        """Training that goes on from this assistant, for `gossamer.checks.check`.

        Args:
            epoch_fraction: of the epochs that what goes on is trained for, one at least.
        """
        from gossamer.checks.finetuning import Finetuning

        return Finetuning(
            pipeline=self._pipeline, dialogue=self.dialogue, epoch_fraction=epoch_fraction
        )

    @classmethod
    def _loaded(cls, given: Assistant | str | Path) -> Assistant:
        return given if isinstance(given, Assistant) else cls.load(given)

    def require_dialogue(self) -> DialogueModel:
        """Its domain and policies.

        Raises:
            InputError: it was trained to understand only.
        """
        if self.dialogue is None:
            raise InputError(
                "this assistant was trained to understand messages, and holds no conversation",
                hint="training on stories too (`gossamer train`)",
            )
        return self.dialogue

    @property
    def understands_texts(self) -> bool:
        """Whether it has NLU components."""
        return self._pipeline is not None

    @property
    def intents(self) -> list[str]:
        """Sorted names of the intents it can tell apart."""
        return sorted({i for part in self.pipeline.components for i in part.intents})

    def parse(self, text: str) -> Parse:
        """Understand one message."""
        return self.parse_many([text])[0]

    def parse_many(self, texts: Iterable[str], *, batch_size: int = 256) -> list[Parse]:
        """Understand many messages, `batch_size` at a time; results in the order of `texts`.

        Raises:
            TypeError: one string was given where a list of them is meant, or not all are strings.
            InputError: it was trained on stories only.
        """
        if isinstance(texts, str):
            raise TypeError("texts must be a list of strings (got one string). Try: [text]")
        texts = list(texts)
        for number, text in enumerate(texts):
            if not isinstance(text, str):
                raise TypeError(
                    f"texts must be strings (got {type(text).__name__} at {number}). Try: a list "
                    "of what users wrote"
                )
        parses: list[Parse] = []
        for start in range(0, len(texts), batch_size):
            parses += self.pipeline.parse(texts[start : start + batch_size])
        return parses

    def conversations(
        self,
        *,
        action_endpoint: ActionEndpoint | None = None,
        channel: str = DEFAULT_CHANNEL,
        random_seed: int | None = None,
    ) -> Conversations:
        """Conversations with this assistant: `handle("hello")` says what it answers.

        An assistant that was trained on stories only understands messages that say their intent,
        like /greet.

        Args:
            action_endpoint: the server that runs custom actions; None: they fail, and the
                conversation goes on.
            channel: where messages go; responses may have variations for it.
            random_seed: decides among variations of responses; None: a new choice each time.

        Raises:
            InputError: it was trained to understand only.
        """
        from gossamer.dialogue.actions.action_server import ActionServer
        from gossamer.dialogue.runtime.conversations import Conversations

        model = self.require_dialogue()
        return Conversations(
            model.domain,
            model.ensemble,
            _direct_parser(model.domain) if self._pipeline is None else self.parse,
            custom=None if action_endpoint is None else ActionServer(action_endpoint),
            channel=channel,
            random_seed=random_seed,
        )

    def save(self, path: str | Path) -> Path:
        """Write the model to one file, atomically.

        Args:
            path: the file, usually `*.gossamer`.

        Returns:
            The file's path.

        Raises:
            ModelFileError: it cannot be written there.
        """
        content: dict[str, Any] = {
            "kind": _KIND,
            "gossamer_version": __version__,
            "trained_at": self.trained_at,
            "config": config_to_dict(self.config),
        }
        arrays: dict[str, npt.NDArray[Any]] = {}
        if self._pipeline is not None:
            content["pipeline"], arrays = pipeline_to_parts(self._pipeline)
        if self.dialogue is not None:
            content["dialogue"], of_dialogue = self.dialogue.to_parts()
            arrays |= of_dialogue
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
            path, _KIND, named="an assistant", hint="the file that gossamer train wrote"
        )
        try:
            if "pipeline" not in content and "dialogue" not in content:
                raise KeyError("pipeline")
            pipeline, dialogue = None, None
            if "pipeline" in content:
                pipeline = pipeline_from_parts(content["pipeline"], arrays)
            if "dialogue" in content:
                from gossamer.dialogue.model import DialogueModel

                dialogue = DialogueModel.from_parts(content["dialogue"], arrays, pipeline)
            config = config_from_dict(content["config"])
            trained_at = datetime.fromisoformat(content["trained_at"]).isoformat()
        except ModelFileError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ModelFileError(
                "the file must hold pipeline, configuration and time of this version",
                got=str(error),
                where=Location(path),
                hint="training the model again",
            ) from error
        return cls(config, pipeline, trained_at, dialogue)


def _direct_parser(domain: Domain) -> Callable[[str], Parse]:
    """Understands messages like /greet{"name": "Ada"}, and no others."""
    handler = DirectMessageHandler()
    names = {
        "intents": list(domain.intent_names),
        "entity_types": [entity.name for entity in domain.entities],
    }
    handler.restore(ComponentState(json=names))

    def parse(text: str) -> Parse:
        batch = MessageBatch(texts=[text])
        handler.process(batch)
        return batch.parses[0]

    return parse
