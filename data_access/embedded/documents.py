"""Documents in SQLite: key-value with compare-and-set, durable at every write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from threading import RLock
from typing import Any

from data_access.embedded.files import opened
from data_access.ports import Document

_SCHEMA = """
create table if not exists documents (
    kind text not null, key text not null, version integer not null, value text not null,
    primary key (kind, key)
) without rowid
"""


class EmbeddedDocuments:
    """The Documents port over one SQLite file, shared by threads and processes."""

    def __init__(self, path: Path) -> None:
        self._lock = RLock()
        self._db = opened(path)
        self._db.execute(_SCHEMA)

    def get(self, kind: str, key: str) -> Document | None:
        """The document, or None."""
        with self._lock:
            row = self._db.execute(
                "select value, version from documents where kind = ? and key = ?", (kind, key)
            ).fetchone()
        return Document(json.loads(row[0]), row[1]) if row else None

    def put(self, kind: str, key: str, value: Mapping[str, Any], expected: int | None) -> bool:
        """Write if the stored version is ``expected`` (None: must not exist yet)."""
        text = json.dumps(dict(value), separators=(",", ":"))
        if expected is None:
            return self._write("insert or ignore into documents values (?, ?, 1, ?)", (kind, key, text))
        return self._write(
            "update documents set value = ?, version = version + 1"
            " where kind = ? and key = ? and version = ?",
            (text, kind, key, expected),
        )

    def delete(self, kind: str, key: str, expected: int) -> bool:
        """Delete if the stored version is ``expected``."""
        return self._write(
            "delete from documents where kind = ? and key = ? and version = ?", (kind, key, expected)
        )

    def list(self, kind: str) -> list[tuple[str, Document]]:
        """Every document of a kind, by key."""
        with self._lock:
            rows = self._db.execute(
                "select key, value, version from documents where kind = ? order by key", (kind,)
            ).fetchall()
        return [(key, Document(json.loads(value), version)) for key, value, version in rows]

    def _write(self, statement: str, values: tuple[Any, ...]) -> bool:
        with self._lock:
            return self._db.execute(statement, values).rowcount == 1
