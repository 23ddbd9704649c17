"""The log in Kinesis: a record an event, and an SQS queue behind it for what Kinesis does not take.

An event is kept once Kinesis or the queue has it; what is in the queue comes into the stream later
(``pipeline.lambdas.redrive``). A write whose answer was lost may be in the stream twice, as an event that a
sender sends again: the lake keeps one of them, and reconciliation reports the other.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from data_access.aws.clients import Clients, named
from data_access.aws.letters import AwsLetters
from data_access.aws.tables import TTL, Table
from data_access.live import Appended, DeadLetter, Once, Refused
from data_access.ports import LogBusy, OnceError
from data_access.records import singles

log = logging.getLogger(__name__)

TABLE = Table("log")
STREAM, OVERFLOW = "{}-events", "{}-overflow"
FAILURES = (ClientError, BotoCoreError)
ONCE_HOURS = 24
TAKING_SECONDS = 30
"""After so long a request that was begun and not ended may be begun again."""
TRIES, _WAIT_SECONDS = 4, 0.05
_PUT_RECORDS, _PUT_BYTES = 500, 4_500_000
_SEND_MESSAGES, _SEND_BYTES = 10, 200_000
_BUSY = "the stream takes nothing more for now; try again in a moment"
T = TypeVar("T")


class AwsLog:
    """The Intake port over a Kinesis stream, an SQS queue and a DynamoDB table."""

    def __init__(
        self,
        clients: Clients,
        begin: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kinesis, self._sqs = clients.of("kinesis"), clients.of("sqs")
        self._dynamo = clients.of("dynamodb")
        self._table, self._stream, self._queue = TABLE.of(begin), STREAM.format(begin), OVERFLOW.format(begin)
        self._clock, self._sleep = clock, sleep
        self._letters = AwsLetters(clients, self._table, clock, sleep)
        self._queue_url = ""

    def append(
        self, body: bytes, events: int, refused: Sequence[Refused] = (), once: Once | None = None
    ) -> Appended:
        """Keep the events of a record, and refused ones; returns once they are kept for good."""
        by = secrets.token_hex(8)
        if once and (answer := self._claim(once, by)) is not None:
            return Appended(range(0), answer)
        try:
            if events:
                self.put(singles(body))
            self._keep_letters(refused, needed=not events)
        except LogBusy:
            if once:
                self._unclaim(once, by)
            raise
        if once:
            self._note(once)
        return Appended(range(0))

    def put(self, bodies: Sequence[bytes]) -> None:
        """Keep records of an event each. Raises LogBusy when neither stream nor queue takes them all."""
        left = [
            body for chunk in _chunks(bodies, _PUT_RECORDS, _PUT_BYTES) for body in self._to_stream(chunk)
        ]
        if left:
            log.warning("%d events go to the overflow queue", len(left))
            self._to_queue(left)

    def redriven(self, message: str) -> bool:
        """Bring a message of the overflow queue into the stream; False when it has to wait."""
        return not self._to_stream([b64decode(message)])

    def bury(self, refused: Sequence[Refused]) -> None:
        """Keep accepted events that turned out unreadable; each sequence once."""
        self._letters.add(refused)

    def letters(self, limit: int, site: str | None = None, *, waiting: bool = False) -> list[DeadLetter]:
        """The newest refused events, newest first."""
        return self._letters.newest(limit, site, waiting)

    def refusals(self) -> dict[str, int]:
        """How many refused events are kept and not replayed, by reason."""
        return self._letters.refusals()

    def unreadable(self, since: int) -> dict[tuple[str, int, str], int]:
        """Accepted events that no event could be made of, though they count live."""
        return self._letters.unreadable(since)

    def replay(self, letters: Mapping[int, bytes]) -> int:
        """Append the bodies of some dead letters, an event each; how many. One whose process dies in
        between is tried again, and may then be in the stream twice."""
        return sum(self._replayed(number, body) for number, body in sorted(letters.items()))

    def _replayed(self, number: int, body: bytes) -> bool:
        if not self._letters.claim(number):
            return False
        try:
            self.put([body])
        except LogBusy:
            self._letters.unclaim(number)
            raise
        self._letters.done(number)
        return True

    def _to_stream(self, bodies: Sequence[bytes]) -> list[bytes]:
        """Put records into the stream; those it did not take, tried again and again."""
        left = list(bodies)
        for attempt in range(TRIES):
            if attempt:
                self._sleep(_WAIT_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - no secret
            try:
                entries = [{"Data": body, "PartitionKey": secrets.token_hex(8)} for body in left]
                told = self._kinesis.put_records(StreamName=self._stream, Records=entries)["Records"]
            except FAILURES as error:
                log.warning("the stream could not be written to: %s", named(error))
                return left
            left = [body for body, one in zip(left, told, strict=True) if one.get("ErrorCode")]
            if not left:
                break
        return left

    def _to_queue(self, bodies: Sequence[bytes]) -> None:
        for chunk in _chunks([b64encode(body) for body in bodies], _SEND_MESSAGES, _SEND_BYTES):
            entries = [{"Id": str(n), "MessageBody": text.decode()} for n, text in enumerate(chunk)]
            try:
                told = self._sqs.send_message_batch(QueueUrl=self._url(), Entries=entries)
            except FAILURES as error:
                log.error("the overflow queue could not be written to: %s", named(error))
                raise LogBusy(_BUSY) from error
            if told.get("Failed"):
                raise LogBusy(_BUSY)

    def _url(self) -> str:
        if not self._queue_url:
            self._queue_url = self._sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
        return self._queue_url

    def _keep_letters(self, refused: Sequence[Refused], needed: bool) -> None:
        """Keep refused events. Where events of the same request are in the stream already, the request must
        not fail for letters: it would come again."""
        try:
            self._letters.add(refused)
        except FAILURES as error:
            log.error("%d refused events could not be kept: %s", len(refused), named(error))
            if needed:
                raise LogBusy(_BUSY) from error

    def _claim(self, once: Once, by: str) -> bytes | None:
        """Begin a request that may come again; its answer where it was ended before. Raises OnceError for
        another request with its key, LogBusy while it is being taken in."""
        now = self._clock()
        item = {
            **_once_key(once),
            "digest": {"B": once.digest},
            "begun": {"N": str(now)},
            "begun_by": {"S": by},
            TTL: {"N": str(int(now) + ONCE_HOURS * 3600)},
        }
        ended = {":ended": {"N": str(now - TAKING_SECONDS)}, ":now": {"N": str(int(now))}}
        try:
            self._dynamo.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression="attribute_not_exists(pk) or expires_at <= :now"
                " or (attribute_not_exists(answer) and begun < :ended)",
                ExpressionAttributeValues=ended,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamo.exceptions.ConditionalCheckFailedException as error:
            return _known(error.response.get("Item", {}), once, by)
        except FAILURES as error:
            raise LogBusy(_BUSY) from error
        return None

    def _note(self, once: Once) -> None:
        """Keep the answer. If that fails the request may be taken in once more, after a while."""
        try:
            self._dynamo.update_item(
                TableName=self._table,
                Key=_once_key(once),
                UpdateExpression="set answer = :answer",
                ExpressionAttributeValues={":answer": {"B": once.answer}},
            )
        except FAILURES as error:
            log.error("the answer to a request could not be kept: %s", named(error))

    def _unclaim(self, once: Once, by: str) -> None:
        """Give up a request that failed, so that it may come again at once."""
        try:
            self._dynamo.delete_item(
                TableName=self._table,
                Key=_once_key(once),
                ConditionExpression="begun_by = :by",
                ExpressionAttributeValues={":by": {"S": by}},
            )
        except FAILURES as error:
            log.warning("a request that failed can come again after %d s: %s", TAKING_SECONDS, named(error))


def _once_key(once: Once) -> dict[str, Any]:
    return {"pk": {"S": f"O#{once.key}"}, "sk": {"S": "-"}}


def _known(item: dict[str, Any], once: Once, by: str) -> bytes | None:
    if item.get("begun_by") == {"S": by}:
        return None  # our own, its answer was lost
    if "digest" in item and bytes(item["digest"]["B"]) != once.digest:
        raise OnceError("the Idempotency-Key was used for another request before; make a new one")
    if "answer" not in item:
        raise LogBusy("the same request is being taken in; try again in a moment")
    return bytes(item["answer"]["B"])


def _chunks(bodies: Iterable[bytes], most: int, most_bytes: int) -> Iterator[list[bytes]]:
    """Groups of at most so many, and of so many bytes unless one alone has more."""
    group: list[bytes] = []
    size = 0
    for body in bodies:
        if group and (len(group) == most or size + len(body) > most_bytes):
            yield group
            group, size = [], 0
        group.append(body)
        size += len(body)
    if group:
        yield group
