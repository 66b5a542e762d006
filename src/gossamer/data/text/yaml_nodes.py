"""The nodes of a YAML file, read by libyaml or by ruamel.yaml.

What ruamel.yaml says counts, but it is slow. So PyYAML's binding of libyaml reads a file first,
with the types of YAML 1.2. Where the two may differ, and where libyaml finds an error, ruamel.yaml
reads it. `tests/data/text/test_yaml_nodes.py` compares them.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import yaml

from gossamer.data.errors import InputError, Location
from gossamer.data.text.limits import MAX_DEPTH

TAG = "tag:yaml.org,2002:"

# What the two read differently, or may: characters that YAML does not allow, tabs, other line
# breaks than \n; directives; tags; anchors before a colon; blocks ("|") that begin with a remark
# or with a line of spaces.
_UNUSUAL = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
    r"|^%|(?:^|[\s\[{,:])(?:!\S|[&*][\w-]+:)"
    r"|[|>][-+0-9]{0,2}(?:#| *(?:#.*)?\n+ +(?:\n|\Z))",
    re.MULTILINE,
)
_DIRECTIVE = re.compile(r"\A((?:[ \t]*(?:#.*)?\n)*)%YAML[ \t]+1\.\d+", re.ASCII)
_PLAIN = re.compile(
    r"(?P<null>~|null|Null|NULL|)|(?P<bool>true|True|TRUE|false|False|FALSE)|(?P<merge><<)"
    r"|(?P<int>(?!_)[-+]?(?:[0-9_]+|0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+))"
    r"|(?P<float>[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"
    r"|\.[0-9_]+(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN))"
)


if yaml.__with_libyaml__:  # it may have been built without

    class _Libyaml(yaml.CBaseLoader):
        """Composes nodes; YAMLError where ruamel.yaml must."""

        depth = 0

        def descend_resolver(self, parent: Any, index: Any) -> None:
            """Called before each node; `index` is the key of a value."""
            self.depth += 1
            if self.depth > MAX_DEPTH:  # composing more might use up the stack
                raise yaml.YAMLError
            is_value = isinstance(index, yaml.Node)
            if is_value and parent.flow_style and parent.start_mark.index == index.start_mark.index:
                raise yaml.YAMLError  # ['a':b]

        def ascend_resolver(self) -> None:
            self.depth -= 1

        def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
            """The tag of a node without one."""
            if kind is yaml.SequenceNode:
                return f"{TAG}seq"
            if kind is yaml.MappingNode:
                return f"{TAG}map"
            if not any(implicit):  # "!" and nothing else
                raise yaml.YAMLError
            found = _PLAIN.fullmatch(value) if implicit[0] else None
            return f"{TAG}{'str' if found is None else found.lastgroup}"


def read_nodes(text: str, path: Path, error: type[InputError]) -> Any:
    """The node of a whole file, None where it holds nothing.

    It is of PyYAML's kind or of ruamel.yaml's, which have the same `id`, `tag`, `value`,
    `start_mark` and `style`, but for where a value is that is left out.

    Args:
        text: the whole file.
        path: the file, for locations.
        error: what is raised.

    Raises:
        InputError: (of the kind `error`) not valid YAML 1.2, or nested too deeply.
    """
    node = by_libyaml(text)
    return by_ruamel(text, path, error) if node is None else node


def by_libyaml(text: str) -> Any:
    """The node; None where ruamel.yaml must read the file."""
    if not yaml.__with_libyaml__ or _UNUSUAL.search(text) is not None:
        return None
    try:
        node = _Libyaml(text).get_single_node()
    except yaml.YAMLError:
        return None
    return None if isinstance(node, yaml.ScalarNode) else node


def by_ruamel(text: str, path: Path, error: type[InputError]) -> Any:
    """The node, or the error; see `read_nodes`."""
    # Imported late, as most files do not need it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
    from ruamel.yaml.reader import ReaderError

    text = _DIRECTIVE.sub(r"\g<1>%YAML 1.2", text)
    yaml = YAML(typ="safe", pure=True)
    try:
        with warnings.catch_warnings():
            # An anchor may be given again: YAML 1.2 allows it, and the later one counts.
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            return yaml.compose(text)
    except ReaderError as problem:
        line = text.count("\n", 0, problem.position) + 1
        raise error(
            "a YAML file must not hold control characters",
            got=text[problem.position],
            where=Location(path, line),
            hint='a double-quoted text with an escape, as in "\\x07"',
        ) from None
    except MarkedYAMLError as problem:
        mark = problem.problem_mark or problem.context_mark
        said = ", ".join(part for part in (problem.context, problem.problem) if part)
        raise error(
            f"a YAML file must be well-formed: {said}",
            where=Location(path, None if mark is None else mark.line + 1),
            hint="check indentation, colons and quotes on this line and the one before",
        ) from None
    except RecursionError:
        raise too_deep(error, Location(path)) from None
    except (YAMLError, ValueError) as problem:
        raise error(
            f"a YAML file must be well-formed: {type(problem).__name__} {problem}".rstrip(),
            where=Location(path),
        ) from None


def too_deep(error: type[InputError], where: Location) -> InputError:
    """The error of a file that is nested too deeply."""
    return error(f"a YAML file must not be nested more than {MAX_DEPTH} levels deep", where=where)
