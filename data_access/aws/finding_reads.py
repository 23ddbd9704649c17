"""Reads of findings in DynamoDB: all of the port that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import chain, islice

import msgspec

from data_access import finding_steps as steps
from data_access.archived import Whole
from data_access.aws import finding_items as items
from data_access.aws import finding_state as states
from data_access.aws.finding_items import Item
from data_access.aws.finding_table import FindingTable
from data_access.findings import Alert, Entry, Kept, Row, Scan, Severity, Status

_DUE = "waits_for = :what and waits_since < :before"


class FindingReads:
    """What can be asked of the findings table."""

    def __init__(self, table: FindingTable) -> None:
        self._table = table

    def changed_by(self, number: int) -> list[str]:
        """The keys of the findings a change changed, in order."""
        found = self._table.under(items.change_pk(number), "K#")
        return list(dict.fromkeys(item["sk"]["S"].rpartition("#")[2] for item in found))

    def get(self, key: str) -> Kept | None:
        """A finding with its workflow, or None."""
        now = self._table.nows([key]).get(key)
        while now and (row := items.row_from(now)):
            if finding := self._table.body(now):
                return Kept(row, finding)
            before, now = now, self._table.nows([key]).get(key)
            if now == before:
                raise LookupError(f"the document of finding {key} is missing")
        return None

    def named(self, name: str) -> list[str]:
        """The keys of the findings with an id; several when products use the same."""
        values = {":name": items.text(items.named(name))}
        found = self._table.query("named = :name", values, "named")
        return sorted(item["pk"]["S"].partition("#")[2] for item in found)

    def newest(self, severity: Severity, limit: int) -> list[Row]:
        """The rows of the findings of a severity, those changed last by their provider first."""

        def of(part: str) -> Iterator[Item]:
            more = {"ScanIndexForward": False}
            return self._table.query(
                "severity = :part", {":part": items.text(part)}, "severity", limit, **more
            )

        parts = [of(part) for part in items.severities(severity)]
        found = merge(*parts, key=lambda item: -int(item["updated"]["N"]))
        return self.rows([item["pk"]["S"].partition("#")[2] for item in islice(found, limit)])

    def rows(self, keys: Sequence[str]) -> list[Row]:
        """The rows of findings by key, in that order; keys there are not are left out."""
        found = {key: items.row_from(now) for key, now in self._table.nows(keys).items()}
        return [row for key in keys if (row := found.get(key)) is not None]

    def history(self, key: str) -> list[Entry]:
        """What happened to a finding, newest first."""
        state = self._table.steady(key)
        if state.row is None:
            return []
        lines = (
            steps.workflow_entry(
                one.at, one.by, msgspec.to_builtins(one.before), msgspec.to_builtins(one.after)
            )
            for one in state.changes
        )
        return steps.timeline(lines, state.versions)

    def revision(self) -> int:
        """A number that grows with every change."""
        return self._table.number("revision")

    def since(self, revision: int, limit: int) -> list[Row]:
        """What lists and figures need of the findings that changed after a revision, in its order."""
        last = self.revision()  # read first: all up to it is in the feed, whatever is added meanwhile
        suffixes = {number % items.FEEDS for number in range(revision + 1, last + 1)[: items.FEEDS]}
        parts = [self._feed(suffix, revision, last, limit) for suffix in suffixes]
        found = list(islice(merge(*parts), limit))
        nows = self._table.nows(key for _, key in found)
        return [_row(key, number, nows.get(key)) for number, key in found]

    def _feed(self, suffix: int, after: int, last: int, limit: int) -> Iterator[tuple[int, str]]:
        """Revisions after one, up to a last, with the findings that have them, of a part of the feed."""
        values = {
            ":pk": items.feed_key(suffix)["pk"],
            ":from": items.text(items.sortable(after + 1)),
            ":to": items.text(items.sortable(last)),
        }
        page = limit // items.FEEDS + items.FEEDS
        for item in self._table.query("pk = :pk and sk between :from and :to", values, limit=page):
            yield int(item["sk"]["S"]), item["key"]["S"]

    def scans(self) -> list[tuple[Scan, int]]:
        """Every scan with the number of its findings, newest first; of one moment, that which came last."""
        found = sorted(self._table.under("SCANS"), key=_moment, reverse=True)
        return [(items.scan_from(item, item["sk"]["S"]), int(item["findings"]["N"])) for item in found]

    def of_scan(self, scan_id: str) -> dict[str, bool]:
        """The findings of a scan by key, and whether each was a problem in it."""
        found = self._table.under(items.scan_pk(scan_id))
        return {item["sk"]["S"]: item["problem"]["BOOL"] for item in found}

    def alerts(self, limit: int) -> list[Alert]:
        """Alerts that have not been sent, oldest first."""
        keys = list(islice(self.waiting(items.ALERT), limit))
        nows = self._table.nows(keys)
        found = chain.from_iterable(_alerts(key, nows.get(key)) for key in keys)
        return sorted(found, key=lambda one: (one.at, one.key))[:limit]

    def whole(self, key: str) -> Whole | None:
        """All there is of a finding, or None."""
        while True:
            state = self._table.steady(key)
            bodies = self._table.bodies(state) if state.row else {}
            if self._table.fence(key) == state.fence:
                return states.whole_of(state, bodies)

    def waiting(self, what: str, before: int | None = None) -> Iterator[str]:
        """The keys of findings that wait for something since before a time (UTC µs), oldest first."""
        end = "~" if before is None else items.sortable(before)
        values = {":what": items.text(what), ":before": items.text(end)}
        for item in self._table.query(_DUE, values, "waiting"):
            yield item["pk"]["S"].partition("#")[2]

    def closed(self, digit: str, at: int, after: str) -> Iterator[str]:
        """The keys after one that begin with a digit, of findings that are closed and quiet since a time."""
        values = {
            ":closed": items.text(digit),
            ":after": items.text(items.finding_pk(after)),
            ":at": items.number(at),
        }
        condition, quiet = "closed = :closed and pk > :after", "quiet_since < :at"
        for item in self._table.query(condition, values, "closed", FilterExpression=quiet):
            yield item["pk"]["S"].partition("#")[2]


def _row(key: str, revision: int, now: Item | None) -> Row:
    """The row of a finding as it is now, with a revision it has had: a later one comes later."""
    row = items.row_from(now) if now else None
    return row._replace(revision=revision) if row else steps.gone(key, revision)


def _moment(scan: Item) -> tuple[int, int]:
    return int(scan["at_time"]["N"]), int(scan["came"]["N"])


def _alerts(key: str, now: Item | None) -> Iterator[Alert]:
    """The alerts of a finding that wait to be sent."""
    row = items.row_from(now) if now else None
    if now is None or row is None or row.workflow.status is Status.SUPPRESSED:
        return
    for one in items.alerts_from(now):
        if not one.sent:
            yield Alert(
                key,
                one.epoch,
                row.severity,
                row.title,
                row.account,
                row.region,
                row.resource_id,
                one.at,
                one.attempts,
            )
