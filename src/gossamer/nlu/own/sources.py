"""The files that decide what a class of the user's own does: its own, and those it imports."""

from __future__ import annotations

import ast
import functools
import inspect
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from gossamer.data.fingerprints import fingerprint


def files_behind(file: Path, module: str) -> tuple[Path, ...]:
    """A module's file and those that it imports, and so on, in order of their paths.

    They are looked for where the module itself comes from. Of modules from elsewhere, as of
    libraries, it is their versions that count, not their files.

    Args:
        file: of the module.
        module: its path, as it was imported.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not text of Python.
    """
    depth = module.count(".") + (file.name == "__init__.py")
    if depth >= len(file.parents):
        return (file,)
    root = file.parents[depth]
    is_library = root.name in ("site-packages", "dist-packages")
    top = module.partition(".")[0]
    found = {file}
    left = [(file, module)]
    while left:
        source, name = left.pop()
        for imported in _imports(source, name):
            parts = imported.split(".")
            if is_library and parts[0] != top:
                continue
            for end in range(1, len(parts) + 1):  # packages on the way are run, too
                place = root.joinpath(*parts[:end])
                for path in (place.with_suffix(".py"), place / "__init__.py"):
                    if path not in found and path.is_file():
                        found.add(path)
                        left.append((path, ".".join(parts[:end])))
    return tuple(sorted(found))


def _imports(file: Path, module: str) -> Iterator[str]:
    """Paths of what a file imports; some are those of names in modules, which have no file."""
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, RecursionError) as error:
        raise ValueError(f"{file} is no Python") from error
    if package:
        yield package
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(up if node.level else ()), *([node.module] if node.module else ())])
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in node.names)
            else:
                yield from (alias.name for alias in node.names)


@functools.cache
def code_of(kind: type) -> tuple[str, ...]:
    """Fingerprints of the sources of a class that are not Gossamer's, with what they import.

    What has no source, as it was typed at a prompt, is new each time.
    """
    own: Sequence[type] = [
        each
        for each in kind.__mro__
        if each.__module__.partition(".")[0] not in ("gossamer", "builtins", "abc", "pydantic")
    ]
    found = []
    for each in own:
        try:
            file = inspect.getsourcefile(each)
            files = () if file is None else files_behind(Path(file), each.__module__)
            found.append(fingerprint([path.read_text("utf-8") for path in files]))
        except (OSError, TypeError, ValueError):
            found.append(secrets.token_hex())
    return tuple(found)
