"""λ behind the overflow queue: what the stream did not take, brought into it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from data_access.ports import LogBusy, Redrive
from pipeline.lambdas import parts


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take a batch; the messages that have to wait stay in the queue."""
    return redriven(event, parts.opened().intake, context)


def redriven(event: dict[str, Any], intake: Redrive, context: Any = None) -> dict[str, Any]:
    """What SQS is told: the messages that did not get through."""

    def one(record: SQSRecord) -> None:
        if not intake.redriven(record.body):
            raise LogBusy("the stream takes nothing more for now")

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    told: dict[str, Any] = dict(process_partial_response(event, one, processor, context))
    return told
