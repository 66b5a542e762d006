"""Which places of stories are one node, and what leads where."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data import InputError, StoryData
from gossamer.data.stories.yaml import parse_story_yaml
from gossamer.visualize import Flow, flow_of

STORIES = """
stories:
- story: tea
  steps: [{intent: greet}, {action: utter_hi}, {intent: order}, {action: utter_ok}]
- story: milk
  steps: [{intent: hello}, {action: utter_hi}, {intent: order}, {action: utter_ok}]
"""


def read(text: str) -> StoryData:
    return parse_story_yaml(text, Path("stories.yml"))


def drawn(flow: Flow) -> list[str]:
    labels = [node.label for node in flow.nodes]
    return [f"{labels[source]} > {labels[target]}" for source, target in flow.edges]


@pytest.mark.parametrize(
    ("max_history", "n_nodes", "n_edges"),
    [(1, 5, 4), (2, 6, 5), (3, 7, 6), (4, 8, 6), (99, 8, 6)],
)
def test_places_with_a_like_history_are_one_node(
    max_history: int, n_nodes: int, n_edges: int
) -> None:
    flow = flow_of(read(STORIES), max_history=max_history)
    assert (len(flow.nodes), len(flow.edges)) == (n_nodes, n_edges)


def test_a_node_knows_its_stories() -> None:
    flow = flow_of(read(STORIES))
    by_label = {node.label: node for node in flow.nodes}
    assert [story.name for story in flow.stories] == ["tea", "milk"]
    assert by_label["greet"].stories == [0]
    assert by_label["order"].stories == [0, 1]
    assert flow.edges[2, 3] == [0, 1]
    assert [node.label for node in flow.nodes if node.is_start] == ["greet", "hello"]
    assert [node.label for node in flow.nodes if node.is_end] == ["utter_ok"]


def test_alternatives_lead_to_one_node() -> None:
    flow = flow_of(
        read("""
stories:
- story: a
  steps: [{or: [{intent: yes}, {intent: sure}]}, {action: utter_ok}, {intent: bye}]
""")
    )
    assert drawn(flow) == ["yes > utter_ok", "sure > utter_ok", "utter_ok > bye"]


def test_a_checkpoint_is_one_node_in_the_middle_of_its_stories() -> None:
    flow = flow_of(
        read("""
stories:
- story: a
  steps: [{intent: one}, {action: utter_x}, {checkpoint: here}]
- story: b
  steps: [{intent: two}, {action: utter_x}, {checkpoint: here}]
- story: c
  steps: [{checkpoint: here}, {intent: on}, {action: utter_y}]
""")
    )
    assert drawn(flow) == [
        "one > utter_x", "utter_x > here", "two > utter_x", "utter_x > here", "here > on",
        "on > utter_y",
    ]  # fmt: skip
    here = next(node for node in flow.nodes if node.kind == "checkpoint")
    assert (here.is_start, here.is_end, here.mean_place, here.stories) == (
        False,
        False,
        2,
        [0, 1, 2],
    )
    assert [node.mean_place for node in flow.nodes if node.label == "on"] == [3]


def test_texts_entities_and_conditions_of_rules_are_named() -> None:
    flow = flow_of(
        read("""
stories:
- story: a
  steps: [{user: "good [day](time)"}, {bot: "hello"}, {slot_was_set: [{a: 1}]}]
rules:
- rule: b
  condition: [{active_loop: form}, {slot_was_set: [{city: Rome}]}, {active_loop: null}]
  steps:
  - intent: inform
    entities: [{city: Rome, role: from}, {city: Oslo, role: from}, {time: now}]
  - action: utter_x
""")
    )
    assert [node.label for node in flow.nodes] == [
        "“good day”", "hello", "in form", "city = Rome", "in no form", "inform [city.from, time]",
        "utter_x",
    ]  # fmt: skip


def test_a_rule_and_a_story_that_begin_alike_are_apart() -> None:
    """A rule holds anywhere, a story begins at the start."""
    flow = flow_of(
        read("""
stories:
- story: a
  steps: [{intent: greet}, {action: utter_hi}]
rules:
- rule: b
  steps: [{intent: greet}, {action: utter_hi}]
- rule: c
  conversation_start: true
  steps: [{intent: greet}, {action: utter_hi}]
""")
    )
    assert [node.stories for node in flow.nodes if node.label == "greet"] == [[0, 2], [1]]


def test_max_history_must_be_at_least_one() -> None:
    with pytest.raises(InputError, match="max_history must be at least 1"):
        flow_of(StoryData(), max_history=0)
