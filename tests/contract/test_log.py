"""The Log port on SQLite: order, durability, group commit, offsets, retention, full disks."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest

from data_access.embedded import letters
from data_access.embedded import log as embedded_log
from data_access.embedded.log import EmbeddedLog
from data_access.live import Once, Reason, Refused
from data_access.ports import LogBusy, LogFull

ROOT = Path(__file__).parents[2]


class Clock:
    now = datetime(2026, 3, 9, 12, tzinfo=UTC)

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, clock: Clock) -> Iterator[EmbeddedLog]:
    opened = EmbeddedLog(tmp_path / "log.db", clock)
    yield opened
    opened.close()


def refused(sequence: int | None = None, site: str = "shop", reason: Reason = Reason.MISSING) -> Refused:
    return Refused(site, reason, "session_id", "is missing", b"body", sequence)


def test_records_come_back_in_order_with_their_sequences(log: EmbeddedLog, clock: Clock) -> None:
    assert log.head() == 0
    assert log.append(b"ab", 2).sequences == range(1, 3)
    assert log.append(b"c", 1).sequences == range(3, 4)
    assert log.append(b"", 0).sequences == range(4, 4)
    assert [(r.first, r.last, r.body) for r in log.read(0, 10)] == [(1, 2, b"ab"), (3, 3, b"c")]
    assert log.read(0, 10)[0].written_at == clock.now.replace(tzinfo=None)
    assert log.head() == 3


def test_reading_takes_whole_records_until_enough_events_are_there(log: EmbeddedLog) -> None:
    for body in (b"a", b"b", b"c", b"d"):
        log.append(body, 3)
    assert [r.last for r in log.read(0, 1)] == [3]
    assert [r.last for r in log.read(0, 4)] == [3, 6]
    assert [r.last for r in log.read(2, 1)] == [3], "a record that is half read comes again"
    assert [r.last for r in log.read(3, 100)] == [6, 9, 12]
    assert log.read(12, 5) == []


def test_more_records_than_one_look_takes(log: EmbeddedLog) -> None:
    for _ in range(150):
        log.append(b"x", 1)
    assert [r.first for r in log.read(3, 140)] == list(range(4, 144))


def test_writers_at_once_share_commits_and_none_is_lost(log: EmbeddedLog) -> None:
    start, given = Barrier(8), []

    def write(name: bytes) -> None:
        start.wait()
        for number in range(25):
            given.append((log.append(name + b"%d" % number, 1).sequences[0], name + b"%d" % number))

    threads = [Thread(target=write, args=(b"%d-" % n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given) == [(r.first, r.body) for r in log.read(0, 1000)]
    assert len(given) == 200


def test_two_processes_write_one_log(tmp_path: Path, log: EmbeddedLog) -> None:
    code = (
        "import sys; from pathlib import Path; from data_access.embedded.log import EmbeddedLog;"
        "log = EmbeddedLog(Path(sys.argv[1])); [log.append(b'theirs', 2) for _ in range(20)]"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log.db")], cwd=ROOT)
    for _ in range(20):
        log.append(b"ours", 1)
    assert other.wait() == 0
    records = log.read(0, 100)
    assert [r.first for r in records] == [1, *(r.last + 1 for r in records[:-1])]
    assert sorted(r.body for r in records) == [b"ours"] * 20 + [b"theirs"] * 20


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from data_access.embedded.log import EmbeddedLog;"
        "log = EmbeddedLog(Path(sys.argv[1]))\n"
        "while True: print(log.append(b'x', 1).sequences[0], flush=True)"
    )
    path = tmp_path / "killed.db"
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(40):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    rest = process.stdout.read().split()
    process.wait()
    last = int(rest[-1]) if rest else 40
    survivors = EmbeddedLog(path)
    assert survivors.head() >= last
    assert [r.first for r in survivors.read(0, 10**6)] == list(range(1, survivors.head() + 1))
    survivors.close()


def test_commits_wait_for_the_disk(log: EmbeddedLog) -> None:
    db = embedded_log._connect(log._path)
    assert db.execute("pragma journal_mode").fetchone() == ("wal",)
    assert db.execute("pragma synchronous").fetchone() == (2,)  # full: the WAL is synced at every commit


def test_waiting_ends_when_something_comes(log: EmbeddedLog) -> None:
    assert not log.wait(0, 0.01)
    writer = Thread(target=lambda: log.append(b"x", 1))
    writer.start()
    assert log.wait(0, 10)
    writer.join()
    assert log.wait(0, 0)


def test_offsets_never_go_back(log: EmbeddedLog) -> None:
    assert log.offsets() == {"lake": 0, "live": 0}
    log.commit("lake", 7)
    log.commit("lake", 3)
    assert log.offsets() == {"lake": 7, "live": 0}


def test_records_are_kept_by_age_and_for_the_slowest_consumer(log: EmbeddedLog, clock: Clock) -> None:
    log.append(b"old", 5)
    clock.now += timedelta(hours=2)
    log.append(b"new", 1)
    now = clock.now
    assert log.trim(now - timedelta(hours=1)) == 0, "nobody has read it"
    log.commit("lake", 6)
    log.commit("live", 4)
    assert log.trim(now - timedelta(hours=1)) == 0, "live has read half of it"
    log.commit("live", 6)
    assert log.trim(now - timedelta(hours=3)) == 0, "too young"
    assert log.trim(now - timedelta(hours=1)) == 5
    assert [r.body for r in log.read(0, 10)] == [b"new"]
    log.trim(now + timedelta(hours=1))
    assert log.read(0, 10) == []
    assert log.append(b"next", 1).sequences == range(7, 8), "a sequence is never given twice"


def test_the_oldest_record_after_a_sequence(log: EmbeddedLog, clock: Clock) -> None:
    assert log.oldest(0) is None
    log.append(b"x", 2)
    first = clock.now.replace(tzinfo=None)
    clock.now += timedelta(seconds=9)
    log.append(b"y", 1)
    assert [log.oldest(n) for n in (0, 1, 2, 3)] == [first, first, first + timedelta(seconds=9), None]


def test_a_log_keeps_its_epoch_and_another_has_another(tmp_path: Path, log: EmbeddedLog) -> None:
    again, other = EmbeddedLog(tmp_path / "log.db"), EmbeddedLog(tmp_path / "other.db")
    assert again.epoch == log.epoch != other.epoch


def test_answers_to_requests_are_kept_for_a_day(log: EmbeddedLog, clock: Clock) -> None:
    log.append(b"x", 1, (), Once("shop\0k", b"digest", b"200 answer"))
    clock.now += timedelta(hours=embedded_log.ONCE_HOURS, seconds=1)
    log.trim(clock.now)
    assert log.append(b"y", 1, (), Once("shop\0k", b"another", b"")).answer is None


def test_letters_are_numbered_and_a_sequence_is_buried_once(log: EmbeddedLog) -> None:
    log.append(b"", 0, [refused(), refused()])
    for _ in range(2):
        log.bury([refused(9, reason=Reason.UNREADABLE)])
    assert [letter.number for letter in log.letters(10)] == [3, 2, 1]


def test_old_letters_go_but_accepted_ones_stay_until_replayed(log: EmbeddedLog, clock: Clock) -> None:
    log.append(b"", 0, [refused()])
    log.bury([refused(1), refused(2)])
    log.replay({3: b"again"})
    clock.now += timedelta(days=1)
    log.trim(clock.now)
    assert [letter.refused.sequence for letter in log.letters(10)] == [1]


def test_turned_away_letters_are_bounded(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letters, "MOST_TURNED_AWAY", 2)
    log.append(b"", 0, [refused() for _ in range(4)])
    log.trim(datetime(2020, 1, 1, tzinfo=UTC))
    assert [letter.number for letter in log.letters(10)] == [4, 3]


def test_too_much_waiting_is_refused_at_once(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_log, "MAX_WAITING_BYTES", 10)
    with pytest.raises(LogBusy, match="try again"):
        log.append(b"x" * 11, 1)
    assert log.append(b"x" * 10, 1).sequences == range(1, 2)


def test_a_closed_log_takes_nothing(tmp_path: Path) -> None:
    log = EmbeddedLog(tmp_path / "closed.db")
    log.append(b"x", 1)
    log.close()
    with pytest.raises(LogBusy):
        log.append(b"y", 1)


def fill(log: EmbeddedLog) -> None:
    for _ in range(1000):
        log.append(os.urandom(20_000), 1)


def test_a_full_disk_is_said_and_recovered_from(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite's own limit on pages stands for the disk; `tests/faults` fills a real one."""
    real, limited = embedded_log._connect, []

    def connect(path: Path) -> sqlite3.Connection:
        db = real(path)
        db.execute("pragma max_page_count = 40")
        limited.append(db)
        return db

    monkeypatch.setattr(embedded_log, "_connect", connect)
    with pytest.raises(LogFull, match="no room"):
        fill(log)
    kept = log.head()
    assert kept > 0
    limited[0].execute("pragma max_page_count = 4000")
    assert log.append(b"room again", 1).sequences == range(kept + 1, kept + 2)


def test_a_locked_log_is_busy(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    real = embedded_log._connect

    def impatient(path: Path) -> sqlite3.Connection:
        db = real(path)
        db.execute("pragma busy_timeout = 1")
        return db

    monkeypatch.setattr(embedded_log, "_connect", impatient)
    other = sqlite3.connect(log._path, isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(LogBusy, match="somebody else"):
        log.append(b"x", 1)
    other.execute("rollback")
    assert log.append(b"x", 1).sequences == range(1, 2)


def test_an_offset_that_does_not_move_writes_nothing(log: EmbeddedLog, tmp_path: Path) -> None:
    log.append(b"abc", 3)
    other = sqlite3.connect(tmp_path / "log.db")

    def version() -> int:
        ((found,),) = other.execute("pragma data_version")
        return int(found)

    log.commit("live", 2)
    before = version()
    log.commit("live", 2)
    log.commit("live", 1)
    assert version() == before
    log.commit("live", 3)
    assert version() != before
    assert log.offsets()["live"] == 3
    other.close()
