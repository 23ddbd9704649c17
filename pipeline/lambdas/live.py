"""λ behind the stream: events into the live counters.

Kinesis brings a shard's records in order, at least once, and after a failure again from the first record that
failed. The counters leave out what they have counted, so it does not matter where that is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.data_classes import KinesisStreamEvent
from aws_lambda_powertools.utilities.data_classes.kinesis_stream_event import KinesisStreamRecord

from data_access.live import Record, Sighting
from data_access.moments import of_seconds
from data_access.ports import Counters
from pipeline.lambdas import parts
from pipeline.live import IGNORED_HOURS, sightings

STEP = 1_000
"""Records folded at once: a failure has the others of the batch done."""
Clock = Callable[[], float]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Fold a batch of a shard."""
    return folded(event, parts.opened().counters)


def folded(event: dict[str, Any], counters: Counters, clock: Clock = time.time) -> dict[str, Any]:
    """What Kinesis is told: the record to begin with again, if any."""
    records = list(KinesisStreamEvent(event).records)
    for begin in range(0, len(records), STEP):
        some = records[begin : begin + STEP]
        try:
            _fold(some, counters, clock)
        except Exception:
            parts.logger.exception("counting failed; the stream brings it again")
            return {"batchItemFailures": [{"itemIdentifier": some[0].kinesis.sequence_number}]}
    return {"batchItemFailures": []}


def _fold(records: list[KinesisStreamRecord], counters: Counters, clock: Clock) -> None:
    oldest = int(clock() / 60) - IGNORED_HOURS * 60
    found = [record_of(record) for record in records]
    seen = [one for record in found for one in _sightings(record) if one.minute >= oldest]
    counters.fold(shard_of(records[0]), 0, found[-1].last, seen)


def _sightings(record: Record) -> list[Sighting]:
    """A record's events; none of one that breaks what reads it: its neighbours count."""
    try:
        return sightings([record], 0)
    except Exception:
        parts.logger.exception("a record of the stream could not be counted")
        return []


def record_of(record: KinesisStreamRecord) -> Record:
    """A record of the stream as one of the log: of a single event."""
    sequence = int(record.kinesis.sequence_number)
    arrived = of_seconds(record.kinesis.approximate_arrival_timestamp)
    return Record(sequence, sequence, arrived, record.kinesis.data_as_bytes())


def shard_of(record: KinesisStreamRecord) -> str:
    """Which shard of which stream a record is of; sequences are its own."""
    return f"{record.event_source_arn.rpartition('/')[2]}/{record.event_id.partition(':')[0]}"
