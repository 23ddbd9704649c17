"""Real data sets, imported by the real importer, and the answers that nobody on this project computed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from data_access.backends import Backends
from pipeline.importers.model import ImportOptions
from pipeline.importers.run import import_paths
from tests.builders import EVERYONE, embedded
from tests.shared_data import shared_data

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
Rows = list[list[Any]]


@dataclass(frozen=True)
class Site:
    """An imported data set and its whole period."""

    backends: Backends
    first: str
    last: str

    def ask(self, name: str, **raw: str) -> list[dict[str, Any]]:
        known = self.backends.asking
        period = {"from": self.first, "to": self.last, "bots": "in"}
        plain = name in ("data.extent", "data.values")
        return known.ask(name, raw if plain else period | raw, EVERYONE).rows

    def table(self, name: str, *columns: str, **raw: str) -> Rows:
        return [[row[column] for column in columns] for row in self.ask(name, **raw)]

    def by(self, dimension: str, *columns: str, limit: int = 1000, **raw: str) -> Rows:
        """The traffic figures by a dimension."""
        return self.table("traffic.by", "value", *columns, by=dimension, limit=str(limit), **raw)

    def mix(self, by: str, *columns: str, limit: int = 1000, **raw: str) -> Rows:
        return self.table("events.mix", "value", *columns, by=by, limit=str(limit), **raw)

    def series(self, interval: str, *columns: str, name: str = "events.over_time", **raw: str) -> Rows:
        """The intervals in which something happened; times as text."""
        rows = self.table(name, "time", *columns, interval=interval, **raw)
        end = 10 if interval == "day" else None
        return [[row[0].isoformat()[:end], *row[1:]] for row in rows if any(row[1:])]

    def funnel(self, steps: str, **raw: str) -> Rows:
        return [[row["reached"] for row in self.ask("funnel.steps", steps=steps, **raw)]]

    def extent(self) -> list[str]:
        (row,) = self.ask("data.extent")
        return [row["first_ts"].isoformat(), row["last_ts"].isoformat()]


def imported(folder: Path, file: Path, mapping: str | None, first: str, last: str, **settings: str) -> Site:
    """A file imported whole: the test fails when a row is rejected."""
    backends = embedded(folder, **settings)
    options = ImportOptions(folder, mapping=EXAMPLES / mapping if mapping else None)
    summary = import_paths(backends.lake, [file], options, lambda _: None)
    assert summary.rejected == 0
    return Site(backends, first, last)


def answers(dataset: str) -> dict[str, Rows]:
    """The expected answers of a data set by their name."""
    document = json.loads((shared_data() / "expected" / f"{dataset}.json").read_text("utf-8"))
    return {name: answer["rows"] for name, answer in document["answers"].items()}


def requests() -> list[dict[str, Any]]:
    """The lines of the access log, as somebody else's parser reads them."""
    rows: list[dict[str, Any]] = pq.read_table(shared_data() / "apache_logs" / "requests.parquet").to_pylist()
    return rows
