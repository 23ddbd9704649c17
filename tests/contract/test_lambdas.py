"""The λ handlers: what AWS brings, as the pipeline takes it, and what AWS is told."""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from data_access import sites
from data_access.aws import log as aws_log
from data_access.aws.counters import TABLE as COUNTERS
from data_access.aws.counters import AwsCounters
from data_access.aws.documents import TABLE as DOCUMENTS
from data_access.aws.documents import AwsDocuments
from data_access.aws.log import AwsLog
from data_access.events import EVENT_SCHEMA
from data_access.records import Head, sealed
from pipeline.collector import BATCH, CLICKSTREAM, EVENTS, Collector
from pipeline.lambdas import ingest, live, redrive, transform
from pipeline.rules import load_rules
from tests.aws_parts import Aws, aws_of
from tests.contract.test_intake import in_stream
from tests.door import ORIGIN, server_event
from tests.lambda_events import BEGIN, SHARD, firehose, http, kinesis, sqs
from tests.streams import make_stream

pytestmark = pytest.mark.usefixtures("roles")

AT = 1_773_057_600
"""When events come in: 2026-03-09 12:00 UTC."""
RULES = load_rules()


@pytest.fixture
def aws() -> Iterator[Aws]:
    with aws_of("moto") as found:
        found.create(COUNTERS, DOCUMENTS, aws_log.TABLE)
        make_stream(found.clients, found.begin)
        yield found


@pytest.fixture
def log(aws: Aws) -> AwsLog:
    return AwsLog(aws.clients, aws.begin, lambda: AT, lambda _: None)


@pytest.fixture
def counters(aws: Aws) -> AwsCounters:
    return AwsCounters(aws.clients, aws.begin, lambda: AT)


@pytest.fixture
def door(aws: Aws, log: AwsLog) -> Any:
    documents = AwsDocuments(aws.clients, aws.begin)
    sites.save(documents, "shop", (ORIGIN,))
    key = sites.make_key(documents, "shop")
    collector = Collector(log, documents, aws.settings, lambda: AT)

    def send(path: str, body: bytes, **headers: str) -> dict[str, Any]:
        return ingest.answered(http(path, body, **({"x_write_key": key} | headers)), collector)

    return send


def logged(event: dict[str, Any]) -> bytes:
    """An event as the stream has it."""
    batch = b'{"events":[%b]}' % json.dumps(event).encode()
    return sealed(Head("shop", AT * 1000, ids=("made-up",)), batch)


def page_view(n: int, **more: Any) -> bytes:
    own = {"event_id": f"00000000-0000-4000-8000-{n:012}", "session_id": f"s{n % 3}"}
    return logged(server_event(**own, properties={"page": f"/{n % 2}"}, **more))


def test_a_request_ends_up_in_the_stream(aws: Aws, door: Any) -> None:
    body = json.dumps({"events": [server_event(), server_event(event_type="click"), {"bad": 1}]}).encode()
    told = door(BATCH, body)
    assert (told["statusCode"], told["isBase64Encoded"]) == (207, False)
    assert told["headers"]["Content-Type"] == "application/json"
    said = json.loads(told["body"])
    assert (said["accepted"], said["rejected"]) == (2, 1)
    kept = [json.loads(one)["head"]["ids"] for one in in_stream(aws)]
    assert sorted(kept) == sorted([one] for one in said["event_ids"])


def test_bodies_come_as_text_or_in_base64(aws: Aws, door: Any) -> None:
    body = json.dumps(server_event(properties={"page": "/ä"})).encode()
    assert door(EVENTS, gzip.compress(body), content_encoding="gzip")["statusCode"] == 200
    assert door(EVENTS, body)["statusCode"] == 200
    assert len(in_stream(aws)) == 2


def test_pages_of_other_origins_hear_why_not(door: Any) -> None:
    assert door(CLICKSTREAM, b"{}", origin="https://elsewhere.example", x_write_key="")["statusCode"] == 401
    assert door("/v1/nothing", b"{}")["statusCode"] == 404
    assert door(EVENTS, b"{}", x_write_key="wk_wrong")["statusCode"] == 401


def test_a_batch_is_counted_and_its_repetition_is_not(counters: AwsCounters) -> None:
    bodies = [page_view(n) for n in range(10)]
    assert live.folded(kinesis(bodies), counters, lambda: AT) == {"batchItemFailures": []}
    assert live.folded(kinesis(bodies[4:], BEGIN + 4), counters, lambda: AT) == {"batchItemFailures": []}
    (item,) = counters.minutes(list(counters.items(0)))
    assert (item.site, item.minute, item.counts["page_view"]) == ("shop", AT // 60, 10)
    assert (item.pages, len(item.sessions)) == ({"/0": 5, "/1": 5}, 3)
    assert counters.offset(f"events/{SHARD}") == item.last == BEGIN + 9


def test_what_nobody_can_read_does_not_hold_up_its_neighbours(
    counters: AwsCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = logged({"event_type": "page_view"})
    bodies = [page_view(1), b"\xff no record", poison, page_view(2), b"BREAKS", page_view(3)]
    real = live.sightings

    def breaking(records: Any, after: int) -> Any:
        if records[0].body == b"BREAKS":
            raise RuntimeError("a fault in the reader")
        return real(records, after)

    monkeypatch.setattr(live, "sightings", breaking)
    assert live.folded(kinesis(bodies), counters, lambda: AT) == {"batchItemFailures": []}
    (item,) = counters.minutes(list(counters.items(0)))
    assert item.counts["page_view"] == 3


def test_a_failure_has_the_rest_of_a_batch_come_again(
    counters: AwsCounters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "STEP", 4)
    fold, calls = counters.fold, []

    def failing(*given: Any) -> int:
        calls.append(given)
        if len(calls) == 2:
            raise ConnectionError("throttled")
        return fold(*given)

    monkeypatch.setattr(counters, "fold", failing)
    bodies = [page_view(n) for n in range(10)]
    told = live.folded(kinesis(bodies), counters, lambda: AT)
    assert told == {"batchItemFailures": [{"itemIdentifier": str(BEGIN + 4)}]}
    live.folded(kinesis(bodies[4:], BEGIN + 4), counters, lambda: AT)
    (item,) = counters.minutes(list(counters.items(0)))
    assert item.counts["page_view"] == 10


def test_events_too_old_to_be_shown_live_are_left_out(counters: AwsCounters) -> None:
    live.folded(kinesis([page_view(1)]), counters, lambda: AT + 27 * 3600)
    assert counters.items(0) == {}


def test_rows_carry_the_shard_and_sequence_they_had(log: AwsLog) -> None:
    told = transform.transformed(firehose([page_view(n) for n in range(3)]), log, RULES)
    assert [one["result"] for one in told["records"]] == ["Ok"] * 3
    for n, one in enumerate(told["records"]):
        text = b64decode(one["data"])
        row = json.loads(text)
        assert (one["recordId"], text[-1:]) == (f"r{n}", b"\n")
        assert list(row) == EVENT_SCHEMA.names
        assert row["ingest_id"] == f"log-events/{SHARD}-{BEGIN + n}"
        assert row["event_id"] == f"00000000-0000-4000-8000-{n:012}"
        assert (row["ts"], row["page_path"], row["is_bot"]) == (
            AT * 1_000_000,
            f"/{n % 2}",
            False,
        )


def test_what_is_no_event_is_dropped_and_kept_as_a_letter_once(log: AwsLog) -> None:
    batch = firehose([page_view(1), logged({"event_type": "page_view"}), b"nonsense", page_view(2)])
    for _ in range(2):
        told = transform.transformed(batch, log, RULES)
        assert [one["result"] for one in told["records"]] == ["Ok", "Dropped", "Dropped", "Ok"]
    assert log.refusals() == {"unreadable": 2}
    assert sorted(letter.refused.sequence or 0 for letter in log.letters(10)) == [BEGIN + 1, BEGIN + 2]


def test_what_waits_in_the_queue_comes_into_the_stream(aws: Aws, log: AwsLog) -> None:
    bodies = [page_view(n) for n in range(3)]
    told = redrive.redriven(sqs([b64encode(body).decode() for body in bodies]), log)
    assert told == {"batchItemFailures": []}
    assert sorted(in_stream(aws)) == sorted(bodies)


def test_what_still_does_not_get_through_stays_in_the_queue(
    log: AwsLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "redriven", lambda message: message != "second")
    told = redrive.redriven(sqs(["first", "second", "third"]), log)
    assert told == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_handlers_open_the_parts_of_their_settings(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = aws.settings
    for name in ("form", "aws_region", "aws_name", "lake_bucket"):
        monkeypatch.setenv(f"STREAMGAUGE_{name.upper()}", getattr(settings, name))
    for cached in (live.parts.opened, live.parts.collector, live.parts.rules):
        cached.cache_clear()
    assert live.handler(kinesis([b"x"]), None) == {"batchItemFailures": []}
    assert redrive.handler(sqs([b64encode(page_view(1)).decode()]), None) == {"batchItemFailures": []}
    assert transform.handler(firehose([page_view(1)]), None)["records"][0]["result"] == "Ok"
    assert ingest.handler(http(EVENTS, b"{}"), None)["statusCode"] == 401
    for cached in (live.parts.opened, live.parts.collector, live.parts.rules):
        cached.cache_clear()
    assert len(in_stream(aws)) == 1
