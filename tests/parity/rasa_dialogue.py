"""What the dialogue parity tests share: fixtures, the projects they are of, JSON to compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gossamer.data import Domain, read_domain
from gossamer.data.config import ProjectConfig
from gossamer.data.entities import Entity
from gossamer.data.project import Project, joined
from gossamer.data.stories.reading import read_stories
from gossamer.data.stories.steps import StoryData
from gossamer.dialogue.history.event_json import event_from_dict
from gossamer.dialogue.history.events import ActionExecuted, Event, SlotSet, UserUttered

HERE = Path(__file__).parent


def recorded(name: str) -> Any:
    """What a fixture holds."""
    return json.loads((HERE / "fixtures" / f"dialogue_{name}.json").read_text())["content"]


def project(name: str) -> tuple[Domain, StoryData]:
    """Domain and stories of one of the small projects."""
    domain = read_domain(HERE / "dialogue" / f"{name}_domain.yml")
    stories = read_stories(HERE / "dialogue" / f"{name}_stories.yml")
    whole = joined(Project(config=ProjectConfig(), stories=stories, domain=domain))
    assert whole.domain is not None
    return whole.domain, stories


def event(recorded: Mapping[str, Any]) -> Event:
    """A recorded event."""
    if recorded["event"] == "user":
        return UserUttered(
            text=recorded.get("text"),
            intent=recorded.get("intent"),
            confidence=recorded.get("confidence", 1.0),
            entities=tuple(map(Entity.from_dict, recorded.get("entities", ()))),
        )
    return event_from_dict(recorded)


def short(happened: Event) -> dict[str, Any]:
    """An event as it is recorded."""
    match happened:
        case UserUttered():
            parts: dict[str, Any] = {
                "event": "user",
                "intent": happened.intent,
                "text": happened.text,
                "entities": [entity.to_dict() for entity in happened.entities] or None,
            }
        case ActionExecuted():
            parts = {
                "event": "action",
                "name": happened.name,
                "action_text": happened.action_text,
                "unpredictable": happened.is_unpredictable or None,
            }
        case SlotSet():
            return {"event": "slot", "name": happened.name, "value": happened.value}
        case _:
            own = {"active_loop": ["name"]}.get(happened.type_name, [])
            content = happened.to_dict()
            return {key: content[key] for key in ("event", *own)}
    return {key: part for key, part in parts.items() if part is not None}


def plain(value: Any) -> Any:
    """JSON with all numbers as floats and all lists alike."""
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(part) for part in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return value


def text(value: Any) -> str:
    """JSON as a text, to sort and compare."""
    return json.dumps(plain(value), sort_keys=True)
