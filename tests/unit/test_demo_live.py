"""The demo shop's visitors: due events, as the tracker sends them, and none twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from data_access.events import EVENT_SCHEMA
from pipeline.contracts import parse_sbw
from pipeline.demo import make_demo
from pipeline.demo_live import CATCH_UP, Visitors, visit_demo_shop, wire
from tests.builders import embedded, read
from tests.door import Door

START = datetime(2026, 3, 9, 18, 0, 0)  # noqa: DTZ001 - naive UTC


class Clock:
    now = START

    def __call__(self) -> datetime:
        return self.now


def test_events_come_when_they_are_due_and_go_on_after_a_stop(tmp_path: Path) -> None:
    backends, clock = embedded(tmp_path), Clock()
    visitors = Visitors(backends, clock)
    first = visitors.step()
    assert first > 20, "the half hour before the start is caught up with"
    assert visitors.step() == 0
    clock.now += timedelta(minutes=10)
    assert visitors.step() > 5
    clock.now += timedelta(minutes=10)
    assert Visitors(backends, clock).step() > 5, "started again, it goes on where it was"
    clock.now += timedelta(days=2)
    visitors = Visitors(backends, clock)
    assert visitors._sent_to == clock.now - CATCH_UP
    visitors.step()
    Door(backends).settle()
    rows = read(backends, "events").to_pylist()
    assert len({row["event_id"] for row in rows}) == len(rows) == backends.log.head()
    assert backends.log.refusals() == {}


def test_midnight_is_passed(tmp_path: Path) -> None:
    backends, clock = embedded(tmp_path), Clock()
    clock.now = datetime(2026, 3, 9, 23, 55)  # noqa: DTZ001
    visitors = Visitors(backends, clock)
    visitors.step()
    clock.now += timedelta(hours=1)
    assert visitors.step() > 0


def test_something_happens_at_any_hour(tmp_path: Path) -> None:
    clock = Clock()
    clock.now = datetime(2026, 3, 9, 0, 30)  # noqa: DTZ001
    visitors = Visitors(embedded(tmp_path), clock)
    for _ in range(48):
        assert visitors.step() > 100
        clock.now += timedelta(minutes=30)


def test_on_the_wire_nothing_of_an_event_is_lost() -> None:
    (batch, *_) = make_demo(1, 3, START)
    dropped = {
        "received_at",
        "ingest_id",
        "country",
        "region",
        "device",
        "browser",
        "os",
        "is_bot",
        "channel",
    }
    worked_out = {"identity_source", "visitor_id", "page_path", "utm_source", "utm_medium", "utm_campaign"}
    same = (
        set(EVENT_SCHEMA.names) - dropped - worked_out - {"properties", "search_term", "currency", "revenue"}
    )
    for row in batch.to_pylist()[:2000]:
        draft = parse_sbw(wire(row), START, row["site"])
        assert {name: draft.get(name) for name in same} == {name: row[name] for name in same}
        if row["order_id"]:
            assert (draft["revenue"], draft["currency"]) == (row["revenue"], row["currency"])


def test_visitors_come_to_the_demo_shop_only(tmp_path: Path, monkeypatch: object) -> None:
    started: list[str] = []

    class Thread:
        def __init__(self, name: str, **_: object) -> None:
            started.append(name)

        def start(self) -> None:
            return None

    monkeypatch.setattr("pipeline.demo_live.Thread", Thread)  # type: ignore[attr-defined]
    own, off = embedded(tmp_path / "own"), embedded(tmp_path / "off", demo_live=False)
    off.documents.put("flags", "demo", {}, None)
    visit_demo_shop(own)
    visit_demo_shop(off)
    assert started == []
    own.documents.put("flags", "demo", {}, None)
    visit_demo_shop(own)
    assert started == ["demo-visitors"]
