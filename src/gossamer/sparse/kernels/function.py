"""Writing a function in LLVM's intermediate language, a line at a time.

Variables live in memory (`alloca`); LLVM's promotion pass turns them into registers, so that no
one has to think of phi nodes here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager

INT, POINTER, FLOAT, DOUBLE, INT32 = "i64", "ptr", "float", "double", "i32"


def vector(width: int, of: str = FLOAT) -> str:
    """The type of `width` numbers side by side; LLVM splits what no register holds."""
    return f"<{width} x {of}>"


def _scalar(of: str) -> str:
    """The type of one number of a vector, or of a number."""
    return of[1:-1].split(" x ")[1] if of.startswith("<") else of


class Function:
    """A function `void name(ptr args, i64 thread, i64 n_threads)`, `args` an array of 64-bit words.

    Values are names of registers ("%v7") or constants ("12"); both are text.

    Args:
        name: the function's name.
    """

    def __init__(self, name: str) -> None:
        self._head = f"define void @{name}(ptr noalias %args, i64 %thread, i64 %n_threads)"
        self._variables: list[str] = []
        self._lines: list[str] = []
        self._count = 0
        self._declared: set[str] = set()

    def text(self) -> str:
        """The whole function."""
        lines = [
            *sorted(self._declared),
            f"{self._head} {{",
            "entry:",
            *self._variables,
            "  br label %begin",
            "begin:",
            *self._lines,
            "  ret void",
            "}",
        ]
        return "\n".join(lines) + "\n"

    # -- plain instructions --------------------------------------------------------------------

    def op(self, instruction: str) -> str:
        """An instruction with a result; its register."""
        register = self._register()
        self._lines.append(f"  {register} = {instruction}")
        return register

    def do(self, instruction: str) -> None:
        """An instruction without a result."""
        self._lines.append(f"  {instruction}")

    def add(self, a: str | int, b: str | int) -> str:
        """Sum of two whole numbers."""
        return self.op(f"add i64 {a}, {b}")

    def sub(self, a: str | int, b: str | int) -> str:
        """Difference of two whole numbers."""
        return self.op(f"sub i64 {a}, {b}")

    def mul(self, a: str | int, b: str | int) -> str:
        """Product of two whole numbers."""
        return self.op(f"mul i64 {a}, {b}")

    def div(self, a: str | int, b: str | int) -> str:
        """Quotient of two whole numbers, rounded towards zero."""
        return self.op(f"sdiv i64 {a}, {b}")

    def rem(self, a: str | int, b: str | int) -> str:
        """Remainder of two whole numbers that are not negative."""
        return self.op(f"srem i64 {a}, {b}")

    def least(self, a: str | int, b: str | int) -> str:
        """The smaller of two whole numbers."""
        return self.call(INT, "smin", str(a), str(b))

    def most(self, a: str | int, b: str | int) -> str:
        """The larger of two whole numbers."""
        return self.call(INT, "smax", str(a), str(b))

    def argument(self, number: int, of: str = POINTER) -> str:
        """One of the words of `args`."""
        return self.op(f"load {of}, ptr {self.at('%args', number, INT)}")

    # -- memory --------------------------------------------------------------------------------

    def at(self, pointer: str, index: str | int, of: str = FLOAT) -> str:
        """Pointer to an element counted from `pointer`."""
        return self.op(f"getelementptr {of}, ptr {pointer}, i64 {index}")

    def load(self, of: str, pointer: str) -> str:
        """Read numbers of 32 or 64 bits, one or a vector."""
        return self.op(f"load {of}, ptr {pointer}, align 4")

    def store(self, of: str, value: str, pointer: str) -> None:
        """Write numbers of 32 or 64 bits, one or a vector."""
        self.do(f"store {of} {value}, ptr {pointer}, align 4")

    def index(self, table: str, position: str | int) -> str:
        """Read a whole number from a table of int32."""
        value = self.load(INT32, self.at(table, position, INT32))
        return self.op(f"sext i32 {value} to i64")

    def variable(self, of: str, value: str | None = None) -> str:
        """A place for a value that changes."""
        register = self._register()
        self._variables.append(f"  {register} = alloca {of}, align 64")
        if value is not None:
            self.set(of, register, value)
        return register

    def get(self, of: str, variable: str) -> str:
        """The value of a variable."""
        return self.op(f"load {of}, ptr {variable}")

    def set(self, of: str, variable: str, value: str) -> None:
        """Change a variable."""
        self.do(f"store {of} {value}, ptr {variable}")

    # -- vectors -------------------------------------------------------------------------------

    def spread(self, of: str, value: str, scalar: str = FLOAT) -> str:
        """A vector with one number in all places."""
        width = int(of[1:].split(" ")[0])
        first = self.op(f"insertelement {of} poison, {scalar} {value}, i32 0")
        places = f"{vector(width, 'i32')} zeroinitializer"
        return self.op(f"shufflevector {of} {first}, {of} poison, {places}")

    def fma(self, of: str, a: str, b: str, c: str) -> str:
        """A * b + c, rounded once."""
        return self.call(of, "fma", a, b, c)

    def call(self, of: str, name: str, *arguments: str, result: str | None = None) -> str:
        """One of LLVM's own functions, "llvm.NAME" for the type `of`, which all arguments have."""
        kind = re.sub(r"<(\d+) x (\w+)>", r"v\1\2", of)
        kind = kind.replace("float", "f32").replace("double", "f64")
        result = of if result is None else result
        kinds = ", ".join([of] * len(arguments))
        self._declared.add(f"declare {result} @llvm.{name}.{kind}({kinds})")
        given = ", ".join(f"{of} {a}" for a in arguments)
        return self.op(f"call {result} @llvm.{name}.{kind}({given})")

    def constant(self, of: str, value: float | int) -> str:
        """A number in all places of a vector (or a single number)."""
        scalar = _scalar(of)
        text = str(value)
        if scalar == FLOAT:  # written as the bits of the double that equals the float32
            single = struct.unpack("<f", struct.pack("<f", value))[0]
            text = "0x" + struct.pack(">d", single).hex().upper()
        elif scalar == DOUBLE:
            text = "0x" + struct.pack(">d", value).hex().upper()
        if not of.startswith("<"):
            return text
        width = int(of[1:].split(" ")[0])
        return "<" + ", ".join([f"{scalar} {text}"] * width) + ">"

    def binary(self, operation: str, of: str, a: str, b: str) -> str:
        """fadd, fsub, fmul, fdiv and their kin on numbers or vectors."""
        return self.op(f"{operation} {of} {a}, {b}")

    def sum(self, of: str, value: str) -> str:
        """The sum of a vector's numbers, in whatever order is quick."""
        width = int(of[1:].split(" ")[0])
        scalar = _scalar(of)
        name = f"@llvm.vector.reduce.fadd.v{width}f{32 if scalar == FLOAT else 64}"
        self._declared.add(f"declare {scalar} {name}({scalar}, {of})")
        return self.op(f"call reassoc {scalar} {name}({scalar} 0.0, {of} {value})")

    def greatest(self, of: str, value: str) -> str:
        """The greatest of a vector's numbers."""
        return self.call(of, "vector.reduce.fmax", value, result=_scalar(of))

    # -- control -------------------------------------------------------------------------------

    @contextmanager
    def loop(self, start: str | int, stop: str | int, step: int = 1) -> Iterator[str]:
        """Count from `start` up to below `stop`; the body is what is written inside the block."""
        self._count += 1
        number = self._count
        counter = self.variable(INT, str(start))
        self.do(f"br label %head{number}")
        self._label(f"head{number}")
        current = self.get(INT, counter)
        goes_on = self.op(f"icmp slt i64 {current}, {stop}")
        self.do(f"br i1 {goes_on}, label %body{number}, label %end{number}")
        self._label(f"body{number}")
        yield current
        self.set(INT, counter, self.add(current, step))
        self.do(f"br label %head{number}")
        self._label(f"end{number}")

    def share(
        self,
        total: str | int,
        unit: int = 1,
        *,
        part: str = "%thread",
        n_parts: str | int = "%n_threads",
    ) -> tuple[str, str]:
        """A part of `total` things, cut between whole units: first, and one after the last.

        This thread's part, unless said otherwise. Sums over many things are made part by part, and
        of parts whose number does not depend on the threads: so the threads do not change them.
        """
        units = self.div(self.add(total, unit - 1), unit)
        first = self.mul(self.div(self.mul(units, part), n_parts), unit)
        after = self.div(self.mul(units, self.add(part, 1)), n_parts)
        return first, self.least(self.mul(after, unit), total)

    def _label(self, name: str) -> None:
        self._lines.append(f"{name}:")

    def _register(self) -> str:
        self._count += 1
        return f"%v{self._count}"
