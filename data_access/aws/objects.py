"""Objects of the archive in S3, each written once: S3 refuses a name that is taken."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from data_access.aws.clients import Clients

_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AwsObjects:
    """The Objects port over a prefix of a bucket."""

    def __init__(self, clients: Clients, bucket: str, prefix: str = "archive/") -> None:
        self._s3, self._bucket, self._prefix = clients.of("s3"), bucket, prefix

    def put_if_absent(self, name: str, body: bytes) -> bool:
        """Write an object, durable when this returns; False, and nothing done, when the name is taken: also
        by this write, where its answer was lost and it came again."""
        try:
            self._s3.put_object(Bucket=self._bucket, Key=self._key(name), Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] in _TAKEN:
                return False
            raise _told(error) from error
        except BotoCoreError as error:
            raise _told(error) from error
        return True

    def get(self, name: str) -> bytes:
        """An object's bytes. Raises OSError when it cannot be read."""
        try:
            found: bytes = self._s3.get_object(Bucket=self._bucket, Key=self._key(name))["Body"].read()
        except (ClientError, BotoCoreError) as error:
            raise _told(error) from error
        return found

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """The objects whose name starts with a prefix, by name, and when each was written (UTC µs)."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in pages:
            for entry in page.get("Contents", []):
                written = (entry["LastModified"] - _EPOCH) // timedelta(microseconds=1)
                yield entry["Key"].removeprefix(self._prefix), written

    def _key(self, name: str) -> str:
        if any(not part or part.startswith(".") or "\\" in part or "\0" in part for part in name.split("/")):
            raise ValueError(f"{name!r} is no name of an object")
        return self._prefix + name


def _told(error: ClientError | BotoCoreError) -> OSError:
    """What went wrong, as what reads and writes objects expects it."""
    response = getattr(error, "response", None) or {}
    return OSError(str(response.get("Error", {}).get("Code") or type(error).__name__))
