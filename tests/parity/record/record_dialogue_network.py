"""Record TED's network with given weights: features in, embeddings, similarities and losses out.

Kernels are [inputs, outputs] as in Keras. Rasa takes what is known of a turn side by side in the
order "turn_parts"; the rows of the transformer's input kernel follow it. Nothing is dropped. The
weights were learnt in a few steps and rounded.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from dialogue_data import Table, make_policy, plain, project, unfolded
from rasa.core.policies.ted_policy import TED, TEDPolicy
from rasa.utils.tensorflow import layers_utils
from rasa.utils.tensorflow.data_generator import RasaDataGenerator
from rasa.utils.tensorflow.model_data import RasaModelData
from record_dialogue_features import features
from record_encoder import named_layers
from recording import numbers, write_fixture

SEED = 23
PROJECT = "memory"
N_NEGATIVES = 4
N_STEPS = 24
SIZES = {
    "dense_dimension": {
        "text": 4,
        "action_text": 4,
        "label_action_text": 4,
        "intent": 4,
        "action_name": 3,
        "label_action_name": 3,
        "entities": 2,
        "slots": 5,
        "active_loop": 2,
    },
    "encoding_dimension": 6,
    "embedding_dimension": 5,
    "number_of_attention_heads": 2,
    "number_of_negative_examples": N_NEGATIVES,
}
NOTHING_DROPPED = {
    "drop_rate": 0.0,
    "drop_rate_dialogue": 0.0,
    "drop_rate_attention": 0.0,
    "use_sparse_input_dropout": False,
    "use_dense_input_dropout": False,
}
CASES: dict[str, dict[str, Any]] = {
    "dense": {"max_history": None, "connection_density": 1.0},
    "sparse with relative positions": {
        "max_history": 4,
        "connection_density": 0.5,
        "number_of_transformer_layers": 2,
        "use_key_relative_attention": True,
        "use_value_relative_attention": True,
        "max_relative_position": 2,
    },
    "whole dialogues": {
        "connection_density": 1.0,
        "featurizer": [
            {
                "name": "FullDialogueTrackerFeaturizer",
                "state_featurizer": [{"name": "SingleStateFeaturizer"}],
            }
        ],
    },
}
LOSSES = [
    {"constrain_similarities": constrain, "scale_loss": scale}
    for constrain, scale in itertools.product((False, True), (False, True))
]
GRADIENTS = (
    "intent.input",
    "entities.input",
    "slots.input",
    "action_name.encode",
    "label_action_name.encode",
    "transformer.input",
    "transformer.0.value",
    "embed.dialogue",
    "embed.label",
)
# Which examples, or conversations, are in the batch; their lengths differ.
EXAMPLES = (0, 3, 5, 21, 27, 38)
DIALOGUES = (0, 6, 7)


def options_of(case: dict[str, Any]) -> dict[str, Any]:
    """The policy's options."""
    case = copy.deepcopy(case)
    n_layers = case.pop("number_of_transformer_layers", 1)
    parts = ("text", "action_text", "label_action_text", "dialogue")
    return {
        **copy.deepcopy(SIZES),
        **NOTHING_DROPPED,
        "transformer_size": dict.fromkeys(parts, 8),
        "number_of_transformer_layers": dict.fromkeys(parts, n_layers),
        "random_seed": SEED,
        "use_gpu": False,
        **case,
    }


class Recorder:
    """A policy with its data, and networks with one set of weights."""

    def __init__(self, case: dict[str, Any]) -> None:
        tf.keras.utils.set_random_seed(SEED)
        self.random = np.random.default_rng(SEED)
        self.domain, graph = project(PROJECT)
        trackers = [
            tracker for tracker in unfolded(self.domain, graph) if not tracker.is_rule_tracker
        ]
        self.policy = make_policy(TEDPolicy, **options_of(case))
        self.data, _ = self.policy._prepare_for_training(trackers, self.domain, None)
        self.states, self.labels = self.policy.featurizer.training_states_and_labels(
            trackers, self.domain
        )
        self.is_max_history = "featurizer" not in case
        self.chosen = EXAMPLES if self.is_max_history else DIALOGUES
        examples = RasaModelData._data_for_ids(self.data.data, np.array(self.chosen))
        self.batch = RasaDataGenerator.prepare_batch(examples)
        self.network = self.make()
        self.learn()
        self.weights = self.round_weights()

    def make(self) -> TED:
        """The network, its weights built."""
        network = TED(
            self.data.get_signature(),
            self.policy.config,
            self.is_max_history,
            self.policy._label_data,
            self.policy._entity_tag_specs,
        )
        network._training = True
        with self.planned_negatives():
            network.batch_loss(self.batch)
        return network

    @contextlib.contextmanager
    def planned_negatives(self) -> Iterator[None]:
        """Negatives are those in `self.negatives`, drawn at their first use; padding gets 0."""

        def indices(n_targets: Any, n: Any, n_candidates: Any) -> tf.Tensor:
            name = "labels" if len(used) else "inputs"
            used.append(name)
            shape = (int(n_targets), int(n))
            if name == "labels":
                found = np.random.default_rng(SEED).integers(0, int(n_candidates), shape)
            else:
                real = np.flatnonzero(self.is_real())
                found = np.random.default_rng(SEED + 1).choice(real, shape)
            self.negatives[name] = found
            return tf.constant(found, tf.int32)

        used: list[str] = []
        self.negatives: dict[str, np.ndarray] = {}
        original = layers_utils.random_indices
        layers_utils.random_indices = indices
        try:
            yield
        finally:
            layers_utils.random_indices = original

    def is_real(self) -> np.ndarray:
        """Which of the embeddings are no padding: all, or with whole dialogues those of turns."""
        if self.is_max_history:
            return np.ones(len(self.chosen), bool)
        lengths = np.array([len(self.states[number]) for number in self.chosen])
        return (np.arange(lengths.max()) < lengths[:, np.newaxis]).reshape(-1)

    def layers(self) -> dict[str, Any]:
        """The layers that hold weights, by names of our own."""
        found: dict[str, Any] = {}
        for name, layer in self.network._tf_layers.items():
            kind, _, part = name.partition(".")
            if kind == "sparse_dense_concat_layer":
                # That of labels is never built: their features are dense.
                table = layer._tf_layers.get(layer.SPARSE_TO_DENSE)
                if table is not None and table.built:
                    found[f"{part}.input"] = table
            elif kind == "encoding_layer":
                (found[f"{part}.encode"],) = [
                    inner for inner in layer._ffn_layers if hasattr(inner, "kernel")
                ]
            elif kind == "transformer":
                for inner_name, inner in named_layers(layer).items():
                    found[f"transformer.{inner_name}"] = inner
            elif kind == "embed":
                found[name] = layer._dense
        return found

    def learn(self) -> None:
        """Learn the batch for a while, so that some losses are small enough to be scaled."""
        optimizer = tf.keras.optimizers.Adam(0.02)
        layer = self.network._tf_layers["loss.label"]
        layer.scale_loss = False
        for variable in self.network.trainable_variables:
            noise = 0.3 * self.random.standard_normal(variable.shape)
            variable.assign_add(noise.astype(np.float32))
        for _ in range(N_STEPS):
            with self.planned_negatives(), tf.GradientTape() as tape:
                loss = self.network.batch_loss(self.batch)
            gradients = tape.gradient(loss, self.network.trainable_variables)
            optimizer.apply_gradients(
                (gradient, variable)
                for gradient, variable in zip(
                    gradients, self.network.trainable_variables, strict=True
                )
                if gradient is not None
            )

    def round_weights(self) -> dict[str, Any]:
        """Round every weight to four decimals; return all of them by name.

        A mask row is a string of 0 and 1.
        """

        def rounded(variable: tf.Variable) -> Any:
            variable.assign(np.round(variable.numpy(), 4))
            return numbers(variable.numpy())

        found: dict[str, Any] = {}
        for name, layer in self.layers().items():
            if isinstance(layer, tf.keras.layers.LayerNormalization):
                found[f"{name}.gamma"] = rounded(layer.gamma)
                found[f"{name}.beta"] = rounded(layer.beta)
                continue
            if getattr(layer, "kernel_mask", None) is not None:
                layer.kernel.assign(layer.kernel * layer.kernel_mask)
                rows = layer.kernel_mask.numpy().astype(int)
                found[f"{name}.mask"] = ["".join(map(str, row)) for row in rows]
            found[f"{name}.kernel"] = rounded(layer.kernel)
            if layer.use_bias:
                found[f"{name}.bias"] = rounded(layer.bias)
        transformer = self.network._tf_layers["transformer.dialogue"]
        for index, layer in enumerate(transformer._enc_layers):
            for kind in ("key", "value"):
                table = getattr(layer._mha, f"{kind}_relative_embeddings")
                if table is not None:
                    found[f"transformer.{index}.{kind}_relative"] = rounded(table)
        return found

    def turns(self) -> tuple[list[Any], list[list[int]]]:
        """Features of each different turn, and the numbers of the turns of each example."""
        table = Table()
        featurizer = self.policy.featurizer.state_featurizer
        return table.items, [
            table.numbers([features(featurizer, state) for state in self.states[number]])
            for number in self.chosen
        ]

    def forward(self) -> dict[str, Any]:
        """Embeddings, similarities and confidences, padding left out."""
        network = self.network
        network._training = False
        data = network.batch_to_model_data_format(self.batch, network.data_signature)
        network._compute_dialogue_indices(data)
        turns, _, _ = network._process_batch_data(data)
        # While training, whole dialogues are embedded at each turn.
        network._training = True
        dialogue, _, _, _ = network._embed_dialogue(turns, data)
        _, labels = network._create_all_labels_embed()
        similarities = tf.matmul(dialogue, labels, transpose_b=True)
        real = self.is_real()
        width = len(self.domain.action_names_or_texts)
        flat = tf.reshape(similarities, (-1, width))
        return {
            "turn_parts": self.turn_parts(),
            "dialogue_embedding": numbers(tf.reshape(dialogue, (-1, 5)).numpy()[real]),
            "label_embedding": numbers(labels.numpy()),
            "similarities": numbers(flat.numpy()[real]),
            "confidences": numbers(tf.nn.softmax(flat).numpy()[real]),
        }

    def turn_parts(self) -> list[list[Any]]:
        """[name, width] of what is known of a turn, in the order of Rasa's input."""
        size = SIZES["encoding_dimension"]
        further = [
            name
            for name in self.data.get_signature()
            if name in ("entities", "slots", "active_loop")
        ]
        return [
            ["intent", size],
            ["action_name", size],
            *([name, SIZES["dense_dimension"][name]] for name in further),
        ]

    def losses(self) -> list[dict[str, Any]]:
        """The loss with each of `LOSSES`, and gradients of some weights with the last of them."""
        found = []
        layer = self.network._tf_layers["loss.label"]
        for options in LOSSES:
            for name, value in options.items():
                setattr(layer, name, value)
            with self.planned_negatives(), tf.GradientTape() as tape:
                loss = self.network.batch_loss(self.batch)
            found.append({**options, "loss": float(str(loss.numpy()))})
        variables = {name: self.layers()[name].kernel for name in GRADIENTS}
        found[-1]["gradients"] = {
            f"{name}.kernel": numbers(tf.convert_to_tensor(value).numpy())
            for name, value in tape.gradient(loss, variables).items()
        }
        return found


def record(name: str, case: dict[str, Any]) -> dict[str, Any]:
    """One network."""
    recorder = Recorder(case)
    turns, examples = recorder.turns()
    real = recorder.is_real()
    result = {
        "name": name,
        "options": plain(options_of(case)),
        "columns": {
            "intent": len(recorder.domain.intents),
            "entities": len(recorder.domain.entity_states),
            "slots": len(recorder.domain.slot_states),
            "active_loop": len(recorder.domain.form_names),
            "action_name": recorder.domain.num_actions,
        },
        "weights": recorder.weights,
        "turns": turns,
        "examples": examples,
        "labels": [
            recorder.domain.index_for_action(action)
            for number in recorder.chosen
            for action in recorder.labels[number]
        ],
        **recorder.forward(),
        "losses": recorder.losses(),
    }
    # Numbers among real turns only.
    place = np.cumsum(real) - 1
    result["negatives"] = {
        "inputs": numbers(place[recorder.negatives["inputs"]][real]),
        "labels": numbers(recorder.negatives["labels"][real]),
    }
    return result


def main() -> None:
    """Write dialogue_network.json."""
    write_fixture(
        "dialogue_network",
        "record_dialogue_network.py",
        {"seed": SEED, "project": PROJECT},
        [record(name, case) for name, case in CASES.items()],
    )


if __name__ == "__main__":
    main()
