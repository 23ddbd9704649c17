"""The whole app behind a load balancer with Cognito: who gets in, to what, and out again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from app import cognito
from app.alb import SESSION_COOKIES
from app.factory import create_app
from data_access import api_keys
from data_access.backends import Backends
from data_access.settings import SettingsError, load
from tests.alb_tokens import EXPECTED, FORGED, NOW, SUB, Clock, Headers, Issuers, headers, verifier_of
from tests.builders import embedded, event
from tests.key_server import KeyServer, key_server

HOST = "https://analytics.example.com"
DOMAIN = "streamgauge.auth.eu-central-1.amazoncognito.com"
COGNITO = {
    "sign_in": "cognito",
    "alb_arn": EXPECTED.alb,
    "cognito_pool": EXPECTED.pool,
    "cognito_client": EXPECTED.client,
    "cognito_domain": DOMAIN,
    "public_url": HOST,
}
SAME = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}
QUERY = "/v1/query?query_type=event_count&date_from=2024-03-01&date_to=2024-03-01"
PERIOD = "from=2024-03-01&to=2024-03-01&bots=in"


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    with key_server() as found:
        yield found


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """Two sites: three events of the shop, one of the blog."""
    events = [event("a"), event("b"), event("c"), event("canary", site="blog")]
    return embedded(tmp_path_factory.mktemp("lake"), events, **COGNITO)


@pytest.fixture(scope="module")
def server(backends: Backends, keys: KeyServer) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cognito, "verifier_of", lambda settings: verifier_of(keys, Clock()))
        return create_app(backends).server


@pytest.fixture
def client(server: Any) -> FlaskClient:
    found: FlaskClient = server.test_client()
    return found


def signed_in(keys: KeyServer, *groups: str) -> Headers:
    by = Issuers(NOW, keys, groups=groups)
    return headers(by.data(), by.access())


def test_who_is_in_a_group_gets_in_and_is_named(client: FlaskClient, keys: KeyServer) -> None:
    answer = client.get("/", headers=signed_in(keys, "site:shop:viewer"))
    assert answer.status_code == 200
    layout = client.get("/_dash-layout", headers=signed_in(keys, "site:shop:viewer")).get_data(as_text=True)
    assert "anna@example.com" in layout
    assert "Set-Cookie" not in answer.headers, "the app has no session of its own"


# A server drops headers with underscores, not the app: tests/app/test_alb_forged.py.
@pytest.mark.parametrize("kind", sorted(FORGED.keys() - {"underscore header"}))
def test_forged_tokens_get_nobody_in(client: FlaskClient, keys: KeyServer, kind: str) -> None:
    for sent in FORGED[kind](Issuers(NOW, keys)):
        # What a WSGI server makes of headers that come twice.
        joined: dict[str, str] = {}
        for name, value in sent:
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        for path in ("/", "/csv/explore.events", "/_dash-layout", "/v1/query?query_type=event_count"):
            assert client.get(path, headers=joined).status_code == 401, (kind, path)


def test_without_tokens_nothing_but_what_is_public(client: FlaskClient) -> None:
    assert client.get("/healthz").status_code == 200
    refused = client.get("/traffic")
    assert (refused.status_code, "Location" in refused.headers) == (401, False), "to lead on would never end"
    assert "Load the page anew" in refused.get_data(as_text=True)
    assert client.post("/sign-in", data={"name": "a", "password": "b"}, headers=SAME).status_code == 405
    assert client.get("/sign-in/link?token=a").status_code == 401
    assert client.get("/v1/query").headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("groups", [(), ("staff",), ("site:shop:king",), ("admins",)])
def test_who_has_no_role_is_told_so(client: FlaskClient, keys: KeyServer, groups: tuple[str, ...]) -> None:
    for path in ("/", "/findings", "/csv/explore.events"):
        answer = client.get(path, headers=signed_in(keys, *groups))
        assert (answer.status_code, "no group gives you a role" in answer.get_data(as_text=True)) == (
            403,
            True,
        )


def rows(client: FlaskClient, sent: Any, question: str = "explore.events") -> list[str]:
    answer = client.get(f"/csv/{question}?{PERIOD}", headers=sent)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True).splitlines()[1:]


def test_roles_hold_on_their_sites_only(client: FlaskClient, keys: KeyServer) -> None:
    analyst = signed_in(keys, "site:shop:analyst")
    assert len(rows(client, analyst)) == 3
    assert not any("canary" in row for row in rows(client, analyst))
    assert len(rows(client, signed_in(keys, "site:*:analyst"))) == 4
    assert len(rows(client, signed_in(keys, "admin"))) == 4
    viewer = signed_in(keys, "site:shop:viewer")
    assert client.get(f"/csv/explore.events?{PERIOD}", headers=viewer).status_code == 403


def test_who_sees_all_sites_exports_those_they_may(client: FlaskClient, keys: KeyServer) -> None:
    both = signed_in(keys, "site:*:viewer", "site:blog:analyst")
    (only,) = rows(client, both)
    assert "canary" in only
    seen = client.get(QUERY, headers=both)
    assert seen.get_json()["results"][0]["count"] == 4


@pytest.mark.parametrize(
    ("groups", "status"),
    [(("site:shop:ops",), 403), (("site:*:ops",), 200), (("admin",), 200), (("site:*:analyst",), 403)],
)
def test_findings_are_for_who_has_a_role_everywhere(
    client: FlaskClient, keys: KeyServer, groups: tuple[str, ...], status: int
) -> None:
    assert client.get("/findings", headers=signed_in(keys, *groups)).status_code == status


def test_scripts_show_an_access_token_or_a_key(
    client: FlaskClient, keys: KeyServer, backends: Backends
) -> None:
    by = Issuers(NOW, keys, groups=("site:blog:viewer",))
    key = api_keys.make(backends.documents, "job", "viewer", ("shop",))
    counts = {
        token: client.get(QUERY, headers={"Authorization": f"Bearer {token}"}).get_json()["results"]
        for token in (by.access(), key)
    }
    assert [found[0]["count"] for found in counts.values()] == [1, 3]
    for wrong in (by.data(), by.id_token(), "sg_wrong", "", by.access(exp=NOW)):
        sent = [*signed_in(keys, "admin"), ("Authorization", f"Bearer {wrong}")]
        assert client.get(QUERY, headers=sent).status_code == 401, "the load balancer's headers do not count"
    assert client.get("/", headers={"Authorization": f"Bearer {by.access()}"}).status_code == 401


def test_signing_out_ends_both_sessions(client: FlaskClient, keys: KeyServer) -> None:
    for groups in ((), ("admin",)):
        sent = [*signed_in(keys, *groups), *SAME.items()]
        answer = client.post("/sign-out", headers=sent)
        where = urlsplit(answer.headers["Location"])
        assert (answer.status_code, where.scheme, where.netloc, where.path) == (
            303,
            "https",
            DOMAIN,
            "/logout",
        )
        assert parse_qs(where.query) == {"client_id": [EXPECTED.client], "logout_uri": [f"{HOST}/"]}
        ended = answer.headers.getlist("Set-Cookie")
        assert [one.partition("=")[0] for one in ended] == list(SESSION_COOKIES)
        assert all("Max-Age=0" in one and "Path=/" in one for one in ended)
    assert client.post("/sign-out", headers={"Origin": "https://evil.example"}).status_code == 403
    form = f"form-action 'self' https://{DOMAIN};"
    assert form in client.get("/healthz").headers["Content-Security-Policy"], "or the browser stays"


def test_a_session_that_ended_comes_back_to_its_page(client: FlaskClient, keys: KeyServer) -> None:
    ended = client.post("/_dash-update-component", headers=SAME)
    assert ended.status_code == 401, "session.js goes to the sign-in with it"
    sent = signed_in(keys, "admin")
    back = client.get("/sign-in?next=/traffic%3Fsite%3Dshop", headers=sent)
    assert back.headers["Location"] == "/traffic?site=shop"
    assert client.get("/sign-in?next=//evil.example", headers=sent).headers["Location"] == "/"


def test_nobody_is_remembered(client: FlaskClient, keys: KeyServer) -> None:
    assert client.get("/", headers=signed_in(keys, "admin")).status_code == 200
    assert client.get("/").status_code == 401


def test_why_a_token_was_refused_is_logged_and_not_the_token(
    client: FlaskClient, keys: KeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    by = Issuers(NOW, keys)
    client.get("/", headers=headers(by.data(exp=NOW), by.access()))
    assert "data token: the payload has expired" in caplog.text
    assert by.access()[:30] not in caplog.text
    assert SUB not in caplog.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sign_in": "none"}, "it takes local or cognito"),
        ({"alb_arn": ""}, "ALB_ARN is ''"),
        ({"alb_arn": EXPECTED.alb.replace("/app/", "/net/")}, "Application Load Balancer"),
        ({"cognito_pool": "pool"}, "COGNITO_POOL is 'pool'"),
        ({"cognito_client": ""}, "COGNITO_CLIENT"),
        ({"cognito_domain": "https://x.example"}, "a host without https://"),
        ({"public_url": "http://x.example"}, "PUBLIC_URL is needed"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, change: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        load(COGNITO | change | {"data_dir": tmp_path}, {})


def test_the_keys_come_from_the_region_of_the_settings(tmp_path: Path) -> None:
    verifier: Callable[..., Any] = cognito.verifier_of(load(COGNITO | {"data_dir": tmp_path}, {}))._keys
    assert verifier._alb_url == "https://public-keys.auth.elb.eu-central-1.amazonaws.com"
    assert verifier._pool_url == f"https://cognito-idp.eu-central-1.amazonaws.com/{EXPECTED.pool}"
