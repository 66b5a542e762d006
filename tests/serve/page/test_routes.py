"""The page's files over HTTP."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_server import Script, scripted_app

import gossamer.serve.page

FOLDER = Path(gossamer.serve.page.__file__).parent
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def client() -> Any:
    from starlette.testclient import TestClient

    return TestClient(scripted_app(Script()))


def test_browsers_get_the_page_and_others_a_line(client: httpx.Client) -> None:
    page = client.get("/", headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == (FOLDER / "index.html").read_text("utf-8")
    assert client.get("/").text.startswith("Hello from Gossamer: ")
    assert page.headers["vary"] == client.get("/").headers["vary"] == "Accept"


@pytest.mark.parametrize("name", ["style.css", "icon.svg", "js/main.js"])
def test_files_have_types_and_are_kept_while_they_are_the_same(
    client: httpx.Client, name: str
) -> None:
    types = {"css": "text/css", "svg": "image/svg+xml", "js": "text/javascript"}
    got = client.get(f"/page/{name}")
    assert got.headers["content-type"].startswith(types[name.rpartition(".")[2]])
    assert got.headers["cache-control"] == "no-cache"
    again = client.get(f"/page/{name}", headers={"If-None-Match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.head(f"/page/{name}").headers["etag"] == got.headers["etag"]


def test_the_policy_is_strict(client: httpx.Client) -> None:
    headers = client.get("/", headers=BROWSER).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["routes.py", "../settings.py", "%2e%2e/settings.py", "no.js", ""])
def test_nothing_but_the_page_s_files(client: httpx.Client, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


def test_all_that_the_files_name_is_there(client: httpx.Client) -> None:
    """Also: nothing inline, nothing of other hosts, no HTML from text, no file over 300 lines."""
    index = (FOLDER / "index.html").read_text("utf-8")
    named = re.findall(r'(?:src|href)="(/[^"]+)"', index)
    for path in FOLDER.rglob("*.js"):
        source = path.read_text("utf-8")
        imported = re.findall(r'from "(\.[^"]+)"', source)
        named += [
            f"/page/{(path.parent / name).resolve().relative_to(FOLDER)}" for name in imported
        ]
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", source), (
            path
        )
        assert len(source.splitlines()) < 300, path
    assert len(named) > 20
    assert {name for name in named if client.get(name).status_code != 200} == set()
    assert not re.search(r"<style|style=|\son\w+=|<script>|https?://", index)
    for path in FOLDER.glob("*.css"):
        assert not re.search(r"@import|url\(", path.read_text("utf-8"))
