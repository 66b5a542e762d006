"""Rows of numbers in bytes: each an integer from -127 to 127 times its row's power of two.

A table of input features is most of a model, and its rows need few digits. Rounding happens once,
when training ends; storing and loading is exact after that, and repeated rounding changes nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_MOST = 127
_LARGEST_EXPONENT = 121  # 127 times two to this is the most that float32 holds
_SMALLEST_EXPONENT = -200  # below what any number of float32 needs
_JUST_FITS = 127.49  # still 127 when rounded


class ByteRows(NamedTuple):
    """A matrix in bytes.

    Attributes:
        values: *Shape:* (n_rows, width), int8.
        exponents: a row's unit is two to this power. *Shape:* (n_rows,), int16.
    """

    values: npt.NDArray[np.int8]
    exponents: npt.NDArray[np.int16]

    @classmethod
    def nearest(cls, matrix: npt.NDArray[np.float32]) -> ByteRows:
        """The nearest such matrix; each value is at most half a unit off.

        Args:
            matrix: finite values. *Shape:* (n_rows, width).
        """
        largest = np.abs(matrix).max(axis=1, initial=0.0)
        mantissa, exponent = np.frexp(largest)  # largest = mantissa * 2^exponent, from 1/2 to 1
        fits = mantissa * 128 <= _JUST_FITS
        exponents = np.where(largest > 0, exponent - np.where(fits, 7, 6), 0)
        exponents = np.minimum(exponents, _LARGEST_EXPONENT)
        values = np.rint(np.ldexp(matrix, -exponents[:, None])).clip(-_MOST, _MOST)
        return cls(values.astype(np.int8), exponents.astype(np.int16))

    @classmethod
    def exactly(cls, matrix: npt.NDArray[Any]) -> ByteRows | None:
        """The matrix in bytes if that loses nothing; else None."""
        if matrix.dtype != np.float32 or matrix.ndim != 2 or not np.isfinite(matrix).all():
            return None
        rows = cls.nearest(matrix)
        return rows if np.array_equal(rows.to_floats(), matrix) else None

    def to_floats(self) -> npt.NDArray[np.float32]:
        """The matrix; see `check` for what is raised."""
        self.check()
        exponents = self.exponents.astype(np.int32)[:, None]
        floats: npt.NDArray[np.float32] = np.ldexp(self.values.astype(np.float32), exponents)
        return floats

    def check(self) -> None:
        """Refuse arrays of other types or sizes.

        Raises:
            ValueError: values and exponents do not belong together.
        """
        if (
            self.values.dtype != np.int8
            or self.values.ndim != 2
            or self.exponents.dtype.kind != "i"
            or self.exponents.shape != self.values.shape[:1]
        ):
            raise ValueError(
                "byte rows must be int8 values and one integer exponent for each row: got "
                f"{self.values.dtype} of shape {self.values.shape} and {self.exponents.dtype} of "
                f"shape {self.exponents.shape}. Try: the arrays as they were saved"
            )
        least, most = (int(pick(initial=0)) for pick in (self.exponents.min, self.exponents.max))
        if least < _SMALLEST_EXPONENT or most > _LARGEST_EXPONENT:
            raise ValueError(
                f"exponents of byte rows must be from {_SMALLEST_EXPONENT} to {_LARGEST_EXPONENT}: "
                f"got {least} to {most}. Try: the arrays as they were saved"
            )
