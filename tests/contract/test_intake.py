"""The Intake port: what is taken in is kept, requests that come again, refused events and their replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from data_access.aws import letters
from data_access.aws.log import OVERFLOW, TABLE, AwsLog
from data_access.embedded.log import EmbeddedLog
from data_access.live import Once, Reason, Refused
from data_access.ports import LogBusy, OnceError
from data_access.records import Head, sealed, singles
from tests.aws_parts import SERVERS, Aws, aws_of
from tests.streams import make_stream, records

ONCE = Once("shop\0k", b"digest", b"200 answer")


class Clock:
    now = datetime(2026, 3, 9, 12, tzinfo=UTC)

    def __call__(self) -> float:
        return self.now.timestamp()


class Bench:
    """A place events are taken into, and a look at what is in it."""

    def __init__(self, folder: Path, aws: Aws | None) -> None:
        self.clock, self.aws = Clock(), aws
        if aws is None:
            self.log: Any = EmbeddedLog(folder / "log.db", self.clock)
            return
        aws.create(TABLE)
        make_stream(aws.clients, aws.begin)
        self.log = AwsLog(aws.clients, aws.begin, self.clock, lambda _: None)

    def events(self) -> list[bytes]:
        """The events there are, each as a record of its own, in any order."""
        if self.aws is None:
            return sorted(one for record in self.log.read(0, 10**6) for one in singles(record.body))
        return sorted(in_stream(self.aws))


def in_stream(aws: Aws) -> list[bytes]:
    """The bytes of every record of the stream."""
    return [record.body for _, found in records(aws.clients, aws.begin) for record in found]


@pytest.fixture(params=["sqlite", *SERVERS])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "sqlite":
        found = Bench(tmp_path, None)
        yield found
        found.log.close()
        return
    with aws_of(request.param) as aws:
        yield Bench(tmp_path, aws)


@pytest.fixture(params=SERVERS)
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with aws_of(request.param) as aws:
        yield Bench(tmp_path, aws)


def record(*events: str, **head: Any) -> bytes:
    """A record of some events."""
    return sealed(Head("shop", 1_700_000_000_000, **head), b'{"events":[%b]}' % ",".join(events).encode())


def refused(sequence: int | None = None, site: str = "shop", reason: Reason = Reason.MISSING) -> Refused:
    return Refused(site, reason, "session_id", "is missing", b"body", sequence)


def reasons(letters: Sequence[Any]) -> list[str]:
    return [str(letter.refused.reason) for letter in letters]


def test_events_are_kept_with_what_they_share(bench: Bench) -> None:
    taken = record('{"n":1}', '{"n":"ä"}', '{"bad":1}', '{"n":3}', skip=(2,), ids=("a", "b", "c"), agent="x")
    bench.log.append(taken, 3)
    bench.log.append(record('{"n":4}', good=True), 1)
    assert bench.events() == sorted([*singles(taken), record('{"n":4}', good=True)])
    assert len(bench.events()) == 4


def test_a_thousand_events_of_one_request_are_kept(bench: Bench) -> None:
    taken = record(*(f'{{"n":{n},"text":"{"x" * 9000}"}}' for n in range(1000)))
    bench.log.append(taken, 1000)
    assert bench.events() == sorted(singles(taken))


def test_a_request_that_comes_again_changes_nothing(bench: Bench) -> None:
    assert bench.log.append(record("{}"), 1, [refused()], ONCE).answer is None
    assert bench.log.append(record("{}"), 1, [refused()], ONCE).answer == b"200 answer"
    assert (len(bench.events()), bench.log.refusals()) == (1, {"missing": 1})
    with pytest.raises(OnceError, match="Idempotency-Key"):
        bench.log.append(record("{}"), 1, (), Once("shop\0k", b"another", b""))
    assert len(bench.events()) == 1


def test_dead_letters_newest_first_by_site_and_by_reason(bench: Bench) -> None:
    bench.log.append(b"", 0, [refused()])
    bench.clock.now += timedelta(seconds=1)
    bench.log.append(b"", 0, [refused(site="blog", reason=Reason.TOO_LONG)])
    bench.clock.now += timedelta(seconds=1)
    for _ in range(2):
        bench.log.bury([refused(9, reason=Reason.UNREADABLE)])
    letters = bench.log.letters(10)
    assert reasons(letters) == ["unreadable", "too_long", "missing"], "a sequence is buried once"
    assert sorted((letter.number for letter in letters), reverse=True) == [one.number for one in letters]
    assert reasons(bench.log.letters(10, "shop")) == ["unreadable", "missing"]
    assert bench.log.letters(1)[0].refused == refused(9, reason=Reason.UNREADABLE)
    assert bench.log.refusals() == {"missing": 1, "too_long": 1, "unreadable": 1}


def test_what_is_there_already_does_not_keep_the_rest_out(bench: Bench) -> None:
    bench.log.bury([refused(9)])
    bench.log.bury([refused(n) for n in range(7, 12)])
    assert sorted(letter.refused.sequence for letter in bench.log.letters(10)) == [7, 8, 9, 10, 11]
    assert bench.log.refusals() == {"missing": 5}


def test_many_letters_at_once(bench: Bench) -> None:
    bench.log.append(b"", 0, [refused() for _ in range(130)])
    assert (len(bench.log.letters(1000)), len(bench.log.letters(7))) == (130, 7)
    assert bench.log.refusals() == {"missing": 130}


def test_a_letter_that_draws_the_number_of_another_draws_again(
    cloud: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = [[1, 2], [2, 3], [3, 4]]
    monkeypatch.setattr(letters.random.SystemRandom, "sample", lambda *_: draws.pop(0))
    for _ in range(2):
        cloud.log.append(b"", 0, [refused(), refused()])
    assert [letter.number % letters._RANDOM for letter in cloud.log.letters(9)] == [4, 3, 2, 1]


def test_a_dead_letter_is_replayed_once(bench: Bench) -> None:
    bench.log.append(b"", 0, [refused(), refused()])
    first, second = (letter.number for letter in bench.log.letters(10))
    assert bench.log.replay({first: record('{"n":1}'), second: record('{"n":2}')}) == 2
    assert bench.log.replay({first: record('{"n":1}')}) == 0
    assert bench.events() == [record('{"n":1}'), record('{"n":2}')]
    assert bench.log.letters(10, waiting=True) == []
    assert [letter.replayed for letter in bench.log.letters(10)] == [True, True]
    assert bench.log.refusals() == {}


def test_what_nobody_can_read_is_known_by_the_minute_it_counts_in(bench: Bench) -> None:
    minute = int(bench.clock() // 60)
    letters = [
        Refused("shop", Reason.UNREADABLE, "event", "is odd", b"x", n, minute + n % 2, kind)
        for n, kind in enumerate(("click", "click", "page_view", "click"))
    ]
    bench.log.bury(letters)
    bench.log.bury(letters)
    expected = {
        ("shop", minute, "click"): 1,
        ("shop", minute, "page_view"): 1,
        ("shop", minute + 1, "click"): 2,
    }
    assert bench.log.unreadable(minute) == expected
    assert bench.log.unreadable(minute + 1) == {("shop", minute + 1, "click"): 2}


def refuse(cloud: Bench, service: str, operation: str, code: str, times: int = 10**6) -> None:
    """Let a service refuse calls."""
    assert cloud.aws is not None
    client, left = cloud.aws.clients.of(service), [times]

    def answer(**_: Any) -> Any:
        if left[0] <= 0:
            return None
        left[0] -= 1
        return type("Response", (), {"status_code": 400})(), {"Error": {"Code": code, "Message": "no"}}

    client.meta.events.register(f"before-call.{service}.{operation}", answer)


def in_queue(cloud: Bench) -> list[str]:
    assert cloud.aws is not None
    sqs = cloud.aws.clients.of("sqs")
    url = sqs.get_queue_url(QueueName=OVERFLOW.format(cloud.aws.begin))["QueueUrl"]
    found: list[str] = []
    while told := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in told]
    return found


def test_what_the_stream_refuses_waits_in_the_queue(cloud: Bench) -> None:
    taken = record(*(f'{{"n":{n}}}' for n in range(25)))
    refuse(cloud, "kinesis", "PutRecords", "ProvisionedThroughputExceededException", 1)
    cloud.log.append(taken, 25)
    assert cloud.events() == []
    waiting = in_queue(cloud)
    assert len(waiting) == 25
    assert all(cloud.log.redriven(message) for message in waiting)
    assert cloud.events() == sorted(singles(taken))


def test_without_stream_and_queue_nothing_is_acknowledged(cloud: Bench) -> None:
    refuse(cloud, "kinesis", "PutRecords", "ResourceNotFoundException")
    refuse(cloud, "sqs", "SendMessageBatch", "AccessDenied", 1)
    with pytest.raises(LogBusy, match="try again"):
        cloud.log.append(record("{}"), 1, [refused()], ONCE)
    assert cloud.log.refusals() == {}
    assert cloud.log.append(record("{}"), 1, [refused()], ONCE).answer is None, "it may come again at once"
    assert len(in_queue(cloud)) == 1


def test_a_part_the_stream_refuses_is_tried_again_alone(cloud: Bench) -> None:
    assert cloud.aws is not None
    kinesis, put = cloud.aws.clients.of("kinesis"), []

    def refuse_half(parsed: dict[str, Any], **_: Any) -> None:
        put.append(len(parsed["Records"]))
        if len(put) == 1:  # the records are in the stream; that they come again shows who was sent again
            for told in parsed["Records"][::2]:
                told["ErrorCode"] = "ProvisionedThroughputExceededException"

    kinesis.meta.events.register("after-call.kinesis.PutRecords", refuse_half)
    cloud.log.append(record(*(f'{{"n":{n}}}' for n in range(10))), 10)
    assert put == [10, 5]
    assert sorted(set(cloud.events())) == sorted(singles(record(*(f'{{"n":{n}}}' for n in range(10)))))


def test_a_request_that_never_ended_can_be_taken_over(cloud: Bench) -> None:
    cloud.log._claim(ONCE, "a process that died")
    with pytest.raises(LogBusy, match="being taken in"):
        cloud.log.append(record("{}"), 1, (), ONCE)
    cloud.clock.now += timedelta(seconds=31)
    assert cloud.log.append(record("{}"), 1, (), ONCE).answer is None
    assert len(cloud.events()) == 1


def test_letters_of_what_was_turned_away_go_and_the_accepted_stay(cloud: Bench) -> None:
    cloud.log.append(b"", 0, [refused()])
    cloud.log.bury([refused(1)])
    cloud.clock.now += timedelta(days=15, seconds=1)
    assert [letter.refused.sequence for letter in cloud.log.letters(10)] == [1]
    assert cloud.log.refusals() == {"missing": 1}


def test_a_letter_that_cannot_be_replayed_waits(cloud: Bench) -> None:
    cloud.log.append(b"", 0, [refused()])
    (letter,) = cloud.log.letters(1)
    refuse(cloud, "kinesis", "PutRecords", "AccessDeniedException", 1)
    refuse(cloud, "sqs", "SendMessageBatch", "AccessDenied", 1)
    with pytest.raises(LogBusy):
        cloud.log.replay({letter.number: record("{}")})
    assert len(cloud.log.letters(10, waiting=True)) == 1
    assert cloud.log.replay({letter.number: record("{}")}) == 1
