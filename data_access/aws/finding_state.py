"""A finding as DynamoDB keeps it, and what storing, changing, archiving make of it: values only, no calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import uuid4

from data_access.archived import PastAlert, PastChange, Seen, Whole
from data_access.finding_steps import (
    PROVIDER,
    Step,
    owed,
    restored_alerts,
    restored_changes,
    statuses,
    step_of,
    taken_back,
)
from data_access.findings import (
    Change,
    Epoch,
    Finding,
    Row,
    Scan,
    Status,
    Stored,
    Version,
    Workflow,
    epochs,
    open_spans,
    version_of,
)

FIRST_LIFE = "0"


@dataclass(frozen=True, slots=True)
class Line:
    """A change of workflow, and the revision it came with; None until it is written."""

    change: PastChange
    order: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """All of a finding but the documents of its versions. ``row`` is None of one that is not in the store.

    ``fence`` grows with every write, 0 means that nothing was ever written. ``revision`` is None where the
    next one is to be taken. A finding's items belong to a ``life``; archiving and restoring write all items
    of another one and then change over to it, and what is left of the one before is in ``leaving``.
    ``archived`` are versions (time, digest) that are only in the archive. ``bodies`` are documents to write,
    ``writers`` name the writes that made what was read.
    """

    key: str
    fence: int = 0
    revision: int | None = 0
    life: str = FIRST_LIFE
    leaving: str = ""
    row: Row | None = None
    digest: str = ""
    versions: tuple[Version, ...] = ()
    archived: frozenset[tuple[int, str]] = frozenset()
    lines: tuple[Line, ...] = ()
    seen: tuple[Seen, ...] = ()
    alerts: tuple[PastAlert, ...] = ()
    bodies: tuple[Finding, ...] = field(default=(), compare=False)
    writers: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def changes(self) -> list[PastChange]:
        """The changes of workflow, in order."""
        return [line.change for line in self.lines]

    def sealed(self, revision: int) -> State:
        """The state as it is written, with ``revision`` where one is to be taken."""
        taken = revision if self.revision is None else self.revision
        lines = tuple(line if line.order is not None else Line(line.change, taken) for line in self.lines)
        row = self.row and self.row._replace(revision=taken)
        return replace(self, fence=self.fence + 1, revision=taken, lines=lines, row=row)

    def written(self) -> State:
        """A sealed state once it is in the table."""
        return replace(self, bodies=())


Begin = Callable[[int], int]
"""Gives the number of a change that nobody made, by the time (UTC µs) it counts from."""


def stored(state: State, finding: Finding, scan: Scan, begin: Begin) -> tuple[State, Stored]:
    """A finding after a version of it came in with a scan."""
    state = replace(state, seen=_seen(state.seen, Seen(scan, finding.is_open)))
    version, key = version_of(finding), (finding.updated, finding.digest)
    if key in state.archived or any((one.at, one.digest) == key for one in state.versions):
        return state, Stored(same=1)
    versions = tuple(sorted([*state.versions, version]))
    found = replace(state, versions=versions, bodies=(*state.bodies, finding))
    if state.row is None and state.archived and key < max(state.archived):
        return found, Stored(older=1)  # it waits for the finding to be back
    is_newest = versions[-1] == version
    if is_newest:
        found = _topped(found, finding)
    found = _settled(found, state.row, begin)
    if state.row is None:
        return found, Stored(new=1)
    return found, Stored(newer=1) if is_newest else Stored(older=1)


def _seen(seen: Sequence[Seen], one: Seen) -> tuple[Seen, ...]:
    """Sightings with one more, by time and scan: a problem once is a problem in that scan."""
    known = {each.scan.id: each for each in seen}
    was = known.get(one.scan.id, one)
    known[one.scan.id] = replace(was, problem=was.problem or one.problem)
    return tuple(sorted(known.values(), key=lambda each: (each.scan.at, each.scan.id)))


def row_of(finding: Finding, now: Row | None = None) -> Row:
    """The row of a finding with a version on top; epoch, spans and workflow are those of now."""
    return Row(
        finding.key,
        0,
        finding.id,
        finding.title,
        finding.provider,
        finding.control,
        finding.service,
        finding.account,
        finding.region,
        finding.resource_type,
        finding.resource_id,
        finding.created,
        finding.updated,
        now.epoch if now else 0,
        finding.severity,
        finding.compliance,
        finding.is_open,
        bool(finding.flags),
        finding.standards,
        now.spans if now else (),
        now.workflow if now else Workflow(),
    )


def _topped(state: State, finding: Finding) -> State:
    return replace(state, row=row_of(finding, state.row), digest=finding.digest)


def _settled(state: State, known: Row | None, begin: Begin) -> State:
    """What follows from the versions, brought up to date: epoch, workflow, spans and alerts."""
    opened = epochs(state.versions)
    if known is not None and len(opened) > known.epoch and state.versions[-1].problem:
        state = _reopened(state, opened[-1].opened, begin)
    row = _row(state)._replace(epoch=len(opened))
    return _marked(replace(state, row=row, alerts=_alerts(state.alerts, opened)))


def _reopened(state: State, opened: int, begin: Begin) -> State:
    """What was resolved is new again; never earlier than what people did last."""
    row = state.row
    if row is None or row.workflow.status is not Status.RESOLVED:
        return state
    at = max(opened, statuses(state.changes)[-1][0])
    step = step_of(state.key, row.workflow, Change(status=Status.NEW))
    return _stepped(state, step, begin(at), PROVIDER, at) if step else state


def _alerts(alerts: Sequence[PastAlert], opened: Sequence[Epoch]) -> tuple[PastAlert, ...]:
    """Alerts of the epochs there are. An older version may show that an epoch was not what it seemed: then
    what was sent stays noted, what was not is not owed."""
    due = owed(opened)
    found = {one.epoch: one for one in alerts if one.sent}
    waiting = {one.epoch: one for one in alerts if not one.sent}
    for number, at in due.items():
        if number not in found:
            found[number] = replace(waiting.get(number, PastAlert(number, at, False, 0, None)), at=at)
    return tuple(found[number] for number in sorted(found))


def _marked(state: State) -> State:
    """A finding with its spans anew, to get the next revision."""
    spans = tuple(open_spans(state.versions, statuses(state.changes)))
    return replace(state, row=_row(state)._replace(spans=spans), revision=None)


def _row(state: State) -> Row:
    if state.row is None:
        raise LookupError(f"finding {state.key} is not in the store")
    return state.row


def _stepped(state: State, step: Step, number: int, by: str, at: int) -> State:
    """A finding after a change of its workflow."""
    line = Line(PastChange(number, at, by, step.before, step.after, step.counts))
    row = _row(state)._replace(workflow=step.after)
    return replace(state, row=row, lines=(*state.lines, line), revision=None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did with a finding: how often it was made, was as wanted, or met somebody else's."""

    done: int = 0
    same: int = 0
    conflicts: int = 0


def changed_state(
    state: State, version: int, wanted: Change, number: int, by: str, at: int
) -> tuple[State, Outcome]:
    """A finding after a change of its workflow, if that still has the version."""
    if state.row is None or state.row.workflow.version != version:
        return state, Outcome(conflicts=1)
    step = step_of(state.key, state.row.workflow, wanted)
    if step is None:
        return state, Outcome(same=1)
    return _marked(_stepped(state, step, number, by, at)), Outcome(done=1)


def undone(state: State, number: int, undoing: int, by: str, at: int) -> tuple[State, Outcome]:
    """A finding after a change was taken back, where nobody has changed it since. When it was open is then
    as if the change had never been; taking back what took back is a change like any other."""
    places = [place for place, one in enumerate(state.changes) if one.number == number]
    now, done, conflicts = state.row and state.row.workflow, 0, 0
    for place in places if now else ():
        past = state.lines[place].change
        if now is None or past.after != now:
            conflicts += 1
            continue
        lines = [*state.lines]
        if past.counts:
            lines[place] = replace(lines[place], change=replace(past, counts=False))
        step = Step(state.key, now, taken_back(past.before, now), not past.counts)
        state = _marked(_stepped(replace(state, lines=tuple(lines)), step, undoing, by, at))
        done += 1
    return state, Outcome(done=done, conflicts=conflicts)


def noted(state: State, epochs_told: Sequence[int], error: str | None) -> State:
    """A finding after alerts of some of its epochs were sent, or why they were not."""
    alerts = tuple(
        replace(one, sent=error is None, error=error, attempts=one.attempts + 1)
        if one.epoch in epochs_told and not one.sent
        else one
        for one in state.alerts
    )
    return replace(state, alerts=alerts)


def whole_of(state: State, bodies: Mapping[tuple[int, str], Finding]) -> Whole | None:
    """All there is of a finding, or None."""
    if state.row is None:
        return None
    found = [bodies.get((one.at, one.digest)) for one in state.versions]
    versions = tuple(one for one in found if one is not None)
    return Whole(state.key, versions, state.row.workflow, tuple(state.changes), state.seen, state.alerts)


def forgotten(state: State) -> State:
    """A finding that has gone to the archive: what stays is which versions."""
    known = state.archived | {(one.at, one.digest) for one in state.versions}
    return State(state.key, state.fence, None, uuid4().hex[:16], state.life, archived=frozenset(known))


def restored(
    state: State,
    bodies: Mapping[tuple[int, str], Finding],
    whole: Whole,
    is_change: Callable[[PastChange], bool],
) -> tuple[State, int]:
    """A finding put back, or into what has come of it since: versions, changes, scans and alerts are those
    of both, the workflow is the store's. And how many versions were added."""
    known = whole_of(state, bodies)
    both = dict(bodies) | {(one.updated, one.digest): one for one in whole.versions}
    versions = tuple(sorted(map(version_of, both.values())))
    changes = restored_changes(whole, known)
    seen = state.seen
    for one in whole.seen:
        seen = _seen(seen, one)
    opened = epochs(versions)
    found = State(
        state.key,
        state.fence,
        None,
        uuid4().hex[:16],
        state.life,
        state.row,
        versions=versions,
        lines=tuple(Line(one if is_change(one) else replace(one, number=0), 0) for one in changes),
        seen=seen,
        alerts=tuple(restored_alerts(opened, [*whole.alerts, *(known.alerts if known else ())])),
        bodies=tuple(both.values()),
    )
    found = _topped(found, both[versions[-1].at, versions[-1].digest])
    workflow = _row(found).workflow if known else whole.workflow
    row = _row(found)._replace(epoch=len(opened), workflow=workflow)
    return _marked(replace(found, row=row)), len(both) - len(bodies)
