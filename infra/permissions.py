"""What each role may do, as docs/aws.md says it under Permissions: one list of statements a role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.names import Names


@dataclass(frozen=True, slots=True)
class Allow:
    """Some actions on some resources, where need be under a condition."""

    actions: tuple[str, ...]
    resources: tuple[str, ...]
    condition: dict[str, Any] = field(default_factory=dict)


Role = Callable[[Names], list[Allow]]


def _on(resource: str | tuple[str, ...], *actions: str, **condition: Any) -> Allow:
    resources = (resource,) if isinstance(resource, str) else resource
    return Allow(tuple(actions), resources, condition)


def _listing(names: Names, *prefixes: str) -> Allow:
    """To list a bucket below some prefixes."""
    patterns = [pattern for prefix in prefixes for pattern in (f"{prefix}/", f"{prefix}/*")]
    return _on(names.bucket_arn, "s3:ListBucket", StringLike={"s3:prefix": patterns})


def key(arn: str) -> Allow:
    """To read and write what is encrypted with the deployment's key, by the service that holds it."""
    return _on(arn, "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:DescribeKey")


def logs(names: Names, function: str) -> Allow:
    """To write into a function's own log group."""
    group = names.arn("logs", f"log-group:{names.log_group(function)}:*")
    return _on(group, "logs:CreateLogStream", "logs:PutLogEvents")


def settings(names: Names) -> Allow:
    """To read settings from the Parameter Store."""
    path = names.arn("ssm", f"parameter{names.parameters}")
    return _on((path, f"{path}/*"), "ssm:GetParametersByPath")


TRACES = Allow(("xray:PutTraceSegments", "xray:PutTelemetryRecords"), ("*",))
"""X-Ray has no resources to name."""


def _findings(names: Names) -> Allow:
    return _on(
        (names.table("findings"), names.index("findings")),
        *(f"dynamodb:{verb}Item" for verb in ("Get", "BatchGet", "Put", "Update", "Delete", "BatchWrite")),
        *("dynamodb:Query", "dynamodb:ConditionCheckItem"),
    )


def _read_lake(names: Names) -> list[Allow]:
    return [
        _on(names.glue(), "glue:GetDatabase", "glue:GetTable"),
        _on(names.objects("lake"), "s3:GetObject"),
        _listing(names, "lake"),
        _on(names.bucket_arn, "s3:GetBucketLocation"),
    ]


def _answers(names: Names) -> list[Allow]:
    parts = ("s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
    return [_on(names.objects("answers"), "s3:GetObject", "s3:PutObject", *parts), _listing(names, "answers")]


def _ask(names: Names, workgroup: str) -> Allow:
    verbs = ("StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution")
    return _on(names.workgroup(workgroup), *(f"athena:{verb}" for verb in verbs))


def _one_by_one(names: Names, queue: str) -> Allow:
    """To work off a queue."""
    return _on(names.queue(queue), "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")


def _documents(names: Names, *verbs: str) -> Allow:
    return _on(names.table("documents"), *(f"dynamodb:{verb}" for verb in verbs))


def ingest(names: Names) -> list[Allow]:
    """λ ingest: events into the stream."""
    return [
        _on(names.stream_arn, "kinesis:PutRecords"),
        _on(names.queue("overflow"), "sqs:GetQueueUrl", "sqs:SendMessage"),
        _documents(names, "Query"),
        _on(names.table("log"), "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"),
    ]


def redrive(names: Names) -> list[Allow]:
    """λ redrive: events of the overflow queue into the stream."""
    return [_on(names.stream_arn, "kinesis:PutRecords"), _one_by_one(names, "overflow")]


def live(names: Names) -> list[Allow]:
    """λ live: the stream's events into the counters."""
    reads = ("DescribeStream", "DescribeStreamSummary", "ListShards", "GetShardIterator", "GetRecords")
    return [
        _on(names.stream_arn, *(f"kinesis:{verb}" for verb in reads)),
        _on(names.table("counters"), "dynamodb:PutItem"),
        _on(names.queue("dead"), "sqs:SendMessage"),
    ]


def transform(names: Names) -> list[Allow]:
    """λ transform: records as rows; what no row can be made of is kept."""
    return [_on(names.table("log"), "dynamodb:PutItem", "dynamodb:UpdateItem")]


def curate(names: Names) -> list[Allow]:
    """λ curate: raw rows into the lake's tables, and making those."""
    tables = ("GetDatabase", "GetTable", "CreateTable", "UpdateTable", "CreateDatabase")
    objects = ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload", "ListMultipartUploadParts")
    return [
        _ask(names, names.curation),
        *_answers(names),
        _on(names.glue(), *(f"glue:{verb}" for verb in tables)),
        _on(names.objects("lake"), *(f"s3:{verb}" for verb in objects)),
        _listing(names, "lake"),
        _on(names.bucket_arn, "s3:GetBucketLocation"),
        _documents(names, "GetItem", "UpdateItem"),
    ]


def reconcile(names: Names) -> list[Allow]:
    """λ reconcile: live counts against the lake."""
    counters = (names.table("counters"), names.index("counters", "minutes"), names.table("log"))
    return [
        _ask(names, names.questions),
        *_answers(names),
        *_read_lake(names),
        _on(counters, "dynamodb:GetItem", "dynamodb:Query"),
        _documents(names, "GetItem", "UpdateItem", "Query"),
        _on(names.stream_arn, "kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"),
    ]


def findings(names: Names) -> list[Allow]:
    """λ findings: Security Hub's events into the store."""
    return [
        _findings(names),
        _one_by_one(names, "findings"),
        _on(names.objects("rejects"), "s3:PutObject"),
    ]


def sync(names: Names) -> list[Allow]:
    """λ sync: what Security Hub has, asked for."""
    return [
        _findings(names),
        _on(names.arn("securityhub", "hub/default"), "securityhub:GetFindings"),
        _documents(names, "GetItem", "UpdateItem"),
        _on(names.objects("rejects"), "s3:PutObject"),
    ]


def archive(names: Names) -> list[Allow]:
    """λ archive: closed findings into objects."""
    return [_findings(names), _on(names.objects("archive"), "s3:PutObject", "s3:GetObject")]


def alerts(names: Names) -> list[Allow]:
    """λ alerts: what waits, to the topic."""
    return [_findings(names), _on(names.topic("alerts"), "sns:Publish")]


def web(names: Names) -> list[Allow]:
    """A web host."""
    items = ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")
    return [
        _findings(names),
        *_read_lake(names),
        *_answers(names),
        _ask(names, names.questions),
        _documents(names, "GetItem", "UpdateItem", "Query"),
        _on(names.table("audit"), "dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"),
        _on(
            (names.table("counters"), names.index("counters", "minutes")),
            *("dynamodb:GetItem", "dynamodb:Query"),
        ),
        _on(names.table("log"), *(f"dynamodb:{verb}" for verb in items)),
        _on(
            names.stream_arn,
            *("kinesis:PutRecords", "kinesis:ListShards", "kinesis:GetShardIterator", "kinesis:GetRecords"),
        ),
        _on(names.queue("overflow"), "sqs:GetQueueUrl", "sqs:SendMessage"),
        _on(names.objects("archive"), "s3:GetObject", "s3:PutObject"),
        _listing(names, "archive"),
        *_looks(names),
    ]


def _looks(names: Names) -> list[Allow]:
    """The checks at the start."""
    tables = tuple(names.table(one) for one in ("counters", "audit", "documents", "findings", "log"))
    groups = (names.workgroup(names.questions), names.workgroup(names.curation))
    return [
        _on(tables, "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"),
        _on(names.stream_arn, "kinesis:DescribeStreamSummary"),
        _on(groups, "athena:GetWorkGroup"),
        _on(names.topic("alerts"), "sns:GetTopicAttributes"),
    ]


def delivery(names: Names) -> list[Allow]:
    """Firehose."""
    catalog, database, _ = names.glue()
    raw = names.arn("glue", f"table/{names.database}/raw_events")
    objects = ("GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload")
    bucket = ("ListBucket", "ListBucketMultipartUploads", "GetBucketLocation")
    written = tuple(names.objects(prefix) for prefix in ("lake", "errors", "backup"))
    reads = ("DescribeStream", "ListShards", "GetShardIterator", "GetRecords")
    return [
        _on(names.stream_arn, *(f"kinesis:{verb}" for verb in reads)),
        _on(
            (names.function("transform"), f"{names.function('transform')}:*"),
            *("lambda:InvokeFunction", "lambda:GetFunctionConfiguration"),
        ),
        _on((catalog, database, raw), "glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"),
        _on(written, *(f"s3:{verb}" for verb in objects)),
        _on(names.bucket_arn, *(f"s3:{verb}" for verb in bucket)),
        _on(names.arn("logs", f"log-group:{names.delivery_log}:*"), "logs:PutLogEvents"),
    ]
