"""Real data through the real importer, questions against answers that nobody on this project computed.

``../shared/data/expected/*.json`` holds the answers; here stands which question gives each of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

from tests.builders import embedded
from tests.contract.real_data import Rows, Site, answers, imported, requests
from tests.shared_data import shared_data

pytestmark = pytest.mark.shared

SOURCES = {
    "retentioneering_ecom": ("ecom.csv.gz", "retentioneering.toml", "2024-01-04", "2024-06-29"),
    "otto_sample": ("events.parquet", "otto.toml", "2022-07-31", "2022-08-28"),
    "apache_logs": ("apache_logs.gz", None, "2015-05-17", "2015-05-20"),
}
ROLES = {
    "retentioneering_ecom": {
        "cart_events": "add_to_cart",
        "checkout_events": "shipping_details",
        "purchase_events": "purchase",
    },
    "otto_sample": {"view_events": "clicks", "cart_events": "carts", "purchase_events": "orders"},
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Site]:
    """Each data set, imported when it is first asked for."""
    found: dict[str, Site] = {}

    def site(name: str) -> Site:
        if name not in found:
            file, *rest = SOURCES[name]
            folder, path = tmp_path_factory.mktemp(name), shared_data() / name / file
            found[name] = imported(folder, path, *rest, **ROLES.get(name, {}))
        return found[name]

    return site


# retentioneering

ECOM = "product_view,add_to_cart,shipping_details,payment_details,purchase"
ECOM_CHANNELS = {"organic_search": "organic"}


def ecom_totals(site: Site) -> Rows:
    (row,) = site.table("overview.kpis", "events", "visitors", "sessions")
    return [row + site.extent()]


def each_step(column: str) -> Callable[[Site], Rows]:
    def answer(site: Site) -> Rows:
        found = {row[0]: row[1] for row in site.mix("event_name", column)}
        return [[found[name] for name in ECOM.split(",")]]

    return answer


def ecom_channels(site: Site) -> Rows:
    buying = {row[0]: row[1] for row in site.mix("channel", "sessions", event_name="purchase")}
    rows = site.mix("channel", "events", "visitors", "sessions")
    return [[ECOM_CHANNELS.get(row[0], row[0]), *row[1:], buying[row[0]]] for row in rows]


def ecom_daily(site: Site) -> Rows:
    bought = {row[0]: row[1] for row in site.series("day", "events", event_name="purchase")}
    return [[*row, bought.get(row[0], 0)] for row in site.series("day", "events", "visitors", "sessions")]


def hour_of_day(site: Site) -> Rows:
    hours: Counter[int] = Counter()
    for time, events in site.series("hour", "events"):
        hours[datetime.fromisoformat(time).hour] += events
    return [[hour, events] for hour, events in sorted(hours.items())]


def ecom_funnels() -> Iterator[tuple[str, Callable[[Site], Rows]]]:
    ways = {
        "any_order": {"order": "any", "window": "period"},
        "ordered": {"window": "period"},
        "1day": {"window": "1d"},
        "7day": {"window": "7d"},
    }
    for unit in ("user", "session"):
        for way, raw in ways.items():
            yield (
                f"funnel_{way}_{unit}_id",
                lambda site, raw=raw, unit=unit: site.funnel(ECOM, unit=unit, **raw),
            )


# OTTO and Apache

OTTO = "clicks,carts,orders"


def otto_totals(site: Site) -> Rows:
    (row,) = site.table("overview.kpis", "events", "visitors")
    return [[*row, len(site.mix("product_id")), *site.extent()]]


def otto_top(site: Site) -> Rows:
    """By article number, as the expected ties are."""
    rows = site.mix("product_id", "events", limit=20, event_name="orders")
    return sorted([[int(article), orders] for article, orders in rows], key=lambda r: (-r[1], r[0]))


def numbers(rows: Rows) -> Rows:
    return [[int(row[0]), *row[1:]] for row in rows]


def agents(rows: Rows) -> Rows:
    return [["-" if row[0] == "unknown" else row[0], *row[1:]] for row in rows]


def agents_but_of_the_broken_line(site: Site) -> Rows:
    """The importer takes the line that a strict parser drops; no other line has its agent."""
    (broken,) = (row["user_agent"] for row in requests() if row["line"] == 8899)
    found = dict(site.mix("properties.user_agent", "events"))
    return [[sum(agent != broken or events > 1 for agent, events in found.items())]]


ANSWERS: dict[str, dict[str, Callable[[Site], Rows]]] = {
    "retentioneering_ecom": {
        "totals": ecom_totals,
        "events_by_type": lambda s: s.mix("event_name", "events", "visitors", "sessions"),
        "sessions_30min": lambda s: s.table("overview.kpis", "sessions"),
        "funnel_each_user_id": each_step("visitors"),
        "funnel_each_session_id": each_step("sessions"),
        **dict(ecom_funnels()),
        "channels": ecom_channels,
        "platforms": lambda s: s.mix("device", "events", "visitors", "sessions"),
        "daily": ecom_daily,
        "hour_of_day": hour_of_day,
    },
    "otto_sample": {
        "totals": otto_totals,
        "by_type": lambda s: s.mix("event_name", "events", "visitors"),
        "funnel_any_order": lambda s: s.funnel(OTTO, order="any", window="period"),
        "funnel_ordered": lambda s: s.funnel(OTTO, window="period"),
        "funnel_within_1_day": lambda s: s.funnel(OTTO, window="1d"),
        "funnel_within_7_days": lambda s: s.funnel(OTTO, window="7d"),
        "sessions_30min": lambda s: s.table("overview.kpis", "sessions"),
        "top20_articles_by_orders": otto_top,
        "daily": lambda s: s.series("day", "events"),
    },
    "apache_logs": {
        "by_status": lambda s: numbers(s.mix("properties.status", "events")),
        "by_method": lambda s: s.mix("properties.method", "events"),
        "top10_agents": lambda s: agents(s.mix("properties.user_agent", "events", limit=10)),
        "top10_referrers": lambda s: s.mix("referrer", "events", limit=11)[1:],
        "sessions_30min_by_ip_and_agent": lambda s: s.table("overview.kpis", "sessions"),
        "distinct_agents_strict_parse": agents_but_of_the_broken_line,
        "bot_requests_simple": lambda s: [
            [s.ask("overview.kpis", bots=bots)[0]["events"] for bots in ("only", "in")]
        ],
    },
}

NOT_COVERED = {
    "retentioneering_ecom": {
        "funnel_ordered_strict_user_id",  # equal times do count as ordered
        "funnel_ordered_strict_session_id",
    },
    "apache_logs": {
        "top10_ips",  # addresses are not kept
        "sessions_30min_by_ip",
    },
}
"""No question gives these, for the reason beside them."""

# The same answers from the questions about traffic and products: (data set, answer, columns) and a question.


def weekly(site: Site) -> dict[tuple[int, int], int]:
    rows = site.ask("traffic.by_weekday_and_hour")
    return {(row["weekday"], row["hour"]): row["events"] for row in rows}


def hours_of_any_day(site: Site) -> Rows:
    hours: Counter[int] = Counter()
    for (_, hour), events in weekly(site).items():
        hours[hour] += events
    return [[hour, events] for hour, events in sorted(hours.items()) if events]


def hours_of_four_days(site: Site) -> Rows:
    """The log's four days are four days of the week, a Sunday first."""
    found = []
    for (weekday, hour), events in weekly(site).items():
        day = 17 + (weekday + 1) % 7
        if events:
            found.append([f"2015-05-{day}T{hour:02}:00:00", events])
    return sorted(found)


def steps_by_name(names: dict[str, str]) -> Callable[[Site], Rows]:
    def answer(site: Site) -> Rows:
        (row,) = site.ask("products.kpis")
        return [[name, row[metric]] for name, metric in names.items()]

    return answer


def otto_ordered(site: Site) -> Rows:
    rows = site.table("products.by", "value", "purchases", by="product_id", sort="purchases", limit="20")
    orders = sorted([int(article), n] for article, n in rows if n)
    return sorted(orders, key=lambda row: -row[1])


def otto_days(site: Site) -> Rows:
    steps = ("product_views", "add_to_carts", "purchases")
    return [[row[0], sum(row[1:])] for row in site.series("day", *steps, name="products.over_time")]


def traffic(*columns: str) -> Callable[[Site], Rows]:
    return lambda site: site.table("traffic.kpis", *columns)


AGAIN: dict[tuple[str, str, tuple[int, ...]], Callable[[Site], Rows]] = {
    ("retentioneering_ecom", "totals", (1, 2)): traffic("visitors", "sessions"),
    ("retentioneering_ecom", "sessions_30min", (0,)): traffic("sessions"),
    ("retentioneering_ecom", "platforms", (0, 2, 3)): lambda s: s.by("device", "visitors", "sessions"),
    ("retentioneering_ecom", "channels", (0, 2, 3)): lambda s: ecom_names(
        s.by("channel", "visitors", "sessions")
    ),
    ("retentioneering_ecom", "channels", (0, 3)): lambda s: ecom_names(s.by("entry_channel", "sessions")),
    ("retentioneering_ecom", "daily", (0, 2, 3)): lambda s: s.series(
        "day", "visitors", "sessions", name="traffic.over_time"
    ),
    ("retentioneering_ecom", "hour_of_day", (0, 1)): hours_of_any_day,
    ("otto_sample", "totals", (1,)): traffic("visitors"),
    ("otto_sample", "sessions_30min", (0,)): traffic("sessions"),
    ("otto_sample", "by_type", (0, 1)): steps_by_name(
        {"clicks": "product_views", "carts": "add_to_carts", "orders": "purchases"}
    ),
    ("otto_sample", "top20_articles_by_orders", (0, 1)): otto_ordered,
    ("otto_sample", "daily", (0, 1)): otto_days,
    ("apache_logs", "totals", (2,)): traffic("visitors"),
    ("apache_logs", "sessions_30min_by_ip_and_agent", (0,)): traffic("sessions"),
    ("apache_logs", "hourly", (0, 1)): hours_of_four_days,
}


def ecom_names(rows: Rows) -> Rows:
    return [[ECOM_CHANNELS.get(row[0], row[0]), *row[1:]] for row in rows]


@pytest.mark.parametrize(("dataset", "answer", "columns"), AGAIN)
def test_traffic_and_products_give_the_expected_answer_too(
    sites: Callable[[str], Site], dataset: str, answer: str, columns: tuple[int, ...]
) -> None:
    wanted = [[row[column] for column in columns] for row in answers(dataset)[answer]]
    assert sorted(AGAIN[dataset, answer, columns](sites(dataset))) == sorted(wanted)


def test_products_count_the_events_of_their_steps(sites: Callable[[str], Site]) -> None:
    wanted = {row[0]: row[1] for row in answers("retentioneering_ecom")["events_by_type"]}
    names = {
        "product_view": "product_views",
        "add_to_cart": "add_to_carts",
        "shipping_details": "checkout_starts",
        "purchase": "purchases",
    }
    found = steps_by_name(names)(sites("retentioneering_ecom"))
    assert found == [[name, wanted[name]] for name in names]


IN_PART = {"apache_logs": {"totals", "daily", "hourly", "top20_paths", "top10_404"}}
"""Tested in test_access_log_answers.py, without the columns of addresses and bytes, and query strings."""


@pytest.mark.parametrize(("dataset", "answer"), [(d, a) for d, found in ANSWERS.items() for a in found])
def test_answer_is_the_expected_one(sites: Callable[[str], Site], dataset: str, answer: str) -> None:
    assert ANSWERS[dataset][answer](sites(dataset)) == answers(dataset)[answer]


@pytest.mark.parametrize("dataset", ANSWERS)
def test_no_expected_answer_is_forgotten(dataset: str) -> None:
    known = ANSWERS[dataset].keys() | NOT_COVERED.get(dataset, set()) | IN_PART.get(dataset, set())
    assert known == answers(dataset).keys()


def test_otto_days_are_berlin_days(sites: Callable[[str], Site]) -> None:
    """The set's own days: Berlin's, two hours before UTC's; counted from the file by hand."""
    site = sites("otto_sample")
    berlin = ZoneInfo("Europe/Berlin")
    times = pq.read_table(shared_data() / "otto_sample" / "events.parquet")["ts"].to_pylist()
    wanted = Counter(datetime.fromtimestamp(ms / 1000, berlin).date().isoformat() for ms in times)
    settings = {"site_time_zones": "default=Europe/Berlin"}
    backends = embedded(site.backends.settings.data_dir.parent, **settings)
    local = Site(backends, "2022-08-01", "2022-08-28").series("day", "events", site="default")
    assert local == sorted([day, n] for day, n in wanted.items())
    assert sum(events for _, events in local) == answers("otto_sample")["totals"][0][0]
