"""Which model file is meant, and what a new one is called."""

from __future__ import annotations

import os
import random
import tempfile
from datetime import datetime
from pathlib import Path

from gossamer.data.errors import InputError, Location, ModelFileError

SUFFIX = ".gossamer"
_TEMPORARY = 8  # characters that `tempfile` adds to a name

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


def latest_model(path: Path) -> Path:
    """The model file that a path means.

    Args:
        path: a model file, or a folder: the file in it that was changed last is taken, the last by
            name among equally old ones.

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
        return max(models, key=lambda file: (file.stat().st_mtime_ns, file.name))
    if not path.exists():
        raise ModelFileError("the model must exist", got=str(path), hint=hint)
    return path


def new_model_path(folder: Path, *, fixed_name: str | None = None, prefix: str = "nlu-") -> Path:
    """Where a newly trained model goes.

    Args:
        folder: the models' folder.
        fixed_name: a name to use, with or without its suffix; an existing model of that name is
            replaced. None makes one up: "nlu-20250131-093000-quiet-loom.gossamer", the date and
            time being local, never that of an existing file.
        prefix: tells models of parts apart: "nlu-", "core-", "" for the whole.

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


def check_place(path: Path) -> None:
    """Look whether a model can be written, as far as that can be told without writing anything.

    Raises:
        ModelFileError: a name is too long or not possible, a folder on the way is a file or may
            not be written, or the model's place is taken by a folder.
    """
    name = f".{path.name}.{'x' * _TEMPORARY}"  # as long as the file that is written first
    if "\0" in str(path):
        raise _unwritable(path, "a NUL character in the name")
    try:
        folder = path.parent
        missing = [name]
        while not folder.exists():
            missing.append(folder.name)
            folder = folder.parent
        longest = os.pathconf(folder, "PC_NAME_MAX") if hasattr(os, "pathconf") else 255
        if any(len(os.fsencode(part)) > longest for part in missing):
            raise _unwritable(path, "a name that is too long")
        if not folder.is_dir():
            raise _unwritable(path, f"{folder} is a file")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise _unwritable(path, f"no permission to write in {folder}")
        if path.is_dir():
            raise _unwritable(path, "a folder of that name")
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def make_folder(path: Path) -> None:
    """Make the folder of a model, and try to write in it.

    Raises:
        ModelFileError: it is not possible.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _unwritable(path: Path, problem: str) -> ModelFileError:
    return ModelFileError(
        "the model must have a place that can be written",
        got=problem,
        where=Location(path),
        hint="another --out or --fixed-model-name",
    )
