"""DIET for a notebook: an estimator with scikit-learn's conventions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, Location, ModelFileError
from gossamer.data.installed import TRAINING, require
from gossamer.nlu.diet.classifier import DIETComponent
from gossamer.nlu.diet.options import LossType
from gossamer.nlu.estimator.data import fit_data
from gossamer.nlu.estimator.inputs import checked_texts
from gossamer.nlu.estimator.labels import class_names
from gossamer.nlu.estimator.parameters import (
    DEFAULT_FEATURIZERS,
    DIETParameters,
    errors_of_python,
)
from gossamer.nlu.estimator.progress import Progress
from gossamer.nlu.pipeline.component import EpochListener, EpochReport
from gossamer.nlu.pipeline.messages import IntentPrediction, Parse
from gossamer.nlu.pipeline.pipeline import Pipeline
from gossamer.nlu.pipeline.plain_values import plain
from gossamer.nlu.pipeline.storage import pipeline_from_parts, pipeline_to_parts
from gossamer.nn.storage import load_model_of_kind, save_model

__all__ = ["DEFAULT_FEATURIZERS", "DIETClassifier"]

_KIND = "DIETClassifier"
_TEXTS_AT_A_TIME = 256
_TRAINING = ("n_iter_", "loss_curve_", "validation_scores_", "best_validation_score_")


class _Packed(NamedTuple):
    """A trained pipeline as it is pickled: what `save` writes."""

    components: list[dict[str, Any]]
    arrays: dict[str, npt.NDArray[Any]]


class DIETClassifier(ClassifierMixin, DIETParameters):  # type: ignore[misc]
    """Intents and entities from texts, with DIET's network.

    Works with scikit-learn's tools: pipelines, searches, cross-validation, `clone`, metadata
    routing. Parameters mean what the options of that name mean in a `config.yml`.

    Args:
        featurizers (sequence of mappings, default None): tokenizer and featurizers as in
            `config.yml`, each a mapping with `name` and options; None for `DEFAULT_FEATURIZERS`.
        hidden_layers_sizes (mapping, default None): widths of feed-forward layers before the
            transformer, for "text" and for "label"; None for none.
        share_hidden_layers (bool, default False): texts and labels go through the same
            feed-forward layers.
        transformer_size (int, default 256): width of the transformer.
        number_of_transformer_layers (int, default 2): 0 leaves the transformer out.
        number_of_attention_heads (int, default 4): must divide `transformer_size`.
        use_key_relative_attention (bool, default False): relative positions in attention logits.
        use_value_relative_attention (bool, default False): relative positions in attention values.
        max_relative_position (int, default 5): the largest distance they tell apart.
        unidirectional_encoder (bool, default False): tokens see only earlier ones.
        batch_size (int or pair of int, default None): texts in a batch; a pair grows linearly over
            the epochs; None for a pair that suits their number, at most (64, 256).
        batch_strategy (str, default "balanced"): "balanced" repeats texts of rare intents,
            "sequence" only shuffles.
        epochs (int, default None): passes over the texts; None for as many as suit their number,
            from 10 to 100.
        random_seed (int, default None): decides topology, initial weights, order, dropout and
            negatives; None for a new one in each `fit`.
        learning_rate (float, default None): of Adam; None for 0.003.
        embedding_dimension (int, default 20): width of the embeddings that are compared.
        dense_dimension (mapping, default None): width that sparse features of "text" and "label"
            are projected to; None for 128 and 20.
        concat_dimension (mapping, default None): width to which features of tokens and of whole
            texts are brought when their own widths differ, for "text" and "label"; None for 128
            and 20.
        number_of_negative_examples (int, default None): negatives drawn for each text; None for
            all intents, up to 2000 of them.
        similarity_type (str, default "auto"): "inner", "cosine", or "auto": inner for the
            cross-entropy and cosine for the margin loss.
        loss_type (str, default "cross_entropy"): "cross_entropy" or "margin".
        ranking_length (int, default 10): intents in the ranking that `parse` gives; 0 for all.
        maximum_positive_similarity (float, default 0.8): margin loss only: how similar a text and
            its intent should be.
        maximum_negative_similarity (float, default -0.4): margin loss only: minus the similarity
            that is tolerated of others.
        use_maximum_negative_similarity (bool, default True): margin loss only: count only the most
            similar negative.
        scale_loss (bool, default False): weigh down what is predicted well already.
        regularization_constant (float, default 0.002): strength of L2.
        negative_margin_scale (float, default 0.8): margin loss only: weight of the terms that keep
            different intents, and different texts, apart.
        drop_rate (float, default 0.2): dropout in the network.
        drop_rate_attention (float, default 0.0): dropout of attention logits.
        connection_density (float, default 0.2): share of connections that exist in the randomly
            connected layers.
        use_sparse_input_dropout (bool, default True): drop stored values of sparse features.
        use_dense_input_dropout (bool, default True): dropout on projected sparse features.
        evaluate_every_number_of_epochs (int, default 20): when to evaluate on held-out texts; -1
            for after the last epoch only.
        evaluate_on_number_of_examples (int, default 0): texts held out to evaluate on.
        intent_classification (bool, default True): learn intents; False leaves `y` unread.
        entity_recognition (bool, default True): learn entities; False leaves `entities` unlearnt.
        use_masked_language_model (bool, default False): learn to fill in masked tokens as well.
        BILOU_flag (bool, default True): use separate tags for the first, inner, last and only
            tokens of an entity.
        split_entities_by_comma (bool or mapping, default True): False joins two neighbouring
            entities of one type that a comma separates; a mapping decides for each entity type.
        checkpoint_model (bool, default False): keep the weights that did best on the
            `evaluate_on_number_of_examples`.
        constrain_similarities (bool, default False): cross-entropy only: an additional sigmoid loss
            keeps similarities bounded.
        model_confidence (str, default None): None, or "softmax" with the cross-entropy and "auto"
            with the margin loss, which is what follows from None.
        renormalize_confidences (bool, default False): make the ranking that `parse` gives sum to 1.
        drop_small_last_batch (bool, default False): leave out an epoch's last batch when under half
            the size.
        weight_averaging (float, default 0.9995): decay of a running average of the weights, which
            is what is kept; 0 keeps the last weights.
        constrain_tags (bool, default True): the CRF knows which BILOU tags may follow another.
        topology (str, default "blocked"): which connections exist in the randomly connected layers;
            one of `gossamer.sparse.Topology`.
        max_group_size (int, default None): the most outputs of such a layer that share their
            inputs, in topologies with groups; None leaves it to the topology.
        context_window (int, default None): neighbours on each side whose features the transformer
            reads next to a token's own; None for 2.
        wide_path (bool, default None): intents are also scored by a linear model of the text's
            counts; None for True.
        label_smoothing (float, default None): share of each text's weight that is spread over all
            intents, without `number_of_negative_examples`; None for 0.1.
        regularize_labels (bool, default None): L2 also on what intents alone depend on; None for
            False.
        calibrate (bool, default None): hold a tenth of the texts back in the first half of
            training, to find a temperature for `predict_proba`; None for True.
        prune_features (bool, default None): leave out redundant sparse features; None for True.
        mention_replacement (float, default None): share of the mentions of entities that are
            replaced by others of their kind in training; None for 0.5.
        rasa_defaults (bool, default False): the parameters that are None above, and the
            `featurizers` where these are None, are those of Rasa's model.
        random_state (int or RandomState, default None): scikit-learn's name of `random_seed`; of
            the two only one may be given, or both the same. A `RandomState` gives a new seed in
            each `fit`.
        early_stopping (bool, default False): hold out `validation_fraction` of the texts and stop
            when the score on them no longer rises, keeping the weights of the best epoch. The score
            is the accuracy of intents (among the negatives that are drawn), the F1 of entities, or
            the mean of both. Without it all `epochs` are run.
        validation_fraction (float, default 0.1): share of the different texts to hold out for early
            stopping, of each intent in proportion.
        n_iter_no_change (int, default 10): early stopping ends training after more than this number
            of epochs in a row without a higher score.
        tol (float, default 0.0001): the least rise of the score that counts.
        verbose (int, default 0): 0 writes nothing; 1 a bar of the epochs in terminals and
            notebooks, and nothing elsewhere; 2 losses and scores of each epoch, a line each.

    Attributes:
        classes_: the intents, sorted. Absent when fitted without intents.
        pipeline_: the trained pipeline.
        n_iter_: how many epochs were run.
        loss_curve_: the loss of each epoch.
        validation_scores_: the score after each epoch; None without early stopping.
        best_validation_score_: the best of them; None without early stopping.
        fitted_params_: the parameters as they were in `fit`; these are what `save` stores.

    Examples:
        >>> texts = ["hello there", "hi", "book a flight to Rome", "fly me to Oslo"]
        >>> intents = ["greet", "greet", "book", "book"]
        >>> model = DIETClassifier(epochs=5, random_state=1).fit(texts, intents)
        >>> model.predict(["hi there"]).shape
        (1,)
    """

    def fit(
        self,
        X: Any,
        y: Any = None,
        entities: Any = None,
        *,
        sample_weight: Any = None,
        on_epoch: EpochListener | None = None,
    ) -> Self:
        """Train. Wrong arguments are reported before training.

        Args:
            X: the texts: a list, an array, a Series, a DataFrame of one column, a generator.
                Repetitions of an example count once; blank texts are left out, with a warning.
            y: the intent of each text: strings, whole numbers or bools, of one kind, none of them
                missing. None to learn entities only. Not looked at when `intent_classification` is
                False.
            entities: the entities of each text, which must not overlap: mappings with `start`,
                `end` and `entity`, and where wanted `value`, `role` and `group`; tuples
                `(start, end, entity)`; `Entity` objects; documents or spans of spaCy. None for no
                entities.
            sample_weight: what the losses of each text are multiplied by, relative to the mean; the
                weights of repetitions are added, and a text of weight 0 is left out.
                None for 1 each.
            on_epoch: called after every epoch.

        Returns:
            Itself.

        Raises:
            DataError: lengths differ, a text is not a string, an intent is missing or of another
                kind, an entity is outside its text or overlaps another, a class has blank texts
                only, there are fewer than two classes, or there is nothing to learn.
            ConfigError: a parameter is not valid.
        """
        require("training", *TRAINING)
        options = self._checked_options()
        with_intents = options["intent_classification"] and y is not None
        data = fit_data(
            X,
            y,
            entities,
            sample_weight,
            with_intents=with_intents,
            with_entities=options["entity_recognition"],
        )
        options["intent_classification"] = with_intents
        stopping = None
        if self.early_stopping:
            options |= self._holdout(data.strata)
            stopping = self._stopping()
        losses: list[float] = []
        progress = Progress(int(self.verbose))

        def listen(report: EpochReport) -> None:
            losses.append(report.metrics["t_loss"])
            progress.show(report)
            if on_epoch is not None:
                on_epoch(report)

        with errors_of_python():
            pipeline = Pipeline.from_config(self._config(options))
            diet = _diet_of(pipeline)
            diet.example_weights = data.weights
            diet.callbacks = () if stopping is None else (stopping,)
            try:
                pipeline.train(data.training, on_epoch=listen)
            finally:
                progress.close()
                diet.example_weights, diet.callbacks = None, ()
        self._take(pipeline, data.classes)
        self.n_iter_ = len(losses)
        self.loss_curve_ = losses
        self.validation_scores_ = None if stopping is None else stopping.scores
        self.best_validation_score_ = None if stopping is None else stopping.best_score
        self.fitted_params_ = plain(self.get_params(deep=False))
        if self.random_state is not None:
            self.fitted_params_["random_state"] = options["random_seed"]
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The most probable intent of each text, always one of `classes_`. *Shape:* (n_texts,)."""
        probabilities = self.predict_proba(X)
        predicted: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return predicted

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Probability of each intent, in the order of `classes_`; each row sums to 1.

        The confidence that a text leaves over is divided equally, so a text without a known word
        gets the same for all; `parse` then gives the intent None. With the margin loss these are a
        softmax of the similarities that `parse` gives. *Shape:* (n_texts, n_classes).
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
        if self._diet.options.loss_type == LossType.MARGIN:
            rows = softmax(rows, axis=1)
        # What is left where little is known is shared out; rounding may also leave a little less.
        rows += np.maximum(0.0, 1.0 - rows.sum(axis=1, keepdims=True)) / n_classes
        rows /= rows.sum(axis=1, keepdims=True)
        # The network numbers intents by their sorted names, `classes_` may be numbers.
        by_class: npt.NDArray[np.float64] = rows[:, self._column_of_class]
        return by_class

    def parse(self, text: str) -> Parse:
        """Intent, ranking and entities of one text."""
        return self.parse_many([text])[0]

    def parse_many(self, texts: Any) -> list[Parse]:
        """Intent, ranking and entities of each text; intents are named by `str` of their class."""
        check_is_fitted(self, "pipeline_")
        parses = self.pipeline_.parse(checked_texts(texts))
        for parse in parses:
            parse.intent = self._renamed(parse.intent)
            parse.intent_ranking = [self._renamed(intent) for intent in parse.intent_ranking]
        return parses

    def predict_entities(self, X: Any) -> list[list[Entity]]:
        """The entities of each text."""
        return [parse.entities for parse in self.parse_many(X)]

    def save(self, path: str | Path) -> Path:
        """Write the fitted model to one file, atomically; see `gossamer.nn.storage`.

        Raises:
            ModelFileError: it cannot be written there.
        """
        check_is_fitted(self, "pipeline_")
        packed = _pack(self.pipeline_)
        content = {
            "kind": _KIND,
            "parameters": self.fitted_params_,
            "classes": plain(self.classes_.tolist()) if hasattr(self, "classes_") else None,
            "training": {name: _storable(plain(getattr(self, name))) for name in _TRAINING},
            "pipeline": packed.components,
        }
        path = Path(path)
        save_model(path, content, packed.arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save` wrote. No code from the file is run.

        Raises:
            ModelFileError: the file is missing, damaged, altered, of another version or not such a
                model.
        """
        path = Path(path)
        content, arrays = load_model_of_kind(
            path, _KIND, named="a DIETClassifier", hint="gossamer.Assistant.load for an assistant"
        )
        try:
            model = cls(**content["parameters"])
            model.fitted_params_ = content["parameters"]
            classes = content["classes"]
            model._take(
                pipeline_from_parts(content["pipeline"], arrays),
                None if classes is None else np.array(classes),
            )
            training = content.get("training", {})  # older files have none
            for name in _TRAINING:
                setattr(model, name, training.get(name))
        except (KeyError, TypeError, AttributeError) as error:
            raise ModelFileError(
                "the file must hold parameters, classes and pipeline of this version",
                got=str(error),
                where=Location(path),
                hint="training the model again",
            ) from error
        return model

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled and copied: the pipeline as `save` writes it, and no training state."""
        state = dict(super().__getstate__())
        if "pipeline_" in state:
            state["pipeline_"] = _pack(state["pipeline_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        packed = state.get("pipeline_")
        if isinstance(packed, _Packed):
            # joblib may have mapped the arrays, read-only; torch wants them writable.
            arrays = {
                name: np.require(part, requirements="W") for name, part in packed.arrays.items()
            }
            state = {**state, "pipeline_": pipeline_from_parts(packed.components, arrays)}
        super().__setstate__(state)

    def __sklearn_tags__(self) -> Any:
        """Texts in, in one dimension; intents out, or none when only entities are learnt."""
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags

    @property
    def _diet(self) -> DIETComponent:
        return _diet_of(self.pipeline_)

    def _confidences(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Confidence in each intent, in the network's order; 0 for all of a blank text."""
        rows = np.zeros((len(texts), len(self._diet.labels)))
        filled = [number for number, text in enumerate(texts) if text.strip()]
        if filled:
            diet = self._diet
            batch = self.pipeline_.process([texts[number] for number in filled], before=diet)
            rows[filled] = diet.confidences(batch) * diet.trust(batch)[:, None]
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
        # A direct message ("/restart") may name an intent that is not a class.
        name = self._class_of_name.get(intent.name, intent.name)
        return IntentPrediction(name=name, confidence=intent.confidence)


def _diet_of(pipeline: Pipeline) -> DIETComponent:
    return next(part for part in pipeline.components if isinstance(part, DIETComponent))


def _pack(pipeline: Pipeline) -> _Packed:
    return _Packed(*pipeline_to_parts(pipeline))


def _storable(value: Any) -> Any:
    """A figure, or a list of figures; None for those that are no numbers after a bad training."""
    if isinstance(value, list):
        return [_storable(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
