"""From which similarity on an intent is expected: a threshold for each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gossamer.nn.frozen.weights import Floats

_ROUNDING = 1e-3  # a conversation alone and many together give similarities that differ by less


def thresholds_of(similarity: Floats, follows: npt.NDArray[np.bool_], tolerance: float) -> Floats:
    """The threshold of each intent.

    As in Rasa 3.6's UnexpecTEDIntentPolicy: a quantile of its similarities where it does not
    follow, the highest of them for a tolerance of 0 and the lowest for 1, but at most the least
    similarity where it does. Rasa takes the nearest of 20 quantiles. The least similarity is taken
    a little lower, so that no point of a story is below it for rounding, and the quantile a little
    higher, so that with 0 the highest is below it, too; in Rasa it is not.

    Args:
        similarity: of points in stories to all intents. *Shape:* (n_points, n_intents).
        follows: where each intent follows. *Shape:* (n_points, n_intents).
        tolerance: which quantile, from 0 to 1.

    Returns:
        Nan for intents that never follow. *Shape:* (n_intents,).
    """
    thresholds = np.full(similarity.shape[1], np.nan, dtype=np.float32)
    for intent in np.flatnonzero(follows.any(axis=0)):
        own = similarity[follows[:, intent], intent]
        others = similarity[~follows[:, intent], intent]
        threshold = own.min() - _ROUNDING
        if len(others):
            with np.errstate(all="ignore"):  # not finite after training that diverged
                highest = np.quantile(others, 1.0 - tolerance) + _ROUNDING
            threshold = np.minimum(threshold, highest)
        thresholds[intent] = threshold
    return thresholds
