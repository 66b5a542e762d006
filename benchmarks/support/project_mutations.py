"""Mistakes that users and programs make in a project's files, drawn at random from a seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Files = Mapping[str, bytes]
_Lines = list[str]

_KEY = re.compile(r"^(\s*(?:- )?)([A-Za-z_]\w*)(:(?: .*)?)$")
_VALUE = re.compile(r"^(\s*(?:- )?[A-Za-z_]\w*: )(\S.*)$")
_ITEM = re.compile(r"^(\s*- )(\S.*)$")
_NAME = re.compile(r"[A-Za-z]\w{3,}")
_OTHER_VALUES = (
    *("3", "-1", "0", "1.5", "1e400", ".nan", ".inf", "9" * 400, "true", "no", "null", "~", '""'),
    *("text", "'two words'", "[]", "{}", "[a, b]", "[[1]]", "{a: b}", "{name: x}", "2026-11-28"),
    *(
        "|",
        ">",
        "*a",
        "&a b",
        "!!python/object:os.system x",
        "!x y",
        "<<",
        "0x1f",
        "${HOME_NOT_SET}",
    ),
)
_ODD = (
    *(
        "\t",
        "\x00",
        "\ufeff",
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        "&",
        "*",
        "!",
        "%",
        "|",
        "#",
        ":",
        "- ",
    ),
    *(
        "- ",
        "\U0001f44d",
        "\x85",
        "\u2028",
        "\u200b",
        "\r",
        "\\",
        "(",
        ")",
        "@",
        "`",
        ",",
        "\x1b[31m",
    ),
)


@dataclass(frozen=True)
class Mutation:
    """A project with a mistake in it.

    Attributes:
        files: content by path, relative to the project.
        described: what was done, in words.
    """

    files: Files
    described: str


def mutate(files: Files, seed: int) -> Mutation:
    """A project with one to three mistakes.

    Args:
        files: content by path, relative to the project.
        seed: the same seed gives the same mistakes.
    """
    chance = random.Random(seed)
    changed = dict(files)
    told = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if not changed:
            break
        name = chance.choice(sorted(changed))
        kind = chance.choices(_KINDS, weights=_WEIGHTS)[0]
        told.append(f"{kind.__name__.strip('_')} in {name}: {kind(changed, name, chance)}")
    return Mutation(files=changed, described="; ".join(told))


def _of_lines(
    edit: Callable[[_Lines, random.Random], str],
) -> Callable[[dict[str, bytes], str, random.Random], str]:
    """An edit of the lines of one file as an edit of the whole project."""

    def kind(files: dict[str, bytes], name: str, chance: random.Random) -> str:
        lines = files[name].decode(errors="surrogateescape").split("\n")
        told = edit(lines, chance)
        files[name] = "\n".join(lines).encode(errors="surrogateescape")
        return told

    kind.__name__ = edit.__name__
    return kind


def _pick(lines: _Lines, chance: random.Random, pattern: re.Pattern[str]) -> int | None:
    """The number of a line that the pattern fits."""
    fitting = [number for number, line in enumerate(lines) if pattern.search(line)]
    return chance.choice(fitting) if fitting else None


def _misspelt(word: str, chance: random.Random) -> str:
    place = chance.randrange(len(word))
    return chance.choice(
        (
            word[:place] + word[place + 1 :] or "x",
            word[:place] + word[place] + word[place:],
            word[:place] + "x" + word[place + 1 :],
            word.upper(),
            word.capitalize(),
            word + "s",
            word.rstrip("s") or "x",
        )
    )


def _block(lines: _Lines, start: int) -> int:
    """The number of the line after a line and all that is indented under it."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and (
        not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent
    ):
        end += 1
    return end


@_of_lines
def _rename_key(lines: _Lines, chance: random.Random) -> str:
    number = _pick(lines, chance, _KEY)
    if number is None:
        return "nothing"
    match = _KEY.match(lines[number])
    assert match is not None
    before, key, after = match.groups()
    lines[number] = before + _misspelt(key, chance) + after
    return f"line {number + 1}: {lines[number]!r}"


@_of_lines
def _rename_value(lines: _Lines, chance: random.Random) -> str:
    number = _pick(lines, chance, _NAME)
    if number is None:
        return "nothing"
    found = chance.choice(list(_NAME.finditer(lines[number])))
    new = _misspelt(found.group(), chance)
    lines[number] = lines[number][: found.start()] + new + lines[number][found.end() :]
    return f"line {number + 1}: {lines[number]!r}"


@_of_lines
def _retype(lines: _Lines, chance: random.Random) -> str:
    pattern = chance.choice((_VALUE, _VALUE, _ITEM))
    number = _pick(lines, chance, pattern)
    if number is None:
        return "nothing"
    match = pattern.match(lines[number])
    assert match is not None
    lines[number] = match.group(1) + chance.choice(_OTHER_VALUES)
    return f"line {number + 1}: {lines[number][:100]!r}"


@_of_lines
def _retype_block(lines: _Lines, chance: random.Random) -> str:
    number = _pick(lines, chance, _KEY)
    if number is None:
        return "nothing"
    match = _KEY.match(lines[number])
    assert match is not None
    value = chance.choice(_OTHER_VALUES)
    lines[number : _block(lines, number)] = [f"{match.group(1)}{match.group(2)}: {value}"]
    return f"line {number + 1}: {lines[number][:100]!r}"


@_of_lines
def _drop_line(lines: _Lines, chance: random.Random) -> str:
    number = chance.randrange(len(lines))
    return f"line {number + 1}: {lines.pop(number)!r}"


@_of_lines
def _drop_block(lines: _Lines, chance: random.Random) -> str:
    number = chance.randrange(len(lines))
    end = _block(lines, number)
    del lines[number:end]
    return f"lines {number + 1} to {end}"


@_of_lines
def _repeat_block(lines: _Lines, chance: random.Random) -> str:
    number = chance.randrange(len(lines))
    end = _block(lines, number)
    lines[end:end] = lines[number:end]
    return f"lines {number + 1} to {end}"


@_of_lines
def _swap_lines(lines: _Lines, chance: random.Random) -> str:
    number = chance.randrange(max(1, len(lines) - 1))
    lines[number : number + 2] = reversed(lines[number : number + 2])
    return f"lines {number + 1} and {number + 2}"


@_of_lines
def _indent(lines: _Lines, chance: random.Random) -> str:
    number = chance.randrange(len(lines))
    line = lines[number]
    lines[number] = chance.choice((f"  {line}", f" {line}", f"\t{line}", line[1:], line.lstrip()))
    return f"line {number + 1}: {lines[number]!r}"


@_of_lines
def _odd_character(lines: _Lines, chance: random.Random) -> str:
    number = chance.randrange(len(lines))
    line = lines[number]
    place = chance.randint(0, len(line))
    lines[number] = line[:place] + chance.choice(_ODD) + line[place:]
    return f"line {number + 1}: {lines[number]!r}"


@_of_lines
def _drop_character(lines: _Lines, chance: random.Random) -> str:
    number = _pick(lines, chance, re.compile(r"[^\w\s]"))
    if number is None:
        return "nothing"
    place = chance.choice([m.start() for m in re.finditer(r"[^\w\s]", lines[number])])
    lines[number] = lines[number][:place] + lines[number][place + 1 :]
    return f"line {number + 1}: {lines[number]!r}"


@_of_lines
def _new_key(lines: _Lines, chance: random.Random) -> str:
    lines[len(lines) :] = [f"{chance.choice(('storys', 'intent', 'x', 'lookups'))}:", "- a", ""]
    return lines[-3]


def _empty(files: dict[str, bytes], name: str, chance: random.Random) -> str:
    files[name] = chance.choice((b"", b"\n", b"# nothing\n", b"---\n", b"[]\n", b"{}\n"))
    return repr(files[name])


def _cut(files: dict[str, bytes], name: str, chance: random.Random) -> str:
    files[name] = files[name][: chance.randint(0, len(files[name]))]
    return f"{len(files[name])} bytes left"


def _bytes(files: dict[str, bytes], name: str, chance: random.Random) -> str:
    place = chance.randint(0, len(files[name]))
    odd = chance.choice((b"\xff", b"\xc3", b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\r\n\r"))
    files[name] = files[name][:place] + odd + files[name][place:]
    return f"{odd!r} at {place}"


def _recode(files: dict[str, bytes], name: str, chance: random.Random) -> str:
    encoding = chance.choice(("utf-16", "utf-8-sig", "utf-32", "cp500"))
    files[name] = files[name].decode(errors="replace").encode(encoding, errors="replace")
    return encoding


def _drop_file(files: dict[str, bytes], name: str, chance: random.Random) -> str:
    del files[name]
    return "gone"


def _move_file(files: dict[str, bytes], name: str, chance: random.Random) -> str:
    new = chance.choice(
        (f"{name}.bak", name.replace(".yml", ".yaml"), name.replace(".yml", ".txt"))
    )
    files[new] = files.pop(name)
    return new


def _swap_files(files: dict[str, bytes], name: str, chance: random.Random) -> str:
    other = chance.choice(sorted(files))
    files[name], files[other] = files[other], files[name]
    return f"with {other}"


_KINDS = (
    *(_rename_key, _rename_value, _retype, _retype_block, _drop_line, _drop_block),
    *(_repeat_block, _swap_lines, _indent, _odd_character, _drop_character, _new_key),
    *(_empty, _cut, _bytes, _recode, _drop_file, _move_file, _swap_files),
)
_WEIGHTS = (6, 4, 6, 4, 4, 3, 1, 1, 3, 4, 4, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5)
