"""From a request to the realtime page and to the curated lake, through real functions, streams and queues.

MiniStack runs the functions and brings them the stream's and the queue's events. Firehose is played by the
test, as MiniStack's hands its transform neither shard nor sequence; Athena is the double, which executes the
SQL over MiniStack's Glue and S3.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from app.factory import create_app
from data_access import sites
from data_access.aws import audit, counters, documents, findings
from data_access.aws import log as aws_log
from data_access.aws.documents import AwsDocuments
from data_access.aws.log import STREAM, AwsLog
from data_access.backends import Backends, open_backends
from data_access.live import Reason
from data_access.model import Scope
from data_access.ports import Counters
from data_access.reconciliation import Verdict
from pipeline.collector import BATCH, Collector
from pipeline.lambdas import ingest
from tests.app.conftest import by_link
from tests.app.live_parts import poll, said
from tests.athena.double import AthenaDouble
from tests.athena.lakes import catalog_at
from tests.aws_parts import Aws, aws_of
from tests.builders import read
from tests.chain.functions import (
    deploy,
    eventually,
    invoke,
    queue_brings,
    stream_brings,
)
from tests.door import ORIGIN, server_event
from tests.lambda_events import delivered, firehose_of, http
from tests.streams import make_stream, records

EVENTS = int(os.environ.get("CHAIN_EVENTS", "10000"))
BATCHES_OF = 500
KINDS = ("page_view", "click", "api_call", "error")
POISON = b"\xff\x00 no event at all"
DELIVERED_TOGETHER = 400
"""Records that Firehose hands to its transform at once."""


@dataclass(frozen=True)
class Chain:
    """The deployed functions and the app of a web host."""

    aws: Aws
    app: Backends
    functions: dict[str, str]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    with aws_of("ministack", intake_per_second=0) as aws:
        aws.create(counters.TABLE, documents.TABLE, findings.TABLE, aws_log.TABLE, audit.TABLE)
        make_stream(aws.clients, aws.begin, shards=4)
        url = aws.settings.aws_endpoint
        own = replace(aws.settings, athena_curation_workgroup=aws.settings.athena_workgroup)
        with AthenaDouble(catalog_at(url), url, own.lake_bucket, own.athena_workgroup) as double:
            host = replace(own, aws_endpoint=double.url, data_dir=Path(tmp_path_factory.mktemp("host")))
            dead = f"{aws.begin}-dead"
            aws.clients.of("sqs").create_queue(QueueName=dead)
            names = {name: deploy(aws, name, host) for name in ("live", "redrive", "transform", "curate")}
            stream_brings(aws, names["live"], dead)
            queue_brings(aws, names["redrive"])
            invoke(aws, names["curate"], {})  # makes the tables, as the first run of a deployment does
            yield Chain(aws, open_backends(host), names)


def test_every_event_ends_once_in_counters_lake_and_on_the_page(chain: Chain) -> None:
    draw = Random(6)
    sent = _send(chain, draw)
    live = chain.app.counters
    assert eventually(lambda: _counted(live), sent) == sent
    sessions = frozenset[int]().union(*(item.sessions for item in live.minutes(list(live.items(0)))))
    assert len(sessions) == 200
    client = by_link(create_app(chain.app), chain.app)
    assert said(poll(client)["events"]).endswith(f"{EVENTS:,} 30 min")

    _deliver(chain, draw)
    told = invoke(chain.aws, chain.functions["curate"], {})
    assert told["added"] == EVENTS
    kinds = Counter(read(chain.app, "events")["event_type"].to_pylist())
    assert kinds == sent
    assert read(chain.app, "sessions").num_rows == 200
    (letter,) = chain.app.intake.letters(10)
    assert letter.refused.reason is Reason.UNREADABLE
    report = chain.app.reconciled(Scope("chain"))
    assert {(line.live, line.verdict) for line in report.lines} == {
        (line.final, Verdict.SETTLING) for line in report.lines
    }
    assert sum(line.live for line in report.lines) == EVENTS


def _send(chain: Chain, draw: Random) -> Counter[str]:
    """Events through the ingest handler, and in the middle of them a record that is none; by type."""
    aws, sent = chain.aws, Counter[str]()
    own = AwsDocuments(aws.clients, aws.begin)
    sites.save(own, "shop", (ORIGIN,))
    key = sites.make_key(own, "shop")
    collector = Collector(AwsLog(aws.clients, aws.begin, sleep=lambda _: None), own, aws.settings)
    _refuse_now_and_then(aws, draw)
    for done in range(0, EVENTS, BATCHES_OF):
        kinds = [draw.choice(KINDS) for _ in range(BATCHES_OF)]
        events = [server_event(event_type=kind, session_id=f"s{draw.randrange(200)}") for kind in kinds]
        body = json.dumps({"events": events}).encode()
        told = ingest.answered(http(BATCH, body, x_write_key=key), collector)
        assert told["statusCode"] == 200
        sent.update(kinds)
        if done == EVENTS // BATCHES_OF // 2 * BATCHES_OF:
            aws.clients.of("kinesis").put_record(
                StreamName=STREAM.format(aws.begin), Data=POISON, PartitionKey="poison"
            )
    return sent


def _deliver(chain: Chain, draw: Random) -> None:
    """What Firehose does: every record through the transform function, some twice, into the raw table."""
    stream = STREAM.format(chain.aws.begin)
    for shard, found in records(chain.aws.clients, chain.aws.begin):
        for begin in range(0, len(found), DELIVERED_TOGETHER):
            event = firehose_of(stream, shard, found[begin : begin + DELIVERED_TOGETHER])
            for _ in range(2 if draw.random() < 0.2 else 1):
                told = invoke(chain.aws, chain.functions["transform"], event)
                chain.app.lake.append(delivered(told))


def _counted(live: Counters) -> Counter[str]:
    found: Counter[str] = Counter()
    for item in live.minutes(list(live.items(0))):
        found.update({kind: n for kind, n in item.counts.items() if n})
    return found


def _refuse_now_and_then(aws: Aws, draw: Random) -> None:
    """The stream refuses every tenth call: those events go by the queue."""

    def refuse(**_: Any) -> Any:
        if draw.random() < 0.9:
            return None
        code = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}}
        return type("Response", (), {"status_code": 400})(), code

    aws.clients.of("kinesis").meta.events.register("before-call.kinesis.PutRecords", refuse)
