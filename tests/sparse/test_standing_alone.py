"""The package imports nothing else of Gossamer, and drawing is the only use of matplotlib."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import gossamer.sparse
own = ("gossamer.sparse", "gossamer.version")
others = [m for m in sys.modules if m.startswith("gossamer.") and not m.startswith(own)]
assert not others, others
assert "matplotlib" not in sys.modules
assert set(gossamer.sparse.__all__) <= set(dir(gossamer.sparse))
"""


def test_imports() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=120)
