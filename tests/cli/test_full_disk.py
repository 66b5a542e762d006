"""Commands that write, where files cannot grow: one line, nothing half-written, old files whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import gossamer

pytestmark = pytest.mark.slow

pytest.importorskip("resource", reason="needs limits of a POSIX system")

SRC = Path(gossamer.__file__).parents[1]

# A limit on the size of files is met where a full disk is: in writing.
CODE = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))
from gossamer.cli import main
main()
"""


@pytest.mark.parametrize(
    "command",
    [
        "init new",
        "data split nlu --random-seed 1 --out old",
        "data convert nlu --out old/deep/x.yml",
        "data convert nlu --out old/training_data.yml",
        "test nlu --no-plot --out old",
        "train nlu --quiet --out old",
    ],
)
def test_a_full_disk(command: str, model: Path) -> None:
    from gossamer.assistant import Assistant

    project = model.parents[1]
    Assistant.train(project / "config.yml", project / "data").save(model)
    (project / "old").mkdir()
    for name in ("training_data.yml", "test_data.yml", "report.txt", "intent_report.json"):
        (project / "old" / name).write_text("old")
    before = sorted(project.rglob("*"))
    result = subprocess.run(
        [sys.executable, "-c", CODE, *command.split()],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert "a place that can be written (got 'File too large')" in result.stderr
    assert result.stderr.count("\n") == 1
    assert sorted(project.rglob("*")) == before
    assert {path.read_text() for path in (project / "old").iterdir()} == {"old"}
