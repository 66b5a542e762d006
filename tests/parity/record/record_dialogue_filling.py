"""Record which slots a message fills: `action_extract_slots` with a stand-in for custom actions."""

from __future__ import annotations

import asyncio
from typing import Any

from conversations import Json, action, entity, event, loop, rejected, said, slot
from dialogue_data import PROJECTS, event_as_json, event_from_json, tracker_of
from rasa.core.actions.action import ActionExtractSlots, RemoteAction
from rasa.core.channels.channel import CollectingOutputChannel
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from recording import write_fixture

PROJECT = "filling"
VALIDATION = "action_validate_slot_mappings"


def form(name: str, requested: str | None) -> list[Json]:
    """A form has run and asks for a slot."""
    return [*said("greet"), action(name), loop(name), slot("requested_slot", requested)]


def city(value: str, **more: Any) -> Json:
    return entity("city", value, **more)


NUMBER = [entity("number", 5)]
ORDER = [*said("greet"), action("order_form"), loop("order_form")]

# Name: (conversation, events that custom actions return). With "action_validate_slot_mappings"
# among the latter, it is also among the domain's actions.
CASES: dict[str, tuple[list[Json], dict[str, list[Json]]]] = {
    "nothing in it": (said("greet", "hi"), {}),
    "nobody has spoken": ([], {}),
    "an entity": (said("inform", "tea", entities=[entity("product", "tea")]), {}),
    "the last of two": (
        said("inform", entities=[entity("product", "tea"), entity("product", "coffee")]),
        {},
    ),
    "all of two in a list": (
        said("inform", entities=[entity("color", "red"), entity("color", "blue")]),
        {},
    ),
    "one in a list": (said("inform", entities=[entity("color", "red")]), {}),
    "the same value again": (
        [slot("product", "tea"), *said("inform", entities=[entity("product", "tea")])],
        {},
    ),
    "empty value": (said("inform", entities=[entity("product", "")]), {}),
    "no value": (said("inform", entities=[entity("product", None)]), {}),
    "no value where there was one": (
        [slot("product", "tea"), *said("inform", entities=[entity("product", None)])],
        {},
    ),
    "roles": (
        said("inform", entities=[city("Rome", role="to"), city("Oslo", role="from")]),
        {},
    ),
    "no role": (said("inform", entities=[city("Rome")]), {}),
    "role and group": (said("inform", entities=[city("Rome", role="to", group="first")]), {}),
    "group": (said("inform", entities=[city("Rome", group="first")]), {}),
    "intent": (said("order"), {}),
    "second mapping by intent": (said("deny"), {}),
    "first mapping that gives something": (said("inform", entities=NUMBER), {}),
    "second mapping when the first gives nothing": (said("inform"), {}),
    "not with this intent": (said("chat", entities=NUMBER), {}),
    "whole text": (said("thank", " Thank you, /dear "), {}),
    "whole text of a direct message": (said("thank", '/thank{"product": "tea"}'), {}),
    "no text": (said("thank"), {}),
    "form asks for it": ([*form("order_form", "agreed"), *said("affirm")], {}),
    "form asks for it, no": ([*form("order_form", "agreed"), *said("deny")], {}),
    "form asks for another": ([*form("order_form", "remark"), *said("affirm", "yes")], {}),
    "no form": ([slot("requested_slot", "agreed"), *said("affirm")], {}),
    "form asks for text": ([*form("order_form", "remark"), *said("inform", "be quick")], {}),
    "form asks for text, intent is excluded": (
        [*form("order_form", "remark"), *said("chat", "be quick")],
        {},
    ),
    "form ignores the intent": (
        [*form("order_form", "product"), *said("thank", entities=[entity("product", "tea")])],
        {},
    ),
    "form ignores the intent that a mapping asks for": (
        [*form("order_form", "product"), *said("chat", "so what")],
        {},
    ),
    "another form ignores it": (
        [*form("travel_form", "origin"), *said("thank", "x", entities=[entity("product", "tea")])],
        {},
    ),
    "form asks and the entity has no role": (
        [*form("travel_form", "origin"), *said("inform", entities=[city("Rome")])],
        {},
    ),
    "form asks for the other": (
        [*form("travel_form", "target"), *said("inform", entities=[city("Rome")])],
        {},
    ),
    "form asks and the entity has the other role": (
        [*form("travel_form", "origin"), *said("inform", entities=[city("Rome", role="to")])],
        {},
    ),
    "form asks and gets both": (
        [
            *form("travel_form", "origin"),
            *said("inform", entities=[city("Rome"), city("Oslo", role="to")]),
        ],
        {},
    ),
    "form has rejected": (
        [
            *form("order_form", "agreed"),
            *said("affirm"),
            rejected("order_form"),
        ],
        {},
    ),
    "form has rejected, other slots": (
        [
            *form("travel_form", "origin"),
            *said("inform", entities=[city("Rome"), city("Oslo", role="to")]),
            rejected("travel_form"),
        ],
        {},
    ),
    "only outside of forms": (said("inform", entities=NUMBER), {}),
    "in a form that a condition names": (
        [*form("order_form", "product"), *said("inform", entities=NUMBER)],
        {},
    ),
    "in another form that a condition names with a slot": (
        [*form("travel_form", "origin"), *said("inform", entities=NUMBER)],
        {},
    ),
    "in another form, another slot": (
        [*form("travel_form", "target"), *said("inform", entities=NUMBER)],
        {},
    ),
    "the intent that starts a form": (said("travel"), {}),
    "the intent that started it": (
        [*said("travel"), action("travel_form"), loop("travel_form")],
        {},
    ),
    "that intent, the form asks": ([*form("travel_form", "origin"), *said("travel")], {}),
    "any intent in a form": ([*ORDER, *said("inform", "x")], {}),
    "that intent in another form": ([*ORDER, *said("travel")], {}),
    "two slots share a mapping, one is asked for": (
        [*form("twin_form", "left"), *said("greet", entities=[entity("product", "tea")])],
        {},
    ),
    "two slots share a mapping, neither is asked for": (
        [
            *form("twin_form", "alone"),
            *said("greet", entities=[entity("product", "tea"), entity("color", "red")]),
        ],
        {},
    ),
    "nobody shares it": (
        [*form("twin_form", "left"), *said("greet", entities=[entity("color", "red")])],
        {},
    ),
    "form is over": (
        [*form("order_form", "agreed"), loop(None), *said("affirm")],
        {},
    ),
    "custom action": (
        said("greet"),
        {"action_compute": [slot("computed", "a"), slot("left_alone", "b")]},
    ),
    "custom action with other events": (
        said("greet"),
        {
            "action_compute": [
                slot("computed", "a"),
                event("bot", text="Computed"),
                event("pause"),
                action("utter_greet"),
            ]
        },
    ),
    "custom action sets what is filled too": (
        said("inform", entities=[entity("product", "tea")]),
        {"action_compute": [slot("product", "coffee")]},
    ),
    "validated": (
        said("inform", entities=[entity("product", "tea"), entity("color", "red")]),
        {VALIDATION: [slot("product", "green tea")]},
    ),
    "validated, rejected": (
        said("inform", entities=[entity("product", "tea"), entity("color", "red")]),
        {VALIDATION: [slot("product", None)]},
    ),
    "validated, more and other events": (
        said("inform", entities=[entity("product", "tea")]),
        {
            VALIDATION: [
                event("bot", text="Tea it is"),
                slot("remark", "tea"),
                event("pause"),
            ]
        },
    ),
    "validated, nothing was found": (said("greet"), {VALIDATION: [slot("remark", "none")]}),
    "validated after a custom action": (
        said("greet"),
        {
            "action_compute": [slot("computed", "a"), event("bot", text="Computed")],
            VALIDATION: [slot("computed", "b")],
        },
    ),
}


def record(name: str, events: list[Json], custom: dict[str, list[Json]]) -> dict[str, Any]:
    """The events that come of a message, and which custom actions ran with which slots."""
    domain = Domain.load(str(PROJECTS / f"{PROJECT}_domain.yml"))
    if VALIDATION in custom:
        content = domain.as_dict()
        content["actions"] = [*content["actions"], VALIDATION]
        domain = Domain.from_dict(content)
    calls: list[Any] = []

    async def run(self: RemoteAction, channel: Any, nlg: Any, tracker: Any, domain: Any) -> Any:
        filled = {
            name: value
            for name, value in tracker.current_slot_values().items()
            if value is not None
        }
        calls.append([self.name(), filled])
        return [event_from_json(event) for event in custom.get(self.name(), [])]

    original = RemoteAction.run
    RemoteAction.run = run
    try:
        found = asyncio.run(
            ActionExtractSlots(None).run(
                CollectingOutputChannel(),
                TemplatedNaturalLanguageGenerator({}),
                tracker_of(events, domain),
                domain,
            )
        )
    finally:
        RemoteAction.run = original
    result: dict[str, Any] = {"name": name, "conversation": events}
    if custom:
        result["custom"] = custom
        result["calls"] = calls
    result["events"] = [event_as_json(event) for event in found]
    return result


def main() -> None:
    """Write dialogue_filling.json."""
    write_fixture(
        "dialogue_filling",
        "record_dialogue_filling.py",
        {
            "domain": f"{PROJECT}_domain.yml",
            "custom": "what actions return; the domain has the validating one only if given",
        },
        [record(name, *case) for name, case in CASES.items()],
    )


if __name__ == "__main__":
    main()
