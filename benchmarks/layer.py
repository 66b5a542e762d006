"""How fast is one layer? Every topology next to dense, masked dense and CSR, in turns in one run.

For each shape, density, number of tokens and direction the peers run in turns (A, B, C, A, B, C),
after a warm-up; each is reported by the median of its times and by its ratio to `nn.Linear`, with
the spread of the ratio over the rounds. The limit of the ratio is 1 / density. "forward" is an
answer in evaluation mode with no gradients, "both" a forward and a backward pass in training mode.

    python benchmarks/layer.py --repeat 3 --out results         # the whole table: hours
    python benchmarks/layer.py --quick --out results            # enough for the targets: a minute
    python benchmarks/layer.py --shapes 256x1024 --densities 0.2,0.05 --tokens 1024 --threads 2
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from layer_parts.peers import Layers
from layer_parts.report import Row, draw, report
from support.provenance import OtherLoad, described, surroundings

from gossamer.sparse.speed import measure, quartiles

_MEASURED = ("ms", "ratio", "ratio_low", "ratio_high", "share_of_limit")


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """All settings, one after the other."""
    for threads, shape, density in itertools.product(
        options.threads, options.shapes, options.densities
    ):
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        layers = Layers(shape[0], shape[1], density)
        for tokens, backward in itertools.product(options.tokens, options.directions):
            yield from _setting(layers, density, tokens, threads, backward, options.rounds)


def _setting(
    layers: Layers, density: float, tokens: int, threads: int, backward: bool, rounds: int
) -> Iterator[Row]:
    peers = layers.peers(tokens, backward)
    times = measure({name: peer.call for name, peer in peers.items()}, rounds)
    n_in, n_out = layers.shape
    for name, own in times.items():
        ratios = [a / b for a, b in zip(times["dense"], own, strict=True)]
        low, high = quartiles(ratios)
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
            share_of_limit=ratio * peers[name].n_weights / (n_in * n_out),
            state_bytes=peers[name].state_bytes,
            n_weights=peers[name].n_weights,
        )


def medians(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """One row for each setting, its numbers the medians over whole runs of the same settings."""
    return [
        dataclasses.replace(
            same[0],
            **{name: statistics.median(getattr(row, name) for row in same) for name in _MEASURED},
        )
        for same in zip(*runs, strict=True)
    ]


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
    parser.add_argument("--repeat", type=int, default=1, help="whole runs, medians of which count")
    parser.add_argument(
        "--directions",
        type=lambda text: [{"forward": False, "both": True}[part] for part in text.split(",")],
        default=[False, True],
        help="forward, both, or forward,both",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="unless set otherwise: two shapes, three densities, three numbers of tokens, "
        "two threads, three runs of seven rounds",
    )
    parser.add_argument("--out", type=Path, help="folder for layer.jsonl, layer.md and layer.png")
    if parser.parse_known_args()[0].quick:
        parser.set_defaults(
            shapes=shapes("256x1024,1024x1024"),
            densities=[0.2, 0.05, 0.01],
            tokens=[1, 64, 1024],
            threads=[2],
            rounds=7,
            repeat=3,
        )
    return parser.parse_args()


def _run(options: argparse.Namespace) -> list[Row]:
    """Measure everything once and print it."""
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
    return found


def main() -> None:
    """Measure, print and write."""
    options = _arguments()
    others = OtherLoad()
    found = medians([_run(options) for _ in range(options.repeat)])
    if options.out is None:
        return
    about = surroundings(others)
    runs = "one run" if options.repeat == 1 else f"medians of {options.repeat} runs"
    how = f"{options.rounds} rounds, {runs}. {described(about)}"
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "layer.jsonl").open("a", encoding="utf-8") as file:
        for row in found:
            file.write(json.dumps(dataclasses.asdict(row) | about) + "\n")
    (options.out / "layer.md").write_text(report(found, how), encoding="utf-8")
    draw(found, options.out / "layer.png")


if __name__ == "__main__":
    main()
