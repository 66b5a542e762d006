"""What the whole suite shares: one thread, a printed seed, a tiny assistant's data and settings."""

from __future__ import annotations

import atexit
import gc
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gossamer.assistant import Assistant
    from gossamer.data import ProjectConfig, TrainingData

# Before torch is imported: on tensors this small, threads cost more than they bring.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Kernels read and write nothing but what they are given, or say so.
os.environ.setdefault("GOSSAMER_CHECK_KERNELS", "1")

# Kernels are in a folder of this run, never in the user's; workers and subprocesses share it.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["GOSSAMER_CACHE"] = tempfile.mkdtemp(prefix="gossamer-test-cache-")
    atexit.register(shutil.rmtree, os.environ["GOSSAMER_CACHE"], ignore_errors=True)

SEED_VARIABLE = "GOSSAMER_TEST_SEED"
TINY_DIET: Mapping[str, Any] = {
    "transformer_size": 16,
    "number_of_attention_heads": 2,
    "dense_dimension": {"text": 16, "label": 8},
    "concat_dimension": {"text": 16, "label": 8},
    "embedding_dimension": 8,
    "batch_size": [8, 16],
    "constrain_similarities": True,
    "random_seed": 7,
    "epochs": 2,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--all` runs the slow tests too, and every case of the thinned ones."""
    parser.addoption("--all", action="store_true", help="slow tests too, and all cases of all")
    parser.addoption(
        "--thinned",
        action="store_true",
        help="with --all: some cases of the thinned only, and few of Hypothesis'",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Keep kernels from run to run, and say how many examples Hypothesis tries."""
    is_worker = hasattr(config, "workerinput")
    if not is_worker and not config.getoption("--all") and hasattr(config, "cache"):
        _keep_kernels(config)
    if is_worker or config.getoption("dist", "no") == "no":  # else it only hands out tests
        _choose_examples(config)


def _keep_kernels(config: pytest.Config) -> None:
    """Begin with the kernels of the last run: compiling takes long. `--cache-clear` forgets them.

    A kernel's name says what it was made from, so none is used that would be made differently now.
    They are copied because a folder of kernels must be private, and the checkout may not be.
    """
    assert config.cache is not None
    kept, used = config.cache.mkdir("kernels"), Path(os.environ["GOSSAMER_CACHE"], "kernels")
    used.mkdir(mode=0o700, exist_ok=True)
    for path in kept.iterdir():
        shutil.copy2(path, used)

    def keep() -> None:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(used, kept, dirs_exist_ok=True)

    config.add_cleanup(keep)


def _choose_examples(config: pytest.Config) -> None:
    """The profile `quick`, or `full` with `--all`; `--hypothesis-profile` chooses another."""
    from hypothesis import HealthCheck, settings

    for name, n_examples in (("quick", 25), ("full", 60)):
        settings.register_profile(
            name,
            max_examples=n_examples,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )
    if config.getoption("--hypothesis-profile", None) is None:
        is_full = config.getoption("--all") and not config.getoption("--thinned")
        settings.load_profile("full" if is_full else "quick")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without the garbage collector: it would look at thousands of tests again and again.

    What is there afterwards, modules and tests, stays to the end; the collector leaves it alone.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only `--all` runs; with it, files with slow tests come first.

    The last file to be given to a worker should not be one that takes a minute.
    """
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    takes_slow = config.getoption("--all")
    if takes_slow:
        items.sort(key=lambda item: item.path not in slow_files)
    takes_all = takes_slow and not config.getoption("--thinned")
    if takes_all or config.args_source is config.ArgsSource.ARGS:
        return
    chosen = _thinned(items, takes_slow=takes_slow)
    config.hook.pytest_deselected(items=[item for item in items if id(item) not in chosen])
    items[:] = [item for item in items if id(item) in chosen]


def _thinned(items: list[pytest.Item], *, takes_slow: bool) -> set[int]:
    """Ids of the items, slow ones if wanted; of each thinned function some, evenly spread.

    Long ones are left out, and slow ones on public data.
    """
    chosen, thinned = set(), dict[tuple[object, str], list[pytest.Item]]()
    for item in items:
        marker = item.get_closest_marker("thinned")
        is_slow = item.get_closest_marker("slow") is not None
        is_long = is_slow and item.get_closest_marker("shared_data") is not None
        if item.get_closest_marker("long") or is_long or (is_slow and not takes_slow):
            continue
        if marker is None:
            chosen.add(id(item))
        else:
            name = item.name.partition("[")[0]
            thinned.setdefault((item.path, name), []).append(item)
    for cases in thinned.values():
        marker = cases[0].get_closest_marker("thinned")
        n_wanted = len(cases) if marker is None else min(marker.args[0], len(cases))
        chosen.update(id(cases[i * len(cases) // n_wanted]) for i in range(n_wanted))
    return chosen


@pytest.fixture
def seed() -> int:
    """A new random seed, shown when the test fails; set GOSSAMER_TEST_SEED to repeat a run."""
    value = int(os.environ.get(SEED_VARIABLE, secrets.randbelow(2**31)))
    print(f"random seed of this test: {value} (repeat with {SEED_VARIABLE}={value})")
    return value


def _travel_data() -> TrainingData:
    from gossamer.data import TrainingData
    from gossamer.data.nlu.examples import Entity, Example

    def example(intent: str, *parts: str | tuple[str, ...]) -> Example:
        """Parts are plain text or (text, entity, role, group), the last two optional."""
        text, entities = "", []
        for part in parts:
            text += " " if text else ""
            if isinstance(part, str):
                text += part
                continue
            start = len(text)
            text += part[0]
            names: dict[str, Any] = dict(zip(("entity", "role", "group"), part[1:], strict=False))
            entities.append(Entity(start=start, end=len(text), value=part[0], **names))
        return Example(text=text, intent=intent, entities=tuple(entities))

    def city(name: str, role: str) -> tuple[str, ...]:
        return (name, "city", role)

    examples = [
        example("greet", "hello"),
        example("greet", "hi there"),
        example("greet", "good morning to you"),
        example("greet", "hey you"),
        example("bye", "bye"),
        example("bye", "good bye my friend"),
        example("bye", "see you tomorrow"),
        example("travel", "fly from", city("Oslo", "from"), "to", city("Rome", "to")),
        example("travel", "a train to", city("New York", "to")),
        example("travel", "from", city("Rome", "from"), "to", city("Oslo", "to"), "please"),
        example("travel", "take me to", city("Lima", "to"), ("on Monday", "day")),
        example("travel", "fly to", city("San Jose", "to"), ("on Friday", "day")),
        example("travel", "train from", city("New York", "from")),
        example(
            "order",
            "one",
            ("large", "size", "", "1"),
            ("pizza", "dish", "", "1"),
            "and a",
            ("small", "size", "", "2"),
            ("soup", "dish", "", "2"),
        ),
        example("order", "a", ("small", "size", "", "1"), ("pizza", "dish", "", "1")),
        example("order", "I want", ("soup", "dish", "", "1")),
        example("order", ("large", "size", "", "1"), ("soup", "dish", "", "1"), "please"),
    ]
    return TrainingData(
        examples=tuple(
            Example(
                text=each.text,
                intent=each.intent,
                entities=tuple(
                    Entity(
                        start=part.start,
                        end=part.end,
                        entity=part.entity,
                        value=part.value,
                        role=part.role or None,
                        group=part.group,
                    )
                    for part in each.entities
                ),
            )
            for each in examples
        )
    )


@pytest.fixture(scope="session")
def travel_data() -> TrainingData:
    """17 examples, four intents, entities with roles and groups, some of two words."""
    return _travel_data()


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., ProjectConfig]:
    """Makes the configuration of a small pipeline: DIET's options, and what stands before it."""
    from gossamer.data import ComponentConfig, ProjectConfig

    def make(
        options: Mapping[str, Any] | None = None,
        *,
        before: tuple[tuple[str, Mapping[str, Any]], ...] = (
            ("WhitespaceTokenizer", {}),
            ("LexicalSyntacticFeaturizer", {}),
            ("CountVectorsFeaturizer", {}),
        ),
        after: tuple[tuple[str, Mapping[str, Any]], ...] = (),
    ) -> ProjectConfig:
        diet = ("DIETClassifier", {**TINY_DIET, **(options or {})})
        return ProjectConfig(
            language="en",
            pipeline=tuple(
                ComponentConfig(name=name, options=each) for name, each in (*before, diet, *after)
            ),
        )

    return make


@pytest.fixture(scope="session")
def travel_assistant(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> Assistant:
    """A tiny assistant that has learnt its examples by heart; do not change it."""
    from gossamer.assistant import Assistant

    config = tiny_config(
        {"epochs": 90, "learning_rate": 0.01, "drop_rate": 0.0},
        after=(("EntitySynonymMapper", {}),),
    )
    return Assistant.train(config, travel_data)


@pytest.fixture(scope="session")
def starter_assistant() -> Assistant:
    """The starter with a small DIET and without TED, trained for a moment; do not change it."""
    from dataclasses import replace
    from pathlib import Path

    from gossamer.assistant import Assistant
    from gossamer.data import read_project

    folder = Path(__file__).resolve().parents[1] / "src" / "gossamer" / "starter"
    project = read_project(folder / "config.yml", [folder / "data"], [folder / "domain.yml"])
    small = {**TINY_DIET, "epochs": 12, "learning_rate": 0.01, "number_of_transformer_layers": 1}
    pipeline = tuple(
        replace(part, options={**part.options, **small}) if part.name == "DIETClassifier" else part
        for part in project.config.pipeline
    )
    policies = tuple(part for part in project.config.policies if part.name != "TEDPolicy")
    config = replace(project.config, pipeline=pipeline, policies=policies)
    return Assistant.train_project(replace(project, config=config))
