"""The access log through the real importer, against expected answers and against the log's lines by hand."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tests.contract.real_data import Site, answers, imported, requests
from tests.shared_data import shared_data

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Site:
    file = shared_data() / "apache_logs" / "apache_logs.gz"
    return imported(tmp_path_factory.mktemp("log"), file, None, "2015-05-17", "2015-05-20")


def test_apache_totals(log: Site) -> None:
    wanted = answers("apache_logs")["totals"][0]
    events, _, visitors, agents_, _, _, first, last, no_referrer = wanted
    assert log.table("overview.kpis", "events", "visitors") == [[events, visitors]]
    assert len(log.mix("properties.user_agent")) == agents_
    assert log.extent() == [first, last]
    assert ["unknown", no_referrer] in log.mix("referrer", "events")


@pytest.mark.parametrize(("answer", "interval"), [("daily", "day"), ("hourly", "hour")])
def test_apache_series(log: Site, answer: str, interval: str) -> None:
    wanted = [row[:2] for row in answers("apache_logs")[answer]]
    assert log.series(interval, "events") == wanted


def test_apache_paths_without_query(log: Site) -> None:
    """Ours have no query string; a path that never has one is as in the expected answer."""
    found = dict(log.mix("page_path", "events"))
    queried = {row["path"].partition("?")[0] for row in requests() if "?" in row["path"]}
    same = [
        row[:2] for row in answers("apache_logs")["top20_paths"] if row[0].partition("?")[0] not in queried
    ]
    assert len(same) >= 10
    assert [[path, found[path]] for path, _ in same] == same
    counted = Counter(row["path"].partition("?")[0] for row in requests())
    assert {path: n for path, n in found.items() if n >= 30} == {p: n for p, n in counted.items() if n >= 30}


def test_apache_pages_not_found(log: Site) -> None:
    rows = log.ask("explore.events", event_name="error", limit="1000")
    found = Counter(row["page_path"] for row in rows if json.loads(row["properties"])["status"] == 404)
    counted = Counter(row["path"].partition("?")[0] for row in requests() if row["status"] == 404)
    assert found == counted
    assert found.most_common(2) == [tuple(row) for row in answers("apache_logs")["top10_404"][:2]]


NO_PAGE = (
    r"\.(css|js|ttf|woff|png|jpe?g|gif|ico|txt|xml|json|rss|zip|gz|tgz|bz2|rar|jar|exe|iso|deb|rpm|mp3|svg)$"
)
"""The static files that this log has."""


def is_page(row: dict[str, Any]) -> bool:
    """Whether a request is a page view: read, without fault, and of no static file."""
    good = row["status"] < 400 and row["method"] in ("GET", "HEAD")
    return good and not re.search(NO_PAGE, path_of(row).lower())


def path_of(row: dict[str, Any]) -> str:
    path: str = row["path"]
    return path.partition("?")[0]


def visitor_of(row: dict[str, Any]) -> str:
    return f"{row['client_ip']}|{row['user_agent'] or '-'}"


def test_apache_pages_with_their_visitors(log: Site) -> None:
    views = [row for row in requests() if is_page(row)]
    viewed = Counter(map(path_of, views))
    visitors = Counter(path for path, _ in {(path_of(row), visitor_of(row)) for row in views})
    rows = log.by("page_path", "page_views", "visitors", event_type="page_view")
    found = {path: (views, people) for path, views, people in rows}
    assert found == {path: (n, visitors[path]) for path, n in viewed.items()}


def landings() -> list[set[str]]:
    """The pages each session began with, cut by hand: more than one where they share a second."""
    last: dict[str, datetime] = {}
    sessions: list[tuple[datetime | None, set[str]]] = []
    current: dict[str, int] = {}
    for row in sorted(requests(), key=lambda row: row["ts_utc"]):
        visitor, ts = visitor_of(row), row["ts_utc"]
        if visitor not in last or (ts - last[visitor]).total_seconds() > 1800:
            current[visitor] = len(sessions)
            sessions.append((None, set()))
        last[visitor] = ts
        first, pages = sessions[current[visitor]]
        if is_page(row) and first in (None, ts):
            sessions[current[visitor]] = (ts, pages | {path_of(row)})
    return [pages for _, pages in sessions]


def test_apache_landing_pages(log: Site) -> None:
    """Of the pages of one second any may be the first: all other sessions are counted exactly."""
    found = landings()
    assert [[len(found)]] == answers("apache_logs")["sessions_30min_by_ip_and_agent"]
    sure = Counter(page for pages in found if len(pages) == 1 for page in pages)
    tied = Counter(page for pages in found if len(pages) > 1 for page in pages)
    ours = Counter(dict(log.by("entry_page", "sessions", event_type="page_view")))
    assert not sure - ours
    assert not ours - sure - tied
    assert sum(ours.values()) == sum(1 for pages in found if pages)
    assert sum(len(pages) > 1 for pages in found) == 11
