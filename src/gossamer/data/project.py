"""A whole Rasa project: pipeline and policies, NLU data, stories and rules, domain."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from gossamer.data.config import ProjectConfig
from gossamer.data.config_files import read_config
from gossamer.data.domain.domain import Domain
from gossamer.data.domain.reading import read_domain
from gossamer.data.errors import DataError, InputError, Location, all_of
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.nlu.reading import NLU_FILES, read_training_data
from gossamer.data.stories.reading import STORY_FILES, read_stories
from gossamer.data.stories.steps import BotStep, OrStep, Rule, Story, StoryData, UserStep
from gossamer.data.text.search import Paths, is_of_kind

StepT = TypeVar("StepT", UserStep, BotStep)


@dataclass(frozen=True, kw_only=True)
class Project:
    """Everything an assistant is trained from.

    Attributes:
        config: pipeline and policies.
        nlu: examples to learn to understand messages from, or None.
        stories: stories and rules.
        domain: what may be said and done; responses in NLU data and texts that the assistant says
            in stories are included. None: none was read, and there is no dialogue.
    """

    config: ProjectConfig
    nlu: TrainingData | None = None
    stories: StoryData = field(default_factory=StoryData)
    domain: Domain | None = None

    @property
    def has_dialogue(self) -> bool:
        """Whether there are stories or rules to learn from."""
        return bool(self.stories.stories or self.stories.rules)

    def require_domain(self) -> Domain:
        """The domain of a project that has stories or rules.

        Raises:
            DataError: it has none.
        """
        if self.domain is None or not self.has_dialogue:
            raise DataError(
                "a dialogue model needs stories or rules, and a domain",
                where=self.config.where,
                hint="files with 'stories:' or 'rules:' under data/, and domain.yml",
            )
        return self.domain


def read_project(
    config: str | Path = "config.yml",
    data: Paths = "data",
    domain: Paths = "domain.yml",
    *,
    nlu: bool = True,
    dialogue: bool = True,
) -> Project:
    """Read a Rasa project (1.x, 2.x or 3.x) as it is.

    Args:
        config: the configuration.
        data: files and folders with NLU data, stories and rules.
        domain: the domain, a file, a folder or several of them.
        nlu: read NLU data.
        dialogue: read stories, rules and domain; when only they are asked for, they must be there.

    Raises:
        InputError: a file cannot be read as meant, or nothing to train on is there.
    """
    read = read_config(config, needs_pipeline=nlu)
    examples: TrainingData | None = None
    stories = StoryData()
    faults = strange_files(data) if nlu and dialogue else []
    if faults:
        raise all_of(faults)
    if dialogue:
        stories = read_stories(data, is_required=not nlu)
    has_dialogue = bool(stories.stories or stories.rules)
    if nlu:
        examples = read_training_data(data, is_required=not has_dialogue)
        examples = examples if examples.examples else None
    known = read_domain(domain) if has_dialogue else None
    return joined(Project(config=read, nlu=examples, stories=stories, domain=known))


def strange_files(data: Paths) -> list[InputError]:
    """Refuse each path that is named as data of a project but does not exist or holds no data.

    In folders, files without any are skipped.
    """
    faults: list[InputError] = []
    for path in [data] if isinstance(data, str | Path) else data:
        file = Path(path)
        if not file.exists():
            faults.append(DataError("a path of training data must exist", where=Location(file)))
        if not file.is_file():
            continue
        try:
            if is_of_kind(file, NLU_FILES) or is_of_kind(file, STORY_FILES):
                continue
        except InputError as fault:
            faults.append(fault)
            continue
        faults.append(
            DataError(
                "a file of training data must hold examples, stories or rules",
                where=Location(file),
                hint=f"{NLU_FILES.formats}; {STORY_FILES.formats}",
            )
        )
    return faults


def joined(project: Project) -> Project:
    """The project with its parts connected.

    Responses in NLU data belong to the domain and those of the domain to the NLU data, where
    response selectors look for them; texts that stories say belong to the domain's actions, and
    their words to what the pipeline learns words from.
    """
    nlu, domain = project.nlu, project.domain
    if domain is None:
        return project
    said = sorted({step.text for step in _steps(project.stories, BotStep)})  # as Rasa orders them
    new = tuple(text for text in said if text not in domain.action_texts)
    if new:
        domain = dataclasses.replace(domain, action_texts=(*domain.action_texts, *new))
    if nlu is not None:
        if nlu.responses:
            domain = domain.with_responses(nlu.responses)
        nlu = dataclasses.replace(
            nlu,
            examples=(*nlu.examples, *_spoken(project.stories, domain)),
            responses={**_retrieval_responses(domain), **nlu.responses},
        )
    return dataclasses.replace(project, nlu=nlu, domain=domain)


def _retrieval_responses(domain: Domain) -> dict[str, tuple[dict[str, object], ...]]:
    """Responses of retrieval intents in the domain, as written."""
    content = domain.content.get("responses") or {}
    return {
        name: tuple(variations)
        for name, variations in content.items()
        if "/" in name and isinstance(variations, list | tuple)
    }


def _spoken(stories: StoryData, domain: Domain) -> Iterator[Example]:
    """Messages and answers that count by their texts, as examples without an intent."""
    for step in _steps(stories, UserStep):
        if step.text and step.intent is None:
            entities = tuple(entity for entity in step.entities if entity.has_place)
            yield Example(text=step.text, entities=entities, where=step.where)
    for text in domain.action_texts:
        if text.strip():
            yield Example(text=text)


def _steps(stories: StoryData, kind: type[StepT]) -> Iterator[StepT]:
    sources: tuple[Story | Rule, ...] = (*stories.stories, *stories.rules)
    for source in sources:
        for step in source.steps:
            choices = step.alternatives if isinstance(step, OrStep) else (step,)
            yield from (choice for choice in choices if isinstance(choice, kind))
