"""What is left to do once a finding was archived or put back: its scans, its changes, the items it had.

The finding itself changes over in one write. All of this follows from it and may be done again, by whoever
comes next, until NOW no longer names the life that was left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from data_access.aws import finding_items as items
from data_access.aws.finding_state import State
from data_access.aws.finding_table import FindingTable
from data_access.aws.finding_transaction import IS_NEW, count_scan, named

_AT_ONCE = 50
_TRIES = 60
_IS_THERE = "attribute_exists(pk)"
_REFUSED = "ConditionalCheckFailed"


def tidy(table: FindingTable, state: State) -> None:
    """Bring scans and changes in line with a finding that has left a life, and delete the items of that."""
    found = list(table.under(items.finding_pk(state.key), f"{state.leaving}#"))
    known = [item for item in found if item["sk"]["S"].split("#", 2)[1] != "B"]
    old = items.state_from(state.key, _left(state), known)
    steps = [*_scans(old, state), *_changes(old, state)]
    if all(_is_current(table, state, step) for step in steps):
        table.delete_all([items.key_of(item["pk"]["S"], item["sk"]["S"]) for item in found])
        _finish(table, state)


def _left(state: State) -> items.Item:
    """What NOW said of the life that was left, as far as it matters."""
    return {"fence": items.number(0), "revision": items.number(0), "life": items.text(state.leaving)}


def _scans(old: State, new: State) -> Iterator[list[dict[str, Any]]]:
    """Actions for each scan that has the finding no more, or again."""
    before, after = ({one.scan.id: one for one in state.seen} for state in (old, new))
    for scan in before.keys() - after.keys():
        item = items.sighting(before[scan], new.key)
        key = {"pk": item["pk"], "sk": item["sk"]}
        delete = {"Delete": {"Key": key, "ConditionExpression": _IS_THERE}}
        yield [delete, count_scan(before[scan].scan, -1)]
    for scan in after.keys() - before.keys():
        put = {"Put": {"Item": items.sighting(after[scan], new.key), "ConditionExpression": IS_NEW}}
        yield [put, count_scan(after[scan].scan, 1)]
    for scan in (scan for scan in after.keys() & before.keys() if after[scan] != before[scan]):
        yield [{"Put": {"Item": items.sighting(after[scan], new.key)}}]


def _changes(old: State, new: State) -> Iterator[list[dict[str, Any]]]:
    """Actions for the changes that have the finding no more, or again, some at a time."""
    before, after = items.changes_of(old), items.changes_of(new)
    actions: list[dict[str, Any]] = [{"Delete": {"Key": item}} for item in before if item not in after]
    actions += [{"Put": {"Item": item}} for item in after if item not in before]
    for start in range(0, len(actions), _AT_ONCE):
        yield actions[start : start + _AT_ONCE]


def _is_current(table: FindingTable, state: State, actions: list[dict[str, Any]]) -> bool:
    """Do actions, unless it was done before; False if somebody else has come to the end of it all."""
    check = {
        "ConditionCheck": {
            "Key": items.key_of(items.finding_pk(state.key), items.NOW),
            "ConditionExpression": "leaving = :leaving",
            "ExpressionAttributeValues": {":leaving": items.text(state.leaving)},
        }
    }
    together = [named(action, table.name) for action in (check, *actions)]
    for tries in range(_TRIES):
        try:
            table.dynamo.transact_write_items(TransactItems=together)
        except table.dynamo.exceptions.TransactionCanceledException as error:
            codes = [reason["Code"] for reason in error.response.get("CancellationReasons", [])]
            if _REFUSED in codes:
                return bool(codes[0] != _REFUSED)
            table.pause(tries)
            continue
        return True
    raise TimeoutError(f"others write finding {state.key} all the time")


def _finish(table: FindingTable, state: State) -> None:
    done = replace(state, leaving="").sealed(0)
    try:
        table.dynamo.put_item(
            TableName=table.name,
            Item=items.now_of(done),
            ConditionExpression="fence = :fence",
            ExpressionAttributeValues={":fence": items.number(state.fence)},
        )
    except table.dynamo.exceptions.ConditionalCheckFailedException:
        return  # somebody else did, or this did and did not hear of it
    except table.dynamo.exceptions.TransactionConflictException:
        return  # somebody else writes it: whoever does so next comes here again
