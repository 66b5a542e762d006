"""A command on a pseudo-terminal, driven as a person would."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import gossamer

try:
    import pty
except ImportError:  # not on every platform; the tests that need it skip
    pty = None  # type: ignore[assignment]

SRC = Path(gossamer.__file__).parents[1]


class Terminal:
    """A command on a pseudo-terminal of 120 columns."""

    def __init__(self, *arguments: str) -> None:
        assert pty is not None
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gossamer.cli", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ
            | {"PYTHONPATH": str(SRC), "TERM": "xterm", "COLUMNS": "120", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
            # Where the tests run in the background, Ctrl-C is ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            close_fds=True,
        )
        os.close(slave)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str, seconds: float = 60.0) -> str:
        """Read until a pattern appears; what was read, without colours, up to its end."""
        end = time.monotonic() + seconds
        while True:
            plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.seen)
            match = re.search(pattern, plain)
            if match is not None:
                self.seen = plain[match.end() :]
                return plain[: match.end()]
            if time.monotonic() > end or not self._read(end - time.monotonic()):
                raise AssertionError(f"{pattern!r} did not appear in {plain!r}")

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0.0))
        try:
            chunk = os.read(self.master, 65536) if ready else b""
        except OSError:  # Linux tells the end of a terminal so.
            chunk = b""
        self.seen += chunk.decode("utf-8", errors="replace")
        return bool(chunk)

    def end(self) -> int:
        """The exit code."""
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
