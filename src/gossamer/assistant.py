"""The one object that ties a project together: train, save, load, parse, converse."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from gossamer.data.config import ProjectConfig, config_from_dict, config_to_dict
from gossamer.data.errors import ConfigError, InputError, Location, ModelFileError
from gossamer.data.installed import TRAINING, require
from gossamer.data.nlu.examples import TrainingData
from gossamer.dialogue.defaults import DEFAULT_AUGMENTATION, DEFAULT_CHANNEL
from gossamer.nlu.own.failures import OwnPartError
from gossamer.nlu.own.models import own_parts_of
from gossamer.nlu.pipeline.component import EpochListener
from gossamer.nlu.pipeline.direct_message import direct_parser
from gossamer.nlu.pipeline.messages import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.reuse import Change, ChangeListener
from gossamer.nlu.pipeline.storage import pipeline_from_parts, pipeline_to_parts
from gossamer.nn.storage import ASSISTANT, load_model_of_kind, save_model
from gossamer.version import __version__

if TYPE_CHECKING:  # imported where they are used, so that a first answer is soon there
    from gossamer.checks import Checked
    from gossamer.checks.finetuning import Finetuning
    from gossamer.data.endpoints import ActionEndpoint, ActionsModule, NlgEndpoint
    from gossamer.data.project import Project
    from gossamer.dialogue.last_model import LastModel
    from gossamer.dialogue.model import DialogueModel
    from gossamer.dialogue.runtime.conversations import Conversations


class Assistant:
    """A trained assistant: it understands messages (`parse`), holds conversations, or both.

    Made by `train`, `train_project` or `load`, not by hand.

    Attributes:
        config: the configuration it was trained from.
        trained_at: when its training began with reading the data, in ISO 8601, UTC.
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
        if pipeline is not None and dialogue is not None:
            pipeline.take_domain(dialogue.domain)

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
        last: Assistant | str | Path | None = None,
        finetune: Assistant | str | Path | None = None,
        epoch_fraction: float = 1.0,
        on_epoch: EpochListener | None = None,
        on_change: ChangeListener | None = None,
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
            last: a trained assistant, or the file it is in. Components and policies that would
                learn from the same, with the same options and code, are taken from it; one without
                a seed too. Warns when the file cannot be used.
            finetune: a trained assistant, or its file, that training goes on from; None: it starts
                anew. Nothing is then taken from `last`. What has no epochs is trained anew.
            epoch_fraction: of the epochs that what goes on is trained for, one at least.
            on_epoch: called after every epoch of a component or policy that has epochs.
            on_change: called for every component and policy that learns, with whether it is
                trained, and why.

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
            last=None if earlier is not None else _last_model(last),
            finetuning=None if earlier is None else earlier.finetuning(epoch_fraction),
        )
        checked.require_sound()
        checked.warn()
        return cls.train_checked(
            checked,
            augmentation_factor=augmentation_factor,
            on_epoch=on_epoch,
            on_change=on_change,
        )

    @classmethod
    def train_checked(
        cls,
        checked: Checked,
        *,
        augmentation_factor: int = DEFAULT_AUGMENTATION,
        on_epoch: EpochListener | None = None,
        on_change: ChangeListener | None = None,
    ) -> Assistant:
        """Train a project that `gossamer.checks.check` has found trainable.

        Args:
            checked: it can be trained once.
            augmentation_factor: see `train_project`.
            on_epoch: called after every epoch of a component or policy that has epochs.
            on_change: see `train_project`.

        Raises:
            InputError: the checks found a reason not to train; see its subclasses.
        """
        require("training", *TRAINING)
        project = checked.require_sound()
        if augmentation_factor < 0:
            raise ConfigError("augmentation_factor must not be negative", got=augmentation_factor)
        pipeline = checked.pipeline
        if project.nlu is not None and pipeline is not None:
            known = () if checked.last is None else checked.last.components
            pipeline.train(project.nlu, on_epoch=on_epoch, last=known, on_change=on_change)
        dialogue: DialogueModel | None = None
        if checked.dialogue is not None:
            dialogue = checked.dialogue.train(
                pipeline,
                augmentation_factor=augmentation_factor,
                on_epoch=on_epoch,
                on_change=on_change,
            )
        read_at = datetime.fromtimestamp(checked.read_at, UTC).isoformat()
        return cls(project.config, pipeline, read_at, dialogue)

    @classmethod
    def foresee(
        cls, checked: Checked, *, augmentation_factor: int = DEFAULT_AUGMENTATION
    ) -> list[Change]:
        """What `train_checked` would train, and why; nothing is trained, and `checked` is used up.

        Whatever reads what another one gives counts as trained with it, though `train_checked`
        leaves it as it is where the other one learns what it knew already.

        Raises:
            InputError: the checks found a reason not to train; see its subclasses.
        """
        project, last = checked.require_sound(), checked.last
        changes: list[Change] = []
        outputs: Mapping[str, str] = {}
        if project.nlu is not None and checked.pipeline is not None:
            known = () if last is None else last.components
            expected = checked.pipeline.foresee(project.nlu, known)
            changes, outputs = [*expected.changes], expected.outputs
        if checked.dialogue is not None:
            changes += checked.dialogue.foresee(outputs, augmentation_factor=augmentation_factor)
        return changes

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
        action_endpoint: ActionEndpoint | ActionsModule | None = None,
        nlg: NlgEndpoint | None = None,
        channel: str = DEFAULT_CHANNEL,
        random_seed: int | None = None,
    ) -> Conversations:
        """Conversations with this assistant: `handle("hello")` says what it answers.

        An assistant that was trained on stories only understands messages that say their intent,
        like /greet.

        Args:
            action_endpoint: the server that runs custom actions, or the module in which they are;
                None: they fail, and the conversation goes on.
            nlg: the server that makes the messages of responses; None: the domain has them.
            channel: where messages go; responses may have variations for it.
            random_seed: decides among variations of responses; None: a new choice each time.

        Raises:
            InputError: it was trained to understand only, or the module cannot be used.
        """
        from gossamer.dialogue.actions.actions_here import custom_actions
        from gossamer.dialogue.actions.nlg_server import NlgServer
        from gossamer.dialogue.runtime.conversations import Conversations

        model = self.require_dialogue()
        return Conversations(
            model.domain,
            model.ensemble,
            direct_parser(model.domain) if self._pipeline is None else self.parse,
            custom=custom_actions(action_endpoint),
            nlg=None if nlg is None else NlgServer(nlg),
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
        content, arrays = self._to_parts()
        path = Path(path)
        save_model(path, content, arrays)
        return path

    def is_as(self, last: LastModel) -> bool:
        """Whether it is the same as an earlier model, but for the time of training."""
        return last.is_as(self._to_parts()[0])

    def _to_parts(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """JSON and arrays."""
        content: dict[str, Any] = {
            "kind": ASSISTANT,
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
        return content, arrays

    @classmethod
    def load(
        cls, path: str | Path, *, config: ProjectConfig | str | Path | None = None
    ) -> Assistant:
        """Read a model that `save` wrote. No code from the file is run.

        Components and policies of the user's own are imported when `config` names them, or used
        when they were registered (`gossamer.register`); a name in the file alone imports nothing.

        Args:
            path: the file.
            config: the configuration that it was trained from, or its `config.yml`; read only when
                the model has parts of the user's own, which are then looked for in its folder.

        Raises:
            ModelFileError: the file is missing, damaged, altered, of a newer format, no assistant,
                or has parts of the user's own that are neither registered nor in `config`.
            OwnPartError: a part of the user's own cannot be imported or restored.
        """
        path = Path(path)
        content, arrays = load_model_of_kind(
            path, ASSISTANT, named="an assistant", hint="the file that gossamer train wrote"
        )
        try:
            if "pipeline" not in content and "dialogue" not in content:
                raise KeyError("pipeline")
            pipeline, dialogue = None, None
            stored = config_from_dict(content["config"])
            own = own_parts_of(content, stored, config, Location(path))
            if "pipeline" in content:
                pipeline = pipeline_from_parts(content["pipeline"], arrays, own)
            if "dialogue" in content:
                from gossamer.dialogue.model import DialogueModel

                dialogue = DialogueModel.from_parts(content["dialogue"], arrays, pipeline, own)
            trained_at = datetime.fromisoformat(content["trained_at"]).isoformat()
        except (ModelFileError, OwnPartError):
            raise
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise ModelFileError(
                "the file must hold pipeline, configuration and time of this version",
                got=str(error),
                where=Location(path),
                hint="training the model again",
            ) from error
        return cls(stored, pipeline, trained_at, dialogue)


def _last_model(last: Assistant | str | Path | None) -> LastModel | None:
    """The parts of a model; None, with a warning, where it cannot be read."""
    from gossamer.dialogue.last_model import LastModel

    if last is None:
        return None
    if isinstance(last, Assistant):
        return LastModel.of_parts(*last._to_parts())
    try:
        return LastModel.read(Path(last))
    except ModelFileError as problem:
        warnings.warn(f"all is trained, as the last model cannot be used: {problem}", stacklevel=3)
        return None
