"""A lake that the first release wrote: it answers as it is, and the next curation makes it like a new one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from data_access import curation as texts
from data_access.backends import Backends
from data_access.curation import LAYOUT_VERSION
from data_access.embedded import curation
from data_access.embedded.lake import EmbeddedLake
from data_access.embedded.tables import NAMESPACE, open_catalog
from data_access.events import CURATED_SCHEMA, EVENT_SCHEMA, ORDER_SCHEMA, SESSION_SCHEMA
from data_access.iceberg import tables
from data_access.iceberg.published import CURATED, Published
from data_access.ports import CurateResult
from tests.builders import EVERYONE, after, embedded, event, read, table

Row = dict[str, Any]

OLD_SESSIONS = pa.schema(
    [
        field.with_name("channel") if field.name == "entry_channel" else field
        for field in list(SESSION_SCHEMA)[: SESSION_SCHEMA.get_field_index("is_bot") + 1]
    ]
)
"""The sessions of the first release: the channel was that of the first event, campaigns were not kept."""

PERIOD = {"from": "2024-02-28", "to": "2024-03-05", "bots": "in", "compare": "none"}
ASKED = [
    ("overview.kpis", {}),
    ("traffic.by", {"by": "entry_channel"}),
    ("traffic.by", {"by": "entry_referrer"}),
    ("events.mix", {"by": "entry_utm_campaign"}),
    ("traffic.kpis", {"where": "entry_utm_source=news;exit_page!=/"}),
    ("products.kpis", {}),
]


def visit(day: int) -> list[Row]:
    """A session that starts without a channel, goes on over midnight, and orders before it pays."""
    start = after(days=day, hours=11, minutes=45)
    campaign = {"utm_source": "news", "utm_medium": "email", "utm_campaign": f"c{day}"}
    steps = [
        event("start", start, visitor_id=day, event_id=f"{day}a"),
        event(
            "page_view", after(days=day, hours=11, minutes=50), channel="Email", page_path="/in", **campaign
        ),
        event("checkout_complete", after(days=day, hours=12), order_id=f"o{day}", country="DE"),
        event("checkout_complete", after(days=day, hours=12, minutes=9), order_id=f"o{day}", revenue=5.0),
    ]
    return [row | {"visitor_id": day, "referrer": "https://a.example/"} for row in steps]


FIRST = visit(0) + visit(1) + [event("again", after(hours=11, minutes=46), visitor_id=0, event_id="0a")]
LATER = [event("late", after(days=1), visitor_id=3, received_at=after(days=4)), *visit(3)]


def old_lake(folder: Path, monkeypatch: pytest.MonkeyPatch, now: Backends) -> None:
    """In ``folder`` what the first release would have made of the rows that ``now`` was made of."""
    with monkeypatch.context() as patch:
        patch.delitem(tables.LAYOUT, "intake")
        patch.setitem(tables.LAYOUT, "sessions", (OLD_SESSIONS, "session_start"))
        catalog = open_catalog(folder / "data" / "lake")
    opened = {name: catalog.load_table((NAMESPACE, name)) for name in ("raw_events", *CURATED[:3])}
    opened["raw_events"].append(table(FIRST, EVENT_SCHEMA))
    opened["events"].append(read(now, "events").cast(CURATED_SCHEMA))
    opened["sessions"].append(_without_channels(read(now, "sessions")))
    # The revenue was what the first event of the order said: nothing.
    orders = read(now, "orders").cast(ORDER_SCHEMA)
    no_revenue = pa.nulls(orders.num_rows, pa.float64())
    opened["orders"].append(orders.set_column(5, ORDER_SCHEMA.field("revenue"), no_revenue))
    said: dict[str, Any] = {name: tables.current_id(opened[name]) for name in CURATED[:3]}
    newest = max(row["ts"] for row in FIRST)
    said |= {"raw": tables.current_id(opened["raw_events"]), "complete_to": newest.isoformat()}
    with opened["events"].transaction() as change:
        change.set_properties({"streamgauge.published": json.dumps(said)})


def _without_channels(sessions: pa.Table) -> pa.Table:
    kept = sessions.select(SESSION_SCHEMA.names[: len(OLD_SESSIONS)]).rename_columns(OLD_SESSIONS.names)
    at = OLD_SESSIONS.get_field_index("channel")
    return kept.set_column(at, OLD_SESSIONS.field(at), pa.nulls(kept.num_rows, pa.string())).cast(
        OLD_SESSIONS
    )


def answers(backends: Backends) -> list[tuple[list[Row], float | None, float | None]]:
    """Every question's rows, and its stamp's shares of late and repeated rows."""
    found = [backends.asking.ask(name, PERIOD | params, EVERYONE) for name, params in ASKED]
    return [(answer.rows, answer.stamp.late_share, answer.stamp.duplicate_share) for answer in found]


def contents(backends: Backends) -> list[list[Row]]:
    """All curated tables, in a stable order."""
    return [sorted(read(backends, name).to_pylist(), key=str) for name in CURATED]


def events_table(backends: Backends) -> Table:
    assert isinstance(backends.lake, EmbeddedLake)
    return backends.lake.open_table("events")


def layout(backends: Backends) -> int:
    return Published.of(events_table(backends)).layout


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """A lake that only this release has written to."""
    return embedded(Path(tmp_path_factory.mktemp("new")), FIRST)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: Backends) -> Backends:
    """This release over the lake of the first one."""
    old_lake(tmp_path, monkeypatch, new)
    return embedded(tmp_path)


def test_an_old_lake_answers_before_it_is_curated(old: Backends, new: Backends) -> None:
    """What the old release did not keep is unknown, everything else is there."""
    assert layout(old) == 1
    overview, by_channel, by_referrer, campaigns, from_news, products = answers(old)
    assert (overview[0], products[0]) == (answers(new)[0][0], answers(new)[5][0])
    assert [row["value"] for row in by_channel[0] + by_referrer[0] + campaigns[0]] == ["unknown"] * 3
    assert by_channel[0][0]["page_views"] == 2
    assert from_news[0][0]["visitors"] == 0
    assert overview[1:] == (None, None)
    assert old.lake.snapshot().complete_to == new.lake.snapshot().complete_to


def test_curation_makes_an_old_lake_like_a_new_one(old: Backends, new: Backends, tmp_path: Path) -> None:
    before = contents(old)
    assert old.lake.curate() == CurateResult(0, 0, 0)
    assert (layout(old), layout(new)) == (LAYOUT_VERSION, LAYOUT_VERSION)
    assert contents(old) == contents(new) != before
    assert answers(old) == answers(new)
    assert answers(embedded(tmp_path)) == answers(new)
    version = old.lake.snapshot()
    assert old.lake.curate() == CurateResult(0, 0, 0)
    assert old.lake.snapshot() == version


def test_the_same_curation_takes_what_was_waiting(old: Backends, tmp_path: Path) -> None:
    """The old release took rows in that it did not curate any more; one of them comes again."""
    fresh = embedded(tmp_path / "fresh", FIRST)
    for backends in (old, fresh):
        backends.lake.append(table([*LATER, FIRST[2]]))
    assert old.lake.curate() == fresh.lake.curate() == CurateResult(len(LATER) + 1, len(LATER), 3)
    assert contents(old) == contents(fresh)
    assert answers(old) == answers(fresh)
    assert answers(old)[0][1:] == (1 / 15, 2 / 15)


@pytest.mark.parametrize("where", ["_write_sessions", "_choose_incoming"])
def test_a_crash_while_it_is_made_anew_is_never_seen(
    old: Backends, new: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Twice in a row, the first time after everything was written."""

    def crash(*_: Any) -> None:
        raise RuntimeError("killed")

    before = answers(old)
    for place in ("_publish", where):
        with monkeypatch.context() as patch:
            patch.setattr(curation, place, crash)
            with pytest.raises(RuntimeError, match="killed"):
                old.lake.curate()
    again = embedded(tmp_path)
    assert answers(again) == answers(old) == before
    assert layout(again) == 1
    again.lake.curate()
    assert contents(again) == contents(new)


def test_a_lake_that_lacks_no_table_is_made_anew_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: Backends
) -> None:
    """The release before counted otherwise, in the tables there are now."""
    with monkeypatch.context() as patch:
        for name in ("SESSIONS", "INTAKE"):
            text = getattr(texts, name).replace("count(*) as", "count(*) + 7 as")
            patch.setattr(texts, name, text)
        before = embedded(tmp_path, FIRST)
    published = replace(Published.of(events_table(before)), layout=LAYOUT_VERSION - 1)
    published.write(events_table(before))
    events, sessions, orders, intake = contents(before)
    assert [events, orders] == [contents(new)[0], contents(new)[2]]
    assert sessions != contents(new)[1]
    assert intake != contents(new)[3]
    before.lake.curate()
    assert contents(before) == contents(new)


def test_maintenance_brings_an_old_lake_up_to_date_too(old: Backends, new: Backends) -> None:
    old.lake.maintain(after(days=60))
    assert layout(old) == LAYOUT_VERSION
    assert contents(old) == contents(new)
