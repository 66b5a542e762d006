"""Splitting stories into a training and a test set."""

from __future__ import annotations

import random
from itertools import chain

from gossamer.data.errors import InputError
from gossamer.data.stories.checkpoints import joined_stories
from gossamer.data.stories.steps import StoryData


def split_stories(
    data: StoryData, fraction: float = 0.8, *, random_seed: int | None = None
) -> tuple[StoryData, StoryData]:
    """Split stories at random; each goes to one side, and all rules go to the training side.

    Stories that checkpoints join stay together, and so do stories with equal steps, so that no test
    story is also a training story. Such groups are drawn as wholes, so that the share of the
    training side can be off `fraction` by half of the largest group. Either side has one story at
    least, and keeps the order of the data.

    Departures from Rasa (`rasa data split stories`): it splits file by file and story by story, and
    may separate joined stories; the stories drawn differ for the same seed.

    Args:
        data: what to part.
        fraction: the share of the training side among the stories, above 0 and below 1.
        random_seed: the same seed gives the same parts; None draws new ones each time.

    Returns:
        The training side and the test side.

    Raises:
        InputError: the fraction is not between 0 and 1, or the stories cannot be split, as all
            belong together.
    """
    if not 0.0 < fraction < 1.0:
        raise InputError("fraction must be above 0 and below 1", got=fraction, hint="0.8")
    groups = joined_stories(data.stories, with_equal=True)
    if len(groups) < 2:
        raise InputError(
            "to be split, stories must differ, and checkpoints must not join all of them",
            got=f"{len(data.stories)} stories in {len(groups)} groups",
            hint="more stories, or fewer checkpoints",
        )
    random.Random(random_seed).shuffle(groups)
    target = (1.0 - fraction) * len(data.stories)
    drawn: list[list[int]] = []
    n_drawn = 0
    for group in groups:
        # Taken when it brings the number closer to the target, and something is left.
        if n_drawn + len(group) / 2 < target and n_drawn + len(group) < len(data.stories):
            drawn.append(group)
            n_drawn += len(group)
    if not drawn:
        drawn = [sorted(groups, key=len)[0]]
    test = set(chain.from_iterable(drawn))
    return (
        StoryData(
            stories=tuple(s for n, s in enumerate(data.stories) if n not in test), rules=data.rules
        ),
        StoryData(stories=tuple(s for n, s in enumerate(data.stories) if n in test)),
    )
