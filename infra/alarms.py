"""Every alarm: what it watches, from when on, and what it means. The upstream systems' values, or better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infra.functions import FUNCTIONS
from infra.names import Names
from infra.settings import Deployment
from infra.stacks.stream import RECEIVES

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Watch:
    """An alarm: more than ``most`` of a metric (fewer with ``below``) in ``seconds``, ``times`` in a row."""

    name: str
    means: str
    namespace: str
    metric: str
    of: Mapping[str, str]
    most: float = 0
    statistic: str = "Sum"
    seconds: int = 5 * MINUTE
    times: int = 1
    below: bool = False
    missing_is_bad: bool = False


def watches(deployment: Deployment, names: Names) -> Iterator[Watch]:
    """All but those of the load balancer, whose names AWS makes."""
    yield from _functions(names)
    yield from _stream(deployment, names)
    yield from _queues(deployment, names)
    yield from _tables(names)
    yield from _questions(names)
    yield from _findings(names)


def _functions(names: Names) -> Iterator[Watch]:
    for one in FUNCTIONS:
        of = {"FunctionName": names.called(one.name)}
        yield Watch(
            f"{one.name}-errors", f"λ {one.name} failed; look at its log group", "AWS/Lambda", "Errors", of
        )
        yield Watch(
            f"{one.name}-throttles",
            f"λ {one.name} was not called for want of room",
            "AWS/Lambda",
            "Throttles",
            of,
        )
    live = {"FunctionName": names.called("live")}
    yield Watch(
        "live-behind",
        "Live counts are more than a minute behind the stream",
        "AWS/Lambda",
        "IteratorAge",
        live,
        60_000,
        "Maximum",
        MINUTE,
        3,
    )
    yield Watch(
        "live-stands",
        "A shard has not been counted for an hour; after 27 hours it is given up",
        "AWS/Lambda",
        "IteratorAge",
        live,
        3_600_000,
        "Maximum",
    )
    yield Watch(
        "ingest-slow",
        "A tenth of the requests with events take longer than a second",
        "AWS/Lambda",
        "Duration",
        {"FunctionName": names.called("ingest")},
        1_000,
        "p90",
        times=3,
    )


def _stream(deployment: Deployment, names: Names) -> Iterator[Watch]:
    of = {"StreamName": names.stream}
    yield Watch(
        "stream-full",
        "Events go to the overflow queue: more shards",
        "AWS/Kinesis",
        "WriteProvisionedThroughputExceeded",
        of,
    )
    yield Watch(
        "stream-unread",
        f"Somebody has not read the stream for an hour; it keeps {deployment.stream.days} days",
        "AWS/Kinesis",
        "GetRecords.IteratorAgeMilliseconds",
        of,
        3_600_000,
        "Maximum",
    )
    raw = {"DeliveryStreamName": names.delivery}
    yield Watch(
        "rows-refused",
        "Rows did not fit the raw table; they are below errors/",
        "AWS/Firehose",
        "DeliveryToIceberg.FailedRowCount",
        raw,
    )
    yield Watch(
        "rows-late",
        "Firehose is a quarter of an hour behind",
        "AWS/Firehose",
        "KinesisMillisBehindLatest",
        raw,
        900_000,
        "Maximum",
        times=2,
    )


def _queues(deployment: Deployment, names: Names) -> Iterator[Watch]:
    dead = {"dead": "Messages were given up: docs/aws.md, When counting fails"}
    if deployment.switches.drop:
        dead["drop-dead"] = "Dropped files could not be imported"
    for name, means in dead.items():
        yield Watch(
            f"{name}-letters",
            means,
            "AWS/SQS",
            "ApproximateNumberOfMessagesVisible",
            {"QueueName": names.called(name)},
            0,
            "Maximum",
            MINUTE,
        )
    yield Watch(
        "overflow-waits",
        "Events wait in the overflow queue",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": names.overflow},
        600,
        "Maximum",
    )
    yield Watch(
        "findings-wait",
        f"Findings wait for a quarter of an hour; after {RECEIVES} tries they are given up",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": names.called("findings")},
        900,
        "Maximum",
    )


def _tables(names: Names) -> Iterator[Watch]:
    for name in ("counters", "log", "documents", "findings", "audit"):
        for kind, metric in (("read", "ReadThrottleEvents"), ("write", "WriteThrottleEvents")):
            yield Watch(
                f"{name}-{kind}-throttled",
                f"DynamoDB slows the table {name} down",
                "AWS/DynamoDB",
                metric,
                {"TableName": names.called(name)},
                10,
            )


def _questions(names: Names) -> Iterator[Watch]:
    def of(workgroup: str, state: str) -> Mapping[str, str]:
        return {"WorkGroup": workgroup, "QueryState": state, "QueryType": "DML"}

    for name, workgroup in (("question", names.questions), ("curation", names.curation)):
        yield Watch(
            f"{name}-errors",
            f"Athena failed in the workgroup {workgroup}",
            "AWS/Athena",
            "TotalExecutionTime",
            of(workgroup, "FAILED"),
            0,
            "SampleCount",
        )
    yield Watch(
        "questions-slow",
        "One question in a hundred takes longer than 25 s",
        "AWS/Athena",
        "TotalExecutionTime",
        of(names.questions, "SUCCEEDED"),
        25_000,
        "p99",
        times=3,
    )


def _findings(names: Names) -> Iterator[Watch]:
    yield Watch(
        "critical-findings",
        "More than 5 critical findings in 5 minutes",
        "AWS/Events",
        "MatchedEvents",
        {"RuleName": names.called("critical")},
        5,
    )
    yield Watch(
        "critical-untold",
        "A critical finding could not be told",
        "AWS/Events",
        "FailedInvocations",
        {"RuleName": names.called("critical")},
    )
    yield Watch(
        "backups",
        "A backup of a table failed",
        "AWS/Backup",
        "NumberOfBackupJobsFailed",
        {"BackupVaultName": names.called("vault")},
        0,
        seconds=3600,
    )


def collector(api: str) -> Iterator[Watch]:
    """Those of the API that trackers send to."""
    of = {"ApiId": api, "Stage": "$default"}
    yield Watch("collector-5xx", "The collector answers with errors", "AWS/ApiGateway", "5xx", of, 5)
    yield Watch(
        "collector-4xx", "Requests are refused: keys, origins, limits", "AWS/ApiGateway", "4xx", of, 100
    )


def balancer(name: str, targets: str) -> Iterator[Watch]:
    """Those of the load balancer and the web hosts."""
    of = {"LoadBalancer": name}
    both = {"LoadBalancer": name, "TargetGroup": targets}
    yield Watch(
        "web-5xx", "Web hosts answer with errors", "AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", of, 5
    )
    yield Watch("balancer-5xx", "No web host answers", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", of, 5)
    yield Watch("web-4xx", "Requests are refused", "AWS/ApplicationELB", "HTTPCode_Target_4XX_Count", of, 100)
    yield Watch(
        "web-slow",
        "One answer in a hundred takes longer than 25 s",
        "AWS/ApplicationELB",
        "TargetResponseTime",
        both,
        25,
        "p99",
        times=3,
    )
    yield Watch(
        "web-away",
        "No web host is healthy",
        "AWS/ApplicationELB",
        "HealthyHostCount",
        both,
        1,
        "Minimum",
        MINUTE,
        3,
        below=True,
        missing_is_bad=True,
    )
    yield Watch(
        "web-unhealthy",
        "A web host is not healthy",
        "AWS/ApplicationELB",
        "UnHealthyHostCount",
        both,
        0,
        "Maximum",
        MINUTE,
        5,
    )
    yield Watch("sign-in-errors", "Sign-in at Cognito fails", "AWS/ApplicationELB", "ELBAuthError", of, 5)
