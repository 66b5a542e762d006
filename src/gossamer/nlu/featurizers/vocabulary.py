"""Which terms of the training texts become features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np


def learn_vocabulary(
    documents: Iterable[list[str]],
    *,
    min_df: float = 1,
    max_df: float = 1.0,
    max_features: int | None = None,
) -> list[str]:
    """The terms that count, sorted, as scikit-learn's CountVectorizer chooses them.

    Counted here because importing scikit-learn costs a training 60 MiB and half a second.

    Args:
        documents: the terms of each document, repetitions kept.
        min_df: least number of documents a term must be in; a float is a share of all.
        max_df: most number of documents a term may be in; a float is a share of all.
        max_features: keep this many, the most frequent ones; None keeps all.

    Raises:
        ValueError: no term, or none that is in the right number of documents.
    """
    occurrences: Counter[str] = Counter()
    n_documents_with: Counter[str] = Counter()
    n_documents = 0
    for terms in documents:
        n_documents += 1
        occurrences.update(terms)
        n_documents_with.update(set(terms))
    if not occurrences:
        raise ValueError("they hold no term, or stop words only")
    least = min_df * n_documents if isinstance(min_df, float) else min_df
    most = max_df * n_documents if isinstance(max_df, float) else max_df
    if most < least:
        raise ValueError(f"max_df = {max_df} is below min_df = {min_df} for {n_documents} texts")
    found = sorted(term for term, n in n_documents_with.items() if least <= n <= most)
    if not found:
        raise ValueError(
            f"no term is in as many of {n_documents} texts as min_df = {min_df} and "
            f"max_df = {max_df} ask"
        )
    if max_features is None or len(found) <= max_features:
        return found
    often = (-np.array([occurrences[term] for term in found])).argsort()[:max_features]
    return [found[i] for i in sorted(often)]
