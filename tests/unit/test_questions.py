"""Each question on a few events whose answer can be counted by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from data_access.backends import Backends
from data_access.model import Filters, Scope, UsageError
from data_access.questions import QUESTIONS
from data_access.questions.series import bucket_starts
from tests.builders import EVERYONE, after, embedded, event, moment, period

MARCH = {"from": "2024-03-01", "to": "2024-03-31"}
SHOP = [
    event("product_view", after(), client_id="c1", country="DE", login_state="guest", product_id="p1"),
    event("add_to_cart_click", after(minutes=1), client_id="c1", country="DE", properties={"size": "L"}),
    event("checkout_complete", after(minutes=2), client_id="c1", country="DE", order_id="o1", revenue=5.0),
    event("product_view", after(days=1), client_id="c2", visitor_id=2, country="FR", login_state="guest"),
    event("add_to_cart_click", after(days=1), client_id="c2", visitor_id=2, login_state="logged_in"),
    event("add_to_cart_click", after(days=1), visitor_id=3, login_state="", properties={"size": "L"}),
    event("product_view", after(days=1), visitor_id=9, is_bot=True),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    return embedded(Path(tmp_path_factory.mktemp("shop")), SHOP)


def ask(shop: Backends, name: str, **raw: str) -> list[dict[str, Any]]:
    defaults = MARCH if QUESTIONS[name].about_period else {}
    if QUESTIONS[name].metrics:
        defaults = defaults | {"compare": "none"}
    return shop.asking.ask(name, defaults | raw, EVERYONE).rows


def test_kpis(shop: Backends) -> None:
    assert ask(shop, "overview.kpis") == [
        {
            "events": 6,
            "clients": 2,
            "visitors": 3,
            "sessions": 3,
            "add_to_carts": 3,
            "purchases": 1,
            "checkout_rate": 33.3,
            "conversion": 33.3,
        }
    ]


def test_kpis_of_nothing_are_zeros(shop: Backends) -> None:
    (row,) = ask(shop, "overview.kpis", country="XX")
    assert set(row.values()) == {0}


def test_over_time_fills_empty_days(shop: Backends) -> None:
    rows = ask(shop, "events.over_time", interval="day", to="2024-03-04")
    assert [(row["time"].day, row["events"], row["visitors"]) for row in rows] == [
        (1, 3, 1),
        (2, 3, 2),
        (3, 0, 0),
        (4, 0, 0),
    ]
    assert rows[0]["checkout_rate"] == 100


@pytest.mark.parametrize(
    ("to", "interval", "points"),
    [
        ("2024-03-02", "hour", 48),
        ("2024-03-03", "day", 3),
        ("2024-06-15", "week", 16),
        ("2026-03-31", "month", 25),
    ],
)
def test_auto_interval_gives_a_readable_number_of_points(
    shop: Backends, to: str, interval: str, points: int
) -> None:
    rows = ask(shop, "events.over_time", to=to)
    assert len(rows) == points
    assert rows == ask(shop, "events.over_time", to=to, interval=interval)
    assert sum(row["events"] for row in rows) == 6


def test_weeks_start_on_monday_and_months_on_the_first() -> None:
    filters = Filters(date(2024, 2, 29), date(2024, 3, 11))
    assert list(bucket_starts(filters, "week")) == [
        moment("2024-02-26"),
        moment("2024-03-04"),
        moment("2024-03-11"),
    ]
    assert list(bucket_starts(filters, "month")) == [moment("2024-02-01"), moment("2024-03-01")]


def test_mix(shop: Backends) -> None:
    assert ask(shop, "events.mix") == [
        {"value": "add_to_cart_click", "events": 3, "visitors": 3, "sessions": 3, "share": 0.5},
        {"value": "product_view", "events": 2, "visitors": 2, "sessions": 2, "share": pytest.approx(1 / 3)},
        {
            "value": "checkout_complete",
            "events": 1,
            "visitors": 1,
            "sessions": 1,
            "share": pytest.approx(1 / 6),
        },
    ]


def test_mix_limit_leaves_shares_of_all(shop: Backends) -> None:
    (row,) = ask(shop, "events.mix", limit="1")
    assert (row["value"], row["share"]) == ("add_to_cart_click", 0.5)


def test_mix_by_a_property_and_by_a_dimension(shop: Backends) -> None:
    by_size = ask(shop, "events.mix", by="properties.size")
    assert [(row["value"], row["events"]) for row in by_size] == [("unknown", 4), ("L", 2)]
    by_country = ask(shop, "events.mix", by="country", bots="in")
    assert [(row["value"], row["events"]) for row in by_country] == [("DE", 3), ("unknown", 3), ("FR", 1)]


def test_by_login_state(shop: Backends) -> None:
    rows = ask(shop, "events.by_login_state")
    found = [(row["login_state"], row["events"], row["visitors"]) for row in rows]
    assert found == [("unknown", 3, 2), ("guest", 2, 2), ("logged_in", 1, 1)]


def test_funnel(shop: Backends) -> None:
    steps = "product_view,add_to_cart_click,checkout_complete"
    rows = ask(shop, "funnel.steps", steps=steps)
    assert [list(row.values()) for row in rows] == [
        [1, "product_view", 2, 1.0, 1.0, None, None],
        [2, "add_to_cart_click", 2, 1.0, 1.0, 30.0, 54.0],
        [3, "checkout_complete", 1, 0.5, 0.5, 60.0, 60.0],
    ]
    assert list(rows[0]) == [
        *("step", "name", "reached", "from_step_before", "from_first", "median_seconds", "p90_seconds")
    ]


def test_funnel_with_a_breakdown_names_its_column_first(shop: Backends) -> None:
    rows = ask(shop, "funnel.steps", steps="product_view,checkout_complete", breakdown="country")
    assert list(rows[0])[:2] == ["country", "step"]
    assert [(row["country"], row["step"], row["reached"]) for row in rows] == [
        ("DE", 1, 1),
        ("DE", 2, 1),
        ("FR", 1, 1),
        ("FR", 2, 0),
    ]


def test_funnel_steps_lie_in_the_period(shop: Backends) -> None:
    rows = ask(
        shop, "funnel.steps", steps="checkout_complete,add_to_cart_click", order="any", to="2024-03-01"
    )
    assert [row["reached"] for row in rows] == [1, 1]
    rows = ask(shop, "funnel.steps", steps="product_view,checkout_complete", **{"from": "2024-03-02"})
    assert [row["reached"] for row in rows] == [1, 0]


def test_funnel_nobody_starts_has_a_row_of_zeros_for_every_step(shop: Backends) -> None:
    rows = ask(shop, "funnel.steps", steps="nothing,product_view")
    assert [(row["reached"], row["from_step_before"], row["median_seconds"]) for row in rows] == [
        (0, 0.0, None)
    ] * 2


def test_timeline(shop: Backends) -> None:
    (first,) = [
        row for row in ask(shop, "explore.events", country="DE") if row["event_name"] == "product_view"
    ]
    rows = ask(shop, "sessions.timeline", session=first["session_key"])
    assert [(row["event_name"], row["seconds_since_start"], row["seconds_to_next"]) for row in rows] == [
        ("product_view", 0.0, 60.0),
        ("add_to_cart_click", 60.0, 60.0),
        ("checkout_complete", 120.0, None),
    ]


def test_extent_counts_bots_too(shop: Backends) -> None:
    assert ask(shop, "data.extent") == [{"first_ts": after(), "last_ts": after(days=1), "events": 7}]
    assert ask(shop, "data.extent", site="none") == [{"first_ts": None, "last_ts": None, "events": 0}]


def test_values_come_most_frequent_first(shop: Backends) -> None:
    assert ask(shop, "data.values", dimension="country") == [
        {"value": "DE", "events": 3},
        {"value": "FR", "events": 1},
    ]


def test_explore_shows_keys_as_text(shop: Backends) -> None:
    row = ask(shop, "explore.events", event_name="checkout_complete")[0]
    assert (row["visitor_id"], row["order_id"], row["revenue"]) == ("1", "o1", 5.0)
    assert row["session_key"].isdigit()


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("events.mix", {"by": "ts"}, "'ts' is no dimension; it takes properties.<name> or one of"),
        ("events.mix", {"limit": "0"}, "limit='0'; it takes a whole number from 1 to 1000"),
        ("events.mix", {"limit": "1001"}, "limit='1001'; it takes"),
        ("events.over_time", {"interval": "year"}, "interval='year'; it takes auto, hour, day, week, month"),
        ("data.values", {}, "data.values needs dimension="),
        ("sessions.timeline", {"session": "x"}, "take it from the session_key column of explore.events"),
        ("explore.events", {"before": "x"}, "'x' is no cursor; take it from the cursor column"),
        ("funnel.steps", {"steps": "a,b", "breakdown": "step"}, "breakdown='step' is no dimension"),
        ("funnel.steps", {"steps": "a,b", "breakdown": "visitor_id"}, "'visitor_id' is no dimension"),
    ],
)
def test_wrong_values_say_what_is_taken(shop: Backends, name: str, raw: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        ask(shop, name, **raw)
    assert message in str(raised.value)


def test_a_scope_is_kept_by_every_question(tmp_path: Path) -> None:
    """Whoever may see one site never gets a number or a row of another."""
    mine = [event("a", country="DE"), event("b", after(minutes=1), country="DE")]
    others = [
        event("a", site="secret", country="XX"),
        event("b", after(minutes=1), site="secret", country="XX"),
    ]
    both, alone = embedded(tmp_path / "both", mine + others), embedded(tmp_path / "alone", mine)
    keys = [row["session_key"] for row in both.asking.ask("explore.events", period(), EVERYONE).rows]
    asked = {
        "funnel.steps": [{"steps": "a,b", "breakdown": "country"}, {"steps": "a,b", "order": "any"}],
        "data.values": [{"dimension": "country"}],
        "sessions.timeline": [{"session": key} for key in set(keys)],
    }
    scope = Scope("x", frozenset({"shop"}))
    for name, question in QUESTIONS.items():
        for own in asked.get(name, [{}]):
            raw = own | (period() if question.about_period else {})
            found = both.asking.ask(name, raw, scope).rows
            assert found == alone.asking.ask(name, raw, EVERYONE).rows


def test_every_session_key_opens_its_session(shop: Backends) -> None:
    largest = str(2**60 - 1)  # 60 bits: up to 19 digits
    assert ask(shop, "sessions.timeline", session=largest) == []
    with pytest.raises(UsageError, match="session_key"):
        ask(shop, "sessions.timeline", session=str(2**63))
