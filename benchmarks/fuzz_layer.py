"""Does a call of the layer ever crash the process, or give something else than a dense layer would?

Layers of all topologies, widths and densities are called in ways that users of PyTorch call modules
(see `layer_ways`), with inputs of all shapes, strides and dtypes, in all modes. Each call must give
what a dense layer over the same kernel gives, values and gradients, or raise the same type of error.
(An input whose last dimension is wrong may raise a ValueError that names in_features instead.)

    python benchmarks/fuzz_layer.py --count 20000
    python benchmarks/fuzz_layer.py --only 4711          one of them, with its traceback
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import multiprocessing
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
import torch.nn.functional as F
from layer_ways import RARE, SMALL, WAYS, Results
from torch import Tensor, nn

from gossamer.sparse import RandomlyConnectedLinear, Topology

Build = Callable[["Case"], nn.Module]

_SECONDS = 60.0  # for one call, compilation included
_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "int64": torch.int64,
    "uint8": torch.uint8,
    "bool": torch.bool,
    "complex64": torch.complex64,
}
_TOLERANCE = {
    torch.float64: 1e-9,
    torch.float32: 2e-4,
    torch.complex64: 2e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 8e-2,
}
_LAYOUTS = [
    "plain", "transposed", "steps", "row steps", "offset", "expanded", "expanded columns",
    "overlapping", "narrow",
]  # fmt: skip
_MODES = ["grad", "grad", "grad", "no_grad", "no_grad", "inference"]


@dataclass(frozen=True)
class Case:
    """One call of one layer.

    Attributes:
        seed: gives everything else.
        in_features, out_features, topology, density, max_group_size, has_bias: the layer's.
        layer_dtype: type of its parameters.
        trains: training mode, else evaluation.
        shape: of the input.
        dtype: of the input.
        layout: how the input lies in memory.
        requires_grad: whether the input does.
        special: "", or what some of the input's values are: "nan" or "inf".
        way: name of a way of `layer_ways`.
        mode: "grad", "no_grad" or "inference".
        autocast: "", "bfloat16" or "float16".
        default_dtype: torch's default during the call.
        deterministic: deterministic algorithms are asked for.
        threads: PyTorch's threads.
    """

    seed: int
    in_features: int
    out_features: int
    topology: str
    density: float
    max_group_size: int | None
    has_bias: bool
    layer_dtype: str
    trains: bool
    shape: tuple[int, ...]
    dtype: str
    layout: str
    requires_grad: bool
    special: str
    way: str
    mode: str
    autocast: str
    default_dtype: str
    deterministic: bool
    threads: int


def draw_case(seed: int) -> Case:
    """The case of a seed; the same one on every machine."""
    chance = random.Random(seed)
    ways = sorted(set(WAYS) - RARE)
    way = chance.choice(sorted(RARE) if chance.random() < 0.02 else ways)
    if chance.random() < 0.25:
        way = "plain"
    is_small = way in SMALL

    def width() -> int:
        if chance.random() < 0.6:  # kernels are compiled for each shape, so there are few of these
            return chance.choice([16, 48] if is_small else [16, 48, 112, 256])
        if chance.random() < 0.3:
            return chance.choice([1, 2, 3, 7, 31, 61])
        return chance.randint(1, 48 if is_small else 300)

    n_in, n_out = width(), width()
    layer_dtype = chance.choices(
        ["float32", "float64", "bfloat16", "float16", "complex64"], [20, 2, 1, 1, 0.3]
    )[0]
    others = [name for name in _DTYPES if name != layer_dtype]
    n_dims = chance.choices([0, 1, 2, 3, 4], [1, 3, 12, 8, 2])[0]
    rows = (
        [0, 1, 2, 5, 8] if is_small else [0, 1, 2, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257]
    )
    leading = [chance.choice(rows)] if n_dims > 1 else []
    leading += [chance.choice([0, 1, 2, 3, 3]) for _ in range(n_dims - 2)]
    chance.shuffle(leading)
    last = n_in if chance.random() < 0.96 else chance.choice([0, 1, n_in + 1, n_out, 2 * n_in])
    return Case(
        seed=seed,
        in_features=n_in,
        out_features=n_out,
        topology=chance.choice([topology.value for topology in Topology]),
        density=chance.choice([0.0, 1.0, 0.2, 0.1, 0.05, 0.5, 0.33, 1e-9]),
        max_group_size=chance.choice([None, None, None, 1, 4, 8, 1000]),
        has_bias=chance.random() < 0.8,
        layer_dtype=layer_dtype,
        trains=chance.random() < 0.5,
        shape=(*leading, last) if n_dims else (),
        dtype=layer_dtype if chance.random() < 0.93 else chance.choice(others),
        layout="plain" if chance.random() < 0.5 else chance.choice(_LAYOUTS),
        requires_grad=chance.random() < 0.5,
        special=chance.choices(["", "nan", "inf"], [40, 1, 1])[0] if way == "plain" else "",
        way=way,
        mode=chance.choice(_MODES),
        autocast=chance.choices(["", "bfloat16", "float16"], [12, 1, 0.5])[0],
        default_dtype=chance.choices(["float32", "float64", "float16"], [15, 1, 0.3])[0],
        deterministic=chance.random() < 0.08,
        threads=2 if chance.random() < 0.1 else 1,
    )


def make_layer(case: Case) -> RandomlyConnectedLinear:
    """The layer that a case calls."""
    layer = RandomlyConnectedLinear(
        case.in_features,
        case.out_features,
        case.has_bias,
        connection_density=case.density,
        topology=case.topology,
        max_group_size=case.max_group_size,
        seed=case.seed,
        dtype=torch.float32,
    )
    if layer.bias is not None:
        with torch.no_grad():
            layer.bias.copy_(torch.linspace(-1, 1, case.out_features))
    return layer.to(_DTYPES[case.layer_dtype]).train(case.trains)


class Reference(nn.Module):
    """The masked dense layer: the stored weights put into a kernel of zeros, then `F.linear`.

    Its parameters have the layer's names and shapes, so all that is done to one can be done to both.
    """

    def __init__(self, layer: RandomlyConnectedLinear) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().clone())
        bias = layer.bias
        self.bias = None if bias is None else nn.Parameter(bias.detach().clone())
        self.shape = (layer.out_features, layer.in_features)
        self.stored = tuple(layer.weight.shape)
        places = torch.from_numpy(layer.connectivity.positions())
        self.register_buffer("places", places)
        self.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* (..., in_features) -> (..., out_features)."""
        weight = self.weight
        if weight is None:
            raise TypeError("F.linear wants a weight")
        if tuple(weight.shape) != self.stored:
            raise RuntimeError("a kernel of a wrong shape")
        flat = weight.new_zeros(self.shape[0] * self.shape[1])
        places = self.get_buffer("places")
        kernel = flat.scatter(0, places, weight.reshape(-1)).reshape(self.shape)
        return F.linear(x, kernel, self.bias)


def make_input(case: Case) -> Tensor:
    """The input of a case; the same values and strides at every call."""
    chance = random.Random(case.seed + 1)
    generator = torch.Generator().manual_seed(case.seed)
    dtype = _DTYPES[case.dtype]
    values = torch.randn(case.shape, generator=generator, dtype=torch.float64)
    if case.special and values.numel() > 0:
        flat = values.view(-1)
        flat[chance.randrange(flat.numel())] = float(case.special)
    values = values > 0 if dtype is torch.bool else (values * 2).to(dtype)
    x = _laid_out(values, case.layout, chance)
    can = dtype.is_floating_point or dtype.is_complex
    return x.requires_grad_() if case.requires_grad and can else x


def _laid_out(values: Tensor, layout: str, chance: random.Random) -> Tensor:
    shape = values.shape
    if values.ndim == 0 or layout == "plain":
        return values
    if layout == "transposed":
        return values.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "steps":
        return torch.stack([values, values + values], -1).flatten(-2)[..., ::2]
    if layout == "row steps":
        return (
            torch.cat([values, values])[: len(values)]
            if values.ndim == 1
            else torch.stack([values, values], 1).flatten(0, 1)[::2]
        )
    if layout == "narrow":
        padding = torch.ones((*shape[:-1], 3), dtype=values.dtype)
        return torch.cat([padding, values, padding], -1)[..., 3:-3]
    if layout == "offset":
        n = chance.choice([1, 3, 5])
        flat = torch.cat([torch.ones(n, dtype=values.dtype), values.reshape(-1)])
        return flat[n:].view(shape)
    if values.numel() == 0:
        return values
    if layout == "expanded":
        return values[:1].expand(shape)
    if layout == "expanded columns":
        return values[..., :1].expand(shape)
    strides = [chance.choice([0, 1, 1, 2]) for _ in shape]
    needed = 1 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    flat = values.reshape(-1)
    flat = flat.repeat(-(-needed // len(flat)))
    return flat.as_strided(shape, strides)


@contextlib.contextmanager
def _surroundings(case: Case) -> Iterator[None]:
    threads, default = torch.get_num_threads(), torch.get_default_dtype()
    modes = {"grad": torch.enable_grad, "no_grad": torch.no_grad, "inference": torch.inference_mode}
    try:
        torch.set_num_threads(case.threads)
        torch.set_default_dtype(_DTYPES[case.default_dtype])
        torch.use_deterministic_algorithms(case.deterministic)
        with contextlib.ExitStack() as stack:
            stack.enter_context(modes[case.mode]())
            if case.autocast:
                stack.enter_context(torch.autocast("cpu", dtype=_DTYPES[case.autocast]))
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
    kinds = [dtype, *([_DTYPES[case.autocast]] if case.autocast else [])]
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
    # Tensors without values do not check types as real ones do.
    if case.way in ("faked", "on_meta") and case.dtype != case.layer_dtype:
        return ""
    if not isinstance(expected, Exception):
        return f"raises {_shown(found)} where F.linear answers{_place(found)}"
    if type(found) is not type(expected):
        return f"raises {_shown(found)} where F.linear raises {_shown(expected)}{_place(found)}"
    return ""


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

    Zeros of the dense kernel make NaN of what is infinite, and connections that do not exist cannot:
    of inputs that are not finite only what is finite in the reference counts.
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
    torch._logging.set_logs(all=logging.CRITICAL)
    while (seed := pipe.recv()) is not None:
        began = time.perf_counter()
        try:
            problem = run_case(draw_case(seed))
        except BaseException as error:  # of the fuzz itself, or one that is no Exception
            problem = f"the call could not be judged: {_shown(error)}{_place(error)}"
        pipe.send((problem, time.perf_counter() - began))


def run(seeds: Sequence[int]) -> Iterator[Outcome]:
    """Run the cases of the seeds in a process of its own, which is begun again where it dies."""
    context = multiprocessing.get_context("spawn")
    worker: Any = None
    pipe: Any = None
    try:
        for seed in seeds:
            if worker is None:
                pipe, other = context.Pipe()
                worker = context.Process(target=_work, args=(other,), daemon=True)
                worker.start()
                other.close()
            began = time.perf_counter()
            problem: str | None = None
            with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
                pipe.send(seed)
                problem = f"HANG: no answer in {_SECONDS:g} s"
                if pipe.poll(_SECONDS):
                    problem = None
                    problem, _ = pipe.recv()
            if problem is None or problem.startswith("HANG"):
                if problem is not None:
                    worker.kill()
                worker.join()
                problem = problem or f"CRASH: the process ended with code {worker.exitcode}"
                worker = None
            yield Outcome(seed, problem, time.perf_counter() - began, draw_case(seed))
    finally:
        if worker is not None:
            with contextlib.suppress(BrokenPipeError):
                pipe.send(None)
            worker.join(5)
            worker.kill()


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
