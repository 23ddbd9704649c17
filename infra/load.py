"""What is asked of a deployment: events a second, and every assumption that is no price."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any

HOURS, SECONDS, DAYS = 730, 730 * 3600, 730 / 24
"""Of a month."""


def _given(default: float, why: str) -> Any:
    return field(default=default, metadata={"why": why})


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of a deployment."""

    rate: float = 1.0
    """Events a second, on average over the month."""
    peak: float = _given(2, "the busiest second has twice the average; shards are for that")
    event_bytes: float = _given(1_000, "an event on the wire")
    record_bytes: float = _given(
        1_200, "the same in the stream: 200 more for site, time, browser (demo shop: 413 and 615)"
    )
    row_bytes: float = _given(
        1_600, "the same as the transform's JSON row of 40 columns (demo shop: 615 and 1,029)"
    )
    events_per_request: float = _given(10, "the tracker sends up to 50 together")
    response_bytes: float = _given(400, "an answer to a request with its head")
    ingest_seconds: float = _given(0.02, "a request's wait for Kinesis, paid at 0.5 GB")
    ingest_cpu: float = _given(20e-6, "processor seconds an event, ingest λ")
    live_seconds: float = _given(0.05, "a fold's wait for DynamoDB, paid at 0.5 GB")
    live_cpu: float = _given(67e-6, "processor seconds an event, live λ: measured, two shared cores")
    transform_cpu: float = _given(112e-6, "processor seconds an event, transform λ: measured, as above")
    sites: float = _given(3, "sites with traffic; each has an item a minute and shard")
    session_events: float = _given(2, "events a session has in a minute")
    watched_hours: float = _given(250, "hours a month somebody looks at the Realtime page")
    hosts: float = _given(2, "web hosts")
    users: float = _given(20, "business users")
    questions_a_day: float = _given(200, "questions a user and day that no cache answers")
    question_days: float = _given(30, "days a question reads: the pages' default")
    column_bytes: float = _given(3, "bytes of an event in a column; a question reads 4 (bench: 8.4 for four)")
    columns: float = _given(4, "columns a question reads")
    wide_bytes: float = _given(60, "bytes of an event in Parquet, all columns (bench, made up data: 28)")
    stored_bytes: float = _given(150, "an event in the lake: raw, curated, its share of a session, snapshots")
    months_kept: float = _given(13, "months the lake is kept; the bill is that of a full lake")
    file_bytes: float = _given(500e6, "a compacted file")
    curations_a_day: float = _given(24, "curations; each has about 12 statements")
    curation_days: float = _given(
        7.5, "days of events a curation reads: `STREAMGAUGE_CURATION_DAYS` and today"
    )
    curation_bytes: float = _given(
        200, "bytes it reads of each: twice wide, and the ids of raw and curated rows"
    )
    findings: float = _given(50_000, "findings kept, 10 KB each with history and indexes")
    finding_updates: float = _given(
        5_000, "changed a day, each the same again in 5 syncs; also 200 by hand, 500 new, 500 archived"
    )
    kinesis_on_demand: float = _given(0, "1: the stream on demand, 0: provisioned")
    dynamodb_provisioned: float = _given(0, "1: the counters provisioned and half used, 0: on demand")
    intake_on_hosts: float = _given(0, "1: events through the load balancer into hosts, 0: API Gateway and λ")
    call_log_bytes: float = _given(0, "what λ itself logs of a call: 0 at level WARN, 300 at its default")
    host_requests: float = _given(500, "requests a second a host of its own takes in, if so")

    @property
    def events(self) -> float:
        """Events a month."""
        return self.rate * SECONDS

    @property
    def requests(self) -> float:
        """Requests with events, a month."""
        return self.events / self.events_per_request

    @property
    def shards(self) -> int:
        """Shards for the busiest second, by records and by bytes."""
        return ceil(self.rate * self.peak * max(1 / 1_000, self.record_bytes / 1e6))

    @property
    def folds(self) -> float:
        """Calls of the live λ a second: one a shard and second, fewer where events are rare."""
        return self.shards / (1 + self.shards / self.rate)

    @property
    def questions(self) -> float:
        """Questions a month that no cache answers."""
        return self.users * self.questions_a_day * DAYS

    @property
    def transforms(self) -> float:
        """Calls of the transform λ a second: each of 1 MB, or of what a shard has in a minute."""
        return max(self.rate * self.record_bytes / 1e6, self.shards / 60)
