"""Training goes on from a model: what it knew stays where it was, and what is new comes to it.

With a learning rate of next to nothing, one epoch changes no weight. So all that was carried over
shows: a model must then answer as the one before.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.assistant import Assistant
from gossamer.data import ComponentConfig, Entity, Example, ProjectConfig, TrainingData
from gossamer.data.errors import ConfigError, InputError, ModelFileError
from gossamer.data.nlu.examples import LookupTable, RegexPattern
from gossamer.data.project import Project
from gossamer.nlu.diet.component import NetworkComponent
from gossamer.nlu.diet.features import text_features
from gossamer.nlu.diet.tags import TagKind
from gossamer.nn.frozen.weights import Floats
from tests.conftest import TINY_DIET

STILL = {"learning_rate": 1e-12, "epochs": 1}
CHARS = {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 3}
SHAPES = {"features": [["low", "prefix2"], ["BOS", "EOS", "suffix2", "title"], ["upper"]]}


def example(intent: str, text: str, *entities: tuple[str, str, str | None]) -> Example:
    """An example with entities, each as its value, type and role."""
    return Example(
        text=text,
        intent=intent,
        entities=tuple(
            Entity(
                start=text.index(value),
                end=text.index(value) + len(value),
                entity=kind,
                value=value,
                role=role,
            )
            for value, kind, role in entities
        ),
    )


def data(*examples: Example, **others: Any) -> TrainingData:
    return TrainingData(examples=examples, **others)


OLD = data(
    example("greet", "hello there"),
    example("greet", "good morning friend"),
    example("greet", "Hi hello"),
    example("order", "bring me tea", ("tea", "drink", None)),
    example("order", "coffee please", ("coffee", "drink", None)),
    example("order", "two cups of tea", ("tea", "drink", None)),
    example(
        "visit_city", "from Rome to Paris", ("Rome", "place", "from"), ("Paris", "place", "to")
    ),
    example("visit_city", "a train to Oslo", ("Oslo", "place", "to")),
    example("visit_city", "fly to Rome", ("Rome", "place", "to")),
    regexes=(RegexPattern(name="number", pattern="[0-9]+|two"),),
    lookups=(LookupTable(name="drinks", elements=("tea", "coffee")),),
)
NEW = (
    example("ask_city", "what is Paris like", ("Paris", "attraction", None)),
    example("ask_city", "tell me of the tower", ("tower", "attraction", None)),
    example("ask_city", "what is the tower", ("tower", "attraction", None)),
    example("order", "a pint of ale via Oslo", ("ale", "drink", None), ("Oslo", "place", "by")),
)
GROWN = replace(
    OLD,
    examples=(*NEW[:2], *OLD.examples, *NEW[2:]),
    regexes=(RegexPattern(name="a-word", pattern="what"), *OLD.regexes),
    lookups=(
        LookupTable(name="drinks", elements=("ale", "tea", "coffee")),
        LookupTable(name="sights", elements=("tower",)),
    ),
)
TEXTS = [each.text for each in OLD.examples] + ["hello to Paris please", "tea from Oslo"]


def config(
    *, before: Sequence[tuple[str, dict[str, Any]]] = (), after: Sequence[Any] = (), **diet: Any
) -> ProjectConfig:
    options = {**TINY_DIET, "wide_path": False, "number_of_transformer_layers": 1, **diet}
    parts = (("WhitespaceTokenizer", {}), *before, ("DIETClassifier", options), *after)
    return ProjectConfig(
        language="en",
        pipeline=tuple(ComponentConfig(name=name, options=each) for name, each in parts),
    )


def trained(
    settings: ProjectConfig, examples: TrainingData, on: Any = None, **options: Any
) -> Assistant:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of data that nothing uses
        project = Project(config=settings, nlu=examples)
        return Assistant.train_project(project, finetune=on, **options)


def still(settings: ProjectConfig) -> ProjectConfig:
    """The same, but nothing is learnt."""
    return replace(
        settings,
        pipeline=tuple(
            replace(part, options={**part.options, **STILL}) if "epochs" in part.options else part
            for part in settings.pipeline
        ),
    )


WORDS = ("hello", "there", "tea", "Rome", "Paris", "Oslo")


def network(assistant: Assistant) -> NetworkComponent:
    return next(p for p in assistant.pipeline.components if isinstance(p, NetworkComponent))


def label_logits(assistant: Assistant, labels: Sequence[str]) -> Floats:
    """Scores of some labels for `TEXTS`."""
    part = network(assistant)
    rows = np.zeros((len(TEXTS), len(part.labels)), dtype=np.float32)
    for chosen, _, answer in part._answers(assistant.pipeline.process(TEXTS, before=part)):
        assert answer.label_logits is not None
        rows[chosen] = answer.label_logits
    return rows[:, [part.labels.index(label) for label in labels]]


def tag_logits(assistant: Assistant, tags: Sequence[str]) -> Floats:
    """Scores of some tags of entities for the words of `TEXTS`."""
    part = network(assistant)
    batch = assistant.pipeline.process(TEXTS, before=part)
    text = part._in_columns(text_features(part._blocks(batch.blocks), batch.lengths))
    assert part.frozen is not None
    logits = part.frozen.heads[TagKind.ENTITY].logits(part.frozen.encode(text).tokens)
    names = list(part._tag_names()[TagKind.ENTITY])
    return logits[:, [names.index(tag) for tag in tags]]


FEATURES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("RegexFeaturizer", {}),
    ("LexicalSyntacticFeaturizer", SHAPES),
    ("CountVectorsFeaturizer", {}),
    ("CountVectorsFeaturizer", CHARS),
)


@pytest.mark.parametrize(
    ("before", "options"),
    [
        (FEATURES, {"prune_features": True}),
        (FEATURES, {"prune_features": False, "use_masked_language_model": True}),
        ((("CountVectorsFeaturizer", {"use_shared_vocab": True}),), {"topology": "uniform"}),
        (FEATURES[3:], {}),  # labels without features of their names
        (FEATURES, {"hidden_layers_sizes": {"text": [16], "label": [16]}}),
        (FEATURES, {"featurizers": ["CountVectorsFeaturizer_2"], "BILOU_flag": False}),
    ],
)
def test_what_was_known_is_carried_over(
    before: tuple[tuple[str, dict[str, Any]], ...], options: dict[str, Any]
) -> None:
    settings = config(before=before, **options)
    old = trained(settings, OLD)
    new = trained(still(settings), GROWN, old)
    labels = network(old).labels
    assert network(new).labels == ("ask_city", *labels)
    assert np.allclose(label_logits(new, labels), label_logits(old, labels), atol=1e-4)
    tags = network(old)._tag_names()[TagKind.ENTITY]
    assert set(tags) < set(network(new)._tag_names()[TagKind.ENTITY])
    assert np.allclose(tag_logits(new, tags), tag_logits(old, tags), atol=1e-4)
    assert network(new).temperature == network(old).temperature


def test_roles_and_their_transitions_are_carried_over_by_name() -> None:
    settings = config(before=FEATURES)
    old = trained(settings, OLD)
    new = trained(still(settings), GROWN, old)
    names, knew = (network(each)._tag_names()[TagKind.ROLE] for each in (new, old))
    places = [names.index(name) for name in knew]
    assert places != list(range(len(knew)))
    for part in ("logits.weight", "crf.transitions"):
        now, was = (
            network(each)._weights[f"network.entity_heads.role.{part}"] for each in (new, old)
        )
        now = now[places][:, places] if part == "crf.transitions" else now[places]
        assert np.allclose(now, was, atol=1e-9)


def test_what_is_gone_is_dropped() -> None:
    settings = config(before=FEATURES)
    old = trained(settings, GROWN)
    new = trained(still(settings), OLD, old)
    labels = network(new).labels
    assert "ask_city" not in labels
    assert np.allclose(label_logits(new, labels), label_logits(old, labels), atol=1e-4)
    tags = network(new)._tag_names()[TagKind.ENTITY]
    assert not any("attraction" in tag for tag in tags)
    assert np.allclose(tag_logits(new, tags), tag_logits(old, tags), atol=1e-4)


def test_going_on_twice_and_from_a_file(tmp_path: Path) -> None:
    settings = config(before=FEATURES)
    old = trained(settings, OLD)
    labels = network(old).labels
    second = trained(still(settings), GROWN, old.save(tmp_path / "old.gossamer"))
    third = trained(still(settings), OLD, second.save(tmp_path / "second.gossamer"))
    loaded = Assistant.load(third.save(tmp_path / "third.gossamer"))
    assert np.allclose(label_logits(loaded, labels), label_logits(old, labels), atol=1e-4)


def test_the_same_seed_gives_the_same_model() -> None:
    settings = config(before=FEATURES)
    old = trained(settings, OLD)
    one, other = (trained(settings, GROWN, old) for _ in range(2))
    labels = network(one).labels
    assert np.array_equal(label_logits(one, labels), label_logits(other, labels))


def test_a_new_intent_is_learnt_and_the_old_ones_stay() -> None:
    settings = config(before=FEATURES[1:3], epochs=25, learning_rate=0.02, wide_path=True)
    old = trained(settings, OLD)
    new = trained(settings, GROWN, old, epoch_fraction=0.8)
    for assistant, examples in ((old, OLD.examples), (new, GROWN.examples)):
        parses = assistant.parse_many([each.text for each in examples])
        assert [parse.intent.name for parse in parses] == [each.intent for each in examples]
    found = new.parse("what is the tower").entities
    assert [(each.entity, each.value) for each in found] == [("attraction", "tower")]


def test_answers_get_no_worse_where_nothing_is_new() -> None:
    settings = config(before=FEATURES[1:3], epochs=30, learning_rate=0.01)
    old = trained(settings, OLD)
    new = trained(settings, OLD, old, epoch_fraction=0.01)

    def right(assistant: Assistant) -> set[tuple[str, str]]:
        """What is found as it is annotated: intents, and places of entities."""
        found = set()
        for each in OLD.examples:
            parse = assistant.parse(each.text)
            wanted = {str(entity.span) + entity.entity for entity in each.entities}
            said = {str(entity.span) + entity.entity for entity in parse.entities}
            found |= {(each.text, part) for part in wanted & said}
            found |= {(each.text, "intent")} if parse.intent.name == each.intent else set()
        return found

    assert right(old) <= right(new)
    assert len(right(old)) > len(OLD.examples)


@pytest.mark.parametrize(("fraction", "epochs"), [(0.5, 2), (0.01, 1), (2.0, 6)])
def test_a_fraction_of_the_epochs(fraction: float, epochs: int) -> None:
    settings = config(before=FEATURES[2:3], epochs=3)
    told: list[int] = []
    trained(
        settings,
        OLD,
        trained(settings, OLD),
        epoch_fraction=fraction,
        on_epoch=lambda report: told.append(report.n_epochs),
    )
    assert told == [epochs] * epochs


FAQ = {
    "faq/price": ["how much is it", "what does it cost"],
    "faq/hours": ["when do you open", "are you open on sunday"],
    "chitchat/name": ["who are you", "what is your name"],
}
ANSWERS = {
    "utter_faq/price": ({"text": "It costs ten crowns."},),
    "utter_faq/hours": ({"text": "We open at nine."},),
    "utter_chitchat/name": ({"text": "I am an assistant."},),
    "utter_chitchat/joke": ({"text": "No jokes at ten."},),
}


def faq(*more: tuple[str, str]) -> TrainingData:
    pairs = [(intent, text) for intent, texts in FAQ.items() for text in texts]
    examples = tuple(example(intent, text) for intent, text in (*more, *pairs))
    return replace(data(*examples), responses=ANSWERS)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_text_as_label": True},
        {"use_text_as_label": True, "share_hidden_layers": True, "prune_features": True},
    ],
)
def test_a_new_response(options: dict[str, Any]) -> None:
    sizes = {"text": [16], "label": [16]}
    options = {"epochs": 8, "random_seed": 1, "hidden_layers_sizes": sizes, **options}
    is_shared = "share_hidden_layers" in options
    settings = ProjectConfig(
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name="CountVectorsFeaturizer", options={"use_shared_vocab": is_shared}),
            ComponentConfig(name="ResponseSelector", options=options),
        )
    )
    old = trained(settings, faq())
    new = trained(
        still(settings), faq(("chitchat/joke", "make me laugh"), ("faq/price", "price")), old
    )
    labels = network(old).labels
    assert network(new).labels == ("chitchat/joke", *labels)
    assert np.allclose(label_logits(new, labels), label_logits(old, labels), atol=1e-3)


def test_dense_features_go_on(tmp_path: Path) -> None:
    words = ["hello", "there", "tea", "Rome", "Paris", "Oslo", "to", "from", "tower", "what"]
    rows = [f"{word} {number} {number % 3} 1" for number, word in enumerate(words)]
    (tmp_path / "words.vec").write_text("\n".join(rows) + "\n", "utf-8")
    vectors = {"vectors": str(tmp_path / "words.vec")}
    settings = config(before=(("StaticVectorsFeaturizer", vectors), *FEATURES[2:]))
    old = trained(settings, OLD)
    new = trained(still(settings), GROWN, old)
    labels = network(old).labels
    assert np.allclose(label_logits(new, labels), label_logits(old, labels), atol=1e-4)


def test_clusters_keep_their_columns(tmp_path: Path) -> None:
    clusters = {"hello": "1010", "there": "1011", "tea": "1110", "tower": "0000", "what": "1100"}
    rows = [f"{path}\t{word}\t1" for word, path in clusters.items()]
    (tmp_path / "paths").write_text("\n".join(rows) + "\n", "utf-8")
    options = {"clusters": str(tmp_path / "paths"), "prefixes": [1, 2, 4]}
    settings = config(before=(("WordClustersFeaturizer", options), *FEATURES[2:3]))
    old = trained(settings, OLD)
    new = trained(still(settings), GROWN, old)
    again = Assistant.load(new.save(tmp_path / "new.gossamer"))
    labels = network(old).labels
    assert np.allclose(label_logits(again, labels), label_logits(old, labels), atol=1e-4)
    featurizer = new.pipeline.components[1]
    state = featurizer.state()
    for lie in (["1", "1"], ["1"], "1", [1]):
        with pytest.raises(ModelFileError):
            featurizer.restore(replace(state, json={**state.json, "columns": lie}))


def test_clusters_that_are_gone_keep_their_columns_in_the_file_of_the_model(tmp_path: Path) -> None:
    """Columns in alphabetical order, some of which no word has any more."""
    file = tmp_path / "clusters"
    file.write_text(
        "".join(f"{word}\t{name}\n" for word, name in zip(WORDS, "AAABBB", strict=True)), "utf-8"
    )
    settings = config(before=[("WordClustersFeaturizer", {"clusters": str(file)})])
    old = without_sources(trained(settings, OLD))
    file.write_text(
        "".join(f"{word}\t{name}\n" for word, name in zip(WORDS, "BBBCCC", strict=True)), "utf-8"
    )
    new = trained(settings, OLD, old)
    again = Assistant.load(new.save(tmp_path / "new.gossamer"))
    assert again.parse_many(TEXTS) == new.parse_many(TEXTS)


def without_sources(assistant: Assistant) -> Assistant:
    """The same, as of a file that does not tell what it was learnt from."""
    assistant.pipeline.learnt_from.clear()
    return assistant


def test_an_earlier_format_goes_on(tmp_path: Path) -> None:
    """As models were before labels' temperature and chosen columns were stored."""
    settings = config(before=FEATURES, prune_features=False, calibrate=False)
    old = trained(settings, OLD)
    part = network(old)
    state = part.state()
    for name in ("temperature", "trusts_all"):
        del state.json[name]  # type: ignore[attr-defined]
    part.restore(state)
    new = trained(still(settings), GROWN, old)
    assert np.allclose(label_logits(new, part.labels), label_logits(old, part.labels), atol=1e-4)


# -- what is refused ------------------------------------------------------------------------------


def refused(settings: ProjectConfig, old: Assistant, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        trained(settings, GROWN, old, **options)
    return str(caught.value)


@pytest.fixture(scope="module")
def model() -> Assistant:
    return trained(config(before=FEATURES[2:3], after=[("EntitySynonymMapper", {})]), OLD)


def test_another_pipeline_is_refused_by_name(model: Assistant) -> None:
    told = refused(config(before=FEATURES[1:3]), model)
    assert "LexicalSyntacticFeaturizer is new; EntitySynonymMapper is gone" in told
    assert "Try: training without --finetune" in told
    assert "another order" in refused(
        config(before=FEATURES[1:3]), trained(config(before=FEATURES[2:0:-1], epochs=1), OLD)
    )


def test_other_options_are_refused_by_name(model: Assistant) -> None:
    after: list[Any] = [("EntitySynonymMapper", {})]
    told = refused(config(before=FEATURES[2:3], after=after, transformer_size=32), model)
    assert "DIETClassifier: transformer_size is 32, was 16" in told
    words = ("CountVectorsFeaturizer", {"lowercase": False})
    told = refused(config(before=[words], after=after), model)
    assert "CountVectorsFeaturizer: lowercase is False, was True" in told


def test_how_it_learns_may_change(model: Assistant) -> None:
    how = {"learning_rate": 0.01, "batch_size": 4, "epochs": 1, "ranking_length": 2}
    settings = config(before=FEATURES[2:3], after=[("EntitySynonymMapper", {})], **how)
    assert len(trained(settings, OLD, model).parse("hello").intent_ranking) == 2


@pytest.mark.parametrize("fraction", [0.0, -1.0, float("nan"), float("inf"), 1e308])
def test_a_fraction_that_is_none(model: Assistant, fraction: float) -> None:
    settings = config(before=FEATURES[2:3], after=[("EntitySynonymMapper", {})])
    assert "epoch_fraction must be above 0" in refused(settings, model, epoch_fraction=fraction)


def test_dense_features_of_another_width_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "words.vec"
    settings = config(before=[("StaticVectorsFeaturizer", {"vectors": str(file)})])
    file.write_text("hello 1 2 3\ntea 2 3 4\n", "utf-8")
    old = trained(settings, OLD)
    file.write_text("hello 1 2 3 4\ntea 2 3 4 5\n", "utf-8")
    with pytest.raises(ConfigError, match="dense features as before"):
        trained(settings, OLD, without_sources(old))


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "words.vec"
    settings = config(before=[("StaticVectorsFeaturizer", {"vectors": str(file)})])
    file.write_text("hello 1 2 3\ntea 2 3 4\n", "utf-8")
    old = Assistant.load(trained(settings, OLD).save(tmp_path / "old.gossamer"))
    assert trained(settings, OLD, old)
    file.write_text("hello 1 2 3\ntea -2 -3 -4\n", "utf-8")
    told = refused(settings, old)
    assert "StaticVectorsFeaturizer: the files that it reads have changed" in told
    assert "Try: those it was trained with, or training without --finetune" in told
    file.unlink()
    told = refused(settings, old)
    assert "have changed" not in told and "must be a file" in told


def test_no_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        trained(config(before=FEATURES[2:3]), OLD, tmp_path / "none.gossamer")
