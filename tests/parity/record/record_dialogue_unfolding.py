"""Record the conversations that stories and rules stand for: checkpoints, alternatives, gluing."""

from __future__ import annotations

from typing import Any

from dialogue_data import NAMES, Table, event_as_json, project, unfolded
from recording import canonical, write_fixture

AUGMENTATIONS = (5, 20)
# Which stories are glued is drawn; Rasa's seed is 42.
SEEDS = (42, 0, 1, 2)


def record(name: str) -> dict[str, Any]:
    """All conversations of a project; with gluing, how many there are."""
    events = Table()
    result: dict[str, Any] = {"name": name}
    found: dict[str, list[dict[str, Any]]] = {"stories": [], "rules": []}
    for tracker in unfolded(*project(name)):
        found["rules" if tracker.is_rule_tracker else "stories"].append(
            {
                "name": tracker.sender_id,
                "events": events.numbers([event_as_json(event) for event in tracker.events]),
            }
        )
    result["events"] = events.items
    for kind, trackers in found.items():
        result[kind] = sorted(trackers, key=canonical)
    result["augmented"] = {str(factor): counts(name, factor) for factor in AUGMENTATIONS}
    return result


def counts(name: str, factor: int) -> dict[str, Any]:
    """Conversations with gluing: all stories, glued ones of each seed; whether the rest stays."""
    glued = []
    for seed in SEEDS:
        trackers = [
            tracker
            for tracker in unfolded(*project(name), factor, seed)
            if not tracker.is_rule_tracker
        ]
        original = [tracker for tracker in trackers if not tracker.is_augmented]
        glued.append(len(trackers) - len(original))
    return {"original": len(original), "glued": glued}


def main() -> None:
    """Write dialogue_unfolding.json."""
    write_fixture(
        "dialogue_unfolding",
        "record_dialogue_unfolding.py",
        {"seeds": SEEDS, "events": "conversations hold numbers of events"},
        [record(name) for name in NAMES],
    )


if __name__ == "__main__":
    main()
