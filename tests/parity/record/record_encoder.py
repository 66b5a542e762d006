"""Record weights, inputs and outputs of Rasa's transformer encoder in all its variants."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import tensorflow as tf
from rasa.utils.tensorflow.transformer import TransformerEncoder
from recording import numbers, write_fixture

SEED = 7
INPUT_SIZE = 6
LENGTHS = (5, 3, 1)
SETTINGS = {
    "num_layers": 2,
    "units": 8,
    "num_heads": 2,
    "filter_units": 32,
    "reg_lambda": 0.0,
    "dropout_rate": 0.3,
    "attention_dropout_rate": 0.2,
}


def named_layers(encoder: TransformerEncoder) -> dict[str, Any]:
    """The layers that hold weights, by names of our own."""
    layers = {"input": encoder._embedding}
    for index, layer in enumerate(encoder._enc_layers):
        layers[f"{index}.attention_norm"] = layer._layer_norm
        layers[f"{index}.query"] = layer._mha._query_dense_layer
        layers[f"{index}.key"] = layer._mha._key_dense_layer
        layers[f"{index}.value"] = layer._mha._value_dense_layer
        layers[f"{index}.attention_output"] = layer._mha._output_dense_layer
        layers[f"{index}.feed_forward_norm"] = layer._ffn_layers[0]
        layers[f"{index}.feed_forward_1"] = layer._ffn_layers[1]
        layers[f"{index}.feed_forward_2"] = layer._ffn_layers[3]
    layers["output_norm"] = encoder._layer_norm
    return layers


def set_weights(encoder: TransformerEncoder, random: np.random.Generator) -> dict[str, Any]:
    """Give every weight a random value of four decimals; return all of them by name.

    Kernels are [inputs, outputs] as in Keras; a mask row is a string of 0 and 1.
    """

    def fill(variable: tf.Variable, around: float = 0.0, scale: float = 0.5) -> Any:
        drawn = np.round(around + scale * random.standard_normal(variable.shape), 4)
        variable.assign(drawn.astype(np.float32))
        return numbers(variable.numpy())

    found: dict[str, Any] = {}
    for name, layer in named_layers(encoder).items():
        if isinstance(layer, tf.keras.layers.LayerNormalization):
            found[f"{name}.gamma"] = fill(layer.gamma, around=1.0, scale=0.2)
            found[f"{name}.beta"] = fill(layer.beta, scale=0.2)
            continue
        fill(layer.kernel)
        if layer.kernel_mask is not None:
            layer.kernel.assign(layer.kernel * layer.kernel_mask)
            rows = layer.kernel_mask.numpy().astype(int)
            found[f"{name}.mask"] = ["".join(map(str, row)) for row in rows]
        found[f"{name}.kernel"] = numbers(layer.kernel.numpy())
        if layer.use_bias:
            found[f"{name}.bias"] = fill(layer.bias, scale=0.2)
    for index, layer in enumerate(encoder._enc_layers):
        for kind in ("key", "value"):
            table = getattr(layer._mha, f"{kind}_relative_embeddings")
            if table is not None:
                found[f"{index}.{kind}_relative"] = fill(table)
    return found


def record(
    use_key: bool, use_value: bool, max_position: int, unidirectional: bool, density: float
) -> dict[str, Any]:
    """One encoder: its weights, what goes in, what comes out, and a gradient."""
    tf.keras.utils.set_random_seed(SEED)
    random = np.random.default_rng(SEED)
    encoder = TransformerEncoder(
        **SETTINGS,
        density=density,
        unidirectional=unidirectional,
        use_key_relative_position=use_key,
        use_value_relative_position=use_value,
        max_relative_position=max_position,
    )
    shape = (len(LENGTHS), max(LENGTHS), INPUT_SIZE)
    inputs = np.round(random.standard_normal(shape), 4).astype(np.float32)
    real = tf.sequence_mask(LENGTHS, max(LENGTHS), dtype=tf.float32)[..., tf.newaxis]
    encoder(inputs, 1 - real, training=False)
    weights = set_weights(encoder, random)
    cotangent = np.round(random.standard_normal((*shape[:2], SETTINGS["units"])), 4)
    with tf.GradientTape() as tape:
        x = tf.constant(inputs)
        tape.watch(x)
        outputs, _ = encoder(x, 1 - real, training=False)
        total = tf.reduce_sum(outputs * real * cotangent.astype(np.float32))
    gradient = tape.gradient(total, x)
    return {
        "use_key_relative_attention": use_key,
        "use_value_relative_attention": use_value,
        "max_relative_position": max_position,
        "unidirectional_encoder": unidirectional,
        "connection_density": density,
        "weights": weights,
        # Real tokens only, one text after the other.
        "inputs": packed(inputs),
        "outputs": packed(outputs.numpy()),
        "cotangent": packed(cotangent),
        "input_gradient": packed(gradient.numpy()),
    }


def packed(array: np.ndarray) -> Any:
    """The rows of real tokens."""
    return numbers(
        np.concatenate([row[:length] for row, length in zip(array, LENGTHS, strict=True)])
    )


def main() -> None:
    """Write encoder.json."""
    relative = ((False, False, 5), (True, False, 2), (True, True, 2), (True, True, 5))
    cases = [
        record(*choice, unidirectional, density)
        for choice, unidirectional, density in itertools.product(
            relative, (False, True), (1.0, 0.5)
        )
    ]
    write_fixture(
        "encoder",
        "record_encoder.py",
        {**SETTINGS, "seed": SEED, "lengths": LENGTHS, "input_size": INPUT_SIZE},
        cases,
    )


if __name__ == "__main__":
    main()
