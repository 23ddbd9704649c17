"""Refused events in DynamoDB, with their numbers by reason and by minute kept in the same transactions.

| ``pk`` | ``sk`` | what it is |
| --- | --- | --- |
| ``D#<slot>`` | number | a letter; its number tells when it came, and the slots share the load |
| ``R`` | ``<reason>#<day>#<slot>`` | how many letters wait, in all slots; without a day, of those that stay |
| ``Q#<sequence>`` | ``-`` | that an accepted event is a letter already |
| ``U`` | ``<minute>#<site>#<type>`` | accepted events nobody can read, by the minute they count in |

Letters of events that were turned away go after two weeks; those of events once accepted stay.
"""

from __future__ import annotations

import heapq
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Any

from data_access.aws.clients import Clients
from data_access.aws.minute_items import minute_from_stamp, padded, stamp
from data_access.aws.tables import TTL, queried
from data_access.aws.transactions import REFUSED, tried
from data_access.live import DeadLetter, Reason, Refused

KEPT_SECONDS = 14 * 24 * 3600
COUNTED_SECONDS = 72 * 3600
"""How long it is known by minute what could not be read: as long as the live counts are kept."""
_SLOTS, _TOGETHER, _TAKING_SECONDS = 4, 25, 60
_COUNTER_SLOTS = 8
"""An item is written by one transaction at a time: a number is spread over so many."""
_TRIES = 12
_RANDOM = 1_000_000
_KNOWN = "Q#"
_DAY_SECONDS = 24 * 3600
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC

Item = dict[str, Any]


class AwsLetters:
    """The letters in a DynamoDB table."""

    def __init__(
        self,
        clients: Clients,
        table: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamo = clients.of("dynamodb")
        self._table, self._clock, self._sleep = table, clock, sleep

    def add(self, refused: Sequence[Refused]) -> None:
        """Keep refused events; one with a sequence that is there already stays as it is."""
        for begin in range(0, len(refused), _TOGETHER):
            together = refused[begin : begin + _TOGETHER]
            if not self._add(together):
                for one in together:
                    self._add([one])

    def newest(self, limit: int, site: str | None, waiting: bool) -> list[DeadLetter]:
        """The newest letters, newest first, of a site or all; with ``waiting`` only those not replayed."""
        merged = heapq.merge(
            *(self._of_slot(slot) for slot in range(_SLOTS)), key=lambda item: item["sk"]["S"], reverse=True
        )
        found = (_letter(item) for item in merged if not self._is_old(item))
        wanted = (
            letter
            for letter in found
            if (site is None or letter.refused.site == site) and not (waiting and letter.replayed)
        )
        return list(islice(wanted, limit))

    def refusals(self) -> dict[str, int]:
        """How many letters wait, by reason."""
        total: Counter[str] = Counter()
        for item in self._query("pk = :pk", {":pk": {"S": "R"}}):
            if not self._is_old(item):
                total[item["sk"]["S"].partition("#")[0]] += int(item["n"]["N"])
        return {reason: n for reason, n in sorted(total.items()) if n > 0}

    def unreadable(self, since: int) -> dict[tuple[str, int, str], int]:
        """Accepted events nobody can read, by site, minute (since 1970) and type."""
        found: dict[tuple[str, int, str], int] = {}
        values = {":pk": {"S": "U"}, ":since": {"S": stamp(since)}}
        for item in self._query("pk = :pk and sk >= :since", values):
            minute, _, rest = item["sk"]["S"].partition("#")
            site, _, event_type = rest.rpartition("#")
            if not self._is_old(item):
                found[site, minute_from_stamp(minute), event_type] = int(item["n"]["N"])
        return found

    def claim(self, number: int) -> bool:
        """Take a letter to replay it; False when somebody has or did. A claim nobody finishes ends."""
        now = self._clock()
        values = {
            ":now": {"N": str(now)},
            ":ended": {"N": str(now - _TAKING_SECONDS)},
            ":done": {"S": "done"},
            ":by": {"S": (by := secrets.token_hex(8))},
        }
        try:
            self._dynamo.update_item(
                TableName=self._table,
                Key=_key(number),
                UpdateExpression="set claimed = :now, claimed_by = :by",
                ConditionExpression="attribute_exists(pk) and (attribute_not_exists(replayed) or"
                " replayed <> :done) and (attribute_not_exists(claimed) or claimed < :ended)",
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._dynamo.exceptions.ConditionalCheckFailedException as error:
            found: Item = error.response.get("Item", {})
            return found.get("claimed_by") == {"S": by}
        return True

    def unclaim(self, number: int) -> None:
        """Give a letter back that could not be replayed."""
        self._dynamo.update_item(
            TableName=self._table,
            Key=_key(number),
            UpdateExpression="remove claimed, claimed_by",
            ConditionExpression="attribute_exists(pk)",
        )

    def done(self, number: int) -> None:
        """Note that a letter was replayed: it waits no more."""
        item = self._dynamo.get_item(TableName=self._table, Key=_key(number), ConsistentRead=True)["Item"]
        change = {
            "Update": {
                "TableName": self._table,
                "Key": _key(number),
                "UpdateExpression": f"set replayed = :done, {TTL} = :ends",
                "ConditionExpression": "attribute_not_exists(replayed)",
                "ExpressionAttributeValues": {
                    ":done": {"S": "done"},
                    ":ends": {"N": str(int(self._clock()) + KEPT_SECONDS)},
                },
            }
        }
        changes = [change, self._counted(*_counter(item), -1)]
        for tries in count():
            reasons = tried(self._dynamo, changes, tries, _TRIES, self._sleep)
            if reasons is None or any(reason["Code"] == REFUSED for reason in reasons):
                break  # made, now or before

    def _add(self, refused: Sequence[Refused]) -> bool:
        """Keep letters, all or none; False when one of them is there already, by its sequence. A number that
        another letter has is drawn again."""
        for tries in count():
            changes = self._added_by(refused)
            reasons = tried(self._dynamo, changes, tries, _TRIES, self._sleep)
            if reasons is None or _is_known(changes, reasons):
                break
        return reasons is None

    def _added_by(self, refused: Sequence[Refused]) -> list[Item]:
        """The changes that keep letters, with numbers drawn for them."""
        numbers = iter(random.SystemRandom().sample(range(_RANDOM), len(refused)))
        changes: list[Item] = []
        waiting: Counter[tuple[str, str]] = Counter()
        unread: Counter[tuple[int, str]] = Counter()
        for one in refused:
            item = self._item(one, next(numbers))
            waiting[_counter(item)] += 1
            changes.append(self._new(item))
            if one.sequence is not None:
                changes.append(self._new({"pk": {"S": _KNOWN + padded(one.sequence)}, "sk": {"S": "-"}}))
                if one.minute is not None:
                    unread[one.minute, f"{stamp(one.minute)}#{one.site}#{one.event_type}"] += 1
        changes += [self._counted(*of, n) for of, n in waiting.items()]
        for (minute, key), n in unread.items():
            changes.append(self._added("U", key, n, minute * 60 + COUNTED_SECONDS))
        return changes

    def _item(self, one: Refused, drawn: int) -> Item:
        number = int(self._clock() * 1000) * _RANDOM + drawn
        item = {
            **_key(number),
            "site": {"S": one.site},
            "reason": {"S": str(one.reason)},
            "field": {"S": one.field},
            "message": {"S": one.message},
            "body": {"B": one.body},
        }
        if one.sequence is None:
            return item | {TTL: {"N": str(int(self._clock()) + KEPT_SECONDS)}}
        more = {"sequence": {"S": padded(one.sequence)}}
        if one.minute is not None:
            more |= {"minute": {"S": stamp(one.minute)}, "event_type": {"S": str(one.event_type)}}
        return item | more

    def _new(self, item: Item) -> Item:
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }

    def _counted(self, reason: str, day: str, n: int) -> Item:
        ends = (int(day) + 1) * _DAY_SECONDS + KEPT_SECONDS if day else None
        return self._added("R", f"{reason}#{day}#{secrets.randbelow(_COUNTER_SLOTS)}", n, ends)

    def _added(self, pk: str, sk: str, n: int, ends: int | None) -> Item:
        values = {":n": {"N": str(n)}} | ({":ends": {"N": str(ends)}} if ends else {})
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"pk": {"S": pk}, "sk": {"S": sk}},
                "UpdateExpression": "add n :n" + (f" set {TTL} = :ends" if ends else ""),
                "ExpressionAttributeValues": values,
            }
        }

    def _of_slot(self, slot: int) -> Iterator[Item]:
        return self._query("pk = :pk", {":pk": {"S": f"D#{slot}"}}, ScanIndexForward=False)

    def _query(self, condition: str, values: Item, **more: Any) -> Iterator[Item]:
        return queried(self._dynamo, self._table, condition, values, **more)

    def _is_old(self, item: Item) -> bool:
        return TTL in item and int(item[TTL]["N"]) <= self._clock()


def _is_known(changes: Sequence[Item], reasons: Sequence[Any]) -> bool:
    """Whether a letter was not kept because its sequence is known."""
    return any(
        change["Put"]["Item"]["pk"]["S"].startswith(_KNOWN)
        for change, reason in zip(changes, reasons, strict=False)
        if reason["Code"] == REFUSED
    )


def _key(number: int) -> Item:
    return {"pk": {"S": f"D#{number % _SLOTS}"}, "sk": {"S": f"{number:020}"}}


def _counter(item: Item) -> tuple[str, str]:
    """Which number a letter is counted in: reason, and the day since 1970 it came on unless it stays."""
    day = "" if "sequence" in item else str(int(item["sk"]["S"]) // _RANDOM // (_DAY_SECONDS * 1000))
    return item["reason"]["S"], day


def _letter(item: Item) -> DeadLetter:
    number = int(item["sk"]["S"])
    minute, sequence = item.get("minute"), item.get("sequence")
    refused = Refused(
        item["site"]["S"],
        Reason(item["reason"]["S"]),
        item["field"]["S"],
        item["message"]["S"],
        bytes(item["body"]["B"]),
        int(sequence["S"]) if sequence else None,
        minute_from_stamp(minute["S"]) if minute else None,
        item["event_type"]["S"] if minute else None,
    )
    at = _EPOCH + timedelta(milliseconds=number // _RANDOM)
    return DeadLetter(number, at, refused, "replayed" in item)
