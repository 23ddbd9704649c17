"""What rows say about themselves when they are curated: late and repeated ones, where a session came from
and ended, what an order was worth, and in which money that is counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_access.backends import Backends
from data_access.model import Scope
from tests.builders import EVERYONE, after, embedded, event, moment, period, read, table

Row = dict[str, Any]
DAY = timedelta(days=1)


def received(delay: timedelta, at: datetime | None = None, **columns: Any) -> Row:
    """An event that came some time after it happened."""
    at = at or after()
    return event(at=at, received_at=at + delay, **columns)


def shares(
    backends: Backends, raw: dict[str, str], scope: Scope = EVERYONE
) -> tuple[float | None, float | None]:
    """Late and repeated rows in an answer's stamp."""
    stamp = backends.asking.ask("overview.kpis", raw, scope).stamp
    return stamp.late_share, stamp.duplicate_share


def quality(backends: Backends, **raw: str) -> tuple[int, int, int]:
    """Rows received, repeated and late."""
    (row,) = backends.asking.ask("data.quality", period() | raw, EVERYONE).rows
    return row["received"], row["duplicates"], row["late"]


# Late and repeated rows


def test_a_row_is_late_when_it_comes_more_than_a_day_after_its_event(tmp_path: Path) -> None:
    """An event a day; the last of them says that it came before it happened."""
    delays = [DAY, DAY + timedelta(milliseconds=1), timedelta(), timedelta(hours=-3)]
    backends = embedded(tmp_path, [received(delay, after(days=n)) for n, delay in enumerate(delays)])
    days = [period(f"2024-03-0{n + 1}") for n in range(4)]
    assert [shares(backends, day) for day in days] == [(0.0, 0.0), (1.0, 0.0), (0.0, 0.0), (0.0, 0.0)]


def test_shares_are_of_all_rows_received_repeated_ones_too(tmp_path: Path) -> None:
    """Five rows of three events: two repeated, three late, one of them both."""
    first = [received(DAY), received(2 * DAY, event_id="x"), received(3 * DAY, event_id="x")]
    backends = embedded(tmp_path, first)
    assert shares(backends, period()) == (2 / 3, 1 / 3)
    backends.lake.append(table([received(DAY, event_id="x"), received(2 * DAY)]))
    backends.lake.curate()
    assert quality(backends) == (5, 2, 3)
    assert shares(backends, period()) == (3 / 5, 2 / 5)
    assert len(read(backends, "events")) == 3


def test_rows_that_are_all_repeated_are_counted(tmp_path: Path) -> None:
    """Nothing is added, and yet the next answer knows of them."""
    once = event(event_id="x")
    backends = embedded(tmp_path, [once])
    backends.lake.append(table([once, once]))
    assert backends.lake.curate().added == 0
    assert quality(backends) == (3, 2, 0)


def test_the_same_id_on_another_site_is_no_repeat(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(event_id="x"), event(event_id="x", site="blog")])
    assert quality(backends) == (2, 0, 0)


def test_shares_are_of_the_sites_asked_for_and_allowed(tmp_path: Path) -> None:
    rows = [
        received(2 * DAY),
        received(DAY),
        event(site="blog", event_id="x"),
        event(site="blog", event_id="x"),
    ]
    backends = embedded(tmp_path, rows)
    assert shares(backends, period()) == (1 / 4, 1 / 4)
    assert shares(backends, period() | {"site": "shop"}) == (1 / 2, 0.0)
    assert shares(backends, period() | {"site": "blog"}) == (0.0, 1 / 2)
    assert shares(backends, period() | {"site": "shop,blog"}) == (1 / 4, 1 / 4)
    assert shares(backends, period(), Scope("x", frozenset({"blog"}))) == (0.0, 1 / 2)
    assert shares(backends, period() | {"site": "shop"}, Scope("x", frozenset({"blog"}))) == (None, None)


def test_other_filters_do_not_change_what_was_received(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [received(2 * DAY), event(country="DE", is_bot=True)])
    for more in ({}, {"country": "DE"}, {"bots": "only"}, {"where": "country=XX"}):
        assert shares(backends, period() | more) == (1 / 2, 0.0)


def test_no_rows_have_no_shares(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event()])
    assert shares(backends, period("2024-03-02")) == (None, None)


def test_a_row_counts_on_the_local_day_of_its_own_time(tmp_path: Path) -> None:
    """Kolkata's day begins at 18:30 UTC. The repeat says another time than the event that was first."""
    before, midnight = moment("2024-02-29 18:29:59.999"), moment("2024-02-29 18:30")
    last, over = moment("2024-03-01 18:29:59.999"), moment("2024-03-01 18:30")
    rows = [
        received(2 * DAY, before, event_id="x"),
        received(3 * DAY, midnight, event_id="x"),
        received(DAY, last),
        received(2 * DAY, over),
    ]
    backends = embedded(tmp_path, rows, time_zone="Asia/Kolkata")
    assert quality(backends, **period("2024-02-29")) == (1, 0, 1)
    assert quality(backends) == (2, 1, 1)
    assert quality(backends, **period("2024-03-02")) == (1, 0, 1)
    assert quality(backends, **period("2024-02-29", "2024-03-02")) == (4, 1, 3)


drawn = st.builds(
    lambda key, site, minute, delay: received(
        timedelta(hours=delay), after(minutes=minute), event_id=f"k{key}", site=site
    ),
    key=st.integers(0, 6),
    site=st.sampled_from(["shop", "blog"]),
    minute=st.integers(-900, 900),
    delay=st.sampled_from([0, 1, 23, 24, 25, 100]),
)


@settings(max_examples=3, deadline=None, derandomize=True, database=None)
@given(batches=st.lists(st.lists(drawn, min_size=1, max_size=6), min_size=1, max_size=3))
def test_any_rows_received_are_counted_once(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Row]]
) -> None:
    backends = embedded(tmp_path_factory.mktemp("drawn"))
    for batch in batches:
        backends.lake.append(table(batch))
        backends.lake.curate()
    rows = [row for batch in batches for row in batch]
    events = len({(row["site"], row["event_id"]) for row in rows})
    late = sum(row["received_at"] - row["ts"] > DAY for row in rows)
    whole = period("2024-02-29", "2024-03-03")
    assert quality(backends, **whole) == (len(rows), len(rows) - events, late)
    for site in ("shop", "blog"):
        of_site = [row for row in rows if row["site"] == site]
        assert quality(backends, **whole, site=site)[0] == len(of_site)


# Sessions


def session(backends: Backends) -> Row:
    (row,) = read(backends, "sessions").to_pylist()
    found: Row = row
    return found


CAMPAIGN = ("utm_source", "utm_medium", "utm_campaign")


def test_a_campaign_is_that_of_the_first_event_that_names_it(tmp_path: Path) -> None:
    rows = [
        event("start"),
        event(at=after(minutes=1), channel="Email", utm_source="news"),
        event(at=after(minutes=2), channel="Ads", utm_source="ad", utm_medium="cpc", utm_campaign="spring"),
        event(at=after(minutes=3), utm_medium="mail", utm_campaign="summer"),
    ]
    found = session(embedded(tmp_path, rows))
    assert found["entry_channel"] == "Email"
    assert [found[f"entry_{name}"] for name in CAMPAIGN] == ["news", "cpc", "spring"]


def test_a_late_first_event_changes_where_a_session_came_from(tmp_path: Path) -> None:
    def view(minute: int, word: str) -> Row:
        columns = {name: f"{name}-{word}" for name in (*CAMPAIGN, "channel", "referrer")}
        return event(at=after(minutes=minute), page_path=f"/{word}", **columns)

    names = ["entry_page", "entry_channel", "entry_referrer", *(f"entry_{name}" for name in CAMPAIGN)]
    backends = embedded(tmp_path, [view(10, "second"), view(20, "last")])
    for rows, first, last in (([view(0, "first")], "first", "last"), ([view(30, "end")], "first", "end")):
        backends.lake.append(table(rows))
        backends.lake.curate()
        found = session(backends)
        assert [found[name] for name in names] == [
            f"/{first}", f"channel-{first}", f"referrer-{first}", *(f"{name}-{first}" for name in CAMPAIGN)
        ]  # fmt: skip
        assert found["exit_page"] == f"/{last}"


def test_pages_are_found_by_where_their_session_began_and_ended(tmp_path: Path) -> None:
    """Also over midnight, on a day on which the session itself did not begin."""
    backends = embedded(
        tmp_path,
        [
            event(at="2024-03-01 23:50", page_path="/in", utm_campaign="spring"),
            event("buy", at="2024-03-02 00:05", page_path="/not-a-view"),
            event(at="2024-03-02 00:10", page_path="/out"),
            event("ping", at="2024-03-02 00:20", visitor_id=2),
        ],
    )
    for by, value in (("entry_page", "/in"), ("exit_page", "/out"), ("entry_utm_campaign", "spring")):
        raw = period("2024-03-02") | {"by": by}
        found = backends.asking.ask("events.mix", raw, EVERYONE).rows
        assert [(row["value"], row["events"]) for row in found] == [(value, 2), ("unknown", 1)]


# Orders and money


def test_an_order_says_what_its_first_event_with_it_says(tmp_path: Path) -> None:
    """The first event of an order has no revenue yet, the third corrects the second."""
    names = ("checkout_complete", "paid", "corrected")
    amounts: list[Row] = [{}, {"revenue": 9.5}, {"revenue": 1.0, "currency": "USD"}]
    rows = [
        event(name, after(hours=n), order_id="o1", visitor_id=n + 1, **amount)
        for n, (name, amount) in enumerate(zip(names, amounts, strict=True))
    ]
    (order,) = read(embedded(tmp_path, rows), "orders").to_pylist()
    assert (order["ts"], order["visitor_id"], order["is_bot"]) == (after(), 1, False)
    assert (order["revenue"], order["currency"]) == (9.5, "USD")


def bought(revenue: float | None, currency: str | None, **columns: Any) -> Row:
    return event("checkout_complete", revenue=revenue, currency=currency, **columns)


MONEY = [
    bought(10.0, "EUR", order_id="o1"),
    bought(10.0, "EUR", order_id="o1", at=after(hours=1)),
    bought(4.0, None, order_id="o2"),
    bought(2.5, ""),
    bought(None, "EUR"),
    bought(100.0, "USD", order_id="o3"),
    bought(7.0, "usd"),
    bought(50.0, "USD", site="us-shop", order_id="o1"),
    bought(1.0, None, site="us-shop"),
    bought(3.0, "EUR", site="us-shop"),
]


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    folder = Path(tmp_path_factory.mktemp("money"))
    return embedded(folder, MONEY, site_currencies="us-shop=USD")


@pytest.mark.parametrize(
    ("sites", "orders", "revenue", "foreign", "average"),
    [
        ("shop", 6, 16.5, 2, 5.5),
        ("us-shop", 3, 51.0, 1, 25.5),
        ("", 9, 19.5, 4, 4.875),
        ("shop,us-shop", 9, 19.5, 4, 4.875),
    ],
)
def test_revenue_is_in_the_sites_currency_and_other_orders_are_counted_apart(
    money: Backends, sites: str, orders: int, revenue: float, foreign: int, average: float
) -> None:
    """An event without a currency is in its site's; several sites are in the default one."""
    raw = period() | ({"site": sites} if sites else {})
    (row,) = money.asking.ask("products.kpis", raw, EVERYONE).rows
    assert (row["orders"], row["revenue"], row["foreign_orders"]) == (orders, revenue, foreign)
    assert row["average_order_value"] == pytest.approx(average)


def test_money_adds_up_to_the_cent(tmp_path: Path) -> None:
    prices = [0.1, 0.2, 1e15, 0.3, -1e15, 0.7]
    orders = [
        event("checkout_complete", after(seconds=number), order_id=f"o{number}", revenue=price)
        for number, price in enumerate(prices)
    ]
    found = embedded(tmp_path, orders).asking.ask("products.kpis", period(), EVERYONE)
    assert found.rows[0]["revenue"] == 1.3
