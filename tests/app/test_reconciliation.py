from __future__ import annotations

import csv
import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from app.factory import ASSETS, create_app
from data_access import moments
from data_access.aws.clients import Clients
from data_access.aws.counters import AwsCounters
from data_access.backends import Backends
from data_access.live import Sighting
from data_access.model import Scope
from data_access.ports import CurateResult
from data_access.realtime import minute_of
from data_access.reconciliation import Line, Report, Verdict
from pages import reconciliation
from pages.parts import minute_strip, verdict_lines, verdicts
from pages.parts.view import View
from tests.app.callbacks import URL, draw, elements
from tests.app.conftest import SAME, by_link, sign_in, with_people
from tests.app.live_parts import said
from tests.builders import embedded
from tests.door import Door, server_event, utc
from tests.forms import aws_on_files, door_of

PATH = "/reconciliation"
SINCE = datetime(2026, 3, 8, 12)  # noqa: DTZ001 - naive UTC
AGAIN = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@pytest.fixture
def live(tmp_path: Path) -> Backends:
    return embedded(tmp_path)


@pytest.fixture
def door(live: Backends) -> Door:
    return Door(live)


@pytest.fixture
def app(live: Backends) -> Any:
    return with_people(live)


@pytest.fixture
def client(app: Any, live: Backends) -> FlaskClient:
    return by_link(app, live)


def card(client: FlaskClient, name: str, search: str = "") -> str:
    """What a card says."""
    card_id = f"reconciliation-{name}"
    return said(json.loads(draw(client, card_id, search, PATH))["response"][card_id])


def verdict(client: FlaskClient, search: str = "") -> str:
    return card(client, "verdict", search)


def line(
    minute: int = 0, live: int = 1, final: int = 1, settled: bool = True, site: str = "shop", **causes: int
) -> Line:
    parts = {"duplicates": 0, "moved_in": 0, "moved_out": 0, "unreadable": 0} | causes
    at = SINCE + timedelta(minutes=minute)
    return Line(site, at, "page_view", live, final, settled=settled, **parts)


def report(*lines: Line, hours: int = 24, minutes: int = 30) -> Report:
    return Report(SINCE + timedelta(hours=hours, minutes=minutes), SINCE, lines, None)


def test_counts_that_agree(door: Door, client: FlaskClient) -> None:
    door.server()
    door.server(event_type="error")
    door.settle()
    text = verdict(client)
    assert re.search(r"The live counts and the lake agree: (\d) of \1 minutes?", text)
    assert "Every event that was counted live is in the lake, once." in text
    assert text.count("2") >= 2
    assert sums(text) == {"events counted live": 2, "events in the lake": 2}
    assert "live counts up to event 2 of 2 in the log, lake up to 2" in text


def test_of_a_stream_what_was_delivered_is_settled(tmp_path: Path) -> None:
    """The AWS form: a minute settles when the raw rows are younger by the time a delivery may take."""
    with aws_on_files(tmp_path) as opened:
        clock = [time.time() - 20 * 60]
        counters = AwsCounters(Clients(opened.settings), opened.settings.aws_name, lambda: clock[0])
        opened = replace(opened, counters=counters)
        door = door_of(opened, lambda: clock[0])
        for _ in range(2):
            door.server(timestamp=utc(moments.utc(int(clock[0] * 1e6))))
        while door.live.step():
            pass
        clock[0] += 20 * 60
        door.server()
        door.settle()
        text = verdict(by_link(with_people(opened), opened))
        assert "agree: 1 of 2 minutes" in text
        assert "1 minute settles: not every event has reached the lake" in text
        assert sums(text) == {"events counted live": 3, "events in the lake": 3}
        assert "in the log" not in text, "a stream is not one sequence"
        clock[0] -= 21 * 60
        door.server(timestamp=utc(moments.utc(int(clock[0] * 1e6))))
        while door.live.step():
            pass
        lost = verdict(by_link(create_app(opened), opened))
        assert "Live counts and lake disagree in 1 minute" in lost
        assert sums(lost)["unexplained"] == 1


def sums(text: str) -> dict[str, int]:
    """The terms of the equation that are not 0, by their words."""
    words = (
        "events counted live",
        "sent again",
        "moved in",
        "moved out",
        "unreadable",
        "still settling",
        "unexplained",
        "events in the lake",
    )
    found = {word: re.search(rf"{word} ([−+=]?) ?([\d,]+)", text) for word in words}
    numbers = {word: int(match[2].replace(",", "")) for word, match in found.items() if match}
    return {word: number for word, number in numbers.items() if number}


def test_causes_are_told(door: Door, client: FlaskClient) -> None:
    event = server_event(event_id=AGAIN)
    late = server_event(timestamp=utc(datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=25)))
    door.batch(event, event, event, late)
    door.settle()
    text = verdict(client)
    assert "In 1 minute they differ and every event is accounted for." in text
    assert sums(text) == {"events counted live": 4, "sent again": 2, "moved in": 1, "events in the lake": 1}
    lines = card(client, "lines")
    assert "shop page_view 4 1 2 1 0 0 0 Explained" in lines
    assert lines.endswith("1 line. CSV")


def test_minutes_that_are_not_over_settle(door: Door, client: FlaskClient) -> None:
    door.server()
    while door.live.step():
        pass
    text = verdict(client)
    assert "1 minute settles Not every event has reached the lake and the live counts yet." in text
    assert sums(text) == {"events counted live": 1, "still settling": 1}
    assert "Settling" in card(client, "lines", "?show=all")
    assert "No differences" in card(client, "lines"), "what settles is no difference yet"


def test_an_unexplained_difference_is_an_alert(door: Door, client: FlaskClient) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    door.server(timestamp=utc(now))
    minute = minute_of(now)
    twice = [Sighting(1, "shop", minute, "page_view")] * 2
    door.backends.counters.fold(door.backends.log.epoch, 0, 1, twice)
    door.settle()
    drawn = draw(client, "reconciliation-verdict", "", PATH)
    assert "Live counts and lake disagree in 1 minute" in verdict(client)
    assert [part["role"] for part in elements(drawn) if part.get("role")] == ["alert"]
    assert sums(verdict(client))["unexplained"] == 1
    assert "shop page_view 2 1 0 0 0 0 +1 Unexplained" in card(client, "lines", "?show=unexplained")


def test_without_events_from_the_log_the_page_says_so(live: Backends, client: FlaskClient) -> None:
    text = draw(client, "reconciliation-verdict", "", PATH)
    assert "Nothing has come through the log in the last 24 hours" in text
    assert "connect" in text
    assert card(client, "hours") == card(client, "lines") == ""


CAUSES = st.fixed_dictionaries(
    {name: st.integers(0, 9) for name in ("duplicates", "moved_in", "moved_out", "unreadable")}
)
LINES = st.builds(
    lambda minute, live, final, settled, causes: line(minute, live, final, settled, **causes),
    st.integers(0, 1470),
    st.integers(0, 50),
    st.integers(0, 50),
    st.booleans(),
    CAUSES,
)


@given(st.lists(LINES, max_size=30))
def test_the_equation_always_holds(lines: list[Line]) -> None:
    found = verdicts.totals(lines)
    causes = found.duplicates + found.moved_in - found.moved_out + found.unreadable
    assert found.live - causes - found.on_the_way - found.unexplained == found.final


@given(st.lists(LINES, max_size=30))
def test_every_line_is_in_one_cell(lines: list[Line]) -> None:
    made = report(*lines)
    hours = verdicts.hours(made)
    assert len(hours) == 25
    assert [hour.at for hour in hours] == [SINCE + timedelta(hours=24 - n) for n in range(25)]
    assert sum(hour.live for hour in hours) == sum(line.live for line in lines)
    assert sum(len(hour.minutes) for hour in hours) == len({line.minute for line in lines})


def test_a_minute_has_its_worst_verdict() -> None:
    made = report(
        line(0),
        line(0, 2, 1, duplicates=1),
        line(1, settled=False),
        line(1, 2, 1, duplicates=1),
        line(2, 3, 1),
        line(2, settled=False),
        line(3),
    )
    assert [minute.verdict for minute in verdicts.minutes(made)] == [
        Verdict.EXPLAINED,
        Verdict.SETTLING,
        Verdict.UNEXPLAINED,
        Verdict.AGREES,
    ]


def test_cells_differ_in_more_than_colour_and_say_their_numbers(live: Backends) -> None:
    made = report(line(0), line(1, 1200, 1, duplicates=1199), line(2, 3, 1), line(3, settled=False))
    view = View(live, PATH, {}, Scope("tester"))
    drawn = json.dumps(
        minute_strip.strip(view, made, "Asia/Kolkata"), default=lambda part: part.to_plotly_json()
    )
    cells = [part for part in elements(drawn) if " live, " in str(part.get("title"))]
    assert [(cell["className"], cell["title"]) for cell in cells] == [
        ("sg-strip-agrees", "17:30: 1 live, 1 in the lake, agrees"),
        ("sg-strip-explained", "17:31: 1,200 live, 1 in the lake, explained"),
        ("sg-strip-unexplained", "17:32: 3 live, 1 in the lake, unexplained"),
        ("sg-strip-settling", "17:33: 1 live, 1 in the lake, settling"),
    ]
    rows = [part["aria-label"] for part in elements(drawn) if part.get("role") == "img"]
    assert rows[-1] == "1 unexplained, 1 settling, 1 explained, 1 agree"
    assert rows[:-1] == ["no events"] * 24
    css = (ASSETS / "css" / "reconciliation.css").read_text()
    looks = [re.findall(rf"\.sg-strip-key \.sg-strip-{verdict} {{([^}}]*)}}", css) for verdict in Verdict]
    assert len({look for (look,) in looks}) == len(Verdict)


def test_hours_lead_to_their_lines_and_back(live: Backends) -> None:
    made = report(line(0), line(60))
    view = View(live, PATH, {"hour": "2026-03-08T13", "show": "all"}, Scope("tester"))
    drawn = json.dumps(minute_strip.strip(view, made, "UTC"), default=lambda part: part.to_plotly_json())
    links = {part["children"]: part["href"] for part in elements(drawn) if "href" in part}
    assert links["Sun 12:00"] == f"{PATH}?hour=2026-03-08T12&show=all"
    assert links["Sun 13:00"] == f"{PATH}?show=all", "chosen again it is no longer chosen"
    current = [part["children"] for part in elements(drawn) if part.get("aria-current")]
    assert current == ["Sun 13:00"]


def test_lines_are_chosen_and_the_newest_first() -> None:
    lines = (line(0), line(1, 2, 1, duplicates=1), line(60, 5, 1), line(61, 2, 1, settled=False))

    def places(shown: str, hour: datetime | None = None) -> list[int]:
        found = verdict_lines.chosen(lines, shown, hour)
        return [int((one.minute - SINCE).total_seconds() / 60) for one in found]

    assert places("all") == [61, 60, 1, 0]
    assert places("differences") == [60, 1]
    assert places("unexplained") == [60]
    assert places("all", SINCE) == [1, 0]
    assert places("all", SINCE + timedelta(hours=1)) == [61, 60]


def test_at_most_five_hundred_lines_are_shown() -> None:
    lines = [line(number) for number in range(verdict_lines.MOST + 1)]
    drawn = json.dumps(verdict_lines.table(lines, "UTC"), default=lambda part: part.to_plotly_json())
    assert len([part for part in elements(drawn) if part.get("scope") == "row"]) == 500
    assert verdict_lines.count(lines).startswith("The newest 500 of 501 lines.")


def test_wrong_parameters_are_explained(door: Door, client: FlaskClient) -> None:
    door.server()
    door.settle()
    assert "it takes an hour in UTC such as 2026-03-09T12" in card(client, "lines", "?hour=noon")
    assert "it takes differences, unexplained, all" in card(client, "lines", "?show=none")


def test_an_hour_of_the_url_is_named_with_the_way_back(door: Door, client: FlaskClient) -> None:
    door.server()
    door.settle()
    now = datetime.now(UTC).replace(tzinfo=None)
    text = draw(client, "reconciliation-lines", f"?hour={now:%Y-%m-%dT%H}&show=all", PATH)
    assert f"Hour from {now.day} {now:%b %Y %H}:00" in text
    assert "Show all hours" in text


def test_nobody_sees_lines_of_sites_that_are_not_theirs(door: Door, app: Any, live: Backends) -> None:
    door.server()
    door.settle()
    found = live.documents.get("user", "vera")
    assert found is not None
    live.documents.put("user", "vera", {**found.value, "grants": {"blog": "viewer"}}, found.version)
    vera = sign_in(app, "vera")
    for search in ("", "?site=shop"):
        assert "Nothing has come through the log" in verdict(vera, search)
        assert "shop" not in card(vera, "lines", f"{search or '?x=1'}&show=all")
    live.documents.put("user", "vera", {**found.value, "grants": {"shop": "viewer"}}, found.version + 1)
    assert "agree: 1 of 1 minute" in verdict(sign_in(app, "vera"))
    assert "in the log" not in verdict(sign_in(app, "vera")), (
        "how much came of all sites is not theirs to know"
    )


def test_reports_are_shared_for_a_moment(door: Door, live: Backends) -> None:
    door.server()
    door.settle()
    now = [0.0]
    reports = reconciliation.Reports(lambda: now[0])
    view = View(live, PATH, {}, Scope("tester"))
    first = reports.get(view)
    assert reports.get(View(live, PATH, {"show": "all"}, Scope("other"))) is first
    assert reports.get(replace(view, scope=Scope("tester", frozenset({"blog"})))).lines == ()
    assert reports.get(replace(view, raw={"site": "blog"})).lines == ()
    now[0] = reconciliation.SHARED_SECONDS
    assert reports.get(view) is not first


def test_a_report_is_not_shared_over_a_recount(door: Door, live: Backends) -> None:
    door.server()
    while door.live.step():
        pass
    reports = reconciliation.Reports(lambda: 0.0)
    view = View(live, PATH, {}, Scope("tester"))
    assert reports.get(view).lines[0].verdict is Verdict.SETTLING
    door.settle()
    assert reports.get(view).lines[0].verdict is Verdict.AGREES


def recount(client: FlaskClient) -> Any:
    body = {
        "output": "recounted.children",
        "outputs": {"id": "recounted", "property": "children"},
        "inputs": [{"id": "recount", "property": "n_clicks", "value": 1}],
        "state": [],
        "changedPropIds": ["recount.n_clicks"],
    }
    return client.post(URL, json=body, headers=SAME)


def test_a_recount_brings_the_lake_up_to_date(door: Door, app: Any) -> None:
    door.server()
    while door.live.step():
        pass
    door.lake.drain()
    otto = sign_in(app, "otto")
    assert "1 minute settles" in verdict(otto)
    assert "Recounted: 1 event added on 1 day" in recount(otto).text
    assert "agree: 1 of 1 minute" in verdict(otto)
    assert "Recounted: nothing new" in recount(otto).text


def test_a_recount_needs_the_permission(app: Any) -> None:
    assert recount(sign_in(app, "vera")).status_code == 403
    assert "Recount" not in laid_out(sign_in(app, "vera"))
    assert "Recount" in laid_out(sign_in(app, "otto"))


def laid_out(client: FlaskClient) -> str:
    request = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [{"id": "url", "property": "pathname", "value": PATH}],
        "state": [{"id": "url", "property": "search", "value": ""}],
        "changedPropIds": ["url.pathname"],
    }
    return client.post(URL, json=request, headers=SAME).text


def test_a_recount_that_fails_says_so(
    door: Door, client: FlaskClient, live: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any) -> Any:
        raise OSError("disk is full")

    monkeypatch.setattr(type(live.lake), "curate", fail)
    text = recount(client).text
    assert "The recount did not work" in text
    assert "disk" not in text


def test_a_lake_that_changes_too_fast_is_told(
    door: Door, client: FlaskClient, live: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(live.lake).snapshot
    numbers = iter(range(10**6))

    def moving(self: Any) -> Any:
        found = real(self)
        return replace(found, tables=(("events", next(numbers)),))

    monkeypatch.setattr(type(live.lake), "snapshot", moving)
    monkeypatch.setattr(type(live.asking), "ask", lambda *_args: answer(live))
    text = draw(client, "reconciliation-verdict", "", PATH)
    assert "The answer did not arrive" in text
    assert "the lake changed while it was read" in text


def answer(live: Backends) -> Any:
    """An answer of no version there is."""
    made = live.warehouse.engine
    from data_access.model import Stamp

    stamp = Stamp("never", None, None, None, "UTC", made, 0, 0.0, False)
    return type("Answer", (), {"stamp": stamp, "rows": []})()


def test_counted_events_and_days_are_words() -> None:
    assert reconciliation.counted(CurateResult(0, 0, 0)) == "Recounted: nothing new"
    assert reconciliation.counted(CurateResult(9, 1234, 2)) == "Recounted: 1,234 events added on 2 days"


def test_the_csv_has_the_lines_that_are_shown(door: Door, client: FlaskClient) -> None:
    door.server(event_id=AGAIN)
    door.server(event_id=AGAIN)
    door.server(event_type="click")
    door.settle()
    drawn = draw(client, "reconciliation-lines", "?show=differences&site=shop", PATH)
    href = next(part["href"] for part in elements(drawn) if part.get("class") == "sg-csv")
    shown = rows(client.get(href))
    assert [(row["event_type"], row["live"], row["final"], row["duplicates"]) for row in shown] == [
        ("page_view", "2", "1", "1")
    ]
    assert shown[0]["verdict"] == "explained"
    assert shown[0]["minute"].endswith(":00.000Z")
    assert len(rows(client.get("/csv/reconciliation?show=all"))) == 2
    assert rows(client.get("/csv/reconciliation?show=all&site=other")) == []
    refused = client.get("/csv/reconciliation?hour=noon")
    assert refused.status_code == 400
    assert "it takes an hour in UTC" in refused.text


def rows(answer: TestResponse) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    assert answer.status_code == 200
    return list(csv.DictReader(answer.text.splitlines()))
