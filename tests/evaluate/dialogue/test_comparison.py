from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import ConfigError, DataError, InputError
from gossamer.data.stories.steps import (
    ActionStep,
    CheckpointStep,
    Rule,
    Story,
    StoryData,
    UserStep,
)
from gossamer.evaluate import (
    ComparedModel,
    Comparison,
    compare_dialogue,
    comparison_text,
    write_comparison,
)
from gossamer.evaluate.dialogue.comparison import keep_stories

Make = Callable[..., Any]

INTENTS = ("greet", "bye", "book", "faq")


def _story(intent: str) -> Story:
    return Story(name=intent, steps=(UserStep(intent=intent), ActionStep(name=f"utter_{intent}")))


STORIES = tuple(_story(intent) for intent in INTENTS)
RULES = (Rule(name="rule", steps=STORIES[0].steps),)
TESTS = StoryData(stories=STORIES)


@pytest.fixture
def compare(scripted: Make, by_heart: Make, small_domain: Domain) -> Make:
    """Compares a memory, which knows what it was trained on, with one that always listens."""

    def trained(config: str, data: StoryData, seed: int) -> Any:
        assert data.rules == RULES
        if config == "broken" and len(data.stories) < 3:
            raise ConfigError("too few stories", got=len(data.stories))
        known = {
            step.intent for s in data.stories for step in s.steps if isinstance(step, UserStep)
        }
        right = by_heart()

        def script(tracker: Any) -> Any:
            said = right(tracker)
            is_known = config != "deaf" and said.removeprefix("utter_") in known
            return said if is_known else "action_listen"

        return scripted(script)

    def make(configs: tuple[str, ...] = ("memory", "deaf"), **options: Any) -> Comparison:
        settings: dict[str, Any] = {"train": trained, "random_seed": 3, **options}
        tests = settings.pop("test_stories", TESTS)
        stories = settings.pop("stories", STORIES)
        return compare_dialogue(
            {name: name for name in configs}, stories, RULES, small_domain, tests, **settings
        )

    return make


def test_fewer_stories_are_followed(compare: Make) -> None:
    told: list[tuple[ComparedModel, int, int]] = []
    comparison = compare(on_model=lambda *parts: told.append(parts))
    assert [part[1:] for part in told] == [(n, 24) for n in range(1, 25)]
    assert tuple(part[0] for part in told) == comparison.models
    assert comparison.results() == {"memory": [[4, 3, 2, 1]] * 3, "deaf": [[0, 0, 0, 0]] * 3}
    assert comparison.n_trained == [4, 3, 2, 1]
    assert comparison.failures == []
    assert comparison.measures[0].title == "Correct conversations of 4"
    (first, *_) = comparison.of("memory", 25)
    assert (first.run, first.n_trained, first.figures["n_correct"]) == (1, 3, 3)
    assert first.figures["action_accuracy"] == pytest.approx(7 / 8)
    # Listening: precision 4 of 5; three actions right, one never predicted.
    assert first.figures["action_f1"] == pytest.approx((4 * (8 / 9) + 3) / 8)
    assert first.seconds is not None and first.seconds >= 0


def test_all_configurations_of_a_run_see_the_same(small_domain: Domain, scripted: Make) -> None:
    seen: list[tuple[str, tuple[str, ...], int]] = []

    def train(config: str, data: StoryData, seed: int) -> Any:
        seen.append((config, tuple(story.name for story in data.stories), seed))
        return scripted(lambda _: "action_listen")

    def names() -> list[tuple[tuple[str, ...], int]]:
        seen.clear()
        compare_dialogue(
            {"a": "a", "b": "b"},
            STORIES,
            (),
            small_domain,
            TESTS,
            train=train,
            random_seed=10,
            exclude_percentages=(0, 50),
            runs=8,
        )
        assert [part[1:] for part in seen[::2]] == [part[1:] for part in seen[1::2]]
        return [part[1:] for part in seen[::2]]

    first = names()
    assert names() == first
    assert [seed for _, seed in first[::2]] == list(range(10, 18))
    assert len({kept for kept, _ in first[1::2]}) > 1, "each run leaves out others"


def test_a_larger_share_contains_the_smaller_ones(seed: int) -> None:
    stories = [Story(name=str(n), steps=(UserStep(intent="x"),)) for n in range(41)]
    percentages = (75, 10, 0, 99.9, 50)
    parts = keep_stories(stories, percentages, random_seed=seed)
    assert [len(part) for part in parts] == [10, 37, 41, 1, 21]
    for part in parts:
        assert part == [story for story in stories if story in part], "in order"
    by_size = sorted(({story.name for story in part} for part in parts), key=len)
    assert all(small <= large for small, large in itertools.pairwise(by_size))
    assert keep_stories(stories, percentages, random_seed=seed) == parts
    others = keep_stories(stories, (50,), random_seed=seed + 1)
    assert others[0] != parts[4]


def test_joined_stories_stay_together(seed: int) -> None:
    stories = [
        Story(name=f"{n}{part}", steps=(UserStep(intent="x"), CheckpointStep(name=str(n))))
        for n in range(5)
        for part in "ab"
    ]
    for kept in keep_stories(stories, (20, 45, 60), random_seed=seed):
        names = [story.name for story in kept]
        assert len(names) % 2 == 0
        assert all(f"{name[0]}a" in names and f"{name[0]}b" in names for name in names)


def test_a_failed_training_is_told_and_the_others_go_on(compare: Make, tmp_path: Path) -> None:
    comparison = compare(("memory", "broken"), runs=2)
    assert comparison.results()["broken"] == [[4, 3, None, None]] * 2
    assert comparison.results()["memory"] == [[4, 3, 2, 1]] * 2
    failures = comparison.failures
    assert [(m.run, m.exclude_percentage) for m in failures] == [(1, 50), (1, 75), (2, 50), (2, 75)]
    assert all(m.failure is not None and "too few stories" in m.failure for m in failures)
    assert (failures[0].figures, failures[0].seconds) == ({}, None)
    text = comparison_text(comparison)
    assert "4 of 16 trainings failed:" in text
    assert "  broken, run 1, 50% left out: too few stories (got 2)\n" in text
    write_comparison(comparison, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["broken"] == [[4, 3, None, None]] * 2


def test_an_error_that_is_no_bad_input_is_not_caught(compare: Make) -> None:
    def broken(config: str, data: StoryData, seed: int) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        compare(train=broken)


def test_files(compare: Make, tmp_path: Path) -> None:
    comparison = compare(runs=2)
    written = write_comparison(comparison, tmp_path / "out")
    assert {path.name for path in written} == {
        "results.json",
        "num_stories.json",
        "core_model_comparison.json",
        "core_model_comparison.txt",
        "core_model_comparison_graph.png",
    }
    assert set((tmp_path / "out").iterdir()) == set(written)
    read = {path.name: path.read_bytes() for path in written}
    assert json.loads(read["results.json"]) == {
        "memory": [[4, 3, 2, 1], [4, 3, 2, 1]],
        "deaf": [[0, 0, 0, 0], [0, 0, 0, 0]],
    }
    assert json.loads(read["num_stories.json"]) == [4, 3, 2, 1]
    rows = json.loads(read["core_model_comparison.json"])
    assert len(rows) == 16
    assert rows[0]["config"] == "memory"
    assert (rows[0]["random_seed"], rows[0]["n_stories"], rows[0]["n_correct"]) == (3, 4, 4)
    assert read["core_model_comparison_graph.png"].startswith(b"\x89PNG")
    text = read["core_model_comparison.txt"].decode()
    assert "Correct conversations of 4" in text
    assert any(line.split()[:4] == ["memory", "4.0", "±", "0.0"] for line in text.splitlines())


@pytest.mark.parametrize("options", [{"runs": 1, "exclude_percentages": (0,)}, {"runs": 1}])
def test_a_figure_of_little(options: Any, compare: Make, tmp_path: Path) -> None:
    """One point, one run, a configuration that never could be trained."""

    def nothing(config: str, data: StoryData, seed: int) -> Any:
        raise DataError("stories contradict each other")

    for train in ({}, {"train": nothing}):
        write_comparison(compare(**options, **train), tmp_path)
    assert "failed" in (tmp_path / "core_model_comparison.txt").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"configs": ()}, "there must be a configuration"),
        ({"runs": 0}, "one run at least"),
        ({"exclude_percentages": ()}, "there must be percentages"),
        ({"exclude_percentages": (25, 25)}, "each once"),
        ({"exclude_percentages": (100,)}, "below 100"),
        ({"exclude_percentages": (-1,)}, "at least 0"),
        ({"test_stories": StoryData()}, "there must be test stories"),
        ({"stories": ()}, "stories that checkpoints do not join"),
        ({"stories": STORIES[:1]}, "stories that checkpoints do not join"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str, compare: Make) -> None:
    configs = options.pop("configs", ("memory",))
    with pytest.raises(InputError, match=message):
        compare(configs, **options)


def test_a_single_story_can_be_trained_on_whole(compare: Make) -> None:
    comparison = compare(stories=STORIES[:1], exclude_percentages=(0,), runs=1)
    assert comparison.results() == {"memory": [[1]], "deaf": [[0]]}
