"""How many corrections an assistant needs: the inbox's order against random order, simulated.

It starts with a few examples for each intent. The rest of the training data are stored messages
without labels. An oracle answers: it gives intent and entities of one message after the other, in
the order that is examined, and after some answers the assistant is trained anew. One correction
is one text; of a group of near-duplicates only the text that is asked about is taught.

Each order and seed has a process of its own, and each training gives one row, with what is to be
taught next, so that the command can be interrupted and repeated. Settings of the order were chosen
with `--part dev`, the default; `--part test` reads the test file.

    python benchmarks/teaching.py --seeds 1,2,3 --workers 2
    python benchmarks/teaching.py --part test --option epochs=30
    python benchmarks/teaching.py report --figure docs/figures/teaching.png
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from accuracy import at_least_one, whole_numbers
from accuracy_parts.data import DATA_FOLDER, DATA_SETS, PARTS
from nlu_f1 import name_and_value
from support import plain_errors
from support.each_in_a_process import each_in_a_process
from teaching_parts.report import write_report
from teaching_parts.simulation import LOGISTIC, ORDERS, Chain, run_chain

from gossamer.data.errors import InputError
from gossamer.data.text.files import check_writable
from gossamer.data.text.wording import counted
from gossamer.study.executors.worker import THREAD_VARIABLES, Failure
from gossamer.study.results.rows import RowStore

OUT = Path("benchmarks/results/teaching/rows.jsonl")
CORRECTIONS = "50,100,200"
RANDOM_CORRECTIONS = "50,100,200,300,400"


def run_chains(chains: Sequence[Chain], path: Path, *, workers: int) -> int:
    """Simulate what has no rows yet; how many failed. Their messages are printed."""
    n_failed = 0

    def on_end(chain: Chain, outcome: Failure | None) -> str:
        nonlocal n_failed
        if outcome is None:
            return f"{chain.described()}: done"
        n_failed += 1
        return f"{chain.described()}: FAILED: {outcome.type}: {outcome.message}"

    simulate = functools.partial(run_chain, store=RowStore(path))
    kept = f"The rows so far are in {path}."
    each_in_a_process(simulate, chains, on_end, workers=workers, kept=kept)
    return n_failed


def chains_of(args: argparse.Namespace) -> list[Chain]:
    """What the command line asks for.

    Raises:
        InputError: an order, a data set or an option cannot be used.
    """
    orders = tuple(filter(None, args.orders.split(",")))
    for order in orders:
        if order not in ORDERS:
            raise InputError("an order must be one of these", got=order, hint=", ".join(ORDERS))
    chains = [
        Chain(
            data=args.data,
            part=args.part,
            contestant=args.contestant,
            order=order,
            seed=seed,
            n_examples=args.examples,
            corrections=tuple(
                sorted({0, *(args.random_corrections if order == "random" else args.corrections)})
            ),
            options=dict(args.option),
            data_folder=str(args.data_folder),
        )
        for seed in args.seeds
        for order in orders
    ]
    for chain in chains:
        chain.check()
    return chains


def make_parser() -> argparse.ArgumentParser:
    """The command line of simulations."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="teaching.py report makes a table and a figure of the rows.",
    )
    add = parser.add_argument
    add("--part", choices=PARTS, default="dev", help="what is scored on (default dev)")
    add("--data", choices=list(DATA_SETS), default="nlu1", help="default nlu1")
    add("--contestant", default="ours-20", metavar="NAME",
        help=f"ours-PERCENT, or {LOGISTIC} for a quick linear model (default ours-20)")  # fmt: skip
    add("--orders", default="inbox,random", metavar="NAME,NAME",
        help=f"of {', '.join(ORDERS)} (default inbox,random)")  # fmt: skip
    add("--seeds", type=whole_numbers, default=[1, 2, 3], metavar="N,N", help="default 1,2,3")
    add("--examples", type=at_least_one, default=5, metavar="N",
        help="of each intent at the start (default 5)")  # fmt: skip
    add("--corrections", type=whole_numbers, default=whole_numbers(CORRECTIONS), metavar="N,N",
        help=f"after how many it is trained and scored (default {CORRECTIONS})")  # fmt: skip
    add("--random-corrections", type=whole_numbers, default=whole_numbers(RANDOM_CORRECTIONS),
        metavar="N,N", help=f"of random order (default {RANDOM_CORRECTIONS})")  # fmt: skip
    add("--option", type=name_and_value, action="append", default=[], metavar="NAME=VALUE",
        help="an option of the classifier, repeatable")  # fmt: skip
    add("--workers", type=at_least_one, default=1, metavar="N", help="at a time (default 1)")
    add("--data-folder", type=Path, default=DATA_FOLDER, metavar="FOLDER",
        help="default %(default)s")  # fmt: skip
    add("--out", type=Path, default=OUT, metavar="FILE", help="rows (default %(default)s)")
    return parser


def make_report_parser() -> argparse.ArgumentParser:
    """The command line of `report`."""
    parser = argparse.ArgumentParser(
        prog="teaching.py report", description="A table and a figure from rows."
    )
    parser.add_argument("--rows", type=Path, nargs="+", default=[OUT], metavar="FILE")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="PNG to write")
    parser.add_argument("--part", choices=PARTS, default="test", help="default test")
    return parser


def main() -> None:
    """Simulate, or report."""
    if sys.argv[1:2] == ["report"]:
        args = make_report_parser().parse_args(sys.argv[2:])
        print(write_report(args.rows, args.part, args.figure))
        return
    args = make_parser().parse_args()
    chains = chains_of(args)
    check_writable([args.out])
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    n_failed = run_chains(chains, args.out, workers=args.workers)
    if n_failed:
        raise SystemExit(f"{counted(n_failed, 'simulation')} failed")


if __name__ == "__main__":
    plain_errors.run(main)
