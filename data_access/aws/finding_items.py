"""Findings as items of the DynamoDB table, and back.

========================  ============================  ==================================================
``pk``                    ``sk``                        what it is
========================  ============================  ==================================================
``F#<key>``               ``NOW``                       a finding: fence, life, revision, row, alerts
``F#<key>``               ``<life>#V#<time>#<digest>``  a version, ``B#`` its document in parts, ``G#`` of one
                                                        in the archive
``F#<key>``               ``<life>#H#<place>``          a change of its workflow
``F#<key>``               ``<life>#S#<scan>``           a scan it was in
``FEED#<suffix>``         ``<revision>``                the finding that has this revision
``SCANS``                 ``<scan>``                    a scan and how many findings it has
``SCAN#<scan>``           ``<key>``                     a finding of a scan
``CHANGE#<number>``       ``ABOUT``                     who began a change when
``CHANGE#<number>``       ``K#<revision>#<key>``        a finding it changed
``NUMBERS``               ``revision``, ``change``      the last one taken
========================  ============================  ==================================================

NOW changes with everything of a finding, on condition of its fence.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from data_access.archived import PastAlert, PastChange, Seen, version_from, version_text
from data_access.aws.finding_state import Line, State, row_of
from data_access.aws.tables import Index, Table
from data_access.findings import Finding, Row, Scan, Severity, Status, Version, Workflow

Item = dict[str, dict[str, Any]]

TABLE = Table(
    "findings",
    (
        Index("named", "named", "pk"),
        Index("severity", "severity", "updated"),
        Index("waiting", "waits_for", "waits_since"),
        Index("closed", "closed", "pk", ("quiet_since",)),
    ),
    {"updated": "N"},
)
NOW = "NOW"
TIDY, UNMUTE, ALERT = "tidy", "unmute", "alert"
"""What a finding waits for: at most one of these at a time."""
FEEDS, OF_SEVERITY = 8, 4
"""Partitions of the feed and of each severity: one takes 1,000 writes a second."""
_PART = 350_000
"""Bytes of a document in one item, which takes 400 KB."""
_ROW = msgspec.json.Decoder(Row)
_ALERTS = msgspec.json.Decoder(tuple[PastAlert, ...])
_WORKFLOW = msgspec.json.Decoder(Workflow)


def text(value: str) -> dict[str, Any]:
    """A string attribute."""
    return {"S": value}


def number(value: int) -> dict[str, Any]:
    """A number attribute."""
    return {"N": str(value)}


def key_of(pk: str, sk: str) -> Item:
    """What names an item."""
    return {"pk": text(pk), "sk": text(sk)}


def finding_pk(key: str) -> str:
    """The partition of a finding."""
    return f"F#{key}"


def feed_key(revision: int) -> Item:
    """Where the feed says which finding has a revision."""
    return key_of(f"FEED#{revision % FEEDS}", sortable(revision))


def sortable(value: int) -> str:
    """A number as text that sorts like it."""
    return f"{value:020}"


def named(name: str) -> str:
    """An id as the index of ids has it: an id may be longer than a key of DynamoDB."""
    return sha256(name.encode(errors="surrogatepass")).hexdigest()


def severities(severity: Severity) -> list[str]:
    """The partitions of a severity."""
    return [f"{severity}#{suffix}" for suffix in range(OF_SEVERITY)]


def items_of(state: State) -> dict[str, Item]:
    """The items of a sealed state by ``sk``, without NOW and documents."""
    found: dict[str, Item] = {}
    pk = text(finding_pk(state.key))

    def add(kind: str, name: str, **values: Any) -> None:
        sk = f"{state.life}#{kind}#{name}"
        found[sk] = {"pk": pk, "sk": text(sk), **values}

    for one in state.versions:
        add("V", f"{one.at}#{one.digest}", problem={"BOOL": one.problem}, severity_of=text(one.severity))
    for at, digest in state.archived:
        add("G", f"{at}#{digest}")
    for place, line in enumerate(state.lines):
        add("H", f"{place:06}", **_line(line))
    for seen in state.seen:
        add("S", seen.scan.id, **_scan(seen.scan), problem={"BOOL": seen.problem})
    return found


def _line(line: Line) -> Item:
    change = line.change
    return {
        "change": number(change.number),
        "at_time": number(change.at),
        "who": text(change.by),
        "was": text(_json(change.before)),
        "became": text(_json(change.after)),
        "counts": {"BOOL": change.counts},
        "revision": number(line.order or 0),
    }


def _scan(scan: Scan) -> Item:
    return {"label": text(scan.name), "at_time": number(scan.at), "who": text(scan.by)}


def scan_from(item: Item, scan_id: str) -> Scan:
    """A scan from its item, or from that of a sighting."""
    return Scan(scan_id, item["label"]["S"], int(item["at_time"]["N"]), item["who"]["S"])


def sighting(seen: Seen, key: str) -> Item:
    """A finding as its scan has it."""
    return key_of(scan_pk(seen.scan.id), key) | {"problem": {"BOOL": seen.problem}}


def scan_pk(scan_id: str) -> str:
    """The partition of a scan's findings."""
    return f"SCAN#{scan_id}"


def changes_of(state: State) -> list[Item]:
    """A sealed finding as the changes that changed it have it."""
    return [
        key_of(change_pk(line.change.number), f"K#{sortable(line.order or 0)}#{state.key}")
        for line in state.lines
        if line.change.number
    ]


def change_pk(change: int) -> str:
    """The partition of a change."""
    return f"CHANGE#{change}"


def body_items(state: State, finding: Finding) -> list[Item]:
    """A version's document in items of its finding."""
    packed = zlib.compress(version_text(finding), 1)
    begin = f"{state.life}#B#{finding.updated}#{finding.digest}"
    return [
        key_of(finding_pk(state.key), f"{begin}#{place}") | {"body": {"B": packed[start : start + _PART]}}
        for place, start in enumerate(range(0, len(packed), _PART))
    ]


def body_from(items: Iterable[Item]) -> Finding:
    """A version from the items of its document, in order."""
    return version_from(zlib.decompress(b"".join(item["body"]["B"] for item in items)))


def now_of(state: State) -> Item:
    """NOW of a sealed state, with what the indexes are made from."""
    found = key_of(finding_pk(state.key), NOW) | {
        "fence": number(state.fence),
        "life": text(state.life),
        "revision": number(state.revision or 0),
    }
    if state.leaving:
        found["leaving"] = text(state.leaving)
    if state.row is not None:
        found |= {
            "row": {"B": zlib.compress(msgspec.json.encode(state.row), 1)},
            "digest": text(state.digest),
            "alerts": text(_json(state.alerts)),
        } | _indexed(state, state.row)
    return found | _waits(state)


def _indexed(state: State, row: Row) -> Item:
    found = {
        "named": text(named(row.id)),
        "severity": text(severities(row.severity)[int(row.key[-1], 16) % OF_SEVERITY]),
        "updated": number(row.updated),
    }
    status = row.workflow.status
    if status is not Status.SUPPRESSED and (status is Status.RESOLVED or not row.problem):
        quiet = max([row.updated, *(one.at for one in state.changes)])
        found |= {"closed": text(row.key[0]), "quiet_since": number(quiet)}
    return found


def _waits(state: State) -> Item:
    workflow = state.row.workflow if state.row else Workflow()
    unsent = [one.at for one in state.alerts if not one.sent]
    if state.leaving:
        what, since = TIDY, 0
    elif workflow.status is Status.SUPPRESSED:
        what, since = UNMUTE if workflow.until is not None else "", workflow.until or 0
    else:
        what, since = ALERT if unsent else "", min(unsent, default=0)
    return {"waits_for": text(what), "waits_since": text(f"{sortable(since)}#{state.key}")} if what else {}


def state_from(key: str, now: Item | None, items: Sequence[Item]) -> State:
    """A state from NOW and the items of its life, documents apart."""
    if now is None:
        return State(key)
    of_kind = _by_kind(items)
    row = row_from(now)
    return State(
        key,
        int(now["fence"]["N"]),
        int(now["revision"]["N"]),
        now["life"]["S"],
        now.get("leaving", text(""))["S"],
        row,
        now["digest"]["S"] if row else "",
        tuple(sorted(_version(name, item) for name, item in of_kind["V"])),
        frozenset(_named_version(name) for name, _ in of_kind["G"]),
        tuple(_line_from(item) for _, item in of_kind["H"]),
        tuple(sorted((_seen(*one) for one in of_kind["S"]), key=lambda one: (one.scan.at, one.scan.id))),
        alerts_from(now),
        writers=frozenset(item["writer"]["S"] for item in (now, *items) if "writer" in item),
    )


def _by_kind(items: Sequence[Item]) -> dict[str, list[tuple[str, Item]]]:
    found: dict[str, list[tuple[str, Item]]] = {kind: [] for kind in "VGHS"}
    for item in items:
        _, kind, name = item["sk"]["S"].split("#", 2)
        found[kind].append((name, item))
    return found


def row_from(now: Item) -> Row | None:
    """The row of a finding's NOW, None when it is not in the store."""
    return _ROW.decode(zlib.decompress(now["row"]["B"])) if "row" in now else None


def alerts_from(now: Item) -> tuple[PastAlert, ...]:
    """The alerts of a finding's NOW, sent or not."""
    return _ALERTS.decode(now["alerts"]["S"]) if "alerts" in now else ()


def _named_version(name: str) -> tuple[int, str]:
    at, _, digest = name.partition("#")
    return int(at), digest


def _version(name: str, item: Item) -> Version:
    return Version(*_named_version(name), item["problem"]["BOOL"], Severity(item["severity_of"]["S"]))


def _line_from(item: Item) -> Line:
    past = PastChange(
        int(item["change"]["N"]),
        int(item["at_time"]["N"]),
        item["who"]["S"],
        _WORKFLOW.decode(item["was"]["S"]),
        _WORKFLOW.decode(item["became"]["S"]),
        item["counts"]["BOOL"],
    )
    return Line(past, int(item["revision"]["N"]))


def _seen(name: str, item: Item) -> Seen:
    return Seen(scan_from(item, name), item["problem"]["BOOL"])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def check(finding: Finding) -> None:
    """Raises ValueError for a finding that could not be read again."""
    _ROW.decode(msgspec.json.encode(row_of(finding)))
    version_from(version_text(finding))
