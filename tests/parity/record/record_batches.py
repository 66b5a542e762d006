"""Record which examples Rasa's data generator puts into the batches of each epoch.

All chance in it comes from `numpy.random.permutation`; with the same stream of permutations the
batches can be compared one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.utils.tensorflow.data_generator import RasaBatchDataGenerator
from rasa.utils.tensorflow.model_data import FeatureArray, RasaModelData
from recording import write_fixture

SEED = 19
N_EPOCHS = 4
# Examples of each label, first and last batch size.
SHAPES: tuple[tuple[list[int], list[int]], ...] = (
    ([1, 2, 40], [8, 20]),
    ([5, 5, 5, 5], [4, 4]),
    ([30], [7, 7]),
    ([1, 1, 1, 1, 1, 60, 13], [16, 64]),
    ([2, 3], [64, 256]),
)


def record(counts: list[int], sizes: list[int], strategy: str, drop: bool) -> dict[str, Any]:
    """Example numbers of each batch of each epoch."""
    labels = np.repeat(np.arange(len(counts)), counts)
    numbers = np.arange(len(labels))
    data = RasaModelData(
        label_key="label",
        label_sub_key="ids",
        data={
            "text": {"number": [column(numbers)]},
            "label": {"ids": [column(labels)]},
        },
    )
    np.random.seed(SEED)  # noqa: NPY002  (the generator Rasa draws from)
    generator = RasaBatchDataGenerator(
        data,
        sizes,
        epochs=N_EPOCHS,
        batch_strategy=strategy,
        drop_small_last_batch=drop,
    )
    epochs = []
    for _ in range(N_EPOCHS):
        batches = [generator[index][0][0] for index in range(len(generator))]
        epochs.append([batch.reshape(-1).astype(int).tolist() for batch in batches])
        generator.on_epoch_end()
    return {
        "examples_of_each_label": counts,
        "batch_size": sizes,
        "batch_strategy": strategy,
        "drop_small_last_batch": drop,
        "epochs": epochs,
    }


def column(values: np.ndarray) -> FeatureArray:
    """One number for each example."""
    return FeatureArray(values[:, np.newaxis].astype(np.float32), number_of_dimensions=2)


def main() -> None:
    """Write batches.json."""
    write_fixture(
        "batches",
        "record_batches.py",
        {"seed": SEED, "epochs": N_EPOCHS, "stream": "numpy.random.RandomState(seed).permutation"},
        [
            record(counts, sizes, strategy, drop)
            for counts, sizes in SHAPES
            for strategy in ("balanced", "sequence")
            for drop in (False, True)
        ],
    )


if __name__ == "__main__":
    main()
