"""The Documents port: compare-and-set that exactly one writer wins, durable at once."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from data_access.aws.clients import Clients
from data_access.aws.documents import TABLE, AwsDocuments
from data_access.embedded.documents import EmbeddedDocuments
from data_access.ports import Document, Documents
from data_access.settings import Settings
from tests.aws_parts import SERVERS, aws_of

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "documents.db"


@pytest.fixture(params=["sqlite", *SERVERS])
def documents(request: pytest.FixtureRequest, path: Path) -> Iterator[Documents]:
    if request.param == "sqlite":
        yield EmbeddedDocuments(path)
        return
    with aws_of(request.param) as aws:
        aws.create(TABLE)
        yield AwsDocuments(aws.clients, aws.begin)


def test_put_get_and_list(documents: Documents) -> None:
    assert documents.put("view", "b", {"n": 1}, None)
    assert documents.put("view", "a", {"name": "Ä", "list": [1, None]}, None)
    assert documents.put("user", "a", {}, None)
    assert documents.get("view", "b") == Document({"n": 1}, 1)
    assert documents.list("view") == [
        ("a", Document({"name": "Ä", "list": [1, None]}, 1)),
        ("b", Document({"n": 1}, 1)),
    ]


def test_missing_document_is_none(documents: Documents) -> None:
    assert documents.get("view", "none") is None
    assert documents.list("view") == []


def test_put_new_refuses_an_existing_key(documents: Documents) -> None:
    assert documents.put("view", "a", {"n": 1}, None)
    assert not documents.put("view", "a", {"n": 2}, None)
    assert documents.get("view", "a") == Document({"n": 1}, 1)


def test_put_refuses_a_stale_version(documents: Documents) -> None:
    documents.put("view", "a", {"n": 1}, None)
    assert documents.put("view", "a", {"n": 2}, 1)
    assert not documents.put("view", "a", {"n": 3}, 1)
    assert documents.get("view", "a") == Document({"n": 2}, 2)


def test_put_with_a_version_makes_nothing_new(documents: Documents) -> None:
    assert not documents.put("view", "a", {"n": 1}, 1)
    assert documents.get("view", "a") is None


def test_delete_refuses_a_stale_version(documents: Documents) -> None:
    documents.put("view", "a", {"n": 1}, None)
    documents.put("view", "a", {"n": 2}, 1)
    assert not documents.delete("view", "a", 1)
    assert documents.delete("view", "a", 2)
    assert documents.get("view", "a") is None


def test_writes_are_durable_and_private(path: Path) -> None:
    documents = EmbeddedDocuments(path)
    documents.put("view", "a", {"n": 1}, None)
    assert EmbeddedDocuments(path).get("view", "a") == Document({"n": 1}, 1)
    assert path.stat().st_mode & 0o077 == 0
    (level,) = documents._db.execute("pragma synchronous").fetchone()
    assert level == 2  # full: an acknowledged write survives a power cut
    with sqlite3.connect(path) as other:
        assert other.execute("pragma journal_mode").fetchone() == ("wal",)
    other.close()


@pytest.mark.parametrize("documents", ["sqlite", "ministack"], indirect=True)
def test_one_of_many_threads_wins(documents: Documents) -> None:
    """moto checks conditions without a lock, so it is not asked."""
    with ThreadPoolExecutor(12) as pool:
        won = list(pool.map(lambda n: documents.put("token", "t", {"n": n}, None), range(50)))
    assert won.count(True) == 1
    kept = documents.get("token", "t")
    assert kept is not None
    assert kept.value == {"n": won.index(True)}


def _increments(where: Path | Settings, times: int) -> int:
    """Add one ``times`` times, each by compare-and-set; returns how often it had to try."""
    documents: Documents = (
        EmbeddedDocuments(where) if isinstance(where, Path) else AwsDocuments(Clients(where), where.aws_name)
    )
    tries = 0
    for _ in range(times):
        while True:
            tries += 1
            now = documents.get("count", "c")
            assert now is not None
            if documents.put("count", "c", {"n": now.value["n"] + 1}, now.version):
                break
    return tries


def test_processes_lose_no_increment(path: Path) -> None:
    _count_in_processes(EmbeddedDocuments(path), path)


def test_processes_lose_no_increment_in_dynamodb() -> None:
    with aws_of("ministack") as aws:
        aws.create(TABLE)
        _count_in_processes(AwsDocuments(aws.clients, aws.begin), aws.settings)


def _count_in_processes(documents: Documents, where: Path | Settings) -> None:
    documents.put("count", "c", {"n": 0}, None)
    with ProcessPoolExecutor(3, mp_context=SPAWN) as pool:
        tries = list(pool.map(_increments, [where] * 3, [30] * 3))
    assert documents.get("count", "c") == Document({"n": 90}, 91)
    assert sum(tries) >= 90


def test_a_deleted_document_can_be_made_anew_by_one(documents: Documents) -> None:
    documents.put("view", "a", {"n": 1}, None)
    assert documents.delete("view", "a", 1)
    assert not documents.delete("view", "a", 1)
    assert documents.list("view") == []
    assert not documents.put("view", "a", {"n": 2}, 1)
    assert documents.put("view", "a", {"n": 3}, None)
    assert documents.list("view") == [("a", Document({"n": 3}, 1))]


def test_a_list_of_more_than_one_answer_is_whole(documents: Documents) -> None:
    """DynamoDB gives a megabyte at a time."""
    for n in range(12):
        documents.put("view", f"{n:02}", {"text": "x" * 100_000}, None)
    assert [key for key, _ in documents.list("view")] == [f"{n:02}" for n in range(12)]
