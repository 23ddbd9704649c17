"""The tail of the log by site: what is in it, how far it reaches, and how little is read."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_access import arrivals, sites
from data_access.arrivals import LOOKED_AT, MOST, MOST_CHARACTERS, Arrivals, counted
from data_access.embedded.log import EmbeddedLog
from data_access.live import Reason, Record, Refused
from data_access.records import Head, batch_of, sealed
from pipeline.collector import Collector
from pipeline.dead_letters import replay
from tests.builders import embedded
from tests.door import Door, server_event, utc

NOON = datetime(2026, 3, 9, 12)  # noqa: DTZ001 - naive UTC


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.replace(tzinfo=UTC).timestamp()


class Counting:
    """A log that notes how many events were read from it."""

    def __init__(self, log: Any) -> None:
        self._log, self.read_events, self.reads = log, 0, 0

    def read(self, after: int, limit: int) -> list[Record]:
        found: list[Record] = self._log.read(after, limit)
        self.reads += 1
        self.read_events += sum(record.last - record.first + 1 for record in found)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(tmp_path: Path, clock: Clock) -> Door:
    """A door whose log and collector go by the clock."""
    opened = embedded(tmp_path)
    log = EmbeddedLog(tmp_path / "clocked.db", clock)
    return Door(replace(opened, log=log, intake=log), clock)


@pytest.fixture
def log(door: Door) -> Counting:
    return Counting(door.backends.log)


def other(door: Door, name: str = "blog") -> Door:
    """The same door for another site."""
    backends = door.backends
    sites.save(backends.documents, name, ())
    found = Door(backends)
    found.key = sites.make_key(backends.documents, name)
    found.collector = Collector(backends.log, backends.documents, backends.settings)
    return found


def view_of(page: str, **fields: Any) -> dict[str, Any]:
    """An event of the tracker."""
    url = f"https://shop.example{page}"
    return {"eventName": "page_view", "pageUrl": url, "sessionId": "s1", "clientId": "c1"} | fields


def test_an_event_of_the_tracker(door: Door, log: Counting) -> None:
    sent = view_of("/cart?x=1", eventName="add_to_cart_click", product={"price": 9.50})
    assert door.send(sent).status == 200
    (found,) = Arrivals(log).latest("shop").accepted
    assert (found.at, found.name, found.kind, found.page) == (NOON, "add_to_cart_click", "custom", "/cart")
    assert (found.session, found.client, found.problem) == ("s1", "c1", None)
    assert found.text == json.dumps(sent, indent=2)


def test_an_event_of_a_server(door: Door, log: Counting) -> None:
    door.server(event_type="custom", properties={"name": "job_done", "page": "/jobs"})
    door.server(event_type="error")
    error, custom = Arrivals(log).latest("shop").accepted
    assert (custom.name, custom.kind, custom.page, custom.session) == ("job_done", "custom", "/jobs", "s1")
    assert (error.name, error.kind, error.page, error.client) == ("error", "error", "", "")


def test_events_and_refusals_are_newest_first(door: Door, log: Counting, clock: Clock) -> None:
    for number in range(3):
        clock.now += timedelta(seconds=1)
        door.batch(server_event(session_id=f"s{number}"), server_event(event_type=f"bad{number}"))
    tail = Arrivals(log).latest("shop")
    assert [one.session for one in tail.accepted] == ["s2", "s1", "s0"]
    assert [one.kind for one in tail.refused] == ["bad2", "bad1", "bad0"]
    assert [one.at for one in tail.mixed] == sorted((one.at for one in tail.mixed), reverse=True)
    assert len(tail.mixed) == len({one.key for one in tail.mixed}) == 6
    assert tail.since is None


def test_a_refusal_has_its_reason_field_and_message(door: Door, log: Counting) -> None:
    reply = door.server(session_id=None)
    error = json.loads(reply.body)["errors"][0]
    (found,) = Arrivals(log).latest("shop").refused
    assert found.problem is not None
    assert (found.problem.reason, found.problem.replayed) == (Reason.MISSING, False)
    assert (found.problem.field, found.problem.message) == (error["field"], error["message"])
    assert json.loads(found.text)["session_id"] is None


def test_a_refusal_that_is_taken_in_later_is_drawn_anew(door: Door, log: Counting) -> None:
    # As after an upgrade: refused once, good now.
    good = sealed(Head("shop", 0), batch_of(json.dumps(server_event()).encode()))
    door.backends.log.append(b"", 0, [Refused("shop", Reason.MISSING, "a", "is missing", good)])
    arrivals_ = Arrivals(log)
    (before,) = arrivals_.latest("shop").refused
    assert replay(door.backends.log, 10).replayed == 1
    tail = arrivals_.latest("shop")
    (after,) = tail.refused
    assert after.problem is not None
    assert after.problem.replayed
    assert after.key != before.key
    assert [one.session for one in tail.accepted] == ["s1"]


def test_an_accepted_event_that_proves_unreadable_is_a_refusal(door: Door, log: Counting) -> None:
    door.batch(server_event(session_id="s1"), server_event(session_id="s2"))
    arrivals_ = Arrivals(log)
    assert len(arrivals_.latest("shop").accepted) == 2
    body = sealed(Head("shop", 0), batch_of(b'{"session_id":"s2"}'))
    door.backends.log.bury([Refused("shop", Reason.UNREADABLE, "event", "no", body, 2)])
    tail = arrivals_.latest("shop")
    assert [one.session for one in tail.mixed] == ["s2", "s1"]
    assert [one.problem is None for one in tail.mixed] == [False, True]


def test_other_sites_events_are_never_there(door: Door, log: Counting) -> None:
    blog = other(door)
    blog.server(session_id="secret")
    blog.server(event_type="secret")
    door.server()
    assert [one.session for one in Arrivals(log).latest("shop").mixed] == ["s1"]
    assert {one.session for one in Arrivals(log).latest("blog").mixed} == {"secret", "s1"}
    assert Arrivals(log).latest("none").mixed == ()


def test_skipped_events_of_a_batch_do_not_move_the_others(door: Door, log: Counting) -> None:
    door.batch(server_event(event_type="x"), server_event(session_id="a"), {}, server_event(session_id="b"))
    tail = Arrivals(log).latest("shop")
    assert [(one.key, one.session) for one in tail.accepted] == [("s2", "b"), ("s1", "a")]


def test_at_most_a_hundred_of_each(door: Door, log: Counting, clock: Clock) -> None:
    door.batch(*(server_event(session_id=f"s{number}") for number in range(150)))
    clock.now += timedelta(seconds=1)
    door.batch(*(server_event(event_type="x", session_id=f"r{number}") for number in range(150)))
    tail = Arrivals(log).latest("shop")
    assert (len(tail.accepted), len(tail.refused), len(tail.mixed)) == (MOST, MOST, MOST)
    assert tail.accepted[0].session == "s149"
    assert tail.mixed == tail.refused, "they came later"
    assert tail.since == tail.accepted[-1].at


def test_the_log_is_read_back_so_far_only(door: Door, log: Counting) -> None:
    door.server(session_id="old")
    blog = other(door)
    for _ in range(3):
        blog.batch(*(server_event() for _ in range(700)))
    tail = Arrivals(log).latest("shop")
    assert tail.accepted == ()
    assert tail.since is not None
    assert LOOKED_AT <= log.read_events <= LOOKED_AT + 1000


def test_older_refusals_stand_beside_nothing_that_is_unknown(door: Door, log: Counting, clock: Clock) -> None:
    """Valid events of that time were not looked for: they alone would say that all was refused."""
    door.batch(server_event(), server_event(event_type="x"))
    blog = other(door)
    clock.now += timedelta(hours=1)
    blog.batch(*(server_event() for _ in range(1000)))
    blog.batch(*(server_event() for _ in range(1000)))
    tail = Arrivals(log).latest("shop")
    assert (len(tail.refused), tail.mixed) == (1, ())
    assert tail.since == clock.now


def test_what_was_read_is_not_read_again(door: Door, log: Counting) -> None:
    door.batch(*(server_event(session_id=f"s{number}") for number in range(50)))
    arrivals_ = Arrivals(log)
    first = arrivals_.latest("shop")
    log.reads = log.read_events = 0
    assert arrivals_.latest("shop") is first
    assert log.reads == 0
    door.server(session_id="new")
    assert [one.session for one in arrivals_.latest("shop").accepted[:2]] == ["new", "s49"]
    assert log.read_events == 1
    other(door).server()
    assert arrivals_.latest("shop") is arrivals_.latest("shop")
    assert arrivals_.latest("shop").accepted[0].session == "new"


def test_a_quiet_site_keeps_its_events_while_somebody_looks(door: Door, log: Counting) -> None:
    door.server()
    arrivals_, blog = Arrivals(log), other(door)
    for _ in range(3):
        assert [one.session for one in arrivals_.latest("shop").accepted] == ["s1"]
        blog.batch(*(server_event() for _ in range(900)))
    assert [one.session for one in arrivals_.latest("shop").accepted] == ["s1"]


def test_after_a_long_pause_there_is_no_gap(door: Door, log: Counting) -> None:
    door.server(session_id="before")
    arrivals_, blog = Arrivals(log), other(door)
    arrivals_.latest("shop")
    door.server(session_id="between")
    for _ in range(3):
        blog.batch(*(server_event() for _ in range(900)))
    door.server(session_id="after")
    tail = arrivals_.latest("shop")
    assert [one.session for one in tail.accepted] == ["after"]
    assert tail.since is not None


def test_a_trimmed_log(door: Door, log: Counting, clock: Clock) -> None:
    for number in range(10):
        door.server(session_id=f"s{number}")
    for consumer in ("lake", "live"):
        door.backends.log.commit(consumer, 10)
    clock.now += timedelta(hours=1)
    door.server(session_id="new")
    door.backends.log.trim(clock.now)
    tail = Arrivals(log).latest("shop")
    assert ([one.session for one in tail.accepted], tail.since) == (["new"], None)


def test_few_sites_are_kept_in_mind(door: Door, log: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "_MOST_SITES", 2)
    door.server()
    arrivals_ = Arrivals(log)
    first = arrivals_.latest("shop")
    arrivals_.latest("a")
    assert arrivals_.latest("shop") is first
    arrivals_.latest("b")
    arrivals_.latest("c")
    assert arrivals_.latest("shop") is not first


@pytest.mark.parametrize(
    "event",
    [
        b"null",
        b"[1]",
        b'"text"',
        b"[" * 500 + b"]" * 500,
        b'{"eventName": "\xff\xfe"}',
        b'{"eventName": "\\ud83d\\ude00", "properties": 5}',
        b'{"eventName": {"a": 1}, "sessionId": true, "pageUrl": "https://[", "properties": "x"}',
        b'{"sessionId": ' + b"9" * 5000 + b"}",
        b'{"eventName": "\\u202e\\u0000<script>"}',
    ],
)
def test_whatever_was_sent_can_be_shown(door: Door, log: Counting, event: bytes) -> None:
    assert door.post("/clickstream", b'{"a": 1, "eventName": 3}').status == 400
    body = sealed(Head("shop", 0), batch_of(event))
    door.backends.log.append(body, 1, [Refused("shop", Reason.NOT_AN_EVENT, "event", "is none", body)])
    tail = Arrivals(log).latest("shop")
    assert len(tail.accepted) == 1
    assert len(tail.refused) == 2
    for one in (tail.accepted[0], tail.refused[0]):
        json.dumps([one.name, one.page, one.session, one.text]).encode()


def test_records_nobody_can_read_are_left_out(door: Door, log: Counting) -> None:
    door.backends.log.append(b"no envelope", 1, [Refused("shop", Reason.MISSING, "a", "b", b"")])
    door.server()
    tail = Arrivals(log).latest("shop")
    assert [one.session for one in tail.accepted] == ["s1"]
    assert [one.text for one in tail.refused] == [""]


def test_long_events_are_cut(door: Door, log: Counting) -> None:
    door.send(view_of("/", words=["word"] * 1200))
    (found,) = Arrivals(log).latest("shop").accepted
    assert len(found.text) == MOST_CHARACTERS
    assert found.cut > 0


def test_live_counts_know_since_when_a_site_sends(door: Door) -> None:
    assert counted(door.backends.counters, "shop") is None
    door.server(timestamp=utc(NOON - timedelta(hours=2)))
    door.server(timestamp=utc(NOON - timedelta(minutes=3)))
    other(door).server()
    door.settle()
    found = counted(door.backends.counters, "shop")
    assert found == (NOON - timedelta(hours=2), NOON - timedelta(minutes=3))
