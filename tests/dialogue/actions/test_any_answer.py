"""Whatever an action server answers, the conversation goes on, and can be saved and read again."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from talking import domain_of, talk

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.endpoints import ActionEndpoint
from gossamer.data.errors import InputError
from gossamer.data.stories.reading import read_stories
from gossamer.dialogue.actions import server_calls
from gossamer.dialogue.actions.action import ActionRejected
from gossamer.dialogue.actions.action_server import ActionServer
from gossamer.dialogue.actions.http_calls import HttpAnswer
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.history.tracker_files import load_tracker, save_tracker
from gossamer.dialogue.policies.ensemble import Ensemble
from gossamer.dialogue.policies.memoization import AugmentedMemoizationPolicy, MemoizationOptions
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.rules.policy import RulePolicy, RulePolicyOptions
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories

DOMAIN = domain_of("""
intents: [greet, order, stop]
entities: [drink]
slots:
  drink: {type: text, mappings: [{type: from_entity, entity: drink}]}
  price: {type: float, max_value: 5, mappings: [{type: custom}]}
  paid: {type: bool, mappings: [{type: custom}]}
  kind: {type: categorical, values: [a, b], mappings: [{type: custom}]}
  extras: {type: list, mappings: [{type: custom, action: action_extras}]}
forms:
  order_form: {required_slots: [drink]}
responses:
  utter_greet: [{text: Hello}]
  utter_served: [{text: "Your {drink}"}]
actions: [action_extras, action_open, action_validate_slot_mappings, validate_order_form]
""")
STORIES = """\
version: "3.1"
rules:
- rule: opens
  steps: [{intent: greet}, {action: action_open}, {action: utter_greet}]
- rule: takes an order
  steps: [{intent: order}, {action: order_form}, {active_loop: order_form}]
- rule: serves
  condition: [{active_loop: order_form}]
  steps: [{action: order_form}, {active_loop: null}, {action: utter_served}]
- rule: doubts
  steps:
  - intent: nlu_fallback
  - action: action_two_stage_fallback
  - active_loop: action_two_stage_fallback
stories:
- story: stops
  steps: [{intent: order}, {action: order_form}, {active_loop: order_form}, {intent: stop},
    {action: action_deactivate_loop}, {active_loop: null}, {action: utter_greet}]
"""

slots = st.sampled_from([slot.name for slot in DOMAIN.slots])
actions = st.sampled_from([*DOMAIN.action_labels, "action_unheard_of", ""])
loops = st.sampled_from(["order_form", "action_two_stage_fallback", "unheard_of", "drink", None])
intents = st.sampled_from([*DOMAIN.intent_names, "unheard_of", None, 3])
odd: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, 0, -1.5, 10**400, 1e300),
        *("", "tea", "7" * 6000, "\ud800", "drink", "should_not_be_set"),
        *([], ["a"], [{}], {}, {"a": [1]}),
    ]
)
entities = st.lists(
    st.fixed_dictionaries({"entity": st.sampled_from(["drink", "size", 3]), "value": odd})
    | st.just({}),
    max_size=2,
)
parsed = st.fixed_dictionaries(
    {
        "intent": st.fixed_dictionaries({"name": intents, "confidence": odd}) | st.none(),
        "entities": entities,
        "intent_ranking": odd,
        "response_selector": odd,
    }
)


def an(kind: str, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"event": st.just(kind), **parts})


events = st.one_of(
    an("slot", name=slots, value=odd),
    an("active_loop", name=loops),
    an("followup", name=actions),
    an("user", text=st.sampled_from(["x", "", None]), parse_data=parsed),
    an("entities", entities=entities),
    an("action", name=actions),
    an("action_execution_rejected", name=actions),
    an("bot", text=st.just("x"), data=st.dictionaries(st.sampled_from(["buttons", "image"]), odd)),
    an("loop_interrupted", is_interrupted=odd),
    an("user_featurization", use_text_for_featurization=odd),
    *(an(kind) for kind in ("rewind", "undo", "restart", "session_started", "pause", "resume")),
    *(an(kind) for kind in ("reset_slots", "export", "agent", "reminder", "unheard_of")),
)
said = st.dictionaries(
    st.sampled_from(["text", "response", "template", "buttons", "custom", "quick_replies"]),
    odd | st.just("utter_served"),
    max_size=2,
)
answers = st.fixed_dictionaries(
    {"events": st.lists(events, max_size=2), "responses": st.lists(said, max_size=1)}
)
words = st.sampled_from(
    ["greet", "order", "stop", "nlu_fallback", "out_of_scope", "restart", "back"]
)


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    path = tmp_path_factory.mktemp("rules") / "stories.yml"
    path.write_text(STORIES, encoding="utf-8")
    written = read_stories(path)
    ensemble = Ensemble(
        [
            RulePolicy(RulePolicyOptions()),
            AugmentedMemoizationPolicy(MemoizationOptions(max_history=4)),
        ]
    )
    ensemble.train(
        DialogueData(
            domain=DOMAIN,
            stories=unfold_stories(written, DOMAIN),
            rules=unfold_rules(written, DOMAIN),
        )
    )
    return ensemble


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@settings(
    max_examples=150,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_any_answer(data: st.DataObject, ensemble: Ensemble, tmp_path: Path) -> None:
    def post_json(endpoint: ActionEndpoint, body: bytes, *, max_bytes: int) -> HttpAnswer:
        json.loads(body)
        return HttpAnswer(200, json.dumps(data.draw(answers)).encode())

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(server_calls, "post_json", post_json)
        server = ActionServer(ActionEndpoint(url="http://localhost:5055/webhook"))
        conversations = talk(DOMAIN, ensemble, custom=server)
        for word in data.draw(st.lists(words, min_size=1, max_size=4)):
            turn = conversations.handle(word)
            tracker = conversations.tracker()
            assert tracker.latest_action_name == ACTION_LISTEN or tracker.is_paused
            for problem in turn.problems:
                assert isinstance(problem.error, InputError | ActionRejected), problem
            again = load_tracker(save_tracker(tmp_path / "x.json", tracker), DOMAIN.slots)
            assert state(again) == state(tracker)


def state(tracker: Tracker) -> dict[str, Any]:
    parts = vars(tracker).items()
    return {key: part for key, part in parts if not key.startswith("_") and key != "derived"}
