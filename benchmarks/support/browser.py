"""Debian's Chromium, for pictures of the page and for the loop that is measured in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright


@contextmanager
def opened(*, width: int, height: int, theme: str = "light") -> Iterator[Page]:
    """An empty page, without a window, until the block ends.

    Args:
        width: in pixels.
        height: likewise.
        theme: "light" or "dark".
    """
    chromium = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        browser.close()
