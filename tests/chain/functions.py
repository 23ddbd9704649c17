"""The λ functions on MiniStack, which runs them in processes of this Python and brings them their events."""

from __future__ import annotations

import io
import json
import sysconfig
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_access.aws.log import OVERFLOW, STREAM
from data_access.settings import Settings, all_settings
from tests.aws_parts import REGION, Aws

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "000000000000"
SETTINGS = (
    *("form", "aws_region", "aws_endpoint", "aws_name", "lake_bucket", "glue_database"),
    *("athena_workgroup", "athena_curation_workgroup"),
)
_ROLE = f"arn:aws:iam::{ACCOUNT}:role/streamgauge"


def deploy(aws: Aws, name: str, settings: Settings) -> str:
    """A function over a handler of ``pipeline.lambdas`` with some settings; its name."""
    paths = [str(ROOT), sysconfig.get_path("purelib")]
    code = f"import sys\nsys.path[:0] = {paths!r}\nfrom pipeline.lambdas.{name} import handler\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("function.py", code)
    function = f"{aws.begin}-{name}"
    aws.clients.of("lambda").create_function(
        FunctionName=function,
        Runtime="python3.11",
        Role=_ROLE,
        Handler="function.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=60,
        MemorySize=512,
        Environment={"Variables": _environment(settings)},
    )
    return function


def _environment(settings: Settings) -> dict[str, str]:
    own = {
        f"STREAMGAUGE_{one.name.upper()}": str(getattr(settings, one.name))
        for one in all_settings()
        if one.name in SETTINGS
    }
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return own | keys | {"POWERTOOLS_LOG_LEVEL": "WARNING"}


def invoke(aws: Aws, function: str, event: dict[str, Any]) -> Any:
    """What a function says to an event, when it has run."""
    told = aws.clients.of("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    said = json.loads(told["Payload"].read())
    assert "FunctionError" not in told, said
    return said


def stream_brings(aws: Aws, function: str, dead: str) -> None:
    """The stream's records to a function, as `infra/` has it."""
    aws.clients.of("lambda").create_event_source_mapping(
        EventSourceArn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/{STREAM.format(aws.begin)}",
        FunctionName=function,
        StartingPosition="TRIM_HORIZON",
        BatchSize=1000,
        MaximumBatchingWindowInSeconds=1,
        MaximumRetryAttempts=-1,
        MaximumRecordAgeInSeconds=27 * 3600,
        BisectBatchOnFunctionError=True,
        ParallelizationFactor=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": queue_arn(dead)}},
    )


def queue_brings(aws: Aws, function: str) -> None:
    """The overflow queue's messages to a function."""
    aws.clients.of("lambda").create_event_source_mapping(
        EventSourceArn=queue_arn(OVERFLOW.format(aws.begin)),
        FunctionName=function,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


def queue_arn(name: str) -> str:
    """A queue's ARN."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def eventually(found: Callable[[], Any], wanted: Any, seconds: float = 120) -> Any:
    """What is found once it is as wanted, or at the end of the time."""
    until = time.monotonic() + seconds
    while (now := found()) != wanted and time.monotonic() < until:
        time.sleep(0.2)
    return now
