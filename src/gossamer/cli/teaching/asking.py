"""Questions at the terminal, which lines of a pipe may answer, too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer

from gossamer.cli.streams import STOP, TypedLines, say


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
            if answer.isdecimal() and 0 < int(answer) <= len(choices):
                return choices[int(answer) - 1]
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
            if pressed and pressed in keys:
                return pressed
            say(f"Please press one of {', '.join(keys)}.")

    def _pressed(self, prompt: str) -> str:
        if not self.is_terminal:
            return self.line(prompt)[:1]
        typer.echo(prompt, nl=False)
        try:
            pressed = typer.getchar()
        except EOFError:
            typer.echo()
            raise Leave from None
        typer.echo(pressed if pressed.isprintable() else "")
        return pressed
