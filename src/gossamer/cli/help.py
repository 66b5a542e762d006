"""How help names the values of options: in words, not in Python's types."""

from __future__ import annotations

import re
from typing import Any

_WORDS = {"path": "PATH", "str": "TEXT", "int": "NUMBER", "float": "NUMBER"}


def name_values(command: Any) -> None:
    """Name the values of a command's parameters, and those of its subcommands' parameters.

    Newer versions of typer print `<list[Path]>` and, for an option without a value, `<bool>`; older
    ones use words already, and are left alone.
    """
    for parameter in command.params:
        _name(parameter)
    made = command.get_help_option

    def get_help_option(context: Any) -> Any:
        option = made(context)
        if option is not None:
            _name(option)
        return option

    command.get_help_option = get_help_option
    for subcommand in getattr(command, "commands", {}).values():
        name_values(subcommand)


def _name(parameter: Any) -> None:
    if not hasattr(parameter, "display_type_rich"):
        return
    word: str | None = ""  # of an option without a value
    if not getattr(parameter, "is_flag", False):
        match = re.fullmatch(r"(?:list\[)?(\w+)\]?", parameter.bare_type())
        word = None if match is None else _WORDS.get(match[1].lower())
    if word is not None:
        parameter.display_type_rich = lambda ctx: word
