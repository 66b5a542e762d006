from __future__ import annotations

from itertools import chain

import pytest

from gossamer.data.errors import InputError
from gossamer.data.stories.checkpoints import joined_stories, story_parts
from gossamer.data.stories.split import split_stories
from gossamer.data.stories.steps import (
    ActionStep,
    CheckpointStep,
    Rule,
    SlotStep,
    Step,
    Story,
    StoryData,
)


def story(name: str, steps: str = "") -> Story:
    """A story of actions and, in capitals, checkpoints; its name is one of the actions."""
    made: list[Step] = [
        CheckpointStep(name=part) if part.isupper() else ActionStep(name=part)
        for part in (steps or name).split()
    ]
    return Story(name=name, steps=tuple(made))


def data(*stories: Story) -> StoryData:
    return StoryData(stories=stories, rules=(Rule(name="r", steps=(ActionStep(name="a"),)),))


def names(part: StoryData) -> list[str]:
    return [s.name for s in part.stories]


HUNDRED = data(*(story(f"s{number}") for number in range(100)))


@pytest.mark.parametrize(
    ("fraction", "n_training"), [(0.8, 80), (0.5, 50), (0.999, 99), (0.001, 1)]
)
def test_each_story_goes_to_one_side(fraction: float, n_training: int) -> None:
    training, test = split_stories(HUNDRED, fraction, random_seed=3)
    assert (len(training.stories), len(test.stories)) == (n_training, 100 - n_training)
    assert sorted(names(training) + names(test)) == sorted(names(HUNDRED))
    assert names(test) == sorted(names(test), key=names(HUNDRED).index)
    assert (training.rules, test.rules) == (HUNDRED.rules, ())


def test_the_seed_decides() -> None:
    once, again, other = (split_stories(HUNDRED, random_seed=seed) for seed in (1, 1, 2))
    assert once == again
    assert once != other
    assert names(split_stories(HUNDRED)[1]) != names(split_stories(HUNDRED)[1])


@pytest.mark.parametrize("seed", range(10))
def test_joined_and_equal_stories_stay_together(seed: int) -> None:
    groups = [["a", "b", "c"], ["d", "e"], ["f", "g"], *[[name] for name in "hijkl"]]
    stories = {name: story(name) for name in chain.from_iterable(groups)}
    stories |= {
        "a": story("a", "a X"),
        "b": story("b", "X b Y"),
        "c": story("c", "Y c"),
        "d": story("d", "same"),
        "e": story("e", "same"),
        "f": story("f", "f Z f"),
        "g": story("g", "Z g"),
    }
    parts = split_stories(data(*stories.values()), 0.7, random_seed=seed)
    sides = [set(names(part)) for part in parts]
    assert sides[0] | sides[1] == set(stories)
    assert all(set(group) <= sides[0] or set(group) <= sides[1] for group in groups)
    assert abs(len(sides[1]) - 0.3 * len(stories)) <= 1.5  # half of the largest group


def test_one_large_group_and_one_story() -> None:
    given = data(*(story(f"s{number}", f"a{number} X") for number in range(9)), story("z", "z X z"))
    with pytest.raises(InputError, match="checkpoints must not join all of them"):
        split_stories(given)
    alone = data(*given.stories, story("alone"))
    for seed in range(4):
        training, test = split_stories(alone, random_seed=seed)
        assert (len(training.stories), names(test)) == (10, ["alone"])


@pytest.mark.parametrize("stories", [(), (story("a"),), (story("a", "x"), story("b", "x"))])
def test_too_few_stories(stories: tuple[Story, ...]) -> None:
    with pytest.raises(InputError, match="to be split, stories must differ"):
        split_stories(data(*stories))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, 2.0, float("nan")])
def test_fractions_that_are_none(fraction: float) -> None:
    with pytest.raises(InputError, match="fraction must be above 0 and below 1"):
        split_stories(HUNDRED, fraction)


def test_groups_in_order() -> None:
    stories = [story(*each) for each in [("a", "a X"), ("b", "b"), ("c", "Y c"), ("d", "X d Y")]]
    assert joined_stories(stories) == [[0, 2, 3], [1]]
    assert joined_stories([]) == []
    values = [Story(name=name, steps=(SlotStep(name="x", value=[1]),)) for name in "ab"]
    assert joined_stories(values) == [[0], [1]]
    assert joined_stories(values, with_equal=True) == [[0, 1]]


def test_parts() -> None:
    def shown(text: str) -> list[tuple[str, str, str]]:
        return [
            (
                " ".join(step.name for step in part.starts),
                " ".join(getattr(step, "name", "?") for step in part.steps),
                " ".join(step.name for step in part.ends),
            )
            for part in story_parts(story("s", text))
        ]

    assert shown("a b") == [("", "a b", "")]
    assert shown("X Y a b Z c V W") == [("X Y", "a b", "Z"), ("Z", "c", "V W")]
    assert shown("a X b") == [("", "a", "X"), ("X", "b", "")]
