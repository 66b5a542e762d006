"""DIET for a notebook: an estimator with scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from gossamer.data import ComponentConfig, ProjectConfig
from gossamer.data.errors import ConfigError, DataError, Location, ModelFileError
from gossamer.data.examples import Example, TrainingData
from gossamer.nlu.component import EpochListener
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.estimator_inputs import (
    EntityLike,
    Texts,
    checked_classes,
    checked_entities,
    checked_texts,
    class_names,
    plain,
)
from gossamer.nlu.messages import EntityPrediction, IntentPrediction, MessageBatch, Parse
from gossamer.nlu.pipeline import Pipeline
from gossamer.nlu.pipeline_storage import pipeline_from_parts, pipeline_to_parts
from gossamer.nn.storage import load_model_of_kind, save_model

DEFAULT_FEATURIZERS: tuple[Mapping[str, Any], ...] = (
    {"name": "WhitespaceTokenizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
)
"""Tokenizer and featurizers of Rasa's default pipeline, less the one for regular expressions."""

_KIND = "DIETClassifier"
_TEXTS_AT_A_TIME = 256


class DIETClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Intents and entities from texts, with DIET's network.

    All options are those of `DIETOptions`, with the same meaning and the same defaults (None
    stands for the default of the three that are mappings), but for two: `featurizers` takes what
    stands before DIET in a pipeline, and the options without effect here (`run_eagerly`,
    `tensorboard_log_directory`, `tensorboard_log_level`) are left out.

    Args:
        featurizers: tokenizer and featurizers as in `config.yml`, each a mapping with `name` and
            options; None for `DEFAULT_FEATURIZERS`.

    Attributes:
        classes_: the intents, sorted. Absent when fitted without intents.
        pipeline_: the trained pipeline.

    Examples:
        >>> texts = ["hello there", "hi", "book a flight to Rome", "fly me to Oslo"]
        >>> intents = ["greet", "greet", "book", "book"]
        >>> model = DIETClassifier(epochs=5, random_seed=1).fit(texts, intents)
        >>> model.predict(["hi there"]).shape
        (1,)
    """

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
        batch_size: int | Sequence[int] = (64, 256),
        batch_strategy: str = "balanced",
        epochs: int = 300,
        random_seed: int | None = None,
        learning_rate: float = 0.001,
        embedding_dimension: int = 20,
        dense_dimension: Mapping[str, int] | None = None,
        concat_dimension: Mapping[str, int] | None = None,
        number_of_negative_examples: int = 20,
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

    def fit(
        self,
        X: Texts,
        y: Sequence[Any] | npt.NDArray[Any] | None = None,
        entities: Sequence[Sequence[EntityLike]] | None = None,
        *,
        on_epoch: EpochListener | None = None,
    ) -> Self:
        """Train.

        Args:
            X: the texts.
            y: the intent of each text, strings or integers; None to learn entities only. It is
                not looked at when `intent_classification` is False.
            entities: the entities of each text: `Entity` objects, or mappings with `start`, `end`
                and `entity`, and where wanted `value`, `role` and `group`.
            on_epoch: called after every epoch.

        Returns:
            Itself.

        Raises:
            DataError: lengths differ, a text is no string, an entity lies outside its text, an
                intent has no text, or there is nothing to learn.
            ConfigError: an option is not valid.
        """
        texts = checked_texts(X)
        if y is None and entities is None:
            raise DataError("fit needs intents, entities or both", hint="fit(texts, intents)")
        if not texts:
            raise DataError("fit needs at least one text")
        y = y if self.intent_classification else None
        classes, names = checked_classes(y, texts)
        annotations = checked_entities(entities, texts)
        intents = [None] * len(texts) if y is None else [names[label] for label in np.asarray(y)]
        data = TrainingData(
            examples=tuple(
                Example(text=text, intent=intent, entities=found)
                for text, intent, found in zip(texts, intents, annotations, strict=True)
            )
        )
        pipeline = Pipeline.from_config(self._config(with_intents=y is not None))
        pipeline.train(data, on_epoch=on_epoch)
        self._take(pipeline, classes)
        return self

    def predict(self, X: Texts) -> npt.NDArray[Any]:
        """The most probable intent of each text. *Shape:* (n_texts,)."""
        probabilities = self.predict_proba(X)
        predicted: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return predicted

    def predict_proba(self, X: Texts) -> npt.NDArray[np.float64]:
        """Confidence in each intent, in the order of `classes_`.

        With the margin loss these are similarities, not probabilities. A text with no word in it
        gets the same confidence for all. *Shape:* (n_texts, n_classes).
        """
        check_is_fitted(self, "pipeline_")
        if not hasattr(self, "classes_"):
            raise DataError(
                "intents can only be predicted by a model fitted with intents",
                hint="fit(texts, intents), or predict_entities",
            )
        texts = checked_texts(X)
        parts = [
            self._confidences(texts[start : start + _TEXTS_AT_A_TIME])
            for start in range(0, len(texts), _TEXTS_AT_A_TIME)
        ]
        n_classes = len(self.classes_)
        rows = np.concatenate(parts) if parts else np.zeros((0, n_classes))
        # The network numbers intents by their sorted names, `classes_` may be numbers.
        by_class: npt.NDArray[np.float64] = rows[:, self._column_of_class]
        return by_class

    def parse(self, text: str) -> Parse:
        """Intent, ranking and entities of one text."""
        return self.parse_many([text])[0]

    def parse_many(self, texts: Texts) -> list[Parse]:
        """Intent, ranking and entities of each text; intents are named as in `fit`."""
        check_is_fitted(self, "pipeline_")
        checked = checked_texts(texts)
        parses: list[Parse] = []
        for start in range(0, len(checked), _TEXTS_AT_A_TIME):
            parses += self.pipeline_.parse(checked[start : start + _TEXTS_AT_A_TIME])
        for parse in parses:
            parse.intent = self._renamed(parse.intent)
            parse.intent_ranking = [self._renamed(intent) for intent in parse.intent_ranking]
        return parses

    def predict_entities(self, X: Texts) -> list[list[EntityPrediction]]:
        """The entities of each text."""
        return [parse.entities for parse in self.parse_many(X)]

    def save(self, path: str | Path) -> Path:
        """Write the fitted model to one file, atomically; see `gossamer.nn.storage`.

        Raises:
            ModelFileError: it cannot be written there.
        """
        check_is_fitted(self, "pipeline_")
        components, arrays = pipeline_to_parts(self.pipeline_)
        content = {
            "kind": _KIND,
            "parameters": plain(self.get_params()),
            "classes": self.classes_.tolist() if hasattr(self, "classes_") else None,
            "pipeline": components,
        }
        path = Path(path)
        save_model(path, content, arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote. No code from the file is run.

        Raises:
            ModelFileError: the file is missing, damaged, altered, of another version or no such
                model.
        """
        path = Path(path)
        content, arrays = load_model_of_kind(
            path, _KIND, named="a DIETClassifier", hint="gossamer.Assistant.load for an assistant"
        )
        try:
            model = cls(**content["parameters"])
            classes = content["classes"]
            model._take(
                pipeline_from_parts(content["pipeline"], arrays),
                None if classes is None else np.array(classes),
            )
        except (KeyError, TypeError) as error:
            raise ModelFileError(
                "the file must hold parameters, classes and pipeline of this version",
                got=str(error),
                where=Location(path),
                hint="training the model again",
            ) from error
        return model

    @property
    def _diet(self) -> DIETComponent:
        return next(c for c in self.pipeline_.components if isinstance(c, DIETComponent))

    def _confidences(self, texts: list[str]) -> npt.NDArray[np.float64]:
        rows = np.full((len(texts), len(self._diet.labels)), 1 / len(self._diet.labels))
        filled = [number for number, text in enumerate(texts) if text.strip()]
        if filled:
            batch = MessageBatch(texts=[texts[number] for number in filled])
            for component in self.pipeline_.components:
                if component is self._diet:
                    break
                component.process(batch)
            rows[filled] = self._diet.confidences(batch)
        return rows

    def _take(self, pipeline: Pipeline, classes: npt.NDArray[Any] | None) -> None:
        self.pipeline_ = pipeline
        self._class_of_name: dict[str, str] = {}
        for leftover in ("classes_", "_column_of_class"):
            self.__dict__.pop(leftover, None)
        if classes is not None:
            names = class_names(classes)
            self.classes_ = classes
            self._class_of_name = {name: str(label) for label, name in names.items()}
            column = {name: i for i, name in enumerate(self._diet.labels)}
            self._column_of_class = np.array([column[names[label]] for label in classes.tolist()])

    def _renamed(self, intent: IntentPrediction) -> IntentPrediction:
        if intent.name is None:
            return intent
        # A direct message ("/restart") may name an intent that is no class.
        name = self._class_of_name.get(intent.name, intent.name)
        return IntentPrediction(name=name, confidence=intent.confidence)

    def _config(self, *, with_intents: bool) -> ProjectConfig:
        options = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name != "featurizers" and value is not None
        }
        options = plain(options)
        if not with_intents:
            options["intent_classification"] = False
        steps = DEFAULT_FEATURIZERS if self.featurizers is None else self.featurizers
        for step in steps:
            if not isinstance(step, Mapping) or "name" not in step:
                raise ConfigError(
                    "each of featurizers must be a mapping with a name, and options if need be",
                    got=step,
                    hint='{"name": "WhitespaceTokenizer"}',
                )
        parts = [
            ComponentConfig(
                name=str(step["name"]),
                options={key: value for key, value in step.items() if key != "name"},
                where=None,
            )
            for step in steps
        ]
        diet = ComponentConfig(name=DIETComponent.name, options=options, where=None)
        return ProjectConfig(
            language=None,
            recipe="default.v1",
            assistant_id=None,
            pipeline=(*parts, diet),
            policies=(),
            where=None,
        )
