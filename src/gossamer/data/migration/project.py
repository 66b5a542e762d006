"""What the files of a project of Rasa 1 or 2 hold when it is written for Rasa 3."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gossamer.data.domain.domain import Domain
from gossamer.data.domain.reading import is_domain_yaml, read_domain
from gossamer.data.errors import DataError, InputError, Location, all_of
from gossamer.data.migration.config import migrate_config
from gossamer.data.nlu.formats.rasa_markdown import is_nlu_markdown
from gossamer.data.nlu.formats.rasa_yaml_writer import yaml_files
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.stories.markdown import is_story_markdown
from gossamer.data.stories.reading import read_stories
from gossamer.data.stories.steps import ActionStep, Rule, StoryData, UserStep
from gossamer.data.stories.yaml_writer import dump_stories
from gossamer.data.text.text_files import read_text
from gossamer.data.text.yaml_writer import yaml_lines

VERSION: Final = "3.1"
_VERSION_LINE = re.compile(r"""^version[ \t]*:[ \t]*["']?([\d.]+)["']?""", re.MULTILINE)
# What is written in another way in Rasa 3; responses are not.
_OF_DOMAIN = re.compile(r"^(?:actions|entities|forms|intents|slots|templates)[ \t]*:", re.MULTILINE)
_RULES_FILE = "migrated_rules.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """A migrated project, not written yet.

    Attributes:
        files: what each file is to hold.
        notes: what was changed besides the layout, and what is left to do.
    """

    files: dict[Path, bytes]
    notes: tuple[str, ...]


def migrate_domain(paths: Sequence[Path], out: Path) -> Migration:
    """A domain of Rasa 1 or 2 as one of Rasa 3, in one file.

    What is written reads as the same domain; see `gossamer.data.domain.migration` for what changes.

    Args:
        paths: the domain, a file, a folder or several of them.
        out: where it is to be written.

    Raises:
        DataError: the domain cannot be read, or is one of Rasa 3 already.
    """
    texts = [read_text(file) for file in _files(paths) if file.suffix in (".yml", ".yaml")]
    domain = read_domain(paths)
    if texts and all(_is_current(text) for text in texts):
        raise DataError(
            "a domain to migrate must be one of Rasa 1 or 2",
            got=f'version: "{VERSION}"',
            where=Location(paths[0]),
            hint="leave it as it is",
        )
    return Migration(
        files={out: _domain_bytes(domain)}, notes=tuple(_domain_notes(domain, texts, out))
    )


def migrate_project(
    domain: Sequence[Path], data: Sequence[Path], config: Path | None, folder: Path
) -> Migration:
    """A project of Rasa 1 or 2 as one of Rasa 3, in another folder.

    - The domain becomes `domain.yml`; one of Rasa 3 stays as it is, if it is one file.
    - NLU data and stories in Markdown become YAML, each file for itself. YAML files stay as they
      are, comments included, but for their version. Other files are copied.
    - The configuration is changed as `migrate_config` says. What old policies did is done by rules
      in `data/migrated_rules.yml`; those replace `triggers` of intents, too.

    Args:
        domain: the domain, a file, a folder or several of them; none for a project without.
        data: files and folders with NLU data, stories and rules.
        config: the configuration, or None.
        folder: where the project is to be written; data go to its folder `data`.

    Raises:
        InputError: something cannot be read or be written as YAML. All such faults are reported
            together.
    """
    files: dict[Path, bytes] = {}
    notes: list[str] = []
    rules: list[Rule] = []
    has_triggers = False
    if config is not None:
        changed = migrate_config(config)
        files[folder / "config.yml"] = changed.text.encode()
        notes += changed.notes
        rules += changed.rules
        has_triggers = changed.has_mapping_policy
    if domain:
        texts = [read_text(file) for file in _files(domain) if file.suffix in (".yml", ".yaml")]
        read = read_domain(domain)
        if len(texts) == 1 and _is_current(texts[0]):
            files[folder / "domain.yml"] = texts[0].encode()
        else:
            files[folder / "domain.yml"] = _domain_bytes(read, without_triggers=has_triggers)
            notes += _domain_notes(read, texts, folder / "domain.yml")
        if has_triggers:
            rules = [*_trigger_rules(read), *rules]
    faults: list[InputError] = []
    for source, target in _placed(data, folder / "data"):
        try:
            new, told = _converted(source, target)
        except InputError as fault:
            faults.append(fault)
            continue
        faults += [
            DataError(
                "two files must not become one",
                got=str(path),
                where=Location(source),
                hint="another name for one of them",
            )
            for path in sorted(new.keys() & files.keys())
        ]
        files |= new
        notes += told
    if rules:
        added = folder / "data" / _RULES_FILE
        files[added] = dump_stories(StoryData(rules=tuple(rules))).encode()
        notes.append(f"{added}: rules for what old policies did; check them")
    if faults:
        raise all_of(faults)
    return Migration(files=files, notes=tuple(notes))


def migrate_in_place(domain: Path) -> Migration:
    """A domain of Rasa 1 or 2 as one of Rasa 3, in the same file; the old one is kept beside it.

    As `rasa data migrate` does, the old domain is to be in `original_domain.yml`.

    Args:
        domain: the file.

    Raises:
        DataError: as `migrate_domain`; the domain is not one file, or there is an
            `original_domain.yml` already.
    """
    if domain.is_dir():
        raise DataError(
            "a domain that stays in its place must be one file",
            where=Location(domain),
            hint="--out new_domain.yml",
        )
    kept = domain.with_name(f"original_{domain.name}")
    refuse_to_replace([kept])
    found = migrate_domain([domain], domain)
    return Migration(files={kept: domain.read_bytes(), **found.files}, notes=found.notes)


def refuse_to_replace(paths: Iterable[Path]) -> None:
    """Refuse to write where something is.

    Raises:
        DataError: one of the files exists; all that do are named.
    """
    faults: list[InputError] = [
        DataError("a migrated file must not replace another", where=Location(path), hint="--out")
        for path in paths
        if path.exists()
    ]
    if faults:
        raise all_of(faults)


def _is_current(text: str) -> bool:
    found = _VERSION_LINE.search(text)
    return found is not None and found[1].startswith("3")


def _domain_bytes(domain: Domain, *, without_triggers: bool = False) -> bytes:
    content = dict(domain.content)
    if without_triggers:
        content["intents"] = [_without_triggers(item) for item in content.get("intents", ())]
    return ("\n".join(yaml_lines(content)) + "\n").encode()


def _without_triggers(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    ((name, options),) = item.items()
    kept = {key: value for key, value in (options or {}).items() if key != "triggers"}
    return {name: kept} if kept else name


def _trigger_rules(domain: Domain) -> Iterator[Rule]:
    for item in domain.content.get("intents", ()):
        if not isinstance(item, dict):
            continue
        ((name, options),) = item.items()
        action = (options or {}).get("triggers")
        if isinstance(action, str):
            steps = (UserStep(intent=name), ActionStep(name=action))
            yield Rule(name=f"{name} triggers {action}", steps=steps)


def _domain_notes(domain: Domain, texts: Sequence[str], out: Path) -> Iterator[str]:
    if any(re.search(r"(?:^|\s)#", text) for text in texts):
        yield f"{out}: comments of the domain are not kept"
    filled = [
        slot.name
        for slot in domain.slots
        if [mapping.type.value for mapping in slot.mappings] == ["custom"]
    ]
    if filled:
        yield f"{out}: filled by actions alone: {', '.join(filled)}"


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files, those of folders in order, without hidden ones."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for file in sorted(path.rglob("*")):
            parts = file.relative_to(path).parts
            if file.is_file() and not any(part.startswith(".") for part in parts):
                yield file


def _placed(data: Sequence[Path], folder: Path) -> Iterator[tuple[Path, Path]]:
    """Files of data and where they go: below the folder as they are below theirs."""
    for path in data:
        if not path.exists():
            raise DataError("a path of training data must exist", where=Location(path))
        base = path if path.is_dir() else path.parent
        for file in _files([path]):
            yield file, folder / file.relative_to(base)


def _converted(source: Path, target: Path) -> tuple[dict[Path, bytes], list[str]]:
    """Files that take the place of one, and what there is to say."""
    suffix = source.suffix.lower()
    if suffix == ".md":
        text = read_text(source)
        notes = [f"{source}: comments are not kept"] if "<!--" in text else []
        written = target.with_suffix(".yml")
        if is_nlu_markdown(text):
            texts = yaml_files(read_training_data(source, is_required=False), written)
            return {path: part.encode() for path, part in texts.items()}, notes
        if is_story_markdown(text):
            return {written: dump_stories(read_stories(source)).encode()}, notes
        return {target: source.read_bytes()}, [f"{source}: holds no data, copied as it is"]
    if suffix in (".yml", ".yaml"):
        text = read_text(source)
        if _OF_DOMAIN.search(text) and is_domain_yaml(text, source) and not _is_current(text):
            return {target: source.read_bytes()}, [
                f"{source}: a part of a domain among data, copied as it is. Try: --domain {source}"
            ]
        changed = _VERSION_LINE.sub(f'version: "{VERSION}"', text, count=1)
        return {target: (source.read_bytes() if changed == text else changed.encode())}, []
    return {target: source.read_bytes()}, []
