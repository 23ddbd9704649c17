"""λ in Firehose: records of the stream as rows of the raw table, each with the shard and sequence it had.

Firehose may bring a record again; its shard and sequence tell, and curation takes it once.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aws_lambda_powertools.utilities.data_classes import KinesisFirehoseEvent
from aws_lambda_powertools.utilities.data_classes.kinesis_firehose_event import KinesisFirehoseRecord

from data_access import moments
from data_access.events import LOGGED
from data_access.live import Record, Refused
from data_access.ports import Intake
from pipeline.lake_writer import canonical, drafts_of
from pipeline.lambdas import parts
from pipeline.rules import Rules

OK, DROPPED = "Ok", "Dropped"


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Make rows of records."""
    return transformed(event, parts.opened().intake, parts.rules())


def transformed(event: dict[str, Any], intake: Intake, rules: Rules) -> dict[str, Any]:
    """What Firehose is told of each record: its row, or that it is dropped; what is dropped is a letter."""
    came = KinesisFirehoseEvent(event)
    stream = (came.source_kinesis_stream_arn or "").rpartition("/")[2]
    records = list(came.records)
    rows, refused = rows_of([_record(one) for one in records], rules)
    if refused:
        intake.bury(refused)
    return {"records": [_told(one, rows.get(_sequence(one)), stream) for one in records]}


def rows_of(records: Sequence[Record], rules: Rules) -> tuple[dict[int, dict[str, Any]], list[Refused]]:
    """Canonical events by sequence, from records of an event each, and those that are none."""
    drafts, refused = drafts_of(records, 0)
    table, unreadable = canonical(drafts, LOGGED, rules)
    gone = {one.sequence for one in unreadable}
    kept = [item.sequence for item, _ in drafts if item.sequence not in gone]
    return dict(zip(kept, table.to_pylist(), strict=True)), [*refused, *unreadable]


def _told(record: KinesisFirehoseRecord, row: dict[str, Any] | None, stream: str) -> dict[str, Any]:
    if row is None:
        return {"recordId": record.record_id, "result": DROPPED, "data": record.data}
    row = row | {"ingest_id": f"{LOGGED}{stream}/{record.metadata.shard_id}-{_sequence(record)}"}
    data = json.dumps(row, default=_microseconds, separators=(",", ":")).encode() + b"\n"
    return {"recordId": record.record_id, "result": OK, "data": b64encode(data).decode()}


def _microseconds(value: object) -> int:
    """A time as Firehose writes it into an Iceberg table: it takes microseconds only."""
    if isinstance(value, datetime):
        return moments.of(value)
    raise TypeError(f"an event has a value of the kind {type(value).__name__}")


def _record(record: KinesisFirehoseRecord) -> Record:
    arrived = moments.of_seconds(record.approximate_arrival_timestamp / 1000)
    return Record(_sequence(record), _sequence(record), arrived, record.data_as_bytes)


def _sequence(record: KinesisFirehoseRecord) -> int:
    return int(record.metadata.sequence_number)
