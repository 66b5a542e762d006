"""Record Rasa's dot-product loss in all its variants, with the draw of negatives made explicit."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import tensorflow as tf
from rasa.utils.tensorflow import layers_utils
from rasa.utils.tensorflow.layers import SingleLabelDotProductLoss
from recording import numbers, write_fixture

SEED = 13
N_LABELS = 5
BATCH = 6
WIDTH = 5
MARGIN = {"mu_pos": 0.8, "mu_neg": -0.4, "neg_lambda": 0.8}


# What is compared: how embeddings come about, their scale, and how many negatives are drawn.
# In the first no example is predicted with more than 0.5, in the others some are, at least without
# `constrain_similarities`; in the third with it too, in the last with cosines too.
GROUPS = (
    ("scattered", 0.5, 7),
    ("near", 1.0, 7),
    ("apart", 3.0, 7),
    ("apart", 2.0, 1),
)


def inputs(kind: str, scale: float, n_negatives: int) -> dict[str, np.ndarray]:
    """Embeddings, ids and negatives.

    "scattered": labels and inputs at random. "near": inputs near their labels. "apart": also
    labels as far from each other as can be.
    """
    random = np.random.default_rng(SEED)
    all_labels = random.standard_normal((N_LABELS, WIDTH))
    if kind == "apart":
        all_labels = np.eye(N_LABELS, WIDTH) - 1 / N_LABELS + all_labels / 20
    ids = random.integers(0, N_LABELS, BATCH)
    noise = random.standard_normal((BATCH, WIDTH))
    near = {"scattered": 0.0, "near": all_labels[ids], "apart": all_labels[ids]}[kind]
    spread = {"scattered": 0.5, "near": 0.5, "apart": 0.1}[kind]
    return {
        "input_embeddings": np.round(scale * (near + spread * noise), 4).astype(np.float32),
        "label_embeddings": np.round(scale * all_labels, 4).astype(np.float32),
        "label_ids": ids,
        # Rasa draws the inputs first, then the labels.
        "negative_inputs": random.integers(0, BATCH, (BATCH, n_negatives)),
        "negative_labels": random.integers(0, N_LABELS, (BATCH, n_negatives)),
    }


def record(data: dict[str, np.ndarray], options: dict[str, Any]) -> dict[str, Any]:
    """The loss, the accuracy, and the gradients of the loss."""
    draws = [data["negative_inputs"], data["negative_labels"]]

    def planned_indices(batch_size: Any, n: Any, n_max: Any) -> tf.Tensor:
        draw = draws.pop(0)
        assert draw.shape == (int(batch_size), int(n)) and draw.max() < int(n_max)
        return tf.constant(draw, tf.int32)

    layer = SingleLabelDotProductLoss(draws[0].shape[1], **options, **MARGIN)
    ids = data["label_ids"][:, np.newaxis].astype(np.float32)
    original = layers_utils.random_indices
    layers_utils.random_indices = planned_indices
    try:
        with tf.GradientTape() as tape:
            embeddings = tf.constant(data["input_embeddings"])
            all_labels = tf.constant(data["label_embeddings"])
            tape.watch((embeddings, all_labels))
            loss, accuracy = layer(
                embeddings,
                tf.gather(all_labels, data["label_ids"]),
                ids,
                all_labels,
                np.arange(N_LABELS, dtype=np.float32)[:, np.newaxis],
            )
    finally:
        layers_utils.random_indices = original
    assert not draws
    by_inputs, by_labels = tape.gradient(loss, (embeddings, all_labels))
    return {
        **options,
        "loss": float(str(loss.numpy())),
        "accuracy": float(str(accuracy.numpy())),
        "input_gradient": numbers(by_inputs.numpy()),
        "label_gradient": numbers(tf.convert_to_tensor(by_labels).numpy()),
    }


def main() -> None:
    """Write similarity.json."""
    cross_entropy = [
        {
            "loss_type": "cross_entropy",
            "similarity_type": similarity,
            "constrain_similarities": constrain,
            "scale_loss": scale,
        }
        for similarity, constrain, scale in itertools.product(
            ("inner", "cosine"), (False, True), (False, True)
        )
    ]
    margin = [
        {"loss_type": "margin", "similarity_type": similarity, "use_max_sim_neg": use_max}
        for similarity, use_max in itertools.product(("inner", "cosine"), (False, True))
    ]
    content = []
    for kind, scale, n_negatives in GROUPS:
        data = inputs(kind, scale, n_negatives)
        content.append(
            {
                "name": f"{kind}-{scale}-{n_negatives}",
                "inputs": {name: numbers(value) for name, value in data.items()},
                "cases": [record(data, options) for options in cross_entropy + margin],
            }
        )
    write_fixture(
        "similarity",
        "record_similarity.py",
        {"seed": SEED, "batch": BATCH, "labels": N_LABELS, **MARGIN},
        content,
    )


if __name__ == "__main__":
    main()
