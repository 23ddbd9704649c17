"""Exports of all rows on Athena: one query however many there are, paid for, stopped when nobody reads on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.manifests import Written, manifest
from data_access.asked import PART_ROWS
from data_access.asking import Asking
from data_access.backends import Backends
from data_access.embedded.cache import EmbeddedCache
from data_access.embedded.documents import EmbeddedDocuments
from data_access.query_errors import QueryFailed
from data_access.spending import ALL, BudgetSpent, Spending
from tests.athena.double import Outcome
from tests.athena.parts import Athena, athena_over
from tests.builders import EVERYONE, after, embedded, event, period

ROWS = PART_ROWS + 3_000
RAW = period("2024-03-01", "2024-03-02")


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """More events than fit into a part, in several hours."""
    texts = ("", None, 'a "quoted", one', "two\nlines")
    rows = [event(at=after(milliseconds=700 * n), page_title=texts[n % 4]) for n in range(ROWS)]
    return embedded(tmp_path_factory.mktemp("lake"), rows)


@pytest.fixture
def athena(backends: Backends) -> Iterator[Athena]:
    with athena_over(backends) as found:
        yield found


@pytest.fixture
def asking(backends: Backends, athena: Athena, tmp_path: Path) -> Asking:
    """Asks Athena, for money; what a stamp says of the period is there already."""
    settings = replace(backends.settings, query_budget_dollars=1.0)
    spending = Spending(EmbeddedDocuments(tmp_path / "documents.db"), settings)
    own = EmbeddedCache(tmp_path / "cache", 64)
    found = replace(backends.asking, warehouse=athena.warehouse, cache=own, spending=spending)
    found.ask("explore.events", RAW | {"limit": "1"}, EVERYONE)
    athena.double.reset()
    return found


def spent(asking: Asking) -> int:
    assert asking.spending is not None
    return asking.spending.of_day(datetime.now(UTC).date()).get(ALL, 0)


def file_of(asking: Asking) -> tuple[bytes, dict[str, Any]]:
    export, written = asking.export("explore.events", RAW, EVERYONE), Written()
    content = b"".join(written.chunks(export))
    return content, manifest(export, written, "x.csv", "/explore", "ann")["stamp"]


def test_an_export_of_any_size_is_one_query_and_the_same_file(
    backends: Backends, asking: Asking, athena: Athena
) -> None:
    before = spent(asking)
    found, stamp = file_of(asking)
    wanted, own = file_of(backends.asking)
    assert found == wanted
    assert athena.double.states() == ["SUCCEEDED"]
    assert stamp["rows"] == own["rows"] == ROWS
    assert stamp["bytes_scanned"] > 0
    assert stamp["dollars"] == asking.spending.dollars(stamp["bytes_scanned"])  # type: ignore[union-attr]
    assert spent(asking) - before == 10_000_000


def test_what_it_cost_is_known_when_it_has_ended(asking: Asking) -> None:
    export = asking.export("explore.events", RAW, EVERYONE)
    assert (export.stamp.bytes_scanned, export.stamp.dollars, export.stamp.cached) == (None, None, False)
    next(export.batches)
    assert next(export.batches).num_rows > 0
    assert (export.stamp.bytes_scanned, export.stamp.dollars) == (None, None)
    assert sum(batch.num_rows for batch in export.batches) > 0
    assert export.stamp.dollars == pytest.approx(0.00005)


@pytest.mark.parametrize("taken", [0, 1, 2])
def test_who_leaves_early_pays_as_well(taken: int, asking: Asking) -> None:
    before = spent(asking)
    export = asking.export("explore.events", RAW, EVERYONE)
    for _ in range(taken):
        next(export.batches)
    export.batches.close()
    del export
    assert spent(asking) - before == 10_000_000


def test_with_the_budget_spent_nothing_is_asked(asking: Asking, athena: Athena) -> None:
    assert asking.spending is not None
    asking.spending.add([], 10**12)
    with pytest.raises(BudgetSpent, match="all sites together"):
        asking.export("explore.events", RAW, EVERYONE)
    assert athena.double.count("StartQueryExecution") == 0


def test_a_query_that_fails_is_said_before_the_first_byte(asking: Asking, athena: Athena) -> None:
    athena.double.next(Outcome("FAILED", "a fault"))
    with pytest.raises(QueryFailed):
        asking.export("explore.events", RAW, EVERYONE)


def test_an_export_without_rows_has_its_columns(backends: Backends, asking: Asking) -> None:
    raw = RAW | {"country": "XX"}
    exports = [one.export("explore.events", raw, EVERYONE) for one in (asking, backends.asking)]
    (found,), (wanted,) = ([batch.schema for batch in export.batches] for export in exports)
    assert found == wanted
