"""The stories and rules in `../dialogue` as Rasa reads and unfolds them, and all of it as JSON.

Stories come through Rasa's own importer, as they do in training: it also adds the assistant's texts
to the domain (end-to-end learning).
"""

from __future__ import annotations

import copy
import logging
import os
import random
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, UserUttered
from rasa.shared.core.generator import TrackerWithCachedStates, TrainingDataGenerator
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.core.training_data import structures
from rasa.shared.core.training_data.structures import StoryGraph
from rasa.shared.importers.importer import TrainingDataImporter
from recording import HERE

PROJECTS = HERE.parent / "dialogue"
NAMES = ("slots", "checkpoints", "cycles", "alternatives", "events", "forms", "texts")

# When, where and by whom: of no matter to what a model sees.
_LEFT_OUT = {"timestamp", "metadata", "policy", "confidence", "hide_rule_turn", "input_channel"}

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
os.environ["LOG_LEVEL"] = "ERROR"  # no progress bars


def load(domain: Path, stories: Path) -> tuple[Domain, StoryGraph]:
    """A domain and the graph of its stories, as in training.

    Rasa sorts steps by texts that begin with a running number; "10_..." comes before "9_...". Which
    of two stories with the same states is kept hangs on it. Beginning at 1000, their order is that
    of the file.
    """
    structures.STEP_COUNT = 1000
    importer = TrainingDataImporter.load_from_dict(
        config={}, domain_path=str(domain), training_data_paths=[str(stories)]
    )
    return importer.get_domain(), importer.get_stories()


def project(name: str) -> tuple[Domain, StoryGraph]:
    """One of the projects in `../dialogue`."""
    return load(PROJECTS / f"{name}_domain.yml", PROJECTS / f"{name}_stories.yml")


def project_from_texts(domain: str, stories: str) -> tuple[Domain, StoryGraph]:
    """A project given as the texts of its two files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "domain.yml").write_text(domain, encoding="utf-8")
        (path / "stories.yml").write_text(stories, encoding="utf-8")
        return load(path / "domain.yml", path / "stories.yml")


def unfolded(
    domain: Domain, graph: StoryGraph, augmentation: int = 0, seed: int = 42
) -> list[TrackerWithCachedStates]:
    """All trackers, of rules too. The default seed is Rasa's own."""
    generator = TrainingDataGenerator(graph, domain, augmentation_factor=augmentation)
    generator.config = generator.config._replace(rand=random.Random(seed))
    return generator.generate()


def make_policy(kind: type, **options: Any) -> Any:
    """A policy with its defaults and `options`, outside a training graph."""
    return kind(
        {**kind.get_default_config(), **options},
        LocalModelStorage(Path(tempfile.mkdtemp())),
        Resource(kind.__name__),
        ExecutionContext(GraphSchema({}), node_name=kind.__name__),
    )


def plain(value: Any) -> Any:
    """A value of Rasa's as JSON has it: no tuples, no ruamel types, no numpy numbers."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return int(value) if value.is_integer() else round(value, 6)
    return value


def event_as_json(event: Event) -> dict[str, Any]:
    """An event in the layout of Rasa's JSON, without times and what is empty.

    Of a message: `intent` (its name), `entities`, `text`. Of an action that is no label in
    training: `unpredictable`.
    """
    if isinstance(event, UserUttered):
        found = {
            "event": "user",
            "intent": event.intent_name,
            "entities": event.entities,
            "text": event.text,
        }
        return plain({key: value for key, value in found.items() if value not in (None, [])})
    found = {key: value for key, value in event.as_dict().items() if key not in _LEFT_OUT}
    if isinstance(event, ActionExecuted):
        if event.unpredictable:
            found["unpredictable"] = True
        # An action that is a text has the name "".
        found = {key: value for key, value in found.items() if value not in (None, "")}
    return plain(found)


def event_from_json(content: dict[str, Any]) -> Event:
    """The event that `event_as_json` describes; messages may have the intent's `confidence`."""
    if content["event"] == "user":
        intent = {"name": content.get("intent"), "confidence": content.get("confidence", 1.0)}
        return UserUttered(content.get("text"), intent, copy.deepcopy(content.get("entities")))
    if content["event"] == "action":
        return ActionExecuted(
            content.get("name"),
            action_text=content.get("action_text"),
            hide_rule_turn=content.get("hide_rule_turn", False),
        )
    return Event.from_parameters(content)


def tracker_of(events: list[dict[str, Any]], domain: Domain) -> DialogueStateTracker:
    """A conversation in which these things happened."""
    return DialogueStateTracker.from_events(
        "", [event_from_json(event) for event in events], domain.slots
    )


class Table:
    """Things that occur often, kept once: what refers to them holds their number."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, item: Any) -> int:
        """The number of an item, which is added if it is new."""
        key = repr(item)
        if key not in self._numbers:
            self._numbers[key] = len(self.items)
            self.items.append(item)
        return self._numbers[key]

    def numbers(self, items: list[Any]) -> list[int]:
        """The numbers of several items."""
        return [self.number(item) for item in items]


def state_as_json(state: dict[str, Any]) -> dict[str, Any]:
    """A state with its parts in one order, and what they hold sorted."""
    order = ("user", "slots", "prev_action", "active_loop")
    return {part: plain(dict(sorted(state[part].items()))) for part in order if state.get(part)}
