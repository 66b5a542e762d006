"""Which configuration follows test stories best, and how many training stories it takes."""

from __future__ import annotations

import dataclasses
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TypeVar

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError, InputError
from gossamer.data.stories.checkpoints import joined_stories
from gossamer.data.stories.steps import Rule, Story, StoryData
from gossamer.evaluate.dialogue.conversations import conversations_of
from gossamer.evaluate.dialogue.evaluation import evaluate_dialogue
from gossamer.evaluate.dialogue.replay import ActionChooser

ConfigT = TypeVar("ConfigT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """One training, and how well its model did.

    Attributes:
        config: name of the configuration.
        run: number of the run, from 1.
        exclude_percentage: share of the stories that was to be left out.
        n_stories: how many stories it was trained on.
        random_seed: of the run.
        n_correct: how many conversations it follows without an error; None when training failed.
        action_f1: weighted F1 of actions, or None.
        action_accuracy: or None.
        seconds: that training took, or None.
        failure: why training failed, or None.
    """

    config: str
    run: int
    exclude_percentage: float
    n_stories: int
    random_seed: int
    n_correct: int | None = None
    action_f1: float | None = None
    action_accuracy: float | None = None
    seconds: float | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class DialogueComparison:
    """All trainings of a comparison.

    Attributes:
        configs: names, in order.
        exclude_percentages: in order.
        n_runs: how often each was trained.
        n_conversations: how many conversations the test stories describe.
        models: all trainings, run by run.
    """

    configs: tuple[str, ...]
    exclude_percentages: tuple[float, ...]
    n_runs: int
    n_conversations: int
    models: tuple[ComparedModel, ...]

    @property
    def failures(self) -> list[ComparedModel]:
        """Trainings that failed."""
        return [model for model in self.models if model.failure is not None]

    @property
    def n_stories(self) -> list[float]:
        """For each percentage, how many stories were trained on: the mean over runs."""
        return [
            mean(m.n_stories for m in self.models if m.exclude_percentage == percentage)
            for percentage in self.exclude_percentages
        ]

    def of(self, config: str, exclude_percentage: float) -> list[ComparedModel]:
        """The trainings of a configuration with a share of the stories left out, run by run."""
        return [
            model
            for model in self.models
            if model.config == config and model.exclude_percentage == exclude_percentage
        ]

    def results(self) -> dict[str, list[list[int | None]]]:
        """The content of Rasa's `results.json`.

        For each configuration and run, how many conversations were right with each percentage;
        None where training failed.
        """
        correct = {
            (model.config, model.run, model.exclude_percentage): model.n_correct
            for model in self.models
        }
        return {
            config: [
                [correct[config, run, percentage] for percentage in self.exclude_percentages]
                for run in range(1, self.n_runs + 1)
            ]
            for config in self.configs
        }


ModelListener = Callable[[ComparedModel, int, int], None]
"""Called after each training and test with its result, how many are done, and of how many."""


def compare_dialogue(
    configs: Mapping[str, ConfigT],
    stories: Sequence[Story],
    rules: Sequence[Rule],
    domain: Domain,
    test_stories: StoryData,
    *,
    train: Callable[[ConfigT, StoryData, int], ActionChooser],
    random_seed: int,
    exclude_percentages: Sequence[float] = (0, 25, 50, 75),
    runs: int = 3,
    on_model: ModelListener | None = None,
) -> DialogueComparison:
    """Train each configuration on fewer and fewer stories, several times, and test each model.

    In a run, all configurations are trained on the same stories with the same seed, `random_seed`
    in the first run and one more in each further one. Stories are left out at random, rules never;
    see `keep_stories`.

    As `rasa train core --percentages --runs` with `rasa test core --evaluate-model-directory`.
    Departures: Rasa draws new stories for each model; here, the configurations of a run are
        comparable, and the stories left out with a smaller percentage are also left out with a
        larger one.

    Args:
        configs: what to compare, by name.
        stories: to train on.
        rules: to train on, all of them each time.
        domain: what may be said and done.
        test_stories: intents are given.
        train: makes an ensemble from a configuration, stories with rules, and a seed.
        random_seed: decides what is left out, and is handed to `train`.
        exclude_percentages: shares of the stories to leave out, at least 0 and below 100.
        runs: how often to train each.
        on_model: called after each training and test.

    Returns:
        The result of each training. One that raises an `InputError` counts as failed, with its
        message; another error is not caught.

    Raises:
        InputError: there is nothing to compare, a percentage or the number of runs is out of range.
        DataError: the stories cannot be split, or the test stories cannot be understood.
    """
    _check(configs, exclude_percentages, runs)
    n_conversations = len(conversations_of(test_stories, domain))
    if n_conversations == 0:
        raise DataError("there must be test stories to compare on", hint="'- story:' in a file")
    models: list[ComparedModel] = []
    n_all = runs * len(exclude_percentages) * len(configs)
    for run in range(1, runs + 1):
        seed = random_seed + run - 1
        parts = keep_stories(stories, exclude_percentages, random_seed=seed)
        for percentage, kept in zip(exclude_percentages, parts, strict=True):
            data = StoryData(stories=tuple(kept), rules=tuple(rules))
            for name, config in configs.items():
                model = ComparedModel(
                    config=name,
                    run=run,
                    exclude_percentage=percentage,
                    n_stories=len(kept),
                    random_seed=seed,
                )
                begin = time.perf_counter()
                try:
                    chooser = train(config, data, seed)
                except InputError as error:
                    model = dataclasses.replace(model, failure=str(error))
                else:
                    seconds = time.perf_counter() - begin
                    evaluation = evaluate_dialogue(chooser, test_stories, domain)
                    model = dataclasses.replace(
                        model,
                        n_correct=len(evaluation.successful),
                        action_f1=evaluation.actions.f1,
                        action_accuracy=evaluation.actions.accuracy,
                        seconds=seconds,
                    )
                models.append(model)
                if on_model is not None:
                    on_model(model, len(models), n_all)
    return DialogueComparison(
        configs=tuple(configs),
        exclude_percentages=tuple(exclude_percentages),
        n_runs=runs,
        n_conversations=n_conversations,
        models=tuple(models),
    )


def keep_stories(
    stories: Sequence[Story], exclude_percentages: Sequence[float], *, random_seed: int
) -> list[list[Story]]:
    """Leave out shares of the stories at random; a larger share contains the smaller ones.

    Stories that checkpoints join are left out together, so a share can be off by half of the
    largest group; Rasa separates them. At least one story stays.

    Args:
        stories: any.
        exclude_percentages: shares to leave out.
        random_seed: the same seed leaves out the same stories.

    Returns:
        For each share, the stories that stay, in order.

    Raises:
        DataError: there are no stories, or checkpoints join all of those to be split.
    """
    groups = joined_stories(stories)
    if not groups or (len(groups) < 2 and any(exclude_percentages)):
        raise DataError(
            "to leave some out, there must be stories that checkpoints do not join",
            got=f"{len(stories)} stories in {len(groups)} groups",
            hint="more stories, or fewer checkpoints",
        )
    random.Random(random_seed).shuffle(groups)
    parts = []
    for percentage in exclude_percentages:
        target = percentage / 100 * len(stories)
        out: set[int] = set()
        for group in groups[:-1]:
            # Left out while that brings the number nearer to the target.
            if len(out) + len(group) / 2 >= target:
                break
            out.update(group)
        parts.append([story for position, story in enumerate(stories) if position not in out])
    return parts


def _check(configs: Mapping[str, ConfigT], percentages: Sequence[float], runs: int) -> None:
    if not configs:
        raise InputError("there must be a configuration to compare")
    if runs < 1:
        raise InputError("there must be one run at least", got=runs, hint="runs: 3")
    for percentage in percentages:
        if not 0 <= percentage < 100:
            raise InputError(
                "a percentage of stories to leave out must be at least 0 and below 100",
                got=percentage,
            )
    if not percentages or len(set(percentages)) < len(percentages):
        raise InputError(
            "there must be percentages of stories to leave out, each once",
            got=list(percentages),
            hint="0 25 50 75",
        )
