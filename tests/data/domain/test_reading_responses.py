from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import DataError, Domain, read_domain, read_training_data
from gossamer.data.domain.responses import SlotEquals, Variation

Write = Callable[[str, str], Path]


def test_plain_texts_of_rasa_1_are_variations(write: Write) -> None:
    text = "templates:\n  utter_hi:\n  - Hi!\n  - text: Hello!\n  - |-\n    One\n    two\n"
    domain = read_domain(write("domain.yml", text))
    said = [variation.text for variation in domain.responses["utter_hi"]]
    assert said == ["Hi!", "Hello!", "One\ntwo"]
    assert domain.content["responses"] == {"utter_hi": [{"text": part} for part in said]}
    assert "templates" not in domain.content


def test_a_blank_text_is_one(write: Write) -> None:
    domain = read_domain(write("domain.yml", 'responses: {utter_a: [{text: ""}], utter_b: []}'))
    assert domain.responses == {"utter_a": (Variation(text=""),), "utter_b": ()}


@pytest.mark.parametrize(
    ("variations", "message"),
    [
        ("", r":2: response 'utter_a' needs variations"),
        (" Hello", r":2: response 'utter_a' must be a list.*- text"),
        (" {text: Hello}", r":2: response 'utter_a' must be a list"),
        ("\n  - [a]", r":3: a variation of response 'utter_a' must be a mapping"),
        ("\n  - channel: slack", r":3: a variation of response 'utter_a' needs a text"),
        ("\n  - text: null", r":3: a variation of response 'utter_a' needs a text"),
        ("\n  - custom: {}", r":3: a variation of response 'utter_a' needs a text"),
        ("\n  - text: 42", r':3: the text of .* must be a text \(got 42\).*"42", with the quotes'),
        ("\n  - text: a\n    image: [b]", r":4: 'image' of .* must be a text"),
        ("\n  - text: a\n    channel: 5", r":4: 'channel' of .* must be a text"),
        ("\n  - text: a\n    buttons: {title: b}", r":4: 'buttons' of .* must be a list"),
        ("\n  - text: a\n    buttons: [b]", r":4: an item of 'buttons' of .* must be a mapping"),
        ("\n  - text: a\n    condition: {type: slot}", r":4: 'condition' of .* must be a list"),
        ("\n  - text: a\n    condition: [{name: b, value: c}]", r":4: .* must be of type slot"),
        ("\n  - text: a\n    condition: [{type: slot, name: b}]", r":4: .*'name' and 'value'"),
        ("\n  - text: a\n    condition: [b]", r":4: a condition of .* must be a mapping"),
    ],
)
def test_what_is_refused(variations: str, message: str, write: Write) -> None:
    with pytest.raises(DataError, match=rf"domain\.yml{message}"):
        read_domain(write("domain.yml", f"responses:\n  utter_a:{variations}\n"))


def test_unknown_keys_are_kept_and_said(write: Write) -> None:
    text = "responses:\n  utter_a:\n  - text: a\n    conditions: []\n    button_type: vertical\n"
    with pytest.warns(UserWarning, match=r":4: .*'conditions'.*did you mean 'condition'"):
        domain = read_domain(write("domain.yml", text))
    assert domain.responses["utter_a"][0].others == {
        "conditions": [],
        "button_type": "vertical",
    }


class TestOfNluData:
    def test_are_added_with_the_actions_that_say_them(self, write: Write) -> None:
        path = write(
            "nlu.yml",
            "nlu:\n- intent: faq/ask_age\n  examples: |\n    - how old are you\n"
            "responses:\n  utter_faq/ask_age:\n  - text: Old\n    condition:\n"
            "    - {type: slot, name: s, value: true}\n  utter_bye:\n  - text: Bye\n",
        )
        domain = read_domain(write("domain.yml", "actions: [action_a]\nresponses: {utter_x: [x]}"))
        more = domain.with_responses(read_training_data(path).responses)
        assert more.responses == {
            "utter_x": (Variation(text="x"),),
            "utter_faq/ask_age": (
                Variation(text="Old", conditions=(SlotEquals(slot="s", value=True),)),
            ),
            "utter_bye": (Variation(text="Bye"),),
        }
        assert more.actions == ("action_a", "utter_faq")
        assert more.content["actions"] == ["action_a", "utter_faq"]
        assert list(more.content["responses"]) == ["utter_x", "utter_faq/ask_age", "utter_bye"]
        assert more.content["responses"]["utter_bye"] == [{"text": "Bye"}]
        assert "utter_bye" in more.action_names
        assert "utter_bye" not in domain.action_names
        assert more.with_responses({}) is more

    def test_count_before_those_of_the_domain(self, write: Write) -> None:
        domain = read_domain(write("domain.yml", "responses: {utter_x: [x, y]}"))
        same = domain.with_responses({"utter_x": [{"text": "x"}, {"text": "y"}]})
        assert same == domain
        assert same.content == domain.content
        with pytest.warns(UserWarning, match="response 'utter_x' is written twice"):
            other = domain.with_responses({"utter_x": [{"text": "z"}]})
        assert other.responses == {"utter_x": (Variation(text="z"),)}
        assert other.content["responses"] == {"utter_x": [{"text": "z"}]}

    def test_retrieval_responses_of_the_domain_have_their_action(self, write: Write) -> None:
        domain = read_domain(write("domain.yml", "responses: {utter_faq/a: [x], utter_faq/b: [y]}"))
        assert domain.actions == ("utter_faq",)
        assert domain.content["actions"] == ["utter_faq"]
        assert domain.with_responses({}) is domain

    def test_an_action_that_is_declared_stays_where_it_is(self, write: Write) -> None:
        text = (
            "intents: [faq: {is_retrieval_intent: true}]\nactions: [utter_faq, action_a]\n"
            "responses: {utter_faq/a: [x]}"
        )
        assert read_domain(write("domain.yml", text)).actions == ("utter_faq", "action_a")

    def test_a_domain_may_be_made_without_a_file(self) -> None:
        domain = Domain().with_responses({"utter_x": [{"text": "x"}]})
        assert domain.content == {"responses": {"utter_x": [{"text": "x"}]}}
        assert domain.responses["utter_x"][0].where is None

    @pytest.mark.parametrize(
        ("variation", "message"),
        [
            ({}, r"^a variation of response 'utter_x' needs a text"),
            ({"text": {1}}, r"^a value must be a text, .*got \{1\}"),
            ("text", r"^a variation of response 'utter_x' must be a mapping"),
        ],
    )
    def test_are_checked(self, variation: Any, message: str) -> None:
        with pytest.raises(DataError, match=message):
            Domain().with_responses({"utter_x": [variation]})
