"""A minute's counts as DynamoDB items: what a shard counted of a site and minute, and who was there.

``pk`` is ``C#<site>#<yyyymmddHHMM UTC>``. The item with the shard as ``sk`` holds the counts by type
(``n_<type>``), the values (JSON, compressed), ``hi``, the last sequence counted in it, as digits of equal
length, so that they compare as text, and ``changed``, when that was. Items
``S#<shard>#<sequence>#<writer>#<kind>`` hold the sessions or visitors that a batch brought, eight bytes each:
they are sets, so writing one again changes nothing. A shard that has brought more than ``MOST_MEMBERS``
counts further ones in a sketch beside the counts.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from data_access.aws.tables import TTL
from data_access.distinct import Sketch
from data_access.events import EVENT_TYPES
from data_access.gains import MEMBERS, Gain, bounded
from data_access.realtime import minute_of, moment_of

MOST_MEMBERS = 20_000
"""Sessions, or visitors, of a site, minute and shard that are kept one by one."""
KEPT_SECONDS = 72 * 3600
_DIGITS = 60
"""Kinesis sequences have 56."""
_SLOTS = 8
"""Partitions the list of minutes is spread over: each takes a thousand writes a second."""
_FORMAT = "%Y%m%d%H%M"


def partition(site: str, minute: int) -> str:
    """The partition key of a site's minute."""
    return f"C#{site}#{stamp(minute)}"


def site_and_minute(key: str) -> tuple[str, int]:
    """What a partition key is of."""
    site, _, text = key.removeprefix("C#").rpartition("#")
    return site, minute_from_stamp(text)


def stamp(minute: int) -> str:
    """A minute (since 1970) as text that sorts by time."""
    return moment_of(max(minute, 0)).strftime(_FORMAT)


def minute_from_stamp(text: str) -> int:
    """The minute (since 1970) that ``stamp`` wrote."""
    return minute_of(datetime.strptime(text, _FORMAT))  # noqa: DTZ007 - naive UTC


def padded(sequence: int) -> str:
    """A sequence as text that sorts by number."""
    return f"{sequence:0{_DIGITS}}"


def slots() -> list[str]:
    """The partitions of the list of minutes."""
    return [f"L#{number}" for number in range(_SLOTS)]


@dataclass(slots=True)
class Minute:
    """What a shard counted of a site and minute, as its item says or will say.

    ``known`` are members this process has written; ``brought`` how many of a kind were, by anyone.
    """

    hi: int = 0
    types: Counter[str] = field(default_factory=Counter)
    tallies: Counter[tuple[str, str]] = field(default_factory=Counter)
    known: set[tuple[str, int]] = field(default_factory=set)
    brought: Counter[str] = field(default_factory=Counter)
    sketches: dict[str, Sketch] = field(default_factory=dict)

    def gained(self, gain: Gain, most_values: int) -> tuple[Minute, dict[str, list[int]]]:
        """This after a gain, and the members to be written one by one, by kind."""
        after = Minute(
            gain.last,
            self.types + gain.types,
            self.tallies + bounded(self.tallies, gain.tallies, most_values),
            self.known | gain.members,
            Counter(self.brought),
            dict(self.sketches),
        )
        written: dict[str, list[int]] = {}
        for kind in MEMBERS:
            fresh = sorted(member for of, member in gain.members - self.known if of == kind)
            if not fresh:
                continue
            if self.brought[kind] + len(fresh) > MOST_MEMBERS:
                after.sketches[kind] = self.sketches.get(kind, Sketch()).plus(fresh)
            else:
                after.brought[kind] += len(fresh)
                written[kind] = fresh
        return after, written

    def item(self, site: str, minute: int, shard: str) -> dict[str, Any]:
        """The item as DynamoDB takes it."""
        counts = {f"n_{kind}": _number(self.types[kind]) for kind in EVENT_TYPES if self.types[kind]}
        brought = {f"m_{kind}": _number(n) for kind, n in self.brought.items()}
        sketches = {f"sketch_{kind}": {"B": sketch.data} for kind, sketch in self.sketches.items()}
        values = [[kind, value, n] for (kind, value), n in sorted(self.tallies.items())]
        text = json.dumps(values, separators=(",", ":"), ensure_ascii=False)
        return {
            **_key(site, minute, shard),
            **counts,
            **brought,
            **sketches,
            "values": {"B": zlib.compress(text.encode("utf-8", "surrogatepass"))},
            "hi": {"S": padded(self.hi)},
            "slot": {"S": f"L#{zlib.crc32(f'{site}#{shard}'.encode()) % _SLOTS}"},
            "listed": {"S": f"{stamp(minute)}#{site}#{shard}"},
        }


def minute_from(item: dict[str, Any]) -> Minute:
    """What an item says."""
    values = json.loads(zlib.decompress(_bytes(item["values"])).decode("utf-8", "surrogatepass"))
    return Minute(
        int(item["hi"]["S"]),
        Counter({kind: int(item[f"n_{kind}"]["N"]) for kind in EVENT_TYPES if f"n_{kind}" in item}),
        Counter({(kind, value): n for kind, value, n in values}),
        brought=Counter({kind: int(item[f"m_{kind}"]["N"]) for kind in MEMBERS if f"m_{kind}" in item}),
        sketches={
            kind: Sketch(_bytes(item[f"sketch_{kind}"])) for kind in MEMBERS if f"sketch_{kind}" in item
        },
    )


def member_item(site: str, minute: int, batch: str, kind: str, members: Iterable[int]) -> dict[str, Any]:
    """The item of the members of a kind that a batch brought; ``batch`` names shard, sequence and writer."""
    own = list(members)
    key = _key(site, minute, f"S#{batch}#{kind}")
    return {**key, "kind": {"S": kind}, "members": {"B": struct.pack(f">{len(own)}q", *own)}}


def members_from(item: dict[str, Any]) -> tuple[int, ...]:
    """The members an item holds."""
    data = _bytes(item["members"])
    return struct.unpack(f">{len(data) // 8}q", data)


def _key(site: str, minute: int, sort: str) -> dict[str, Any]:
    return {
        "pk": {"S": partition(site, minute)},
        "sk": {"S": sort},
        TTL: _number(minute * 60 + KEPT_SECONDS),
    }


def _number(n: int) -> dict[str, str]:
    return {"N": str(n)}


def _bytes(value: dict[str, Any]) -> bytes:
    return bytes(value["B"])
