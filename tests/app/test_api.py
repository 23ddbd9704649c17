"""The JSON API: what it answers, to whom, and that it is as its document says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from app.factory import create_app
from data_access import api_keys
from data_access.backends import Backends
from data_access.model import UsageError
from tests.builders import embedded, event
from tests.door import Door, server_event
from tests.forms import FORMS, Forms, aws_on_files, both_forms, door_of

DAY = date(2024, 3, 1)
PERIOD = {"date_from": "2024-03-01", "date_to": "2024-03-02"}


def at(hour: int, minute: int = 0, day: int = 1) -> datetime:
    return datetime(2024, 3, day, hour, minute)  # noqa: DTZ001 - naive UTC


EVENTS = [
    event("page_view", at(9), session_id="s1", country="DE"),
    event("page_view", at(9, 5), session_id="s1", country="DE"),
    event("add", at(10), session_id="s1", event_type="click", country="DE"),
    event("page_view", at(9, 1), session_id="s2", country=None, is_bot=True),
    event(
        "error",
        at(23, 59, 2),
        session_id="s2",
        event_type="error",
        source="web",
        user_id="u",
        properties={"message": "Boom", "code": "E1", "more": 1},
    ),
    event("page_view", at(0, 0, 3), session_id="s3", site="blog", country="FR"),
]


@pytest.fixture(scope="module", params=FORMS)
def backends(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    folder = tmp_path_factory.mktemp("api")
    if request.param == "embedded":
        yield embedded(folder, EVENTS)
    else:
        with aws_on_files(folder, EVENTS) as opened:
            yield opened


@pytest.fixture(scope="module")
def server(backends: Backends) -> Any:
    return create_app(backends).server


def client(server: Any, backends: Backends, role: str = "admin", sites: tuple[str, ...] | None = None) -> Any:
    found = server.test_client()
    found.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {api_keys.make(backends.documents, 'k', role, sites)}"
    return found


@pytest.fixture(scope="module")
def reader(server: Any, backends: Backends) -> FlaskClient:
    found: FlaskClient = client(server, backends)
    return found


def results(reader: FlaskClient, query_type: str, **more: str) -> Any:
    answer = reader.get("/v1/query", query_string={"query_type": query_type} | PERIOD | more)
    assert answer.status_code == 200, answer.text
    return answer.json["results"]


def test_event_count(reader: FlaskClient) -> None:
    assert results(reader, "event_count") == [
        {"event_type": "page_view", "count": 3},
        {"event_type": "click", "count": 1},
        {"event_type": "error", "count": 1},
    ]


def test_timeseries_is_never_cut(reader: FlaskClient) -> None:
    expected = [
        {"hour": "2024-03-01T09:00:00Z", "event_type": "page_view", "count": 3},
        {"hour": "2024-03-01T10:00:00Z", "event_type": "click", "count": 1},
        {"hour": "2024-03-02T23:00:00Z", "event_type": "error", "count": 1},
    ]
    assert results(reader, "timeseries") == results(reader, "timeseries", limit="1") == expected


def test_top_sessions(reader: FlaskClient) -> None:
    first = {
        "session_id": "s1",
        "event_count": 3,
        "session_start": "2024-03-01T09:00:00Z",
        "session_end": "2024-03-01T10:00:00Z",
        "distinct_event_types": 2,
        "site": "shop",
    }
    assert results(reader, "top_sessions", limit="1") == [first]
    assert [row["session_id"] for row in results(reader, "top_sessions")] == ["s1", "s2"]


def test_errors(reader: FlaskClient) -> None:
    (row,) = results(reader, "errors")
    assert row.pop("event_id") == EVENTS[4]["event_id"]
    assert row == {
        "timestamp": "2024-03-02T23:59:00Z",
        "session_id": "s2",
        "user_id": "u",
        "properties": {"message": "Boom", "code": "E1", "more": 1},
        "source": "web",
        "country": None,
        "message": "Boom",
        "code": "E1",
    }


def test_geographic_breakdown(reader: FlaskClient) -> None:
    assert results(reader, "geographic_breakdown") == [
        {"country": "DE", "events": 3, "sessions": 2},
        {"country": "unknown", "events": 2, "sessions": 2},
    ]


def test_filters(reader: FlaskClient) -> None:
    assert results(reader, "event_count", event_type="click") == [{"event_type": "click", "count": 1}]
    assert results(reader, "event_count", bots="out")[0] == {"event_type": "page_view", "count": 2}
    assert results(reader, "event_count", site="blog", date_to="2024-03-03") == [
        {"event_type": "page_view", "count": 1}
    ]


def test_what_is_said_about_an_answer(reader: FlaskClient) -> None:
    def ask(limit: str) -> Any:
        return reader.get(
            "/v1/query", query_string={"query_type": "event_count", "limit": limit} | PERIOD
        ).json

    answer = ask("2")
    assert (answer["rows_returned"], answer["truncated"]) == (2, True)
    assert (ask("3")["rows_returned"], ask("3")["truncated"]) == (3, False)
    assert (answer["date_from"], answer["date_to"]) == ("2024-03-01", "2024-03-02")
    assert answer["query_type"] == "event_count"
    assert answer["scanned_bytes"] >= 0
    assert answer["execution_ms"] > 0
    assert len({ask("2")["query_execution_id"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({}, "query_type takes event_count"),
        ({"query_type": "nonsense"}, "query_type takes"),
        ({"query_type": "event_count", "limit": "0"}, "1 to 1000"),
        ({"query_type": "timeseries", "limit": "x"}, "1 to 1000"),
        ({"query_type": "event_count", "date_from": "soon"}, "soon"),
        ({"query_type": "event_count", "date_from": "2024-03-02", "date_to": "2024-03-01"}, "2024-03-0"),
        ({"query_type": "event_count", "bots": "maybe"}, "bots"),
        ({"query_type": "event_count", "drop": "table"}, "drop is no parameter"),
    ],
)
def test_bad_queries_say_what_is_taken(reader: FlaskClient, query: dict[str, str], said: str) -> None:
    answer = reader.get("/v1/query", query_string=query)
    assert answer.status_code == 400
    assert said in answer.json["error"]


def test_without_a_key_or_a_session_nothing_is_answered(server: Any, backends: Backends) -> None:
    for path in ("/v1/query?query_type=event_count", "/v1/realtime"):
        for headers in ({}, {"Authorization": "Bearer sg_wrong"}, {"Authorization": "Basic x"}):
            answer = server.test_client().get(path, headers=headers)
            assert (answer.status_code, answer.json["success"]) == (401, False)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    key = api_keys.make(backends.documents, "short-lived", "viewer", None)
    header = {"Authorization": f"Bearer {key}"}
    assert server.test_client().get("/v1/realtime", headers=header).status_code == 200
    (kept,) = (one for one in api_keys.every(backends.documents) if one.name == "short-lived")
    api_keys.revoke(backends.documents, kept.id)
    assert server.test_client().get("/v1/realtime", headers=header).status_code == 401


def test_a_key_opens_the_api_only(server: Any, backends: Backends) -> None:
    holder = client(server, backends, "admin")
    assert holder.get("/v1/realtime").status_code == 200
    assert holder.get("/_dash-layout").status_code == 401


def test_a_key_kept_to_a_site_sees_no_other(server: Any, backends: Backends) -> None:
    holder = client(server, backends, sites=("blog",))
    wide = PERIOD | {"date_to": "2024-03-03"}
    assert results(holder, "event_count", **wide) == [{"event_type": "page_view", "count": 1}]
    assert results(holder, "event_count", site="shop", **wide) == []
    assert [row["session_id"] for row in results(holder, "top_sessions", **wide)] == ["s3"]
    assert results(holder, "errors", **wide) == []


def test_keys_are_kept_as_hashes_and_have_roles(backends: Backends) -> None:
    key = api_keys.make(backends.documents, "report", "analyst", ("shop",))
    assert key not in str(backends.documents.list(api_keys.KIND))
    (kept,) = (one for one in api_keys.every(backends.documents) if one.name == "report")
    assert (kept.role, kept.sites) == ("analyst", ("shop",))
    for bad in (("x", "king"), ("", "viewer"), ("x" * 65, "viewer")):
        with pytest.raises(UsageError):
            api_keys.make(backends.documents, *bad, None)
    with pytest.raises(UsageError, match="keys list"):
        api_keys.revoke(backends.documents, "nothing")


@pytest.fixture
def form() -> str:
    """Tests that are not marked run on the embedded form only."""
    return "embedded"


@pytest.fixture
def live(form: str, forms: Forms, tmp_path: Path) -> tuple[Door, Any]:
    door = door_of(forms.new(form, tmp_path))
    return door, create_app(door.backends).server


@both_forms
def test_realtime(live: tuple[Door, Any]) -> None:
    door, server = live
    reader = client(server, door.backends)
    empty = reader.get("/v1/realtime").json
    assert (empty["total_events"], empty["error_rate_pct"], empty["by_event_type"]) == (0, 0.0, {})
    assert [set(minute) for minute in empty["timeline"]] == [{"minute"}] * 5
    door.batch(server_event(), server_event(session_id="s2"), server_event(event_type="error"))
    door.live.step()
    door.backends.realtime.snapshot(fresh=0)
    answer = reader.get("/v1/realtime").json
    assert (answer["lookback_minutes"], answer["total_events"], answer["error_count"]) == (5, 3, 1)
    assert (answer["error_rate_pct"], answer["active_sessions"]) == (33.3, 2)
    assert answer["by_event_type"] == {"page_view": 2, "error": 1}
    minutes = [minute["minute"] for minute in answer["timeline"]]
    assert minutes == sorted(minutes)
    assert sum(minute.get("page_view", 0) for minute in answer["timeline"]) == 2
    assert (answer["stale"], answer["lag_seconds"]) == (False, 0)


@both_forms
def test_realtime_of_one_site(live: tuple[Door, Any]) -> None:
    door, server = live
    door.server()
    door.live.step()
    totals = {
        (sites, asked): client(server, door.backends, sites=sites)
        .get("/v1/realtime", query_string={"site": asked} if asked else {})
        .json["total_events"]
        for sites in (None, ("shop",), ("blog",))
        for asked in ("", "shop", "blog")
    }
    assert {key for key, n in totals.items() if n} == {
        (None, ""),
        (None, "shop"),
        (("shop",), ""),
        (("shop",), "shop"),
    }


def test_the_collector_is_in_front_of_the_app(live: tuple[Door, Any]) -> None:
    door, server = live
    visitor = server.test_client()
    answer = visitor.post("/v1/events", json=server_event(), headers={"X-Write-Key": door.key})
    assert (answer.status_code, answer.json["accepted"]) == (200, 1)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert visitor.post(f"/v1/events?key={door.key}&key=wrong", json=server_event()).status_code == 200
    assert visitor.post("/v1/events", json=server_event()).status_code == 401
    assert visitor.get("/v1/events").status_code == 405
    foreign = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site", "X-Write-Key": door.key}
    assert visitor.post("/clickstream", json={"eventName": "x"}, headers=foreign).status_code == 200
    assert door.backends.log.head() == 3


def test_a_fault_of_ours_is_500_and_tells_nothing(
    live: tuple[Door, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    door, server = live
    monkeypatch.setattr(door.backends.log, "append", lambda *_: 1 / 0)
    answer = server.test_client().post("/v1/events", json=server_event(), headers={"X-Write-Key": door.key})
    assert (answer.status_code, "division" in answer.text) == (500, False)
    assert "division by zero" in caplog.text


def test_too_large_a_body_is_not_read_to_its_end(tmp_path: Path) -> None:
    door = Door(embedded(tmp_path, intake_megabytes=1))
    server = create_app(door.backends).server
    body = b" " * 5_000_000
    answer = server.test_client().post("/v1/events", data=body, headers={"X-Write-Key": door.key})
    assert answer.status_code == 413


def test_the_tracker_may_run_in_other_sites_pages(server: Any) -> None:
    answer = server.test_client().get("/assets/tracker.js")
    assert answer.status_code == 200
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert "tracker.js" not in server.test_client().get("/sign-in").text


def test_everything_is_as_the_document_says(live: tuple[Door, Any]) -> None:
    """schemathesis: requests that fit the document and others that do not, each answer checked."""
    door, server = live
    reader = api_keys.make(door.backends.documents, "fuzz", "ops", None)
    schema = schemathesis.openapi.from_wsgi("/v1/openapi.json", server)
    tested = set()
    for result in schema.get_all_operations():
        operation = result.ok()
        tested.add(operation.path)
        writes = {"writeKey": []} in operation.definition.raw.get("security", [])
        _hold_to(operation, door.key if writes else reader)
    assert tested | {"/v1/openapi.json"} == set(schema.raw_schema["paths"])


CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
)


def _hold_to(operation: Any, key: str) -> None:
    """Send good and bad requests of one operation, and check every answer."""
    checks = [CHECKS.get_by_names([name])[0] for name in CHECKED]
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    good, bad = (operation.as_strategy(generation_mode=mode) for mode in modes)

    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=good | bad)
    def check(case: Any) -> None:
        response = case.call(headers={"Authorization": f"Bearer {key}"})
        case.validate_response(response, checks=checks)

    check()


def test_days_are_the_settings_zones(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at=at(23, 30))], time_zone="Europe/Berlin")
    reader = client(create_app(backends).server, backends)
    asked = {"query_type": "event_count", "date_from": str(DAY + timedelta(days=1)), "date_to": "2024-03-02"}
    assert reader.get("/v1/query", query_string=asked).json["results"] == [
        {"event_type": "page_view", "count": 1}
    ]
