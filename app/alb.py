"""Who is asking behind an Application Load Balancer that signs people in with Cognito.

The formats are AWS's: "Authenticate users using an Application Load Balancer" (user guide of Application Load
Balancers), "Understanding the access token" and "Verifying JSON web tokens" (developer guide of Cognito).
``docs/sign_in.md`` says what is checked and why.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import jwt

from app.oidc_keys import UUID, Kept, Keys, NoKeyError
from data_access.settings import ALB_ARN, COGNITO_POOL

DATA_HEADER = "X-Amzn-Oidc-Data"
ACCESS_HEADER = "X-Amzn-Oidc-Accesstoken"
SESSION_COOKIES = tuple(f"AWSELBAuthSessionCookie-{shard}" for shard in range(4))
"""The load balancer's session: 11 kB at most, in cookies of 4 kB."""

MOST_CHARACTERS = 16 << 10
MOST_REMEMBERED = 4096
# The load balancer pads its parts with "=".
_TOKEN = re.compile(r"(?:[A-Za-z0-9_-]+={0,2}\.){2}[A-Za-z0-9_-]+={0,2}")
_OPTIONS: Any = {
    "enforce_minimum_key_length": True,
    # Claims are checked here, against a clock that tests can set.
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), False),
}


class TokenError(Exception):
    """A token that does not count; the text says why, for the log, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose tokens count: the load balancer's ARN, the user pool's id, the id of its app client.

    Raises ValueError for an ARN or pool that cannot be; the key servers' names are made of them.
    """

    alb: str
    pool: str
    client: str

    def __post_init__(self) -> None:
        if (
            not re.fullmatch(ALB_ARN, self.alb)
            or not re.fullmatch(COGNITO_POOL, self.pool)
            or not self.client
        ):
            raise ValueError("this is no load balancer, user pool and app client of AWS")

    @property
    def issuer(self) -> str:
        """The pool's issuer; its keys are below it."""
        return f"https://cognito-idp.{self.pool.partition('_')[0]}.amazonaws.com/{self.pool}"

    @property
    def alb_keys(self) -> str:
        """The host of the keys of the region's load balancers."""
        return f"https://public-keys.auth.elb.{self.alb.split(':')[3]}.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking: a name to read, the id in the pool that never changes, the groups."""

    name: str
    sub: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Claims:
    kid: str
    sub: str
    until: int
    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of token: its algorithm, what it claims if its claims are right, its keys, the good ones."""

    name: str
    algorithm: str
    claims: Callable[[Any, Any], _Claims]
    key: Callable[[str], Any]
    good: Kept[_Claims]


class Verifier:
    """Verifies tokens. One that was good is remembered until it expires; ``clock`` is UTC, in seconds."""

    def __init__(
        self, expected: Expected, keys: Keys | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._expected, self._clock = expected, clock
        self._keys = keys or Keys(expected.alb_keys, expected.issuer)
        self._data = self._kind("data token", "ES256", self._data_claims, self._keys.of_alb)
        self._access = self._kind("access token", "RS256", self._access_claims, self._keys.of_pool)

    def _kind(self, name: str, algorithm: str, claims: Any, key: Any) -> _Kind:
        return _Kind(name, algorithm, claims, key, Kept(MOST_REMEMBERED, self._clock))

    def of_headers(self, header: Callable[[str], str | None]) -> Identity | None:
        """Who the load balancer says is asking; None when it says nothing. Raises TokenError."""
        data, access = header(DATA_HEADER), header(ACCESS_HEADER)
        return None if data is None and access is None else self.identity(data or "", access or "")

    def identity(self, data_token: str, access_token: str) -> Identity:
        """Whose two tokens of the load balancer these are. Raises TokenError.

        What needs no key is checked first, and the access token before a load balancer's key is asked for:
        only people of the pool can make us ask for one.
        """
        data, data_is_good = self._read(self._data, data_token)
        access, access_is_good = self._read(self._access, access_token)
        if data.sub != access.sub:
            raise TokenError("the two tokens are of different people")
        if not access_is_good:
            self._verify(self._access, access_token, access)
        if not data_is_good:
            self._verify(self._data, data_token, data)
        return Identity(data.name or access.name, access.sub, access.groups)

    def of_bearer(self, token: str) -> Identity:
        """Whose access token of the pool this is. Raises TokenError."""
        access, is_good = self._read(self._access, token)
        if not is_good:
            self._verify(self._access, token, access)
        return Identity(access.name, access.sub, access.groups)

    def _read(self, kind: _Kind, token: str) -> tuple[_Claims, bool]:
        """What a token claims, and whether that is known to be true."""
        if len(token) > MOST_CHARACTERS or not _TOKEN.fullmatch(token):
            # A comma is what a WSGI server puts between two headers of one name.
            raise TokenError(f"{kind.name}: " + ("sent twice" if "," in token else "no token"))
        good = kind.good.get(_digest(token))
        if good is not None:
            return good, True
        try:
            found = jwt.decode_complete(token, options={"verify_signature": False})
            _same(found["header"], "alg", kind.algorithm)
            return kind.claims(found["header"], found["payload"]), False
        except TokenError as error:
            raise TokenError(f"{kind.name}: {error}") from None
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenError(f"{kind.name}: cannot be read ({type(error).__name__})") from None

    def _verify(self, kind: _Kind, token: str, claims: _Claims) -> None:
        """Verify the signature over what was read, and remember it."""
        try:
            jwt.decode(token, kind.key(claims.kid), [kind.algorithm], _OPTIONS)
        except NoKeyError as error:
            raise TokenError(f"{kind.name}: {error}") from None
        except (jwt.PyJWTError, ValueError) as error:
            raise TokenError(f"{kind.name}: not signed by its key ({type(error).__name__})") from None
        kind.good.put(_digest(token), claims, claims.until)

    def _data_claims(self, header: Any, payload: Any) -> _Claims:
        expected = self._expected
        _same(header, "signer", expected.alb)
        _same(header, "client", expected.client)
        _same(header, "iss", expected.issuer)
        _same(payload, "iss", expected.issuer)
        kid, sub = _text(header, "kid"), _text(payload, "sub")
        if not UUID.fullmatch(kid):
            raise TokenError("kid is no UUID")
        until = min(self._expiry(header, "header"), self._expiry(payload, "payload"))
        return _Claims(kid, sub, until, _verified_mail(payload))

    def _access_claims(self, header: Any, payload: Any) -> _Claims:
        expected = self._expected
        _same(payload, "iss", expected.issuer)
        _same(payload, "token_use", "access")
        _same(payload, "client_id", expected.client)
        kid, sub = _text(header, "kid"), _text(payload, "sub")
        groups = payload.get("cognito:groups", [])
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise TokenError("groups are no list of names")
        return _Claims(kid, sub, self._expiry(payload, "payload"), _user_name(payload, sub), tuple(groups))

    def _expiry(self, claims: Any, part: str) -> int:
        until = claims.get("exp")
        if type(until) is not int:
            raise TokenError(f"no exp in the {part}")
        if until <= self._clock():
            raise TokenError(f"the {part} has expired")
        return until


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _same(claims: Any, name: str, expected: str) -> None:
    if claims.get(name) != expected:
        raise TokenError(f"{name} is missing or not ours")


def _text(claims: Any, name: str) -> str:
    found = claims.get(name)
    if not isinstance(found, str) or not found:
        raise TokenError(f"no {name}")
    return found


def _verified_mail(payload: Any) -> str:
    """An address that was verified, else nothing: people can change their own ``name`` and ``email``."""
    mail = payload.get("email")
    verified = payload.get("email_verified") in (True, "true")
    return mail if verified and isinstance(mail, str) and "@" in mail and mail.isprintable() else ""


def _user_name(payload: Any, sub: str) -> str:
    """The pool's user name, which never changes; marked when it could be taken for somebody's address."""
    name = payload.get("username")
    if not isinstance(name, str) or not name or not name.isprintable():
        return sub
    return f"user {name}" if "@" in name else name


def sign_out(domain: str, client: str, target: str) -> tuple[str, tuple[str, ...]]:
    """How a session ends: where to send the browser, and the ``Set-Cookie`` headers of that answer.

    ``domain`` is the pool's host of sign-in pages; ``target`` must be one of the client's allowed sign-out
    URLs. The load balancer's cookies end here, Cognito's own session at its ``/logout``.
    """
    location = f"https://{domain}/logout?{urlencode({'client_id': client, 'logout_uri': target})}"
    ended = "Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Secure; HttpOnly"
    return location, tuple(f"{name}=; {ended}" for name in SESSION_COOKIES)
