"""The package imports nothing else of Gossamer, and drawing is the only use of matplotlib."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import gossamer.sparse
others = [m for m in sys.modules if m.startswith("gossamer.") and "gossamer.sparse" not in m]
assert not others, others
assert "matplotlib" not in sys.modules
assert set(gossamer.sparse.__all__) <= set(dir(gossamer.sparse))
"""


def test_imports() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True, timeout=120)
