"""Everything that can be wrong with a project, reported at once before the first epoch.

`gossamer train`, `gossamer data validate` and `Assistant.train_project` call the same function,
`check`, so that all find the same faults.
"""

from __future__ import annotations

from gossamer.checks.parts import Parts, read_parts
from gossamer.checks.project import MOST_WARNINGS, Checked, check

__all__ = ["MOST_WARNINGS", "Checked", "Parts", "check", "read_parts"]
