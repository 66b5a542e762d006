"""How fast a layer of given widths is compared with `nn.Linear`, on this machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gossamer.sparse.connectivity import Topology
from gossamer.sparse.errors import checked_width, complaint
from gossamer.sparse.linear import RandomlyConnectedLinear

Call = Callable[[], object]

_LEAST_SECONDS = 2e-3  # calls that take less are repeated within a round
_MOST_BYTES = 8 << 30


@dataclass(frozen=True, slots=True)
class Comparison:
    """Times of the sparse layer and of `nn.Linear` in one direction.

    Attributes:
        backward: a forward and a backward pass in training mode; else an answer in evaluation
            mode without gradients.
        dense_seconds: of `nn.Linear`, one number for each round.
        sparse_seconds: of the sparse layer in the same rounds.
    """

    backward: bool
    dense_seconds: tuple[float, ...]
    sparse_seconds: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """How many times as fast the sparse layer was, round by round."""
        return tuple(a / b for a, b in zip(self.dense_seconds, self.sparse_seconds, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios; above 1 the sparse layer is the faster one."""
        return statistics.median(self.ratios)

    @property
    def ratio_quartiles(self) -> tuple[float, float]:
        """Lower and upper quartile of the ratios."""
        return quartiles(self.ratios)


@dataclass(frozen=True, slots=True)
class SpeedReport:
    """What `compare_speed` measured; printed, it is a table.

    Attributes:
        layer: what was timed, in words.
        tokens: rows of the input.
        threads: PyTorch's threads.
        rounds: how often each was timed.
        n_weights: connections of the sparse layer.
        n_dense: connections of the dense one.
        forward: answers, in evaluation mode without gradients.
        both: forward and backward pass, in training mode.
    """

    layer: str
    tokens: int
    threads: int
    rounds: int
    n_weights: int
    n_dense: int
    forward: Comparison
    both: Comparison

    def __str__(self) -> str:
        lines = [
            f"{self.layer}, {self.n_weights:,} of {self.n_dense:,} weights "
            f"({self.n_weights / self.n_dense:.3g})",
            f"{self.tokens:,} tokens, threads: {self.threads}, float32 on the CPU; medians of "
            f"{self.rounds} rounds in turns, quartiles in brackets",
            "",
            f"{'':18}{'nn.Linear, ms':>26}{'sparse, ms':>26}{'times as fast':>24}",
        ]
        for name, part in (("forward", self.forward), ("forward+backward", self.both)):
            cells = [
                _cell([seconds * 1e3 for seconds in part.dense_seconds], 3),
                _cell([seconds * 1e3 for seconds in part.sparse_seconds], 3),
                _cell(part.ratios, 2),
            ]
            lines.append(f"{name:18}{cells[0]:>26}{cells[1]:>26}{cells[2]:>24}")
        return "\n".join(lines)


def compare_speed(
    in_features: int,
    out_features: int,
    *,
    density: float = 0.2,
    tokens: int = 1024,
    topology: Topology | str = Topology.BLOCKED,
    threads: int | None = None,
    rounds: int = 15,
) -> SpeedReport:
    """Time a randomly connected layer against `nn.Linear`, in turns, on the CPU in float32.

    Both are warmed up first, so compiling kernels does not count. Then each round times the one and
    the other. Other running programs disturb both; the quartiles show how much.

    Args:
        in_features: width of the input.
        out_features: width of the output.
        density: share of connections, in [0, 1].
        tokens: rows of the input, all batch dimensions together.
        topology: how connections are drawn.
        threads: PyTorch's threads during the measurement; None leaves them as they are.
        rounds: how often each layer is timed.

    Returns:
        The times; `print` shows them as a table.

    Raises:
        TypeError: a number is of another type.
        ValueError: a number is below 1, the density outside [0, 1], the topology unknown, or
            the tensors would take more than 8 GiB.
    """
    n_in = checked_width("in_features", in_features)
    n_out = checked_width("out_features", out_features)
    tokens, rounds = checked_width("tokens", tokens), checked_width("rounds", rounds)
    before = torch.get_num_threads()
    threads = before if threads is None else checked_width("threads", threads)
    n_bytes = 4 * (3 * n_in * n_out + 4 * tokens * (n_in + n_out))
    if n_bytes > _MOST_BYTES:
        raise ValueError(
            complaint(
                "layer and input must fit into 8 GiB",
                got=f"{n_in} x {n_out}, {tokens} tokens: {n_bytes / 2**30:.0f} GiB",
                hint="fewer tokens; the ratio hardly changes above some thousands",
            )
        )
    sparse = RandomlyConnectedLinear(
        n_in,
        n_out,
        connection_density=density,
        topology=topology,
        seed=0,
        device="cpu",
        dtype=torch.float32,
    )
    with torch.random.fork_rng(devices=[]):
        dense = nn.Linear(n_in, n_out, device="cpu", dtype=torch.float32)
    try:
        torch.set_num_threads(threads)
        found = [_compared(dense, sparse, tokens, rounds, backward) for backward in (False, True)]
    finally:
        torch.set_num_threads(before)
    n_dense = n_in * n_out
    layer = f"{n_in} -> {n_out}, {sparse.topology.value}, density {density:g}"
    return SpeedReport(
        layer, tokens, threads, rounds, sparse.connectivity.n_weights, n_dense, *found
    )


def measure(calls: Mapping[str, Call], rounds: int) -> dict[str, list[float]]:
    """Time calls in turns: each once in every round, after a warm-up.

    Args:
        calls: what to time. Calls of less than 2 ms are repeated within a round.
        rounds: how often.

    Returns:
        Seconds of each call in each round.
    """
    repeats: dict[str, int] = {}
    for name, call in calls.items():
        for _ in range(3):  # the first one may compile
            call()
        began = time.perf_counter()
        call()
        taken = max(time.perf_counter() - began, 1e-9)
        repeats[name] = max(1, min(200, int(_LEAST_SECONDS / taken)))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - began) / repeats[name])
    return times


def call_of(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    grad: Tensor,
    layer: nn.Module,
    backward: bool,
    *,
    no_gradients: Callable[[], AbstractContextManager[object]] = torch.inference_mode,
) -> Call:
    """One call of a layer, as it is timed.

    Args:
        function: the layer, or a method of it.
        x: the input.
        grad: the gradient of the output.
        layer: whose parameters get gradients; its mode is set.
        backward: forward and backward pass in training mode; else an answer in evaluation mode
            without gradients.
        no_gradients: how answers go without them.
    """
    parameters = list(layer.parameters())
    layer.train(backward)

    def both() -> None:
        x.grad = None
        for parameter in parameters:
            parameter.grad = None
        function(x).backward(grad)  # type: ignore[no-untyped-call]

    def forward() -> Tensor:
        with no_gradients():
            return function(x)

    return both if backward else forward


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """Lower and upper quartile; the value itself where there is one only."""
    if len(values) == 1:
        return values[0], values[0]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def _compared(
    dense: nn.Linear, sparse: RandomlyConnectedLinear, tokens: int, rounds: int, backward: bool
) -> Comparison:
    generator = torch.Generator().manual_seed(0)
    kind = {"generator": generator, "device": "cpu", "dtype": torch.float32}
    x = torch.randn(tokens, dense.in_features, **kind, requires_grad=backward)  # type: ignore[call-overload]
    grad = torch.randn(tokens, dense.out_features, **kind)  # type: ignore[call-overload]
    calls = {
        "dense": call_of(dense, x, grad, dense, backward),
        "sparse": call_of(sparse, x, grad, sparse, backward),
    }
    with torch.enable_grad():
        times = measure(calls, rounds)
    return Comparison(backward, tuple(times["dense"]), tuple(times["sparse"]))


def _cell(values: Sequence[float], digits: int) -> str:
    low, high = quartiles(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"
