"""The data-access layer against bare DuckDB on the same SQL text: what asking costs on top."""

from __future__ import annotations

from pathlib import Path

import duckdb

from bench.data import backends_of
from bench.result import Result, alternating
from data_access.backends import Backends
from data_access.embedded.duck import connect
from data_access.model import Scope
from data_access.settings import load

PERIOD = {"from": "2026-01-01", "to": "2026-03-01"}
STEPS = "product_view,add_to_cart_click,checkout_start,checkout_complete"
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("data.extent", {}),
    ("overview.kpis", PERIOD),
    ("events.over_time", PERIOD),
    ("events.mix", PERIOD),
    ("explore.events", PERIOD),
    ("overview.kpis", {"from": "2026-02-01", "to": "2026-02-01"}),
    ("funnel.steps", PERIOD | {"steps": STEPS}),
)


class NoCache:
    """Computes every time: the layer is measured, not its cache."""

    def get_or_compute(self, key, compute):
        return compute(), False


def measure(folder: Path, _events: int) -> list[Result]:
    backends = backends_of(folder / "lake")
    settings = load({"data_dir": folder / "lake"}, {})
    bare = connect(settings, folder / "lake" / "lake")
    return [_one(backends, bare, name, raw) for name, raw in ASKED]


def _one(backends: Backends, bare: duckdb.DuckDBPyConnection, name: str, raw: dict[str, str]) -> Result:
    asking = _uncached(backends)
    version = backends.lake.snapshot()
    question, asked = asking._prepare(name, raw, Scope("bench"), version)
    sql = question.sql(asked)
    text = backends.warehouse._text(sql, version)
    ours, theirs = alternating(
        5,
        lambda: asking.ask(name, raw, Scope("bench")),
        lambda: bare.cursor().sql(text, params=dict(sql.params)).to_arrow_table(),
    )
    days = f" {raw['from']}..{raw['to']}" if "from" in raw else ""
    return Result(
        f"ask ÷ bare DuckDB: {name}{days}",
        ours / theirs,
        1.15,
        "×",
        f"{ours * 1000:.1f} ms, bare {theirs * 1000:.1f} ms, {(ours - theirs) * 1000:+.1f} ms",
        kept_otherwise=ours - theirs <= 0.005,
    )


def _uncached(backends: Backends):
    from dataclasses import replace

    return replace(backends.asking, cache=NoCache())
