"""The page on the real server: what it sends is understood, what it gets is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from visiting import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.slow


def test_a_conversation(browser: Browser, shared_server: Any) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(15_000)
    visitor = Visitor(context.new_page(), shared_server.url)
    page = visitor.page
    visitor.open("grace/ä b")
    visitor.say("hello")
    assert page.locator(".bot .text").inner_text() == "Hello! Where to?"
    page.get_by_role("button", name="Rome").click()
    page.wait_for_selector(".turns > li:nth-child(2).looked-at")
    assert page.locator(".intent-card .main .name").inner_text() == "book"
    assert page.locator(".slots .changed .name").first.inner_text() == "city"
    assert page.locator(".policies").count() > 0
    n_events = page.locator(".timeline > li").count()
    page.reload()
    page.wait_for_selector(".turns > li:nth-child(2).looked-at")
    assert page.locator(".timeline > li").count() == n_events
    assert page.locator(".bot .text").last.inner_text() == "Booked: Rome."
    context.close()
    assert visitor.faults == []
