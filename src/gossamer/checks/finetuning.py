"""Training that goes on from a trained model: whether it can, and what of it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gossamer.data.config import ProjectConfig
from gossamer.data.errors import ConfigError, InputError, Location
from gossamer.dialogue.model import DialogueModel
from gossamer.dialogue.policies.policy import Policy
from gossamer.nlu.own.failures import OwnCode
from gossamer.nlu.pipeline.component import FOR_LATER_COMPONENTS, Component
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.starting_point import StartingPoint

MAY_CHANGE: Final = frozenset(
    {
        "additional_words",
        "batch_size",
        "batch_strategy",
        "checkpoint_model",
        "e2e_confidence_threshold",
        "epochs",
        "evaluate_every_number_of_epochs",
        "evaluate_on_number_of_examples",
        "ignore_intents_list",
        "learning_rate",
        "priority",
        "random_seed",
        "ranking_length",
        "rasa_defaults",
        "regex_timeout",
        "renormalize_confidences",
        "split_entities_by_comma",
        "store",
        "tolerance",
    }
)
"""Options of what goes on that need not be those of the earlier model: how it learns, and answers.

`rasa_defaults` shows in other options.
"""

_LARGEST_FRACTION: Final = 100
_ANEW = "training without --finetune"


@dataclass(frozen=True, kw_only=True)
class Finetuning:
    """Training goes on from a trained model.

    Attributes:
        pipeline: its components, or None.
        dialogue: its policies, or None.
        epoch_fraction: how much of their epochs components and policies are trained for.
    """

    pipeline: Pipeline | None
    dialogue: DialogueModel | None
    epoch_fraction: float = 1.0

    def begin(
        self, pipeline: Pipeline | None, policies: Sequence[Policy], config: ProjectConfig
    ) -> Iterator[InputError]:
        """Let untrained components and policies go on from those of the model.

        Args:
            pipeline: that is to be trained, or None.
            policies: that are to be trained.
            config: where they are written.

        Yields:
            Why they cannot; nothing has been changed then.
        """
        fraction = self.epoch_fraction
        if not 0.0 < fraction <= _LARGEST_FRACTION:
            yield ConfigError(
                f"epoch_fraction must be above 0, at most {_LARGEST_FRACTION}", got=fraction
            )
            return
        faults: list[InputError] = []
        if pipeline is not None:
            faults += self._pipeline_faults(pipeline, config.where)
        if policies:
            faults += self._policy_faults(policies, config.where)
        yield from faults
        if faults:
            return
        if pipeline is not None and self.pipeline is not None:
            pipeline.go_on_from(self.pipeline, fraction)
        if policies and self.dialogue is not None:
            columns = None if pipeline is None else pipeline.columns_before
            for policy, earlier in zip(policies, self.dialogue.ensemble.policies, strict=True):
                if policy.can_go_on_from(earlier):
                    policy.start = StartingPoint(earlier, fraction, columns)

    def _pipeline_faults(self, pipeline: Pipeline, where: Location | None) -> Iterator[InputError]:
        if self.pipeline is None:
            yield _lacks("components that understand texts, but the model has none", where)
            return
        now, before = pipeline.components, self.pipeline.components
        sources = self.pipeline.learnt_from.items()
        files = {alias: source.fingerprint.get("files", "") for alias, source in sources}
        yield from _differences("pipeline", now, before, where, files)

    def _policy_faults(
        self, policies: Sequence[Policy], where: Location | None
    ) -> Iterator[InputError]:
        if self.dialogue is None:
            yield _lacks("policies, but the model has none", where)
            return
        yield from _differences("policies", policies, self.dialogue.ensemble.policies, where)


def goes_on(pipeline: Pipeline | None, policies: Sequence[Policy]) -> tuple[list[str], list[str]]:
    """Aliases of what goes on from an earlier model, and of what learns anew."""
    parts: list[Component | Policy] = [*policies]
    if pipeline is not None:
        learn = [part for part in pipeline.components[:-1] if _learns(part)]
        parts = [*learn, *parts]
    return (
        [part.alias for part in parts if part.start is not None],
        [part.alias for part in parts if part.start is None],
    )


def _learns(part: Component) -> bool:
    return type(part).train is not Component.train


def _lacks(what: str, where: Location | None) -> ConfigError:
    return ConfigError(f"training goes on with {what}", where=where, hint=f"{_ANEW}, or its model")


def _differences(
    kind: str,
    now: Sequence[Any],
    before: Sequence[Any],
    where: Location | None,
    files: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[InputError]:
    """What differs between components, or policies, and those of the model.

    Args:
        kind: what they are.
        now: those that are to be trained.
        before: those of the model.
        where: where the former are written.
        files: fingerprints of the files that the latter have read, by alias, where that is known.
    """
    names, knew = [part.name for part in now], [part.name for part in before]
    if names != knew:
        told = [f"{name} is new" for name in dict.fromkeys(names) if _more(name, names, knew)]
        told += [f"{name} is gone" for name in dict.fromkeys(knew) if _more(name, knew, names)]
        yield ConfigError(
            f"training can go on from a model only with its {kind}",
            got="; ".join(told) or "another order",
            where=where,
            hint=_ANEW,
        )
        return
    told = []
    for part, earlier in zip(now, before, strict=True):
        if not (_gives_features(part) or part.can_go_on_from(earlier)):
            continue
        is_now, was = (each.options.model_dump(mode="json") for each in (part, earlier))
        told += [
            f"{part.alias}: {name} is {is_now[name]}, was {was.get(name)}"
            for name in is_now
            if name not in MAY_CHANGE and is_now[name] != was.get(name)
        ]
        if earlier.alias in files and _reads_others(part, files[earlier.alias]):
            told.append(f"{part.alias}: the files that it reads have changed")
    if told:
        yield ConfigError(
            "training can go on from a model only with its options and files, but for options of "
            "how long and how fast it learns",
            got="; ".join(told),
            where=where,
            hint=f"those it was trained with, or {_ANEW}",
        )


def _reads_others(part: Component, files: str) -> bool:
    """Whether a component reads other files now; those that are missing are told by its checks."""
    if not _learns(part):
        return False
    try:
        with OwnCode(type(part), "files_read"):
            return part.files_read() != files
    except InputError:
        return False


def _more(name: str, in_these: list[str], than_in: list[str]) -> bool:
    return in_these.count(name) > than_in.count(name)


def _gives_features(part: Component | Policy) -> bool:
    return isinstance(part, Component) and bool(part.provides & FOR_LATER_COMPONENTS)
