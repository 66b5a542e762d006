"""The pictures of the page in README and docs, with the starter's assistant.

    gossamer init starter --no-prompt && cd starter && gossamer train
    gossamer run --enable-api --random-seed 1 &
    python benchmarks/page_picture.py --url http://127.0.0.1:5005 --out docs/figures/page.png

Those of teaching: a message is corrected and taught, a model trained and put in service. The
project and its models are other ones afterwards, so give it a fresh one.

    gossamer run --teach --random-seed 1 &
    python benchmarks/page_picture.py --teaching docs/figures

Needs Playwright and Debian's Chromium.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from playwright.sync_api import Page
from support.browser import opened

TALK: Final = ("hello", "I want to go from Ottersea to Lowmarsh")
WRONG: Final = "which train gets me to Thornwick by noon"
RIGHT: Final = ("ask_timetable", "Thornwick", "city", "destination")
SAID: Final = (
    *("I lost it somewhere", "get lost", "where did my umbrella go", "a refund would be nice"),
    *("could you shift my journey by a day", "shift my journey by two days", "any bikes on board"),
    *("when do you shut the counter", "the man in the ticket office was rude to me", "ok then"),
)
"""What other people said, for the inbox."""
OF_THE_INBOX: Final = {
    "could you shift my journey by a day": "change_booking",
    "when do you shut the counter": "ask_station",
    "the man in the ticket office was rude to me": "complaint",
}
WIDTH, HEIGHT, HEIGHT_OF_TALK = 1200, 780, 1040


def draw_talk(page: Page, url: str, out: Path) -> None:
    """Hold a talk and write what the screen shows.

    Args:
        page: of the browser.
        url: of a server that runs the starter's assistant.
        out: the PNG file.
    """
    page.goto(url)
    for i, text in enumerate(TALK, 1):
        _say(page, text, i)
    page.screenshot(path=out)


def draw_teaching(page: Page, url: str, folder: Path) -> None:
    """Teach, and write what is met on the way.

    Args:
        page: of the browser.
        url: of a server that teaches the starter.
        folder: for the PNG files.
    """
    for i, text in enumerate(SAID):
        message = {"sender": f"somebody-{i}", "message": text}
        page.request.post(f"{url}/webhooks/rest/webhook", data=message)
    page.goto(f"{url}/#ann")
    page.wait_for_selector("#places:not([hidden])")
    _say(page, TALK[0], 1)
    _say(page, WRONG, 2)

    intent, city, entity, role = RIGHT
    page.locator(".turn.looked-at .correct").click()
    _choose(page, "Intent", intent)
    while page.get_by_role("button", name="Remove").count():
        page.get_by_role("button", name="Remove").first.click()
    page.locator(".marking .word", has_text=city).click()
    _choose(page, "Type", entity)
    _choose(page, "Role", role)
    page.get_by_role("button", name="Mark", exact=True).click()
    _teach(page, folder / "teach-correct.png")

    page.get_by_role("link", name="Inbox").click()
    page.wait_for_selector("#inbox .group.current")
    _draw(page, folder / "teach-inbox.png")
    for text, intent in OF_THE_INBOX.items():
        page.locator("#inbox .group", has_text=text).click()
        page.keyboard.press("c")
        _choose(page, "Intent", intent)
        _teach(page)

    page.get_by_role("link", name="Train").click()
    page.get_by_role("button", name="Train", exact=True).click()
    page.wait_for_selector(".verdict")
    _draw(page, folder / "teach-compare.png")
    page.get_by_role("button", name="Put in service").click()
    page.wait_for_selector(".done-with")

    page.get_by_role("link", name="Look").click()
    page.wait_for_selector(".mistake")
    _draw(page, folder / "teach-confusion.png")
    page.get_by_role("tab", name="Layers").click()
    page.wait_for_selector(".kernel")
    _draw(page, folder / "teach-layers.png")


def _teach(page: Page, out: Path | None = None) -> None:
    page.wait_for_selector(".save .main[aria-disabled=false]")
    if out is not None:
        _draw(page, out)
    page.get_by_role("button", name="Teach", exact=True).click()
    page.wait_for_selector(".taught, body:not([data-place=talk]):not(:has(#sheet[open]))")


def _draw(page: Page, out: Path) -> None:
    """Write what the screen shows, without a pointer over it."""
    page.mouse.move(WIDTH - 1, HEIGHT // 2)
    page.screenshot(path=out)


def _say(page: Page, text: str, number: int) -> None:
    page.fill("#say", text)
    page.press("#say", "Enter")
    page.wait_for_selector(f".turns > li:nth-child({number}).last")


def _choose(page: Page, label: str, name: str) -> None:
    box = page.get_by_role("combobox", name=label)
    box.fill(name)
    box.press("Enter")


def main() -> None:
    """Read the options and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:5005")
    parser.add_argument("--out", type=Path, default=Path("docs/figures/page.png"))
    parser.add_argument("--teaching", type=Path, metavar="FOLDER",
        help="draw the pictures of teaching into this folder")  # fmt: skip
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    options = parser.parse_args()
    if options.teaching is None:
        with opened(width=WIDTH, height=HEIGHT_OF_TALK, theme=options.theme) as page:
            draw_talk(page, options.url, options.out)
        return
    with opened(width=WIDTH, height=HEIGHT, theme=options.theme) as page:
        page.set_default_timeout(180_000)
        draw_teaching(page, options.url, options.teaching)


if __name__ == "__main__":
    main()
