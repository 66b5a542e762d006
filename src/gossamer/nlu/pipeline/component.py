"""What every pipeline component is: options, training, processing, a state to store."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

from gossamer.data.errors import InputError, Location
from gossamer.data.installed import OPTIONAL
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch, TrainingBatch
from gossamer.nlu.pipeline.starting_point import StartingPoint

_NONE: Mapping[str, str] = MappingProxyType({})
_PROVIDED = frozenset(
    {
        *("documents", "tokens", "parts of speech", "features"),
        *("intent", "entities", "response_selector"),
    }
)

FOR_LATER_COMPONENTS = frozenset({"documents", "tokens", "features"})
"""What a component adds to a batch that others read, in training too."""


class ComponentOptions(BaseModel):
    """Options of a component, named as in Rasa's `config.yml`. An unknown option is an error.

    Attributes:
        ignored: options of Rasa that are accepted and change nothing here, and why.
        renamed: options of old versions, and what to write instead.
        rasas: Rasa's defaults where they differ from those here.
        rasa_defaults: whether options that are not set have Rasa's defaults. Every component takes
            it; it changes nothing where `rasas` is empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    ignored: ClassVar[Mapping[str, str]] = _NONE
    renamed: ClassVar[Mapping[str, str]] = _NONE
    rasas: ClassVar[Mapping[str, Any]] = MappingProxyType({})

    rasa_defaults: bool = False

    def conflicts(self) -> Iterator[str]:
        """What is wrong with the combination of options that are valid each."""
        return iter(())

    def without_effect(self) -> Iterator[str]:
        """What is set but changes nothing with the other options."""
        return iter(())

    @model_validator(mode="before")
    @classmethod
    def _fill_in_rasas(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("rasa_defaults") is True:
            return {**cls.rasas, **data}
        return data

    @field_validator("rasa_defaults", mode="before")
    @classmethod
    def _only_a_truth_value(cls, value: Any) -> Any:
        # pydantic would take 1 and "yes" for true, and `_fill_in_rasas` has not.
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        # pydantic would take true for 1.
        name = info.field_name or ""
        if isinstance(value, bool) and not _takes_truth_values(cls.model_fields[name].annotation):
            raise ValueError(f"must not be {str(value).lower()}, which is a truth value")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        found = list(self.conflicts())
        if found:
            raise ValueError("; ".join(found))
        return self


def _takes_truth_values(kind: Any) -> bool:
    return kind in (bool, Any) or any(map(_takes_truth_values, get_args(kind)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochReport:
    """The state of training after an epoch.

    Attributes:
        component: whose training it is.
        epoch: 1-based.
        n_epochs: how many there will be.
        metrics: losses and accuracies by name (`t_loss`, `i_acc`, `e_f1`, `val_i_acc`, ...).
        seconds: what this epoch took.
    """

    component: str
    epoch: int
    n_epochs: int
    metrics: dict[str, float]
    seconds: float


EpochListener = Callable[[EpochReport], None]


def check_class(kind: type[Any], options: type[ComponentOptions]) -> None:
    """Complete the class of a component or policy: its name, if it has none, is the class's.

    Args:
        kind: the class.
        options: what the class of its options must be made from.

    Raises:
        TypeError: its name or the class of its options is not one.
    """
    if "name" not in kind.__dict__:
        kind.name = kind.__name__
    if not isinstance(kind.name, str) or not kind.name:
        raise TypeError(f"{kind.__name__}.name must be a text (got {kind.name!r})")
    if not (isinstance(kind.Options, type) and issubclass(kind.Options, options)):
        raise TypeError(
            f"{kind.__name__}.Options must be a class made from {options.__name__} "
            f"(got {kind.Options!r}). Try: class Options({options.__name__})"
        )


def _check_names(kind: type[Component], attribute: str, known: Collection[str]) -> None:
    names = getattr(kind, attribute)
    if isinstance(names, str) or not all(name in known for name in names):
        raise TypeError(
            f"{kind.__name__}.{attribute} must be a set of names out of {', '.join(sorted(known))} "
            f"(got {names!r})"
        )


class Component(ABC):
    """One step of a pipeline.

    Of your own: `process` is all that must be written.

    Attributes:
        name: the name in `config.yml`, and in messages; by default the class's.
        Options: the class of its options; by default there are none.
        provides: what it adds to a batch: any of "documents", "tokens", "parts of speech" (of
            tokens), "features", "intent", "entities", "response_selector".
        requires: what an earlier component must have added.
        reads: what training reads of the data, of `gossamer.data.fingerprints.NLU_INPUTS`; beside
            it reads what earlier components provide of what this one requires. None: everything.
            It holds for the class that declares it and not for those derived from it. A component
            is trained again only when something that it reads has changed.
        needs: libraries without which it neither trains nor answers, as named in
            `gossamer.data.installed.OPTIONAL`.
        alias: unique in a pipeline; the pipeline sets it to the option `alias` where there is one,
            else to "<name>" or "<name>_2", "<name>_3" for repetitions.
        start: what the next training goes on from; None: it starts anew, and after training. Set
            for a component that `can_go_on_from` the one of an earlier model, which `start` has. A
            featurizer then keeps its columns and appends new ones.
    """

    name: ClassVar[str]
    Options: ClassVar[type[ComponentOptions]] = ComponentOptions
    provides: ClassVar[frozenset[str]] = frozenset()
    requires: ClassVar[frozenset[str]] = frozenset()
    reads: ClassVar[frozenset[str] | None] = None
    needs: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_class(cls, ComponentOptions)
        _check_names(cls, "provides", _PROVIDED)
        _check_names(cls, "requires", _PROVIDED)
        _check_names(cls, "needs", OPTIONAL)
        cls.provides, cls.requires = frozenset(cls.provides), frozenset(cls.requires)

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        self.options: Any = options
        self.alias = self.name if alias is None else alias
        self.start: StartingPoint | None = None

    def can_go_on_from(self, earlier: Component) -> bool:
        """Whether training may go on from what a component of this class and options has learnt.

        Others are trained anew.
        """
        return False

    def train(  # noqa: B027  (components that learn nothing keep this)
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Learn from the training data. `batch` has been through all earlier components."""

    def renew(self, data: TrainingData) -> None:  # noqa: B027
        """Take over what is kept of the data but not learnt from, after `restore`.

        Called in place of `train` when nothing that is learnt from has changed.
        """

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """What `train` would refuse, as far as it can be known before any component is trained."""
        return iter(())

    @abstractmethod
    def process(self, batch: MessageBatch) -> None:
        """Add to the batch what this component provides."""

    def files_read(self) -> str:
        """A fingerprint of what training reads besides the data, such as a file of vectors.

        Raises:
            InputError: it is not there.
        """
        return ""

    @property
    def reads_features(self) -> bool:
        """Whether it reads the features of a batch."""
        return "features" in self.requires

    @property
    def required(self) -> frozenset[str]:
        """What an earlier component must have added: `requires`, and what its options ask for."""
        return self.requires

    def check_machine(self, where: Location | None = None) -> Iterator[InputError]:
        """What its options name and this machine does not have: files, models of others.

        Asked when a configuration is read; `train` refuses the same. A stored model may do without.

        Args:
            where: the place of the component in the configuration.
        """
        return iter(())

    @property
    def intents(self) -> Collection[str]:
        """The intents it can tell apart; none unless it classifies."""
        return ()

    def state(self) -> ComponentState:
        """What was learnt; everything that `restore` needs besides the options."""
        return ComponentState()

    def restore(self, state: ComponentState) -> None:  # noqa: B027
        """Restore a stored state. Raises `ModelFileError` when it does not fit."""
