"""Holds what runs to its role's permissions in infra/: every call to AWS is looked up before it is made.

What IAM would say is worked out from the statements of ``infra.permissions``, of which the stacks make their
policies (a test of the stacks compares them). Names of tests' resources are translated into those of a
deployment. PyArrow's own S3 client (data files of Iceberg tables) does not come through here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import wraps
from typing import Any

from botocore.exceptions import ClientError

from infra import permissions
from infra.names import Names

NAMES = Names("sg", "eu-central-1", "123456789012")
_BEGIN = re.compile(r"\bt[0-9a-f]{12}\b")
ENTRIES = {
    "ingest": "answered",
    "redrive": "redriven",
    "live": "folded",
    "transform": "transformed",
    "curate": "curated",
    "reconcile": "compared",
    "findings": "taken_in",
    "sync": "synced",
    "archive": "archived",
    "alerts": "told",
}
"""Where each function of λ begins, once what it works with is open."""
Need = tuple[str, str]
"""An action, and the ARN of what it is done to."""

_ITEMS = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_BATCHES = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}
_OBJECTS = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
}


def needs(service: str, operation: str, params: dict[str, Any]) -> Iterator[Need]:
    """What a call takes, by AWS's service authorization reference. Raises KeyError for an unknown service."""
    yield from SERVICES[service](operation, params)


def _dynamodb(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    if operation in {"TransactWriteItems", "TransactGetItems"}:
        for item in params["TransactItems"]:
            for kind, one in item.items():
                yield f"dynamodb:{_ITEMS.get(kind, 'GetItem')}", _table(one["TableName"])
    elif operation in {"BatchGetItem", "BatchWriteItem"}:
        for table in params["RequestItems"]:
            yield f"dynamodb:{operation}", _table(table)
    else:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield f"dynamodb:{operation}", _table(params["TableName"]) + index


def _table(name: str) -> str:
    return NAMES.arn("dynamodb", f"table/{ours(name)}")


def _kinesis(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    # An iterator names its stream inside.
    named = params.get("StreamName", NAMES.stream)
    yield f"kinesis:{operation}", NAMES.arn("kinesis", f"stream/{ours(named)}")


def _sqs(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    queue = params.get("QueueName") or params["QueueUrl"].rpartition("/")[2]
    yield f"sqs:{_BATCHES.get(operation, operation)}", NAMES.arn("sqs", ours(queue))


def _sns(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    yield f"sns:{operation}", NAMES.arn("sns", ours(params["TopicArn"].rpartition(":")[2]))


def _s3(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    if "Key" in params:
        yield f"s3:{_OBJECTS.get(operation, operation)}", f"{NAMES.bucket_arn}/{params['Key']}"
    elif operation.startswith("ListObjects"):
        yield "s3:ListBucket", f"{NAMES.bucket_arn}?prefix={params.get('Prefix', '')}"
    else:
        yield f"s3:{operation}", NAMES.bucket_arn


def _athena(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    # A running query names its workgroup inside: either of the two.
    group = params.get("WorkGroup", "streamgauge*").replace("streamgauge", NAMES.begin)
    yield f"athena:{operation}", NAMES.workgroup(group)


def _glue(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    database = params.get("DatabaseName") or params.get("Name") or params["DatabaseInput"]["Name"]
    table = params["TableInput"]["Name"] if "TableInput" in params else params.get("Name")
    yield f"glue:{operation}", NAMES.arn("glue", "catalog")
    yield f"glue:{operation}", NAMES.arn("glue", f"database/{ours(database)}")
    if "DatabaseName" in params:
        yield f"glue:{operation}", NAMES.arn("glue", f"table/{ours(database)}/{table or '*'}")


def _hub(operation: str, _params: dict[str, Any]) -> Iterator[Need]:
    yield f"securityhub:{operation}", NAMES.arn("securityhub", "hub/default")


SERVICES: dict[str, Callable[[str, dict[str, Any]], Iterator[Need]]] = {
    "dynamodb": _dynamodb,
    "kinesis": _kinesis,
    "sqs": _sqs,
    "sns": _sns,
    "s3": _s3,
    "athena": _athena,
    "glue": _glue,
    "securityhub": _hub,
}


def ours(name: str) -> str:
    """A test's name of a resource as a deployment has it."""
    return _BEGIN.sub(NAMES.begin, name)


def allowed(statements: list[permissions.Allow], need: Need) -> bool:
    """Whether some statement allows an action on a resource, under its condition."""
    action, resource = need
    arn, _, prefix = resource.partition("?prefix=")
    return any(
        action in one.actions
        and any(fnmatchcase(arn, pattern) or fnmatchcase(pattern, arn) for pattern in one.resources)
        and _holds(one, prefix)
        for one in statements
    )


def _holds(statement: permissions.Allow, prefix: str) -> bool:
    wanted = statement.condition.get("StringLike", {}).get("s3:prefix")
    return wanted is None or any(fnmatchcase(prefix, pattern) for pattern in wanted)


class Roles:
    """Whoever is at work, and the calls they made; a call beyond their role is refused as AWS refuses it."""

    def __init__(self) -> None:
        self.at_work = ""
        self.made: set[tuple[str, str]] = set()
        self.taken: set[str] = set()
        """Actions that no role has, to see that their lack is noticed."""

    def entered(self, role: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function that is called in a role."""

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            before, self.at_work = self.at_work, role
            try:
                return function(*args, **kwargs)
            finally:
                self.at_work = before

        return call

    def check(self, service: str, operation: str, params: dict[str, Any]) -> None:
        """Raises ClientError for a call that the role at work may not make."""
        if not self.at_work:
            return
        statements = getattr(permissions, self.at_work)(NAMES)
        for need in needs(service, operation, params):
            self.made.add((self.at_work, need[0]))
            if need[0] in self.taken or not allowed(statements, need):
                why = f"λ {self.at_work} is not authorized to perform {need[0]} on {need[1]}"
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": why}}, operation)
