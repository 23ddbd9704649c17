"""The cache that hosts share, on a real server: one computation over all of them, and none that fails when
the server does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pyarrow as pa
import pytest
import valkey

from data_access.aws import cache as shared_cache
from data_access.aws.cache import APART_SECONDS, SharedCache
from data_access.embedded.cache import EmbeddedCache
from tests.redis_server import RedisServer

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    found = RedisServer(tmp_path)
    yield found
    found.stop()


def host(folder: Path, url: str, clock: Any = None) -> SharedCache:
    """A host's cache: its own folder, the shared server."""
    more = {"clock": clock} if clock else {}
    return SharedCache(url, EmbeddedCache(folder, 10), 30, **more)


def answer(n: int) -> pa.Table:
    return pa.table({"n": pa.array([n], pa.int32()), "text": ["ä"], "missing": pa.array([None], pa.string())})


def test_what_one_host_computed_the_others_have(tmp_path: Path, server: RedisServer) -> None:
    one, two = host(tmp_path / "1", server.url), host(tmp_path / "2", server.url)
    assert one.get_or_compute("k", lambda: answer(1)) == (answer(1), False)
    assert two.get_or_compute("k", lambda: answer(2)) == (answer(1), True)
    assert two.get_or_compute("k", lambda: answer(2)) == (answer(1), True)
    assert two.get_or_compute("other", lambda: answer(2))[0].schema == answer(2).schema


def test_an_empty_table_is_an_answer(tmp_path: Path, server: RedisServer) -> None:
    empty = answer(1).slice(0, 0)
    host(tmp_path / "1", server.url).get_or_compute("k", lambda: empty)
    assert host(tmp_path / "2", server.url).get_or_compute("k", lambda: answer(1)) == (empty, True)


def test_answers_are_kept_for_a_while_and_not_for_ever(tmp_path: Path, server: RedisServer) -> None:
    host(tmp_path / "1", server.url).get_or_compute("k", lambda: answer(1))
    client = valkey.from_url(server.url)
    (key,) = client.keys("*")
    assert 0 < client.ttl(key) <= shared_cache.KEPT_SECONDS
    client.close()


def test_a_large_answer_stays_on_its_host(
    tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_cache, "LARGEST_BYTES", 3)
    one, two = host(tmp_path / "1", server.url), host(tmp_path / "2", server.url)
    assert one.get_or_compute("k", lambda: answer(1)) == (answer(1), False)
    assert two.get_or_compute("k", lambda: answer(2)) == (answer(2), False)
    assert one.get_or_compute("k", lambda: answer(3)) == (answer(1), True)


def test_an_error_reaches_the_caller_and_is_not_kept(tmp_path: Path, server: RedisServer) -> None:
    cache = host(tmp_path / "1", server.url)

    def fail() -> pa.Table:
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError, match="no answer"):
        cache.get_or_compute("k", fail)
    assert cache.get_or_compute("k", lambda: answer(1)) == (answer(1), False)


def _ask(folder: Path, url: str, log: Path, threads: int) -> list[tuple[int, bool]]:
    """Ask from several threads of a host at once; each computation writes a line."""
    cache, start = host(folder, url), Barrier(threads)

    def compute() -> pa.Table:
        with log.open("a") as file:
            file.write(f"{folder.name}\n")
        Event().wait(0.3)  # time for a second computation to begin, were it let
        return answer(int(folder.name))

    def one(_: int) -> tuple[int, bool]:
        start.wait()
        found, cached = cache.get_or_compute("k", compute)
        return found["n"][0].as_py(), cached

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def test_24_asks_of_3_hosts_compute_once(tmp_path: Path, server: RedisServer) -> None:
    folders = [tmp_path / str(n) for n in range(3)]
    with ProcessPoolExecutor(3, SPAWN) as pool:
        parts = list(pool.map(_ask, folders, [server.url] * 3, [tmp_path / "log"] * 3, [8] * 3))
    found = [pair for part in parts for pair in part]
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert len({n for n, _ in found}) == 1
    assert [cached for _, cached in found].count(False) == 1


def test_without_a_server_a_host_goes_on_by_itself(tmp_path: Path, server: RedisServer) -> None:
    server.stop()
    cache = host(tmp_path / "1", server.url)
    assert cache.get_or_compute("k", lambda: answer(1)) == (answer(1), False)
    assert cache.get_or_compute("k", lambda: answer(2)) == (answer(1), True)


def test_a_server_that_goes_away_while_an_answer_is_computed(tmp_path: Path, server: RedisServer) -> None:
    computed = []

    def compute() -> pa.Table:
        server.stop()
        computed.append(1)
        return answer(1)

    cache = host(tmp_path / "1", server.url)
    assert cache.get_or_compute("k", compute) == (answer(1), False)
    assert computed == [1]


def test_an_error_is_the_computations_even_if_the_server_is_gone_as_well(
    tmp_path: Path, server: RedisServer
) -> None:
    def fail() -> pa.Table:
        server.stop()
        raise RuntimeError("no answer")

    with pytest.raises(RuntimeError, match="no answer"):
        host(tmp_path / "1", server.url).get_or_compute("k", fail)


def test_a_server_that_comes_back_is_used_again(tmp_path: Path, server: RedisServer) -> None:
    now = [0.0]
    cache = host(tmp_path / "1", server.url, lambda: now[0])
    server.stop()
    cache.get_or_compute("a", lambda: answer(1))
    server.start()
    other = host(tmp_path / "2", server.url)
    cache.get_or_compute("b", lambda: answer(1))
    assert other.get_or_compute("b", lambda: answer(2)) == (answer(2), False)
    now[0] = APART_SECONDS
    cache.get_or_compute("c", lambda: answer(1))
    assert other.get_or_compute("c", lambda: answer(2)) == (answer(1), True)


def test_a_value_nobody_can_read_is_no_answer(tmp_path: Path, server: RedisServer) -> None:
    host(tmp_path / "1", server.url).get_or_compute("k", lambda: answer(1))
    client = valkey.from_url(server.url)
    (key,) = client.keys("*")
    client.set(key, b"rubbish")
    client.close()
    assert host(tmp_path / "2", server.url).get_or_compute("k", lambda: answer(2)) == (answer(2), False)
    third = host(tmp_path / "3", server.url)
    assert third.get_or_compute("k", lambda: answer(3)) == (answer(3), False)
    assert host(tmp_path / "4", server.url).get_or_compute("k", lambda: answer(4)) == (answer(3), True)
