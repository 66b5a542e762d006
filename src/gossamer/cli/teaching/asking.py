"""Questions at the terminal, which lines of a pipe may answer, too."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence

import typer

from gossamer.cli.streams import STOP, TypedLines, number_of, say

_END_OF_INPUT = "\x04"  # Ctrl-D
_MOST_BYTES = 64


class Leave(Exception):
    """The person wants to end, or the input has ended."""


class Questions:
    """Asks and reads answers.

    Args:
        lines: what is typed.
        on_command: takes a line that begins with a colon, given in place of an answer; it may raise
            to leave the question. None: such a line is an answer.
    """

    def __init__(self, lines: TypedLines, on_command: Callable[[str], None] | None = None) -> None:
        self._lines = lines
        self._on_command = on_command
        self._ahead = ""
        self.is_terminal = lines.is_terminal

    def line(self, prompt: str) -> str:
        """An answer, perhaps "".

        Raises:
            Leave: `STOP`, or the end of input.
        """
        while True:
            text = self._lines.read(prompt)
            if text is None or text == STOP:
                raise Leave
            if self._on_command is None or not text.startswith(":"):
                return text
            self._on_command(text[1:])

    def is_yes(self, question: str, *, default: bool = True) -> bool:
        """Whether the answer is yes; an empty line is the default."""
        choices = "[Y/n]" if default else "[y/N]"
        while True:
            answer = self.line(f"{question} {choices} ").lower()
            if answer in ("", "y", "yes", "n", "no"):
                return default if not answer else answer.startswith("y")
            say("Please answer y or n.")

    def one_of(self, prompt: str, choices: Sequence[str], default: str | None = None) -> str:
        """One of numbered choices, by its number, or something else by its name.

        Args:
            prompt: what is asked.
            choices: numbered from 1; they must have been shown.
            default: what an empty line means; None: something must be given.
        """
        shown = prompt if default is None else f"{prompt} [{default}]"
        while True:
            answer = self.line(f"{shown}: ")
            number = number_of(answer, len(choices))
            if number is not None:
                return choices[number - 1]
            if answer and not answer.isdecimal():
                return answer
            if not answer and default is not None:
                return default
            say(f"Please give a number from 1 to {len(choices)}, or a name.")

    def key(self, prompt: str, keys: str) -> str:
        """One of some keys. On a terminal nothing more is pressed; a pipe has one in a line.

        Raises:
            Leave: the end of input.
        """
        while True:
            pressed = self._pressed(prompt).lower()
            if len(pressed) == 1 and pressed in keys:
                return pressed
            say(f"Please press one of {', '.join(keys)}.")

    def _pressed(self, prompt: str) -> str:
        if not self.is_terminal:
            return self.line(prompt)[:1]
        typer.echo(prompt, nl=False)
        pressed = ""
        while not pressed.strip():  # Enter after a key is no further one
            self._ahead = self._ahead or _keys_pressed()
            is_one = self._ahead.startswith("\x1b")  # such as an arrow: several characters
            pressed = self._ahead if is_one else self._ahead[:1]
            self._ahead = self._ahead[len(pressed) :]
        if pressed == _END_OF_INPUT:
            typer.echo()
            raise Leave
        typer.echo(pressed if pressed.isprintable() else "")
        return pressed


def _keys_pressed() -> str:
    """At least one key, without Enter, and what was pressed before it was asked for."""
    try:
        import termios
        import tty
    except ImportError:  # Windows
        return typer.getchar()
    stdin = sys.stdin.fileno()
    before = termios.tcgetattr(stdin)
    try:
        tty.setcbreak(stdin, termios.TCSADRAIN)
        pressed = os.read(stdin, _MOST_BYTES)
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
    return pressed.decode("utf-8", "replace") or _END_OF_INPUT
