from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from gossamer.data import ProjectConfig
from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.options import DIETOptions, NetworkOptions
from gossamer.nlu.learning.options import LearningOptions
from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nlu.pipeline.options_reader import read_options, warn_of_idle_options
from gossamer.nlu.pipeline.pipeline import Pipeline

# Options and defaults of DIETClassifier in Rasa Open Source 3.6.21, from the table of its
# documentation and the defaults that the component fills in.
RASA_DEFAULTS: dict[str, Any] = {
    # the network
    "hidden_layers_sizes": {"text": [], "label": []},
    "share_hidden_layers": False,
    "transformer_size": 256,
    "number_of_transformer_layers": 2,
    "number_of_attention_heads": 4,
    "use_key_relative_attention": False,
    "use_value_relative_attention": False,
    "max_relative_position": 5,
    "unidirectional_encoder": False,
    "embedding_dimension": 20,
    "dense_dimension": {"text": 128, "label": 20},
    "concat_dimension": {"text": 128, "label": 20},
    "connection_density": 0.2,
    # training
    "batch_size": [64, 256],
    "batch_strategy": "balanced",
    "drop_small_last_batch": False,
    "epochs": 300,
    "random_seed": None,
    "learning_rate": 0.001,
    "regularization_constant": 0.002,
    "drop_rate": 0.2,
    "drop_rate_attention": 0,
    "use_sparse_input_dropout": True,
    "use_dense_input_dropout": True,
    "run_eagerly": False,
    # similarity and loss
    "number_of_negative_examples": 20,
    "similarity_type": "auto",
    "loss_type": "cross_entropy",
    "constrain_similarities": False,
    "maximum_positive_similarity": 0.8,
    "maximum_negative_similarity": -0.4,
    "use_maximum_negative_similarity": True,
    "negative_margin_scale": 0.8,
    "scale_loss": False,
    # what is learnt and reported
    "intent_classification": True,
    "entity_recognition": True,
    "use_masked_language_model": False,
    "BILOU_flag": True,
    "split_entities_by_comma": True,
    "featurizers": [],
    "ranking_length": 10,
    "model_confidence": "softmax",
    "renormalize_confidences": False,
    # evaluation on the way
    "evaluate_every_number_of_epochs": 20,
    "evaluate_on_number_of_examples": 0,
    "checkpoint_model": False,
    "tensorboard_log_directory": None,
    "tensorboard_log_level": "epoch",
}


# What makes Gossamer's own options change nothing about Rasa's network and its training.
AS_IN_RASA: dict[str, Any] = {
    "calibrate": False,
    "context_window": 0,
    "label_smoothing": 0.0,
    "mention_replacement": 0.0,
    "prune_features": False,
    "regularize_labels": True,
    "wide_path": False,
}


@pytest.mark.parametrize("name", [*RASA_DEFAULTS, *AS_IN_RASA])
def test_rasa_default(name: str) -> None:
    found = getattr(DIETOptions(rasa_defaults=True), name)
    assert found == {**RASA_DEFAULTS, **AS_IN_RASA}[name]


@pytest.mark.parametrize("name", DIETOptions.rasas)
def test_rasas_defaults_are_named_where_ours_is_another(name: str) -> None:
    assert DIETOptions.rasas[name] == {**RASA_DEFAULTS, **AS_IN_RASA}[name]
    assert DIETOptions.rasas[name] != getattr(DIETOptions(), name)


def test_only_defaults_depend_on_whose_they_are() -> None:
    given = {"learning_rate": 0.01, "context_window": 2, "wide_path": False}
    for rasa_defaults in (False, True):
        options = DIETOptions.model_validate({**given, "rasa_defaults": rasa_defaults})
        assert {name: getattr(options, name) for name in given} == given


def test_options_of_our_own() -> None:
    ours = {"constrain_tags", "max_group_size", "rasa_defaults", "topology", "weight_averaging"}
    assert set(DIETOptions.model_fields) - set(RASA_DEFAULTS) == ours | set(AS_IN_RASA)
    assert DIETOptions().topology == "blocked"


def test_every_option_is_described() -> None:
    kinds = (ComponentOptions, LearningOptions, NetworkOptions, DIETOptions)
    text = "".join(str(kind.__doc__) for kind in kinds)
    assert all(f"        {name}: " in text for name in DIETOptions.model_fields)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"rasa_defaults": True},
        {"loss_type": "margin"},
        {"loss_type": "margin", "similarity_type": "inner", "model_confidence": "auto"},
        {"batch_size": 32, "split_entities_by_comma": {"city": False}, "random_seed": 5},
        {"hidden_layers_sizes": {"text": [8, 4]}, "topology": "uniform"},
    ],
)
def test_json_round_trip(given: dict[str, Any]) -> None:
    options = DIETOptions.model_validate(given)
    text = json.dumps(options.model_dump(mode="json"), allow_nan=False)
    assert DIETOptions.model_validate(json.loads(text)) == options


def test_batch_size_may_be_one_number() -> None:
    assert DIETOptions.model_validate({"batch_size": 32}).batch_size == [32, 32]
    assert DIETOptions.model_validate({"batch_size": 32}).fitting(9).batch_size == (32, 32)


@pytest.mark.parametrize(
    ("given", "n_examples", "expected"),
    [
        ({}, 0, 100),
        ({}, 100, 100),
        ({}, 6_000, 15),
        ({}, 1_000_000, 10),
        ({"epochs": 7}, 6_000, 7),
        ({"epochs": 0}, 6_000, 0),
        ({"rasa_defaults": True}, 6_000, 300),
        ({"rasa_defaults": True, "epochs": 7}, 6_000, 7),
        ({"rasa_defaults": True, "epochs": None}, 6_000, 15),
    ],
)
def test_open_epochs_follow_the_examples(
    given: dict[str, Any], n_examples: int, expected: int
) -> None:
    assert DIETOptions.model_validate(given).fitting(n_examples).epochs == expected


@pytest.mark.parametrize("name", ["hidden_layers_sizes", "dense_dimension", "concat_dimension"])
def test_one_side_keeps_the_others_default(name: str) -> None:
    value = [7] if name == "hidden_layers_sizes" else 7
    for side, other in (("text", "label"), ("label", "text")):
        found = getattr(DIETOptions.model_validate({name: {side: value}}), name)
        assert found == {side: value, other: RASA_DEFAULTS[name][other]}
    assert getattr(DIETOptions(), name) == RASA_DEFAULTS[name], "the default is not changed"


WRONG_TOGETHER: list[tuple[dict[str, Any], str]] = [
    (
        {"transformer_size": 30},
        r"transformer_size must be divisible by number_of_attention_heads: got 30 and 4",
    ),
    (
        {"use_masked_language_model": True, "number_of_transformer_layers": 0},
        "use_masked_language_model needs number_of_transformer_layers above 0",
    ),
    (
        {"intent_classification": False, "entity_recognition": False},
        "one of intent_classification and entity_recognition must be true",
    ),
    (
        {"share_hidden_layers": True, "hidden_layers_sizes": {"text": [8], "label": [4]}},
        "share_hidden_layers needs the same hidden_layers_sizes",
    ),
    (
        {"share_hidden_layers": True, "hidden_layers_sizes": {"text": [8], "label": [8]}},
        "share_hidden_layers needs the same dense_dimension",
    ),
    (
        {"loss_type": "margin", "renormalize_confidences": True},
        "renormalize_confidences must be false with loss_type margin",
    ),
    ({"model_confidence": "auto"}, "model_confidence must be softmax with loss_type cross_entropy"),
    (
        {"loss_type": "margin", "model_confidence": "softmax"},
        "model_confidence must not be softmax with loss_type margin",
    ),
]


@pytest.mark.parametrize(("given", "message"), WRONG_TOGETHER, ids=lambda value: str(value)[:60])
def test_options_that_do_not_go_together(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_options(DIETComponent, given)


def test_heads_do_not_matter_without_transformer() -> None:
    DIETOptions.model_validate({"transformer_size": 30, "number_of_transformer_layers": 0})
    unset = {"transformer_size": None, "number_of_transformer_layers": 0}
    assert DIETOptions.model_validate(unset).transformer_size == 256


WRONG_ALONE: list[tuple[str, Any]] = [
    ("connection_density", -0.1),
    ("connection_density", 1.1),
    ("drop_rate", 1.0),
    ("drop_rate", float("nan")),
    ("drop_rate_attention", -0.1),
    ("learning_rate", 0),
    ("learning_rate", float("inf")),
    ("epochs", -1),
    ("epochs", "many"),
    ("batch_size", [64]),
    ("batch_size", [0, 64]),
    ("batch_size", [1, 2, 3]),
    ("batch_size", True),
    ("batch_strategy", "random"),
    ("similarity_type", "dot"),
    ("loss_type", "softmax"),
    ("model_confidence", "cosine"),
    ("model_confidence", "linear_norm"),
    ("transformer_size", 0),
    ("transformer_size", None),
    ("max_relative_position", 0),
    ("number_of_negative_examples", 0),
    ("evaluate_every_number_of_epochs", 0),
    ("evaluate_every_number_of_epochs", -2),
    ("evaluate_on_number_of_examples", -1),
    ("hidden_layers_sizes", [8]),
    ("hidden_layers_sizes", {"texts": [8]}),
    ("hidden_layers_sizes", {"text": [0]}),
    ("dense_dimension", {"text": 0}),
    ("random_seed", -1),
    ("random_seed", 2**64),
    ("regularization_constant", -1),
    ("tensorboard_log_directory", ["logs"]),
    ("tensorboard_log_level", "minute"),
    ("topology", "ring"),
    ("max_group_size", 0),
    ("maximum_positive_similarity", 2),
    ("split_entities_by_comma", {"city": "perhaps"}),
]


@pytest.mark.parametrize(("name", "value"), WRONG_ALONE)
def test_values_that_are_not_valid(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"option '{name}' of DIETClassifier"):
        read_options(DIETComponent, {name: value})


def test_messages_say_what_to_do() -> None:
    with pytest.raises(ConfigError, match="a positive number of epochs, or -1"):
        read_options(DIETComponent, {"evaluate_every_number_of_epochs": 0})


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("epoch", "epochs"),
        ("conection_density", "connection_density"),
        ("transformer_sizes", "transformer_size"),
        ("bilou_flag", "BILOU_flag"),
        ("weight_sparsity", "connection_density, which is 1 minus that"),
        ("num_transformer_layers", "number_of_transformer_layers"),
        ("zzz", None),
    ],
)
def test_unknown_option(
    wrong: str, nearest: str | None, tiny_config: Callable[..., ProjectConfig]
) -> None:
    with pytest.raises(ConfigError, match=f"DIETClassifier has no option '{wrong}'") as caught:
        Pipeline.from_config(tiny_config({wrong: 1}))
    assert nearest is None or f"Try: {nearest}" in str(caught.value).replace("'", "")
    with pytest.raises(ConfigError, match=f"has no option '{wrong}'"):
        read_options(DIETComponent, {wrong: 1})


def test_options_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        DIETOptions().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("loss", "similarity", "use_cosine"),
    [
        ("cross_entropy", "auto", False),
        ("margin", "auto", True),
        ("cross_entropy", "cosine", True),
        ("margin", "inner", False),
    ],
)
def test_similarity_follows_the_loss(loss: str, similarity: str, use_cosine: bool) -> None:
    options = DIETOptions.model_validate({"loss_type": loss, "similarity_type": similarity})
    assert options.use_cosine is use_cosine
    assert options.similarity().use_cosine is use_cosine
    assert options.similarity().loss_type == loss


def test_margin_reports_the_similarity() -> None:
    assert DIETOptions.model_validate({"loss_type": "margin"}).model_confidence == "auto"


def test_options_reach_loss_and_loop() -> None:
    given: dict[str, Any] = {
        "number_of_negative_examples": 3,
        "constrain_similarities": True,
        "scale_loss": True,
    }
    options = DIETOptions.model_validate(given)
    assert {name: getattr(options.similarity(), name) for name in given} == given
    assert not options.similarity(scale_loss=False).scale_loss
    margin: dict[str, Any] = {
        "loss_type": "margin",
        "scale_loss": True,
        "maximum_positive_similarity": 0.7,
        "maximum_negative_similarity": -0.3,
        "use_maximum_negative_similarity": False,
        "negative_margin_scale": 0.6,
    }
    options = DIETOptions.model_validate(margin)
    assert {name: getattr(options.similarity(), name) for name in margin} == margin
    given = {
        "epochs": 3,
        "learning_rate": 0.1,
        "regularization_constant": 0.5,
        "drop_small_last_batch": True,
        "evaluate_every_number_of_epochs": 2,
        "evaluate_on_number_of_examples": 9,
        "checkpoint_model": True,
    }
    fitting = DIETOptions.model_validate(given).fitting(100)
    given.pop("evaluate_on_number_of_examples")
    assert {name: getattr(fitting, name) for name in given} == given


def test_all_faults_of_options_are_told_at_once() -> None:
    given = {"epoch": 3, "transformer_size": 30, "use_masked_language_model": "perhaps"}
    with pytest.raises(ConfigError, match=r"^2 faults must be put right") as caught:
        read_options(DIETComponent, given)
    first, second = (fault.message for fault in caught.value.faults)
    assert "no option 'epoch'" in first
    assert "option 'use_masked_language_model' of DIETClassifier" in second
    given = {"epoch": 3, "transformer_size": 30, "intent_classification": False}
    with pytest.raises(ConfigError) as caught:
        read_options(DIETComponent, given | {"entity_recognition": False})
    first, second = (fault.message for fault in caught.value.faults)
    assert "transformer_size must be divisible" in second
    assert "one of intent_classification and entity_recognition must be true" in second


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tensorboard_log_directory": "logs"}, "'tensorboard_log_directory' of DIETClassifier"),
        ({"tensorboard_log_level": "epoch"}, "no logs for TensorBoard are written"),
        ({"run_eagerly": True}, "PyTorch runs eagerly"),
        ({"use_gpu": True}, "made for a CPU"),
        ({"loss_type": "margin", "constrain_similarities": True}, "with loss_type margin"),
        ({"maximum_positive_similarity": 0.7}, "with loss_type cross_entropy"),
        ({"maximum_negative_similarity": -0.3}, "with loss_type cross_entropy"),
        ({"use_maximum_negative_similarity": False}, "with loss_type cross_entropy"),
        ({"negative_margin_scale": 0.6}, "with loss_type cross_entropy"),
        ({"checkpoint_model": True}, "unless evaluate_on_number_of_examples is above 0"),
        (
            {"checkpoint_model": True, "evaluate_on_number_of_examples": 9, "epochs": 19},
            "nothing is evaluated, as training ends after 19 epochs",
        ),
    ],
    ids=str,
)
def test_what_changes_nothing_is_accepted_with_one_warning(
    given: dict[str, Any], told: str, tiny_config: Callable[..., ProjectConfig]
) -> None:
    with pytest.warns(UserWarning) as caught:
        Pipeline.from_config(tiny_config(given))
    (warning,) = caught
    assert told in str(warning.message)


def test_what_is_unset_or_off_is_accepted_without_a_word() -> None:
    given = {
        "tensorboard_log_directory": None,
        "tensorboard_log_level": None,
        "run_eagerly": False,
        "use_gpu": False,
        "random_seed": None,
        "featurizers": None,
    }
    options = read_options(DIETComponent, given)
    assert options == DIETOptions()
    warn_of_idle_options(DIETComponent, given, options)
