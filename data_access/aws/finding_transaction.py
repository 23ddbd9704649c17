"""One transaction that writes findings: what is new of each, the revisions taken, the scans counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from data_access.aws import finding_items as items
from data_access.aws.finding_items import Item
from data_access.aws.finding_state import State
from data_access.findings import Scan

_ACTIONS, _BYTES = 100, 3_500_000
"""What a transaction takes, 4 MB with some room."""
IS_NEW = "attribute_not_exists(pk)"
"""The condition that there is no such item."""


class Write(NamedTuple):
    """A finding to write: as it was read, as it is to be, and what names the writer."""

    old: State
    new: State
    writer: str


class Transaction:
    """The actions for as many findings, from the first, as one transaction takes, and the states they make.

    ``after`` is the last revision that was taken before.
    """

    def __init__(self, table: str, after: int, writes: Sequence[Write]) -> None:
        self._table, self._after, self._bytes = table, after, 0
        self.revision = after
        self.states: dict[str, State] = {}
        self.actions: list[dict[str, Any]] = []
        self._heads: list[int] = []
        self._scans: Counter[Scan] = Counter()
        for write in writes:
            if not self._add(write):
                break
        self._close()

    def fates(self, reasons: Sequence[Any]) -> list[tuple[bool, str]]:
        """Of a transaction that was refused, for each of its findings whether it was written by somebody
        since it was read, and by whom."""
        found = []
        for place in self._heads:
            reason = reasons[place] if place < len(reasons) else {}
            is_refused = reason.get("Code") == "ConditionalCheckFailed"
            found.append((is_refused, reason.get("Item", {}).get("writer", items.text(""))["S"]))
        return found

    def taken(self, reasons: Sequence[Any]) -> int:
        """Of a transaction that was refused, the last revision that has been taken."""
        if self.revision == self._after or len(reasons) != len(self.actions):
            return self._after
        return int(reasons[-1].get("Item", {}).get("reached", items.number(self._after))["N"])

    def _add(self, write: Write) -> bool:
        """Add a finding; False if there is no room for it."""
        revision = self.revision + (write.new.revision is None)
        state = write.new.sealed(revision)
        found = list(_actions(write, state))
        scans = _new_scans(write)
        size = sum(map(_size, found))
        room = _ACTIONS - len(self.actions) - len(self._scans | scans) - 1
        if self.states and (len(found) > room or self._bytes + size > _BYTES):
            return False
        self._heads.append(len(self.actions))
        self.actions += [named(action, self._table) for action in found]
        self._bytes += size
        self._scans.update(scans)
        self.states[state.key], self.revision = state.written(), revision
        return True

    def _close(self) -> None:
        for scan, count in self._scans.items():
            self.actions.append(named(count_scan(scan, count), self._table))
        if self.revision > self._after:
            self.actions.append(named(_take(self._after, self.revision), self._table))


def named(action: dict[str, Any], table: str) -> dict[str, Any]:
    """An action on a table."""
    ((verb, values),) = action.items()
    return {verb: {"TableName": table} | values}


def _actions(write: Write, state: State) -> Iterator[dict[str, Any]]:
    """What makes a finding's new state of its old one: first NOW, on condition that it is the old one."""
    old, mark = write.old, {"writer": items.text(write.writer)}
    yield _head(old, items.now_of(state) | mark)
    if state.life == old.life:
        before, after = items.items_of(old), items.items_of(state)
        yield from (_put(item | mark) for sk, item in after.items() if item != before.get(sk))
        yield from (_delete(before[sk]) for sk in before.keys() - after.keys())
        yield from (_put(item) for body in state.bodies for item in items.body_items(state, body))
        yield from (_put(items.sighting(seen, state.key)) for seen in state.seen if seen not in old.seen)
        yield from (_put(found) for found in items.changes_of(state) if found not in items.changes_of(old))
    if write.new.revision is None:
        yield _put(items.feed_key(state.revision or 0) | {"key": items.text(state.key)})
        if old.revision:
            yield _delete(items.feed_key(old.revision))


def _head(old: State, now: Item) -> dict[str, Any]:
    put: dict[str, Any] = {
        "Item": now,
        "ConditionExpression": "fence = :fence" if old.fence else IS_NEW,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if old.fence:
        put["ExpressionAttributeValues"] = {":fence": items.number(old.fence)}
    return {"Put": put}


def _put(item: Item) -> dict[str, Any]:
    return {"Put": {"Item": item}}


def _delete(item: Item) -> dict[str, Any]:
    return {"Delete": {"Key": {"pk": item["pk"], "sk": item["sk"]}}}


def _new_scans(write: Write) -> Counter[Scan]:
    """The scans that have a finding more."""
    if write.new.life != write.old.life:
        return Counter()
    known = {seen.scan.id for seen in write.old.seen}
    return Counter(seen.scan for seen in write.new.seen if seen.scan.id not in known)


def count_scan(scan: Scan, more: int) -> dict[str, Any]:
    """An action that counts findings of a scan, which is made if it is not there."""
    return {
        "Update": {
            "Key": items.key_of("SCANS", scan.id),
            "UpdateExpression": "set label = if_not_exists(label, :label),"
            " at_time = if_not_exists(at_time, :at), who = if_not_exists(who, :who),"
            " came = if_not_exists(came, :now) add findings :more",
            "ExpressionAttributeValues": {
                ":label": items.text(scan.name),
                ":at": items.number(scan.at),
                ":who": items.text(scan.by),
                ":now": items.number(time.time_ns()),
                ":more": items.number(more),
            },
        }
    }


def _take(after: int, last: int) -> dict[str, Any]:
    """An action that takes the revisions between two, if they are the next."""
    put: dict[str, Any] = {
        "Item": items.key_of("NUMBERS", "revision") | {"reached": items.number(last)},
        "ConditionExpression": "reached = :after" if after else IS_NEW,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    if after:
        put["ExpressionAttributeValues"] = {":after": items.number(after)}
    return {"Put": put}


def _size(action: dict[str, Any]) -> int:
    """About how many bytes an action has."""
    item: Item = action.get("Put", {}).get("Item", {})
    return sum(
        len(name) + len(str(value.get("S", ""))) + len(value.get("B", b"")) for name, value in item.items()
    )
