"""Which model file is meant, and what a new one is called."""

from __future__ import annotations

import os
import random
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import Final

from gossamer.data.errors import InputError, ModelFileError

SUFFIX: Final = ".gossamer"
"""What names of model files end in."""

# fmt: off
_FIRST = (
    "amber", "airy", "brisk", "calm", "clear", "cosy", "crisp", "deft", "dewy", "even", "fair",
    "fine", "fleet", "gentle", "glad", "keen", "light", "lively", "lucid", "mellow", "mild",
    "neat", "nimble", "pale", "plain", "quick", "quiet", "sheer", "silken", "slender", "soft",
    "sparse", "spry", "still", "subtle", "sunlit", "swift", "tender", "thin", "warm",
)
_SECOND = (
    "bobbin", "braid", "cobweb", "cord", "cotton", "drift", "feather", "fern", "fibre",
    "filament", "flax", "floss", "fringe", "gauze", "hemp", "knot", "lace", "linen", "loom",
    "mesh", "mist", "net", "petal", "plait", "reed", "ribbon", "rush", "seam", "shuttle", "silk",
    "skein", "spindle", "spool", "strand", "thistle", "thread", "twine", "veil", "weft",
    "yarn",
)
# fmt: on


def latest_model(path: Path, *, without: Collection[str] = ()) -> Path:
    """The model file that a path means.

    Args:
        path: a model file, or a folder: the file in it that was changed last is taken, the last by
            name among equally old ones.
        without: prefixes of names that are taken only when there is no other.

    Raises:
        ModelFileError: nothing is there, or the folder holds no model.
    """
    hint = "`gossamer train`, or another --model"
    if path.is_dir():
        models = [file for file in path.glob(f"*{SUFFIX}") if file.is_file()]
        if not models:
            raise ModelFileError(
                f"a model folder must hold a *{SUFFIX} file", got=str(path), hint=hint
            )
        others = [file for file in models if not file.name.startswith(tuple(without))]
        return max(others or models, key=lambda file: (file.stat().st_mtime_ns, file.name))
    if not path.exists():
        raise ModelFileError("the model must exist", got=str(path), hint=hint)
    return path


def last_model_paths(folder: Path, prefix: str) -> list[Path]:
    """The models whose parts a new one may take, newest first.

    The newest of all that are whole, and the newest models of parts of what is trained that are
    newer than it. A name that was given counts as that of a whole model.

    Args:
        folder: the models' folder.
        prefix: of what is trained, as for `new_model_path`.
    """
    wanted = [prefix, ""] if prefix else ["", "nlu-", "core-"]
    newest: dict[str, tuple[int, Path]] = {}
    try:
        for file in folder.glob(f"*{SUFFIX}") if folder.is_dir() else ():
            kind = next((part for part in ("nlu-", "core-") if file.name.startswith(part)), "")
            if kind in wanted and file.is_file():
                newest[kind] = max(newest.get(kind, (-1, file)), (file.stat().st_mtime_ns, file))
    except OSError:  # nor can a model be written there, which is told
        return []
    oldest = newest.get("", (0, folder))[0]
    return [file for time, file in sorted(newest.values(), reverse=True) if time >= oldest]


def new_model_path(folder: Path, *, fixed_name: str | None = None, prefix: str = "nlu-") -> Path:
    """Where a newly trained model goes.

    Args:
        folder: the models' folder.
        fixed_name: a name to use, with or without its suffix; an existing model of that name is
            replaced. None makes one up: "nlu-20250131-093000-quiet-loom.gossamer", the date and
            time being local, never that of an existing file.
        prefix: marks models of parts: "nlu-", "core-", "" for the whole.

    Raises:
        InputError: the name holds a folder or a NUL character, or is empty.
    """
    if fixed_name is not None:
        stem = fixed_name.removesuffix(SUFFIX)
        if stem in {"", ".", ".."} or "\0" in stem or Path(stem).name != stem:
            raise InputError(
                "a fixed model name must be a plain file name",
                got=fixed_name,
                hint="--out for the folder",
            )
        return folder / f"{stem}{SUFFIX}"
    # Own generator, seeded by the system: the name must not depend on, or disturb, training's.
    draw = random.Random()
    now = datetime.now().astimezone()
    while True:
        words = f"{draw.choice(_FIRST)}-{draw.choice(_SECOND)}"
        path = folder / f"{prefix}{now:%Y%m%d-%H%M%S}-{words}{SUFFIX}"
        if not os.path.exists(path):  # noqa: PTH110  (no error where no such path can be)
            return path
