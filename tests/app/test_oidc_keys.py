from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from threading import Barrier

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app import oidc_keys
from app.alb import TokenError, Verifier
from app.oidc_keys import (
    MOST_BYTES,
    MOST_FAILURES,
    RETRY_SECONDS,
    TRUST_SECONDS,
    Kept,
    Keys,
    NoKeyError,
    fetch,
)
from tests.alb_tokens import (
    ALB_KEY,
    EXPECTED,
    JWKS,
    KID,
    NOW,
    OTHER_EC,
    OTHER_RSA,
    PATIENCE,
    POOL_KEY,
    POOL_KID,
    SUB,
    Clock,
    Issuers,
    by_ec,
    by_rsa,
    key_set,
    pem,
    verifier_of,
)
from tests.key_server import Answer, KeyServer, key_server

HASTE = 0.2
"""Seconds to wait for an answer that never comes."""
NEW_KID = "99999999-8888-4777-8666-555555555555"


@pytest.fixture
def server() -> Iterator[KeyServer]:
    with key_server() as found:
        yield found


@pytest.fixture
def by(server: KeyServer) -> Issuers:
    return Issuers(NOW, server)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(server: KeyServer, clock: Clock) -> Verifier:
    return verifier_of(server, clock)


def kid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def test_a_key_is_asked_for_once(by: Issuers, verifier: Verifier, server: KeyServer) -> None:
    for number in range(5):
        verifier.identity(by.data(nonce=number), by.access(nonce=number))
    assert sorted(server.paths) == [f"/alb/{KID}", JWKS]


def test_a_new_key_of_the_load_balancer_is_found(by: Issuers, verifier: Verifier, server: KeyServer) -> None:
    verifier.identity(by.data(), by.access())
    server.answers[f"/alb/{NEW_KID}"] = Answer(pem(OTHER_EC))
    verifier.identity(by.data(header={"kid": NEW_KID}, signs=by_ec(OTHER_EC)), by.access())
    verifier.identity(by.data(nonce=1), by.access())
    assert server.paths == [JWKS, f"/alb/{KID}", f"/alb/{NEW_KID}"]
    with pytest.raises(TokenError, match="not signed"):
        verifier.identity(by.data(header={"kid": NEW_KID}), by.access())


def test_a_new_key_of_the_pool_is_found_within_a_minute_and_the_old_one_goes(
    by: Issuers, verifier: Verifier, server: KeyServer, clock: Clock
) -> None:
    old = by.access()
    verifier.of_bearer(by.access(nonce=1))
    server.answers[JWKS] = Answer(key_set(**{"new=": OTHER_RSA}))
    new = by.access(header={"kid": "new="}, signs=by_rsa(OTHER_RSA))
    with pytest.raises(TokenError, match="a moment ago"):
        verifier.of_bearer(new)
    clock.now += 60
    assert verifier.of_bearer(new).sub == SUB
    assert server.paths == [JWKS, JWKS]
    with pytest.raises(TokenError):
        verifier.of_bearer(old)


def test_keys_are_asked_for_again_after_a_day(server: KeyServer, clock: Clock, by: Issuers) -> None:
    keys = Keys(f"{server.url}/alb", f"{server.url}/pool", clock)
    for _ in range(3):
        keys.of_alb(KID)
        keys.of_pool(POOL_KID)
    assert server.paths == [f"/alb/{KID}", JWKS]
    clock.now += TRUST_SECONDS
    server.answers.clear()
    with pytest.raises(NoKeyError):
        keys.of_alb(KID)
    with pytest.raises(NoKeyError):
        keys.of_pool(POOL_KID)


def test_a_flood_of_unknown_key_ids_asks_for_few_and_shuts_nobody_out(
    by: Issuers, verifier: Verifier, server: KeyServer, clock: Clock
) -> None:
    verifier.identity(by.data(), by.access())
    server.paths.clear()
    for number in range(1000):
        with pytest.raises(TokenError):
            verifier.identity(by.data(header={"kid": kid(number)}), by.access())
    assert len(server.paths) == MOST_FAILURES
    assert verifier.identity(by.data(nonce=1), by.access()).sub == SUB
    clock.now += 59
    with pytest.raises(TokenError, match="last minute"):
        verifier.identity(by.data(header={"kid": kid(1)}), by.access())
    clock.now += 1
    for number in range(1000):
        with pytest.raises(TokenError):
            verifier.identity(by.data(header={"kid": kid(number)}), by.access())
    assert len(server.paths) == 2 * MOST_FAILURES


def test_who_has_no_access_token_of_the_pool_cannot_make_us_ask_for_keys(
    by: Issuers, verifier: Verifier, server: KeyServer
) -> None:
    forged = by.access(signs=by_rsa(OTHER_RSA))
    for number in range(1000):
        with pytest.raises(TokenError):
            verifier.identity(by.data(header={"kid": kid(number)}), forged)
    assert server.paths == [JWKS]


def test_a_flood_of_unknown_key_ids_of_the_pool_asks_once(
    by: Issuers, verifier: Verifier, server: KeyServer
) -> None:
    for number in range(1000):
        with pytest.raises(TokenError):
            verifier.of_bearer(by.access(header={"kid": str(number)}, signs=lambda _: b"forged"))
    assert server.paths == [JWKS]
    assert verifier.of_bearer(by.access()).sub == SUB


@pytest.mark.parametrize("path", [f"/alb/{KID}", JWKS])
def test_many_at_once_who_need_the_same_key_ask_once(by: Issuers, server: KeyServer, path: str) -> None:
    keys = Keys(f"{server.url}/alb", f"{server.url}/pool")
    server.answers[path] = Answer(server.answers[path].body, manner="gated")
    ready = Barrier(13)

    def look(_: int) -> object:
        ready.wait(PATIENCE)
        return keys.of_pool(POOL_KID) if path == JWKS else keys.of_alb(KID)

    with ThreadPoolExecutor(12) as pool:
        found = pool.map(look, range(12))
        ready.wait(PATIENCE)
        assert server.asked.wait(PATIENCE)
        server.gate.set()
        assert len(set(map(id, found))) == 1
    assert server.paths == [path]


BAD: dict[str, Answer] = {
    "says nothing": Answer(manner="held"),
    "never ends": Answer(manner="dripping"),
    "breaks off": Answer(manner="broken"),
    "redirects": Answer(status=302, headers={"Location": "/good"}),
    "moved": Answer(status=301, headers={"Location": "/good"}),
    "not there": Answer(b"<Error>", 403),
    "out of order": Answer(b"sorry", 503),
    "a megabyte": Answer(b"x" * (1 << 20)),
    "empty": Answer(b""),
    "nonsense": Answer(b"\x00\xff{]"),
    "nested": Answer(b"[" * MOST_BYTES),
    "a list": Answer(b"[]"),
    "no list of keys": Answer(b'{"keys": 3}'),
    "keys that are none": Answer(b'{"keys": [3]}'),
    "half a key": Answer(b'{"keys": [{"kty": "RSA", "kid": "a", "n": 7}]}'),
    "a key without its number": Answer(b'{"keys": [{"kty": "RSA", "kid": "a", "e": "AQAB"}]}'),
    "no keys": Answer(b'{"keys": []}'),
    "a cut PEM": Answer(pem(ALB_KEY)[:60]),
    "an RSA key": Answer(pem(POOL_KEY)),
    "a key of another curve": Answer(pem(ec.generate_private_key(ec.SECP384R1()))),
}


@pytest.mark.parametrize("trouble", BAD)
@pytest.mark.parametrize("path", [f"/alb/{KID}", JWKS])
def test_a_key_server_in_trouble_lets_nobody_in_and_is_asked_again_later(
    by: Issuers, server: KeyServer, clock: Clock, trouble: str, path: str
) -> None:
    good = server.answers[path]
    server.answers |= {"/good": good, path: BAD[trouble]}
    verifier = verifier_of(server, clock, HASTE if BAD[trouble].manner in {"held", "dripping"} else PATIENCE)
    for _ in range(3):
        with pytest.raises(TokenError):
            verifier.identity(by.data(), by.access())
    assert server.paths.count(path) == 1
    assert "/good" not in server.paths
    server.answers[path] = good
    clock.now += RETRY_SECONDS
    assert verifier_again(verifier).identity(by.data(), by.access()).sub == SUB


def test_an_answer_that_never_ends_is_not_read_on(server: KeyServer) -> None:
    server.answers["/slow"] = BAD["never ends"]
    with pytest.raises(NoKeyError, match="took more than"):
        fetch(server.url, "/slow", HASTE)
    assert server.left.wait(PATIENCE)


def verifier_again(verifier: Verifier) -> Verifier:
    """The same, with time for an answer: the one that never came was waited for in haste."""
    verifier._keys._seconds = PATIENCE
    return verifier


@pytest.mark.parametrize("path", [f"/alb/{KID}", JWKS])
def test_an_answer_may_have_16_kb_and_not_a_byte_more(
    by: Issuers, server: KeyServer, clock: Clock, path: str
) -> None:
    good = server.answers[path].body.ljust(MOST_BYTES, b"\n")
    server.answers[path] = Answer(good + b"\n")
    with pytest.raises(TokenError, match="too long"):
        verifier_of(server, clock).identity(by.data(), by.access())
    server.answers[path] = Answer(good)
    assert verifier_of(server, clock).identity(by.data(), by.access()).sub == SUB


def test_a_key_server_that_is_down_lets_nobody_in(by: Issuers, clock: Clock) -> None:
    with key_server() as gone:
        pass
    with pytest.raises(TokenError, match="cannot be reached: ConnectionRefusedError"):
        verifier_of(gone, clock).identity(by.data(), by.access())


def test_a_key_server_has_three_seconds() -> None:
    assert Verifier(EXPECTED)._keys._seconds == oidc_keys.SECONDS == 3


def test_a_key_set_may_have_keys_that_are_not_for_us(
    by: Issuers, verifier: Verifier, server: KeyServer
) -> None:
    found = json.loads(key_set(**{POOL_KID: POOL_KEY, "other=": OTHER_RSA}))
    found["keys"][1]["use"] = "enc"
    found["keys"] += [{"kty": "EC", "kid": "ec="}, {"kty": "RSA"}, {"kty": "oct", "kid": POOL_KID, "k": "AA"}]
    server.answers[JWKS] = Answer(json.dumps(found).encode())
    assert verifier.of_bearer(by.access()).sub == SUB
    with pytest.raises(TokenError):
        verifier.of_bearer(by.access(header={"kid": "other="}, signs=by_rsa(OTHER_RSA)))


def test_a_short_key_of_the_pool_is_refused(by: Issuers, verifier: Verifier, server: KeyServer) -> None:
    short = rsa.generate_private_key(65537, 1024)
    server.answers[JWKS] = Answer(key_set(**{POOL_KID: short}))
    with pytest.raises(TokenError, match="InvalidKeyError"):
        verifier.of_bearer(by.access(signs=by_rsa(short)))


def test_a_server_nobody_vouches_for_is_not_believed(tmp_path: Path, by: Issuers, clock: Clock) -> None:
    with key_server(self_signed(tmp_path)) as server:
        server.answers |= by.server.answers
        with pytest.raises(TokenError, match="SSLCertVerificationError"):
            verifier_of(server, clock).identity(by.data(), by.access())
        assert server.paths == []


def self_signed(folder: Path) -> ssl.SSLContext:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=True)
        .sign(key, SHA256())
    )
    held = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "both.pem").write_bytes(held + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    return context


@pytest.mark.parametrize("name", ["../pool/.well-known/jwks.json", "", f"{KID}\n", KID.upper(), "x" * 36])
def test_what_is_no_uuid_is_no_path(server: KeyServer, clock: Clock, by: Issuers, name: str) -> None:
    with pytest.raises(NoKeyError, match="no UUID"):
        Keys(f"{server.url}/alb", f"{server.url}/pool", clock).of_alb(name)
    assert server.paths == []


def test_keys_come_from_the_hosts_of_the_regions() -> None:
    assert EXPECTED.alb_keys == "https://public-keys.auth.elb.eu-central-1.amazonaws.com"
    assert EXPECTED.issuer == "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab3dEfGh1"
    for url in ("http://public-keys.auth.elb.eu-central-1.amazonaws.com", "ftp://a", "file:///etc", "http:a"):
        with pytest.raises(ValueError, match="https only"):
            Keys(url, EXPECTED.issuer)
        with pytest.raises(ValueError, match="https only"):
            Keys(EXPECTED.alb_keys, url)


def test_what_is_kept_is_bounded_and_the_last_used_stays(clock: Clock) -> None:
    kept: Kept[int] = Kept(2, clock)
    kept.put("a", 1, NOW + 9)
    kept.put("b", 2, NOW + 9)
    assert kept.get("a") == 1
    kept.put("c", 3, NOW + 9)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    clock.now += 9
    assert [kept.get(key) for key in "abc"] == [None, None, None]


def test_the_keys_that_are_kept_are_bounded(
    server: KeyServer, by: Issuers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_keys, "MOST_KEYS", 2)
    keys = Keys(f"{server.url}/alb", f"{server.url}/pool", clock)
    server.answers |= {f"/alb/{kid(number)}": Answer(pem(ALB_KEY)) for number in range(3)}
    for number in (0, 1, 2, 2, 1, 0):
        keys.of_alb(kid(number))
    assert server.paths == [f"/alb/{kid(number)}" for number in (0, 1, 2, 0)]
