"""From text parameters to an answer: periods, zones, errors, stamps, exports and pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from data_access import comparison, conditions, segments
from data_access.asking import Asking, today_in
from data_access.backends import Backends
from data_access.model import Filters, Scope, UsageError
from data_access.questions import QUESTIONS
from tests.builders import EVERYONE, after, embedded, event, moment, period, table


@pytest.fixture(scope="module")
def berlin(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """A shop with Berlin days: an event at every full UTC hour of three stretches of days."""
    stretches = [
        (moment("2024-03-30 20:00"), 60),
        (moment("2024-10-26 20:00"), 60),
        (moment("2024-07-01"), 24),
    ]
    hours = [start + timedelta(hours=n) for start, count in stretches for n in range(count)]
    return embedded(
        Path(tmp_path_factory.mktemp("berlin")),
        [event(at=at) for at in hours],
        site_time_zones="shop=Europe/Berlin",
    )


def on(backends: Backends, day: date) -> Asking:
    """The asking as if it were ``day``."""
    return replace(backends.asking, today=lambda zone: day)


def days(asking: Asking, scope: Scope = EVERYONE, **raw: str) -> tuple[str, str]:
    found = asking.filters(raw, scope)
    return found.from_day.isoformat(), found.to_day.isoformat()


# Periods


def test_default_period_is_30_days_up_to_today_when_they_have_data(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at="2024-03-01 12:00")])
    assert days(on(backends, date(2024, 3, 1))) == ("2024-02-01", "2024-03-01")
    assert days(on(backends, date(2024, 3, 30))) == ("2024-03-01", "2024-03-30")


def test_default_period_is_the_last_30_days_that_have_data(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at="2024-03-01 12:00")])
    assert days(on(backends, date(2024, 3, 31))) == ("2024-02-01", "2024-03-01")


def test_default_period_of_no_data_ends_today(tmp_path: Path) -> None:
    assert days(on(embedded(tmp_path), date(2024, 3, 31))) == ("2024-03-02", "2024-03-31")


def test_default_period_looks_at_the_sites_asked_for_and_allowed(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at="2023-01-10", site="old"), event(at="2024-03-01")])
    asking = on(backends, date(2024, 3, 2))
    assert days(asking) == ("2024-02-02", "2024-03-02")
    assert days(asking, site="old") == ("2022-12-12", "2023-01-10")
    assert days(asking, Scope("x", frozenset({"old"}))) == ("2022-12-12", "2023-01-10")


def test_default_period_ends_on_a_local_day(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at="2024-03-01 23:30")], site_time_zones="shop=Europe/Berlin")
    asking = on(backends, date(2025, 1, 1))
    assert days(asking, site="shop")[1] == "2024-03-02"
    assert days(asking)[1] == "2024-03-01"


def test_a_site_named_by_a_condition_or_a_segment_has_its_own_calendar(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(at="2024-03-01 23:30")], site_time_zones="shop=Europe/Berlin")
    asking = on(backends, date(2025, 1, 1))
    segments.save(backends.documents, "ann", "Shop", conditions.read("site=shop"), shared=True)
    assert days(asking, where="site=shop;event_name!=x")[1] == "2024-03-02"
    assert days(asking, segment="shop")[1] == "2024-03-02"
    assert days(asking, where="site=shop|event_name!=x")[1] == "2024-03-01"
    assert days(asking, segment="!shop")[1] == "2024-03-01"


def test_a_day_given_alone_gets_the_other(tmp_path: Path) -> None:
    asking = on(embedded(tmp_path, [event(at="2024-03-01")]), date(2024, 3, 5))
    assert days(asking, to="2024-02-29") == ("2024-01-31", "2024-02-29")
    assert days(asking, **{"from": "2024-03-03"}) == ("2024-03-03", "2024-03-05")
    assert days(asking, **{"from": "2024-06-01"}) == ("2024-06-01", "2024-06-01")


def test_today_is_the_zones() -> None:
    assert today_in(ZoneInfo("Pacific/Kiritimati")) > today_in(ZoneInfo("Pacific/Niue"))


def test_the_previous_period_is_as_long_and_ends_the_day_before() -> None:
    found = comparison.before(Filters(date(2024, 3, 1), date(2024, 3, 7)), "previous")
    assert found is not None
    assert (found.from_day, found.to_day) == (date(2024, 2, 23), date(2024, 2, 29))


def test_the_end_day_is_inclusive_in_the_sites_zone(tmp_path: Path) -> None:
    times = ["2024-02-29 22:59:59.999", "2024-02-29 23:00", "2024-03-01 22:59:59.999", "2024-03-01 23:00"]
    backends = embedded(tmp_path, [event(at=at) for at in times], site_time_zones="shop=Europe/Berlin")
    rows = backends.asking.ask("explore.events", period() | {"site": "shop"}, EVERYONE).rows
    assert [row["ts"].isoformat(" ") for row in rows] == ["2024-03-01 22:59:59.999000", "2024-02-29 23:00:00"]


# Days that change the clock


@pytest.mark.parametrize(
    ("day", "events", "at_two"), [("2024-03-31", 23, 0), ("2024-10-27", 25, 2), ("2024-07-01", 22, 1)]
)
def test_days_of_23_and_25_hours(berlin: Backends, day: str, events: int, at_two: int) -> None:
    raw = period(day) | {"site": "shop", "interval": "hour"}
    hours = berlin.asking.ask("events.over_time", raw, EVERYONE).rows
    assert [row["time"].hour for row in hours] == list(range(24))
    assert sum(row["events"] for row in hours) == events
    assert hours[2]["events"] == at_two
    (whole,) = berlin.asking.ask("events.over_time", raw | {"interval": "day"}, EVERYONE).rows
    assert (whole["time"], whole["events"]) == (datetime.fromisoformat(day), events)


def test_without_a_site_days_are_those_of_the_default_zone(berlin: Backends) -> None:
    found = berlin.asking.ask("events.over_time", period("2024-07-01") | {"interval": "day"}, EVERYONE)
    assert (found.rows[0]["events"], found.stamp.time_zone) == (24, "UTC")


# Errors


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        (
            "overview",
            {},
            "'overview' is no question; it takes one of data.extent, data.values, data.quality, overview",
        ),
        ("overview.kpis", {"colour": "red"}, "overview.kpis takes no 'colour'; it takes bots, browser"),
        ("data.extent", {"from": "2024-01-01"}, "data.extent takes no 'from'; it takes site"),
        ("overview.kpis", {"from": "yesterday"}, "from='yesterday' is no day; write it as YYYY-MM-DD"),
        ("overview.kpis", {"to": "2024-02-30"}, "to='2024-02-30' is no day"),
        ("overview.kpis", {"to": "0001-01-01"}, "to=0001-01-01 is out of range"),
        (
            "overview.kpis",
            {"from": "2024-03-02", "to": "2024-03-01"},
            "from=2024-03-02 is after to=2024-03-01; swap them",
        ),
        ("overview.kpis", {"bots": "maybe"}, "bots='maybe'; it takes out, in or only"),
    ],
)
def test_errors_say_what_to_do(berlin: Backends, name: str, raw: dict[str, str], message: str) -> None:
    for way in (berlin.asking.ask, berlin.asking.export):
        with pytest.raises(UsageError) as raised:
            way(name, raw, EVERYONE)
        assert message in str(raised.value)


# Stamps and filters


def test_the_stamp_says_where_an_answer_comes_from(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event("a"), event("b", after(minutes=3))])
    stamp = backends.asking.ask("events.mix", period(), EVERYONE).stamp
    assert stamp.data_version == backends.lake.snapshot().key
    assert stamp.complete_to == after(minutes=3)
    assert (stamp.from_day, stamp.to_day, stamp.time_zone) == (date(2024, 3, 1), date(2024, 3, 1), "UTC")
    assert stamp.engine.startswith("DuckDB ")
    assert (stamp.rows, stamp.cached) == (2, False)
    assert stamp.milliseconds > 0
    assert backends.asking.ask("events.mix", period(), EVERYONE).stamp.cached


def test_a_question_about_no_period_has_none_in_its_stamp(berlin: Backends) -> None:
    stamp = berlin.asking.ask("data.extent", {}, EVERYONE).stamp
    assert (stamp.from_day, stamp.to_day) == (None, None)


def test_new_data_is_in_the_next_answer(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event()])
    first = backends.asking.ask("overview.kpis", period(), EVERYONE)
    backends.lake.append(table([event()]))
    assert backends.asking.ask("overview.kpis", period(), EVERYONE).stamp.cached
    backends.lake.curate()
    second = backends.asking.ask("overview.kpis", period(), EVERYONE)
    assert [a.rows[0]["events"] for a in (first, second)] == [1, 2]
    assert first.stamp.data_version != second.stamp.data_version


def test_filters_are_lists_with_escapes(berlin: Backends) -> None:
    raw = period() | {"country": r" DE ,FR,,DE", "page_path": r"/a\,b,/c", "bots": "only"}
    found = berlin.asking.filters(raw, EVERYONE)
    assert {part.name: part.values for part in found.where.parts} == {
        "country": ("DE", "FR"),
        "page_path": ("/a,b", "/c"),
    }
    assert found.bots == "only"


# Exports


def rows_of(batches: Any) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


OWN = {
    "funnel.steps": {"steps": "a,b"},
    "data.values": {"dimension": "country"},
    "sessions.timeline": {"session": "1"},
}


@pytest.fixture(scope="module")
def two_events(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    events = [event("a"), event("b", after(minutes=1), country="DE")]
    return embedded(tmp_path_factory.mktemp("two"), events)


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize("day", ["2024-03-01", "2020-01-01"])
def test_an_export_is_the_answer(two_events: Backends, name: str, day: str) -> None:
    """Also for an answer without rows: a first batch tells the columns."""
    raw = OWN.get(name, {}) | (period(day) if QUESTIONS[name].about_period else {})
    found = two_events.asking.ask(name, raw, EVERYONE)
    batches = list(two_events.asking.export(name, raw, EVERYONE).batches)
    assert batches[0].schema.names == found.columns
    assert pa.Table.from_batches(batches).to_pylist() == found.rows


def ties() -> list[dict[str, Any]]:
    """Events over two days, many at one moment, ids shared by sites, in no order."""
    found = [
        event(at=after(hours=9 * (n // 12)), event_id=f"e{n % 6}x{n // 12}", site=site)
        for n in range(36)
        for site in ("shop", "blog")
    ]
    distinct = {(row["site"], row["event_id"]): row for row in found}
    return sorted(distinct.values(), key=lambda row: str(row["event_id"])[::-1])


def expected_order(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    ordered = sorted(rows, key=lambda row: (row["ts"], row["event_id"], row["site"]), reverse=True)
    return [(row["event_id"], row["site"]) for row in ordered]


def names(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(row["event_id"], row["site"]) for row in rows]


TWO_DAYS = period("2024-03-01", "2024-03-02")


def test_an_export_of_events_has_every_row_in_order(tmp_path: Path) -> None:
    backends = embedded(tmp_path, ties())
    found = rows_of(backends.asking.export("explore.events", TWO_DAYS | {"limit": "5"}, EVERYONE).batches)
    assert names(found) == expected_order(ties())
    assert found == backends.asking.ask("explore.events", TWO_DAYS | {"limit": "1000"}, EVERYONE).rows


@pytest.mark.parametrize("size", [1, 5, 36])
def test_pages_walk_all_rows_once_down_and_up(tmp_path: Path, size: int) -> None:
    backends = embedded(tmp_path, ties())
    asked = TWO_DAYS | {"limit": str(size)}

    def page(**cursor: str) -> list[dict[str, Any]]:
        return backends.asking.ask("explore.events", asked | cursor, EVERYONE).rows

    down, rows = [], page()
    while rows:
        assert len(rows) <= size
        down += rows
        rows = page(before=rows[-1]["cursor"])
    assert names(down) == expected_order(ties())

    up: list[dict[str, Any]] = down[-1:]
    while rows := page(after=up[0]["cursor"]):
        up = rows + up
    assert up == down
