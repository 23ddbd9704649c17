"""What only findings in DynamoDB have: items and transactions of a greatest size, an index by severity."""

from __future__ import annotations

import json
import random

import pytest

from data_access.aws.findings import AwsFindings
from data_access.findings import Change, Scan, Severity, Status, Stored
from tests.finding_stores import Stores
from tests.findings import DAY, MONDAY, SCAN, finding, passed


@pytest.fixture
def store(new_in_dynamodb: Stores) -> AwsFindings:
    found = new_in_dynamodb()
    assert isinstance(found, AwsFindings)
    return found


def test_a_document_larger_than_an_item_comes_back(store: AwsFindings) -> None:
    noise = random.Random(1).randbytes(450_000).hex()
    large = finding(document=json.dumps({"noise": noise}).encode())
    assert store.store(SCAN, [large, finding("b")]) == Stored(new=2)
    kept, whole = store.get(large.key), store.whole(large.key)
    assert kept is not None
    assert kept.finding == large
    assert whole is not None
    assert store.forget(whole)
    assert store.restore(whole) == 1
    assert store.whole(large.key) == whole


def test_documents_of_many_megabytes_go_into_several_transactions(store: AwsFindings) -> None:
    chance = random.Random(1)
    large = [
        finding(str(number), document=json.dumps(chance.randbytes(150_000).hex()).encode())
        for number in range(30)
    ]
    assert store.store(SCAN, large) == Stored(new=30)
    assert len(store.of_scan(SCAN.id)) == 30
    assert store.revision() == 30


def test_an_id_longer_than_a_key_is_found(store: AwsFindings) -> None:
    name = "arn:aws:" + "x" * 3000
    store.store(SCAN, [finding(name), finding(name + "y")])
    assert store.named(name) == [finding(name).key]


def test_the_newest_of_a_severity(store: AwsFindings) -> None:
    days = list(range(20))
    random.Random(2).shuffle(days)
    found = [finding(str(day), MONDAY + day * DAY) for day in days]
    store.store(SCAN, [*found, finding("low", MONDAY + 99 * DAY, severity=Severity.LOW)])
    newest = store.newest(Severity.HIGH, 3)
    assert [row.id for row in newest] == ["19", "18", "17"]
    assert [row.id for row in store.newest(Severity.LOW, 3)] == ["low"]
    assert len(store.newest(Severity.HIGH, 99)) == 20


def test_more_versions_than_a_transaction_takes_are_archived_and_put_back(store: AwsFindings) -> None:
    versions = [finding(updated=MONDAY + day * DAY) for day in range(60)]
    scans = [Scan(f"scan-{day}", "scan", MONDAY + day, "ann") for day in range(20)]
    for day, scan in enumerate(scans):
        store.store(scan, versions[day * 3 : day * 3 + 3])
    store.store(SCAN, [passed(updated=MONDAY + 200 * DAY)])
    number = store.change({finding().key: 0}, Change(Status.NOTIFIED), "ann", MONDAY + DAY).number
    whole, counts = store.whole(finding().key), store.scans()
    assert whole is not None
    assert store.forget(whole)
    assert {count for _, count in store.scans()} == {0}
    assert (store.changed_by(number), store.of_scan("scan-7")) == ([], {})
    assert store.store(SCAN, versions[:3]) == Stored(same=3)
    assert store.restore(whole) == 61
    assert store.whole(finding().key) == whole
    assert store.scans() == counts
    assert (store.changed_by(number), store.of_scan("scan-7")) == ([whole.key], {whole.key: True})


def test_a_finding_that_cannot_be_read_again_is_refused_before_any_is_kept(
    store: AwsFindings,
) -> None:
    with pytest.raises(ValueError, match=r"surrogates|utf-8|str"):
        store.store(SCAN, [finding(), finding("b", title="\ud800")])
    assert (store.scans(), store.since(0, 9)) == ([], [])
