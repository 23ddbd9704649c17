"""What questions cost: accounts by site and day, a limit, and asking people first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from data_access.backends import Backends
from data_access.columns_read import columns_read
from data_access.embedded.documents import EmbeddedDocuments
from data_access.model import Scope, Sql, UsageError
from data_access.ports import QueryError
from data_access.settings import load
from data_access.spending import ALL, BudgetSpent, Expensive, Spending, agreed_dollars
from tests.builders import EVERYONE, after, embedded, event, moment, period

GB = 10**9
TODAY = date(2026, 3, 9)


class Clock:
    now = datetime(2026, 3, 9, 23, 59, tzinfo=UTC)

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def spending(tmp_path: Path, clock: Clock) -> Callable[..., Spending]:
    documents = EmbeddedDocuments(tmp_path / "documents.db")

    def made(budget: float = 1.0, ask: float = 0.25) -> Spending:
        settings = load({"query_budget_dollars": budget, "query_ask_dollars": ask}, {})
        return Spending(documents, settings, clock)

    return made


def nothing() -> int:
    return 0


def test_a_query_costs_by_the_megabyte_and_at_least_ten(spending: Callable[..., Spending]) -> None:
    found = [spending().dollars(read) for read in (0, 1, 10_000_000, 10_000_001, 10**12)]
    assert found == pytest.approx([0, 0.00005, 0.00005, 0.000055, 5])


def test_a_site_that_has_used_up_its_budget_is_asked_no_more_until_midnight(
    spending: Callable[..., Spending], clock: Clock
) -> None:
    one = spending(budget=1)
    one.add(["shop"], 199 * GB)
    one.check(["shop"], nothing, 0)
    one.add(["shop"], GB)
    with pytest.raises(BudgetSpent, match=r"about shop have used up today's \$1\.00.*00:00 UTC"):
        one.check(["shop"], nothing, 0)
    with pytest.raises(BudgetSpent):
        one.check(["blog", "shop"], nothing, 0)
    one.check(["blog"], nothing, 0)
    one.check([], nothing, 0)
    clock.now += timedelta(minutes=1)
    one.check(["shop"], nothing, 0)


def test_several_sites_share_a_query_and_all_together_have_their_own_account(
    spending: Callable[..., Spending],
) -> None:
    one = spending()
    one.add(["shop", "blog"], 100 * GB)
    one.add([], 30 * GB)
    assert one.of_day(TODAY) == {"blog": 50 * GB, "shop": 50 * GB, ALL: 30 * GB}
    assert one.of_day(TODAY - timedelta(days=1)) == {}


def test_without_a_limit_nothing_is_refused(spending: Callable[..., Spending]) -> None:
    one = spending(budget=0, ask=0)
    one.add(["shop"], 10**15)
    one.check(["shop"], lambda: 10**15, 0)


def test_people_are_asked_first_once_it_costs_more_than_they_agreed_to(
    spending: Callable[..., Spending],
) -> None:
    one = spending(ask=0.25)
    one.check([], lambda: 50 * GB, 0)
    with pytest.raises(Expensive, match=r"read 60\.0 GB, for about \$0\.30") as raised:
        one.check([], lambda: 60 * GB, 0)
    assert (raised.value.bytes, raised.value.dollars) == (60 * GB, pytest.approx(0.3))
    one.check([], lambda: 60 * GB, 0.3)


def test_charges_at_once_are_all_kept(spending: Callable[..., Spending]) -> None:
    one = spending()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: one.add(["shop"], GB), range(40)))
    assert one.of_day(TODAY) == {"shop": 40 * GB}


def test_accounts_are_kept_for_a_month(spending: Callable[..., Spending], clock: Clock) -> None:
    one = spending()
    one.add(["shop"], GB)
    clock.now += timedelta(days=31)
    one.add(["blog"], GB)
    assert one.of_day(TODAY) == {"shop": GB}
    clock.now += timedelta(days=1)
    one.add(["shop"], GB)
    assert one.of_day(TODAY) == {}


def test_an_account_that_cannot_be_written_takes_no_answer_away(
    spending: Callable[..., Spending], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("no disk")

    one = spending()
    monkeypatch.setattr(one._documents, "put", fail)
    one.add(["shop"], GB)
    assert "could not be noted" in caplog.text


@pytest.mark.parametrize(("text", "found"), [(None, 0), ("", 0), ("2.50", 2.5)])
def test_what_was_agreed_is_in_the_url(text: str | None, found: float) -> None:
    assert agreed_dollars(text) == found


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf", "1e99"])
def test_other_prices_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="US dollars"):
        agreed_dollars(text)


def priced(backends: Backends, **settings: float) -> Any:
    """The same asking, with an engine that charges a dollar a byte."""
    own = replace(backends.settings, query_dollars_per_terabyte=1e12, **settings)
    return replace(backends.asking, spending=Spending(backends.documents, own))


def test_an_answer_says_what_it_cost_and_a_cached_one_cost_nothing(tmp_path: Path) -> None:
    asking = priced(embedded(tmp_path, [event(country="DE")]), query_ask_dollars=0)
    first, again = (asking.ask("events.mix", period() | {"by": "country"}, EVERYONE).stamp for _ in range(2))
    assert first.dollars == asking.spending.dollars(first.bytes_scanned) > 0
    assert (again.cached, again.dollars) == (True, 0)
    assert asking.spending.of_day(datetime.now(UTC).date())[ALL] >= 10_000_000


def test_with_the_budget_spent_only_answers_that_are_there_are_given(tmp_path: Path) -> None:
    asking = priced(embedded(tmp_path, [event(site="shop")]), query_ask_dollars=0, query_budget_dollars=1e9)
    asked, scope = period() | {"by": "country", "site": "shop"}, Scope("ann", frozenset({"shop", "blog"}))
    asking.ask("events.mix", asked, scope)
    asking.spending.add(["shop"], 10**12)
    assert asking.ask("events.mix", asked, scope).stamp.cached
    with pytest.raises(BudgetSpent, match="about shop"):
        asking.ask("events.mix", asked | {"by": "device"}, scope)
    assert asking.ask("events.mix", asked | {"site": "blog"}, scope).rows == []


def test_a_query_that_fails_is_charged_for_what_it_read(tmp_path: Path) -> None:
    class Failing:
        engine = "one that fails"

        def table(self, _sql: Sql, _version: Any, scanned: Callable[[int], None]) -> None:
            scanned(70 * 10**6)
            raise QueryError("it failed")

    asking = replace(priced(embedded(tmp_path, [event()]), query_ask_dollars=0), warehouse=Failing())
    with pytest.raises(QueryError, match="it failed"):
        asking.ask("events.mix", period() | {"by": "country"}, EVERYONE)
    assert asking.spending.of_day(datetime.now(UTC).date()) == {ALL: 70 * 10**6}


def test_columns_are_those_of_the_text() -> None:
    text = "select e.country, count(*) as n from events e where ts >= :a and is_bot group by 1"
    assert columns_read(text) == {"events": ("ts", "country", "is_bot")}
    both = "select s.session_key from sessions s join events on events.session_key = s.session_key"
    assert columns_read(both) == {"events": ("session_key",), "sessions": ("session_key",)}
    assert len(columns_read("select * from orders")["orders"]) == 8
    assert columns_read("with found as (select 1 as n) select n from found") == {}


def test_the_estimate_is_what_the_files_say_of_the_columns(tmp_path: Path) -> None:
    rows = [event(at=after(hours=n), country="DE", page_path=f"/{n}") for n in range(60)]
    backends = embedded(tmp_path, rows)
    version = backends.lake.snapshot()
    files = backends.lake.files("events", version)  # type: ignore[attr-defined]
    assert len({file.day for file in files}) == 3

    def of(text: str, **more: Any) -> int:
        return backends.lake.scan_bytes(Sql(text, **more), version)

    assert of("select country from events") == sum(_column(file.path, "country") for file in files)
    both = of("select country, page_path from events")
    assert both == of("select country from events") + of("select page_path from events")
    assert of("select * from events") > both
    one_day = files[0].day
    midnight = moment(one_day.isoformat())
    span = midnight, midnight + timedelta(hours=5)
    assert of("select country from events", span=span) == sum(
        _column(file.path, "country") for file in files if file.day == one_day
    )
    assert of("select 1 as n") == 0


def _column(path: str, name: str) -> int:
    """The bytes of a column in a Parquet file."""
    found = pq.read_metadata(path)
    groups = [found.row_group(n) for n in range(found.num_row_groups)]
    columns = [group.column(n) for group in groups for n in range(group.num_columns)]
    return sum(one.total_compressed_size for one in columns if one.path_in_schema == name)
