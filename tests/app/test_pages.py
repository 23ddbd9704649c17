from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from plotly.utils import PlotlyJSONEncoder

from app.factory import create_app
from data_access.backends import Backends
from data_access.metrics import METRICS
from data_access.model import Condition, Filters, Scope, Stamp
from data_access.ports import QueryError
from data_access.questions.funnel_steps import parse_steps
from data_access.spending import Spending
from pages.parts import address, builder, event_grid, kpis, numbers, presets, steps, windows
from pages.parts.drawing import guarded
from pages.parts.steps import Step
from pages.parts.view import View
from tests.app.callbacks import draw, elements
from tests.app.conftest import by_link, sign_in
from tests.forms import Forms

CARDS = [
    ("overview-kpis", "/", "Total events"),
    ("overview-series", "/", "Previous period"),
    ("overview-top", "/", "product_view"),
    ("overview-login", "/", "logged_in"),
    ("overview-split", "/", "Paid search"),
    ("traffic-kpis", "/traffic", "Bounce rate"),
    ("traffic-series", "/traffic", "Previous period"),
    ("traffic-pages", "/traffic", "u002fsearch"),
    ("traffic-sources", "/traffic", "Paid search"),
    ("traffic-countries", "/traffic", "Germany"),
    ("traffic-technology", "/traffic", "desktop"),
    ("traffic-returning", "/traffic", "Returning visitors"),
    ("traffic-week", "/traffic", "Monday"),
    ("products-kpis", "/products", "Average order value"),
    ("products-series", "/products", "Previous period"),
    ("products-table", "/products", "Trail Runner 2"),
    ("products-categories", "/products", "Jackets"),
    ("products-brands", "/products", "Polar"),
    ("products-searches", "/products", "rain jacket"),
    ("funnel-chart", "/funnels", "convert: "),
    ("explore-volume", "/explore", "Events over time"),
    ("explore-count", "/explore", "match"),
    ("filters-shown", "/", "UTC"),
]
TEXT = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text)


@pytest.fixture
def backends(form: str, forms: Forms) -> Backends:
    """The shop on each form."""
    found: Backends = forms.shop(form)
    return found


@pytest.fixture
def app(form: str, forms: Forms) -> Any:
    return forms.app(form)


def view_of(backends: Backends, path: str = "/", **raw: str) -> View:
    return View(backends, path, raw, Scope("tester"))


@pytest.mark.parametrize(("card", "path", "holds"), CARDS)
def test_each_card_is_drawn(client: FlaskClient, card: str, path: str, holds: str) -> None:
    assert holds in draw(client, card, "", path)


@pytest.mark.parametrize(
    "card", [card for card, *_ in CARDS if card not in {"filters-shown", "explore-count"}]
)
def test_each_card_says_when_there_is_nothing(client: FlaskClient, card: str) -> None:
    text = draw(client, card, "?from=2001-01-01&to=2001-01-31")
    if card.endswith("-kpis"):
        assert "No earlier data" in text
    else:
        assert "No events in 1 Jan – 31 Jan 2001" in json.dumps(json.loads(text), ensure_ascii=False)


@pytest.fixture(scope="module")
def of_nothing(forms: Forms, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], FlaskClient]:
    """A client of an app without any event, by form."""

    @cache
    def opened(form: str) -> FlaskClient:
        backends = forms.new(form, tmp_path_factory.mktemp(form))
        return by_link(create_app(backends), backends)

    return opened


@pytest.mark.parametrize(
    ("card", "path"), [(card, path) for card, path, _ in CARDS if card != "explore-count"]
)
def test_each_card_works_without_any_data(
    of_nothing: Callable[[str], FlaskClient], form: str, card: str, path: str
) -> None:
    text = draw(of_nothing(form), card, "", path)
    assert "went wrong" not in text
    assert "did not arrive" not in text


def test_wrong_parameters_are_explained(client: FlaskClient) -> None:
    text = draw(client, "overview-series", "?interval=decade")
    assert "This view cannot be shown" in text
    assert "decade" in text


def test_a_failed_query_offers_to_try_again(
    app: Any, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_more: Any) -> Any:
        raise QueryError("The query took longer than 120 s.")

    client = sign_in(app, "ana")
    monkeypatch.setattr(type(backends.warehouse), "table", fail)
    text = draw(client, "overview-top", "?country=QQ")
    assert "longer than 120 s" in text
    assert "Try again" in text


def test_a_bug_is_logged_and_not_shown(
    app: Any, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: Any, **_more: Any) -> Any:
        raise ZeroDivisionError("select 1 from secret")

    monkeypatch.setattr("pages.parts.tables.table", fail)
    text = draw(client, "overview-top")
    assert "secret" not in text
    assert "it has been logged" in text


def test_every_card_links_to_the_rows_it_shows(client: FlaskClient, backends: Backends) -> None:
    drawn = draw(client, "overview-top", "?country=DE&metric=sessions")
    href = next(found["href"] for found in elements(drawn) if found.get("class") == "sg-csv")
    filters = backends.asking.filters({}, Scope("tester"))
    days = f"from={filters.from_day}&to={filters.to_day}"
    assert href.startswith(f"/csv/events.mix?country=DE&by=event_name&limit=10&{days}&view=/%3Fcountry=DE")
    assert client.get(href).status_code == 200


@given(st.lists(TEXT, max_size=4))
def test_values_survive_the_url(values: list[str]) -> None:
    raw = address.read(address.write("/", {"country": address.join(values)}).partition("?")[2])
    assert address.split(raw.get("country", "")) == values


@given(
    st.lists(
        st.builds(
            Step,
            TEXT,
            st.lists(
                st.builds(
                    Condition,
                    st.just("properties.x"),
                    st.sampled_from(["=", "!=", "~", "!~"]),
                    st.tuples(TEXT),
                ),
                max_size=2,
            ).map(tuple),
        ),
        min_size=2,
        max_size=5,
    )
)
def test_steps_survive_the_url_and_the_question_s_parser(chosen: list[Step]) -> None:
    text = steps.write(chosen)
    assert steps.read(text) == tuple(chosen)
    assert [step.event_name for step in parse_steps(text)] == [step.name for step in chosen]


ROWS = (Step("a"), Step("b", (Condition("x", "=", ("1",)),)), Step("c"))


@pytest.mark.parametrize(
    ("action", "step", "names"),
    [
        ("add", 0, ["a", "b", "c", ""]),
        ("remove", 0, ["b", "c"]),
        ("up", 2, ["a", "c", "b"]),
        ("up", 0, ["a", "b", "c"]),
        ("down", 0, ["b", "a", "c"]),
        ("down", 2, ["a", "b", "c"]),
        ("nonsense", 1, ["a", "b", "c"]),
    ],
)
def test_the_builder_s_buttons(action: str, step: int, names: list[str]) -> None:
    assert [row.name for row in steps.change(ROWS, action, step, 0)] == names


def test_a_funnel_keeps_two_to_ten_steps() -> None:
    assert steps.change(ROWS[:2], "remove", 0, 0) == ROWS[:2]
    full = (Step("a"),) * 10
    assert steps.change(full, "add", 0, 0) == full
    assert steps.read("") == (Step(), Step())
    assert steps.read("broken[") == (Step(), Step())


def test_conditions_come_and_go_and_count_once_complete() -> None:
    more = steps.change(ROWS, "add-condition", 1, 0)
    assert more[1].conditions == (Condition("x", "=", ("1",)), Condition("", "="))
    assert steps.write(more) == steps.write(ROWS) == "a,b[x=1],c"
    assert steps.change(more, "remove-condition", 1, 0)[1].conditions == (Condition("", "="),)


def test_the_url_redraws_the_rows_only_when_they_differ() -> None:
    key = '{"default":"","key":"steps","kind":"text","type":"param"}.value'
    from_url = [{"prop_id": key, "value": "b,a"}]
    assert builder.step_on("b,a", (Step("a"), Step("b")), from_url) == ("b,a", (Step("b"), Step("a")))
    assert builder.step_on("b,a", (Step("b"), Step("a")), from_url) == ("b,a", None)
    typed = [{"prop_id": '{"step":0,"type":"step-name"}.value', "value": "c"}]
    assert builder.step_on("b,a", (Step("c"), Step("a")), typed) == ("c,a", None)


def test_default_steps_are_the_shop_s_else_the_most_frequent(
    backends: Backends, empty_backends: Backends
) -> None:
    assert steps.default(view_of(backends)) == ",".join(steps.SHOP)
    assert steps.default(view_of(empty_backends)) == ""


def test_pages_of_rows_follow_each_other_without_gaps(backends: Backends) -> None:
    first = page(backends)
    second = page(backends, before=first[1]["older"])
    third = page(backends, before=second[1]["older"])
    assert not set(first[0]) & set(second[0])
    assert page(backends, after=third[1]["newer"])[0] == second[0]
    again = page(backends, after=second[1]["newer"])
    assert again[0] == first[0]
    assert again[1]["newer"] is None


def page(backends: Backends, **raw: str) -> tuple[list[str], dict[str, Any]]:
    _answer, rows, pages = event_grid.page(view_of(backends, "/explore", limit="50", **raw))
    return [row["event_id"] for row in rows], pages


def test_the_last_page_has_no_older_one(backends: Backends) -> None:
    every = {"from": "2000-01-01", "to": "2100-01-01", "country": "DE"}
    cursor = None
    for _ in range(200):
        found = page(backends, **every, **({"before": cursor} if cursor else {}))
        cursor = found[1]["older"]
        if cursor is None:
            break
    assert cursor is None
    assert 0 < len(found[0]) <= 50


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.25, "250 ms"),
        (4.5, "4.5 s"),
        (9, "9 s"),
        (125, "2 min 5 s"),
        (7200, "2 h"),
        (90061, "1 d 1 h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert numbers.duration(seconds).replace("\u202f", " ") == text


def test_numbers_have_their_units() -> None:
    assert numbers.share(0.1234) == "12.3\u202f%"
    assert numbers.whole(1234567) == "1,234,567"
    assert numbers.days(date(2025, 12, 30), date(2026, 1, 2)) == "30 Dec 2025 – 2 Jan 2026"
    assert numbers.days(date(2026, 10, 22), date(2026, 11, 20)) == "22 Oct – 20 Nov 2026"
    assert (
        numbers.period(Filters(date(2026, 1, 1), date(2026, 1, 1), "Europe/Berlin"))
        == "1 Jan 2026, Europe/Berlin"
    )
    stamp = Stamp("1", None, None, None, "UTC", "duckdb", 1, 0.2, False)
    assert numbers.stamp(stamp) == "No data yet · 1 row · 1\u202fms"


def test_changes_say_more_than_their_colour(backends: Backends) -> None:
    stamp = backends.asking.ask("overview.kpis", {}, Scope("tester")).stamp

    def words(name: str, now: float, before: float | None, by: float | None) -> str:
        row = {name: now, f"{name}_previous": before, f"{name}_change": by}
        drawn = kpis.change(view_of(backends), METRICS[name], row, stamp)
        return json.dumps(drawn, cls=PlotlyJSONEncoder, ensure_ascii=False)

    up = words("events", 120, 100, 20.0)
    assert "Up" in up
    assert "+20.0\u202f%" in up
    assert " from 100" in up
    assert "Down" in words("events", 80, 100, -20.0)
    assert "+1.0\u202fpp" in words("conversion", 5.0, 4.0, 1.0)
    assert "No earlier data" in words("events", 1, None, None)
    assert "none before" in words("events", 1, 0, None)
    assert kpis.change(view_of(backends), METRICS["events"], {"events": 1}, stamp) is None


@pytest.mark.parametrize(
    ("name", "by", "tone"),
    [
        ("sessions", 1.0, "good"),
        ("sessions", -1.0, "bad"),
        ("bounce_rate", 1.0, "bad"),
        ("bounce_rate", -1.0, "good"),
        ("discount_share", 1.0, "none"),
    ],
)
def test_the_colour_of_a_change_says_whether_it_is_good(name: str, by: float, tone: str) -> None:
    assert kpis.difference(METRICS[name], by).className == f"sg-change-{tone}"


def test_presets_are_days_of_the_calendar() -> None:
    found = presets.named(date(2024, 3, 15), date(2023, 1, 1), date(2024, 3, 10))
    assert found["Last 7 days"] == (date(2024, 3, 9), date(2024, 3, 15))
    assert found["Last month"] == (date(2024, 2, 1), date(2024, 2, 29))
    assert found["All data"] == (date(2023, 1, 1), date(2024, 3, 10))


@pytest.mark.parametrize(
    ("text", "label"), [("7d", "7 days"), ("1h", "1 hour"), ("period", "the whole period")]
)
def test_windows_have_names(text: str, label: str) -> None:
    assert windows.label(text) == label
    assert windows.valid(text)
    assert not windows.valid("91d")
    assert {"value": "45m", "label": "45 minutes"} in windows.options("45m")


def drawn_at(backends: Backends, search: str, **settings: float) -> str:
    """A card that asks a question of an engine that charges a dollar a byte, as JSON."""
    own = replace(backends.settings, query_dollars_per_terabyte=1e12, **settings)
    asking = replace(backends.asking, spending=Spending(backends.documents, own))
    seen = View(replace(backends, asking=asking), "/explore", address.read(search), Scope("tester"))
    draw = guarded("card", seen, lambda view: view.ask("events.mix", by="os").question)
    return json.dumps(draw, cls=PlotlyJSONEncoder, ensure_ascii=False)


def test_people_are_asked_before_a_question_that_costs_a_lot(backends: Backends) -> None:
    shown = drawn_at(backends, "?country=NZ", query_ask_dollars=1)
    assert "This question costs more than usual" in shown
    found = re.search(r"Ask anyway, up to \$([0-9,.]+)", shown)
    assert found is not None
    link = f"cost={found[1].replace(',', '')}"
    assert f"/explore?{link}&country=NZ" in shown or f"/explore?country=NZ&{link}" in shown
    assert drawn_at(backends, f"?country=NZ&{link}", query_ask_dollars=1) == '"events.mix"'


def test_without_money_left_the_page_says_so(backends: Backends) -> None:
    budget = {"query_ask_dollars": 0.0, "query_budget_dollars": 1.0}
    spent = Spending(backends.documents, backends.settings)
    spent.add([], 10**12)
    shown = drawn_at(backends, "?country=AU", **budget)
    assert "Today's budget for questions is used up" in shown
    assert "Questions about all sites together have used up today's $1.00" in shown
    assert "Try again" not in shown


def test_the_trust_stamp_says_what_an_answer_cost() -> None:
    stamp = Stamp("1", None, None, None, "UTC", "Athena", 1, 0.2, False, bytes_scanned=10**9, dollars=0.005)
    assert dict(numbers.trust(stamp))["Cost"] == "about $0.005"
    assert "Cost" not in dict(numbers.trust(replace(stamp, dollars=None)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0.00"),
        (0.00005, "less than $0.0001"),
        (0.0051, "$0.0051"),
        (0.25, "$0.25"),
        (1234.5, "$1,234.50"),
    ],
)
def test_dollars(value: float, text: str) -> None:
    assert numbers.dollars(value) == text
