from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data.endpoints import ActionEndpoint, Endpoints, read_endpoints
from gossamer.data.errors import ConfigError

URL = "http://localhost:5055/webhook"


def written(folder: Path, text: str) -> Path:
    path = folder / "endpoints.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_url_is_enough(tmp_path: Path) -> None:
    found = read_endpoints(written(tmp_path, f"action_endpoint:\n  url: {URL}\n"))
    assert found == Endpoints(action=ActionEndpoint(url=URL))
    assert isinstance(found.action, ActionEndpoint) and found.action.timeout == 10.0


def test_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTION_TOKEN", "s3cret")
    (tmp_path / "ca.pem").write_text("")
    text = f"""\
action_endpoint:
  url: https://actions.example:8443/webhook
  headers: {{X-Key: abc, X-Number: 1}}
  params: {{shop: 7}}
  token: ${{ACTION_TOKEN}}
  token_name: key
  basic_auth: {{username: ann, password: pass}}
  cafile: {tmp_path / "ca.pem"}
  timeout: 2.5
  enable_selective_domain: true
"""
    assert read_endpoints(written(tmp_path, text)).action == ActionEndpoint(
        url="https://actions.example:8443/webhook",
        headers={"X-Key": "abc", "X-Number": "1"},
        params={"shop": "7"},
        token="s3cret",
        token_name="key",
        basic_auth=("ann", "pass"),
        cafile=tmp_path / "ca.pem",
        timeout=2.5,
        is_domain_selective=True,
    )


def test_secrets_are_not_shown() -> None:
    endpoint = ActionEndpoint(
        url=URL, token="s3cret", basic_auth=("ann", "pass"), headers={"X": "abc"}
    )
    assert all(word not in repr(endpoint) for word in ("s3cret", "pass", "abc"))


@pytest.mark.parametrize("text", ["", "# nothing\n", "action_endpoint:\n", "---\n"])
def test_no_action_server(tmp_path: Path, text: str) -> None:
    assert read_endpoints(written(tmp_path, text)).action is None


def test_other_endpoints_are_told_in_one_warning(tmp_path: Path) -> None:
    text = f"tracker_store: {{type: sql}}\nnlg: {{url: x}}\naction_endpoint: {{url: '{URL}'}}\n"
    with pytest.warns(UserWarning) as caught:
        found = read_endpoints(written(tmp_path, text))
    assert [str(w.message) for w in caught] == [
        f"{tmp_path / 'endpoints.yml'}: not used by Gossamer: tracker_store, nlg"
    ]
    assert found.action is not None


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("- a", 1, "endpoints must be a mapping"),
        ("action_endpoint: http://x", 1, "'action_endpoint' must be a mapping"),
        ("action_endpoint: {token: x}", 1, "needs a url"),
        ("action_endpoint: {url: }", 1, "needs a url"),
        ("action_endpoint:\n  url: localhost:5055", 2, "must begin with http:// or https://"),
        ("action_endpoint:\n  url: ftp://x/webhook", 2, "must begin with http:// or https://"),
        ("action_endpoint:\n  url: http:///webhook", 2, "name a host"),
        ("action_endpoint:\n  url: http://x:port/", 2, "must begin with http"),
        ("action_endpoint:\n  url: http://x:99999/", 2, "must begin with http"),
        ("action_endpoint:\n  url: http://[x/", 2, "must begin with http"),
        ("action_endpoint:\n  url: [a]", 2, "'url' must be a text"),
        ("action_endpoint:\n  url: http://x/a b", 2, "must be ASCII without blanks"),
        ("action_endpoint:\n  url: http://x/é", 2, "must be ASCII without blanks"),
        ('action_endpoint:\n  url: "http://x/\\n"', 2, "must be ASCII without blanks"),
        ("action_endpoint:\n  url: http://x\n  headers: {a b: c}", 2, "a header must have a name"),
        ('action_endpoint:\n  url: http://x\n  headers: {a: "b\\nc"}', 2, "one line of Latin-1"),
        ("action_endpoint:\n  url: http://x\n  headers: {a: Ω}", 2, "one line of Latin-1"),
        ("action_endpoint:\n  url: http://x\n  timeot: 3", 3, "has the keys"),
        ("action_endpoint:\n  url: http://x\n  timeout: soon", 3, "'timeout' must be a number"),
        ("action_endpoint:\n  url: http://x\n  timeout: true", 3, "'timeout' must be a number"),
        ("action_endpoint:\n  url: http://x\n  timeout: 0", 2, "number of seconds above 0"),
        ("action_endpoint:\n  url: http://x\n  timeout: .inf", 2, "number of seconds above 0"),
        ("action_endpoint:\n  url: http://x\n  headers: a", 3, "must be a mapping of texts"),
        ("action_endpoint:\n  url: http://x\n  headers: {a: [1]}", 3, "'a' must be a text"),
        ("action_endpoint:\n  url: http://x\n  basic_auth: {username: a}", 3, "must have the keys"),
        ("action_endpoint:\n  url: http://x\n  cafile: none.pem", 3, "must name a file"),
        ("action_endpoint:\n  url: http://x\n  enable_selective_domain: 1", 3, "true or false"),
        ("action_endpoint: {url: http://x", 1, "must be well-formed"),
    ],
)
def test_faults(tmp_path: Path, text: str, line: int, fault: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=fault) as caught:
        read_endpoints(path)
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == (path, line)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="endpoints must be a file"):
        read_endpoints(tmp_path / "endpoints.yml")


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan")])
def test_a_bad_timeout(timeout: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        ActionEndpoint(url=URL, timeout=timeout)


@pytest.mark.parametrize("url", ["http://ann:pass@x/", "ftp://ann:pass@x/", "http://x@y"])
def test_no_login_in_the_address(url: str) -> None:
    with pytest.raises(ConfigError, match="must not hold a user name") as caught:
        ActionEndpoint(url=url)
    assert "pass@" not in str(caught.value)


def test_a_misspelt_action_endpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.yml"
    path.write_text("action_endpiont:\n  url: http://localhost:5055/webhook\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"got 'action_endpiont'.*Try: action_endpoint:"):
        read_endpoints(path)
