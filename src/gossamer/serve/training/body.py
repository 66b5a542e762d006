"""A request's training data: one YAML text with everything, taken apart into a project's files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final, NamedTuple

from gossamer.data.errors import DataError, Location
from gossamer.data.text.yaml_tree import YamlMapping, parse_yaml_tree
from gossamer.data.top_keys import DOMAIN_KEYS

BODY_NAME: Final = "body.yml"
"""What errors call the request's data."""

_DATA_KEYS = frozenset({"nlu", "stories", "rules"})
_TEST_PREFIX = "test_"
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class BodyFiles(NamedTuple):
    """The files of a project.

    Attributes:
        config: what no other file has: pipeline and policies, and misspelt keys.
        domain: the domain, or None.
        data: NLU data, stories and rules.
    """

    config: Path
    domain: Path | None
    data: Path


def split_body(text: str, folder: Path, *, is_test: bool = False) -> BodyFiles:
    """Write the parts of a YAML text into files in which every line has the number it had.

    Args:
        text: the YAML.
        folder: gets a folder for each file.
        is_test: whether its stories are test stories.

    Raises:
        DataError: it is not YAML with keys at the top.
    """
    tree = parse_yaml_tree(text, folder / BODY_NAME)
    if not isinstance(tree, YamlMapping) or not tree.pairs:
        raise DataError(
            "training data must be YAML with keys like 'pipeline:' and 'nlu:' at the top",
            where=Location(folder / BODY_NAME),
        )
    given = {key.text for key, _ in tree.pairs}
    wanted = {
        "config": given - DOMAIN_KEYS - _DATA_KEYS,
        "domain": given & DOMAIN_KEYS,
        "data": given & _DATA_KEYS,
    }
    files: dict[str, Path | None] = {}
    for kind, own in wanted.items():
        keys = own | (given & {"version"})
        prefix = _TEST_PREFIX if is_test and kind == "data" else ""
        path = folder / kind / f"{prefix}{BODY_NAME}"
        path.parent.mkdir()
        path.write_bytes(_only(text, tree, keys).encode())
        files[kind] = path if kind != "domain" or own else None
    config, data = files["config"], files["data"]
    assert config is not None
    assert data is not None
    return BodyFiles(config, files["domain"], data)


def _only(text: str, tree: YamlMapping, keys: set[str]) -> str:
    """The text with the lines of other keys left blank."""
    lines = _LINE.findall(text)
    starts = [key.where.line or 1 for key, _ in tree.pairs]
    starts_alone = len(set(starts)) == len(starts) and all(
        lines[start - 1][:1] not in ("{", " ", "\t") for start in starts
    )
    if not starts_alone:  # in braces: lines cannot be kept
        values = {key.text: node.to_python() for key, node in tree.pairs if key.text in keys}
        return json.dumps(values)
    kept = ["\n"] * len(lines)
    ends = [*starts[1:], len(lines) + 1]
    for (key, _), start, end in zip(tree.pairs, starts, ends, strict=True):
        if key.text in keys:
            kept[start - 1 : end - 1] = lines[start - 1 : end - 1]
    return "".join(kept)
