"""From a request to the live counts through real functions, streams and queues, without Docker."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from data_access import sites
from data_access.aws import log as aws_log
from data_access.aws.counters import TABLE as COUNTERS
from data_access.aws.counters import AwsCounters
from data_access.aws.documents import TABLE as DOCUMENTS
from data_access.aws.documents import AwsDocuments
from data_access.aws.log import AwsLog
from pipeline.collector import BATCH, Collector
from pipeline.lambdas import ingest
from tests.aws_parts import Aws, aws_of
from tests.chain.functions import deploy, eventually, queue_brings, stream_brings
from tests.contract.test_intake import make_stream
from tests.door import ORIGIN, server_event
from tests.lambda_events import http

EVENTS = int(os.environ.get("CHAIN_EVENTS", "10000"))
BATCHES_OF = 500
KINDS = ("page_view", "click", "api_call", "error")


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with aws_of("ministack", intake_per_second=0) as found:
        make_stream(found.create(COUNTERS, DOCUMENTS, aws_log.TABLE), shards=4)
        dead = f"{found.begin}-dead"
        found.clients.of("sqs").create_queue(QueueName=dead)
        stream_brings(found, deploy(found, "live"), dead)
        queue_brings(found, deploy(found, "redrive"))
        yield found


def test_every_event_is_counted_once(aws: Aws) -> None:
    documents = AwsDocuments(aws.clients, aws.begin)
    sites.save(documents, "shop", (ORIGIN,))
    key = sites.make_key(documents, "shop")
    collector = Collector(AwsLog(aws.clients, aws.begin, sleep=lambda _: None), documents, aws.settings)
    draw, sent = Random(6), Counter[str]()
    _refuse_now_and_then(aws, draw)
    for _ in range(0, EVENTS, BATCHES_OF):
        kinds = [draw.choice(KINDS) for _ in range(BATCHES_OF)]
        events = [server_event(event_type=kind, session_id=f"s{draw.randrange(200)}") for kind in kinds]
        told = ingest.answered(
            http(BATCH, json.dumps({"events": events}).encode(), x_write_key=key), collector
        )
        assert told["statusCode"] == 200
        sent.update(kinds)
    counters = AwsCounters(aws.clients, aws.begin)
    assert eventually(lambda: _counted(counters), sent) == sent
    sessions = frozenset[int]().union(*(item.sessions for item in counters.minutes(list(counters.items(0)))))
    assert len(sessions) == 200


def _counted(counters: AwsCounters) -> Counter[str]:
    found: Counter[str] = Counter()
    for item in counters.minutes(list(counters.items(0))):
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
