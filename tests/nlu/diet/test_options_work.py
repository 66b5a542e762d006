"""Every option is taken to a tiny training: each does something, and the model can be stored."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from gossamer.assistant import Assistant
from gossamer.data import ProjectConfig
from gossamer.data.errors import ConfigError, DataError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.network import DIETNetwork
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.stored_weights import weights_to_arrays
from gossamer.nlu.learning.options import LearningOptions
from gossamer.nlu.pipeline import registry
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochReport
from gossamer.nlu.pipeline.messages import FeatureBlock, MessageBatch, Parse, TrainingBatch
from gossamer.nlu.pipeline.pipeline import register
from gossamer.nn.features import Features

Steps = tuple[tuple[str, Mapping[str, Any]], ...]
TEXTS = ("fly from Rome to New York on Monday", "hello", "a small pizza, please", "hello xyzzy 🙂")
WORDS: Steps = (("WhitespaceTokenizer", {}), ("CountVectorsFeaturizer", {}))


class DenseOptions(ComponentOptions):
    alias: str | None = None
    width: int = 3
    sequence: bool = True
    sentence: bool = True
    label: bool = False


class DenseFeaturizer(Component):
    """Numbers made of letters, for every token and for the whole text."""

    name: ClassVar[str] = "DenseTestFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = DenseOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})

    def process(self, batch: MessageBatch) -> None:
        o = self.options
        tokens = [token.text for found in batch.tokens for token in found]
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias,
                sequence=self._rows(tokens) if o.sequence else None,
                sentence=self._rows(list(batch.texts)) if o.sentence else None,
            )
        )
        if isinstance(batch, TrainingBatch) and o.label:
            block = FeatureBlock(origin=self.alias, sequence=self._rows(list(batch.labels)))
            batch.label_blocks.append(block)

    def _rows(self, texts: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        width = self.options.width
        rows = [[sum(map(ord, text[i::width])) % 97 / 97 for i in range(width)] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), width)


@pytest.fixture(scope="module", autouse=True)
def _dense_featurizer() -> Iterator[None]:
    register(DenseFeaturizer)
    yield
    registry._registered.pop(DenseFeaturizer.name)


def diet(assistant: Assistant) -> DIETComponent:
    return next(c for c in assistant.pipeline.components if isinstance(c, DIETComponent))


def network(assistant: Assistant) -> DIETNetwork:
    found = diet(assistant).network
    assert found is not None
    return found


def weights(assistant: Assistant) -> dict[str, torch.Tensor]:
    return network(assistant).state_dict()


def differs(one: Assistant, other: Assistant) -> bool:
    """Whether two trainings ended in different weights."""
    a, b = weights(one), weights(other)
    return set(a) != set(b) or any(
        a[name].shape != b[name].shape or not torch.equal(a[name], b[name]) for name in a
    )


def n_weights(assistant: Assistant) -> int:
    return sum(p.numel() for p in network(assistant).parameters())


class Trainer:
    """Trains tiny assistants and checks that each one survives being stored."""

    def __init__(
        self, make: Callable[..., ProjectConfig], data: TrainingData, folder: Path
    ) -> None:
        self._make, self._data, self._folder = make, data, folder
        self.plain = self()

    def __call__(
        self, options: Mapping[str, Any] | None = None, *, before: Steps | None = None
    ) -> Assistant:
        steps = {} if before is None else {"before": before}
        assistant = Assistant.train(self._make(options, **steps), self._data)
        path = assistant.save(self._folder / "model.gossamer")
        loaded = Assistant.load(path)
        assert [p.to_dict() for p in loaded.parse_many(TEXTS)] == [
            p.to_dict() for p in assistant.parse_many(TEXTS)
        ]
        assert not differs(assistant, loaded)
        return assistant


@pytest.fixture(scope="module")
def train(
    tiny_config: Callable[..., ProjectConfig],
    travel_data: TrainingData,
    tmp_path_factory: pytest.TempPathFactory,
) -> Trainer:
    return Trainer(tiny_config, travel_data, tmp_path_factory.mktemp("models"))


# -- options that change what is learnt --------------------------------------------------------

CHANGES_TRAINING: list[dict[str, Any]] = [
    {"hidden_layers_sizes": {"text": [12], "label": []}},
    {"hidden_layers_sizes": {"text": [], "label": [12, 6]}},
    {"transformer_size": 24},
    {"number_of_transformer_layers": 1},
    {"number_of_transformer_layers": 0},
    {"number_of_attention_heads": 4},
    {"use_key_relative_attention": True},
    {"use_value_relative_attention": True},
    {"unidirectional_encoder": True},
    {"unidirectional_encoder": True, "use_key_relative_attention": True},
    {"batch_size": [4, 8]},
    {"batch_strategy": "sequence"},
    {"epochs": 1},
    {"epochs": 0},
    {"random_seed": 8},
    {"learning_rate": 0.01},
    {"embedding_dimension": 5},
    {"dense_dimension": {"text": 12}},
    {"dense_dimension": {"label": 12}},
    {"number_of_negative_examples": 3},
    {"similarity_type": "cosine"},
    {"loss_type": "margin", "constrain_similarities": False},
    {"constrain_similarities": False},
    {"regularization_constant": 0.1},
    {"drop_rate": 0.5},
    {"drop_rate": 0.0},
    {"drop_rate_attention": 0.3},
    {"connection_density": 0.0},
    {"connection_density": 0.6},
    {"connection_density": 1.0},
    {"use_sparse_input_dropout": False},
    {"use_dense_input_dropout": False},
    {"evaluate_on_number_of_examples": 5, "evaluate_every_number_of_epochs": 1},
    {"intent_classification": False},
    {"entity_recognition": False},
    {"use_masked_language_model": True},
    {"BILOU_flag": False},
    {"featurizers": ["CountVectorsFeaturizer"]},
    {"drop_small_last_batch": True, "batch_size": 16, "batch_strategy": "sequence"},
    {"weight_averaging": 0.0, "epochs": 20},
    {"constrain_tags": False},
    {"mention_replacement": 0.0},
    {"topology": "uniform"},
    {"topology": "fan_in"},
    {"max_group_size": 1},
    {"context_window": 0},
    {"context_window": 3},
    {"wide_path": False},
    {"label_smoothing": 0.0},
    {"regularize_labels": True},
    {"prune_features": False},
    {"rasa_defaults": True},
]


@pytest.mark.thinned(4)
@pytest.mark.parametrize("options", CHANGES_TRAINING, ids=str)
def test_training_is_changed(train: Trainer, options: dict[str, Any]) -> None:
    base = {name: options[name] for name in options if name in ("epochs", "batch_size")}
    if len(options) == 1 or "use_key_relative_attention" in options:
        base = {}
    else:
        base.setdefault("batch_strategy", options.get("batch_strategy", "balanced"))
    other = train(base) if base else train.plain
    assert differs(other, train(options))


MARGIN = {"loss_type": "margin", "constrain_similarities": False}
NEEDS_ANOTHER: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (MARGIN, {"maximum_positive_similarity": -0.5}),
    (MARGIN, {"maximum_negative_similarity": 0.3}),
    (MARGIN, {"use_maximum_negative_similarity": False}),
    (MARGIN, {"negative_margin_scale": 0.1}),
    (MARGIN, {"similarity_type": "inner"}),
    ({"use_key_relative_attention": True}, {"max_relative_position": 1}),
    ({"epochs": 8, "learning_rate": 0.03}, {"scale_loss": True}),
    (
        {
            "hidden_layers_sizes": {"text": [8], "label": [8]},
            "dense_dimension": {"text": 16, "label": 16},
        },
        {"share_hidden_layers": True},
    ),
]


@pytest.mark.thinned(1)
@pytest.mark.parametrize(("given", "more"), NEEDS_ANOTHER, ids=str)
def test_training_is_changed_beside_another_option(
    train: Trainer, given: dict[str, Any], more: dict[str, Any]
) -> None:
    assert differs(train(given), train({**given, **more}))


def test_concat_dimension_counts_where_widths_differ(train: Trainer) -> None:
    before: Steps = (*WORDS, ("DenseTestFeaturizer", {"sequence": False}))
    one, other = (train({"concat_dimension": {"text": n}}, before=before) for n in (10, 12))
    for assistant, width in ((one, 10), (other, 12)):
        found = network(assistant)
        assert found.sequence_unify is not None and found.sentence_unify is not None
        assert found.sequence_unify.width == found.sentence_unify.width == width
    assert network(train.plain).sequence_unify is None


def test_checkpoint_keeps_the_best(train: Trainer) -> None:
    given = {
        "evaluate_on_number_of_examples": 5,
        "evaluate_every_number_of_epochs": 1,
        "epochs": 8,
        "learning_rate": 0.3,
        "weight_averaging": 0.0,
    }
    assert differs(train(given), train({**given, "checkpoint_model": True}))


# -- options that change the answer only ----------------------------------------------------------


def parses(assistant: Assistant) -> list[Parse]:
    return assistant.parse_many(TEXTS)


@pytest.mark.parametrize(("length", "expected"), [(0, 4), (1, 1), (2, 2), (4, 4), (9, 4)])
def test_ranking_length(train: Trainer, length: int, expected: int) -> None:
    found = train({"ranking_length": length})
    assert not differs(found, train.plain)
    for parse, whole in zip(parses(found), parses(train.plain), strict=True):
        assert parse.intent_ranking == whole.intent_ranking[:expected]
        assert parse.intent == parse.intent_ranking[0]


def test_renormalize_confidences(train: Trainer) -> None:
    found = train({"ranking_length": 2, "renormalize_confidences": True})
    assert not differs(found, train.plain)
    for parse, whole in zip(parses(found), parses(train.plain), strict=True):
        kept = whole.intent_ranking[:2]
        total = sum(intent.confidence for intent in kept)
        assert [i.name for i in parse.intent_ranking] == [i.name for i in kept]
        assert [i.confidence for i in parse.intent_ranking] == pytest.approx(
            [i.confidence / total for i in kept]
        )
        assert parse.intent == parse.intent_ranking[0], "as in Rasa, the intent's own as well"


def test_margin_reports_similarities(train: Trainer) -> None:
    found = [parse.intent_ranking for parse in parses(train(MARGIN))]
    assert all(-1 <= i.confidence <= 1.00001 for ranking in found for i in ranking)
    assert any(abs(sum(i.confidence for i in ranking) - 1) > 0.01 for ranking in found)


def test_split_entities_by_comma(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    """The same network, read in three ways; it is made to see a city in every token."""
    values = []
    for split in (True, False, {"city": False, "day": True}, {"day": False}):
        config = tiny_config({"split_entities_by_comma": split, "BILOU_flag": False, "epochs": 0})
        assistant = Assistant.train(config, travel_data)
        heads = network(assistant).entity_heads
        with torch.no_grad():
            for head in heads.values():
                head.get_parameter("logits.bias").zero_()
            tag_set = diet(assistant).tag_sets
            city = next(s for s in tag_set.values() if "city" in s.tags).tags.index("city")
            heads["entity"].get_parameter("logits.bias")[city] = 100.0
            for kind in ("role", "group"):
                heads[kind].get_parameter("logits.bias")[0] = 100.0
        diet(assistant)._weights = weights_to_arrays(network(assistant))
        diet(assistant)._freeze()
        values.append([entity.value for entity in assistant.parse("Rome, Oslo").entities])
    assert values == [["Rome", "Oslo"], ["Rome, Oslo"], ["Rome, Oslo"], ["Rome", "Oslo"]]


@pytest.mark.parametrize(
    "options",
    [
        {"run_eagerly": True},
        {"tensorboard_log_level": "batch"},
        {"tensorboard_log_directory": "logs"},
    ],
    ids=str,
)
def test_accepted_and_said_to_be_without_effect(train: Trainer, options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.warns(UserWarning, match=f"option '{name}' of DIETClassifier changes nothing"):
        assert not differs(train.plain, train(options))
    assert LearningOptions.__doc__ is not None and f"{name}: " in LearningOptions.__doc__


def test_every_option_is_tried_here() -> None:
    tried = {name for options in CHANGES_TRAINING for name in options}
    tried |= {name for pair in NEEDS_ANOTHER for options in pair for name in options}
    tried |= {"concat_dimension", "checkpoint_model", "evaluate_every_number_of_epochs"}
    tried |= {"ranking_length", "renormalize_confidences", "split_entities_by_comma"}
    tried |= {"run_eagerly", "tensorboard_log_level", "tensorboard_log_directory"}
    # The rest can only hold what they hold (see the errors in `test_diet_options`), or needs more
    # examples (`test_diet_calibrating`).
    assert set(DIETOptions.model_fields) - tried == {"model_confidence", "calibrate"}


# -- what the options mean --------------------------------------------------------------------


@pytest.mark.slow
def test_fewer_connections_fewer_weights(train: Trainer) -> None:
    counts = [n_weights(train({"connection_density": d})) for d in (0.0, 0.2, 0.6, 1.0)]
    assert counts == sorted(counts) and len(set(counts)) == 4


def test_shared_hidden_layers_are_one(train: Trainer) -> None:
    given = {
        "hidden_layers_sizes": {"text": [8], "label": [8]},
        "dense_dimension": {"text": 16, "label": 16},
    }
    apart, shared = train(given), train({**given, "share_hidden_layers": True})
    assert network(shared).label_hidden is network(shared).hidden
    layer = sum(p.numel() for p in network(apart).hidden.parameters())
    assert n_weights(apart) - n_weights(shared) == layer


def test_bag_of_words_looks_at_sentence_features_only(train: Trainer) -> None:
    found = train({"number_of_transformer_layers": 0, "entity_recognition": False})
    assert not network(found).has_sequence and network(found).encoder is None
    with_entities = train({"number_of_transformer_layers": 0})
    assert network(with_entities).has_sequence


def test_intents_only_and_entities_only(train: Trainer) -> None:
    intents = train({"entity_recognition": False})
    assert all(parse.entities == [] and parse.intent.name for parse in parses(intents))
    assert not network(intents).entity_heads
    entities = train({"intent_classification": False})
    assert all(parse.intent.name is None for parse in parses(entities))
    assert all(parse.intent_ranking == [] for parse in parses(entities))
    assert entities.intents == []
    assert set(network(entities).entity_heads) == {"entity", "role", "group"}


def test_without_bilou_tags_are_names(train: Trainer) -> None:
    tags = {s.kind.value: s.tags for s in diet(train({"BILOU_flag": False})).tag_sets.values()}
    assert tags["entity"] == ("O", "city", "day", "dish", "size")
    assert tags["role"] == ("O", "from", "to") and tags["group"] == ("O", "1", "2")


def test_intent_tokenization_gives_labels_common_features(train: Trainer) -> None:
    split = {"intent_tokenization_flag": True, "intent_split_symbol": "r"}
    before: Steps = (("WhitespaceTokenizer", split), ("CountVectorsFeaturizer", {}))
    found = train(before=before)
    assert differs(train(before=WORDS), found)
    labels = network(found).labels
    assert isinstance(labels, Features) and labels.sparse is not None
    n_words = labels.sparse.toarray().sum(axis=1).tolist()
    per_label = dict(zip(diet(found).labels, n_words, strict=True))
    assert per_label["bye"] == 1 and per_label["greet"] == 2


# -- features ---------------------------------------------------------------------------------

FEATURES: dict[str, Steps] = {
    "dense only": (WORDS[0], ("DenseTestFeaturizer", {})),
    "dense beside sparse": (*WORDS, ("DenseTestFeaturizer", {})),
    "dense sequence only": (*WORDS, ("DenseTestFeaturizer", {"sentence": False})),
    "dense sentence only": (*WORDS, ("DenseTestFeaturizer", {"sequence": False})),
    "no sentence features": (WORDS[0], ("DenseTestFeaturizer", {"sentence": False})),
    "dense labels": (*WORDS, ("DenseTestFeaturizer", {"label": True})),
    "two dense ones": (
        WORDS[0],
        ("DenseTestFeaturizer", {}),
        ("DenseTestFeaturizer", {"width": 2, "alias": "second"}),
    ),
    "lexical only": (WORDS[0], ("LexicalSyntacticFeaturizer", {})),
}


@pytest.mark.thinned(1)
@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("steps", FEATURES.values(), ids=FEATURES)
def test_features_of_all_kinds(train: Trainer, steps: Steps, layers: int) -> None:
    for mlm in {False, layers > 0}:
        options = {"number_of_transformer_layers": layers, "use_masked_language_model": mlm}
        for parse in parses(train(options, before=steps)):
            assert parse.intent.name is not None
            assert 0 <= parse.intent.confidence <= 1


def test_sentence_features_alone_give_intents_but_no_entities(train: Trainer) -> None:
    steps: Steps = (WORDS[0], ("DenseTestFeaturizer", {"sequence": False}))
    with pytest.raises(ConfigError, match="entity recognition needs features of tokens"):
        train(before=steps)
    found = train({"entity_recognition": False}, before=steps)
    assert parses(found)[0].intent.name is not None
    with pytest.raises(ConfigError, match="use_masked_language_model needs features of tokens"):
        train({"entity_recognition": False, "use_masked_language_model": True}, before=steps)


def test_bag_of_words_without_sentence_features(train: Trainer) -> None:
    steps: Steps = (WORDS[0], ("LexicalSyntacticFeaturizer", {}))
    with pytest.raises(ConfigError, match=r"DIETClassifier needs features .*CountVectors"):
        train({"number_of_transformer_layers": 0, "entity_recognition": False}, before=steps)


def test_labels_without_features_are_told_apart_by_number(train: Trainer) -> None:
    labels = network(train(before=FEATURES["lexical only"])).labels
    assert isinstance(labels, Features) and labels.dense is not None
    assert np.array_equal(labels.dense, np.eye(4, dtype=np.float32))


@pytest.mark.parametrize("steps", [FEATURES["lexical only"], FEATURES["dense beside sparse"]])
def test_shared_layers_need_features_of_one_width(train: Trainer, steps: Steps) -> None:
    options = {
        "share_hidden_layers": True,
        "hidden_layers_sizes": {"text": [8], "label": [8]},
        "dense_dimension": {"text": 16, "label": 16},
    }
    with pytest.raises(ConfigError, match=r"share_hidden_layers needs .*same width"):
        train(options, before=steps)


def test_featurizers_by_alias(train: Trainer) -> None:
    steps: Steps = (*WORDS, ("CountVectorsFeaturizer", {"alias": "letters", "analyzer": "char"}))
    widths = {}
    for names in ([], ["letters"], ["CountVectorsFeaturizer"]):
        widths[len(names), "letters" in names] = network(
            train({"featurizers": names, "prune_features": False}, before=steps)
        ).sequence_input
    n_rows = {key: part.table.weight.shape[0] for key, part in widths.items() if part.table}
    assert n_rows[0, False] == n_rows[1, True] + n_rows[1, False]
    with pytest.raises(ConfigError, match=r"must name featurizers .*got \['lettres'\].*letters"):
        train({"featurizers": ["lettres", "letters"]}, before=steps)


# -- data that do not suffice ---------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 14, 100])
def test_evaluation_set_of_the_wrong_size(train: Trainer, number: int) -> None:
    message = r"evaluate_on_number_of_examples does not fit .*from 4 to 13"
    with pytest.raises(ConfigError, match=message):
        train({"evaluate_on_number_of_examples": number, "evaluate_every_number_of_epochs": 1})


def test_evaluation_of_entities_alone(train: Trainer) -> None:
    options = {"intent_classification": False, "evaluate_on_number_of_examples": 3}
    assert parses(train({**options, "evaluate_every_number_of_epochs": 1}))


def test_metrics_by_name(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    options = {
        "use_masked_language_model": True,
        "evaluate_on_number_of_examples": 5,
        "evaluate_every_number_of_epochs": 2,
    }
    told: list[EpochReport] = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Assistant.train(tiny_config(options), travel_data, on_epoch=told.append)
    assert [(r.component, r.epoch, r.n_epochs) for r in told] == [
        ("DIETClassifier", 1, 2),
        ("DIETClassifier", 2, 2),
    ]
    plain = {"t_loss", "m_acc", "i_acc", "e_f1", "r_f1", "g_f1"}
    assert set(told[0].metrics) == plain
    assert {n for n in told[1].metrics if n.startswith("val_")} >= {
        "val_t_loss", "val_i_acc", "val_e_f1", "val_r_f1", "val_g_f1",
    }  # fmt: skip
    assert all(np.isfinite(value) for r in told for value in r.metrics.values())


def test_entities_alone_need_annotations(tiny_config: Callable[..., ProjectConfig]) -> None:
    from gossamer.data.nlu.examples import Example

    data = TrainingData(examples=(Example(text="a"), Example(text="b")))
    with pytest.raises(DataError, match=r"needs annotated entities .*\[Paris\]\(city\)"):
        Assistant.train(tiny_config({"intent_classification": False}), data)
