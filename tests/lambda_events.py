"""What AWS hands to λ, in its documented shapes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Sequence
from typing import Any

STREAM_ARN = "arn:aws:kinesis:eu-central-1:123456789012:stream/events"
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


def kinesis(bodies: Iterable[bytes], first: int = BEGIN, at: float = 1_773_057_600.5) -> dict[str, Any]:
    """A batch of a shard."""
    return {
        "Records": [
            {
                "kinesis": {
                    "kinesisSchemaVersion": "1.0",
                    "partitionKey": "k",
                    "sequenceNumber": str(sequence),
                    "data": b64encode(body).decode(),
                    "approximateArrivalTimestamp": at,
                },
                "eventSource": "aws:kinesis",
                "eventVersion": "1.0",
                "eventID": f"{SHARD}:{sequence}",
                "eventName": "aws:kinesis:record",
                "awsRegion": "eu-central-1",
                "eventSourceARN": STREAM_ARN,
            }
            for sequence, body in enumerate(bodies, first)
        ]
    }


def firehose(bodies: Iterable[bytes], first: int = BEGIN, at: int = 1_773_057_600_500) -> dict[str, Any]:
    """A batch to transform, of a delivery stream that reads the stream."""
    return {
        "invocationId": "i",
        "deliveryStreamArn": "arn:aws:firehose:eu-central-1:123456789012:deliverystream/raw",
        "sourceKinesisStreamArn": STREAM_ARN,
        "region": "eu-central-1",
        "records": [
            {
                "recordId": f"r{n}",
                "approximateArrivalTimestamp": at,
                "data": b64encode(body).decode(),
                "kinesisRecordMetadata": {
                    "shardId": SHARD,
                    "partitionKey": "k",
                    "sequenceNumber": str(first + n),
                    "subsequenceNumber": 0,
                    "approximateArrivalTimestamp": at,
                },
            }
            for n, body in enumerate(bodies)
        ],
    }


def sqs(bodies: Sequence[str]) -> dict[str, Any]:
    """A batch of messages."""
    return {
        "Records": [
            {
                "messageId": f"m{n}",
                "receiptHandle": "h",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:overflow",
                "awsRegion": "eu-central-1",
            }
            for n, body in enumerate(bodies)
        ]
    }
