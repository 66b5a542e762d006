"""Two public domains. What Rasa 3.6.21 makes of them was recorded after `rasa data migrate`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from gossamer.data import (
    Severity,
    check_domain,
    domain_from_dict,
    domain_to_dict,
    read_domain,
    read_training_data,
)
from gossamer.data.domain.slots import MappingType

pytestmark = pytest.mark.shared_data

# Slots of Sara by the types of their mappings, in order.
SARA = {
    "from_entity": "retrieval_intent current_api feedback_value language name nlu_part product "
    "install_type",
    "from_entity from_entity from_text": "budget",
    "from_entity from_text": "business_email",
    "from_entity from_text from_entity": "company email job_function",
    "from_text": "problem_description suggestion",
    "custom": "can_use_spacy entity_extractor feedback_message onboarding person_name "
    "shown_privacy step unknown_nlu_part unknown_product use_case docs_found faq",
    "": "requested_slot session_started_metadata",
}
COMPANY = [
    {"type": "from_entity", "entity": "company", "conditions": [{"active_loop": "sales_form"}]},
    {
        "type": "from_text",
        "intent": "enter_data",
        "conditions": [{"active_loop": "sales_form", "requested_slot": "company"}],
    },
    {"type": "from_entity", "entity": "company"},
]


def test_sara_of_rasa_2(shared_data: Path) -> None:
    # Two slots stand beside required_slots, where Rasa does not read them either.
    with pytest.warns(UserWarning, match="person_name, use_case") as caught:
        domain = read_domain(shared_data / "sara" / "domain.yml")
    assert len(caught) == 1
    by_types: dict[str, list[str]] = {}
    for slot in domain.slots:
        types = " ".join(mapping.type for mapping in slot.mappings)
        by_types.setdefault(types, []).append(slot.name)
    assert {types: " ".join(names) for types, names in by_types.items()} == SARA
    assert domain.content["slots"]["company"] == {"type": "any", "mappings": COMPANY}
    assert Counter(mapping.type for slot in domain.slots for mapping in slot.mappings) == {
        MappingType.FROM_ENTITY: 17,
        MappingType.FROM_TEXT: 7,
        MappingType.CUSTOM: 12,
    }
    assert len(domain.action_labels) == 180
    assert len(domain.intents) == 44
    assert domain.used_entities("faq") == {"product"}
    assert domain.session.expiration_time == 480
    assert domain_from_dict(json.loads(json.dumps(domain_to_dict(domain)))) == domain

    nlu = read_training_data(shared_data / "sara" / "data" / "nlu")
    whole = domain.with_responses(nlu.responses)
    assert {"utter_faq", "utter_chitchat"} <= set(whole.actions)
    assert "utter_chitchat/ask_whatisrasa" in whole.responses
    assert [finding.message[:49] for finding in check_domain(whole)] == [
        "form 'suggestion_form' cannot ask for slot 'sugge"
    ]


def test_workshop_of_rasa_3(shared_data: Path) -> None:
    domain = read_domain(shared_data / "workshop" / "domain.yml")
    assert len(domain.action_labels) == 49
    assert len(domain.intents) == 13
    assert [slot.name for slot in domain.slots if slot.feature_size] == ["hotel", "restaurant"]
    found = check_domain(domain)
    assert len(found) == 34  # its responses are not part of it
    assert all(finding.severity is Severity.WARNING for finding in found)
