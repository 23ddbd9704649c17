"""The Objects port: each object written once, found by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ConnectionClosedError

from data_access.archived import Objects
from data_access.aws.objects import AwsObjects
from data_access.embedded.objects import EmbeddedObjects
from tests.aws_parts import REGION, SERVERS, Aws, aws_of


def bucket_of(aws: Aws) -> str:
    name = aws.settings.lake_bucket
    aws.clients.of("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


@pytest.fixture(params=["files", *SERVERS])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Objects]:
    if request.param == "files":
        yield EmbeddedObjects(tmp_path / "archive")
        return
    with aws_of(request.param) as aws:
        yield AwsObjects(aws.clients, bucket_of(aws))


def test_an_object_is_written_once(objects: Objects) -> None:
    assert objects.put_if_absent("a/b.json", b"one")
    assert not objects.put_if_absent("a/b.json", b"two")
    assert objects.get("a/b.json") == b"one"


def test_names_come_in_order_with_their_times(objects: Objects) -> None:
    for name in ("b/2", "a/1", "b/1", "ba/1"):
        objects.put_if_absent(name, b"x")
    assert [name for name, _ in objects.names("")] == ["a/1", "b/1", "b/2", "ba/1"]
    assert [name for name, _ in objects.names("b/")] == ["b/1", "b/2"]
    assert all(1_700_000_000_000_000 < at < 4_000_000_000_000_000 for _, at in objects.names(""))


def test_what_is_not_there_is_an_error(objects: Objects) -> None:
    with pytest.raises(OSError, match=r".+"):
        objects.get("a/none")
    assert list(objects.names("a/")) == []


@pytest.mark.parametrize("name", ["", "/a", "a//b", "../a", "a/..", "a\\b"])
def test_other_names_are_refused(objects: Objects, name: str) -> None:
    with pytest.raises(ValueError, match="no name of an object"):
        objects.put_if_absent(name, b"x")


@pytest.mark.parametrize("server", SERVERS)
def test_more_objects_than_one_answer_takes(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with aws_of(server) as aws:
        objects = AwsObjects(aws.clients, bucket_of(aws))
        for n in range(7):
            objects.put_if_absent(f"a/{n}", b"x")

        def few(params: dict[str, object], **_: object) -> None:
            params["MaxKeys"] = 3

        aws.clients.of("s3").meta.events.register("provide-client-params.s3.ListObjectsV2", few)
        assert [name for name, _ in objects.names("a/")] == [f"a/{n}" for n in range(7)]


def test_a_bucket_that_cannot_be_reached_is_an_os_error() -> None:
    with aws_of("moto") as aws:
        objects = AwsObjects(aws.clients, bucket_of(aws))

        def gone(**_: object) -> None:
            raise ConnectionClosedError(endpoint_url="https://s3.test")

        aws.clients.of("s3").meta.events.register("before-send.s3", gone)
        for ask in (lambda: objects.get("a"), lambda: objects.put_if_absent("a", b"x")):
            with pytest.raises(OSError, match="ConnectionClosedError"):
                ask()
