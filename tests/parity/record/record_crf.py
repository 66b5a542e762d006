"""Record what Rasa's CRF layer makes of random scores: likelihoods, loss, paths, confidences."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from rasa.utils.tensorflow.crf import crf_log_likelihood
from rasa.utils.tensorflow.layers import CRF
from recording import numbers, write_fixture

SEED = 11
N_TAGS = 5
REGULARIZATION = 0.002
BATCHES = (
    (1, 2, 3, 4, 5, 6),
    (6, 6, 1),
    (2, 1),
    (1, 1, 1),
    (4,),
    (3, 5, 2, 5),
)


def record(index: int, lengths: tuple[int, ...]) -> dict[str, Any]:
    """One batch through the layer, with and without loss scaling."""
    random = np.random.default_rng(SEED + index)
    # The scale grows with the index so that some batches are sure enough to be scaled.
    scale = 0.5 + index
    shape = (len(lengths), max(lengths))
    logits = np.round(scale * random.standard_normal((*shape, N_TAGS)), 4).astype(np.float32)
    transitions = np.round(random.standard_normal((N_TAGS, N_TAGS)), 4).astype(np.float32)
    tags = random.integers(0, N_TAGS, shape)
    if index % 2:
        tags = logits.argmax(axis=-1)
    result: dict[str, Any] = {
        "lengths": list(lengths),
        "logits": packed(logits, lengths),
        "transitions": numbers(transitions),
        "tags": packed(tags, lengths),
    }
    for scale_loss in (False, True):
        layer = CRF(N_TAGS, REGULARIZATION, scale_loss)
        layer.build(logits.shape)
        layer.transition_params.assign(transitions)
        with tf.GradientTape() as tape:
            x = tf.constant(logits)
            tape.watch(x)
            loss = layer.loss(x, tf.constant(tags, tf.int32), tf.constant(lengths))
        by_logits, by_transitions = tape.gradient(loss, (x, layer.transition_params))
        result["scaled_loss" if scale_loss else "loss"] = {
            "value": float(str(loss.numpy())),
            "logits_gradient": packed(by_logits.numpy(), lengths),
            # None where no text has two tokens.
            "transitions_gradient": None
            if by_transitions is None
            else numbers(by_transitions.numpy()),
        }
    likelihoods, _ = crf_log_likelihood(
        logits, tf.constant(tags, tf.int32), tf.constant(lengths), transitions
    )
    paths, confidences = layer(tf.constant(logits), tf.constant(lengths))
    result["log_likelihoods"] = numbers(likelihoods.numpy())
    result["paths"] = packed(paths.numpy(), lengths)
    result["confidences"] = packed(confidences.numpy(), lengths)
    return result


def packed(array: np.ndarray, lengths: tuple[int, ...]) -> Any:
    """The rows of real tokens, one text after the other."""
    return numbers(
        np.concatenate([row[:length] for row, length in zip(array, lengths, strict=True)])
    )


def main() -> None:
    """Write crf.json."""
    write_fixture(
        "crf",
        "record_crf.py",
        {"seed": SEED, "n_tags": N_TAGS, "confidences": "as reported by Rasa, its defect included"},
        [record(index, lengths) for index, lengths in enumerate(BATCHES)],
    )


if __name__ == "__main__":
    main()
