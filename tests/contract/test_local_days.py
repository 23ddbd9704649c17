"""Local hours, days, weeks and months around changes of the clock, against Python's own calendar.

Two hours that share a local name are one row; an hour or day that the clock skips is a row of zeros. No
event is ever outside every row.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data_access.asking import Asking
from data_access.backends import Backends
from data_access.settings import WEEKDAYS, load
from data_access.site_settings import SiteSettings
from tests.builders import EVERYONE, embedded, event, moment

CHANGES = [
    ("Asia/Kolkata", "2023-12-31 18:30"),  # never changes; a new year at half past the hour
    ("America/New_York", "2024-03-10 07:00"),
    ("America/New_York", "2024-11-03 06:00"),
    ("Europe/Berlin", "2024-03-31 01:00"),
    ("Europe/Berlin", "2024-10-27 01:00"),
    ("Australia/Lord_Howe", "2024-04-06 15:00"),  # by half an hour
    ("Australia/Lord_Howe", "2024-10-05 15:30"),
    ("America/Havana", "2024-03-10 05:00"),  # there is no midnight
    ("America/Havana", "2024-11-03 05:00"),  # midnight comes twice
    ("Africa/Cairo", "2024-10-31 21:00"),  # the last hour of a day comes twice
    ("Pacific/Apia", "2011-12-30 10:00"),  # there is no 30 December
]
"""Zones, and the UTC time of a change of their clock."""

SITES = [f"s{number}" for number in range(len(CHANGES))]
AROUND = timedelta(days=3)
Row = dict[str, Any]


def local(at: datetime, zone: str) -> datetime:
    """What clocks show in a zone at a UTC time; both without a zone."""
    return at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def start_of(at: datetime, interval: str, week_start: int) -> datetime:
    """The first moment of the interval that a local time is in."""
    if interval == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    back = {"day": 0, "week": (at.weekday() - week_start) % 7, "month": at.day - 1}[interval]
    return datetime.combine(at.date() - timedelta(days=back), time())


def grid(first: date, last: date, interval: str, week_start: int) -> list[datetime]:
    """The intervals that the hours of some days, as a calendar counts them, are in."""
    hours = 24 * ((last - first).days + 1)
    times = (datetime.combine(first, time()) + timedelta(hours=n) for n in range(hours))
    return list(dict.fromkeys(start_of(at, interval, week_start) for at in times))


def _rows_around(site: str, zone: str, change: datetime, chance: random.Random) -> list[Row]:
    """Events at random, and at every full and half hour and a millisecond before and after."""
    halves = [change + timedelta(minutes=30 * n) for n in range(-60, 60)]
    edges = [at + timedelta(milliseconds=ms) for at in halves for ms in (-1, 0, 1)]
    seconds = int(AROUND.total_seconds())
    drawn = [change + timedelta(seconds=chance.randrange(-seconds, seconds)) for _ in range(150)]
    return [event(at=at, site=site, visitor_id=chance.randrange(6)) for at in edges + drawn]


@pytest.fixture(scope="module")
def rows() -> dict[str, list[Row]]:
    """The events of each site."""
    chance = random.Random(7)
    return {
        site: _rows_around(site, zone, moment(change), chance)
        for site, (zone, change) in zip(SITES, CHANGES, strict=True)
    }


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory, rows: dict[str, list[Row]]) -> Backends:
    return embedded(Path(tmp_path_factory.mktemp("days")), [row for some in rows.values() for row in some])


def asking(backends: Backends, zone: str, week_start: int) -> Asking:
    """The asking with every site in a zone, and weeks that begin on a day."""
    zones = ",".join(f"{site}={zone}" for site in SITES)
    given_ = {"site_time_zones": zones, "week_start": WEEKDAYS[week_start]}
    own = load(given_, {})
    return replace(backends.asking, settings=own, site_settings=SiteSettings(backends.documents, own))


def span(first: date, days: int) -> tuple[date, date, dict[str, str]]:
    """The first and last of some days, and the parameters that ask for them."""
    last = first + timedelta(days=days - 1)
    return first, last, {"from": str(first), "to": str(last), "bots": "in", "compare": "none"}


def inside(rows: list[Row], zone: str, first: date, last: date) -> list[Row]:
    return [row for row in rows if first <= local(row["ts"], zone).date() <= last]


def series(asked: Asking, raw: dict[str, str], interval: str) -> list[tuple[datetime, int, int]]:
    found = asked.ask("events.over_time", raw | {"interval": interval}, EVERYONE).rows
    return [(row["time"], row["events"], row["visitors"]) for row in found]


def expected(
    rows: list[Row], zone: str, first: date, last: date, interval: str, week_start: int
) -> list[tuple[datetime, int, int]]:
    by_start: dict[datetime, list[int]] = {at: [] for at in grid(first, last, interval, week_start)}
    for row in inside(rows, zone, first, last):
        by_start[start_of(local(row["ts"], zone), interval, week_start)].append(row["visitor_id"])
    return [(at, len(who), len(set(who))) for at, who in by_start.items()]


places = st.integers(0, len(CHANGES) - 1)
offsets = st.integers(-3, 2)
lengths = st.sampled_from([1, 1, 2, 3, 5])
intervals = st.sampled_from(["hour", "day", "week", "month"])
week_starts = st.sampled_from([WEEKDAYS.index(day) for day in ("monday", "sunday", "saturday")])
quick = settings(max_examples=20, deadline=None, derandomize=True, database=None)
APIA = len(CHANGES) - 1


def first_day(place: int, offset: int) -> date:
    zone, change = CHANGES[place]
    return local(moment(change), zone).date() + timedelta(days=offset)


@quick
@example(place=APIA, offset=-1, days=1, interval="hour", week_start=0)  # the skipped day alone
@example(place=APIA, offset=-3, days=5, interval="day", week_start=6)
@given(place=places, offset=offsets, days=lengths, interval=intervals, week_start=week_starts)
def test_a_series_is_the_calendars(
    lake: Backends,
    rows: dict[str, list[Row]],
    place: int,
    offset: int,
    days: int,
    interval: str,
    week_start: int,
) -> None:
    zone, site = CHANGES[place][0], SITES[place]
    first, last, raw = span(first_day(place, offset), days)
    found = series(asking(lake, zone, week_start), raw | {"site": site}, interval)
    assert found == expected(rows[site], zone, first, last, interval, week_start)


@quick
@given(place=places, offset=offsets, days=lengths, zone=st.sampled_from([zone for zone, _ in CHANGES]))
def test_a_period_holds_the_events_of_its_local_days(
    lake: Backends, rows: dict[str, list[Row]], place: int, offset: int, days: int, zone: str
) -> None:
    """Also of zones whose clock changes at another time, or does not."""
    site = SITES[place]
    first, last, raw = span(first_day(place, offset), days)
    asked = asking(lake, zone, 0)
    del raw["compare"]
    page = asked.ask("explore.events", raw | {"site": site, "limit": "1000"}, EVERYONE).rows
    assert sorted(row["event_id"] for row in page) == sorted(
        row["event_id"] for row in inside(rows[site], zone, first, last)
    )


@settings(quick, max_examples=15)
@given(place=places, offset=offsets, days=st.sampled_from([1, 3, 9]), week_start=week_starts)
def test_weekdays_and_hours_are_the_calendars(
    lake: Backends, rows: dict[str, list[Row]], place: int, offset: int, days: int, week_start: int
) -> None:
    zone, site = CHANGES[place][0], SITES[place]
    first, last, raw = span(first_day(place, offset), days)
    found = asking(lake, zone, week_start).ask("traffic.by_weekday_and_hour", raw | {"site": site}, EVERYONE)
    times = [local(row["ts"], zone) for row in inside(rows[site], zone, first, last)]
    counted = Counter((at.weekday(), at.hour) for at in times)
    weekdays = [(week_start + n) % 7 for n in range(7)]
    wanted = [(day, hour, counted[day, hour]) for day in weekdays for hour in range(24)]
    assert [(row["weekday"], row["hour"], row["events"]) for row in found.rows] == wanted


@settings(quick, max_examples=4)
@given(place=places, drawn=st.lists(st.integers(-200_000_000, 200_000_000), min_size=1), interval=intervals)
def test_any_events_around_a_change_are_where_the_calendar_has_them(
    place: int, drawn: list[int], interval: str
) -> None:
    zone, change = CHANGES[place]
    made = [event(at=moment(change) + timedelta(milliseconds=ms), site="s0") for ms in drawn]
    first, last, raw = span(first_day(place, -4), 9)
    with TemporaryDirectory() as folder:
        found = series(asking(embedded(Path(folder), made), zone, 6), raw | {"site": "s0"}, interval)
    assert found == expected(made, zone, first, last, interval, 6)
    assert sum(events for _, events, _ in found) == len(drawn)


DAYS = [
    ("America/New_York", "2024-03-10", 23, {1: 2, 2: 0, 3: 2}),
    ("America/New_York", "2024-11-03", 25, {0: 2, 1: 4, 2: 2}),
    ("Australia/Lord_Howe", "2024-04-07", 24.5, {0: 2, 1: 3, 2: 2}),
    ("Australia/Lord_Howe", "2024-10-06", 23.5, {1: 2, 2: 1, 3: 2}),
    ("America/Havana", "2024-11-03", 25, {0: 4, 1: 2}),
    ("America/Havana", "2024-03-10", 23, {0: 0, 1: 2}),
    ("Africa/Cairo", "2024-10-31", 25, {22: 2, 23: 4}),
    ("Asia/Kolkata", "2024-03-10", 24, {0: 2, 23: 2}),
    ("Pacific/Apia", "2011-12-30", 0, {0: 0, 23: 0}),
]
"""Zones, days, their hours, and half hours of some of those."""


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """An event at every half hour around each of the days, on a site of its own."""
    sites = [(f"s{n}", moment(day)) for n, (_, day, _, _) in enumerate(DAYS)]
    steps = [timedelta(minutes=30 * n) for n in range(-60, 120)]
    rows = [event(at=day + step, site=site) for site, day in sites for step in steps]
    return embedded(Path(tmp_path_factory.mktemp("halves")), rows)


@pytest.mark.parametrize("number", range(len(DAYS)))
def test_a_repeated_hour_is_one_row_and_a_skipped_one_is_empty(halves: Backends, number: int) -> None:
    """Nothing of a long day is lost, nothing of a short one is invented."""
    zone, day, hours, per_hour = DAYS[number]
    asked = asking(halves, zone, 0)
    raw = span(date.fromisoformat(day), 1)[2] | {"site": f"s{number}"}
    found = series(asked, raw, "hour")
    assert [at.hour for at, _, _ in found] == list(range(24))
    assert {hour: found[hour][1] for hour in per_hour} == per_hour
    assert sum(events for _, events, _ in found) == 2 * hours
    (whole,) = asked.ask("overview.kpis", raw, EVERYONE).rows
    assert whole["events"] == 2 * hours


def test_a_day_that_follows_a_skipped_one_is_compared_with_nothing_that_happened(tmp_path: Path) -> None:
    made = [event(at=moment("2011-12-28 12:00") + timedelta(hours=n), site="s0") for n in range(96)]
    asked = asking(embedded(tmp_path, made), "Pacific/Apia", 0)
    raw = {"from": "2011-12-31", "to": "2011-12-31", "bots": "in", "site": "s0"}
    (row,) = asked.ask("overview.kpis", raw, EVERYONE).rows
    assert (row["events"], row["events_previous"], row["events_change"]) == (24, 0, None)
