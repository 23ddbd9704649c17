"""Public keys that tokens are verified with, the load balancer's and the user pool's: asked for, and kept."""

from __future__ import annotations

import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR
from threading import Lock, Thread
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.limits import FailureLimit

SECONDS = 3.0
"""Longest a key server may take for a whole answer."""
MOST_BYTES = 16 << 10
"""Longest answer that is read; a PEM key has 180 bytes, a pool's key set about 1,000."""
TRUST_SECONDS = 24 * 3600.0
"""How long a key counts before it is asked for again."""
ASK_SECONDS = 60.0
"""The pool's keys are asked for at most once in this time because of a key id they do not have."""
RETRY_SECONDS = 15.0
"""A look-up that failed is not tried again for this long."""
MOST_FAILURES = 10
"""Failed look-ups of load balancers' keys a minute; after them no unknown key is asked for."""
MOST_KEYS = 64

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""A load balancer's key id. In small letters only: other spellings would be other keys to look up."""

V = TypeVar("V")


class NoKeyError(Exception):
    """There is no key to verify with; the text says why, for the log, and quotes nothing that was sent."""


class Kept(Generic[V]):
    """Values by key, each until its time, and of all the ``most`` last used ones; for many threads."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self._most, self._clock = most, clock
        self._values: OrderedDict[str, tuple[V, float]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> V | None:
        """The value, while its time is not over."""
        with self._lock:
            value, until = self._values.get(key, (None, 0.0))
            if value is None or until <= self._clock():
                self._values.pop(key, None)
                return None
            self._values.move_to_end(key)
            return value

    def put(self, key: str, value: V, until: float) -> None:
        """Keep a value until a time of the clock."""
        with self._lock:
            self._values[key] = value, until
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)


class Keys:
    """Keys by their ids. Known ones cost nothing; one that is unknown is asked for, one at a time.

    ``alb_url`` and ``pool_url`` are where keys are, ``https`` or, for tests, on the loopback; ``clock`` is
    monotonic, in seconds; ``seconds`` is the longest a key server may take.
    """

    def __init__(
        self,
        alb_url: str,
        pool_url: str,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = SECONDS,
    ) -> None:
        self._alb_url, self._pool_url = _checked(alb_url), _checked(pool_url)
        self._clock, self._seconds = clock, seconds
        self._asking = Lock()
        self._alb: Kept[EllipticCurvePublicKey] = Kept(MOST_KEYS, clock)
        self._missing: Kept[str] = Kept(MOST_KEYS, clock)
        self._failures = FailureLimit(MOST_FAILURES, 60, clock)
        self._pool: Kept[dict[str, RSAPublicKey]] = Kept(1, clock)
        self._ask_pool_at = 0.0

    def of_alb(self, kid: str) -> EllipticCurvePublicKey:
        """The P-256 key load balancers of the region sign with under this id. Raises NoKeyError.

        The server answers ``GET /<kid>`` with a PEM public key (user guide of Application Load Balancers,
        "User claims encoding and signature verification").
        """
        if not UUID.fullmatch(kid):
            raise NoKeyError("the key id is no UUID")
        known = self._alb.get(kid)
        if known is not None:
            return known
        with self._turn():
            return self._alb.get(kid) or self._ask_alb(kid)

    def _ask_alb(self, kid: str) -> EllipticCurvePublicKey:
        if missing := self._missing.get(kid):
            raise NoKeyError(missing)
        if self._failures.blocked("alb"):
            raise NoKeyError("too many keys could not be found in the last minute")
        now = self._clock()
        try:
            key = _alb_key(fetch(self._alb_url, f"/{kid}", self._seconds))
        except NoKeyError as error:
            self._failures.failed("alb")
            self._missing.put(kid, str(error), now + RETRY_SECONDS)
            raise
        self._alb.put(kid, key, now + TRUST_SECONDS)
        return key

    def of_pool(self, kid: str) -> RSAPublicKey:
        """The pool's key with this id. Raises NoKeyError.

        The server answers ``GET /.well-known/jwks.json`` with a key set (RFC 7517).
        """
        known = self._of_pool(kid)
        if known is not None:
            return known
        with self._turn():
            return self._of_pool(kid) or self._ask_pool(kid)

    def _of_pool(self, kid: str) -> RSAPublicKey | None:
        return (self._pool.get("") or {}).get(kid)

    def _ask_pool(self, kid: str) -> RSAPublicKey:
        now = self._clock()
        if now < self._ask_pool_at:
            raise NoKeyError("the user pool had no such key a moment ago")
        self._ask_pool_at = now + RETRY_SECONDS
        found = _pool_keys(fetch(self._pool_url, "/.well-known/jwks.json", self._seconds))
        self._ask_pool_at = now + ASK_SECONDS
        self._pool.put("", found, now + TRUST_SECONDS)
        if kid not in found:
            raise NoKeyError("the user pool has no such key")
        return found[kid]

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Whoever has to ask waits for whoever asks already: most often both want the same key."""
        if not self._asking.acquire(timeout=self._seconds):
            raise NoKeyError("others wait for the key server")
        try:
            yield
        finally:
            self._asking.release()


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname != "127.0.0.1":
        raise ValueError("keys are fetched by https only")
    return url


def _alb_key(body: bytes) -> EllipticCurvePublicKey:
    try:
        key = load_pem_public_key(body)
    except (ValueError, UnsupportedAlgorithm):
        raise NoKeyError("the key server's answer is no PEM key") from None
    if not isinstance(key, EllipticCurvePublicKey) or not isinstance(key.curve, SECP256R1):
        raise NoKeyError("the key server's answer is no P-256 key")
    return key


def _pool_keys(body: bytes) -> dict[str, RSAPublicKey]:
    """The keys of a key set that sign with RS256, by id; what else is in it is passed over."""
    try:
        found = json.loads(body)["keys"]
        keys = {one["kid"]: jwt.PyJWK(one, "RS256").key for one in found if _signs(one)}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, jwt.PyJWTError):
        raise NoKeyError("the user pool's answer is no key set") from None
    if not keys:
        raise NoKeyError("the user pool's key set has no RSA key")
    return keys


def _signs(key: dict[str, str]) -> bool:
    return (
        isinstance(key.get("kid"), str)
        and key.get("kty") == "RSA"
        and key.get("alg", "RS256") == "RS256"
        and key.get("use", "sig") == "sig"
        and "d" not in key
    )


def fetch(url: str, path: str, seconds: float) -> bytes:
    """The body of a 200 answer of at most ``MOST_BYTES``; redirects are not followed. Raises NoKeyError.

    It asks in a thread of its own: a socket's time limit counts anew with every byte that comes, and
    looking up a name has none.
    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    answer: Future[bytes] = Future()
    Thread(target=_ask, args=(connection, parts.path + path, answer), daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise NoKeyError(f"the key server took more than {seconds:g} seconds") from None
    except (OSError, HTTPException, ValueError) as error:
        raise NoKeyError(f"the key server cannot be reached: {type(error).__name__}") from None
    finally:
        _end(connection)


def _ask(connection: HTTPConnection, target: str, answer: Future[bytes]) -> None:
    try:
        connection.request("GET", target, headers={"User-Agent": "Streamgauge", "Connection": "close"})
        response = connection.getresponse()
        if response.status != 200:
            raise NoKeyError(f"the key server answers HTTP {response.status}")
        body = response.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise NoKeyError("the key server's answer is too long")
        answer.set_result(body)
    except Exception as error:  # whoever waits raises it
        answer.set_exception(error)
    finally:
        connection.close()


def _end(connection: HTTPConnection) -> None:
    """Let a thread that still reads go."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(SHUT_RDWR)
