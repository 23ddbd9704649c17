"""λ behind the queue of Security Hub's events: findings into the store.

EventBridge may bring an event again, and so may the queue: what is there already stays as it is. A message of
which nothing can be read comes again, and then goes to the queue's dead letters.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from data_access.archived import Objects
from data_access.ports import FindingsStore
from pipeline.findings.security_hub import UnreadableError, take_event
from pipeline.lambdas import parts


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take in a batch of messages."""
    found = parts.of_findings()
    return taken_in(event, found.findings, found.rejects, context)


def taken_in(
    event: dict[str, Any], store: FindingsStore, rejects: Objects, context: Any = None
) -> dict[str, Any]:
    """What SQS is told: the messages that did not get through."""

    def one(record: SQSRecord) -> None:
        try:
            _take(record, store, rejects)
        except UnreadableError as error:
            parts.logger.error("message %s holds no finding: %s", record.message_id, error)
            raise
        except Exception:
            parts.logger.exception("message %s could not be taken in", record.message_id)
            raise

    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    told: dict[str, Any] = dict(process_partial_response(event, one, processor, context))
    return told


def _take(record: SQSRecord, store: FindingsStore, rejects: Objects) -> None:
    at = int(record.attributes.sent_timestamp) * 1000
    intake = take_event(store, rejects, record.body.encode(), at)
    if intake.reasons:
        parts.logger.warning(
            "message %s: %d findings, %d rejected", record.message_id, intake.read, intake.reasons.total()
        )
