"""The Cache port: one computation a key over threads and processes, bounded on disk."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pyarrow as pa
import pytest

from data_access.embedded import locks
from data_access.embedded.cache import EmbeddedCache
from data_access.embedded.locks import FileLock
from data_access.model import Scope
from tests.builders import embedded, event, period, table

SPAWN = multiprocessing.get_context("spawn")
ONE_MB = pa.table({"x": pa.array([b"x" * 100_000] * 9)})


def answer(n: int) -> pa.Table:
    return pa.table({"n": pa.array([n], pa.int32()), "text": ["ä"], "missing": pa.array([None], pa.string())})


def files(folder: Path) -> list[Path]:
    return list(folder.glob("*.arrow"))


def test_second_ask_gets_the_same_table_back(tmp_path: Path) -> None:
    cache = EmbeddedCache(tmp_path, 10)
    first = cache.get_or_compute("k", lambda: answer(1))
    second = EmbeddedCache(tmp_path, 10).get_or_compute("k", lambda: answer(2))
    assert first == (answer(1), False)
    assert second == (answer(1), True)
    assert second[0].schema == answer(1).schema


def test_an_empty_table_is_an_answer(tmp_path: Path) -> None:
    cache = EmbeddedCache(tmp_path, 10)
    empty = answer(1).slice(0, 0)
    cache.get_or_compute("k", lambda: empty)
    assert cache.get_or_compute("k", lambda: answer(1)) == (empty, True)


_together: Any = None


def _meet(barrier: Any) -> None:
    """In a new process: keep what all processes wait at before they ask."""
    global _together
    _together = barrier


def _ask(folder: Path, log: Path, threads: int) -> list[tuple[int, bool]]:
    """Ask from several threads at once; each computation writes a line."""
    cache = EmbeddedCache(folder, 10)
    start = Barrier(threads)
    if _together is not None:
        _together.wait()

    def compute() -> pa.Table:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        Event().wait(0.2)  # time for a second computation to begin, were it let
        return answer(os.getpid())

    def one(_: int) -> tuple[int, bool]:
        start.wait()
        found, cached = cache.get_or_compute("k", compute)
        return found["n"][0].as_py(), cached

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def test_24_threads_compute_once(tmp_path: Path) -> None:
    found = _ask(tmp_path / "cache", tmp_path / "log", 24)
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert len({n for n, _ in found}) == 1
    assert [cached for _, cached in found].count(False) == 1


def test_24_asks_over_3_processes_compute_once(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, SPAWN, initializer=_meet, initargs=(SPAWN.Barrier(3),)) as pool:
        parts = list(pool.map(_ask, [tmp_path / "cache"] * 3, [tmp_path / "log"] * 3, [8] * 3))
    found = [pair for part in parts for pair in part]
    assert len(found) == 24
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert len({n for n, _ in found}) == 1


def test_24_concurrent_questions_run_one_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backends = embedded(tmp_path, [event(country="DE")])
    run, texts, start = backends.warehouse.table, [], Barrier(24)

    def counted(sql, version, *more):  # type: ignore[no-untyped-def]
        texts.append(sql.text)
        return run(sql, version, *more)

    monkeypatch.setattr(backends.warehouse, "table", counted)

    def ask(_: int) -> tuple[list[dict[str, object]], bool]:
        start.wait()
        found = backends.asking.ask("events.mix", period() | {"by": "country"}, Scope("a"))
        return found.rows, found.stamp.cached

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(ask, range(24)))
    assert len(texts) == len(set(texts)) == 3  # the answer, how far the data reaches, what was received
    assert all(rows == found[0][0] for rows, _ in found)
    assert [cached for _, cached in found].count(False) == 1


def test_answers_are_shared_only_when_all_is_equal(tmp_path: Path) -> None:
    backends = embedded(tmp_path, [event(country="DE"), event(country="FR", site="blog")])
    asked = period() | {"by": "country"}

    def ask(raw: dict[str, str], scope: Scope) -> tuple[int, bool]:
        found = backends.asking.ask("events.mix", raw, scope)
        return sum(row["events"] for row in found.rows), found.stamp.cached

    assert ask(asked, Scope("a")) == (2, False)
    assert ask(asked, Scope("b")) == (2, True)  # the same scope, another person
    assert ask(asked, Scope("a", frozenset({"blog"}))) == (1, False)
    assert ask(asked, Scope("a", frozenset({"shop"}))) == (1, False)
    assert ask(asked, Scope("a", frozenset())) == (0, False)
    assert ask(asked | {"country": "DE"}, Scope("a")) == (1, False)
    assert ask(asked | {"country": "FR"}, Scope("a")) == (1, False)
    backends.lake.append(table([event()]))
    backends.lake.curate()
    assert ask(asked, Scope("a")) == (3, False)  # another version


def test_folder_stays_within_its_bound_and_keeps_the_newest(tmp_path: Path) -> None:
    cache = EmbeddedCache(tmp_path, 3)
    for n in range(8):
        cache.get_or_compute(f"k{n}", lambda: ONE_MB)
        os.utime(tmp_path / f"k{n}.arrow", (n + 1, n + 1))
    assert sum(f.stat().st_size for f in files(tmp_path)) <= 3_000_000
    assert {f.stem for f in files(tmp_path)} == {"k5", "k6", "k7"}


def test_reading_keeps_an_answer_from_being_swept(tmp_path: Path) -> None:
    cache = EmbeddedCache(tmp_path, 3)
    for n in range(3):
        cache.get_or_compute(f"k{n}", lambda: ONE_MB)
        os.utime(tmp_path / f"k{n}.arrow", (n + 1, n + 1))
    assert cache.get_or_compute("k0", lambda: ONE_MB)[1]
    cache.get_or_compute("k3", lambda: ONE_MB)
    assert {f.stem for f in files(tmp_path)} == {"k0", "k2", "k3"}


def test_an_answer_larger_than_the_bound_is_given_but_not_kept(tmp_path: Path) -> None:
    cache = EmbeddedCache(tmp_path, 0)
    assert cache.get_or_compute("k", lambda: answer(1)) == (answer(1), False)
    assert files(tmp_path) == []


def test_readers_survive_sweeping(tmp_path: Path) -> None:
    """One thread fills the folder over its bound again and again while others read."""
    cache = EmbeddedCache(tmp_path, 2)
    stop = Event()

    def write() -> None:
        try:
            for n in range(60):
                cache.get_or_compute(f"w{n}", lambda: ONE_MB)
        finally:
            stop.set()

    def reader() -> int:
        reads = 0
        while not stop.is_set():
            for n in range(3):
                found, _ = cache.get_or_compute(f"r{n}", lambda n=n: answer(n))
                assert found == answer(n)
                reads += 1
        return reads

    with ThreadPoolExecutor(5) as pool:
        writing = pool.submit(write)
        reads = [pool.submit(reader) for _ in range(4)]
        writing.result()
        assert sum(r.result() for r in reads) > 0
    assert sum(f.stat().st_size for f in files(tmp_path)) <= 2_000_000


def test_an_error_reaches_the_caller_and_is_not_kept(tmp_path: Path) -> None:
    cache = EmbeddedCache(tmp_path, 10)

    def fail() -> pa.Table:
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        cache.get_or_compute("k", fail)
    assert cache.get_or_compute("k", lambda: answer(1)) == (answer(1), False)


def test_sweeping_drops_old_lock_files(tmp_path: Path) -> None:
    cache = EmbeddedCache(tmp_path, 10)
    cache.get_or_compute("old", lambda: answer(1))
    long_ago = time.time() - 48 * 3600
    os.utime(tmp_path / "old.lock", (long_ago, long_ago))
    cache.get_or_compute("new", lambda: answer(1))
    assert not (tmp_path / "old.lock").exists()
    assert (tmp_path / "new.lock").exists()
    assert (tmp_path / "old.arrow").exists()


def test_a_released_lock_belongs_to_the_next_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share one lock object: one takes it in the instant in which another lets go."""
    path = tmp_path / "lock"
    lock = FileLock(path)
    lock.acquire()
    close = os.close

    def close_and_lose_the_race(descriptor: int) -> None:
        monkeypatch.undo()
        close(descriptor)
        assert lock.acquire(wait=False)

    monkeypatch.setattr(locks.os, "close", close_and_lose_the_race)
    lock.release()
    assert not FileLock(path).acquire(wait=False)
    lock.release()
    other = FileLock(path)
    assert other.acquire(wait=False)
    other.release()
