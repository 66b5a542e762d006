"""Which configuration follows test stories best, and how many training stories it takes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError
from gossamer.data.stories.checkpoints import joined_stories
from gossamer.data.stories.steps import Rule, Story, StoryData
from gossamer.evaluate.comparison import (
    Comparison,
    Measure,
    ModelListener,
    Turn,
    check_comparison,
    compare_models,
)
from gossamer.evaluate.dialogue.conversations import conversations_of
from gossamer.evaluate.dialogue.evaluation import evaluate_dialogue
from gossamer.evaluate.dialogue.replay import ActionChooser

ConfigT = TypeVar("ConfigT")


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
) -> Comparison:
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
    check_comparison(configs, exclude_percentages, runs, "stories")
    n_conversations = len(conversations_of(test_stories, domain))
    if n_conversations == 0:
        raise DataError("there must be test stories to compare on", hint="'- story:' in a file")

    def test(chooser: ActionChooser) -> dict[str, float]:
        evaluation = evaluate_dialogue(chooser, test_stories, domain)
        return {
            "n_correct": len(evaluation.successful),
            "action_f1": evaluation.actions.f1,
            "action_accuracy": evaluation.actions.accuracy,
        }

    def draw(seed: int) -> Turn[StoryData, ActionChooser]:
        parts = keep_stories(stories, exclude_percentages, random_seed=seed)
        data = [StoryData(stories=tuple(kept), rules=tuple(rules)) for kept in parts]
        return Turn(parts=[(part, len(part.stories)) for part in data], test=test)

    n_correct = Measure(
        name="n_correct",
        title=f"Correct conversations of {n_conversations}",
        most=n_conversations,
        is_count=True,
    )
    return compare_models(
        configs,
        draw,
        train,
        kind="core",
        trained_on="stories",
        measures=(
            n_correct,
            Measure(name="action_f1", title="Weighted F1 of actions"),
            Measure(name="action_accuracy", title="Accuracy of actions"),
        ),
        random_seed=random_seed,
        exclude_percentages=exclude_percentages,
        runs=runs,
        on_model=on_model,
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
