"""Identities made from content: visitors, and events whose source gives them no id."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Keys = npt.NDArray[np.uint64]
_SEPARATOR = "\x1f"


def visitor_hash(identity: str) -> int:
    """The 63-bit number of an identity such as ``u:42``: the same in every process and release.

    Never negative, so that as text no spreadsheet takes it for a formula.
    """
    return int.from_bytes(blake2b(identity.encode(), digest_size=8).digest(), "big") >> 1


class Occurrences:
    """Counts how often a 64-bit key was seen before, in about 8 bytes a row.

    Keys are kept as sorted arrays of doubling size, merged like the runs of a log-structured merge
    tree: a dictionary over all rows of a file would not fit in memory.
    """

    def __init__(self) -> None:
        self._runs: list[Keys] = []

    def add(self, keys: Keys) -> npt.NDArray[np.int64]:
        """For each key how many equal keys came before it, in earlier calls and in this one."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        before = self._seen(ordered) + _rank(ordered)
        result = np.empty(len(keys), dtype=np.int64)
        result[order] = before
        self._keep(ordered)
        return result

    def _seen(self, ordered: Keys) -> npt.NDArray[np.int64]:
        total = np.zeros(len(ordered), dtype=np.int64)
        for run in self._runs:
            total += np.searchsorted(run, ordered, "right") - np.searchsorted(run, ordered, "left")
        return total

    def _keep(self, ordered: Keys) -> None:
        while self._runs and len(self._runs[-1]) <= 2 * len(ordered):
            ordered = np.sort(np.concatenate([self._runs.pop(), ordered]), kind="stable")
        if len(ordered):
            self._runs.append(ordered)


def _rank(ordered: Keys) -> npt.NDArray[np.int64]:
    """How many equal values stand before each value of a sorted array."""
    positions = np.arange(len(ordered), dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else positions
    return positions - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))


def content_ids(site: str, contents: Sequence[bytes], seen: Occurrences) -> list[str]:
    """Event ids made of each row's content: the same content gives the same id, its repeats others.

    So an export read again, grown or overlapping, gives the ids it gave before, while rows that are
    repeated inside one file stay apart. ``seen`` counts over one file.
    """
    prefix = blake2b(site.encode() + b"\x00", digest_size=16)
    digests = []
    for content in contents:
        digest = prefix.copy()
        digest.update(content)
        digests.append(digest.digest())
    keys: Keys = np.frombuffer(b"".join(digests), dtype=">u8")[::2].astype(np.uint64)
    ids = [digest.hex() for digest in digests]
    earlier = seen.add(keys)
    for row in np.flatnonzero(earlier):
        ids[row] = blake2b(digests[row] + int(earlier[row]).to_bytes(8, "big"), digest_size=16).hexdigest()
    return ids


def row_contents(columns: Sequence[tuple[str, Any]]) -> list[bytes]:
    """One byte string per row of (name, text array) columns; neither their order nor nulls count."""
    named = [
        pc.binary_join_element_wise(pa.scalar(f"{name}="), values, _SEPARATOR, "")
        for name, values in sorted(columns, key=lambda column: column[0])
    ]
    contents: list[bytes] = join_present(named).cast(pa.binary()).to_pylist() if named else []
    return contents


def join_present(parts: Sequence[Any]) -> Any:
    """The texts of each row one after the other, nulls left out.

    Not with ``null_handling="skip"``: that drops a row altogether when all its values are null.
    """
    return pc.binary_join_element_wise(*parts, "", null_handling="replace", null_replacement="")
