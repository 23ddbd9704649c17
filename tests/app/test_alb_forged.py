from __future__ import annotations

import json
import re
import time
import traceback
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.alb import TokenError, Verifier
from app.oidc_keys import Keys
from tests.alb_tokens import (
    BY_ALB,
    EXPECTED,
    FORGED,
    JWKS,
    KID,
    NEED_KEYS,
    NOW,
    SUB,
    Clock,
    Headers,
    Issuers,
    header_of,
    headers,
    token,
    verifier_of,
)
from tests.app.alb_app import ask, running
from tests.depth import examples
from tests.key_server import KeyServer, key_server


def test_there_are_sixteen_kinds() -> None:
    assert len(FORGED) == 16


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_refused_and_asks_for_nothing_but_the_expected_keys(
    kind: str,
) -> None:
    with key_server() as server:
        by = Issuers(NOW, server)
        for sent in FORGED[kind](by):
            verifier = verifier_of(server, Clock())
            asked = len(server.paths)
            assert_quotes_nothing(refusal(verifier, sent), sent)
            assert_expected(server)
            assert kind in NEED_KEYS or len(server.paths) == asked
            # It poisons nothing: the real tokens still count, and the forged ones still do not.
            assert verifier.identity(by.data(), by.access()).sub == SUB
            refusal(verifier, sent)


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "", "HS256", "ES384", "PS256", ["ES256"], ..., None, 7]
)
def test_another_algorithm_is_refused_without_a_key(algorithm: object) -> None:
    with key_server() as server:
        by, verifier = Issuers(NOW, server), verifier_of(server, Clock())
        for sent in (
            headers(by.data(header={"alg": algorithm}), by.access()),
            headers(by.data(), by.access(header={"alg": algorithm})),
        ):
            assert "alg is missing or not ours" in refusal(verifier, sent)
        assert server.paths == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("{0},{0}", "data token: sent twice"),
        ("{0}" + "A" * 16384, "data token: no token"),
        ("{0}.AAAA", "data token: no token"),
        (" {0}", "data token: no token"),
        ("", "data token: no token"),
    ],
)
def test_the_reason_says_what_was_sent_instead_of_a_token(said: str, reason: str) -> None:
    with key_server() as server:
        by = Issuers(NOW, server)
        sent = headers(said.format(by.data()), by.access())
        assert reason in refusal(verifier_of(server, Clock()), sent)


def test_the_reason_quotes_no_part_of_a_token_that_a_library_would_quote() -> None:
    with key_server() as server:
        by = Issuers(NOW, server)
        sent = headers(by.data(header={"crit": ["canary"], "canary": 1}), by.access())
        found = refusal(verifier_of(server, Clock()), sent)
        assert "data token: cannot be read (InvalidTokenError)" in found
        assert "canary" not in found


def refusal(verifier: Verifier, sent: Headers) -> str:
    """All that a log could say of why nobody is let in; empty when there was nothing to refuse."""
    try:
        assert verifier.of_headers(header_of(sent)) is None
    except TokenError as error:
        return "".join(traceback.format_exception(error))
    return ""


def assert_expected(server: KeyServer) -> None:
    alb = re.compile(r"/alb/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    assert all(path == JWKS or alb.fullmatch(path) for path in server.paths)


def assert_quotes_nothing(reason: str, sent: Headers) -> None:
    parts = {part for _, value in sent for part in re.split(r"[.,=]", value) if len(part) > 5}
    assert not [part for part in parts if part in reason]


NAMES = ["alg", "kid", "signer", "client", "iss", "exp", "sub", "token_use", "client_id", "b64", "crit"]
OURS = [
    EXPECTED.alb,
    EXPECTED.client,
    EXPECTED.issuer,
    "ES256",
    "RS256",
    "access",
    KID,
    SUB,
    NOW + 9,
    ["b64"],
]
VALUES = st.sampled_from(OURS) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
CLAIMS = st.dictionaries(st.sampled_from([*NAMES, "jti", "cognito:groups"]), VALUES) | VALUES
TOKENS = (
    st.builds(token, CLAIMS, CLAIMS, st.just(BY_ALB), padded=st.booleans())
    | st.text()
    | st.lists(st.binary(max_size=9).map(urlsafe_b64encode).map(bytes.decode), max_size=4).map(".".join)
)


@settings(max_examples=examples(200, 5000), deadline=None)
@given(TOKENS, TOKENS)
def test_whatever_is_sent_is_refused_and_nothing_else_happens(data: str, access: str) -> None:
    verifier = Verifier(EXPECTED, Keys("http://127.0.0.1:9", "http://127.0.0.1:9"), Clock())
    with pytest.raises(TokenError):
        verifier.identity(data, access)
    with pytest.raises(TokenError):
        verifier.of_bearer(access)


@pytest.fixture(scope="module")
def behind_gunicorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, KeyServer]]:
    with key_server() as keys, running(keys.url, tmp_path_factory.mktemp("alb")) as port:
        yield port, keys


@pytest.fixture
def real(behind_gunicorn: tuple[int, KeyServer]) -> tuple[int, Issuers]:
    """The port of the application, and issuers whose tokens last two minutes from this very moment."""
    port, keys = behind_gunicorn
    return port, Issuers(int(time.time()), keys)


def test_the_worker_lets_real_tokens_through(real: tuple[int, Issuers]) -> None:
    port, by = real
    status, body = ask(port, headers(by.data(), by.access()))
    assert status == 200
    assert json.loads(body) == {"name": "anna@example.com", "grants": {"shop": "analyst"}}
    assert set(json.loads(ask(port, [], "/asked")[1])) == {urlsplit(by.server.url).netloc}
    assert ask(port, [("Authorization", f"Bearer {by.access()}")])[0] == 200
    assert ask(port, [("Authorization", f"Bearer {by.id_token()}")])[0] == 401
    assert ask(port, [("X-Amzn-Oidc-Identity", SUB)])[0] == 401


@pytest.mark.parametrize("kind", FORGED)
def test_a_forged_token_is_401_behind_the_real_worker(real: tuple[int, Issuers], kind: str) -> None:
    port, by = real
    for sent in FORGED[kind](by):
        assert ask(port, sent)[0] == 401
    assert ask(port, headers(by.data(), by.access()))[0] == 200
    assert_expected(by.server)
    assert set(json.loads(ask(port, [], "/asked")[1])) <= {urlsplit(by.server.url).netloc}
