"""What a study trains and tests on, read once and sent to the workers."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gossamer.data import (
    Domain,
    Project,
    ProjectConfig,
    StoryData,
    TrainingData,
    read_config,
    read_domain,
    read_stories,
    read_training_data,
    split_examples,
    split_stories,
)
from gossamer.data.config import ComponentConfig
from gossamer.data.entities import Entity
from gossamer.data.errors import ConfigError, DataError, InputError
from gossamer.data.project import joined
from gossamer.data.stories.steps import UserStep
from gossamer.data.text.search import Paths
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.own.importing import known_name
from gossamer.study.interventions import starting_density
from gossamer.study.run import Run, Task

_TED = "TEDPolicy"
_DEFAULT_DOMAIN = "domain.yml"


@dataclass(frozen=True, kw_only=True)
class StudyData:
    """Everything runs need; made by `read_study_data`.

    Attributes:
        task: what is learnt.
        config: the pipeline up to DIETClassifier, or the one policy TEDPolicy.
        examples: to train on; None for dialogue.
        test_examples: to test on; None for dialogue.
        project: to train on, for dialogue; None otherwise.
        test_stories: to test on, for dialogue; None otherwise.
        names: what was read, for rows: `config`, `train`, `test`, `domain`, `holdout`.
        digest: of all contents, 16 hexadecimal digits; places of files do not count.
    """

    task: Task
    config: ProjectConfig
    examples: TrainingData | None = None
    test_examples: TrainingData | None = None
    project: Project | None = None
    test_stories: StoryData | None = None
    names: Mapping[str, Any]
    digest: str

    def n_train(self) -> int:
        """Different examples, or stories, to train on."""
        if self.examples is not None:
            return len(self.examples.unique_examples())
        return 0 if self.project is None else len(self.project.stories.stories)

    def n_test(self) -> int:
        """Different examples, or stories, to test on."""
        if self.test_examples is not None:
            return len(self.test_examples.unique_examples())
        return 0 if self.test_stories is None else len(self.test_stories.stories)

    def config_for(self, run: Run) -> ProjectConfig:
        """The configuration with the settings of a run.

        Raises:
            ConfigError: the run's options name one of these settings.
        """
        changes: dict[str, Any] = {
            "epochs": run.epochs,
            "random_seed": run.seed,
            "connection_density": starting_density(run),
            "topology": str(run.topology),
            "transformer_size": run.size,
        }
        if run.task is not Task.DIALOGUE:
            changes["intent_classification"] = run.task is Task.INTENT
            changes["entity_recognition"] = run.task is Task.ENTITY
        taken = sorted(set(changes) & set(run.options))
        if taken:
            raise ConfigError(
                "an option that a study sets itself must not be given as well",
                got=taken,
                hint="the study's own density, size, seed, epochs, topology or task",
            )
        changes |= run.options
        if run.task is Task.DIALOGUE:
            return dataclasses.replace(self.config, policies=_set(self.config.policies, changes))
        return dataclasses.replace(self.config, pipeline=_set(self.config.pipeline, changes))


def _set(
    parts: tuple[ComponentConfig, ...], changes: Mapping[str, Any]
) -> tuple[ComponentConfig, ...]:
    """The last of some components with other options."""
    *before, last = parts
    return (*before, dataclasses.replace(last, options={**last.options, **changes}))


def read_study_data(
    task: Task | str,
    config: str | Path,
    train: Paths,
    test: Paths | None = None,
    *,
    domain: Paths = _DEFAULT_DOMAIN,
    holdout: float | None = None,
    holdout_seed: int = 0,
) -> StudyData:
    """Read what a study needs.

    Of the pipeline, only DIETClassifier and what comes before it take part; of the policies,
    TEDPolicy alone (with its defaults where the configuration has none). So the scores are those
    of the networks whose density is varied. Rules are not TED's and are left out. Options that the
    configuration leaves open have Rasa's defaults, because studies are of the published
    architecture; `rasa_defaults: false` in a component gives Gossamer's. The digest is that of the
    configuration as it is written.

    Args:
        task: what is learnt.
        config: the `config.yml`.
        train: files and folders to train on.
        test: files and folders to test on; None with `holdout`.
        domain: for dialogue, a file or folder, or several.
        holdout: share of `train` to test on instead, in (0, 1).
        holdout_seed: decides which share.

    Raises:
        InputError: a file cannot be read, the pipeline has no DIETClassifier, both or neither of
            `test` and `holdout` are given, there are fewer than two intents or no entities.
        ValueError: the task is unknown.
    """
    task = Task(task)
    if (test is None) == (holdout is None):
        raise InputError(
            "a study needs either test data or a share of the training data to hold out",
            got="neither" if test is None else "both",
            hint="--test PATH, or --holdout 0.2",
        )
    if holdout is not None and not 0.0 < holdout < 1.0:
        raise InputError(
            "the share to hold out must be above 0 and below 1", got=holdout, hint="0.2"
        )
    names = {
        "config": str(config),
        "train": _names(train),
        "test": None if test is None else _names(test),
        "holdout": None if holdout is None else [holdout, holdout_seed],
    }
    read = read_config(config, needs_pipeline=task is not Task.DIALOGUE)
    if task is Task.DIALOGUE:
        return _dialogue(
            read, read_stories(train), test, read_domain(domain), holdout, holdout_seed,
            names | {"domain": _names(domain)},
        )  # fmt: skip
    chosen = dataclasses.replace(read, pipeline=_up_to_diet(read), policies=())
    examples = read_training_data(train)
    if test is not None:
        tests = read_training_data(test)
    else:
        examples, tests = split_examples(
            examples, training_fraction=1 - (holdout or 0.0), random_seed=holdout_seed
        )
    for part, found in (("train", examples), ("test", tests)):
        _check_labels(task, part, found, names)
    return StudyData(
        task=task,
        config=chosen.with_rasa_defaults(),
        examples=examples,
        test_examples=tests,
        names=names,
        digest=_digest(chosen, examples, tests),
    )


def _check_labels(task: Task, part: str, found: TrainingData, names: Mapping[str, Any]) -> None:
    """Check that there is something to learn, and to score."""
    if task is Task.INTENT:
        known = {example.base_intent for example in found.examples} - {None, ""}
        if len(known) < 2:
            raise DataError(
                f"a study of intents needs examples of at least two intents to {part} on",
                got=sorted(map(str, known)),
                hint=f"other data than {names[part] or names['train']}",
            )
    elif not any(example.entities for example in found.examples):
        raise DataError(
            f"a study of entities needs examples with entities to {part} on",
            hint=f"other data than {names[part] or names['train']}, or the task intent",
        )


def _dialogue(
    config: ProjectConfig,
    stories: StoryData,
    test: Paths | None,
    domain: Domain,
    holdout: float | None,
    holdout_seed: int,
    names: dict[str, Any],
) -> StudyData:
    policies = [item for item in config.policies if known_name(item.name) == _TED]
    policy = policies[0] if policies else ComponentConfig(name=_TED, where=config.where)
    chosen = dataclasses.replace(config, policies=(policy,))
    if test is not None:
        tests = StoryData(stories=read_stories(test).stories)
    else:
        stories, tests = split_stories(stories, 1 - (holdout or 0.0), random_seed=holdout_seed)
    project = joined(
        Project(config=chosen, stories=StoryData(stories=stories.stories), domain=domain)
    )
    return StudyData(
        task=Task.DIALOGUE,
        config=chosen.with_rasa_defaults(),
        project=project,
        test_stories=tests,
        names=names,
        digest=_digest(policy, domain, project.stories, tests),
    )


def _up_to_diet(config: ProjectConfig) -> tuple[ComponentConfig, ...]:
    chosen: list[ComponentConfig] = []
    for item in config.pipeline:
        chosen.append(item)
        if known_name(item.name) == DIETComponent.name:
            return tuple(chosen)
    raise ConfigError(
        "a study of intents or entities needs a DIETClassifier in the pipeline",
        got=[item.name for item in config.pipeline],
        where=config.where,
        hint="- name: DIETClassifier",
    )


def _names(paths: Paths) -> list[str]:
    return [str(paths)] if isinstance(paths, str | Path) else [str(path) for path in paths]


def _digest(*parts: object) -> str:
    return hashlib.sha256("\n".join(map(_written, parts)).encode()).hexdigest()[:16]


def _written(part: object) -> str:
    """All that an object holds except the places it was read from: its repr.

    Entities are written as they were when annotations and stories had a type each, so that rows of
    then are still known.
    """
    if isinstance(part, UserStep):
        return _fields_written(part, entities=_tuple_written(map(_of_story, part.entities)))
    if isinstance(part, Entity):
        return _names_written("Entity", part, _ANNOTATED)
    if isinstance(part, tuple) and not hasattr(part, "_fields"):
        return _tuple_written(map(_written, part))
    if isinstance(part, list):
        return f"[{', '.join(map(_written, part))}]"
    if isinstance(part, dict):
        items = (f"{_written(key)}: {_written(value)}" for key, value in part.items())
        return f"{{{', '.join(items)}}}"
    if isinstance(part, MappingProxyType):
        return f"mappingproxy({_written(dict(part))})"
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        return _fields_written(part)
    return repr(part)


_ANNOTATED = ("start", "end", "entity", "value", "role", "group")
_IN_A_STORY = ("entity", "value", "role", "group", "start", "end")


def _of_story(entity: Entity) -> str:
    return _names_written("StoryEntity", entity, _IN_A_STORY)


def _names_written(kind: str, part: object, names: Sequence[str]) -> str:
    return f"{kind}({', '.join(f'{name}={_written(getattr(part, name))}' for name in names)})"


def _fields_written(part: Any, **given: str) -> str:
    shown = [
        f"{each.name}={given.get(each.name) or _written(getattr(part, each.name))}"
        for each in dataclasses.fields(part)
        if each.repr
    ]
    return f"{type(part).__qualname__}({', '.join(shown)})"


def _tuple_written(parts: Iterable[str]) -> str:
    written = list(parts)
    return f"({written[0]},)" if len(written) == 1 else f"({', '.join(written)})"
