"""Who asks: a token, or a JSON web token, as Rasa 3.6 takes them."""

from __future__ import annotations

import hmac
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from gossamer.data.errors import ConfigError
from gossamer.serve.errors import ServeError
from gossamer.serve.settings import JWT_METHODS

if TYPE_CHECKING:  # imported where a key is given: it takes a fifteenth of the time to start
    import jwt

LEEWAY_SECONDS: Final = 10
"""How far the clocks of who issues JSON web tokens and of the server may be apart."""

_CONVERSATION: Final = {
    method: re.compile(rf"/conversations/(?P<sender>.+)/(?:{routes})", re.DOTALL)
    for method, routes in {
        "GET": "story|tracker",
        "POST": "execute|messages|predict|tracker/events|trigger_intent",
        "PUT": "tracker/events",
    }.items()
}
"""Rasa's routes of a conversation, by method; of others the path may be another conversation's."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks.

    Attributes:
        user: the name in a JSON web token; None: somebody who has the server's own token, or no
            token is asked for.
        is_admin: whether all of the API may be used, not only the user's own conversation.
    """

    user: str | None = None
    is_admin: bool = True

    def may_ask(self, method: str, path: str) -> bool:
        """Whether a route of the API is open to them."""
        if self.is_admin:
            return True
        routes = _CONVERSATION.get(method)
        found = None if routes is None else routes.fullmatch(path)
        return found is not None and found["sender"] == self.user


_ANYBODY = Identity()


class Gatekeeper:
    """Says who asks. With neither token nor key, anybody may.

    As in Rasa, `?token=` brings the token; `Authorization: Bearer` brings a JSON web token whose
    payload has `user: {username, role}`. Role `admin` may ask for everything, role `user` for what
    Rasa has under /conversations/USERNAME. Departure from Rasa 3.6: the token may also come as
    `Authorization: Bearer`, which keeps it out of the logs of proxies.

    Only the one method that the server was told is accepted, and only a key that belongs to it: a
    public key never verifies an HS256 signature. `exp`, `nbf` and `iat` count where they are there.

    Args:
        token: the server's token, or None.
        jwt_secret: the key that verifies JSON web tokens: a shared secret for HS methods, a public
            key as PEM for the others; or None.
        jwt_method: how they are signed.

    Raises:
        ConfigError: the method is not known, the key is not one for it, or the token is empty.
    """

    def __init__(
        self, token: str | None = None, jwt_secret: str | None = None, jwt_method: str = "HS256"
    ) -> None:
        if token == "":
            raise ConfigError("a token must not be empty", hint="leave it out to ask for none")
        self._token = None if token is None else token.encode()
        self._key: Any = None
        self._method = jwt_method
        self._jwt: jwt.PyJWT | None = None
        if jwt_secret is not None:
            from jwt import PyJWT

            self._jwt, self._key = PyJWT(), _key(jwt_secret, jwt_method)

    @property
    def asks(self) -> bool:
        """Whether a token is asked for at all."""
        return self._token is not None or self._key is not None

    def identify(
        self, query: bytes, headers: Iterable[tuple[bytes, bytes]], method: str, path: str
    ) -> Identity | ServeError:
        """Who asks, or why they are refused.

        Args:
            query: of the request's address.
            headers: of the request.
            method: of the request.
            path: what is asked for.

        Returns:
            An error with status 401 where nobody is known, 403 where somebody may not.
        """
        if not self.asks:
            return _ANYBODY
        bearer = _bearer(headers)
        if self._token is not None and any(
            hmac.compare_digest(given, self._token) for given in (bearer, _from_query(query))
        ):
            return _ANYBODY
        who = None if self._jwt is None or not bearer else self._of_jwt(self._jwt, bearer)
        if who is None:
            return ServeError(401, "NotAuthenticated", "User is not authenticated.")
        if not who.may_ask(method, path):
            return ServeError(403, "NotAuthorized", "User has insufficient permissions.")
        return who

    def _of_jwt(self, reader: jwt.PyJWT, token: bytes) -> Identity | None:
        from jwt.exceptions import PyJWTError

        try:
            payload = reader.decode(
                token, self._key, algorithms=[self._method], leeway=LEEWAY_SECONDS
            )
        except (PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return None  # whatever is wrong with it, it proves nothing
        user = payload.get("user")
        if not isinstance(user, dict):
            return Identity(None, is_admin=False)
        name, role = user.get("username"), user.get("role")
        if role == "admin":
            return Identity(name if isinstance(name, str) else None)
        if role == "user" and isinstance(name, str) and name:
            return Identity(name, is_admin=False)
        return Identity(None, is_admin=False)


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"authorization":
            scheme, _, credentials = value.partition(b" ")
            return credentials.strip() if scheme.lower() == b"bearer" else b""
    return b""


def _from_query(query: bytes) -> bytes:
    if b"token=" not in query:
        return b""
    try:
        given = parse_qs(query.decode("ascii"), max_num_fields=100).get("token", [""])
    except ValueError:
        return b""
    return given[0].encode("utf-8", "surrogateescape")


def _key(secret: str, method: str) -> Any:
    """The key, ready to verify with, so that one that cannot is found at the start."""
    if method not in JWT_METHODS:
        raise ConfigError(
            f"a JWT method must be one of {', '.join(JWT_METHODS)}", got=method, hint="HS256"
        )
    if not secret.strip():
        raise ConfigError("a JWT secret must not be empty")
    import jwt
    from jwt.warnings import InsecureKeyLengthWarning

    algorithm = jwt.get_algorithm_by_name(method)
    try:
        key = algorithm.prepare_key(secret.strip() if method[:2] != "HS" else secret)
    except (jwt.InvalidKeyError, ValueError, TypeError):
        must = (
            "a shared secret, not a public key"
            if method.startswith("HS")
            else "the public key as PEM text, which begins with -----BEGIN PUBLIC KEY-----"
        )
        raise ConfigError(f"a JWT secret for {method} must be {must}") from None
    public = getattr(key, "public_key", None)
    if public is not None:  # a private key verifies too, but the server need not keep it
        key = public()
    if algorithm.check_key_length(key):
        warnings.warn(
            f"the JWT secret is shorter than is safe for {method}. Try: 32 random bytes or more",
            stacklevel=3,
        )
        # It is said above, once; not again with each request.
        warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)
    return key
