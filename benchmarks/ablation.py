"""What each fast piece is worth: training with all of them, and with one after the other off.

A piece that is off is computed as it is where no kernel can run: in operations of PyTorch, or not
at all where PyTorch does without it. Each training has a process of its own; rounds go
through all pieces in turn, and the first epoch of each run is left out.

    python benchmarks/ablation.py --config config.yml --train train.yml --rounds 3 --out results
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from support import plain_errors
from support.provenance import OtherLoad, described, surroundings
from train import measure_here

_ALL = "all pieces"
_FIRST_COUNTED = 1  # epoch; compiling and the first touch of memory are in the one before


def _never(*_: object, **__: object) -> bool:
    return False


def _nothing(*_: object, **__: object) -> None:
    return None


class Piece(NamedTuple):
    """Something that can be switched off.

    Attributes:
        what: in a few words.
        at: the function that decides about it, "module:name" or "module:Class.name".
        instead: what is put in its place.
    """

    what: str
    at: str
    instead: Callable[..., Any] | int | property


_NN = "gossamer.nn"
PIECES = {
    "products": Piece(
        "products of tiles and rows (then dense)", "gossamer.sparse.linear:kernel_product", _nothing
    ),
    "joined": Piece(
        "query, key and value in one product", f"{_NN}.attention:SharedInput.of", _nothing
    ),
    "attention": Piece("attention without padding", f"{_NN}.attention:WIDTH", 2**30),
    "normalisation": Piece(
        "residual, dropout and normalisation in one pass", f"{_NN}.ops.normalisation:fits", _never
    ),
    "gelu": Piece("GELU with dropout in one pass", f"{_NN}.ops.activation:fits", _never),
    "gelu-in-two": Piece(
        "GELU split into tokens and sentences", f"{_NN}.ops.activation:_fits", _never
    ),
    "positions": Piece("features, positions, dropout", f"{_NN}.ops.positions:fits", _never),
    "dropout": Piece("dropout by a hash", f"{_NN}.ops.dropout:_has_kernel", _never),
    "crf": Piece("CRF", f"{_NN}.crf:_has_kernels", _never),
    "tables": Piece(
        "input tables and their Adam, by the rows that occur",
        f"{_NN}.inputs:SparseInputTable.can_collect_rows",
        property(_never),
    ),
    "adam": Piece(
        "Adam on all small tensors at once",
        f"{_NN}.training.adam:Adam.can_step",
        staticmethod(_never),
    ),
    "memory": Piece(
        "freed memory kept within an epoch", f"{_NN}.training.fit:keep_free_memory", _nothing
    ),
}


def switch_off(piece: Piece) -> None:
    """Put what the piece has instead in its place, in this process."""
    module_name, _, path = piece.at.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module_name)
    for each in owners:
        owner = getattr(owner, each)
    getattr(owner, name)  # there is something to replace
    setattr(owner, name, piece.instead)


def _in_a_process(options: argparse.Namespace, name: str) -> list[float]:
    order = {
        "off": name,
        "config": str(options.config),
        "train": str(options.train),
        "epochs": options.epochs,
        "stop_after": options.stop_after,
        "density": options.density,
        "threads": options.threads,
    }
    done = subprocess.run(
        [sys.executable, __file__, "--order", json.dumps(order)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"training without {name} failed:\n{done.stderr[-3000:]}")
    seconds: list[float] = json.loads(done.stdout.splitlines()[-1])
    return seconds


def _carry_out(order: dict[str, Any]) -> None:
    name = order.pop("off")
    if name != _ALL:
        switch_off(PIECES[name])
    order |= {"config": Path(order["config"]), "train": Path(order["train"])}
    print(json.dumps(measure_here(**order)["epoch_seconds"]))


def table(seconds: dict[str, list[list[float]]]) -> list[str]:
    """Rows of a table in Markdown: what a step takes longer without each piece.

    Args:
        seconds: of each epoch of each round, by what is off.
    """
    rounds = {
        name: [statistics.fmean(epochs[_FIRST_COUNTED:]) for epochs in runs]
        for name, runs in seconds.items()
    }
    full = statistics.median(rounds[_ALL])
    lines = [
        "| without | seconds an epoch | least to most | longer by |",
        "| --- | ---: | ---: | ---: |",
    ]
    gains = {name: statistics.median(runs) / full - 1 for name, runs in rounds.items()}
    for name, gain in sorted(gains.items(), key=lambda pair: (pair[0] != _ALL, -pair[1])):
        what = "(nothing: all pieces)" if name == _ALL else PIECES[name].what
        runs = rounds[name]
        shown = "" if name == _ALL else f"{gain:+.1%}"
        lines.append(
            f"| {what} | {statistics.median(runs):.2f} | {min(runs):.2f} to {max(runs):.2f} "
            f"| {shown} |"
        )
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--pieces", default=",".join(PIECES), help="default: all")
    parser.add_argument("--epochs", type=int, default=22, help="length of the whole schedule")
    parser.add_argument("--stop-after", type=int, default=3, help="epochs run in each turn")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--density", type=float, default=0.2, help="of DIET's connections")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for ablation.json and ablation.md")
    parser.add_argument("--order", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.order is not None:
        return options
    if options.config is None or options.train is None:
        parser.error("--config and --train are needed")
    if options.stop_after < 2:
        parser.error("--stop-after must be 2 or more, because the first epoch is left out")
    unknown = set(options.pieces.split(",")) - set(PIECES)
    if unknown:
        parser.error(f"--pieces must be of {', '.join(PIECES)} (got {', '.join(sorted(unknown))})")
    return options


def main() -> None:
    """Measure in turns, print and write the table."""
    options = _arguments()
    if options.order is not None:
        _carry_out(json.loads(options.order))
        return
    others = OtherLoad()
    seconds: dict[str, list[list[float]]] = {}
    for number in range(options.rounds):
        for name in (_ALL, *options.pieces.split(",")):
            seconds.setdefault(name, []).append(_in_a_process(options, name))
            last = statistics.fmean(seconds[name][-1][_FIRST_COUNTED:])
            print(f"round {number + 1}, without {name}: {last:.2f} s", file=sys.stderr)
    where = surroundings(others)
    lines = [*table(seconds), "", described(where)]
    print("\n".join(lines))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        content = {"seconds": seconds, "surroundings": where}
        (options.out / "ablation.json").write_text(json.dumps(content, indent=1))
        (options.out / "ablation.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    plain_errors.run(main)
