"""The lake's consumer: from the log into the raw table, a commit a flush; the unreadable is reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from data_access.events import EVENT_SCHEMA, LOGGED
from data_access.live import Reason, Record, Refused
from data_access.ports import Log, LogLake
from pipeline.contracts import Draft, FieldError
from pipeline.enrich import enrich, to_table
from pipeline.envelope import Item, items
from pipeline.live import counted_minute
from pipeline.rules import Rules

STEP = 20_000
"""Events in one commit."""


@dataclass(slots=True)
class LakeConsumer:
    """Appends the log to the raw table. Any number may run at once: a sequence is added once."""

    log: Log
    lake: LogLake
    rules: Rules

    def step(self) -> int:
        """Append what comes next; how many events were looked at."""
        epoch = self.log.epoch
        after = self.lake.log_offset(epoch)
        records = self.log.read(after, STEP)
        if not records:
            self.log.commit("lake", after)
            return 0
        last = records[-1].last
        drafts, refused = drafts_of(records, after)
        events, unreadable = canonical(drafts, f"{LOGGED}{epoch}-{after + 1}-{last}", self.rules)
        # Reported before the lake moves on: a crash in between reports them again, which changes nothing.
        if refused or unreadable:
            self.log.bury([*refused, *unreadable])
        if self.lake.append_log(events, epoch, after, last):
            self.log.commit("lake", last)
        return last - after

    def drain(self) -> int:
        """Append all there is; how many events were looked at."""
        total = 0
        while seen := self.step():
            total += seen
        return total


def canonical(
    drafts: Sequence[tuple[Item, Draft]], ingest_id: str, rules: Rules
) -> tuple[pa.Table, list[Refused]]:
    """Canonical events (EVENT_SCHEMA), and the few that no event can be made of: found by halving."""
    if not drafts:
        return EVENT_SCHEMA.empty_table(), []
    try:
        return enrich(to_table([draft for _, draft in drafts], ingest_id), rules), []
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        if len(drafts) == 1:
            return EVENT_SCHEMA.empty_table(), [_unreadable(*drafts[0], str(error))]
    middle = len(drafts) // 2
    halves = [canonical(half, ingest_id, rules) for half in (drafts[:middle], drafts[middle:])]
    return pa.concat_tables([events for events, _ in halves]), [one for _, found in halves for one in found]


def drafts_of(records: Sequence[Record], after: int) -> tuple[list[tuple[Item, Draft]], list[Refused]]:
    """The events of records behind a sequence, and those that cannot be read."""
    drafts: list[tuple[Item, Draft]] = []
    refused: list[Refused] = []
    for record in records:
        try:
            found = [item for item in items(record) if item.sequence > after]
        except FieldError as error:
            places = range(max(record.first, after + 1), record.last + 1)
            refused += [Refused("", Reason.UNREADABLE, error.field, error.message, b"", n) for n in places]
            continue
        for item in found:
            try:
                drafts.append((item, item.draft()))
            except FieldError as error:
                refused.append(replace(_unreadable(item, None, error.message), field=error.field))
    return drafts, refused


def _unreadable(item: Item, draft: Draft | None, message: str) -> Refused:
    """A dead letter; one whose draft was good counts live."""
    return Refused(
        item.head.site,
        Reason.UNREADABLE,
        "event",
        message[:500],
        item.alone(),
        item.sequence,
        counted_minute(draft["ts"], draft["received_at"]) if draft else None,
        draft["event_type"] if draft else None,
    )
