"""The check of kernels' arguments: what it refuses, and when it is on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gossamer.sparse.kernels import arguments
from gossamer.sparse.kernels.arguments import Argument, Size, are_checked, check
from gossamer.sparse.kernels.build import Kernel, is_available
from gossamer.sparse.kernels.function import Function

DECLARED = (
    Argument("values", np.float32, lambda given: given.total("starts")),
    Argument("columns", np.int32, lambda given: given.total("starts"), below=lambda _: 9),
    Argument("starts", np.int64, lambda given: given["n_rows"] + 1),
    Argument("table", np.float32, lambda given: given.end("columns") * 2),
    Argument("sums", np.float32, lambda given: given["n_threads"] * 3, is_optional=True),
    Size("n_rows"),
)
GIVEN: dict[str, int | Tensor] = {
    "values": torch.zeros(5),
    "columns": torch.tensor([0, 7, 7, 2, 1], dtype=torch.int32),
    "starts": torch.tensor([0, 2, 2, 5]),
    "table": torch.zeros(8, 2),
    "sums": torch.zeros(2, 3),
    "n_rows": 3,
}


def checked(n_threads: int = 2, **changes: Any) -> None:
    check("multiply", DECLARED, list((GIVEN | changes).values()), n_threads)


def test_what_fits() -> None:
    checked()
    checked(sums=0)
    checked(values=torch.zeros(1000), columns=torch.tensor([0, 7, 7, 2, 1, 99]).int())
    checked(n_rows=0, values=torch.zeros(0), columns=torch.zeros(0).int(), table=torch.zeros(0))
    checked(values=torch.zeros(5, requires_grad=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": torch.zeros(4)}, "values of the kernel multiply must have 5 numbers or more"),
        ({"table": torch.zeros(15)}, r"table .* must have 16 numbers or more \(got 15\)"),
        ({"starts": torch.tensor([0, 2, 5])}, "starts .* must have 4 numbers"),
        ({"sums": torch.zeros(5)}, "sums .* must have 6 numbers"),
        ({"sums": None}, "sums .* must be an array or a tensor"),
        ({"values": 0}, r"values .* must be an array or a tensor \(got 0\)"),
        ({"values": torch.zeros(5).double()}, r"values .* must be float32 \(got torch.flo"),
        ({"values": torch.zeros(5, 2)[:, 0]}, r"values .* must be contiguous \(got \(\(5,\), \(2"),
        ({"values": torch.zeros(5, device="meta")}, r"values .* must be on the CPU \(got 'meta'"),
        ({"columns": torch.tensor([0, 9, 0, 0, 0]).int()}, "indices below 9 .got 9"),
        ({"columns": torch.tensor([0, -1, 0, 0, 0]).int()}, "indices of 0 or more .got -1"),
        ({"starts": torch.tensor([0, 3, 2, 5])}, "starts that ascend from 0 or more"),
        ({"starts": torch.tensor([-1, 2, 2, 5])}, "starts that ascend from 0 or more"),
        ({"n_rows": -1}, "n_rows .* must be a whole number, 0 or more"),
        ({"n_rows": torch.zeros(1)}, "n_rows .* must be a whole number"),
        ({"n_threads": 0}, "6 arguments and a thread or more .got '6 and 0 threads'"),
        ({"more": 0}, "6 arguments and a thread or more .got '7 and 2 threads'"),
    ],
)
def test_what_does_not(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": np.zeros(4, np.float32)}, r"must have 5 numbers or more \(got 4\)"),
        ({"values": np.zeros(5)}, r"values .* must be float32 \(got dtype\('float64'\)\)"),
        ({"values": np.zeros(5, ">f4")}, r"values .* must be float32 \(got dtype\('>f4'\)\)"),
        ({"values": np.zeros((5, 2), np.float32)[:, 0]}, r"be contiguous \(got \(\(5,\), \(2,\)"),
        ({"table": np.zeros((8, 2), np.float32, order="F")}, "table .* must be contiguous"),
        (
            {"values": np.frombuffer(bytes(41), np.float32, 9, offset=1)},
            "values .* must lie at a multiple of its numbers' size",
        ),
        ({"columns": np.array([0, 9, 0, 0, 0], np.int32)}, "indices below 9 .got 9"),
        ({"columns": np.array([0, -1, 0, 0, 0], np.int32)}, "indices of 0 or more .got -1"),
        ({"starts": np.array([0, 3, 2, 5])}, "starts that ascend from 0 or more"),
        ({"values": [0.0] * 5}, "values .* must be an array or a tensor"),
        ({"n_rows": np.zeros(1)}, "n_rows .* must be a whole number"),
    ],
)
def test_arrays_are_checked_as_tensors_are(changes: dict[str, Any], message: str) -> None:
    arrays: dict[str, Any] = {
        name: word.numpy() for name, word in GIVEN.items() if isinstance(word, Tensor)
    }
    for array in arrays.values():
        array.setflags(write=False)
    checked(**arrays)
    with pytest.raises(ValueError, match=message):
        checked(**(arrays | changes))


def one_kernel() -> Kernel:
    return Kernel(Function("nothing"), "nothing", (Argument("x", np.float32, lambda _: 3),))


@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
def test_a_kernel_checks_only_if_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    call: Callable[[Tensor], None] = one_kernel()
    with pytest.raises(ValueError, match="x of the kernel nothing must have 3 numbers"):
        call(torch.zeros(2))
    for word in ("0", ""):
        monkeypatch.setenv(arguments.VARIABLE, word)
        one_kernel()(torch.zeros(2))
    monkeypatch.delenv(arguments.VARIABLE)
    one_kernel()(torch.zeros(2))


def test_the_variable_is_0_or_1(monkeypatch: pytest.MonkeyPatch) -> None:
    assert are_checked(), "all tests run with the check"
    monkeypatch.setenv(arguments.VARIABLE, "yes")
    with pytest.raises(ValueError, match=r"GOSSAMER_CHECK_KERNELS must be 0 or 1 .got 'yes'"):
        are_checked()
