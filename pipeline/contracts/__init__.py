"""The wire formats Streamgauge takes events in, as pure functions from JSON values to drafts."""

from pipeline.contracts.cloudpulse import EventError, parse_batch, parse_cloudpulse
from pipeline.contracts.fields import Draft, FieldError
from pipeline.contracts.gate import MAX_BATCH
from pipeline.contracts.sbw import parse_sbw

__all__ = ["MAX_BATCH", "Draft", "EventError", "FieldError", "parse_batch", "parse_cloudpulse", "parse_sbw"]
