"""Teaching in a browser: how long from a wrong answer to the right one, stage by stage.

`gossamer run --teach` serves a copy of the project. In headless Chromium a sentence is said, its
intent and its entities are corrected, a model is trained, its comparison read, and it is put in
service; then the sentence is said again. Letters are typed one after another, 80 ms each; nobody
thinks in between. The first model is trained outside the clock.

    python benchmarks/teaching_page.py --kept teaching-models
    python benchmarks/teaching_page.py --data sara --sara ../shared/data/sara --sentences 1

Needs Playwright and Debian's Chromium.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import Page
from support import plain_errors
from support.browser import opened
from teaching_loop import SENTENCES, Loop, correction, make_parser, prepared

LIMITS: Final = {"starter": 60.0, "sara": 120.0}
"""Seconds for the whole loop, on two quiet cores."""

_SOURCES: Final = Path(__file__).resolve().parents[1] / "src"
_LETTER: Final = 80.0
"""Milliseconds."""
_PATIENCE: Final = 600.0
"""Seconds for one stage, so that a busy machine is measured, too."""


@dataclass
class PageLoop(Loop):
    """What one sentence took on the page.

    Attributes:
        verdict: what the page says of the comparison.
    """

    verdict: str = ""


@contextmanager
def served(project: Path) -> Iterator[str]:
    """The address of a server that teaches a project, until the block ends."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    log = project.parent / "server.log"
    with log.open("w", encoding="utf-8") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "gossamer.cli", "run", "--teach", "--port", str(port)],
            cwd=project,
            env=os.environ | {"PYTHONPATH": str(_SOURCES)},
            stdout=printed,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        while not _is_ready(url):
            if process.poll() is not None:
                raise SystemExit(f"the server ended: {log.read_text('utf-8')[-2000:]}")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _is_ready(url: str) -> bool:
    try:
        with urlopen(f"{url}/health/ready"):
            return True
    except (URLError, OSError):
        return False


def taught_once(page: Page, url: str, meant: dict[str, Any]) -> PageLoop:
    """The whole loop for one sentence.

    Args:
        page: of the browser.
        url: of the server.
        meant: JSON of what is taught.
    """
    text, entities = meant["text"], meant["entities"]
    loop = PageLoop(text)
    page.goto(f"{url}/#{re.sub(r'[^a-z]', '-', text.lower())}")
    page.wait_for_selector("#places:not([hidden])")
    with loop.timed("say"):
        _say(page, text)
    loop.was = _intent(page)
    with loop.timed("correct"):
        page.locator(".turn.looked-at .correct").click()
        _choose(page, "Intent", meant["intent"])
        _mark(page, text, entities)
        page.wait_for_selector(".save .main[aria-disabled=false]")
    with loop.timed("teach"):
        page.get_by_role("button", name="Teach", exact=True).click()
        page.wait_for_selector(".taught")
    with loop.timed("train and compare"):
        page.locator(".taught").get_by_role("button", name="Train").click()
        page.wait_for_selector("#train progress")
        page.wait_for_selector(".verdict, .run .problem, .run .faults")
    if not page.locator(".verdict").count():
        raise SystemExit(f"{text}: {page.locator('.run').inner_text()}")
    loop.verdict = page.locator(".verdict").inner_text()
    with loop.timed("put in service"):
        page.get_by_role("button", name="Put in service").click()
        page.wait_for_selector(".done-with")
    with loop.timed("say again"):
        page.get_by_role("link", name="Talk").click()
        _say(page, text)
    loop.now = _intent(page)
    marked = [" ".join(each.split()) for each in page.locator(".sentence mark").all_inner_texts()]
    expected = [text[each["start"] : each["end"]] for each in entities]
    is_marked = [each.partition(" (")[0] for each in marked] == expected
    loop.is_right = is_marked and loop.now.startswith(meant["intent"].partition("/")[0])
    return loop


def _say(page: Page, text: str) -> None:
    n_before = page.locator(".turns > li").count()
    page.locator("#say").press_sequentially(text, delay=_LETTER)
    page.press("#say", "Enter")
    page.wait_for_selector(f".turns > li:nth-child({n_before + 1}).looked-at")


def _intent(page: Page) -> str:
    return page.locator(".intent-card .main .name").first.inner_text()


def _choose(page: Page, label: str, name: str) -> None:
    box = page.get_by_role("combobox", name=label)
    box.fill("")
    box.press_sequentially(name, delay=_LETTER)
    box.press("Enter")


def _mark(page: Page, text: str, entities: Sequence[dict[str, Any]]) -> None:
    """Take out what is marked, and mark what should be; entities of one word."""
    while page.get_by_role("button", name="Remove").count():
        page.get_by_role("button", name="Remove").first.click()
    for each in entities:
        words = text[each["start"] : each["end"]]
        page.locator(".marking .word", has_text=words).click()
        _choose(page, "Type", each["entity"])
        if "role" in each:
            _choose(page, "Role", each["role"])
        page.get_by_role("button", name="Mark", exact=True).click()


def table(name: str, loops: Sequence[PageLoop]) -> str:
    """The loops of one project."""
    stages = list(loops[0].seconds)
    head = ["sentence", "before → after", "right", *stages, "total"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for loop in loops:
        cells = [loop.sentence, f"{loop.was} → {loop.now}", "yes" if loop.is_right else "NO"]
        cells += [f"{loop.seconds[stage]:.1f}" for stage in stages]
        lines.append(f"| {' | '.join(cells)} | {sum(loop.seconds.values()):.1f} |")
    most = max(sum(loop.seconds.values()) for loop in loops)
    is_met = most <= LIMITS[name] and all(loop.is_right for loop in loops)
    lines += ["", f"{name}: at most {most:.1f} s; target {LIMITS[name]:g} s and right answers, "
              f"{'met' if is_met else 'MISSED'}."]  # fmt: skip
    lines += [f"{loop.sentence}: {loop.verdict}" for loop in loops]
    return "\n".join(lines)


def main() -> None:
    """Measure, and print tables."""
    args = make_parser((__doc__ or "").partition("\n")[0]).parse_args()
    for name in args.data.split(","):
        with tempfile.TemporaryDirectory() as folder:
            project = prepared(name, args.sara, args.kept, Path(folder), args.first)
            meant = [correction(*each) for each in SENTENCES[name][: args.sentences]]
            with served(project) as url, opened(width=1280, height=900) as page:
                page.set_default_timeout(_PATIENCE * 1000)
                loops = [taught_once(page, url, each) for each in meant]
            print(f"{table(name, loops)}\n", flush=True)


if __name__ == "__main__":
    plain_errors.run(main)
