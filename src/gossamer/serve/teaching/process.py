"""A process that trains a candidate: what it prints, and its end."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from gossamer.serve.training.jobs import end, environment

_log = logging.getLogger(__name__)

_LONGEST_LINE: Final = 1_000_000
_LONGEST_LOGGED: Final = 10_000

COMMAND: Final = ("-m", "gossamer.teach.candidates")


async def run_process(
    arguments: Sequence[str], on_line: Callable[[Mapping[str, Any]], None]
) -> int:
    """Run Python until it ends; when the caller is cancelled, it is killed with what it started.

    It sees little of the server's environment, and should end when its standard input does.

    Args:
        arguments: of Python.
        on_line: gets each line of JSON that it prints.

    Returns:
        Its exit code. If that is not 0, what it printed on standard error is in the log.
    """
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=log,
            env=environment(),
            start_new_session=True,
            limit=_LONGEST_LINE,
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                try:
                    content = json.loads(line)
                except ValueError:
                    continue
                if isinstance(content, dict):
                    on_line(content)
            code = await process.wait()
        finally:
            if process.returncode is None:
                end(process)
                await asyncio.shield(process.wait())
            if process.stdin is not None:
                process.stdin.close()
        if code != 0:
            log.seek(0)
            told = log.read().decode("utf-8", "replace")[-_LONGEST_LOGGED:]
            _log.warning("a process that trained a candidate ended with %d: %s", code, told)
        return code
