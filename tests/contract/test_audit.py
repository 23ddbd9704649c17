"""The AuditLog port: one chain however many write, in which nothing can be changed unnoticed."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from data_access import audit
from data_access.audit import AuditError, Entry, Head, Kept, Verdict, Who, read, verify
from data_access.audit_search import Row, Wanted, page
from data_access.aws.audit import TABLE, AwsAudit
from data_access.aws.clients import Clients
from data_access.embedded.audit import EmbeddedAudit
from data_access.model import UsageError
from data_access.ports import AuditLog
from data_access.settings import Settings
from tests.aws_parts import SERVERS, Aws, aws_of
from tests.dynamo_faults import Faults

SPAWN = multiprocessing.get_context("spawn")
ANA = Who("ana", "analyst", frozenset({"shop", "blog"}))
BOB = Who("bob", "ops")


class Place:
    """A log in one of its forms, and a hand that reaches past it."""

    def __init__(self, where: Path | Aws, clock: Callable[[], float]) -> None:
        self.where, self._clock = where, clock
        self.log = self.opened()

    def opened(self, sleep: Callable[[float], None] = time.sleep) -> AuditLog:
        if isinstance(self.where, Path):
            return EmbeddedAudit(self.where, self._clock)
        return AwsAudit(self.where.clients, self.where.begin, self._clock, sleep)

    def put(self, kept: Kept) -> None:
        """Put a record there, or in another's place."""
        if isinstance(self.where, Path):
            self._run("insert or replace into records values (?, ?, ?)", kept.number, kept.text, kept.hash)
            return
        item = {"text": {"S": kept.text}, "hash": {"S": kept.hash}}
        self._dynamo.put_item(TableName=self._table, Item=_key(kept.number) | item)

    def drop(self, number: int) -> None:
        if isinstance(self.where, Path):
            self._run("delete from records where number = ?", number)
            return
        self._dynamo.delete_item(TableName=self._table, Key=_key(number))

    def move_head(self, head: Head) -> None:
        if isinstance(self.where, Path):
            self._run("insert or replace into head values (1, ?, ?)", head.number, head.hash)
            return
        item = {"number": {"N": str(head.number)}, "hash": {"S": head.hash}}
        self._dynamo.put_item(TableName=self._table, Item=_HEAD | item)

    def drop_head(self) -> None:
        if isinstance(self.where, Path):
            self._run("delete from head")
            return
        self._dynamo.delete_item(TableName=self._table, Key=_HEAD)

    def lose(self) -> None:
        """Take away what the log is kept in."""
        if isinstance(self.where, Path):
            self._run("drop table records")
            return
        self._dynamo.delete_table(TableName=self._table)

    @property
    def _dynamo(self) -> Any:
        assert isinstance(self.where, Aws)
        return self.where.clients.of("dynamodb")

    @property
    def _table(self) -> str:
        assert isinstance(self.where, Aws)
        return TABLE.of(self.where.begin)

    def _run(self, text: str, *values: Any) -> None:
        with sqlite3.connect(self.where, isolation_level=None) as db:  # type: ignore[arg-type]
            for name in ("records_stay", "records_stay_as_they_are"):
                db.execute(f"drop trigger if exists {name}")
            db.execute(text, values)
        db.close()


_HEAD = {"pk": {"S": "HEAD"}, "sk": {"S": "-"}}


def _key(number: int) -> dict[str, Any]:
    return {"pk": {"S": "A"}, "sk": {"S": f"{number:020}"}}


@pytest.fixture(params=["sqlite", *SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    seconds = count(1_700_000_000)

    def clock() -> float:
        return float(next(seconds))

    if request.param == "sqlite":
        yield Place(tmp_path / "audit.db", clock)
        return
    with aws_of(request.param) as aws:
        aws.create(TABLE)
        yield Place(aws, clock)


@pytest.fixture
def log(place: Place) -> AuditLog:
    return place.log


one_form = pytest.mark.parametrize("place", ["sqlite"], indirect=True)
truly_at_once = pytest.mark.parametrize("place", ["sqlite", "ministack"], indirect=True)
"""moto checks conditions without a lock, so it is not asked."""


def entry(what: str = "export.started", who: Who = ANA, **more: Any) -> Entry:
    outcome = what.partition(".")[2]
    return Entry(**({"what": what, "who": who, "outcome": outcome, "subject": "events.mix"} | more))


def checked(log: AuditLog, noted: str = "") -> Verdict:
    return verify(log.oldest, log.head, noted)


def written(log: AuditLog, n: int) -> list[Kept]:
    """A log of ``n`` records."""
    for number in range(n):
        log.append(entry(id=f"{number:04}"))
    return list(log.oldest())


def test_an_empty_log_is_whole(log: AuditLog) -> None:
    assert list(log.oldest()) == list(log.newest()) == []
    assert log.head() == Head(0, "0" * 64)
    assert checked(log) == Verdict(0, "0" * 64)


def test_a_record_is_read_as_it_was_written(log: AuditLog) -> None:
    parameters = {
        "country": "DE,Österreich ✓",
        "list": ["a", "b"],
        "n": 3,
        "day": date(2024, 3, 1),
    }
    done = entry("export.finished", id="i1", parameters=parameters, rows=7, bytes=123, sha256="ab", reason="")
    assert log.append(entry(id="i1")) == 1
    assert log.append(done) == 2
    found = [read(kept) for kept in log.oldest()]
    second = found[1]
    assert (second.number, second.at) == (2, "2023-11-14T22:13:21.000Z")
    assert (second.what, second.outcome, second.id) == ("export.finished", "finished", "i1")
    assert (second.user, second.role, second.sites) == ("ana", "analyst", ("blog", "shop"))
    assert second.parameters == parameters | {"day": "2024-03-01"}
    assert (second.rows, second.bytes, second.sha256) == (7, 123, "ab")
    assert second.previous == found[0].hash
    assert log.append(entry(who=BOB)) == 3
    assert read(next(log.newest())).sites is None


def test_the_hash_is_as_the_docs_say(log: AuditLog) -> None:
    """Made again without any code of ours."""
    for record in written(log, 3):
        value = json.loads(record.text)
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert text == record.text
        assert sha256(text.encode()).hexdigest() == record.hash
        assert value["v"] == 1
    assert [json.loads(one.text)["previous"] for one in log.oldest()][1:] == [
        one.hash for one in list(log.oldest())[:-1]
    ]


def test_records_are_read_in_both_directions_from_any_place(log: AuditLog) -> None:
    numbers = [one.number for one in written(log, 7)]
    assert numbers == [1, 2, 3, 4, 5, 6, 7]
    assert [one.number for one in log.oldest(4)] == [5, 6, 7]
    assert [one.number for one in log.newest()] == numbers[::-1]
    assert [one.number for one in log.newest(3)] == [2, 1]
    assert list(log.newest(1)) == list(log.oldest(7)) == []


def test_more_records_than_are_read_at_a_time(tmp_path: Path) -> None:
    log = EmbeddedAudit(tmp_path / "audit.db")
    log._db.execute("pragma synchronous = off")  # 1,200 times
    for _ in range(1200):
        log.append(entry())
    assert [one.number for one in log.newest()] == list(range(1200, 0, -1))
    assert checked(log).whole == 1200


def test_a_log_is_continued_when_it_is_opened_again(place: Place) -> None:
    written(place.log, 2)
    again = place.opened()
    assert again.append(entry()) == 3
    assert checked(place.log).whole == 3


@truly_at_once
def test_many_threads_write_one_chain(place: Place) -> None:
    logs = [place.opened() for _ in range(3)]
    with ThreadPoolExecutor(9) as pool:
        numbers = list(pool.map(lambda n: logs[n % 3].append(entry(id=f"{n}")), range(90)))
    assert sorted(numbers) == list(range(1, 91))
    assert checked(place.log) == Verdict(90, place.log.head().hash)
    assert {read(one).id for one in place.log.oldest()} == {str(n) for n in range(90)}


def _appended(where: Path | Settings, times: int) -> list[int]:
    if isinstance(where, Path):
        log: AuditLog = EmbeddedAudit(where, lambda: 0.0)
    else:
        log = AwsAudit(Clients(where), where.aws_name, lambda: 0.0)
    return [log.append(entry()) for _ in range(times)]


@truly_at_once
def test_two_processes_write_one_chain(place: Place) -> None:
    """What they write is the same but for its number, in the same millisecond too."""
    where = place.where if isinstance(place.where, Path) else place.where.settings
    with ProcessPoolExecutor(2, mp_context=SPAWN) as pool:
        numbers = [number for found in pool.map(_appended, [where] * 2, [40] * 2) for number in found]
    assert sorted(numbers) == list(range(1, 81))
    assert checked(place.log).whole == 80
    assert not checked(place.log).broken


def again(kept: Kept, **changed: Any) -> Kept:
    """A record with other values, and the hash of them."""
    text = audit.canonical(json.loads(kept.text) | changed)
    return Kept(kept.number, text, audit.hashed(text))


def test_a_changed_record_is_found_at_its_number(place: Place) -> None:
    third = written(place.log, 5)[2]
    place.put(Kept(3, third.text.replace('"ana"', '"eve"'), third.hash))
    found = checked(place.log)
    assert (found.whole, found.broken, found.why) == (2, 3, "it was changed: its text has another hash")


def test_a_changed_record_with_a_hash_to_match_is_found_at_the_next(place: Place) -> None:
    third = written(place.log, 5)[2]
    place.put(again(third, user="eve"))
    found = checked(place.log)
    assert (found.broken, found.why) == (
        4,
        "it does not continue the record before it: one of the two was replaced",
    )


def test_the_newest_record_changed_with_a_hash_to_match_is_found(place: Place) -> None:
    place.put(again(written(place.log, 5)[4], user="eve"))
    found = checked(place.log)
    assert (found.whole, found.broken, found.why) == (4, 5, "it is not the one the head names")


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_deleted_record_is_found(place: Place, number: int) -> None:
    written(place.log, 5)
    place.drop(number)
    found = checked(place.log)
    assert (found.whole, found.broken) == (number - 1, number)
    assert found.why.startswith("it is missing")


def test_records_that_changed_places_are_found(place: Place) -> None:
    kept = written(place.log, 5)
    place.put(Kept(2, kept[3].text, kept[3].hash))
    place.put(Kept(4, kept[1].text, kept[1].hash))
    found = checked(place.log)
    assert (found.broken, found.why) == (2, "another record stands in its place")


def test_a_record_put_in_between_is_found(place: Place) -> None:
    """All behind it moved by one, numbers and hashes made anew but for the links of the old ones."""
    kept = written(place.log, 4)
    for one in reversed(kept[2:]):
        text = audit.canonical(json.loads(one.text) | {"number": one.number + 1})
        place.put(Kept(one.number + 1, text, audit.hashed(text)))
    place.put(again(kept[2], user="eve"))
    place.move_head(Head(5, next(place.log.newest()).hash))
    found = checked(place.log)
    assert (found.whole, found.broken) == (3, 4)


def test_a_record_added_past_the_log_is_found(place: Place) -> None:
    written(place.log, 3)
    place.put(audit.chained(entry(), place.log.head(), 0))
    found = checked(place.log)
    assert (found.whole, found.broken) == (3, 4)
    assert found.why.startswith("it was added past the log")


def test_a_record_numbered_before_the_first_is_found(place: Place) -> None:
    first = written(place.log, 2)[0]
    place.put(Kept(0, first.text, first.hash))
    found = checked(place.log)
    assert (found.broken, found.why) == (1, "something that is no record stands before it")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"number":2}'])
def test_what_is_no_record_is_found_and_stops_no_search(place: Place, text: str) -> None:
    written(place.log, 3)
    place.put(Kept(2, text, audit.hashed(text)))
    found = checked(place.log)
    assert (found.broken, found.why) == (2, "it was changed: it is no record")
    rows = page(place.log.newest, Wanted(), 10).rows
    assert [row.begun.what for row in rows] == ["export.started", "unreadable", "export.started"]


def test_bytes_that_are_no_text_are_found(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit.db", lambda: 0.0)
    written(place.log, 3)
    place._run("update records set text = ? where number = 2", b"\xff\xfe")
    assert checked(place.log).broken == 2


def test_a_head_that_was_taken_away_is_found(place: Place) -> None:
    written(place.log, 3)
    place.drop_head()
    found = checked(place.log)
    assert (found.broken, found.why) == (3, "nothing says that it is the last: the head is missing")


def test_a_log_cut_short_head_and_all_is_found_by_a_head_noted_before(place: Place) -> None:
    kept = written(place.log, 5)
    place.drop(5)
    place.move_head(Head(4, kept[3].hash))
    assert checked(place.log) == Verdict(4, kept[3].hash)
    found = checked(place.log, kept[4].hash)
    assert (found.broken, found.why) == (1, "no record has the hash noted earlier: the log was written anew")
    assert not checked(place.log, kept[2].hash).broken


def test_a_log_written_anew_is_found_by_a_head_noted_before(place: Place) -> None:
    kept = written(place.log, 3)
    head = Head()
    for one in kept:
        made = audit.chained(entry(id=read(one).id, who=BOB), head, 0)
        place.put(made)
        head = Head(made.number, made.hash)
    place.move_head(head)
    assert not checked(place.log).broken
    assert checked(place.log, kept[-1].hash).broken == 1


def test_a_head_that_cannot_be_one_is_refused(log: AuditLog) -> None:
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        checked(log, "abc")


def test_records_that_come_while_the_chain_is_walked_are_walked_as_well(log: AuditLog) -> None:
    written(log, 3)
    late = iter(range(2))

    def records(after: int) -> Iterator[Kept]:
        yield from log.oldest(after)
        for _ in late:
            log.append(entry())

    found = verify(records, log.head)
    assert (found.whole, found.broken) == (5, 0)


def test_a_log_whose_head_was_moved_back_is_not_written_over(place: Place) -> None:
    kept = written(place.log, 3)
    place.move_head(Head(1, kept[0].hash))
    with pytest.raises(AuditError, match="could not be written to"):
        place.opened(sleep=lambda _: None).append(entry())
    assert list(place.log.oldest()) == kept
    assert checked(place.log).broken == 2


@one_form
def test_a_record_cannot_be_changed_or_deleted_by_mistake(place: Place) -> None:
    written(place.log, 2)
    assert isinstance(place.where, Path)
    with sqlite3.connect(place.where) as db:
        for text in ("update records set text = ''", "delete from records"):
            with pytest.raises(sqlite3.IntegrityError, match="of the audit log stays"):
                db.execute(text)
    db.close()


@one_form
def test_writes_are_durable_and_private(place: Place) -> None:
    assert isinstance(place.where, Path)
    assert place.where.stat().st_mode & 0o077 == 0
    (level,) = place.log._db.execute("pragma synchronous").fetchone()  # type: ignore[attr-defined]
    assert level == 2  # full: what is noted survives a power cut


def test_what_cannot_be_kept_is_said(place: Place) -> None:
    written(place.log, 1)
    place.lose()
    with pytest.raises(AuditError, match="could not be written to"):
        place.log.append(entry())
    with pytest.raises(AuditError, match="cannot be read"):
        list(place.log.newest())


def test_what_is_too_long_is_refused_and_changes_nothing(log: AuditLog) -> None:
    with pytest.raises(AuditError, match="at most 300,000 bytes"):
        log.append(entry(parameters={"where": "ä" * 150_000}))
    assert checked(log) == Verdict(0, "0" * 64)
    assert log.append(entry(parameters={"where": "x" * 290_000})) == 1


@pytest.mark.parametrize("server", SERVERS)
def test_faults_break_no_chain_and_make_nothing_twice(server: str) -> None:
    """A third of all calls fail or lose their answer: what is said to be kept is, the rest at most once."""
    kept: dict[int, str] = {}
    with aws_of(server) as aws:
        aws.create(TABLE)
        log = AwsAudit(aws.clients, aws.begin, sleep=lambda _: None)
        with Faults(aws.clients, 7) as faults:
            for n in range(150):
                with suppress(AuditError):
                    kept[log.append(entry(id=f"{n}"))] = f"{n}"
        assert min(faults.counts[kind] for kind in ("throttled", "lost", "timed_out")) > 20
        assert not checked(log).broken
        found = {record.number: record.id for record in map(read, log.oldest())}
    assert len(set(found.values())) == len(found)
    assert kept.items() <= found.items()
    assert len(kept) > 100


SECRETS = (
    "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
    "sg_0123456789abcdefghijklmnopqrstuv",
    "wk_0123456789abcdefghijklmnopqrstuv",
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl",
)


@one_form
def test_no_record_has_a_secret(log: AuditLog) -> None:
    named = {
        "password": "hunter2hunter2",
        "Token": "abc",
        "id_token": ["abc"],
        "secret_key": 7,
        "cookie": "c",
    }
    within = {f"p{n}": f"x {secret} y" for n, secret in enumerate(SECRETS)}
    deep = {"more": [{"api_token": "abc"}, *SECRETS], "event_name": "wk_promotion"}
    log.append(entry(parameters=named | within | deep, subject=f"file {SECRETS[1]}", reason=SECRETS[0]))
    (kept,) = log.newest()
    for secret in (*SECRETS, "hunter2", '"abc"', "hashhash"):
        assert secret not in kept.text
    found = read(kept).parameters
    assert {found[name] for name in ("password", "Token", "id_token", "secret_key")} == {"(left out)"}
    assert found["p1"] == "x (left out) y"
    assert found["event_name"] == "wk_promotion"


@one_form
def test_odd_text_is_kept_in_a_form_that_can_be_hashed(log: AuditLog) -> None:
    log.append(entry(parameters={"a\x00b": "\ud800 \u202e \x1b[31m", "set": {"b", "a"}, "half": 0.5}))
    (kept,) = log.newest()
    assert read(kept).parameters == {"a\x00b": "? \u202e \x1b[31m", "set": ["a", "b"], "half": "0.5"}
    assert not checked(log).broken


def downloads(log: AuditLog) -> None:
    """Four downloads that overlap, one manifest and a sign-in; numbers 1 to 10."""
    log.append(entry(id="a", parameters={"country": "DE"}))
    log.append(entry(id="b", who=BOB, subject="findings"))
    log.append(entry("sign_in.failed", who=Who("eve", ""), subject=""))
    log.append(entry("export.finished", id="a", rows=5, bytes=50, sha256="aa"))
    log.append(entry(id="c"))
    log.append(entry("manifest.started", id="m", who=BOB))
    log.append(entry("export.failed", id="c", rows=2, bytes=20, reason="ReaderGone"))
    log.append(entry("manifest.finished", id="m", who=BOB))
    log.append(entry(id="d", who=BOB))
    log.append(entry("export.finished", id="b", who=BOB, subject="findings", rows=1))


def told(rows: list[Row]) -> list[tuple[int, str, str]]:
    return [(row.begun.number, row.kind, row.last.outcome) for row in rows]


ALL = [
    (9, "export", "started"),
    (6, "manifest", "finished"),
    (5, "export", "failed"),
    (3, "sign_in.failed", "failed"),
    (2, "export", "finished"),
    (1, "export", "finished"),
]


def test_a_download_is_one_row_with_its_outcome(log: AuditLog) -> None:
    downloads(log)
    found = page(log.newest, Wanted(), 100)
    assert told(found.rows) == ALL
    assert found.next == ""
    last = found.rows[-1]
    assert (last.last.rows, last.last.bytes, last.last.sha256) == (5, 50, "aa")
    assert found.rows[2].last.reason == "ReaderGone"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_pages_are_the_whole_whatever_their_size(log: AuditLog, size: int) -> None:
    downloads(log)
    rows: list[Row] = []
    more = ""
    for _ in range(10):
        found = page(log.newest, Wanted(), size, more)
        log.append(entry(who=BOB, id=f"new{len(rows)}"))  # what comes meanwhile belongs to no later page
        rows += found.rows
        more = found.next
        if not more:
            break
    assert told(rows) == ALL


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(user="BOB"), [9, 6, 2]),
        (Wanted(subject="findings"), [2]),
        (Wanted(kind="manifest"), [6]),
        (Wanted(kind="sign_in.failed"), [3]),
        (Wanted(outcome="started"), [9]),
        (Wanted(outcome="finished", user="bob"), [6, 2]),
        (Wanted(text="country\":\"de"), [1]),
        (Wanted(since=datetime.fromtimestamp(1_700_000_004, UTC)), [9, 6, 5]),
        (Wanted(until=datetime.fromtimestamp(1_700_000_004, UTC)), [3, 2, 1]),
        (Wanted(user="nobody"), []),
    ],
)  # fmt: skip
def test_rows_are_found_by_what_is_wanted(log: AuditLog, wanted: Wanted, numbers: list[int]) -> None:
    downloads(log)
    assert [row.begun.number for row in page(log.newest, wanted, 100).rows] == numbers
    first = page(log.newest, wanted, 1)
    rows = first.rows + (page(log.newest, wanted, 100, first.next).rows if first.next else [])
    assert [row.begun.number for row in rows] == numbers


@one_form
def test_a_search_since_a_time_reads_no_further_back_than_a_day_before(log: AuditLog, tmp_path: Path) -> None:
    days = count(1_700_000_000, 24 * 3600)
    log = EmbeddedAudit(tmp_path / "days.db", lambda: float(next(days)))
    written(log, 10)
    seen: list[int] = []

    def newest(before: int | None) -> Iterator[Kept]:
        for kept in log.newest(before):
            seen.append(kept.number)
            yield kept

    since = datetime.fromtimestamp(1_700_000_000 + 7 * 24 * 3600, UTC)
    assert [row.begun.number for row in page(newest, Wanted(since=since), 100).rows] == [10, 9, 8]
    assert seen == [10, 9, 8, 7, 6]


@one_form
def test_a_place_that_is_none_is_refused(log: AuditLog) -> None:
    for cursor in ("x", "1", "1.2.3", "-1.2"):
        with pytest.raises(UsageError, match="begin with its first page"):
            page(log.newest, Wanted(), 10, cursor)
