"""The command line as Rasa's users type it: several values after one option, Rasa's commands.

And `--finetune` and `--teach`, whose value may be left out. All are handled in one place, before a
command reads its arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

_SHELL = "gossamer shell, to talk with a model in a terminal"
#: Commands of Rasa that are not here, by their words, and what to use instead.
NOT_HERE: Mapping[tuple[str, ...], str] = MappingProxyType(
    {
        ("x",): f"not there, nor in Rasa any more. Try: {_SHELL}",
        ("evaluate",): "not there yet. Try: gossamer test",
        ("telemetry",): "not there: Gossamer sends nothing to anyone",
    }
)
_VALUE_MAY_LACK = frozenset({"--finetune", "--teach"})


def prepared_arguments(root: Any, context: Any, arguments: Sequence[str]) -> list[str]:
    """Write `--nlu a b` as `--nlu a --nlu b`, for all options that may be given several times.

    Write `--finetune` and `--teach` without a value as `--finetune=` and `--teach=`.

    The values end at the next option and at the name of a command (`train --data a nlu`). In a
    command that takes arguments without an option, only one value belongs to an option. What comes
    after `--` is left alone.

    Args:
        root: the group of all commands.
        context: of the root.
        arguments: as they were typed.

    Raises:
        UsageError: a command of Rasa is asked for that is not here.
    """
    command, words = root, [context.command_path]
    result: list[str] = []
    waiting = list(arguments)
    while waiting:
        word = waiting.pop(0)
        result.append(word)
        if word == "--":
            break
        if word.startswith("-") and len(word) > 1:
            option = _option(command, word)
            if option is None or option.is_flag or option.count or "=" in word:
                continue
            if word in _VALUE_MAY_LACK and (not waiting or _ends_values(command, waiting[0])):
                result[-1] = f"{word}="
                continue
            result += waiting[: option.nargs]
            del waiting[: option.nargs]
            if option.multiple and option.nargs == 1 and not _takes_arguments(command):
                while waiting and not _ends_values(command, waiting[0]):
                    result += [word, waiting.pop(0)]
        elif _is_group(command):
            words.append(word)
            found = command.commands.get(word)
            if found is None:
                told = NOT_HERE.get(tuple(words[1:]))
                if told is not None:
                    context.fail(f"`{' '.join(words)}` is {told}.")
                break  # the group says that there is no such command
            command = found
    return result + waiting


def _option(command: Any, word: str) -> Any:
    name = word.partition("=")[0]
    for parameter in command.params:
        if name in (*parameter.opts, *parameter.secondary_opts):
            return parameter
    return None


def _is_group(command: Any) -> bool:
    return hasattr(command, "commands")


def _takes_arguments(command: Any) -> bool:
    return any(parameter.param_type_name == "argument" for parameter in command.params)


def _ends_values(command: Any, word: str) -> bool:
    if word.startswith("-") and len(word) > 1:
        return True
    return _is_group(command) and word in command.commands
