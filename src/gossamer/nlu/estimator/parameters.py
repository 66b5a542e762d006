"""The estimator's parameters, and the pipeline and training that they ask for."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from pydantic import ValidationError
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from gossamer.data import ComponentConfig, ProjectConfig
from gossamer.data.errors import ConfigError, InputError
from gossamer.nlu.diet.features import Indices
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.estimator.inputs import Unquoted
from gossamer.nlu.pipeline.plain_values import plain
from gossamer.nn.training.batching import stratified_holdout
from gossamer.nn.training.callbacks import EarlyStopping

DEFAULT_FEATURIZERS: tuple[Mapping[str, Any], ...] = (
    {"name": "WhitespaceTokenizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
)
"""Tokenizer and featurizers of Rasa's default pipeline, without the one for regular expressions."""

_NO_OPTIONS = (
    "featurizers",
    "random_state",
    "early_stopping",
    "validation_fraction",
    "n_iter_no_change",
    "tol",
    "verbose",
)
_SCORES = ("i_acc", "e_f1")  # what early stopping looks at
_PYTHON = {"true": "True", "false": "False", "null": "None"}


class DIETParameters(BaseEstimator):  # type: ignore[misc]
    """Holds the parameters; `DIETClassifier` says what they mean."""

    def __init__(
        self,
        *,
        featurizers: Sequence[Mapping[str, Any]] | None = None,
        hidden_layers_sizes: Mapping[str, Sequence[int]] | None = None,
        share_hidden_layers: bool = False,
        transformer_size: int = 256,
        number_of_transformer_layers: int = 2,
        number_of_attention_heads: int = 4,
        use_key_relative_attention: bool = False,
        use_value_relative_attention: bool = False,
        max_relative_position: int = 5,
        unidirectional_encoder: bool = False,
        batch_size: int | Sequence[int] | None = None,
        batch_strategy: str = "balanced",
        epochs: int | None = None,
        random_seed: int | None = None,
        learning_rate: float | None = None,
        embedding_dimension: int = 20,
        dense_dimension: Mapping[str, int] | None = None,
        concat_dimension: Mapping[str, int] | None = None,
        number_of_negative_examples: int | None = None,
        similarity_type: str = "auto",
        loss_type: str = "cross_entropy",
        ranking_length: int = 10,
        maximum_positive_similarity: float = 0.8,
        maximum_negative_similarity: float = -0.4,
        use_maximum_negative_similarity: bool = True,
        scale_loss: bool = False,
        regularization_constant: float = 0.002,
        negative_margin_scale: float = 0.8,
        drop_rate: float = 0.2,
        drop_rate_attention: float = 0.0,
        connection_density: float = 0.2,
        use_sparse_input_dropout: bool = True,
        use_dense_input_dropout: bool = True,
        evaluate_every_number_of_epochs: int = 20,
        evaluate_on_number_of_examples: int = 0,
        intent_classification: bool = True,
        entity_recognition: bool = True,
        use_masked_language_model: bool = False,
        BILOU_flag: bool = True,
        split_entities_by_comma: bool | Mapping[str, bool] = True,
        checkpoint_model: bool = False,
        constrain_similarities: bool = False,
        model_confidence: str | None = None,
        renormalize_confidences: bool = False,
        drop_small_last_batch: bool = False,
        weight_averaging: float = 0.9995,
        constrain_tags: bool = True,
        topology: str = "blocked",
        max_group_size: int | None = None,
        context_window: int | None = None,
        wide_path: bool | None = None,
        label_smoothing: float | None = None,
        regularize_labels: bool | None = None,
        calibrate: bool | None = None,
        prune_features: bool | None = None,
        mention_replacement: float | None = None,
        rasa_defaults: bool = False,
        random_state: int | np.random.RandomState | None = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-4,
        verbose: int = 0,
    ) -> None:
        self.featurizers = featurizers
        self.hidden_layers_sizes = hidden_layers_sizes
        self.share_hidden_layers = share_hidden_layers
        self.transformer_size = transformer_size
        self.number_of_transformer_layers = number_of_transformer_layers
        self.number_of_attention_heads = number_of_attention_heads
        self.use_key_relative_attention = use_key_relative_attention
        self.use_value_relative_attention = use_value_relative_attention
        self.max_relative_position = max_relative_position
        self.unidirectional_encoder = unidirectional_encoder
        self.batch_size = batch_size
        self.batch_strategy = batch_strategy
        self.epochs = epochs
        self.random_seed = random_seed
        self.learning_rate = learning_rate
        self.embedding_dimension = embedding_dimension
        self.dense_dimension = dense_dimension
        self.concat_dimension = concat_dimension
        self.number_of_negative_examples = number_of_negative_examples
        self.similarity_type = similarity_type
        self.loss_type = loss_type
        self.ranking_length = ranking_length
        self.maximum_positive_similarity = maximum_positive_similarity
        self.maximum_negative_similarity = maximum_negative_similarity
        self.use_maximum_negative_similarity = use_maximum_negative_similarity
        self.scale_loss = scale_loss
        self.regularization_constant = regularization_constant
        self.negative_margin_scale = negative_margin_scale
        self.drop_rate = drop_rate
        self.drop_rate_attention = drop_rate_attention
        self.connection_density = connection_density
        self.use_sparse_input_dropout = use_sparse_input_dropout
        self.use_dense_input_dropout = use_dense_input_dropout
        self.evaluate_every_number_of_epochs = evaluate_every_number_of_epochs
        self.evaluate_on_number_of_examples = evaluate_on_number_of_examples
        self.intent_classification = intent_classification
        self.entity_recognition = entity_recognition
        self.use_masked_language_model = use_masked_language_model
        self.BILOU_flag = BILOU_flag
        self.split_entities_by_comma = split_entities_by_comma
        self.checkpoint_model = checkpoint_model
        self.constrain_similarities = constrain_similarities
        self.model_confidence = model_confidence
        self.renormalize_confidences = renormalize_confidences
        self.drop_small_last_batch = drop_small_last_batch
        self.weight_averaging = weight_averaging
        self.constrain_tags = constrain_tags
        self.topology = topology
        self.max_group_size = max_group_size
        self.context_window = context_window
        self.wide_path = wide_path
        self.label_smoothing = label_smoothing
        self.regularize_labels = regularize_labels
        self.calibrate = calibrate
        self.prune_features = prune_features
        self.mention_replacement = mention_replacement
        self.rasa_defaults = rasa_defaults
        self.random_state = random_state
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.verbose = verbose

    def _checked_options(self) -> dict[str, Any]:
        """The options of the component, with the seed of `random_state`.

        Raises:
            ConfigError: a parameter is not valid; the message names it.
        """
        for name, is_right, must_be in (
            ("early_stopping", isinstance(self.early_stopping, bool | np.bool_), "True or False"),
            ("validation_fraction", _is_between(self.validation_fraction, 0, 1), "between 0 and 1"),
            ("n_iter_no_change", _is_whole(self.n_iter_no_change, 1), "a whole number from 1 up"),
            ("tol", _is_between(self.tol, 0, math.inf, with_low=True), "a number from 0 up"),
            (
                "verbose",
                isinstance(self.verbose, int | np.integer) and 0 <= self.verbose <= 2,
                "0, 1 or 2",
            ),
        ):
            if not is_right:
                raise ConfigError(f"{name} must be {must_be}", got=getattr(self, name))
        if self.early_stopping and self.evaluate_on_number_of_examples != 0:
            raise ConfigError(
                "early_stopping holds out validation_fraction of the texts, so "
                "evaluate_on_number_of_examples must be 0",
                got=self.evaluate_on_number_of_examples,
                hint="one of the two",
            )
        defaults = inspect.signature(type(self)).parameters
        given = {
            name: plain(value)
            for name, value in self.get_params(deep=False).items()
            if name not in _NO_OPTIONS and not (value is None and defaults[name].default is None)
        }
        seed = self._seed()
        given |= {} if seed is None else {"random_seed": seed}
        try:
            DIETOptions.model_validate(given)
        except ValidationError as error:
            problems = error.errors(include_url=False)
        else:
            return given
        told = dict.fromkeys(_explain(problem) for problem in problems)
        got = problems[0]["input"] if problems[0]["loc"] else None
        raise ConfigError("; ".join(told), got=got)

    def _seed(self) -> int | None:
        state = self.random_state
        seed: int | None = plain(self.random_seed)
        if state is None:
            return seed
        if isinstance(state, int | np.integer) and _is_whole(state, 0):
            if seed is not None and seed != state:
                raise ConfigError(
                    "random_state and random_seed are two names for one number, so they must agree",
                    got=Unquoted(f"random_state={state}, random_seed={seed}"),
                    hint="one of the two",
                )
            return int(state)
        if seed is not None:
            raise ConfigError(
                "random_state and random_seed must not both be given",
                got=Unquoted(f"random_state={state!r}, random_seed={seed}"),
                hint="one of the two",
            )
        try:
            return int(check_random_state(state).randint(2**31 - 1))
        except ValueError as error:
            raise ConfigError(
                "random_state must be None, a whole number from 0 up or a numpy RandomState",
                got=state,
                hint="random_state=1",
            ) from error

    def _holdout(self, labels: Indices) -> dict[str, Any]:
        """Options that hold out what early stopping needs.

        Args:
            labels: of the texts, all 0 without intents. *Shape:* (n_texts,).

        Raises:
            ConfigError: `validation_fraction` does not fit the texts.
        """
        number = math.ceil(self.validation_fraction * len(labels))
        try:
            stratified_holdout(labels.tolist(), number, np.random.default_rng(0))
        except ValueError as error:
            raise ConfigError(
                "validation_fraction must hold out at least one text of each intent that has two "
                "or more, and leave one",
                got=Unquoted(
                    f"{self.validation_fraction}, which is {number} of {len(labels)} different "
                    "texts"
                ),
                hint="another fraction, more texts, or early_stopping=False",
            ) from error
        return {"evaluate_on_number_of_examples": number, "evaluate_every_number_of_epochs": 1}

    def _stopping(self) -> EarlyStopping:
        return EarlyStopping(_SCORES, n_iter_no_change=self.n_iter_no_change, tol=self.tol)

    def _config(self, options: Mapping[str, Any]) -> ProjectConfig:
        """The pipeline: featurizers, and DIET with its options."""
        steps = self.featurizers
        if steps is None:
            rasas = {"rasa_defaults": True} if self.rasa_defaults else {}
            steps = [{**step, **rasas} for step in DEFAULT_FEATURIZERS]
        if not isinstance(steps, list | tuple):
            raise ConfigError(
                "featurizers must be a list of mappings, or None",
                got=steps,
                hint='[{"name": "WhitespaceTokenizer"}, {"name": "CountVectorsFeaturizer"}]',
            )
        for step in steps:
            if not isinstance(step, Mapping) or "name" not in step:
                raise ConfigError(
                    "each of featurizers must be a mapping with a name, and options if needed",
                    got=step,
                    hint='{"name": "WhitespaceTokenizer"}',
                )
        parts = [
            ComponentConfig(
                name=str(step["name"]),
                options={key: value for key, value in step.items() if key != "name"},
                where=None,
            )
            for step in [*steps, {"name": "DIETClassifier", **options}]
        ]
        return ProjectConfig(
            language=None,
            recipe="default.v1",
            assistant_id=None,
            pipeline=tuple(parts),
            policies=(),
            where=None,
        )


@contextmanager
def errors_of_python() -> Iterator[None]:
    """Errors write arguments as in Python: "epochs=1", not "epochs: 1"."""
    try:
        yield
    except InputError as error:
        hint = None if error.hint is None else _as_python(error.hint)
        raise type(error)(
            _as_python(error.must_hold), got=error.got, where=error.where, hint=hint
        ) from error


def _as_python(text: str) -> str:
    names = "|".join(DIETOptions.model_fields)
    return re.sub(
        rf"\b({names}): (true|false|null|-?[0-9.]*[0-9])",
        lambda found: f"{found[1]}={_PYTHON.get(found[2], found[2])}",
        text,
    )


def _explain(problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = re.sub("^(Input|Value) should ", "must ", message)
    if not problem["loc"]:
        return message
    name, *inside = problem["loc"]
    place = f"{name}[{inside[0]!r}]" if inside and inside[0] in ("text", "label") else str(name)
    return f"{place} {message}" if message.startswith("must ") else f"{place}: {message}"


def _is_whole(value: object, least: int) -> bool:
    is_number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return is_number and int(value) >= least  # type: ignore[call-overload]


def _is_between(value: object, low: float, high: float, *, with_low: bool = False) -> bool:
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        return False
    return low < float(value) < high or (with_low and float(value) == low)
