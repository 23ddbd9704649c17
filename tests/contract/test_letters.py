"""Refused events that many functions keep at once: who meets another tries again, nothing is lost."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any

import pytest
from botocore.exceptions import ClientError

from data_access.aws.letters import AwsLetters
from data_access.aws.log import TABLE
from data_access.live import Reason, Refused
from tests.aws_parts import SERVERS, Aws, aws_of

AT = 1_773_057_600
MANY, EACH = 16, 12
CONFLICT, BUSY = "TransactionConflict", "ThrottlingError"


@pytest.fixture(params=SERVERS)
def aws(request: pytest.FixtureRequest) -> Iterator[Aws]:
    with aws_of(request.param) as found:
        yield found.create(TABLE)


class Cancelling:
    """Cancels transactions for reasons: of every call those that come next, else some at random."""

    def __init__(self, aws: Aws, *next_ones: str, share: float = 0) -> None:
        self._left, self._share, self._chance, self._lock = list(next_ones), share, random.Random(1), Lock()
        self.count, self.slept = 0, list[float]()
        aws.clients.of("dynamodb").meta.events.register(
            "before-call.dynamodb.TransactWriteItems", self._answer
        )

    def _answer(self, **_: Any) -> Any:
        with self._lock:
            code = self._left.pop(0) if self._left else ""
            if not code and self._chance.random() < self._share:
                code = self._chance.choice([CONFLICT, BUSY, "ProvisionedThroughputExceeded"])
            self.count += bool(code)
        if not code:
            return None
        said = {"Code": "TransactionCanceledException", "Message": "no"}
        reasons = [{"Code": "None"}, {"Code": code}]
        return type("Response", (), {"status_code": 400})(), {"Error": said, "CancellationReasons": reasons}


def letters_of(aws: Aws, faults: Cancelling) -> AwsLetters:
    return AwsLetters(aws.clients, TABLE.of(aws.begin), lambda: AT, faults.slept.append)


def refused(n: int | None = None, reason: Reason = Reason.MISSING) -> Refused:
    return Refused("shop", reason, "field", "is missing", b"body", n)


def test_a_transaction_that_meets_another_is_made_after_pauses(aws: Aws) -> None:
    faults = Cancelling(aws, CONFLICT, BUSY, CONFLICT)
    letters = letters_of(aws, faults)
    letters.add([refused(), refused(), refused(reason=Reason.TOO_LONG)])
    assert (len(letters.newest(10, None, False)), letters.refusals()) == (3, {"missing": 2, "too_long": 1})
    assert (faults.count, len(faults.slept)) == (3, 3)
    assert all(0 <= slept <= 0.005 * 2**n for n, slept in enumerate(faults.slept, 1))


def test_who_never_gets_through_hears_it(aws: Aws) -> None:
    faults = Cancelling(aws, *[CONFLICT] * 100)
    letters = letters_of(aws, faults)
    with pytest.raises(ClientError, match="TransactionCanceled"):
        letters.add([refused()])
    assert 5 < faults.count < 30
    assert max(faults.slept) <= 1


def test_a_reason_that_stays_is_not_tried_again(aws: Aws) -> None:
    faults = Cancelling(aws, "ValidationError")
    with pytest.raises(ClientError):
        letters_of(aws, faults).add([refused()])
    assert faults.slept == []


@pytest.mark.parametrize("aws", ["ministack"], indirect=True)  # moto is for one thread
def test_many_at_once_lose_nothing(aws: Aws) -> None:
    faults = Cancelling(aws, share=0.3)
    letters = letters_of(aws, faults)
    reasons = (Reason.MISSING, Reason.TOO_LONG)

    def work(worker: int) -> None:
        for n in range(EACH):
            sequence = 1 + n if worker % 2 else None  # half of them bring the same accepted events
            letters.add([refused(sequence, reasons[n % 2])] * (1 if sequence else 2))

    with ThreadPoolExecutor(MANY) as pool:
        list(pool.map(work, range(MANY)))
    found = letters.newest(10_000, None, False)
    expected = MANY // 2 * EACH * 2 + EACH
    assert faults.count > 20
    assert len(found) == expected
    assert letters.refusals() == Counter(str(letter.refused.reason) for letter in found)
    for letter in found[:40]:
        assert letters.claim(letter.number)
        letters.done(letter.number)
    waiting = letters.newest(10_000, None, True)
    assert letters.refusals() == Counter(str(letter.refused.reason) for letter in waiting)
    assert len(waiting) == expected - 40
