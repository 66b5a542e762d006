"""Tokens and JSON web tokens: who is known, what they may, and what proves nothing."""

from __future__ import annotations

import base64
import json
import time
import warnings
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from gossamer.data.errors import ConfigError
from gossamer.serve.errors import ServeError
from gossamer.serve.security.identity import LEEWAY_SECONDS, Gatekeeper, Identity

SECRET = "a shared secret of more than thirty-two bytes"
ADMIN = {"user": {"username": "ada", "role": "admin"}}
USER = {"user": {"username": "bob", "role": "user"}}


def pems(key: Any) -> tuple[str, str]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


def ask(
    gatekeeper: Gatekeeper,
    bearer: str | None = None,
    path: str = "/status",
    query: bytes = b"",
    method: str = "GET",
) -> Identity | int:
    """Who asks, or the status that they get."""
    headers = [(b"host", b"here")]
    if bearer is not None:
        headers.append((b"authorization", f"Bearer {bearer}".encode()))
    who = gatekeeper.identify(query, headers, method, path)
    return who.status if isinstance(who, ServeError) else who


def signed(payload: dict[str, Any], key: Any = SECRET, method: str = "HS256") -> str:
    return jwt.encode(payload, key, method)


def test_without_a_token_anybody_may() -> None:
    gatekeeper = Gatekeeper()
    assert not gatekeeper.asks
    assert ask(gatekeeper) == Identity()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"token=s%C3%A9same", Identity()),
        (b"x=1&token=s%C3%A9same&y=2", Identity()),
        (b"token=wrong", 401),
        (b"token=", 401),
        (b"", 401),
        (b"token=s%C3%A9sam", 401),
        (b"token=s%C3%A9same%00", 401),
        (b"token=wrong&token=s%C3%A9same", 401),  # the first one counts
        (b"token=\xff", 401),
        (b"mytoken=s%C3%A9same", 401),
        (b"&".join([b"a=1"] * 200) + b"&token=s%C3%A9same", 401),
    ],
)
def test_a_token_in_the_address(query: bytes, expected: Identity | int) -> None:
    assert ask(Gatekeeper("sésame"), query=query) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (b"Bearer open", 200),
        (b"bearer  open ", 200),
        (b"Basic open", 401),
        (b"open", 401),
        (b"Bearer", 401),
        (b"Bearer opem", 401),
        (b"Bearer \xff", 401),
    ],
)
def test_a_token_in_a_header(header: bytes, expected: int) -> None:
    who = Gatekeeper("open").identify(b"", [(b"authorization", header)], "GET", "/status")
    assert (who.status if isinstance(who, ServeError) else 200) == expected


@pytest.mark.parametrize("method", ["HS256", "HS384", "HS512"])
def test_shared_secrets(method: str) -> None:
    secret = SECRET * 2
    gatekeeper = Gatekeeper(jwt_secret=secret, jwt_method=method)
    assert ask(gatekeeper, signed(ADMIN, secret, method)) == Identity("ada")
    assert ask(gatekeeper, signed(ADMIN, secret + "x", method)) == 401
    assert ask(gatekeeper) == 401


def test_public_keys() -> None:
    rsa_key = rsa.generate_private_key(65537, 2048)
    for method, key in (
        ("RS256", rsa_key),
        ("RS512", rsa_key),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("ES384", ec.generate_private_key(ec.SECP384R1())),
    ):
        private, public = pems(key)
        for secret in (public, f"\n{public}\n", private):  # a private key verifies too
            gatekeeper = Gatekeeper(jwt_secret=secret, jwt_method=method)
            assert ask(gatekeeper, signed(ADMIN, private, method)) == Identity("ada")
        other, _ = pems(ec.generate_private_key(ec.SECP256R1()))
        assert ask(gatekeeper, signed(ADMIN, other, "ES256")) == 401


def test_a_public_key_never_verifies_a_shared_secret() -> None:
    """Who knows the public key cannot sign with it, nor do without a signature."""
    _, public = pems(rsa.generate_private_key(65537, 2048))
    gatekeeper = Gatekeeper(jwt_secret=public, jwt_method="RS256")

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    hs = jwt.get_algorithm_by_name("HS256")
    for algorithm in ("HS256", "none", "None", "RS256", "ES256", "", None):
        text = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(ADMIN)}"
        mac = hs.sign(text.encode(), public.encode())
        for signature in (base64.urlsafe_b64encode(mac).rstrip(b"=").decode(), ""):
            assert ask(gatekeeper, f"{text}.{signature}") == 401
    with pytest.raises(ConfigError, match="a shared secret, not a public key"):
        Gatekeeper(jwt_secret=public, jwt_method="HS256")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"exp": 60}, 200),
        ({"exp": -LEEWAY_SECONDS + 5}, 200),
        ({"exp": -LEEWAY_SECONDS - 2}, 401),
        ({"nbf": LEEWAY_SECONDS - 5}, 200),
        ({"nbf": LEEWAY_SECONDS + 60}, 401),
        ({"iat": LEEWAY_SECONDS + 60}, 401),
        ({"exp": 10**30}, 200),
    ],
)
def test_when_a_token_counts(claims: dict[str, int], expected: int) -> None:
    times = {name: int(time.time()) + value for name, value in claims.items()}
    who = ask(Gatekeeper(jwt_secret=SECRET), signed(ADMIN | times))
    assert (who if isinstance(who, int) else 200) == expected


@pytest.mark.parametrize("claims", [{"exp": "never"}, {"nbf": []}, {"sub": 5}, {"aud": "others"}])
def test_claims_of_other_kinds_prove_nothing(claims: dict[str, Any]) -> None:
    """Nothing of it is an error of the server."""
    token = jwt.api_jws.encode(json.dumps(ADMIN | claims).encode(), SECRET, "HS256")
    assert ask(Gatekeeper(jwt_secret=SECRET), token) == 401


@pytest.mark.parametrize(
    "token", ["", "x", "..", "a.b.c", "é.é.é", "." * 9_000, "e30.e30.", "{" * 500 + ".e30.e30"]
)
def test_what_is_no_token_proves_nothing(token: str) -> None:
    assert ask(Gatekeeper(jwt_secret=SECRET), token) == 401


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("GET /conversations/bob/tracker", 200),
        ("GET /conversations/bob/story", 200),
        ("POST /conversations/bob/tracker/events", 200),
        ("PUT /conversations/bob/tracker/events", 200),
        ("POST /conversations/bob/messages", 200),
        ("POST /conversations/bob/predict", 200),
        ("POST /conversations/bob/execute", 200),
        ("POST /conversations/bob/trigger_intent", 200),
        ("DELETE /conversations/bob/tracker", 403),  # of the conversation "bob/tracker"
        ("DELETE /conversations/bob/tracker/events", 403),
        ("DELETE /conversations/bob", 403),
        ("POST /conversations/bob/tracker", 403),
        ("PUT /conversations/bob/messages", 403),
        ("get /conversations/bob/tracker", 403),
        ("GET /conversations/bobby/tracker", 403),
        ("GET /conversations/Bob/tracker", 403),
        ("GET /conversations/bob/x/tracker", 403),
        ("GET /conversations//tracker", 403),
        ("GET /conversations/bob", 403),
        ("GET /conversations/bob/", 403),
        ("GET /conversations/bob/other", 403),
        ("GET /conversations/bob/tracker/", 403),
        ("GET /conversations/bob/../ada/tracker", 403),
        ("GET /conversations/ada/tracker?x=/conversations/bob/tracker", 403),
        ("GET /x/conversations/bob/tracker", 403),
        ("GET /status", 403),
        ("POST /model/parse", 403),
        ("GET /metrics", 403),
    ],
)
def test_a_user_may_see_their_own_conversation(asked: str, expected: int) -> None:
    method, _, path = asked.partition(" ")
    who = ask(Gatekeeper(jwt_secret=SECRET), signed(USER), path, method=method)
    assert (who if isinstance(who, int) else 200) == expected


def test_names_with_slashes_are_compared_as_a_whole() -> None:
    token = signed({"user": {"username": "bob/tracker", "role": "user"}})
    gatekeeper = Gatekeeper(jwt_secret=SECRET)
    assert ask(gatekeeper, token, "/conversations/bob/tracker/tracker") == Identity(
        "bob/tracker", is_admin=False
    )
    assert ask(gatekeeper, token, "/conversations/bob/tracker") == 403


@pytest.mark.parametrize(
    "user",
    [
        None,
        "ada",
        [],
        {},
        {"role": "Admin"},
        {"role": ["admin"]},
        {"role": "user"},
        {"username": "", "role": "user"},
        {"username": 5, "role": "user"},
    ],
)
def test_other_payloads_open_nothing(user: Any) -> None:
    gatekeeper = Gatekeeper(jwt_secret=SECRET)
    assert ask(gatekeeper, signed({"user": user}), "/conversations/5/tracker") == 403


def test_either_of_token_and_jwt_will_do() -> None:
    gatekeeper = Gatekeeper("open", SECRET)
    assert ask(gatekeeper, "open") == Identity()
    assert ask(gatekeeper, signed(ADMIN)) == Identity("ada")
    assert ask(gatekeeper, signed(USER)) == 403
    assert ask(gatekeeper, signed(USER), query=b"token=open") == Identity()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"token": ""}, "must not be empty"),
        ({"jwt_secret": " "}, "must not be empty"),
        ({"jwt_secret": "x", "jwt_method": "none"}, "must be one of HS256"),
        ({"jwt_secret": "x", "jwt_method": "RS256"}, "the public key as PEM text"),
        ({"jwt_secret": "-----BEGIN PUBLIC KEY-----", "jwt_method": "ES256"}, "as PEM text"),
    ],
)
def test_settings_that_cannot_be_used(options: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Gatekeeper(**options)


def test_a_short_secret_is_warned_of_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gatekeeper = Gatekeeper(jwt_secret="short")
        token = signed(ADMIN, "short")
        assert ask(gatekeeper, token) == Identity("ada")
    assert [str(each.message)[:24] for each in caught] == ["the JWT secret is shorte"]
    assert "short" not in repr(gatekeeper.__dict__["_jwt"])
