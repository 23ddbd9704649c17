"""Snowplow's web events through the real importer, against the tables that Snowplow expects of them.

Rows first: our sessions, page views and clients beside the vendor's, every difference an explained one.
Then the questions: they differ from the vendor's numbers by those rows and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.builders import read
from tests.contract import snowplow_web_rows as rows
from tests.contract.differences import Table, differences, explained
from tests.contract.real_data import Site, answers, imported
from tests.contract.snowplow_differences import EXPLAINED
from tests.shared_data import shared_data
from tests.snowplow import expected, moment

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Site:
    file = shared_data() / "snowplow_web" / "snowplow_web_events.csv.gz"
    folder = tmp_path_factory.mktemp("web")
    return imported(folder, file, "snowplow_web.toml", "2020-07-03", "2021-03-14")


# Row by row

TABLES: dict[str, tuple[Callable[[Site], Table], Callable[[], Table]]] = {
    "snowplow_web sessions": (lambda s: rows.web_sessions(s.backends), rows.their_web_sessions),
    "snowplow_web page views": (lambda s: rows.web_page_views(s.backends), rows.their_web_page_views),
    "snowplow_web users": (lambda s: rows.web_users(s.backends), rows.their_web_users),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_theirs_or_its_difference_is_explained(web: Site, name: str) -> None:
    ours, theirs = TABLES[name]
    assert differences(ours(web), theirs()) == explained(EXPLAINED[name])


# Questions


def visits(web: Site) -> list[dict[str, Any]]:
    """Our sessions that saw a page: what questions about page views look at."""
    found = read(web.backends, "sessions").to_pylist()
    return [row for row in found if row["page_views"]]


def test_the_web_figures(web: Site) -> None:
    (raw,), (theirs,) = answers("snowplow_web")["raw_totals"], answers("snowplow_web")["expected_totals"]
    events, ids, users, _, page_views, pings, _, _ = raw
    quality = web.table("data.quality", "received", "duplicates")
    assert quality == [[events, events - ids]]
    assert web.table("overview.kpis", "events", "clients") == [[ids, users]]
    repeated = 1  # of the three repeated events one is a page view
    assert web.table("traffic.kpis", "page_views") == [[page_views - repeated]]
    assert dict(web.mix("event_name", "events"))["page_ping"] == pings
    extra = explained(EXPLAINED["snowplow_web page views"]).values()
    assert page_views - repeated - sum("row" in difference for difference in extra) == theirs[0]


def test_the_web_times(web: Site) -> None:
    """The set's totals have the collector's times; the events' own are given by the extent."""
    (raw,) = answers("snowplow_web")["raw_totals"]
    received = sorted(row["received_at"] for row in rows.events_of(web.backends))
    assert [received[0], received[-1]] == [moment(raw[-2]), moment(raw[-1])]


def test_page_views_by_day(web: Site) -> None:
    ours = dict(web.series("day", "page_views", name="traffic.over_time"))
    ours = {day: n for day, n in ours.items() if n}
    theirs = dict(answers("snowplow_web")["page_views_by_day"])
    assert Counter(ours) - Counter(theirs) == more(web, lambda row: row["ts"].date().isoformat())


def test_top_pages(web: Site) -> None:
    """The expected answer is by URL; a page of ours is its path."""
    ours = dict(web.by("page_path", "page_views", event_type="page_view"))
    theirs = Counter(row["page_urlpath"] for row in expected("snowplow_web", "page_views"))
    by_url = Counter(row["page_url"] for row in expected("snowplow_web", "page_views"))
    assert answers("snowplow_web")["top_pages"] == [
        [url, n] for url, n in sorted(by_url.items(), key=lambda r: (-r[1], r[0]))[:20]
    ]
    assert Counter(ours) - theirs == more(web, lambda row: row["page_path"])
    assert not theirs - Counter(ours)


def more(web: Site, key: Callable[[Mapping[str, Any]], str]) -> Counter[str]:
    """The page views that only we have, by a value."""
    found = rows.web_page_views(web.backends)
    extra = explained(EXPLAINED["snowplow_web page views"])
    return Counter(key(found[event]) for event, difference in extra.items() if "row" in difference)


THEIR_COLUMN = {
    "entry_page": "first_page_urlpath",
    "entry_referrer": "referrer",
    "entry_utm_source": "mkt_source",
    "entry_utm_medium": "mkt_medium",
    "entry_utm_campaign": "mkt_campaign",
    "country": "geo_country",
}


@pytest.mark.parametrize("dimension", [*THEIR_COLUMN, "device", "entry_channel", "exit_page"])
def test_sessions_by_a_dimension_are_the_sessions_compared_above(web: Site, dimension: str) -> None:
    ours = dict(web.by(dimension, "sessions", event_type="page_view", sort="sessions"))
    assert ours == Counter(row[dimension] or "unknown" for row in visits(web))


@pytest.mark.parametrize("dimension", THEIR_COLUMN)
def test_sessions_by_a_dimension_differ_by_the_explained_sessions_only(web: Site, dimension: str) -> None:
    differing = explained(EXPLAINED["snowplow_web sessions"])
    apart = {s for s, columns in differing.items() if columns.keys() - {"entry_channel", "device"}}
    key = {row["session_key"]: rows.short(row["session_id"]) for row in rows.events_of(web.backends)}
    found = dict(web.by(dimension, "sessions", event_type="page_view"))
    ours = Counter(found)
    ours.subtract(row[dimension] or "unknown" for row in visits(web) if key[row["session_key"]] in apart)
    same = [
        row
        for row in expected("snowplow_web", "sessions")
        if rows.short(row["domain_sessionid"]) not in apart
    ]
    assert len(same) == 11
    assert +ours == Counter(row[THEIR_COLUMN[dimension]] or "unknown" for row in same)


@pytest.mark.parametrize(
    ("answer", "column"),
    [
        ("sessions_by_country", "geo_country"),
        ("sessions_by_landing_page", "first_page_urlpath"),
        ("sessions_by_referrer_medium", "refr_medium"),
    ],
)
def test_the_expected_answers_about_sessions_are_those_of_the_sessions_compared(
    answer: str, column: str
) -> None:
    theirs = Counter(row[column] or None for row in expected("snowplow_web", "sessions"))
    assert answers("snowplow_web")[answer] == [
        [value, n] for value, n in sorted(theirs.items(), key=lambda item: (-item[1], item[0] or ""))
    ]


def test_no_event_has_a_referrer_medium(web: Site) -> None:
    assert web.mix("properties.refr_medium", "events") == [["unknown", 157]]


def test_no_expected_answer_is_forgotten() -> None:
    """Each of them stands in a test above."""
    assert answers("snowplow_web").keys() == {
        "raw_totals",
        "expected_totals",
        "page_views_by_day",
        "sessions_by_referrer_medium",
        "sessions_by_country",
        "top_pages",
        "sessions_by_landing_page",
    }
