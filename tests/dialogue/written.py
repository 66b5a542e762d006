"""Rules and stories written as YAML, unfolded; shared by tests of rules and contradictions."""

from __future__ import annotations

from pathlib import Path

from gossamer.data import read_domain
from gossamer.data.domain.domain import Domain
from gossamer.data.stories.reading import read_stories
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories

SHOP = """\
version: "3.1"
intents: [greet, order, thank, ask, stop]
entities: [drink]
slots:
  drink:
    type: text
    mappings: [{type: from_entity, entity: drink}]
  paid:
    type: bool
    mappings: [{type: custom}]
forms:
  order_form:
    required_slots: [drink]
responses:
  utter_greet: [{text: Hello}]
  utter_hours: [{text: From nine to five}]
  utter_thank: [{text: Welcome}]
  utter_served: [{text: Here it is}]
actions: [action_pay]
"""

HOURS = """\
rules:
- rule: tells the hours
  steps:
  - intent: ask
  - action: utter_hours
"""
FORM = """\
- rule: takes an order
  steps:
  - intent: order
  - action: order_form
  - active_loop: order_form
- rule: serves
  condition:
  - active_loop: order_form
  steps:
  - action: order_form
  - active_loop: null
  - action: utter_served
"""


def shop(folder: Path) -> Domain:
    """The domain, as a file in the folder."""
    path = folder / "domain.yml"
    path.write_text(SHOP)
    return read_domain(path)


def learn_from(folder: Path, stories: str) -> DialogueData:
    """What stories and rules, given without the version, stand for; line 2 is their first."""
    path = folder / "stories.yml"
    path.write_text(f'version: "3.1"\n{stories}')
    domain, written = shop(folder), read_stories(path)
    return DialogueData(
        domain=domain,
        stories=unfold_stories(written, domain),
        rules=unfold_rules(written, domain),
    )
