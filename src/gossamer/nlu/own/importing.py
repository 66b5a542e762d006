"""From a module path in a configuration to the class: the one place where own code is imported.

`my_parts.sentiment.Sentiment` is imported only when the project's configuration names it, or when
it was registered from Python. What only a model file names is refused.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final, TypeVar

from gossamer.data.config import ProjectConfig
from gossamer.data.errors import Location, ModelFileError
from gossamer.data.text.suggestions import nearest
from gossamer.nlu.own.failures import GUIDE, OwnPartError, failure, is_failure, path_of

T = TypeVar("T")

# Of a module path into these packages the last part counts: it is a name that Gossamer knows.
_KNOWN_PACKAGES: Final = ("gossamer", "rasa", "rasa_core", "rasa_nlu")

# What Rasa's users import, where that is not installed.
_MISSING: Final = {
    "rasa": (
        "Rasa, whose own classes cannot run here",
        f"making the class from those of gossamer.parts; see {GUIDE}",
    ),
    "rasa_sdk": (
        "the Rasa SDK, which is not installed",
        f"pip install rasa-sdk, or making the class from gossamer.parts.CustomAction; see {GUIDE}",
    ),
}

_registered: dict[str, type] = {}  # by module path
_written: dict[type, str] = {}  # as the configuration has it


def is_own(name: str) -> bool:
    """Whether a name in a configuration is the module path of a class of the user's own."""
    top, dot, _ = name.partition(".")
    return bool(dot) and top not in _KNOWN_PACKAGES


def known_name(name: str) -> str | None:
    """The name that counts where it is not the user's own: of a path of Rasa's the last part."""
    return None if is_own(name) else name.rpartition(".")[2]


def stored_name(kind: type, name: str) -> str:
    """The name of a class in a model file: its path if a configuration had that, else `name`."""
    return _written.get(kind, name)


def register_as(
    name: str, kind: type[T], by_name: dict[str, type[T]], taken: Collection[str], what: str
) -> None:
    """Make a class known by a name and by its module path.

    A class that is defined once more, as in a notebook, takes the earlier one's place.

    Args:
        name: its name.
        kind: the class.
        by_name: what is known by name; changed.
        taken: further names that are not free.
        what: "component" or "policy".

    Raises:
        ValueError: another one has that name.
    """
    known = by_name.get(name)
    if name in taken or (known is not None and path_of(known) != path_of(kind)):
        raise ValueError(
            f"a {what} needs a name of its own (got '{name}', which is taken). Try: another `name`"
        )
    by_name[name] = kind
    _registered[path_of(kind)] = kind


@dataclass(frozen=True, kw_only=True)
class OwnParts:
    """The classes of the user's own that may be imported.

    Attributes:
        names: their module paths, as the configuration has them.
        folders: where modules are looked for after everything that is installed, in this order.
    """

    names: frozenset[str] = frozenset()
    folders: tuple[Path, ...] = ()

    @classmethod
    def of(cls, config: ProjectConfig) -> OwnParts:
        """Those that a configuration names; looked for in its folder, then the working folder."""
        items = (*config.pipeline, *config.policies)
        names = frozenset(item.name for item in items if is_own(item.name))
        return cls(names=names, folders=folders_of(config.where) if names else ())

    def refused(self, names: Iterable[str]) -> list[str]:
        """Names of own classes that are neither among these nor registered."""
        return sorted(
            {name for name in names if is_own(name) and name not in self.names | {*_registered}}
        )

    def find(
        self,
        name: str,
        base: type[T],
        where: Location | None = None,
        *,
        home: str = "gossamer.parts",
    ) -> type[T]:
        """The class of a module path.

        Args:
            name: the path, one for which `is_own` holds.
            base: what it must be made from.
            where: where it is written.
            home: where users import `base` from, for messages.

        Raises:
            ModelFileError: it may not be imported; nothing is.
            OwnPartError: there is no such class, it is not made from `base`, a method is missing,
                or importing it failed.
        """
        if self.refused([name]):
            raise not_named([name], where)
        found: object = _registered.get(name)
        if found is None:
            module, _, attribute = name.rpartition(".")
            loaded = load_module(module, self.folders, where)
            if not hasattr(loaded, attribute):
                raise _no_such_class(name, loaded, base, where)
            found = getattr(loaded, attribute)
        if not (isinstance(found, type) and issubclass(found, base)):
            raise _not_made_from(name, found, base, where, home)
        missing = sorted(getattr(found, "__abstractmethods__", ()))
        if missing:
            raise OwnPartError(
                f"{name} must have the method {' and the method '.join(missing)}",
                where=where,
                hint=GUIDE,
            )
        _written[found] = name
        return found


NO_OWN_PARTS: Final = OwnParts()


def not_named(names: Sequence[str], where: Location | None = None) -> ModelFileError:
    """The refusal of classes that only a model file names."""
    return ModelFileError(
        "modules that a model names are imported only when the project's configuration names them "
        "too",
        got=", ".join(names),
        where=where,
        hint="--config with the config.yml that it was trained from; in Python, "
        "Assistant.load(path, config=...), or gossamer.register(...) of the class before",
    )


def folders_of(where: Location | None) -> tuple[Path, ...]:
    """The folder of a configuration, if it is in a file, and the working folder."""
    written = [] if where is None else [where.path.resolve().parent]
    return (*dict.fromkeys([*written, Path.cwd()]),)


def load_module(name: str, folders: Sequence[Path], where: Location | None = None) -> ModuleType:
    """Import a module of the user's.

    Args:
        name: its path.
        folders: where to look after `sys.path`, which is as before when this ends.
        where: where it is written.

    Raises:
        OwnPartError: there is no such module, another one has its name, or importing it failed.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise _no_such_module(name, folders, where)
    with _findable(folders):
        _refuse_another(name.partition(".")[0], folders, where)
        try:
            return importlib.import_module(name)
        except BaseException as error:
            absent = error.name if isinstance(error, ModuleNotFoundError) else None
            if absent is not None and f"{name}.".startswith(f"{absent}."):
                raise _no_such_module(name, folders, where) from None
            missing = None if absent is None else _MISSING.get(absent.partition(".")[0])
            if missing is not None:
                raise OwnPartError(
                    f"{name} imports {missing[0]}", where=where, hint=missing[1]
                ) from error
            if not is_failure(error):
                raise
            raise failure(name, "import", error, name, where=where) from error


@contextmanager
def _findable(folders: Sequence[Path]) -> Iterator[None]:
    """Modules in these folders can be imported, and hide none that could be before."""
    added = [str(folder) for folder in folders if str(folder) not in sys.path]
    sys.path.extend(added)
    importlib.invalidate_caches()  # files may be newer than what was looked up before
    try:
        yield
    finally:
        for folder in added:
            if folder in sys.path:
                sys.path.remove(folder)


def _refuse_another(top: str, folders: Sequence[Path], where: Location | None) -> None:
    """Refuse a module of the project that is hidden by one of the same name."""
    places = [(folder / f"{top}.py", folder / top) for folder in folders]
    own = next((pair for pair in places if pair[0].is_file() or pair[1].is_dir()), None)
    if own is None:
        return
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # of modules that were not imported from anywhere
        spec = None
    found = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or ())]
    files = [Path(place).resolve() for place in found if place is not None]
    if not {path.resolve() for path in own} & {*files}:
        raise OwnPartError(
            f"a module of the project must not have the name of another one: '{top}' is found in "
            f"{files[0] if files else 'this program'}, before {own[0].parent}",
            where=where,
            hint="another name for the file or folder; for several projects with modules of the "
            "same name, a process each",
        )


def _no_such_module(name: str, folders: Sequence[Path], where: Location | None) -> OwnPartError:
    looked = ", ".join(map(str, folders))
    return OwnPartError(
        f"a module path must lead to a module that is installed or in one of the folders {looked}"
        if looked
        else "a module path must lead to a module that is installed",
        got=name,
        where=where,
        hint="module.Class, for the class in module.py beside config.yml, or a name alone for what "
        "Gossamer has",
    )


def _no_such_class(
    name: str, module: ModuleType, base: type, where: Location | None
) -> OwnPartError:
    attribute = name.rpartition(".")[2]
    there = [
        found
        for found, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind.__module__ == module.__name__
    ]
    near = nearest(attribute, there) or (there[0] if there else None)
    return OwnPartError(
        f"the module {module.__name__} must have the class '{attribute}'",
        got=getattr(module, "__file__", None),
        where=where,
        hint=f"class {attribute}({base.__name__})" if near is None else f"'{near}'",
    )


def _not_made_from(
    name: str, found: object, base: type, where: Location | None, home: str
) -> OwnPartError:
    is_rasas = isinstance(found, type) and any(
        kind.__module__.partition(".")[0] == "rasa" for kind in found.__mro__
    )
    more = "; Rasa's own classes cannot run here" if is_rasas else ""
    return OwnPartError(
        f"{name} must be a class made from {home}.{base.__name__}{more}",
        got=found,
        where=where,
        hint=f"class {name.rpartition('.')[2]}({base.__name__}); see {GUIDE}",
    )
