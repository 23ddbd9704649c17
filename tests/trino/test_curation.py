"""Athena's curation on a real Trino, whose engine and SQL are Athena's: the same tables as the embedded one.

Athena alone has OPTIMIZE and VACUUM as statements; Trino's own words for them stand here in their place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
import trino.dbapi

from tests.athena.lakes import AthenaLake, athena_lake
from tests.athena.test_lake import drawn_event, pieces_of, same
from tests.builders import after, event
from tests.contract.test_lake import made
from tests.trino.asked import only_when_asked
from tests.trino.server import Server

only_when_asked()


class TrinoStatements:
    """Runs a curation's statements on Trino."""

    def __init__(self, server: Server, catalog: str, database: str) -> None:
        self._server, self._catalog, self._database = server, catalog, database

    def run(self, text: str) -> None:
        self._execute(text)

    def run_out(self, text: str) -> None:
        if found := re.match(r"optimize (\S+) rewrite data using bin_pack (.*)", text):
            self._execute(f"alter table {found[1]} execute optimize {found[2]}")

    def rows(self, text: str) -> list[dict[str, Any]]:
        names, rows = self._execute(text)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def _execute(self, text: str) -> tuple[list[str], list[list[Any]]]:
        host, port = self._server.url.removeprefix("http://").split(":")
        own = {"user": "tester", "timezone": "UTC", "catalog": self._catalog, "schema": self._database}
        with closing(trino.dbapi.connect(host=host, port=int(port), **own)) as connection:
            cursor = connection.cursor()
            # The lake knows files of this machine by their paths, Trino by their URLs.
            rows = cursor.execute(text.replace("'/", "'file:///")).fetchall()
            return [column.name for column in cursor.description or []], rows


@pytest.fixture
def lake(server: Server, tmp_path: Path) -> Iterator[AthenaLake]:
    with athena_lake(tmp_path / "lake") as found:
        catalog = f"curated_{uuid4().hex[:8]}"
        server.open_lake(catalog, tmp_path / "lake", "files", writes=True)
        found.lake._statements = TrinoStatements(server, catalog, found.settings.glue_database)
        yield found


def test_the_same_events_give_the_same_tables(lake: AthenaLake, tmp_path: Path) -> None:
    draw, rows = Random(1), []
    for n in range(20):
        drawn = [drawn_event(draw) for _ in range(draw.randrange(3, 12))]
        rows += [row | {"site": f"shop{n}"} for row in made(drawn)]
    same(lake, tmp_path / "wanted", [[*piece, *piece[:5]] for piece in pieces_of(rows, draw)])
    assert not any("merge" in text for text in lake.double.texts), "Trino did it"


def test_compaction_keeps_the_rows(lake: AthenaLake) -> None:
    for n in range(3):
        lake.add(event(at=after(minutes=n), event_id=f"e{n}"), event(at=after(days=2, minutes=n)))
    before = [lake.rows(name) for name in ("events", "sessions", "orders", "intake")]
    done = lake.lake.maintain(after(days=2))
    lake.clock.now += 10
    assert done.files_after < done.files_before
    assert [lake.rows(name) for name in ("events", "sessions", "orders", "intake")] == before
