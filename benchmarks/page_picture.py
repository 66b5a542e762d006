"""The picture of the page in README and docs: a short talk with the starter's assistant.

    gossamer init starter --no-prompt && cd starter && gossamer train
    gossamer run --enable-api --random-seed 1 &
    python benchmarks/page_picture.py --url http://127.0.0.1:5005 --out docs/figures/page.png

Needs Playwright and Debian's Chromium.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

TALK = ("hello", "I want to go from Ottersea to Lowmarsh")
WIDTH, HEIGHT = 1200, 1040


def draw(url: str, out: Path, *, theme: str) -> None:
    """Hold the talk and write what the screen shows.

    Args:
        url: of a server that runs the starter's assistant.
        out: the PNG file.
        theme: "light" or "dark".
    """
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        page.goto(url)
        for i, text in enumerate(TALK, 1):
            page.fill("#say", text)
            page.press("#say", "Enter")
            page.wait_for_selector(f".turns > li:nth-child({i}).last")
        page.screenshot(path=out)
        browser.close()


def main() -> None:
    """Read the options and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:5005")
    parser.add_argument("--out", type=Path, default=Path("docs/figures/page.png"))
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    options = parser.parse_args()
    draw(options.url, options.out, theme=options.theme)


if __name__ == "__main__":
    main()
