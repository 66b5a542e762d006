"""Decoding a linear-chain CRF: best paths, and how probable their tags are. Each sequence apart.

As `gossamer.nn.frozen.crf` has it in NumPy, operation for operation: Viterbi in float32; forward
and backward scores as logarithms in float64, the largest taken out before each exponential.
Whatever the scores are, no result is NaN. Rows are padded to a multiple of 16 tags; what is in the
padding of the logits does not matter.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gossamer.nn.kernels.arithmetic import INTS, KIND, WIDTH
from gossamer.nn.kernels.crf import padded
from gossamer.nn.kernels.doubles import DOUBLES, SIZE, exponential, logarithm
from gossamer.sparse.kernels.arguments import Argument, Size
from gossamer.sparse.kernels.build import Kernel
from gossamer.sparse.kernels.function import Function, vector

_TINY = float(np.finfo(np.float64).tiny)
_MOST = 1e30  # of a score, either way
_FAR_BELOW = -1e300  # of the padding
_TOGETHER = 8  # vectors of sums in registers


class Moves(NamedTuple):
    """The scores from tag to tag as the kernels take them.

    Attributes:
        scores: float32. *Shape of all but shift:* (n_tags, width).
        factor: exp(scores - shift), float64.
        turned: the same, transposed.
        shift: the greatest score of entering each tag, float64. *Shape:* (width,).
    """

    scores: NDArray[np.float32]
    factor: NDArray[np.float64]
    turned: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def of(cls, transitions: NDArray[Any]) -> Moves:
        """Make them, once for many calls. *Shape:* (n_tags, n_tags)."""
        n_tags = len(transitions)
        exact = np.nan_to_num(transitions.astype(np.float32).astype(np.float64))
        exact = exact.clip(-_MOST, _MOST)
        shift = exact.max(axis=0)
        factor = np.exp(exact - shift)
        scores, straight, turned = (
            np.zeros((n_tags, padded(n_tags)), kind) for kind in (np.float32, float, float)
        )
        for target, source in ((scores, exact), (straight, factor), (turned, factor.T)):
            target[:, :n_tags] = source
        return cls(scores, straight, turned, np.pad(shift, (0, padded(n_tags) - n_tags)))


def _each_token(name: str, of: type[np.generic], width: int = 1, below: int = 0) -> Argument:
    limit = (lambda _: below) if below > 0 else None
    return Argument(name, of, lambda given: given.total("starts") * width, limit)


_STARTS = Argument("starts", np.int64, lambda given: given["n_seqs"] + 1)


def _ends(f: Function, starts: str, sequence: str) -> tuple[str, str]:
    """The first row of a sequence, and the one behind its last."""
    places = (f.at(starts, f.add(sequence, i), "i64") for i in range(2))
    first, behind = (f.load("i64", place) for place in places)
    return first, behind


@functools.lru_cache(maxsize=64)
def best_paths(n_tags: int) -> Kernel:
    """Viterbi; of equal scores the first tag's counts.

    Arguments: logits (float32, width), moves (`Moves.scores`), starts (int64, one more than
    sequences), came_from (int32, width, scratch), tags (int64, the result), n_seqs.
    """
    width = padded(n_tags)
    f = Function("best_paths")
    logits, moves, starts, came_from, tags = (f.argument(i) for i in range(5))
    columns = range(0, width, WIDTH)
    line = f.variable(f"[{width} x float]")  # scores of the last row, where one can be read
    bests = [f.variable(KIND) for _ in columns]
    sources = [f.variable(INTS) for _ in columns]
    top, chosen = f.variable("float"), f.variable("i64")
    flags = vector(WIDTH, "i1")
    with f.loop(*f.share(f.argument(5, "i64"))) as sequence:
        first, behind = _ends(f, starts, sequence)
        with f.loop(first, f.least(f.add(first, 1), behind)) as row:
            for c in columns:
                f.store(
                    KIND, f.load(KIND, f.at(logits, f.add(f.mul(row, width), c))), f.at(line, c)
                )
        with f.loop(f.add(first, 1), behind) as row:
            score = f.spread(KIND, f.load("float", line))
            for i, c in enumerate(columns):
                move = f.load(KIND, f.at(moves, c))
                f.set(KIND, bests[i], f.binary("fadd", KIND, score, move))
                f.set(INTS, sources[i], "zeroinitializer")
            with f.loop(1, n_tags) as tag:
                score = f.spread(KIND, f.load("float", f.at(line, tag)))
                name = f.spread(INTS, f.op(f"trunc i64 {tag} to i32"), "i32")
                there = f.at(moves, f.mul(tag, width))
                for i, c in enumerate(columns):
                    own = f.binary("fadd", KIND, score, f.load(KIND, f.at(there, c)))
                    best, source = f.get(KIND, bests[i]), f.get(INTS, sources[i])
                    wins = f.op(f"fcmp ogt {KIND} {own}, {best}")
                    for kind, place, new, old in (
                        (KIND, bests[i], own, best),
                        (INTS, sources[i], name, source),
                    ):
                        taken = f.op(f"select {flags} {wins}, {kind} {new}, {kind} {old}")
                        f.set(kind, place, taken)
            base = f.mul(row, width)
            for i, c in enumerate(columns):
                place = f.add(base, c)
                score = f.binary(
                    "fadd", KIND, f.get(KIND, bests[i]), f.load(KIND, f.at(logits, place))
                )
                f.store(KIND, score, f.at(line, c))
                f.store(INTS, f.get(INTS, sources[i]), f.at(came_from, place, "i32"))
        f.set("i64", chosen, "0")
        f.set("float", top, f.load("float", line))
        with f.loop(1, n_tags) as tag:
            score, best = f.load("float", f.at(line, tag)), f.get("float", top)
            wins = f.op(f"fcmp ogt float {score}, {best}")
            f.set("float", top, f.op(f"select i1 {wins}, float {score}, float {best}"))
            old = f.get("i64", chosen)
            f.set("i64", chosen, f.op(f"select i1 {wins}, i64 {tag}, i64 {old}"))
        with f.loop(0, f.sub(behind, first)) as number:
            row = f.sub(f.sub(behind, 1), number)
            tag = f.get("i64", chosen)
            f.store("i64", tag, f.at(tags, row, "i64"))
            with f.loop(f.most(row, f.add(first, 1)), f.add(row, 1)):
                f.set("i64", chosen, f.index(came_from, f.add(f.mul(row, width), tag)))
    return Kernel(
        f,
        "best_paths",
        (
            _each_token("logits", np.float32, width),
            Argument("moves", np.float32, lambda _: n_tags * width),
            _STARTS,
            _each_token("came_from", np.int32, width),
            _each_token("tags", np.int64),
            Size("n_seqs"),
        ),
    )


class _Scores:
    """Rows of scores in float64, inside a kernel.

    Args:
        f: the kernel's function.
        n_tags: how many of a row's numbers count.
    """

    def __init__(self, f: Function, n_tags: int) -> None:
        self._f, self._n_tags, self._width = f, n_tags, padded(n_tags)
        self.columns = range(0, self._width, SIZE)
        self._line = f.variable(f"[{self._width} x double]")

    def logits(self, logits: str, row: str) -> list[str]:
        """A row of logits; none is infinite or NaN."""
        f, singles = self._f, vector(SIZE)
        found = []
        for c in self.columns:
            value = f.load(singles, f.at(logits, f.add(f.mul(row, self._width), c)))
            value = f.call(singles, "minnum", value, f.constant(singles, _MOST))
            value = f.call(singles, "maxnum", value, f.constant(singles, -_MOST))
            found.append(self._settled(f.op(f"fpext {singles} {value} to {DOUBLES}"), c))
        return found

    def _settled(self, value: str, column: int) -> str:
        """The padding far below."""
        n_own = self._n_tags - column
        if n_own >= SIZE:
            return value
        mask = "<" + ", ".join(f"i1 {'true' if i < n_own else 'false'}" for i in range(SIZE)) + ">"
        below = self._f.constant(DOUBLES, _FAR_BELOW)
        return self._f.op(
            f"select {vector(SIZE, 'i1')} {mask}, {DOUBLES} {value}, {DOUBLES} {below}"
        )

    def read(self, place: str) -> list[str]:
        """A row from memory."""
        f = self._f
        return [f.load(DOUBLES, f.at(place, c, "double")) for c in self.columns]

    def write(self, values: list[str], place: str) -> None:
        """A row into memory."""
        for value, c in zip(values, self.columns, strict=True):
            self._f.store(DOUBLES, value, self._f.at(place, c, "double"))

    def plus(self, values: list[str], others: list[str]) -> list[str]:
        """Sums, one by one."""
        pairs = zip(values, others, strict=True)
        return [self._f.binary("fadd", DOUBLES, a, b) for a, b in pairs]

    def exponentials(self, scores: list[str]) -> tuple[list[str], str]:
        """exp(scores - their greatest), and that one; the first also in the line."""
        f = self._f
        most = scores[0]
        for score in scores[1:]:
            most = f.call(DOUBLES, "maxnum", most, score)
        top = f.spread(DOUBLES, f.greatest(DOUBLES, most), "double")
        powers = [exponential(f, f.binary("fsub", DOUBLES, score, top)) for score in scores]
        self.write(powers, self._line)
        return powers, top

    def number(self, tag: str) -> str:
        """One of the line."""
        return self._f.load("double", self._f.at(self._line, tag, "double"))

    def through(self, scores: list[str], factor: str) -> list[str]:
        """log(exp(scores) @ factor), the greatest score taken out meanwhile."""
        f = self._f
        _, top = self.exponentials(scores)
        found = []
        for begin in range(0, len(self.columns), _TOGETHER):
            columns = self.columns[begin : begin + _TOGETHER]
            sums = [f.variable(DOUBLES) for _ in columns]
            for each in sums:
                f.set(DOUBLES, each, f.constant(DOUBLES, 0.0))
            with f.loop(0, self._n_tags) as tag:
                power = f.spread(DOUBLES, self.number(tag), "double")
                there = f.at(factor, f.mul(tag, self._width), "double")
                for each, c in zip(sums, columns, strict=True):
                    part = f.load(DOUBLES, f.at(there, c, "double"))
                    f.set(DOUBLES, each, f.fma(DOUBLES, power, part, f.get(DOUBLES, each)))
            for each, c in zip(sums, columns, strict=True):
                least = f.constant(DOUBLES, _TINY)
                value = logarithm(f, f.call(DOUBLES, "maxnum", f.get(DOUBLES, each), least))
                found.append(self._settled(f.binary("fadd", DOUBLES, value, top), c))
        return found


@functools.lru_cache(maxsize=64)
def marginals(n_tags: int) -> Kernel:
    """The probability of each token's given tag, over all paths.

    Arguments: logits (float32, width), factor, turned, shift (of `Moves`), starts (int64, one more
    than sequences), tags (int64), alphas (float64, width, scratch), result (float32, one a token),
    n_seqs.
    """
    width = padded(n_tags)
    f = Function("marginals")
    logits, factor, turned, shift, starts, tags, alphas, result = (f.argument(i) for i in range(8))
    scores = _Scores(f, n_tags)
    kept = f.variable(f"[{width} x double]")  # backward scores of the row behind, its logits added
    with f.loop(*f.share(f.argument(8, "i64"))) as sequence:
        first, behind = _ends(f, starts, sequence)
        with f.loop(first, f.least(f.add(first, 1), behind)) as row:
            scores.write(scores.logits(logits, row), f.at(alphas, f.mul(row, width), "double"))
        with f.loop(f.add(first, 1), behind) as row:
            place = f.at(alphas, f.mul(row, width), "double")
            before = scores.read(f.at(place, -width, "double"))
            own = scores.plus(scores.logits(logits, row), scores.read(shift))
            scores.write(scores.plus(scores.through(before, factor), own), place)
        with f.loop(0, f.sub(behind, first)) as number:
            row = f.sub(f.sub(behind, 1), number)
            place = f.at(alphas, f.mul(row, width), "double")
            forward = scores.read(place)
            # The last row has no backward score: what is kept is not read, and 0 is added.
            is_last = f.op(f"icmp eq i64 {number}, 0")
            scores.write([f.constant(DOUBLES, 0.0)] * len(scores.columns), place)
            with f.loop(f.op(f"zext i1 {is_last} to i64"), 1):
                scores.write(scores.through(scores.read(kept), turned), place)
            backward = scores.read(place)
            powers, _ = scores.exponentials(scores.plus(forward, backward))
            whole = powers[0]
            for power in powers[1:]:
                whole = f.binary("fadd", DOUBLES, whole, power)
            own_power = scores.number(f.load("i64", f.at(tags, row, "i64")))
            share = f.binary("fdiv", "double", own_power, f.sum(DOUBLES, whole))
            f.store("float", f.op(f"fptrunc double {share} to float"), f.at(result, row))
            entered = scores.plus(scores.logits(logits, row), scores.read(shift))
            scores.write(scores.plus(backward, entered), kept)
    return Kernel(
        f,
        "marginals",
        (
            _each_token("logits", np.float32, width),
            *(
                Argument(name, np.float64, lambda _: n_tags * width)
                for name in ("factor", "turned")
            ),
            Argument("shift", np.float64, lambda _: width),
            _STARTS,
            _each_token("tags", np.int64, below=n_tags),
            _each_token("alphas", np.float64, width),
            _each_token("result", np.float32),
            Size("n_seqs"),
        ),
    )
