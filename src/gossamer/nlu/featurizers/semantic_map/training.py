"""Training of a semantic map: a self-organising map of texts, and where on it each word lies.

Each text of a corpus is a vector of its words, weighted by inverse document frequency and of length
one. A self-organising map (Kohonen, 1982; here its batch form, with cosines) gives each cell of a
grid a vector of the same kind, so that neighbouring cells are alike, and each text the cell most
like it. Where the texts with a word lie is what the word means (distributional semantics; Webber,
2015, builds binary fingerprints in the same way).
"""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError, InputError, Location
from gossamer.data.installed import require
from gossamer.nlu.featurizers.semantic_map.semantic_map import SIDES, SemanticMap, hilbert_places
from gossamer.nlu.pipeline.component import EpochListener, EpochReport
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)
from gossamer.nn.csr import CsrMatrix, indptr_of

Floats = npt.NDArray[np.float32]

_LAST_WIDTH = 0.7  # of the neighbourhood, in cells
_LARGEST = 2**27  # numbers in the cells' vectors: half a gibibyte
_TEXTS_AT_A_TIME = 4096
_LONGEST_LINE = 2**22  # bytes; what has no line ends would fill the memory


def read_corpus(paths: Iterable[str | Path]) -> Iterator[str]:
    """The lines of text files that are not blank, in order.

    Raises:
        DataError: a file cannot be read, or a line is not UTF-8 or too long.
    """
    for path in map(Path, paths):
        try:
            with path.open("rb") as file:
                lines = iter(lambda: file.readline(_LONGEST_LINE + 1), b"")
                for number, line in enumerate(lines, start=1):
                    if len(line) > _LONGEST_LINE:
                        raise DataError(
                            f"a line of a corpus may have {_LONGEST_LINE:,} bytes",
                            got=line[:20],
                            where=Location(path, number),
                            hint="a text, a sentence or a paragraph, on each line",
                        )
                    try:
                        text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                    except UnicodeDecodeError as problem:
                        raise DataError(
                            "a corpus must be UTF-8",
                            got=line[problem.start : problem.end],
                            where=Location(path, number),
                            hint="save it as UTF-8",
                        ) from None
                    if text:
                        yield text
        except OSError as problem:
            raise DataError(
                "a corpus must be a file that can be read",
                got=problem.strerror,
                where=Location(path),
            ) from None


def train_semantic_map(
    texts: Iterable[str],
    *,
    side: int = 32,
    max_words: int = 10_000,
    min_count: int = 2,
    active: float = 0.02,
    epochs: int = 20,
    random_seed: int = 0,
    on_epoch: EpochListener | None = None,
) -> SemanticMap:
    """Train a map on texts, each a sentence or a short paragraph.

    Args:
        texts: the corpus; see `read_corpus`. Words are those of WhitespaceTokenizer, in lower case.
        side: cells along a side of the grid: 8, 16, 32 or 64.
        max_words: so many of the most frequent words are on the map.
        min_count: words in fewer texts are left out.
        active: largest share of the cells that a word activates, in (0, 1]; one cell at least.
        epochs: passes over the corpus.
        random_seed: of the first map; the same seed and corpus give the same map.
        on_epoch: called after each epoch; the metrics are `cosine` of texts and their cells, and
            `topographic_error`, the share of texts whose second best cell is not next to the best
            one (Kiviluoto, 1996).

    Raises:
        InputError: a value cannot be used.
        DataError: no two texts share two words that are frequent enough.
        MissingPartError: SciPy is not installed.
    """
    _check(side, max_words, min_count, active, epochs, random_seed)
    require("training a semantic map", "scipy")
    words, tokens, sizes = _count(texts, max_words, min_count)
    if side * side * len(words) > _LARGEST:
        raise InputError(
            f"a map must hold at most {_LARGEST:,} numbers, cells times words",
            got=f"{side * side:,} cells and {len(words):,} words",
            hint="a smaller side, or fewer words",
        )
    matrix = _weighted(tokens, sizes, len(words))
    cells = _organise(matrix, side, epochs, random_seed, on_epoch)
    return SemanticMap(words, _activations(tokens, sizes, cells, len(words), side, active), side)


def _check(
    side: int, max_words: int, min_count: int, active: float, epochs: int, random_seed: int
) -> None:
    wrong = [
        (side not in SIDES, f"side must be one of {', '.join(map(str, SIDES))}", side),
        (max_words < 2, "max_words must be 2 or more", max_words),
        (min_count < 1, "min_count must be 1 or more", min_count),
        (not 0.0 < active <= 1.0, "active must be above 0 and at most 1", active),
        (epochs < 1, "epochs must be 1 or more", epochs),
        (random_seed < 0, "random_seed must be 0 or more", random_seed),
    ]
    for is_wrong, must_hold, got in wrong:
        if is_wrong:
            raise InputError(must_hold, got=got)


def _count(
    texts: Iterable[str], max_words: int, min_count: int
) -> tuple[tuple[str, ...], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """The words of the map; the words of each text, each once, by number; how many each has."""
    tokenizer = WhitespaceTokenizer(WhitespaceTokenizerOptions())
    numbers: dict[str, int] = {}
    found, ends = array("i"), array("q", [0])
    for text in texts:
        words = dict.fromkeys(token.text.lower() for token in tokenizer.tokenize(text))
        found.extend(numbers.setdefault(word, len(numbers)) for word in words)
        ends.append(len(found))
    every = np.frombuffer(found, dtype=np.int32) if found else np.zeros(0, dtype=np.int32)
    counts = Counter(dict(enumerate(np.bincount(every, minlength=len(numbers)).tolist())))
    chosen = [number for number, count in counts.most_common(max_words) if count >= min_count]
    new = np.full(len(numbers), -1, dtype=np.int32)
    new[chosen] = np.arange(len(chosen))
    kept = new[every]
    is_kept = kept >= 0
    before = np.concatenate([[0], np.cumsum(is_kept)])
    sizes = np.diff(before[np.frombuffer(ends, dtype=np.int64)])
    sizes = sizes[sizes > 0]
    if len(chosen) < 2 or not (sizes > 1).any():
        raise DataError(
            "a corpus must have texts of two or more words that it repeats",
            got=f"{len(ends) - 1} texts with {len(chosen)} words in {min_count} or more of them",
            hint="a larger corpus, or a smaller min_count",
        )
    names = list(numbers)
    return tuple(names[number] for number in chosen), kept[is_kept], sizes


def _weighted(tokens: npt.NDArray[np.int32], sizes: npt.NDArray[np.int64], n_words: int) -> Any:
    """Texts as rows of length one. *Shape:* (n_texts, n_words), SciPy's."""
    from scipy.sparse import csr_array

    counts = np.bincount(tokens, minlength=n_words)
    weights = np.log((1 + len(sizes)) / (1 + counts)).astype(np.float32) + 1
    values = weights[tokens]
    text = np.repeat(np.arange(len(sizes)), sizes)
    lengths = np.sqrt(np.bincount(text, weights=values**2, minlength=len(sizes)))
    values = (values / lengths[text]).astype(np.float32)
    return csr_array((values, tokens, indptr_of(sizes)), shape=(len(sizes), n_words))


def _organise(
    matrix: Any, side: int, epochs: int, random_seed: int, on_epoch: EpochListener | None
) -> npt.NDArray[np.int64]:
    """The cell of each text, row by row of the grid. *Shape:* (n_texts,)."""
    n_texts, n_cells = matrix.shape[0], side * side
    cells: npt.NDArray[np.int64] = np.random.default_rng(random_seed).integers(
        n_cells, size=n_texts
    )
    widths = np.geomspace(max(side / 4, _LAST_WIDTH), _LAST_WIDTH, epochs)
    for epoch, width in enumerate(widths, start=1):
        started = time.perf_counter()
        vectors = _smoothed(_sums(matrix, cells, n_cells), side, float(width))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        cells, cosine, error = _best(matrix, vectors, side)
        if on_epoch is not None:
            on_epoch(
                EpochReport(
                    component="semantic map",
                    epoch=epoch,
                    n_epochs=epochs,
                    metrics={"cosine": cosine, "topographic_error": error},
                    seconds=time.perf_counter() - started,
                )
            )
    return cells


def _sums(matrix: Any, cells: npt.NDArray[np.int64], n_cells: int) -> Floats:
    """The sum of the texts at each cell. *Shape:* (n_cells, n_words)."""
    from scipy.sparse import csr_array

    ones = np.ones(len(cells), dtype=np.float32)
    at = csr_array((ones, (cells, np.arange(len(cells)))), shape=(n_cells, len(cells)))
    sums: Floats = (at @ matrix).toarray()
    return sums


def _smoothed(sums: Floats, side: int, width: float) -> Floats:
    """What lies at each cell and around it, by a Gaussian. *Shape:* of both (n_cells, n)."""
    step = np.abs(np.arange(side)[:, None] - np.arange(side))
    step = np.minimum(step, side - step)  # the ends meet
    kernel = np.exp(-(step**2) / (2 * width**2)).astype(np.float32)
    grid = sums.reshape(side, -1)
    grid = (kernel @ grid).reshape(side, side, -1)
    smooth: Floats = np.matmul(kernel, grid).reshape(side * side, -1)
    return smooth


def _best(matrix: Any, vectors: Floats, side: int) -> tuple[npt.NDArray[np.int64], float, float]:
    """The cell most like each text, the mean cosine, and the topographic error."""
    turned = np.ascontiguousarray(vectors.T)
    cells = np.empty(matrix.shape[0], dtype=np.int64)
    total, n_torn = 0.0, 0
    for start in range(0, len(cells), _TEXTS_AT_A_TIME):
        part = slice(start, start + _TEXTS_AT_A_TIME)
        cosines = matrix[part] @ turned
        rows = np.arange(len(cosines))
        first = cosines.argmax(axis=1)
        cells[part] = first
        total += float(cosines[rows, first].sum())
        cosines[rows, first] = -np.inf
        second = cosines.argmax(axis=1)
        steps = np.abs(np.stack(np.divmod(first, side)) - np.stack(np.divmod(second, side)))
        n_torn += int((np.minimum(steps, side - steps).max(axis=0) > 1).sum())
    return cells, total / len(cells), n_torn / len(cells)


def _activations(
    tokens: npt.NDArray[np.int32],
    sizes: npt.NDArray[np.int64],
    cells: npt.NDArray[np.int64],
    n_words: int,
    side: int,
    active: float,
) -> CsrMatrix:
    """The cells at which each word's texts lie, smoothed, the strongest of them."""
    n_cells = side * side
    n_active = max(1, int(active * n_cells))
    along = np.empty(n_cells, dtype=np.int64)  # number on the curve of each cell
    places = hilbert_places(side)
    along[places[:, 0] * side + places[:, 1]] = np.arange(n_cells)
    of_token = np.repeat(cells, sizes)
    order = np.argsort(tokens, kind="stable")
    ends = np.concatenate([[0], np.cumsum(np.bincount(tokens, minlength=n_words))])
    columns: list[npt.NDArray[np.int32]] = []
    values: list[Floats] = []
    for start in range(0, n_words, _TEXTS_AT_A_TIME):
        end = min(start + _TEXTS_AT_A_TIME, n_words)
        chosen = order[ends[start] : ends[end]]
        counts = np.zeros((n_cells, end - start), dtype=np.float32)
        np.add.at(counts, (of_token[chosen], tokens[chosen] - start), 1.0)
        smooth = _smoothed(counts, side, _LAST_WIDTH)
        smooth /= smooth.max(axis=0)
        least = np.partition(smooth, n_cells - n_active, axis=0)[n_cells - n_active]
        for word, limit in enumerate(least):
            column = smooth[:, word]
            (cell,) = np.nonzero(column >= max(float(limit), 0.5 / 255))
            cell = cell[np.argsort(-column[cell], kind="stable")[:n_active]]
            number = along[cell]
            sort = np.argsort(number)
            columns.append(number[sort].astype(np.int32))
            values.append(column[cell][sort])
    return CsrMatrix(
        np.concatenate(values).astype(np.float32),
        np.concatenate(columns),
        indptr_of([len(each) for each in columns]),
        (n_words, n_cells),
    )
