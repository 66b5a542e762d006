"""Where the time of training goes, measured by clocks put around the parts from outside.

Clocks exclude each other: while one runs inside another, the outer one stops, so that parts add up
to no more than the whole. What is not found (the code changes) is left without a clock and its time
counts with what surrounds it.
"""

from __future__ import annotations

import functools
import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

_BATCHES = "making batches"
_TABLES = "input tables"
_ENCODER_FORWARD, _ENCODER_BACKWARD = "encoder, forward", "encoder, backward"
_CRF, _LOSSES = "CRF", "losses of similarity, forward"
_OPTIMISER = "optimiser, averaging"
_FORWARD, _BACKWARD = "other layers, forward", "other layers and losses, backward"
REST = "the rest (Python)"
PARTS = (
    _BATCHES,
    _TABLES,
    _ENCODER_FORWARD,
    _ENCODER_BACKWARD,
    _CRF,
    _LOSSES,
    _FORWARD,
    _BACKWARD,
    _OPTIMISER,
    REST,
)
# Functions by module and name.
_WHERE: Mapping[str, str] = {
    "gossamer.nn.training.batching:epoch_batches": _BATCHES,
    "gossamer.nn.inputs:SparseInputTable.forward": _TABLES,
    "gossamer.nn.inputs:SparseInputTable.add_rows": _TABLES,
    "gossamer.nn.inputs:_CollectingProduct.backward": _TABLES,
    "gossamer.nn.inputs:_SparseProduct.backward": _TABLES,
    "gossamer.nn.encoder:TransformerEncoder.forward": _ENCODER_FORWARD,
    # The few products outside of the encoder are counted with it.
    "gossamer.sparse.products.dispatch:_ByKernels.backward": _ENCODER_BACKWARD,
    "gossamer.nn.ops.normalisation:_Normalise.backward": _ENCODER_BACKWARD,
    "gossamer.nn.ops.normalisation:_AddAndNormalise.backward": _ENCODER_BACKWARD,
    "gossamer.nn.ops.attention:_Attend.backward": _ENCODER_BACKWARD,
    "gossamer.nn.ops.activation:_GeluDropped.backward": _ENCODER_BACKWARD,
    "gossamer.nn.crf:LinearChainCRF.log_likelihood": _CRF,
    "gossamer.nn.crf:LinearChainCRF.best_paths": _CRF,
    "gossamer.nn.crf:_LogPartition.backward": _CRF,
    "gossamer.nn.similarity:SingleLabelDotProductLoss.forward": _LOSSES,
    "gossamer.nn.similarity:loss_scale": _LOSSES,
    "gossamer.nn.training.fit:_Optimizer.step": _OPTIMISER,
    "gossamer.nn.training.fit:_Optimizer.catch_up": _OPTIMISER,
    "gossamer.nn.training.averaging:WeightAverage.update": _OPTIMISER,
    "gossamer.nlu.diet.network:DIETNetwork.step": _FORWARD,
    "torch:Tensor.backward": _BACKWARD,
}


class Clocks:
    """One clock for each part; only the innermost that was started runs.

    Args:
        now: gives the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.perf_counter) -> None:
        self._now = now
        self._seconds: dict[str, float] = {}
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def running(self, part: str) -> Iterator[None]:
        """Let the clock of a part run, and no other."""
        self._stop()
        self._running.append(part)
        try:
            yield
        finally:
            self._stop()
            self._running.pop()

    def clear(self) -> None:
        """Set all clocks to zero."""
        self._stop()
        self._seconds.clear()

    def shares(self, whole: float) -> dict[str, float]:
        """Seconds of each part, and `REST`, which makes them add up to the whole."""
        self._stop()
        found = {part: self._seconds.get(part, 0.0) for part in PARTS if part != REST}
        return {**found, REST: whole - sum(found.values())}

    def timed(self, function: Callable[..., Any], part: str) -> Callable[..., Any]:
        """The function with a clock around it."""

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.running(part):
                return function(*args, **kwargs)

        return wrapper

    def _stop(self) -> None:
        now = self._now()
        if self._running:
            part = self._running[-1]
            self._seconds[part] = self._seconds.get(part, 0.0) + now - self._since
        self._since = now


@contextmanager
def installed(clocks: Clocks, where: Mapping[str, str] = _WHERE) -> Iterator[list[str]]:
    """Put clocks around the parts of training.

    Args:
        clocks: which to let run.
        where: part of each function, "module:name" or "module:Class.name".

    Yields:
        The functions that were not found.
    """
    absent: list[str] = []
    undo: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, value: Any) -> None:
        undo.append((owner, name, vars(owner)[name]))
        setattr(owner, name, value)

    try:
        for place, part in where.items():
            module_name, _, path = place.partition(":")
            *owners, name = path.split(".")
            try:
                owner: Any = importlib.import_module(module_name)
                for step in owners:
                    owner = getattr(owner, step)
                original = getattr(owner, name)
            except (ImportError, AttributeError):
                absent.append(place)
                continue
            if owners and name in vars(owner):
                is_static = isinstance(vars(owner)[name], staticmethod)
                timed = clocks.timed(original, part)
                replace(owner, name, staticmethod(timed) if is_static else timed)
            elif owners:
                absent.append(place)
            else:
                _everywhere(original, clocks.timed(original, part), replace)
        _time_the_batches(clocks, replace)
        yield absent
    finally:
        for owner, name, value in reversed(undo):
            setattr(owner, name, value)


def _everywhere(original: Any, timed: Any, replace: Callable[[Any, str, Any], None]) -> None:
    """Replace a function in every module of ours that has imported it by name."""
    for module in [m for n, m in sys.modules.items() if n.split(".")[0] == "gossamer"]:
        for name, value in list(vars(module).items()):
            if value is original:
                replace(module, name, timed)


def _time_the_batches(clocks: Clocks, replace: Callable[[Any, str, Any], None]) -> None:
    """The loop gets the function that makes a batch: put a clock around that one."""
    with suppress(ImportError, AttributeError):
        # DIET imports the loop by name: it must be there before names are replaced.
        importlib.import_module("gossamer.nlu.diet.classifier")
        original = importlib.import_module("gossamer.nn.training.fit").fit

        @functools.wraps(original)
        def fit(network: Any, make_batch: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            return original(network, clocks.timed(make_batch, _BATCHES), *args, **kwargs)

        _everywhere(original, fit, replace)
