"""A server that asks for no token answers this machine's own people and pages alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data.errors import ConfigError
from gossamer.serve.security.loopback import OwnPagesOnly, is_loopback
from gossamer.serve.settings import ServerSettings

HERE = ("host", "127.0.0.1:5005")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.3.2.1", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "localhost.example", "127.1"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "headers",
    [
        [HERE],
        [("host", "localhost")],
        [("host", "[::1]:5005")],
        [HERE, ("origin", "http://127.0.0.1:5005")],
        [HERE, ("origin", "https://desk.example"), ("sec-fetch-site", "cross-site")],
        [HERE, ("sec-fetch-site", "same-origin")],
    ],
)
def test_who_may_ask(headers: list[tuple[str, str]]) -> None:
    sent = [(name.encode(), value.encode()) for name, value in headers]
    assert OwnPagesOnly(["https://desk.example"]).refusal(sent) is None


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("host", "")],
        [("host", "evil.example")],  # a name of theirs that leads to this machine
        [("host", "127.0.0.1.evil.example:5005")],
        [("host", "127.0.0.1@evil.example")],
        [("host", "[::1")],
        [HERE, HERE],
        [HERE, ("host", "evil.example")],
        [HERE, ("origin", "https://evil.example")],
        [HERE, ("origin", "http://127.0.0.1:8000")],  # another program's page on this machine
        [HERE, ("origin", "http://localhost:5005")],
        [HERE, ("origin", "file://127.0.0.1:5005")],
        [HERE, ("origin", "null")],
        [HERE, ("origin", "")],
        [HERE, ("sec-fetch-site", "cross-site")],
        [HERE, ("x-forwarded-for", "10.0.0.1")],
        [HERE, ("via", "1.1 proxy")],
    ],
)
def test_who_may_not_ask(headers: list[tuple[str, str]]) -> None:
    sent = [(name.encode(), value.encode()) for name, value in headers]
    refusal = OwnPagesOnly(["https://desk.example"]).refusal(sent)
    assert refusal is not None
    assert refusal.status == 403


def test_teaching_needs_a_token_unless_only_this_machine_can_ask() -> None:
    project = Path("project")
    assert ServerSettings(teach=project).enable_api
    assert ServerSettings(teach=project, host="0.0.0.0", auth_token="open").teach == project
    assert ServerSettings(teach=project, host="0.0.0.0", jwt_secret="secret").teach == project
    assert ServerSettings(teach=project, cors=("https://desk.example",)).teach == project
    assert ServerSettings(teach=project, cors=("*",), auth_token="open").teach == project
    assert not ServerSettings(host="0.0.0.0").enable_api
    for host in ("0.0.0.0", "::", "", "10.0.0.1", "assistant.example"):
        with pytest.raises(ConfigError, match="needs a token, unless"):
            ServerSettings(teach=project, host=host)
    with pytest.raises(ConfigError, match="pages of all websites"):
        ServerSettings(teach=project, cors=("*",))
