from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from talking import Actions, Script, domain_of, entity, event, says, talk, understood

from gossamer.data.errors import DataError
from gossamer.dialogue.actions.action import ActionReply
from gossamer.dialogue.history.current_state import current_state
from gossamer.dialogue.history.events import SlotSet
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.history.tracker_files import load_tracker, save_tracker

DOMAIN = domain_of("""
intents: [greet, inform]
entities: [city]
slots:
  city: {type: text, mappings: [{type: from_entity, entity: city}]}
  list: {type: list, mappings: [{type: custom}]}
responses:
  utter_greet: [{text: Hello, buttons: [{title: Yes, payload: /yes}]}]
forms:
  city_form: {required_slots: [city]}
actions: [action_all]
e2e_actions: [Fine.]
""")

# One of every kind, as an action server may send them.
ALL = [
    event("slot", name="list", value=[1, "a", None, {"b": 0.5}]),
    event("bot", text="Hi", data={"image": "a.png"}, metadata={"m": [1]}),
    event("bot"),
    event("entities", entities=[{"entity": "city", "value": "Rome"}]),
    event("user_featurization", use_text_for_featurization=True),
    event("followup", name="action_listen"),
    event("pause"),
    event("resume"),
    event("cancel_reminder", name="r", intent="greet", entities=None),
    event("export", path="x"),
    event("agent", text="I am human", data={"a": 1}),
    event("active_loop", name="city_form"),
    event("loop_interrupted", is_interrupted=True),
    event("action_execution_rejected", name="city_form", policy="P", confidence=0.5),
    event("undo"),
]


def lived() -> Tracker:
    conversations = talk(
        DOMAIN,
        Script(DOMAIN, "utter_greet", "action_listen", "city_form", "Fine.", "action_all"),
        custom=Actions(action_all=ActionReply(events=ALL)),
    )
    conversations.handle("greet", "ann/é", metadata={"k": [1]})
    conversations.handle(understood("Köln 😀", "inform", entity("city", "Köln")), "ann/é")
    return conversations.tracker("ann/é")


def test_a_conversation_is_the_same_when_it_is_read_again(tmp_path: Path) -> None:
    tracker = lived()
    path = save_tracker(tmp_path / "new" / "ann.json", tracker)
    loaded = load_tracker(path, DOMAIN.slots)
    assert [e.to_dict() for e in loaded.events] == [e.to_dict() for e in tracker.events]
    assert loaded.sender_id == "ann/é"
    assert current_state(loaded) == current_state(tracker)
    assert loaded.active_loop == tracker.active_loop
    assert "Köln 😀" in path.read_text(encoding="utf-8")


def test_it_goes_on_after_reading(tmp_path: Path) -> None:
    path = save_tracker(tmp_path / "ann.json", lived())
    conversations = talk(DOMAIN, Script(DOMAIN, "utter_greet"))
    conversations.trackers["ann"] = load_tracker(path, DOMAIN.slots)
    turn = conversations.handle("greet", "ann")
    assert [message.text for message in turn.messages] == ["Hello"]
    assert conversations.tracker("ann").slots["city"] == "Köln"


def test_an_empty_conversation(tmp_path: Path) -> None:
    path = save_tracker(tmp_path / "x.json", Tracker(DOMAIN.slots, "x"))
    assert load_tracker(path, DOMAIN.slots).events == ()


def test_half_a_surrogate_pair_survives(tmp_path: Path) -> None:
    tracker = Tracker(DOMAIN.slots, events=[says("greet", text="a\ud83d")])
    path = save_tracker(tmp_path / "x.json", tracker)
    message = load_tracker(path, DOMAIN.slots).latest_message
    assert message is not None and message.text == "a\ud83d"


def test_a_tracker_of_rasa_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rasa.json"
    path.write_text(json.dumps(current_state(lived())), encoding="utf-8")
    assert load_tracker(path, DOMAIN.slots).slots["city"] == "Köln"


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_what_cannot_be_saved_leaves_the_old_file(tmp_path: Path, value: Any) -> None:
    path = save_tracker(tmp_path / "x.json", lived())
    before = path.read_bytes()
    tracker = Tracker(DOMAIN.slots, events=[SlotSet(name="city", value=value)])
    with pytest.raises(DataError, match="must hold JSON values only"):
        save_tracker(path, tracker)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="a place that can be written"):
        save_tracker(tmp_path / "file" / "x.json", lived())
    with pytest.raises(DataError, match="a place that can be written"):
        save_tracker(tmp_path, lived())
    with pytest.raises(DataError, match="a place that can be written"):
        save_tracker(tmp_path / "a\0b", lived())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_cut_off_file(tmp_path: Path, share: float) -> None:
    path = save_tracker(tmp_path / "x.json", lived())
    raw = path.read_bytes().rstrip()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(DataError, match=r"must be whole JSON|must be UTF-8"):
        load_tracker(path, DOMAIN.slots)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[1, 2]", "must be a mapping"),
        ("{}", "events must be a list"),
        ('{"events": {}}', "events must be a list"),
        ('{"events": [1]}', "an event must be a mapping"),
        ('{"events": [{"event": "dance"}]}', "must be of a known type"),
        ('{"events": [{"event": "slot"}]}', '"slot" must have a valid name'),
        (
            '{"events": [{"event": "user", "parse_data": {"intent": {"confidence": "x"}}}]}',
            '"user" must have a valid confidence',
        ),
        ('{"events": [], "format_version": 2}', "format version must be 1"),
        ("[" * 100_000, "must be whole JSON"),
        ("\x00", "must be text"),
        ("ÿ", "must be UTF-8"),
    ],
)
def test_a_damaged_file(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=fault) as caught:
        load_tracker(path, DOMAIN.slots)
    assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a file"):
        load_tracker(tmp_path / "x.json", DOMAIN.slots)


def test_a_slot_that_is_gone_is_passed_over_with_a_warning(tmp_path: Path) -> None:
    path = save_tracker(tmp_path / "x.json", lived())
    fewer = [slot for slot in DOMAIN.slots if slot.name != "city"]
    with pytest.warns(UserWarning, match="slot 'city' is not declared"):
        assert "city" not in load_tracker(path, fewer).slots
