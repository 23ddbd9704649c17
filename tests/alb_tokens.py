"""Tokens as a load balancer and a user pool make them, from real keys, and forged ones of sixteen kinds."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm
from jwt.utils import der_to_raw_signature

from app.alb import ACCESS_HEADER, DATA_HEADER, Expected, Verifier
from app.oidc_keys import Keys
from tests.key_server import Answer, KeyServer

NOW = 1_800_000_000
PATIENCE = 20.0
"""Seconds a test waits for an answer that does come."""
ACCOUNT, REGION = "123456789012", "eu-central-1"
EXPECTED = Expected(
    alb=f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/streamgauge/50dc6c495c0c9188",
    pool=f"{REGION}_Ab3dEfGh1",
    client="57cbishk4j24pabc1234567890",
)
OTHER_POOL = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Other1234"
KID = "0f2b6a3e-1c5d-4e8f-9a7b-123456789abc"
POOL_KID = "kP8mW2qv5cY1example="
JWKS = "/pool/.well-known/jwks.json"
SUB = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
ELSEWHERE = EXPECTED.alb.replace(REGION, "us-east-1")

ALB_KEY, OTHER_EC = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
POOL_KEY, OTHER_RSA = (rsa.generate_private_key(65537, 2048) for _ in range(2))

Headers = list[tuple[str, str]]
Signs = Callable[[bytes], bytes]


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


def verifier_of(server: KeyServer, clock: Clock, seconds: float = PATIENCE) -> Verifier:
    """A verifier that asks a key server of a test."""
    return Verifier(EXPECTED, Keys(f"{server.url}/alb", f"{server.url}/pool", clock, seconds), clock)


def pem(key: Any) -> bytes:
    """A public key as key servers say it."""
    found: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


def key_set(**keys: rsa.RSAPrivateKey) -> bytes:
    """A pool's key set, by key id."""
    return json.dumps(
        {
            "keys": [
                json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"kid": kid, "alg": "RS256", "use": "sig"}
                for kid, key in keys.items()
            ]
        }
    ).encode()


def by_ec(key: ec.EllipticCurvePrivateKey) -> Signs:
    return lambda text: der_to_raw_signature(key.sign(text, ec.ECDSA(SHA256())), key.curve)


def by_rsa(key: rsa.RSAPrivateKey) -> Signs:
    return lambda text: key.sign(text, padding.PKCS1v15(), SHA256())


def by_secret(secret: bytes) -> Signs:
    """What takes a public key for the secret of HS256."""
    return lambda text: hmac.new(secret, text, hashlib.sha256).digest()


BY_ALB, BY_POOL = by_ec(ALB_KEY), by_rsa(POOL_KEY)


def token(header: Any, payload: Any, signs: Signs, *, padded: bool) -> str:
    """A token; load balancers pad its parts, and sign them so."""

    def part(data: bytes) -> bytes:
        text = urlsafe_b64encode(data)
        return text if padded else text.rstrip(b"=")

    text = part(json.dumps(header).encode()) + b"." + part(json.dumps(payload).encode())
    return (text + b"." + part(signs(text))).decode()


def without(claims: dict[str, Any]) -> dict[str, Any]:
    """Claims but those that are ``...``."""
    return {name: value for name, value in claims.items() if value is not ...}


@dataclass
class Issuers:
    """A load balancer and a pool at a moment; their tokens last two minutes and an hour."""

    now: int
    server: KeyServer
    sub: str = SUB
    groups: tuple[str, ...] = ("site:shop:analyst",)

    def __post_init__(self) -> None:
        self.server.answers[f"/alb/{KID}"] = Answer(pem(ALB_KEY))
        self.server.answers[JWKS] = Answer(key_set(**{POOL_KID: POOL_KEY, "id=": OTHER_RSA}))

    def data(self, *, signs: Signs = BY_ALB, header: Any = None, padded: bool = True, **claims: Any) -> str:
        """What the load balancer says; ``...`` in place of a value leaves it out."""
        until = self.now + 120
        head = {"typ": "JWT", "kid": KID, "alg": "ES256", "iss": EXPECTED.issuer, "client": EXPECTED.client}
        head |= {"signer": EXPECTED.alb, "exp": until}
        said = {"sub": self.sub, "email_verified": "true", "email": "anna@example.com", "username": self.sub}
        said |= {"exp": until, "iss": EXPECTED.issuer}
        return token(without(head | (header or {})), without(said | claims), signs, padded=padded)

    def access(self, *, signs: Signs = BY_POOL, header: Any = None, **claims: Any) -> str:
        """The pool's access token."""
        head = {"kid": POOL_KID, "alg": "RS256"}
        said = {"sub": self.sub, "cognito:groups": list(self.groups), "iss": EXPECTED.issuer, "version": 2}
        said |= {"client_id": EXPECTED.client, "jti": "b", "token_use": "access", "scope": "openid"}
        said |= {"auth_time": self.now, "iat": self.now, "exp": self.now + 3600, "username": "anna"}
        return token(without(head | (header or {})), without(said | claims), signs, padded=False)

    def id_token(self) -> str:
        """The pool's token for the app client itself, as real as the access token."""
        said = {"token_use": "id", "aud": EXPECTED.client, "client_id": ..., "email": "anna@example.com"}
        return self.access(signs=by_rsa(OTHER_RSA), header={"kid": "id="}, **said)


def headers(data: str, access: str) -> Headers:
    """A request's headers as the load balancer sends them."""
    return [(DATA_HEADER, data), (ACCESS_HEADER, access), ("X-Amzn-Oidc-Identity", SUB)]


def header_of(sent: Headers) -> Callable[[str], str | None]:
    """Headers as an application gets them from a WSGI server: those of one name joined by commas."""
    found: dict[str, str] = {}
    for name, value in sent:
        key = name.lower()
        found[key] = f"{found[key]},{value}" if key in found else value
    return lambda name: found.get(name.lower())


Forge = Callable[[Issuers], Iterable[Headers]]


def _datas(*forged: Callable[[Issuers], str]) -> Forge:
    return lambda by: (headers(one(by), by.access()) for one in forged)


def _accesses(*forged: Callable[[Issuers], str]) -> Forge:
    return lambda by: (headers(by.data(), one(by)) for one in forged)


def _both(datas: Forge, accesses: Forge) -> Forge:
    return lambda by: (*datas(by), *accesses(by))


def _nothing(text: bytes) -> bytes:
    return b""


def _kids(by: Issuers) -> Iterable[Headers]:
    kids: tuple[Any, ...] = (
        "../",
        "../pool/.well-known/jwks.json",
        f"../alb/{KID}",
        f"..%2f{KID}",
        f"{KID}/../{KID}",
        f"{KID}?x=1",
        f"{KID}\n",
        f" {KID}",
        KID.upper(),
        KID.replace("-", ""),
        f"@127.0.0.1/{KID}",
        "",
        7,
        None,
        [KID],
        ...,
    )
    return (headers(by.data(header={"kid": kid}), by.access()) for kid in kids)


def _twice(by: Issuers) -> Iterable[Headers]:
    good, evil = by.data(), by.data(sub="someone else")
    for first, second in ((good, evil), (evil, good), (good, good)):
        yield [(DATA_HEADER, first), (DATA_HEADER, second), (ACCESS_HEADER, by.access())]
    mine, theirs = by.access(), by.access(**{"cognito:groups": ["admin"]})
    for first, second in ((mine, theirs), (theirs, mine), (mine, mine)):
        yield [(DATA_HEADER, good), (ACCESS_HEADER, first), (ACCESS_HEADER, second)]


def _underscores(by: Issuers) -> Iterable[Headers]:
    for data_name, access_name in (
        ("X_Amzn_Oidc_Data", "X_Amzn_Oidc_Accesstoken"),
        ("X-Amzn_Oidc-Data", ACCESS_HEADER),
        (DATA_HEADER, "X-Amzn-Oidc_Accesstoken"),
        ("x_amzn_oidc_data", ACCESS_HEADER),
    ):
        yield [(data_name, by.data()), (access_name, by.access())]


FORGED: dict[str, Forge] = {
    "none": _both(
        _datas(
            lambda by: by.data(header={"alg": "none"}, signs=_nothing),
            lambda by: by.data(header={"alg": "none"}),
            lambda by: by.data(header={"alg": "None"}),
            lambda by: by.data(signs=_nothing),
            lambda by: by.data(header={"alg": ...}),
        ),
        _accesses(
            lambda by: by.access(header={"alg": "none"}, signs=_nothing),
            lambda by: by.access(header={"alg": "none"}),
        ),
    ),
    "HS256 with the public key": _both(
        _datas(
            lambda by: by.data(header={"alg": "HS256"}, signs=by_secret(pem(ALB_KEY))),
            lambda by: by.data(signs=by_secret(pem(ALB_KEY))),
        ),
        _accesses(
            lambda by: by.access(header={"alg": "HS256"}, signs=by_secret(pem(POOL_KEY))),
            lambda by: by.access(signs=by_secret(pem(POOL_KEY))),
        ),
    ),
    "expired payload": _both(
        _datas(lambda by: by.data(exp=by.now), lambda by: by.data(exp=by.now - 86400)),
        _accesses(lambda by: by.access(exp=by.now)),
    ),
    "expired header": _datas(lambda by: by.data(header={"exp": by.now})),
    "no exp": _both(
        _datas(
            lambda by: by.data(exp=...),
            lambda by: by.data(header={"exp": ...}),
            lambda by: by.data(exp=str(by.now + 99)),
            lambda by: by.data(exp=float("inf")),
            lambda by: by.data(header={"exp": True}),
            lambda by: by.data(exp=None),
        ),
        _accesses(lambda by: by.access(exp=...), lambda by: by.access(exp=float("nan"))),
    ),
    "other key": _both(
        _datas(lambda by: by.data(signs=by_ec(OTHER_EC)), lambda by: by.data(signs=by_rsa(POOL_KEY))),
        _accesses(
            lambda by: by.access(signs=by_rsa(OTHER_RSA)),
            lambda by: by.access(header={"kid": "unknown="}, signs=by_rsa(OTHER_RSA)),
            lambda by: by.access(header={"kid": ..., "jwk": json.loads(key_set(x=OTHER_RSA))["keys"][0]}),
        ),
    ),
    "signer": _datas(
        lambda by: by.data(header={"signer": EXPECTED.alb[:-1] + "9"}),
        lambda by: by.data(header={"signer": EXPECTED.alb.replace(ACCOUNT, "210987654321")}),
        lambda by: by.data(header={"signer": [EXPECTED.alb]}),
        lambda by: by.data(header={"signer": ...}),
        lambda by: by.data(header={"signer": ...}, signer=EXPECTED.alb),
    ),
    "client": _both(
        _datas(lambda by: by.data(header={"client": "another"}), lambda by: by.data(header={"client": ...})),
        _accesses(
            lambda by: by.access(client_id="another"),
            lambda by: by.access(client_id=..., aud=EXPECTED.client),
        ),
    ),
    "issuer": _both(
        _datas(
            lambda by: by.data(header={"iss": OTHER_POOL}),
            lambda by: by.data(iss=OTHER_POOL),
            lambda by: by.data(iss=...),
            lambda by: by.data(header={"iss": ...}),
        ),
        _accesses(lambda by: by.access(iss=EXPECTED.issuer + "/"), lambda by: by.access(iss=...)),
    ),
    "region": _datas(
        lambda by: by.data(header={"signer": ELSEWHERE}),
        # A key that only another region's host has.
        lambda by: by.data(
            header={"kid": "11111111-2222-4333-8444-555555555555"}, signs=by_ec(OTHER_EC), iss=EXPECTED.issuer
        ),
    ),
    "pool": _accesses(
        lambda by: by.access(iss=OTHER_POOL, header={"kid": "other="}, signs=by_rsa(OTHER_RSA)),
        lambda by: by.access(iss=OTHER_POOL),
    ),
    "id token for access token": _accesses(
        lambda by: by.id_token(),
        lambda by: by.data(),
        lambda by: by.access(token_use="id"),
        lambda by: by.access(token_use=...),
    ),
    "kid=../": _kids,
    "duplicate header": _twice,
    "underscore header": _underscores,
    "sub mismatch": _both(
        _datas(lambda by: by.data(sub="another"), lambda by: by.data(sub=...), lambda by: by.data(sub="")),
        _accesses(lambda by: by.access(sub="another"), lambda by: by.access(sub=[SUB])),
    ),
}
"""Requests that must be refused, by what is wrong with them."""

NEED_KEYS = {"none", "HS256 with the public key", "other key", "region"}
"""Kinds of which some cannot be told without a key."""
