"""Visiting the page with a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from playwright.sync_api import APIResponse, Page, Route


class Visitor:
    """Opens the page as somebody does, and notices what must not happen on it.

    Attributes:
        page: of Playwright's.
        url: of the server, without a slash at the end.
        faults: errors on the console (refusals by the Content-Security-Policy are among them),
            exceptions, and requests to other hosts.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.faults: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self._on_request(request.url))

    def open(self, conversation: str = "ada", query: str = "") -> None:
        """Go to the page, with a conversation."""
        self.open_without_waiting(conversation, query)
        self.page.wait_for_selector("#cards > *", state="attached")

    def open_without_waiting(self, conversation: str = "ada", query: str = "") -> None:
        """Go to the page that may ask for something first."""
        self.page.goto(f"{self.url}/{query}#{quote(conversation)}")

    def go(self, place: str) -> None:
        """Go to a place of teaching, with its address."""
        self.page.goto(f"{self.url}/?place={place}#ada")
        self.page.wait_for_selector(f"#{place}:not([hidden])")

    def texts(self, selector: str) -> list[str]:
        """What elements say, on a line each."""
        found = self.page.locator(selector).all_inner_texts()
        return [" ".join(text.split()) for text in found]

    def say(self, text: str) -> None:
        """Say something and wait for the answer."""
        n_before = self.page.locator(".turns > li").count()
        self._send(text)
        self.page.wait_for_selector(f".turns > li:nth-child({n_before + 1}):not(.waiting)")

    def say_in_vain(self, text: str) -> None:
        """Say something to which no answer comes."""
        self._send(text)
        self.page.wait_for_selector(".failure")

    def _send(self, text: str) -> None:
        self.page.fill("#say", text)
        self.page.press("#say", "Enter")

    def _on_console(self, message: Any) -> None:
        is_status = message.text.startswith("Failed to load resource")  # an answer that is an error
        if message.type in ("error", "warning") and not is_status:
            self.faults.append(message.text)

    def _on_request(self, url: str) -> None:
        if not url.startswith((self.url, "data:")):
            self.faults.append(f"a request to {url}")


class Held:
    """Holds back the first answer from an address, which is as old as when it was asked for.

    Args:
        address: a pattern of Playwright's.
    """

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.route: Route | None = None
        self.answer: APIResponse | None = None
        page.route(address, self._take)

    def wait(self) -> None:
        """Wait until there is an answer to hold."""
        while self.answer is None:
            self.page.wait_for_timeout(20)

    def let_go(self) -> None:
        """Give the page the answer."""
        self.wait()
        assert self.route is not None
        self.route.fulfill(response=self.answer)

    def _take(self, route: Route) -> None:
        if self.route is not None:
            route.continue_()
            return
        self.route = route
        self.answer = route.fetch()
