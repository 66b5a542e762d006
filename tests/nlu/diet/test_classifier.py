"""DIET as a component: batches, odd messages, seeds, what it leaves alone, what it refuses."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gossamer.assistant import Assistant
from gossamer.data import ProjectConfig
from gossamer.data.errors import DataError, Location, ModelFileError
from gossamer.data.nlu.examples import Entity, Example, TrainingData
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.pipeline.messages import ComponentState, Parse

Make = Callable[..., ProjectConfig]
ODD = [
    "fly from Rome to New York on Monday",
    "",
    "   \t\n",
    "🙂",
    "🙂🙂 👍🏽 🇫🇷",
    "?!",
    "hello",
    "xyzzy qwertz",
    "one small pizza, a large soup",
    " ".join(["train to Oslo"] * 100),
    "naïve café ﬁn İstanbul",
    "a",
]


def diet(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))


def same(one: Parse, other: Parse) -> None:
    assert one.intent.name == other.intent.name
    assert one.intent.confidence == pytest.approx(other.intent.confidence, abs=1e-4)
    assert [i.confidence for i in one.intent_ranking] == pytest.approx(
        [i.confidence for i in other.intent_ranking], abs=1e-4
    )
    for a, b in zip(one.entities, other.entities, strict=True):
        assert a.confidence == pytest.approx(b.confidence, abs=1e-4)
        assert (a.start, a.end, a.entity, a.value) == (b.start, b.end, b.entity, b.value)
        assert (a.role, a.group) == (b.role, b.group)


def state_of(assistant: Assistant) -> dict[str, torch.Tensor]:
    network = diet(assistant).network
    assert network is not None
    return network.state_dict()


def equal(one: Assistant, other: Assistant) -> bool:
    a, b = state_of(one), state_of(other)
    return all(torch.equal(a[name], b[name]) for name in a)


def test_it_learns_its_examples(travel_assistant: Assistant, travel_data: TrainingData) -> None:
    parses = travel_assistant.parse_many([e.text for e in travel_data.examples])
    for parse, example in zip(parses, travel_data.examples, strict=True):
        assert parse.intent.name == example.intent
        assert [(e.start, e.end, e.entity, e.role, e.group) for e in parse.entities] == [
            (e.start, e.end, e.entity, e.role, e.group) for e in example.entities
        ]
        assert all(e.extractor == "DIETClassifier" for e in parse.entities)
        assert all(0 < (e.confidence or 0) <= 1 for e in parse.entities)


def test_a_batch_is_answered_as_each_message_alone(
    travel_assistant: Assistant, travel_data: TrainingData
) -> None:
    texts = [*ODD, *(e.text for e in travel_data.examples)] * 3
    for text, together in zip(texts, travel_assistant.parse_many(texts), strict=True):
        assert together.text == text
        same(together, travel_assistant.parse(text))


def test_confidences_of_the_whole_ranking(travel_assistant: Assistant) -> None:
    parse = travel_assistant.parse("hello")
    confidences = [intent.confidence for intent in parse.intent_ranking]
    assert sum(confidences) == pytest.approx(1.0, abs=1e-4)
    assert confidences == sorted(confidences, reverse=True)
    assert parse.intent == parse.intent_ranking[0]
    assert {i.name for i in parse.intent_ranking} == set(diet(travel_assistant).intents)


@pytest.mark.parametrize("text", ["", "   \t\n"])
def test_blank_texts_mean_nothing(travel_assistant: Assistant, text: str) -> None:
    parse = travel_assistant.parse(text)
    assert (parse.intent.name, parse.intent.confidence) == (None, 0.0)
    assert parse.intent_ranking == [] and parse.entities == []


@pytest.mark.parametrize("text", [text for text in ODD if text.strip()], ids=ascii)
def test_odd_texts_are_answered(travel_assistant: Assistant, text: str) -> None:
    parse = travel_assistant.parse(text)
    assert parse.intent.name in (*diet(travel_assistant).labels, None)
    assert np.isfinite(parse.intent.confidence)
    for entity in parse.entities:
        assert text[entity.start : entity.end] == entity.value


def test_seed_decides_everything(tiny_config: Make, travel_data: TrainingData) -> None:
    options = {
        "use_masked_language_model": True,
        "evaluate_on_number_of_examples": 5,
        "evaluate_every_number_of_epochs": 1,
    }
    one, again, other = (
        Assistant.train(tiny_config({**options, "random_seed": seed}), travel_data)
        for seed in (3, 3, 4)
    )
    assert equal(one, again)
    assert one.parse("fly to Rome") == again.parse("fly to Rome")
    assert not equal(one, other)
    connections = [
        [name for name in state_of(a) if name.endswith(".indices")] for a in (one, other)
    ]
    assert connections[0] == connections[1] != []
    assert any(
        not torch.equal(state_of(one)[name], state_of(other)[name]) for name in connections[0]
    ), "the topology follows the seed as well"


def test_the_callers_random_state_neither_counts_nor_changes(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    trained = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]  # noqa: NPY002
        trained.append(Assistant.train(tiny_config({"epochs": 1}), travel_data))
        trained[-1].parse("hello")
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index]  # noqa: NPY002
    assert equal(*trained)


def test_the_generators_of_other_devices_are_left_alone(
    tiny_config: Make, travel_data: TrainingData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Seeding all devices, as `torch.manual_seed` does, could not be undone cheaply."""
    seeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    assistant = Assistant.train(tiny_config({"epochs": 1}), travel_data)
    Assistant.load(assistant.save(tmp_path / "m"))
    assert seeded == []


def test_without_a_seed_a_new_one_is_drawn_and_kept(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    config = tiny_config({"random_seed": None, "epochs": 1})
    one, other = Assistant.train(config, travel_data), Assistant.train(config, travel_data)
    assert diet(one).seed != diet(other).seed
    assert diet(one).state().json["seed"] == diet(one).seed
    again = Assistant.train(tiny_config({"random_seed": diet(one).seed, "epochs": 1}), travel_data)
    assert equal(one, again) and not equal(one, other)


def test_threads_change_nothing_beyond_rounding(travel_assistant: Assistant) -> None:
    before = torch.get_num_threads()
    try:
        results = []
        for n in (1, 2):
            torch.set_num_threads(n)
            results.append(travel_assistant.parse_many(ODD[:9]))
    finally:
        torch.set_num_threads(before)
    for one, other in zip(*results, strict=True):
        same(one, other)


def test_parsing_changes_no_weight_and_answers_stay(travel_assistant: Assistant) -> None:
    before = {name: value.clone() for name, value in state_of(travel_assistant).items()}
    first, second = (travel_assistant.parse_many(ODD) for _ in range(2))
    assert first == second
    assert all(torch.equal(value, before[n]) for n, value in state_of(travel_assistant).items())
    assert torch.is_grad_enabled()


def test_training_again_forgets_the_first_time(
    tiny_config: Make, travel_data: TrainingData
) -> None:
    from gossamer.nlu.pipeline.pipeline import Pipeline

    pipeline = Pipeline.from_config(tiny_config({"epochs": 1}))
    first_four = TrainingData(examples=travel_data.examples[2:9])
    for data in (travel_data, first_four, travel_data):
        pipeline.train(data)
    (parse,) = pipeline.parse(["fly to Rome"])
    assert parse == Assistant.train(tiny_config({"epochs": 1}), travel_data).parse("fly to Rome")


def test_no_annotation_no_entity_head(tiny_config: Make) -> None:
    data = TrainingData(
        examples=(Example(text="hi", intent="a"), Example(text="bye now", intent="b"))
    )
    assistant = Assistant.train(tiny_config({"epochs": 1}), data)
    assert diet(assistant).tag_sets == {}
    assert assistant.parse("hi").entities == []


def test_retrieval_intents_count_as_their_base(tiny_config: Make) -> None:
    data = TrainingData(
        examples=(
            Example(text="how much", intent="faq/price"),
            Example(text="where are you", intent="faq/place"),
            Example(text="hi", intent="greet"),
        )
    )
    assistant = Assistant.train(tiny_config({"epochs": 1}), data)
    assert assistant.intents == ["faq", "greet"]


def test_one_example_of_each_intent(tiny_config: Make) -> None:
    data = TrainingData(examples=(Example(text="a", intent="x"), Example(text="b", intent="y")))
    assert Assistant.train(tiny_config(), data).parse("a").intent.name in ("x", "y")


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (
            [("hi", "greet"), ("hello", "greet")],
            r"at least two intents .*\['greet'\].*intent_classification: false",
        ),
        ([("hi", None), ("hello", None)], r"examples with an intent .*none usable"),
    ],
)
def test_too_few_intents(
    tiny_config: Make, examples: list[tuple[str, str | None]], message: str
) -> None:
    data = TrainingData(examples=tuple(Example(text=t, intent=i) for t, i in examples))
    with pytest.raises(DataError, match=message):
        Assistant.train(tiny_config(), data)


def test_an_annotation_within_a_word_is_told(tiny_config: Make) -> None:
    place = Location(Path("nlu.yml"), 7)
    part = Entity(start=3, end=7, entity="city", value="Rome")
    data = TrainingData(
        examples=(
            Example(text="to Romeville", intent="a", entities=(part,), where=place),
            Example(text="hi", intent="b"),
        )
    )
    with pytest.warns(UserWarning, match=r"nlu.yml:7: the entity 'Rome' \(city\) in .* does not"):
        Assistant.train(tiny_config({"epochs": 1}), data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Assistant.train(tiny_config({"epochs": 1, "entity_recognition": False}), data)


@pytest.mark.parametrize("is_bilou", [True, False])
def test_annotations_that_overlap_are_told_and_train(tiny_config: Make, is_bilou: bool) -> None:
    text, place = "to new york city", Location(Path("nlu.json"), 7)
    parts = [(3, 16, "city"), (7, 11, "state"), (7, 11, "region")]
    data = TrainingData(
        examples=(
            Example(
                text=text,
                intent="a",
                entities=tuple(
                    Entity(start=start, end=end, entity=name, value=text[start:end])
                    for start, end, name in parts
                ),
                where=place,
            ),
            Example(text="hi", intent="b"),
        )
    )
    with pytest.warns(UserWarning, match=r"nlu.json:7: the annotation 'york' \(state\) overlaps"):
        Assistant.train(tiny_config({"epochs": 1, "BILOU_flag": is_bilou}), data)


def test_an_untrained_component_says_nothing_and_stores_nothing() -> None:
    from gossamer.nlu.diet.options import DIETOptions
    from gossamer.nlu.pipeline.messages import MessageBatch

    component = DIETComponent(DIETOptions())
    batch = MessageBatch(texts=["hi"])
    component.process(batch)
    assert batch.parses == [Parse(text="hi")]
    assert component.state() == ComponentState() and component.intents == ()
    component.restore(ComponentState())
    assert component.network is None


def altered(state: ComponentState, json: dict[str, Any], arrays: dict[str, Any]) -> ComponentState:
    kept = {name: value for name, value in {**state.arrays, **arrays}.items() if value is not None}
    return ComponentState(json={**state.json, **json}, arrays=kept)


@pytest.mark.parametrize(
    ("json", "arrays"),
    [
        ({"labels": ["only one"]}, {}),
        ({"labels": None}, {}),
        ({"tags": {"nonsense": ["O"]}}, {}),
        ({"sequence_widths": [1, 2, 3]}, {}),
        ({"sequence_widths": [5, 0]}, {}),
        ({}, {"network.text_embedding.weight": None}),
        ({}, {"network.text_embedding.weight": np.zeros((3, 3), np.float32)}),
        ({}, {"network.encoder.input.indices": np.full((1, 1), 10**6)}),
        ({}, {"labels.indptr": None}),
    ],
    ids=str,
)
def test_a_stored_state_that_does_not_fit(
    travel_assistant: Assistant, json: dict[str, Any], arrays: dict[str, Any]
) -> None:
    trained = diet(travel_assistant)
    fresh = DIETComponent(trained.options)
    with pytest.raises(ModelFileError, match="stored weights must fit the stored options"):
        fresh.restore(altered(trained.state(), json, arrays))
