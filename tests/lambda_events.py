"""What AWS hands to λ, in its documented shapes."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from data_access.events import EVENT_SCHEMA
from data_access.live import Record

STREAM_ARN = "arn:aws:kinesis:eu-central-1:123456789012:stream/{}"
AT = 1_773_057_600.5
SHARD = "shardId-000000000000"
BEGIN = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
"""A sequence as Kinesis writes them."""


def http(path: str, body: bytes, method: str = "POST", **headers: str) -> dict[str, Any]:
    """A request of an API Gateway HTTP API, payload version 2.0; header names with underscores."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    text = _text(body)
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": named,
        "requestContext": {"http": {"method": method, "path": path}},
        "body": b64encode(body).decode() if text is None else text,
        "isBase64Encoded": text is None,
    }


def _text(body: bytes) -> str | None:
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def kinesis(bodies: Iterable[bytes], first: int = BEGIN, at: float = AT) -> dict[str, Any]:
    """A batch of a shard."""
    return kinesis_of("events", SHARD, records_of(bodies, first, at))


def records_of(bodies: Iterable[bytes], first: int = BEGIN, at: float = AT) -> list[Record]:
    """Records of the stream, one after the other."""
    arrived = datetime.fromtimestamp(at, UTC)
    return [Record(sequence, sequence, arrived, body) for sequence, body in enumerate(bodies, first)]


def kinesis_of(stream: str, shard: str, records: Iterable[Record]) -> dict[str, Any]:
    """Records of a stream's shard, as its function gets them."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "k",
                    "sequenceNumber": str(record.first),
                    "data": b64encode(record.body).decode(),
                    "approximateArrivalTimestamp": record.written_at.timestamp(),
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{shard}:{record.first}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "eu-central-1",
                "eventSourceARN": STREAM_ARN.format(stream),
            }
            for record in records
        ]
    }


def firehose(bodies: Iterable[bytes], first: int = BEGIN, at: float = AT) -> dict[str, Any]:
    """A batch to transform, of a delivery stream that reads the stream."""
    return firehose_of("events", SHARD, records_of(bodies, first, at))


def firehose_of(stream: str, shard: str, records: Iterable[Record]) -> dict[str, Any]:
    """Records of a stream's shard, as Firehose hands them to be transformed."""
    return {
        "invocationId": "i",
        "deliveryStreamArn": "arn:aws:firehose:eu-central-1:123456789012:deliverystream/raw",
        "sourceKinesisStreamArn": STREAM_ARN.format(stream),
        "region": "eu-central-1",
        "records": [
            {
                "recordId": f"r{n}",
                "approximateArrivalTimestamp": int(record.written_at.timestamp() * 1000),
                "data": b64encode(record.body).decode(),
                "kinesisRecordMetadata": {
                    "shardId": shard,
                    "partitionKey": "k",
                    "sequenceNumber": str(record.first),
                    "subsequenceNumber": 0,
                    "approximateArrivalTimestamp": int(record.written_at.timestamp() * 1000),
                },
            }
            for n, record in enumerate(records)
        ],
    }


def delivered(told: dict[str, Any]) -> pa.Table:
    """The rows that Firehose makes of what it is told: it reads JSON by the columns' names."""
    rows = [json.loads(b64decode(one["data"])) for one in told["records"] if one["result"] == "Ok"]
    return pa.Table.from_pylist(rows, EVENT_SCHEMA)


def sqs(bodies: Sequence[str]) -> dict[str, Any]:
    """A batch of messages."""
    return {
        "Records": [
            {
                "messageId": f"m{n}",
                "receiptHandle": "h",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1773057600500"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:overflow",
                "awsRegion": "eu-central-1",
            }
            for n, body in enumerate(bodies)
        ]
    }
