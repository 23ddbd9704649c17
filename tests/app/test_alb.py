from __future__ import annotations

from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest

from app import alb
from app.alb import Expected, Identity, TokenError, Verifier, sign_out
from app.oidc_keys import TRUST_SECONDS, Keys
from tests.alb_tokens import (
    EXPECTED,
    NOW,
    SUB,
    Clock,
    Issuers,
    header_of,
    headers,
    verifier_of,
)
from tests.key_server import KeyServer, key_server


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


# Who is let in


def test_a_padded_token_of_the_load_balancer_and_an_access_token_say_who_is_asking(
    by: Issuers, verifier: Verifier
) -> None:
    data = [by.data(header={"more": "x" * length}) for length in range(3)]
    assert all(token.endswith("==") for token in data)
    assert {token.partition(".")[0].count("=") for token in data} == {0, 1, 2}
    for padded in data:
        found = verifier.identity(padded, by.access())
        assert found == Identity("anna@example.com", SUB, ("site:shop:analyst",))


def test_a_token_without_padding_counts_as_well(by: Issuers, verifier: Verifier) -> None:
    assert verifier.identity(by.data(padded=False), by.access()).sub == SUB


def test_somebody_in_no_group_has_none(by: Issuers, verifier: Verifier) -> None:
    assert verifier.identity(by.data(), by.access(**{"cognito:groups": ...})).groups == ()


@pytest.mark.parametrize("groups", ["admin", {"admin": 1}, [["admin"]], None])
def test_groups_of_another_shape_are_refused(by: Issuers, verifier: Verifier, groups: object) -> None:
    with pytest.raises(TokenError, match="groups"):
        verifier.identity(by.data(), by.access(**{"cognito:groups": groups}))


@pytest.mark.parametrize(
    ("data", "user_name", "name"),
    [
        ({}, "anna", "anna@example.com"),
        ({"email_verified": True}, "anna", "anna@example.com"),
        ({"email_verified": "false"}, "anna", "anna"),
        ({"email_verified": ["true"]}, "anna", "anna"),
        ({"email_verified": ...}, "anna", "anna"),
        ({"email": ...}, "anna", "anna"),
        ({"email": ..., "name": "local admin"}, "anna", "anna"),
        ({"email": "line\n@example.com"}, "anna", "anna"),
        ({"email_verified": "false"}, "boss@example.com", "user boss@example.com"),
        ({"email": ...}, "", SUB),
        ({"email": ...}, ..., SUB),
        ({"email": ...}, "line\nbreak", SUB),
    ],
)
def test_nobody_can_take_the_name_of_another(
    by: Issuers, verifier: Verifier, data: dict[str, object], user_name: object, name: str
) -> None:
    found = verifier.identity(by.data(**data), by.access(username=user_name))
    assert (found.name, found.sub) == (name, SUB)


def test_a_bearer_token_of_the_pool_says_who_is_asking(by: Issuers, verifier: Verifier) -> None:
    assert verifier.of_bearer(by.access()) == Identity("anna", SUB, ("site:shop:analyst",))
    with pytest.raises(TokenError):
        verifier.of_bearer(by.id_token())
    with pytest.raises(TokenError):
        verifier.of_bearer(by.data())


def test_who_sends_neither_header_is_nobody(verifier: Verifier, server: KeyServer) -> None:
    assert verifier.of_headers(header_of([("X-Amzn-Oidc-Identity", SUB)])) is None
    assert server.paths == []


@pytest.mark.parametrize("missing", [0, 1])
def test_one_header_without_the_other_is_refused(
    by: Issuers, verifier: Verifier, server: KeyServer, missing: int
) -> None:
    sent = headers(by.data(), by.access())
    del sent[missing]
    with pytest.raises(TokenError):
        verifier.of_headers(header_of(sent))
    assert server.paths == []


# What is remembered, and until when


def test_tokens_that_were_good_are_good_until_they_expire_and_no_longer(
    by: Issuers, server: KeyServer, clock: Clock
) -> None:
    keys_clock = Clock()
    keys = Keys(f"{server.url}/alb", f"{server.url}/pool", keys_clock)
    verifier = Verifier(EXPECTED, keys, clock)
    data, access = by.data(header={"exp": NOW + 60}), by.access(exp=NOW + 90)
    verifier.identity(data, access)
    asked = list(server.paths)
    server.answers.clear()
    keys_clock.now += 2 * TRUST_SECONDS  # no key is known any more: only what is remembered can answer
    clock.now = NOW + 59
    assert verifier.identity(data, access).sub == SUB
    assert verifier.of_bearer(access).sub == SUB
    clock.now = NOW + 60
    with pytest.raises(TokenError, match="the header has expired"):
        verifier.identity(data, access)
    assert verifier.of_bearer(access).sub == SUB
    clock.now = NOW + 90
    with pytest.raises(TokenError, match="the payload has expired"):
        verifier.of_bearer(access)
    assert server.paths == asked


def test_an_access_token_is_not_taken_for_a_data_token_that_was_good(by: Issuers, verifier: Verifier) -> None:
    data, access = by.data(), by.access()
    verifier.identity(data, access)
    for tokens in ((access, data), (access, access), (data, data)):
        with pytest.raises(TokenError):
            verifier.identity(*tokens)


def test_tokens_of_two_people_that_were_good_are_not_good_together(
    by: Issuers, verifier: Verifier, server: KeyServer
) -> None:
    other = Issuers(NOW, server, sub="another", groups=("admin",))
    mine, theirs = (by.data(), by.access()), (other.data(), other.access())
    verifier.identity(*mine)
    verifier.identity(*theirs)
    with pytest.raises(TokenError, match="different people"):
        verifier.identity(mine[0], theirs[1])


@pytest.mark.parametrize("kind", ["data", "access"])
def test_the_tokens_that_are_remembered_are_bounded(
    by: Issuers, server: KeyServer, clock: Clock, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alb, "MOST_REMEMBERED", 2)
    keys_clock = Clock()
    verifier = Verifier(EXPECTED, Keys(f"{server.url}/alb", f"{server.url}/pool", keys_clock), clock)
    data, access = [by.data(nonce=n) for n in range(3)], [by.access(nonce=n) for n in range(3)]
    for number in range(3):
        verifier.identity(data[number], access[number])
    server.answers.clear()
    keys_clock.now += 2 * TRUST_SECONDS
    assert verifier.identity(data[2], access[2]).sub == SUB
    with pytest.raises(TokenError, match=f"{kind} token: .*HTTP 404"):
        verifier.identity(data[2 * (kind == "access")], access[2 * (kind == "data")])


# Whose tokens count, and signing out


@pytest.mark.parametrize(
    "changes",
    [
        {"alb": EXPECTED.alb.replace("eu-central-1", "evil.example/eu-central-1")},
        {"alb": EXPECTED.alb.replace("eu-central-1", "")},
        {"alb": EXPECTED.alb.replace("arn:aws:", "arn:aws-cn:")},
        {"alb": EXPECTED.alb.replace("/app/", "/net/")},
        {"alb": f"{EXPECTED.alb}\n"},
        {"alb": ""},
        {"pool": "evil.example/eu-central-1_a"},
        {"pool": "eu-central-1"},
        {"pool": "eu-central-1_a/b"},
        {"pool": ""},
        {"client": ""},
    ],
)
def test_what_is_no_load_balancer_pool_or_client_is_refused(changes: dict[str, str]) -> None:
    named = {"alb": EXPECTED.alb, "pool": EXPECTED.pool, "client": EXPECTED.client}
    with pytest.raises(ValueError, match="no load balancer"):
        Expected(**named | changes)


def test_signing_out_ends_both_sessions() -> None:
    location, cookies = sign_out("login.example.com", "client+1", "https://app.example.com/")
    parts = urlsplit(location)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "login.example.com", "/logout")
    assert parse_qs(parts.query) == {"client_id": ["client+1"], "logout_uri": ["https://app.example.com/"]}
    found = SimpleCookie("".join(f"{cookie}\r\n" for cookie in cookies))
    assert set(found) == {f"AWSELBAuthSessionCookie-{shard}" for shard in range(4)}
    for cookie in found.values():
        assert (cookie.value, cookie["path"], cookie["max-age"], cookie["domain"]) == ("", "/", "0", "")
        assert cookie["secure"]
        assert cookie["httponly"]
