"""How fast is one layer? Every topology beside dense, masked dense and CSR, in turns in one run.

For each shape, density, number of tokens and direction the peers run in turns (A, B, C, A, B, C),
after a warm-up; each is told by the median of its times and by its ratio to `nn.Linear`, the spread
of the ratio being that of the rounds. The limit of the ratio is 1 / density.

    python benchmarks/layer.py                      # the whole table: hours
    python benchmarks/layer.py --shapes 256x1024 --densities 0.2,0.05 --tokens 1024 --threads 2
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from provenance import surroundings
from torch import Tensor, nn

from gossamer.sparse import RandomlyConnectedLinear, Topology, draw_connectivity

Call = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One peer at one setting.

    Attributes:
        peer: whose time it is.
        in_features: width of the input.
        out_features: width of the output.
        density: wished density.
        tokens: rows of the input.
        threads: torch's threads.
        backward: whether the backward pass is in the time.
        ms: median time in milliseconds.
        ratio: median over the rounds of dense time by this time.
        ratio_low: lower quartile of that.
        ratio_high: upper quartile.
        share_of_limit: ratio by its limit, all connections by those that exist.
        state_bytes: weights, gradients and Adam's two moments, float32.
        n_weights: connections that exist, without bias.
    """

    peer: str
    in_features: int
    out_features: int
    density: float
    tokens: int
    threads: int
    backward: bool
    ms: float
    ratio: float
    ratio_low: float
    ratio_high: float
    share_of_limit: float
    state_bytes: int
    n_weights: int


class _MaskedLinear(nn.Linear):
    """What Rasa and most pruning libraries do: a dense kernel times a mask, every time."""

    def __init__(self, like: RandomlyConnectedLinear) -> None:
        super().__init__(like.in_features, like.out_features)
        self.register_buffer("mask", (like.to_dense_weight() != 0).float())

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight * self.get_buffer("mask"), self.bias)


def peers(n_in: int, n_out: int, density: float, tokens: int, backward: bool) -> dict[str, Call]:
    """What is called for each peer, dense first."""
    x = torch.randn(tokens, n_in, requires_grad=backward)
    turned = torch.randn(n_in, tokens, requires_grad=backward)
    grad = torch.randn(tokens, n_out)
    grad_turned = torch.randn(n_out, tokens)
    layers: dict[str, nn.Module] = {"dense": nn.Linear(n_in, n_out)}
    for topology in Topology:
        layers[topology.value] = RandomlyConnectedLinear(
            n_in, n_out, connection_density=density, topology=topology, seed=0
        )
    uniform = layers["uniform"]
    if isinstance(uniform, RandomlyConnectedLinear):
        layers["masked"] = _MaskedLinear(uniform)
    calls: dict[str, Call] = {}
    for name, layer in layers.items():
        calls[name] = _call(layer.__call__, x, grad, layer, backward)
        if name == "grouped" and isinstance(layer, RandomlyConnectedLinear):
            calls["grouped, feature-major"] = _call(
                layer.forward_feature_major, turned, grad_turned, layer, backward
            )
    if not backward and isinstance(uniform, RandomlyConnectedLinear):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # CSR is in beta, says torch
            csr = uniform.to_dense_weight().detach().to_sparse_csr()
        still = turned.detach()
        calls["torch CSR"] = lambda: csr @ still
    return calls


def _call(
    function: Callable[[Tensor], Tensor], x: Tensor, grad: Tensor, layer: nn.Module, backward: bool
) -> Call:
    parameters = list(layer.parameters())

    def both() -> None:
        x.grad = None
        for parameter in parameters:
            parameter.grad = None
        function(x).backward(grad)  # type: ignore[no-untyped-call]

    def forward() -> Tensor:
        with torch.inference_mode():
            return function(x)

    return both if backward else forward


def measure(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """Seconds of each call in each round, all peers in turns; small calls are repeated."""
    repeats: dict[str, int] = {}
    for name, call in calls.items():
        for _ in range(3):
            call()
        began = time.perf_counter()
        call()
        repeats[name] = max(1, min(200, int(2e-3 / (time.perf_counter() - began))))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            times[name].append((time.perf_counter() - began) / repeats[name])
    return times


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """All settings, one after the other."""
    for threads in options.threads:
        torch.set_num_threads(threads)
        for n_in, n_out in options.shapes:
            for density in options.densities:
                for tokens in options.tokens:
                    for backward in options.directions:
                        yield from _setting(
                            n_in, n_out, density, tokens, threads, backward, options.rounds
                        )


def _setting(
    n_in: int, n_out: int, density: float, tokens: int, threads: int, backward: bool, rounds: int
) -> Iterator[Row]:
    torch.manual_seed(0)
    times = measure(peers(n_in, n_out, density, tokens, backward), rounds)
    dense = times["dense"]
    for name, own in times.items():
        ratios = [a / b for a, b in zip(dense, own, strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        kind = name.split(",")[0]
        n_weights = n_in * n_out
        if kind != "dense":
            # Masked and CSR have the connections of `uniform`.
            topology = kind if kind in set(Topology) else Topology.UNIFORM
            n_weights = draw_connectivity(
                n_in, n_out, connection_density=density, topology=topology, seed=0
            ).n_weights
        ratio = statistics.median(ratios)
        yield Row(
            peer=name,
            in_features=n_in,
            out_features=n_out,
            density=density,
            tokens=tokens,
            threads=threads,
            backward=backward,
            ms=statistics.median(own) * 1e3,
            ratio=ratio,
            ratio_low=low,
            ratio_high=high,
            share_of_limit=ratio * n_weights / (n_in * n_out),
            state_bytes=4 * 4 * (n_in * n_out if kind == "masked" else n_weights),
            n_weights=n_weights,
        )


def draw(found: list[Row], path: Path) -> None:
    """Ratio against density, one panel a shape and token count, one line a peer, and the limit."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    chosen = [row for row in found if row.backward] or found
    panels = sorted({(r.in_features, r.out_features, r.tokens, r.threads) for r in chosen})
    figure = Figure(figsize=(4.2 * min(3, len(panels)), 3.4 * -(-len(panels) // 3)))
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(-(-len(panels) // 3), min(3, len(panels)), number)
        part = [r for r in chosen if (r.in_features, r.out_features, r.tokens, r.threads) == panel]
        densities = sorted({r.density for r in part}, reverse=True)
        axes.plot(densities, [1 / d for d in densities], "k--", lw=0.8, label="limit")
        for peer in dict.fromkeys(r.peer for r in part):
            own = sorted((r for r in part if r.peer == peer), key=lambda r: -r.density)
            axes.plot(
                [r.density for r in own], [r.ratio for r in own], marker="o", ms=3, label=peer
            )
        axes.set(xscale="log", yscale="log", xlabel="density", ylabel="times as fast as dense")
        axes.invert_xaxis()
        axes.set_title("{}->{}, {} tokens, {} threads".format(*panel), fontsize=9)
        if number == 1:
            axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


def _arguments() -> argparse.Namespace:
    def numbers(kind: type) -> Callable[[str], list[float]]:
        return lambda text: [kind(part) for part in text.split(",")]

    def shapes(text: str) -> list[tuple[int, int]]:
        pairs = [part.split("x") for part in text.split(",")]
        return [(int(a), int(b)) for a, b in pairs]

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = "256x256,256x1024,1024x256,1024x1024,4096x4096"
    parser.add_argument("--shapes", type=shapes, default=shapes(default))
    parser.add_argument("--densities", type=numbers(float), default=[0.5, 0.2, 0.1, 0.05, 0.01])
    parser.add_argument("--tokens", type=numbers(int), default=[1, 8, 64, 1024, 4096])
    parser.add_argument("--threads", type=numbers(int), default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--directions",
        type=lambda text: [{"forward": False, "both": True}[part] for part in text.split(",")],
        default=[False, True],
        help="forward, both, or forward,both",
    )
    parser.add_argument("--out", type=Path, help="append JSON rows to this file")
    parser.add_argument("--figure", type=Path, help="draw into this file")
    return parser.parse_args()


def main() -> None:
    """Measure and print."""
    options = _arguments()
    found = []
    print(
        f"{'layer':>11} {'density':>7} {'tokens':>6} {'thr':>3} {'pass':>7}  {'peer':24}"
        f"{'ms':>9} {'ratio':>6} {'(quartiles)':>14} {'of limit':>8} {'KiB':>8}"
    )
    for row in rows(options):
        found.append(row)
        print(
            f"{row.in_features:>5}->{row.out_features:<4} {row.density:>7g} {row.tokens:>6} "
            f"{row.threads:>3} {'both' if row.backward else 'forward':>7}  {row.peer:24}"
            f"{row.ms:9.3f} {row.ratio:6.2f} {row.ratio_low:6.2f}-{row.ratio_high:<6.2f} "
            f"{row.share_of_limit:8.0%} {row.state_bytes / 1024:8.0f}",
            flush=True,
        )
    if options.out is not None:
        about = surroundings()
        with options.out.open("a", encoding="utf-8") as file:
            for row in found:
                file.write(json.dumps(asdict(row) | about) + "\n")
    if options.figure is not None:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
