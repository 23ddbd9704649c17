"""What the AWS form needs and does not find, a line each: asked at start-up and by ``doctor``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from data_access.aws import audit, counters, documents, findings, log
from data_access.aws.clients import Clients
from data_access.aws.curation_sql import WORK
from data_access.aws.tables import TTL, Table
from data_access.iceberg.tables import LAYOUT
from data_access.settings import Settings, SettingsError

TABLES: tuple[Table, ...] = (counters.TABLE, audit.TABLE, documents.TABLE, findings.TABLE, log.TABLE)
_MISSING = {
    *("ResourceNotFoundException", "EntityNotFoundException", "NotFound", "NotFoundException", "404"),
    *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NoSuchBucket", "NoSuchEntity"),
    *("ParameterNotFound", "InvalidRequestException", "ResourceNotFound"),
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation", "403"}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"}
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Check:
    """Something the form needs: what it is, the permission that looking at it takes, how to look, what its
    answer says against it, and what to do where there is none."""

    what: str
    permission: str
    ask: Callable[[], Any]
    judge: Callable[[Any], str] = lambda _: ""
    remedy: str = "deploy infra/, or correct the setting that names it"


def problems(clients: Clients, settings: Settings) -> list[str]:
    """What is missing or wrong, a line each that says what to do; none when all is there.

    Raises SettingsError where nothing at all can work: without a region or credentials.
    """
    who = Check("AWS", "sts:GetCallerIdentity", lambda: clients.of("sts").get_caller_identity())
    if first := problem(who):
        return [first]  # nothing else would answer
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(problem, checks(clients, settings))
        return list(dict.fromkeys(filter(None, found)))


def problem(check: Check) -> str:
    """What is wrong with one of them; empty when nothing is. Raises SettingsError without credentials."""
    try:
        wrong = check.judge(check.ask())
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise SettingsError(
            "no AWS credentials: give the machine or function its role, or set AWS_PROFILE"
        ) from error
    except ClientError as error:
        return _refused(check, str(error.response["Error"]["Code"]))
    except (HTTPClientError, BotoCoreError) as error:
        return (
            f"{check.what} cannot be reached ({type(error).__name__}): look at the network and its endpoints"
        )
    return f"{check.what} {wrong}" if wrong else ""


def _refused(check: Check, code: str) -> str:
    if code in _EXPIRED:
        return f"{check.what}: the credentials are expired or wrong ({code}); sign in again or renew the role"
    if code in _DENIED:
        return f"{check.what}: no permission {check.permission}; add it to the role"
    if code in _MISSING:
        return f"{check.what} is not there; {check.remedy}"
    return f"{check.what} does not answer: {code}"


def checks(clients: Clients, settings: Settings) -> Iterator[Check]:
    """All the form needs, but for who asks."""
    begin = settings.aws_name
    for table in TABLES:
        yield from _of_table(clients, table, begin)
    stream = log.STREAM.format(begin)
    yield Check(
        f"Kinesis stream {stream}",
        "kinesis:DescribeStreamSummary",
        lambda: clients.of("kinesis").describe_stream_summary(StreamName=stream),
        lambda found: _state(found["StreamDescriptionSummary"]["StreamStatus"], "ACTIVE", "UPDATING"),
    )
    queue = log.OVERFLOW.format(begin)
    yield Check(
        f"SQS queue {queue}", "sqs:GetQueueUrl", lambda: clients.of("sqs").get_queue_url(QueueName=queue)
    )
    yield Check(
        f"S3 bucket {settings.lake_bucket}",
        "s3:ListBucket",
        lambda: clients.of("s3").head_bucket(Bucket=settings.lake_bucket),
    )
    yield Check(
        f"Glue database {settings.glue_database}",
        "glue:GetDatabase",
        lambda: clients.of("glue").get_database(Name=settings.glue_database),
    )
    for name in (*LAYOUT, *WORK):
        yield _of_lake(clients, settings.glue_database, name)
    if settings.engine == "athena":
        yield _of_workgroup(clients, settings.athena_workgroup, _of_questions)
    yield _of_workgroup(clients, settings.athena_curation_workgroup, _of_curation)
    if settings.alert_topic:
        yield Check(
            f"SNS topic {settings.alert_topic}",
            "sns:GetTopicAttributes",
            lambda: clients.of("sns").get_topic_attributes(TopicArn=settings.alert_topic),
        )


def _of_table(clients: Clients, table: Table, begin: str) -> Iterator[Check]:
    name = table.of(begin)
    yield Check(
        f"DynamoDB table {name}",
        "dynamodb:DescribeTable",
        lambda: clients.of("dynamodb").describe_table(TableName=name)["Table"],
        lambda found: _differs(found, table, begin),
    )
    yield Check(
        f"DynamoDB table {name}",
        "dynamodb:DescribeTimeToLive",
        lambda: clients.of("dynamodb").describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        lambda found: _expiry(found, table),
    )


def _expiry(found: dict[str, Any], table: Table) -> str:
    attribute = found.get("AttributeName")
    if table.stays:
        return "lets items expire: it has to keep them; turn its TTL off" if attribute else ""
    return "" if attribute == TTL else f"keeps old items: set its TTL to {TTL}"


def _differs(found: dict[str, Any], table: Table, begin: str) -> str:
    wanted = table.definition(begin)
    if found["KeySchema"] != wanted["KeySchema"]:
        return "has other keys than pk and sk; deploy infra/ under a name of its own"
    there = {index["IndexName"] for index in found.get("GlobalSecondaryIndexes", [])}
    missing = [index.name for index in table.indexes if index.name not in there]
    if missing:
        return f"lacks the index {', '.join(missing)}; deploy infra/"
    return _state(found["TableStatus"], "ACTIVE", "UPDATING")


def _state(now: str, *fine: str) -> str:
    return "" if now in fine else f"is {now}; wait until it is {fine[0]}"


def _of_lake(clients: Clients, database: str, name: str) -> Check:
    return Check(
        f"Iceberg table {database}.{name}",
        "glue:GetTable",
        lambda: clients.of("glue").get_table(DatabaseName=database, Name=name)["Table"],
        lambda found: "" if "metadata_location" in found.get("Parameters", {}) else "is no Iceberg table",
        "run `python -m app maintain` or the function curate once, which makes the lake's tables",
    )


def _of_workgroup(clients: Clients, name: str, judge: Callable[[dict[str, Any]], str]) -> Check:
    def judged(told: dict[str, Any]) -> str:
        found = told.get("WorkGroup", {"State": "MISSING"})
        configuration = found.get("Configuration", {})
        if found.get("State", "ENABLED") != "ENABLED":
            return f"is {found['State'].lower()}; deploy infra/ or enable it"
        if not configuration.get("ResultConfiguration", {}).get("OutputLocation"):
            return "has no location for answers; give it one in S3"
        return judge(configuration)

    return Check(
        f"Athena workgroup {name}",
        "athena:GetWorkGroup",
        lambda: clients.of("athena").get_work_group(WorkGroup=name),
        judged,
    )


def _of_questions(configuration: dict[str, Any]) -> str:
    if configuration.get("BytesScannedCutoffPerQuery"):
        return ""
    return "does not limit what a query may read; set its data usage control"


def _of_curation(configuration: dict[str, Any]) -> str:
    if configuration.get("BytesScannedCutoffPerQuery"):
        return "limits what a query may read, and curation fails there; remove its data usage control"
    return ""
