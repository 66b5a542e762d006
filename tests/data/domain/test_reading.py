from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import DataError, Domain, Location, is_domain_yaml, read_domain
from gossamer.data.domain.domain import (
    DEFAULT_ACTIONS,
    DEFAULT_INTENTS,
    EntityType,
    Form,
    Intent,
    SessionConfig,
)
from gossamer.data.domain.responses import SlotEquals, Variation
from gossamer.data.domain.slots import (
    MappingCondition,
    MappingType,
    Slot,
    SlotMapping,
    SlotType,
)

Write = Callable[[str, str], Path]
DOMAIN = (Path(__file__).parents[1] / "fixtures" / "domains" / "rasa_3.yml").read_text(
    encoding="utf-8"
)


def test_everything(write: Write) -> None:
    domain = read_domain(write("domain.yml", DOMAIN))
    assert domain.where is not None
    assert domain == Domain(
        intents=(
            Intent(name="back"),
            Intent(name="book", ignore_entities=("note",)),
            Intent(name="chitchat", use_entities=()),
            Intent(name="deny", use_entities=()),
            Intent(name="greet"),
            Intent(name="inform", use_entities=("city",)),
            Intent(name="nlu_fallback"),
            Intent(name="out_of_scope"),
            Intent(name="restart"),
            Intent(name="session_start"),
        ),
        entities=(
            EntityType(name="city", roles=("from", "to"), groups=("1",)),
            EntityType(name="note", influence_conversation=False),
            EntityType(name="people"),
        ),
        slots=(
            Slot(
                name="goal",
                type=SlotType.TEXT,
                initial_value="none yet",
                influence_conversation=False,
                mappings=(
                    SlotMapping(type=MappingType.FROM_ENTITY, entity="city", role="to"),
                    SlotMapping(
                        type=MappingType.FROM_TEXT,
                        intents=("inform",),
                        not_intents=("greet", "deny"),
                        conditions=(
                            MappingCondition(active_loop="trip_form", requested_slot="goal"),
                            MappingCondition(active_loop=None),
                        ),
                    ),
                ),
            ),
            Slot(
                name="wants_hotel",
                type=SlotType.BOOL,
                mappings=(
                    SlotMapping(type=MappingType.FROM_INTENT, intents=("book",), value="yes"),
                    SlotMapping(type=MappingType.FROM_TRIGGER_INTENT, value=2),
                    SlotMapping(type=MappingType.CUSTOM, action="action_guess"),
                ),
            ),
            Slot(name="requested_slot", type=SlotType.TEXT, influence_conversation=False),
            Slot(name="session_started_metadata", type=SlotType.ANY, influence_conversation=False),
        ),
        responses={
            "utter_ask_goal": (
                Variation(
                    text="Where to, {goal}?",
                    buttons=({"title": "Home", "payload": '/inform{"city": "home"}'},),
                    channel="slack",
                    conditions=(SlotEquals(slot="wants_hotel", value=None),),
                    metadata={"tone": "warm"},
                    others={"id": "one"},
                ),
                Variation(
                    custom={"blocks": [{"type": "divider"}]}, image="https://example.org/map.png"
                ),
            )
        },
        forms={
            "trip_form": Form(
                name="trip_form", required_slots=("goal",), ignored_intents=("greet",)
            ),
            "empty_form": Form(name="empty_form"),
        },
        actions=("action_guess", "validate_trip_form", "action_book", "validate_other"),
        action_texts=("See you!",),
        send_domain=frozenset({"validate_trip_form", "action_book"}),
        session=SessionConfig(expiration_time=0, carry_over_slots=False),
        store_entities_as_slots=False,
    )
    assert domain.action_labels == (
        *DEFAULT_ACTIONS,
        *("action_guess", "validate_trip_form", "action_book", "validate_other"),
        *("utter_ask_goal", "trip_form", "empty_form", "See you!"),
    )
    assert domain.used_entities("greet") == {"city", "city#from", "city#to", "city#1", "people"}
    assert domain.slots[0].mappings[1].where == Location(domain.where.path, 22)
    assert domain.responses["utter_ask_goal"][1].where == Location(domain.where.path, 42)


def test_content_is_the_domain_as_json(write: Write) -> None:
    content = read_domain(write("domain.yml", DOMAIN)).content
    assert json.loads(json.dumps(content)) == content
    assert content["version"] == "3.1"
    assert content["intents"] == [
        {"book": {"use_entities": True, "ignore_entities": ["note"]}},
        {"chitchat": {"use_entities": []}},
        {"deny": {"use_entities": [], "ignore_entities": []}},
        "greet",
        {"inform": {"use_entities": ["city"]}},
        "nlu_fallback",
    ]
    assert content["slots"]["goal"]["mappings"][1]["conditions"][1] == {"active_loop": None}
    assert "requested_slot" not in content["slots"]
    assert content["forms"]["empty_form"] is None
    assert content["actions"][2] == {"action_book": {"send_domain": True}}
    assert content["session_config"] == {
        "session_expiration_time": 0,
        "carry_over_slots_to_new_session": False,
    }
    assert content["config"] == {"store_entities_as_slots": False}


def test_the_least(write: Write) -> None:
    domain = read_domain(write("domain.yml", "actions: []\nslots:\n"))
    assert domain.is_empty
    assert domain.intent_names == DEFAULT_INTENTS
    assert domain.session == SessionConfig(expiration_time=60, carry_over_slots=True)
    assert domain.store_entities_as_slots
    assert [slot.name for slot in domain.slots] == ["session_started_metadata"]
    assert set(domain.content) == {"version", "session_config"}
    assert not read_domain(write("domain.yml", "intents: [greet]")).is_empty


def test_slots_of_the_knowledge_base(write: Write) -> None:
    domain = read_domain(write("domain.yml", "actions: [action_query_knowledge_base]"))
    assert len(domain.slots) == 4
    assert all(slot.feature_size == 0 for slot in domain.slots)


def test_a_slot_that_is_declared_is_not_added(write: Write) -> None:
    slot = "{type: categorical, values: [a], mappings: [{type: custom}]}"
    path = write("domain.yml", f"forms: {{f: }}\nslots:\n  requested_slot: {slot}")
    names = [slot.name for slot in read_domain(path).slots]
    assert names == ["requested_slot", "session_started_metadata"]


def test_an_entity_without_influence_is_used_as_in_rasa(write: Write) -> None:
    text = """\
    entities: [{place: {influence_conversation: false}}, other]
    intents:
    - a: {use_entities: [place, other]}
    - b: {use_entities: [place], ignore_entities: []}
    """
    with pytest.warns(UserWarning, match=r"domain\.yml:3: intent 'a' uses and ignores place"):
        domain = read_domain(write("domain.yml", text))
    assert domain.used_entities("a") == {"other"}
    assert domain.used_entities("b") == {"place"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("intents:\n- greet:\n", r":2: an intent with a colon needs options .*- greet, without"),
        ("intents:\n- greet: {}\n", r":2: an intent with a colon needs options"),
        ("entities:\n- city:\n", r":2: an entity with a colon needs options"),
        ("intents:\n- greet:\n  use_entities: []\n", r":2: .*options indented further"),
        ("intents:\n- greet\n- bye\n- greet\n", r":4: .*'greet'.*line 2 already"),
        ("entities: [a, {a: {roles: [b]}}]", r":1: .*'a'.*line 1 already"),
        ("actions:\n- a\n- a: {send_domain: true}\n", r":3: .*'a'.*line 2 already"),
        ("slots:\n  a: {type: any}\n  a: {type: any}\n", r":3: a key must occur once"),
        ("responses: {a: [{text: b}]}\ntemplates:\n  a: [c]\n", r":3: .*'a'.*line 1 already"),
        ("intents: {greet: {}}", r":1: 'intents' must be a list"),
        ("intents: greet", r":1: 'intents' must be a list"),
        ("slots: [a]", r":1: 'slots' must be a mapping"),
        ("intents:\n- [a]\n", r":2: an item of 'intents' must not be a list"),
        ("intents:\n- 404\n", r':2: an item of .* must be a text \(got 404\).*"404", with'),
        ("intents:\n- greet\n-\n", r":3: an item of 'intents' must be a text"),
        ("intents:\n- a: {use_entities: b}\n", r":2: 'use_entities' of intent 'a' must be a list"),
        ("intents:\n- a: {ignore_entities: true}\n", r":2: 'ignore_entities' of intent 'a' must"),
        ("intents:\n- a: {use_entities: [1]}\n", r":2: an item of 'use_entities' of intent 'a'"),
        ("entities:\n- a: {influence_conversation: no}\n", r":2: .* must be true or false"),
        ("entities:\n- a: {roles: {b: c}}\n", r":2: 'roles' of entity 'a' must be a list"),
        ("actions:\n- a: {send_domain: 1}\n", r":2: 'send_domain' of action 'a' must be true"),
        ("forms:\n  f: {ignored_intents: a}\n", r":2: a form with 'ignored_intents' needs"),
        ("forms:\n  f: [a]\n", r":2: form 'f' must be a mapping"),
        ("forms:\n  f: {required_slots: [{a: b}]}\n", r":2: an item of 'required_slots'"),
        ("session_config: 5", r":1: 'session_config' must be a mapping"),
        ("session_config:\n  session_expiration_time: -1\n", r":2: .* must not be negative"),
        ("session_config:\n  session_expiration_time: soon\n", r":2: .* must be a number"),
        ("session_config:\n  carry_over_slots_to_new_session: 1\n", r":2: .* true or false"),
        ("config: {store_entities_as_slots: 1}\nactions: []", r":1: .* must be true or false"),
        ("version: '3.2'\nactions: []", r":1: the version .* must not be above 3\.1"),
        ("actions: [a\n", r":2: a YAML file must be well-formed"),
    ],
)
def test_what_is_refused(text: str, message: str, write: Write) -> None:
    with pytest.raises(DataError, match=rf"domain\.yml{message}"):
        read_domain(write("domain.yml", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("remarks: {}\nintents: []", r":1: a domain has a key 'remarks', which is not read"),
        ("intents:\n- a: {use_entity: [b]}", r":2: .*'use_entity'.*did you mean 'use_entities'"),
        ("intents:\n- a: {triggers: b}", r":2: 'triggers' of intent 'a' has no effect"),
        ("entities:\n- a: {zz: 1}", r":2: entity 'a' has a key 'zz'.*known: roles, groups"),
        ("actions:\n- a: {sends_domain: true}", r":2: action 'a' has a key 'sends_domain'"),
        ("session_config: {time: 5}", r":1: 'session_config' has a key 'time'"),
        ("config: {x: 5}\nintents: []", r":1: 'config' of a domain has a key 'x'"),
    ],
)
def test_what_is_not_read_is_said(text: str, message: str, write: Write) -> None:
    with pytest.warns(UserWarning, match=rf"domain\.yml{message}"):
        read_domain(write("domain.yml", text))


class TestFiles:
    def test_a_folder_is_merged(self, write: Write, tmp_path: Path) -> None:
        write("d/a.yml", "intents: [b, a]\nslots: {s: {type: any, mappings: [{type: custom}]}}")
        write("d/deep/b.yaml", "intents: [c]\nresponses: {utter_x: [{text: X}]}\nforms: {f: }")
        write("d/nlu.yml", "nlu: []\nresponses: {utter_y: [{text: Y}]}")
        write("d/config.yml", "pipeline: [")
        write(
            "d/story.yml", "stories:\n- story: x\n  steps:\n  - intent: a\n    entities:\n    - b"
        )
        domain = read_domain(tmp_path / "d")
        assert [name for name in domain.intent_names if len(name) == 1] == ["a", "b", "c"]
        assert set(domain.responses) == {"utter_x"}
        assert [slot.name for slot in domain.slots[:2]] == ["s", "requested_slot"]
        several = read_domain([tmp_path / "d/deep", tmp_path / "d/a.yml", tmp_path / "d"])
        assert several == domain

    def test_of_two_the_first_counts(self, write: Write, tmp_path: Path) -> None:
        write(
            "d/a.yml", "responses:\n  utter_x: [{text: first}]\nintents: [{i: {use_entities: []}}]"
        )
        write("d/b.yml", "responses:\n\n  utter_x: [{text: second}]\nintents: [i]")
        with pytest.warns(UserWarning) as caught:
            domain = read_domain(tmp_path / "d")
        assert domain.responses["utter_x"][0].text == "first"
        assert [str(warning.message) for warning in caught] == [
            f"{tmp_path}/d/b.yml:4: intent 'i' is already at {tmp_path}/d/a.yml:3; that one counts",
            f"{tmp_path}/d/b.yml:3: response 'utter_x' is already at {tmp_path}/d/a.yml:2; "
            "that one counts",
        ]
        assert domain.content["responses"] == {"utter_x": [{"text": "first"}]}

    def test_a_session_that_is_not_the_default_counts(self, write: Write) -> None:
        default = write("a.yml", "session_config: {session_expiration_time: 60}")
        own = write("b.yml", "session_config: {session_expiration_time: 5}")
        other = write("c.yml", "session_config: {session_expiration_time: 7}")
        none = write("d.yml", "intents: [a]")
        for paths in ([default, own], [own, default], [none, own], [own, none]):
            assert read_domain(paths).session.expiration_time == 5
        with pytest.warns(UserWarning, match="two files have a session_config"):
            assert read_domain([own, other]).session.expiration_time == 5

    def test_config_of_any_file_counts(self, write: Write) -> None:
        first = write("a.yml", "intents: [a]")
        second = write("b.yml", "config: {store_entities_as_slots: false}\nactions: [b]")
        assert not read_domain([first, second]).store_entities_as_slots

    @pytest.mark.parametrize(
        ("text", "is_domain"),
        [
            *((f"{key}:\n", True) for key in ("slots", "forms", "actions", "entities")),
            *((f"{key}:\n", True) for key in ("intents", "responses", "e2e_actions", "templates")),
            ("session_config: {}", True),
            ('{"version": "3.1", "intents": ["a"]}', True),
            ("responses: {}\nnlu: []", False),
            ("responses: {}\nnlu: []\nactions: []", True),
            ("responses: {}\nrules: []", True),
            ("version: '3.1'", False),
            ("config:\n  store_entities_as_slots: true", False),
            ("stories:\n- story: a\n  slots:\n  - b", False),
            ("- slots:", False),
            ("", False),
            ("pipeline: [", False),
        ],
    )
    def test_what_is_a_domain(self, text: str, is_domain: bool) -> None:
        assert is_domain_yaml(text, Path("x.yml")) is is_domain

    def test_paths_without_a_domain(self, write: Write, tmp_path: Path) -> None:
        nlu = write("d/nlu.yml", "nlu: []")
        for path, message in (
            (nlu, "a file must hold a domain"),
            (tmp_path / "d", "a folder must hold at least one file of a domain"),
            (tmp_path / "none.yml", "a path of a domain must exist"),
        ):
            with pytest.raises(DataError, match=message):
                read_domain(path)
        with pytest.raises(DataError, match="a domain needs a path"):
            read_domain([])
