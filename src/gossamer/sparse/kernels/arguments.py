"""What a kernel's arguments must be, declared beside its function, and the check of a call.

A kernel gets addresses: what is too short is read and written past its end, and nothing says so.
`GOSSAMER_CHECK_KERNELS=1` has each call checked first; the tests run so.

    Kernel(f, "scale", (
        Argument("x", np.float32, lambda given: given["n_rows"] * width),
        Size("n_rows"),
    ))
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossamer.sparse.errors import complaint
from gossamer.sparse.kernels.addresses import Word

VARIABLE = "GOSSAMER_CHECK_KERNELS"


@dataclass(frozen=True, slots=True)
class Size:
    """A word that is a whole number, 0 or more.

    Attributes:
        name: for other arguments' sizes, and for messages.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Argument:
    """A word that is the address of the first number of an array or a tensor.

    Attributes:
        name: for other arguments' sizes, and for messages.
        dtype: of its numbers, as NumPy names it.
        size: how many of them the kernel may read or write, from what else is given.
        below: for a table of indices: each must be 0 or more, and below this.
        is_optional: whether 0 may be given for none.
    """

    name: str
    dtype: type[np.generic]
    size: Callable[[Given], int]
    below: Callable[[Given], int] | None = None
    is_optional: bool = False


Declaration = Sequence[Size | Argument]


class Given:
    """The words of one call, by name. What it hands out has been checked.

    Args:
        kernel: its name, for messages.
        declared: what the words must be.
        words: what they are.
        n_threads: how many threads share the work; a size by this name.

    Raises:
        ValueError: there are more or fewer words, or no thread.
    """

    def __init__(
        self, kernel: str, declared: Declaration, words: Sequence[Word], n_threads: int
    ) -> None:
        self._kernel = kernel
        self._declared = {each.name: each for each in declared}
        if len(words) != len(declared) or n_threads < 1:
            raise ValueError(
                complaint(
                    f"the kernel {kernel} must get {len(declared)} arguments and a thread or more",
                    got=f"{len(words)} and {n_threads} threads",
                    hint=", ".join(self._declared),
                )
            )
        self._words = dict(zip(self._declared, words, strict=True)) | {"n_threads": n_threads}
        self._checked: dict[str, NDArray[Any]] = {}

    def __getitem__(self, name: str) -> int:
        """A size."""
        word = self._words[name]
        if not isinstance(word, int) or word < 0:
            raise self._wrong(name, "must be a whole number, 0 or more", word)
        return word

    def numbers(self, name: str) -> NDArray[Any]:
        """The numbers of an argument that count, in a row; none where it is absent.

        Raises:
            ValueError: the argument is not what was declared.
        """
        if name not in self._checked:
            declared = self._declared[name]
            assert isinstance(declared, Argument)
            self._checked[name] = self._numbers(declared, self._words[name])
            self._check_indices(declared)
        return self._checked[name]

    def end(self, name: str) -> int:
        """One more than the greatest of a table of indices, which must be 0 or more."""
        table = self.numbers(name)
        if table.size == 0:
            return 0
        if int(table.min()) < 0:
            raise self._wrong(name, "must hold indices of 0 or more", int(table.min()))
        return int(table.max()) + 1

    def total(self, name: str) -> int:
        """The last of a table of starts, which must ascend from 0 or more."""
        table = self.numbers(name)
        if table.size == 0:
            return 0
        if int(table[0]) < 0 or bool((table[1:] < table[:-1]).any()):
            raise self._wrong(name, "must hold starts that ascend from 0 or more", table.tolist())
        return int(table[-1])

    def _numbers(self, declared: Argument, word: Word) -> NDArray[Any]:
        name = declared.name
        if isinstance(word, int) or not (isinstance(word, np.ndarray) or hasattr(word, "data_ptr")):
            if isinstance(word, int) and word == 0 and declared.is_optional:
                return np.empty(0, dtype=declared.dtype)
            raise self._wrong(name, "must be an array or a tensor", word)
        if str(word.dtype).removeprefix("torch.") != declared.dtype.__name__:
            raise self._wrong(name, f"must be {declared.dtype.__name__}", word.dtype)
        if not isinstance(word, np.ndarray):
            if not word.is_cpu:
                raise self._wrong(name, "must be on the CPU", str(word.device))
            if word.data_ptr() == 0:  # freed, which every call refuses, or empty
                return self._long_enough(declared, np.empty(word.numel(), dtype=declared.dtype))[:0]
            word = word.detach().numpy()
        if not word.flags.c_contiguous:
            of_numbers = tuple(step // word.itemsize for step in word.strides)
            raise self._wrong(name, "must be contiguous", (word.shape, of_numbers))
        if not word.flags.aligned:
            raise self._wrong(name, "must lie at a multiple of its numbers' size", word.ctypes.data)
        return self._long_enough(declared, word.reshape(-1))

    def _long_enough(self, declared: Argument, numbers: NDArray[Any]) -> NDArray[Any]:
        """As many numbers as were declared."""
        size = declared.size(self)
        if numbers.size < size:
            raise self._wrong(declared.name, f"must have {size} numbers or more", numbers.size)
        return numbers[:size]

    def _check_indices(self, declared: Argument) -> None:
        if declared.below is not None:
            end, below = self.end(declared.name), declared.below(self)
            if end > below:
                raise self._wrong(declared.name, f"must hold indices below {below}", end - 1)

    def _wrong(self, name: str, rule: str, got: object) -> ValueError:
        return ValueError(
            complaint(
                f"{name} of the kernel {self._kernel} {rule}",
                got=got,
                hint="the arrays and sizes that its function declares; this is a mistake of who "
                "calls the kernel",
            )
        )


def check(kernel: str, declared: Declaration, words: Sequence[Word], n_threads: int) -> None:
    """Check the arguments of a call.

    Args:
        kernel: its name, for messages.
        declared: what the words must be.
        words: what they are.
        n_threads: how many threads share the work.

    Raises:
        ValueError: one of them is not what was declared.
    """
    given = Given(kernel, declared, words, n_threads)
    for each in declared:
        if isinstance(each, Size):
            given[each.name]
        else:
            given.numbers(each.name)


def are_checked() -> bool:
    """Whether kernels made from now on check their arguments.

    Raises:
        ValueError: the variable is neither 0 nor 1.
    """
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", "0", "1"):
        raise ValueError(complaint(f"{VARIABLE} must be 0 or 1", got=wanted, hint=f"{VARIABLE}=1"))
    return wanted == "1"
