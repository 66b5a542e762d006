"""`python -m gossamer.teach.candidates FOLDER`: make the candidate that the folder's task asks for.

Each line of the standard output is JSON of a `Progress`. The result is in `result.json`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import Any

from gossamer.data.child_processes import work_in_background


def main() -> None:
    """Do the task, and end with the process that asked for it, however that ends."""
    folder = Path(sys.argv[1]).resolve()
    work_in_background()  # conversations go first

    from gossamer.data.errors import InputError
    from gossamer.teach.candidates.making import make_candidate
    from gossamer.teach.candidates.progress import Progress
    from gossamer.teach.candidates.store import write_result
    from gossamer.teach.candidates.task import CandidateTask
    from gossamer.teach.project import TaughtProject

    task = CandidateTask.read(folder)
    project = Path(task.project)

    def tell(progress: Progress) -> None:
        sys.stdout.write(f"{progress.line()}\n")
        sys.stdout.flush()

    try:
        known = TaughtProject(project, config=task.config, domain=task.domain, data=task.data)
        make_candidate(
            project,
            models=task.models,
            base=task.base,
            taught=[each.correction for each in known.taught() if not each.is_undone],
            out=folder,
            on_progress=tell,
            config=task.config,
            domain=task.domain,
            data=task.data,
            tests=task.tests,
            augmentation=task.augmentation,
        )
    except InputError as error:
        faults = [_fault(each, project) for each in error.faults]
        write_result(folder, {"state": "failed", "when": time.time(), "error": _error(faults)})


def _error(faults: list[dict[str, Any]]) -> dict[str, Any]:
    """All faults in one message, and each by itself."""
    listed = "\n".join(
        fault["message"]
        if fault["file"] is None
        else f"{fault['file']}{'' if fault['line'] is None else ':' + str(fault['line'])}: "
        f"{fault['message']}"
        for fault in faults
    )
    return {"message": listed, "faults": faults}


def _fault(error: Any, project: Path) -> dict[str, Any]:
    """A fault with the place it is in, the project's folder left out."""
    place = error.where
    message = error.message.replace(f"{project}{os.sep}", "")
    if place is None:
        return {"message": message, "file": None, "line": None}
    path = Path(place.path)
    with contextlib.suppress(ValueError):
        path = path.relative_to(project)
    return {"message": message, "file": str(path), "line": place.line}


if __name__ == "__main__":
    main()
