"""Does a call of the layer ever crash the process, or give something else than a dense layer would?

Layers of all topologies, widths and densities are called in ways that users of PyTorch call modules
(see `layer_parts.ways`), with inputs of all shapes, strides and dtypes, in all modes. Each call
must give what a dense layer over the same kernel gives, values and gradients, or the same type of
error. (An input whose last dimension is wrong may raise a ValueError that names in_features
instead.)

    python benchmarks/fuzz_layer.py --count 20000
    python benchmarks/fuzz_layer.py --only 4711          one of them, with its traceback
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import random
import re
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from layer_parts.cases import DTYPES, NO_WEIGHT, Case, Reference, draw_case, make_input, make_layer
from layer_parts.ways import RARE, WAYS, Results
from support.watched_process import Died, Hung, WatchedProcess
from torch import Tensor, nn

Build = Callable[[Case], nn.Module]

_SECONDS = 60.0  # for one call, compilation included
_TOLERANCE = {
    torch.float64: 1e-9,
    torch.float32: 2e-4,
    torch.complex64: 2e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 8e-2,
}


@contextlib.contextmanager
def _surroundings(case: Case) -> Iterator[None]:
    threads, default = torch.get_num_threads(), torch.get_default_dtype()
    modes = {"grad": torch.enable_grad, "no_grad": torch.no_grad, "inference": torch.inference_mode}
    try:
        torch.set_num_threads(case.threads)
        torch.set_default_dtype(DTYPES[case.default_dtype])
        torch.use_deterministic_algorithms(case.deterministic)
        with contextlib.ExitStack() as stack:
            stack.enter_context(modes[case.mode]())
            if case.autocast:
                dtype = DTYPES[case.autocast]
                # Its cache goes on with old weights after a change, in dense layers too.
                stack.enter_context(torch.autocast("cpu", dtype=dtype, cache_enabled=False))
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(default)
        torch.use_deterministic_algorithms(False)


def _done(case: Case, model: nn.Module) -> Results | Exception:
    try:
        with _surroundings(case):
            return WAYS[case.way](model, lambda: make_input(case), random.Random(case.seed))
    except Exception as error:
        return error


def run_case(case: Case, build: Build = make_layer) -> str:
    """Call the layer and its reference.

    Args:
        case: what to call, and how.
        build: makes the layer.

    Returns:
        What went wrong; empty if nothing did.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = build(case)
        plain = make_layer(case)  # the same weights and connections
        expected = _done(case, Reference(plain))
        found = _done(case, layer)
    if isinstance(expected, Exception) or isinstance(found, Exception):
        return _compare_errors(case, found, expected)
    for name, right in expected.items():
        if name not in found:
            return f"no {name!r}"
        said = _compare(found[name], right, case)
        if said:
            return f"{name}: {said}"
    return ""


def _tolerance(case: Case, dtype: torch.dtype) -> float:
    kinds = [dtype, *([DTYPES[case.autocast]] if case.autocast else [])]
    if case.way == "other_dtype":
        kinds.append(torch.bfloat16)
    return max(_TOLERANCE.get(kind, 0.0) for kind in kinds)


def _compare_errors(case: Case, found: Results | Exception, expected: Results | Exception) -> str:
    if not isinstance(found, Exception):
        return f"answers where F.linear raises {_shown(expected)}"
    names_width = isinstance(found, ValueError) and "in_features" in str(found)
    is_wrong_width = not case.shape or case.shape[-1] != case.in_features
    if names_width and (is_wrong_width or isinstance(expected, Exception)):
        return ""
    if _is_as_right(case, found, expected):
        return ""
    if not isinstance(expected, Exception):
        return f"raises {_shown(found)} where F.linear answers{_place(found)}"
    # NotImplementedError is a RuntimeError: products of other types say either.
    if not isinstance(expected, type(found)):
        return f"raises {_shown(found)} where F.linear raises {_shown(expected)}{_place(found)}"
    return ""


def _is_as_right(case: Case, found: Exception, expected: Results | Exception) -> bool:
    """Whether an error is as acceptable as the reference's result."""
    if isinstance(expected, Exception):
        # Tracers wrap errors, at one place or another.
        return case.way in RARE or (NO_WEIGHT in str(expected) and type(found) is AttributeError)
    # Tensors without values do not check types as real ones do, nor devices.
    if case.way in ("faked", "on_meta") and case.dtype != case.layer_dtype:
        return True
    refuses = isinstance(found, RuntimeError) and "Try:" in str(found)
    if refuses and case.way == "strange_input" and "meta" in str(found):
        return True
    # F.linear broadcasts a bias of one value; refusing parameters of a wrong shape is as good.
    return refuses and case.way in ("other_parameters", "changed")


def _shown(error: object) -> str:
    first = str(error).strip().split("\n")[0][:150]
    return f"{type(error).__name__}: {first}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if "gossamer" in frame.filename and "benchmarks" not in frame.filename
    ]
    return f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""


def _compare(found: Any, right: Any, case: Case) -> str:
    """How a value differs from the right one; empty if it does not.

    Zeros of the dense kernel turn infinite values into NaN; connections that do not exist cannot.
    So with inputs that are not finite only finite values of the reference count.
    """
    if isinstance(right, tuple | list) and right and isinstance(right[0], Tensor):
        parts = [_compare(f, r, case) for f, r in zip(found, right, strict=True)]
        return next(filter(None, parts), "")
    if not isinstance(right, Tensor) or not isinstance(found, Tensor):
        return "" if type(found) is type(right) and found == right else f"{found!r}, not {right!r}"
    for what in ("dtype", "shape", "requires_grad"):
        own, other = getattr(found, what), getattr(right, what)
        if own != other:
            return f"{what} {own}, not {other}"
    if right.numel() == 0:
        return ""
    dtype = right.dtype
    wide = torch.complex128 if dtype.is_complex else torch.float64
    a, b = found.detach().to(wide), right.detach().to(wide)
    counts = torch.isfinite(b)
    if not case.special and not torch.equal(torch.isfinite(a), counts):
        return "finite in other places"
    a, b = a[counts], b[counts]
    if a.numel() == 0:
        return ""
    scale = 1.0 + float(b.abs().max())
    difference = float((a - b).abs().max()) / scale
    if not difference <= _tolerance(case, dtype):
        return f"wrong by {difference:.2g} of the largest"
    return ""


# -- processes ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """How one call ended: `problem` is empty where all was right."""

    seed: int
    problem: str
    seconds: float
    case: Case


def _work(pipe: Connection) -> None:
    torch.set_num_threads(1)
    torch._logging.set_logs(all=logging.CRITICAL)  # type: ignore[attr-defined]
    pipe.send("ready")
    while (seed := pipe.recv()) is not None:
        try:
            problem = run_case(draw_case(seed))
        except BaseException as error:  # of the fuzz itself, or one that is not an Exception
            problem = f"the call could not be judged: {_shown(error)}{_place(error)}"
        pipe.send(problem)


def run(seeds: Sequence[int], *, start: str = "spawn") -> Iterator[Outcome]:
    """Run the cases of the seeds in a process of its own, which is started again if it dies.

    Args:
        seeds: of the cases.
        start: how `multiprocessing` starts the process.
    """
    with WatchedProcess(_work, start=start) as process:
        for seed in seeds:
            began = time.perf_counter()
            try:
                problem = process.ask(seed, _SECONDS)
            except Hung:
                problem = f"HANG: no answer in {_SECONDS:g} s"
            except Died as end:
                problem = f"CRASH: the process ended with code {end.args[0]}"
            yield Outcome(seed, problem, time.perf_counter() - began, draw_case(seed))


def kind_of(outcome: Outcome) -> str:
    """What failures of one kind have in common."""
    plain = re.sub(r"0x[0-9a-f]+|[-+]?\d+(\.\d+)?(e[-+]?\d+)?", "#", outcome.problem)
    return f"{outcome.case.way}: {plain}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzz and print what it found. Exit code 1 if anything was wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="how many calls (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; the others follow")
    parser.add_argument("--only", type=int, help="one seed, in this process, with its traceback")
    parser.add_argument("--out", type=Path, help="a file for the failures, a line of JSON for each")
    chosen = parser.parse_args(arguments)
    if chosen.only is not None:
        return _show_one(draw_case(chosen.only))
    kinds: Counter[str] = Counter()
    n_wrong, slowest = 0, 0.0
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(chosen.out.open("w")) if chosen.out is not None else None
        for number, outcome in enumerate(run(range(chosen.seed, chosen.seed + chosen.count)), 1):
            slowest = max(slowest, outcome.seconds)
            if outcome.problem:
                n_wrong += 1
                kind = kind_of(outcome)
                kinds[kind] += 1
                if kinds[kind] == 1:
                    print(f"{outcome.seed} {outcome.problem}\n  {outcome.case}", flush=True)
                if out is not None:
                    out.write(json.dumps({"kind": kind, **asdict(outcome)}) + "\n")
                    out.flush()
            if number % 1000 == 0:
                print(f"{number} of {chosen.count}", file=sys.stderr, flush=True)
    for kind, count in kinds.most_common():
        print(f"{count:6} {kind}")
    print(f"{chosen.count} calls, {n_wrong} wrong, {len(kinds)} kinds; slowest {slowest:.1f} s")
    return int(n_wrong > 0)


def _show_one(case: Case) -> int:
    print(case)
    problem = run_case(case)
    print(problem or "as the dense reference")
    for model in (Reference(make_layer(case)), make_layer(case)):
        done = _done(case, model)
        if isinstance(done, Exception):
            print(f"-- {type(model).__name__}")
            traceback.print_exception(done)
    return int(bool(problem))


if __name__ == "__main__":
    sys.exit(main())
