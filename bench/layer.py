"""The data-access layer against bare DuckDB on the same SQL text: what asking costs on top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from bench.data import backends_of
from bench.result import Result, alternating
from data_access.backends import Backends
from data_access.embedded.duck import connect
from data_access.model import Scope
from data_access.settings import load

PERIOD = {"from": "2026-01-01", "to": "2026-03-01", "compare": "none"}
STEPS = "product_view,add_to_cart_click,checkout_start,checkout_complete"
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("data.extent", {}),
    ("overview.kpis", PERIOD),
    ("events.over_time", PERIOD),
    ("events.mix", PERIOD),
    ("traffic.kpis", PERIOD),
    ("traffic.by", PERIOD | {"by": "entry_channel"}),
    ("products.by", PERIOD),
    ("explore.events", {"from": "2026-01-01", "to": "2026-03-01"}),
    ("overview.kpis", {"from": "2026-02-01", "to": "2026-02-01", "compare": "none"}),
    ("funnel.steps", PERIOD | {"steps": STEPS}),
)


class Forgetful:
    """Computes one key every time: the layer is measured, not its cache. The rest, as what a stamp says of
    the rows received, is kept as in life."""

    def __init__(self, measured: str) -> None:
        self.measured = measured
        self.kept: dict[str, Any] = {}

    def get_or_compute(self, key: str, compute: Callable[[], Any]) -> tuple[Any, bool]:
        if key == self.measured:
            return compute(), False
        if key not in self.kept:
            self.kept[key] = compute()
        return self.kept[key], True


def measure(folder: Path, _events: int) -> list[Result]:
    backends = backends_of(folder / "lake")
    settings = load({"data_dir": folder / "lake"}, {})
    bare = connect(settings, folder / "lake" / "lake")
    return [_one(backends, bare, name, raw) for name, raw in ASKED]


def _one(backends: Backends, bare: duckdb.DuckDBPyConnection, name: str, raw: dict[str, str]) -> Result:
    version, scope = backends.lake.snapshot(), Scope("bench")
    asked = backends.asking._prepare(name, raw, scope, version)
    sql = asked.question.sql(asked.ask)
    asking = replace(backends.asking, cache=Forgetful(backends.asking._key(sql, scope, version)))
    text = backends.warehouse._text(sql, version)
    ours, theirs = alternating(
        5,
        lambda: asking.ask(name, raw, scope),
        lambda: bare.cursor().sql(text, params=dict(sql.params)).to_arrow_table(),
    )
    days = f" {raw['from']}..{raw['to']}" if "from" in raw else ""
    return Result(
        f"ask ÷ bare DuckDB: {name}{days}",
        ours / theirs,
        1.15,
        "×",
        f"{ours * 1000:.1f} ms, bare {theirs * 1000:.1f} ms, {(ours - theirs) * 1000:+.1f} ms",
        # Counting the bytes read, for the stamp, takes DuckDB about 10 ms a query.
        kept_otherwise=ours - theirs <= 0.015,
    )
