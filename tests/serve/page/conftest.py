"""The page in headless Chromium, on a server with scripted answers. Skipped without Chromium."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from scripted_server import Script, scripted_app
from visiting import Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window; while it runs, this thread has an event loop."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium-headless-shell")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def _served() -> Iterator[tuple[str, Script]]:
    import uvicorn

    script = Script()
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(scripted_app(script), log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", script
    server.should_exit = True
    thread.join(30)
    listening.close()


@pytest.fixture
def script(_served: tuple[str, Script]) -> Script:
    """What the server answers; without conversations, failures or a token."""
    _served[1].reset()
    return _served[1]


@pytest.fixture
def visitor(
    browser: Browser, _served: tuple[str, Script], script: Script, request: pytest.FixtureRequest
) -> Iterator[Visitor]:
    """Somebody with a browser; `@pytest.mark.parametrize("visitor", [{...}], indirect=True)` sets
    options of the browser's context. What must not happen fails the test at its end."""
    options = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}
    context = browser.new_context(**(options | getattr(request, "param", {})))
    context.set_default_timeout(15_000)
    visitor = Visitor(context.new_page(), _served[0])
    yield visitor
    context.close()
    assert not visitor.faults


@pytest.fixture
def teacher(visitor: Visitor, script: Script) -> Visitor:
    """Somebody in a conversation on a server that teaches."""
    script.project.is_on = True
    visitor.open()
    visitor.page.wait_for_selector("#places:not([hidden])")
    return visitor
