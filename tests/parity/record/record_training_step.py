"""Record steps of Rasa's training loop on a tiny model: its L2 rule and its optimiser.

Rasa adds the gradient of the L2 term only to elements whose loss gradient is above zero. The model
is y = x W, loss the mean of squared errors, so that only the loop's own doings are recorded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from rasa.utils.tensorflow.models import RasaModel
from recording import numbers, write_fixture

SEED = 17
REGULARIZATION = 0.1
N_STEPS = 6


class Probe(RasaModel):
    """One regularised kernel, trained by Rasa's `train_step`."""

    def __init__(self, kernel: np.ndarray) -> None:
        super().__init__(random_seed=SEED)
        self.layer = tf.keras.layers.Dense(
            kernel.shape[1],
            use_bias=False,
            kernel_regularizer=tf.keras.regularizers.l2(REGULARIZATION),
        )
        self.layer.build((None, kernel.shape[0]))
        self.layer.kernel.assign(kernel)

    def batch_loss(self, batch_in: Any) -> tf.Tensor:
        """Mean squared error."""
        x, y = batch_in
        return tf.reduce_mean(tf.square(self.layer(x) - y))

    def _get_metric_results(self) -> dict[str, float]:
        return {}


def record(optimizer: tf.keras.optimizers.Optimizer) -> dict[str, Any]:
    """The kernel before, and after each step."""
    random = np.random.default_rng(SEED)

    def draw(*shape: int) -> np.ndarray:
        return np.round(random.standard_normal(shape), 4).astype(np.float32)

    kernel, x, y = draw(4, 3), draw(8, 4), draw(8, 3)
    x[:, 3] = 0.0  # An input that never occurs: its row must not be regularised.
    model = Probe(kernel)
    model.compile(optimizer=optimizer)
    after = []
    for _ in range(N_STEPS):
        model.train_step((tf.constant(x), tf.constant(y)))
        after.append(numbers(model.layer.kernel.numpy()))
    return {"kernel": numbers(kernel), "x": numbers(x), "y": numbers(y), "after": after}


def main() -> None:
    """Write training_step.json."""
    write_fixture(
        "training_step",
        "record_training_step.py",
        {"seed": SEED, "regularization_constant": REGULARIZATION, "learning_rate": 0.1},
        {
            "sgd": record(tf.keras.optimizers.SGD(0.1)),
            "adam": record(tf.keras.optimizers.Adam(0.1)),
        },
    )


if __name__ == "__main__":
    main()
