"""Lakes that both engines read, and what questions about them can ask for, taken from their own data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from data_access.backends import Backends
from data_access.model import Filters, Scope, Sql, Version
from data_access.settings import Settings, load
from data_access.sql import ALL_DIMENSIONS
from data_access.trino.warehouse import TrinoWarehouse
from tests.builders import EVERYONE, event, moment
from tests.question_cases import Ground
from tests.trino.server import Server

MOST_DAYS = 120


@dataclass(frozen=True)
class Lake:
    """A lake with the two engines over it."""

    name: str
    backends: Backends
    trino: TrinoWarehouse

    @property
    def version(self) -> Version:
        return self.backends.lake.snapshot()

    def on_duckdb(self, sql: Sql) -> pa.Table:
        return self.backends.warehouse.table(sql, self.version)

    def on_trino(self, sql: Sql) -> pa.Table:
        return self.trino.table(sql, self.version)

    def rows(self, text: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.on_duckdb(Sql(text)).to_pylist()
        return found


def opened(server: Server, name: str, backends: Backends, **settings: object) -> Lake:
    """A lake of the embedded form, which Trino gets as a catalog of that name."""
    server.open_lake(name, Path(backends.settings.data_dir) / "lake")
    return Lake(name, backends, TrinoWarehouse(settings_of(server, name, **settings)))


def settings_of(server: Server, catalog: str, **more: object) -> Settings:
    return load({"warehouse": "trino", "trino_url": server.url, "trino_catalog": catalog} | more, {})


def ground_of(lake: Lake) -> Ground:
    """What a lake has to be asked for: the later half of its period, and the half before."""
    (extent,) = lake.rows("select min(ts) as first, max(ts) as last, count(*) as n from events")
    first, last = extent["first"].date(), extent["last"].date()
    first = max(first, last - timedelta(days=MOST_DAYS - 1))
    middle = first + (last - first + timedelta(days=1)) // 2
    sites = tuple(row["site"] for row in lake.rows("select distinct site from events order by 1 desc"))
    values = {name: found for name in ALL_DIMENSIONS if (found := _values(lake, name))}
    values |= {name: _values(lake, name) or ("x",) for name in _properties(lake)}
    (row,) = lake.rows(
        "select session_key, ts, site, event_id from events"
        f" order by session_key is null, ts desc, event_id limit 1 offset {extent['n'] // 3}"
    )
    milliseconds = round((row["ts"] - moment("1970-01-01")).total_seconds() * 1000)
    return Ground(
        _filters(lake, middle, last),
        _filters(lake, first, middle - timedelta(days=1)),
        Scope("u", frozenset(sites)),
        sites,
        values,
        tuple(_steps(lake, values)),
        ("", "country", next(name for name in values if name.startswith("properties.")), "site"),
        str(row["session_key"] or 1),
        f"{milliseconds}|{row['site']}|{row['event_id']}",
        f"{middle}T12:00",
    )


def _filters(lake: Lake, first: date, last: date) -> Filters:
    known = lake.backends.settings
    return Filters(first, last, known.time_zone, currency=known.currency, roles=known.roles)


def _values(lake: Lake, dimension: str) -> tuple[str, ...]:
    answer = lake.backends.asking.ask("data.values", {"dimension": dimension}, EVERYONE)
    return tuple(row["value"] for row in answer.rows[:2])


def _properties(lake: Lake) -> list[str]:
    """Paths of the most frequent properties."""
    seen: Counter[str] = Counter()
    for row in lake.rows("select distinct properties from events order by 1 limit 5000"):
        seen.update(_paths(json.loads(row["properties"]), "properties"))
    return [path for path, _ in seen.most_common(6)] or ["properties.none"]


def _paths(value: dict[str, Any], prefix: str) -> Iterator[str]:
    for name, inner in value.items():
        if name.isidentifier() and name.isascii():
            yield f"{prefix}.{name}"
            yield from _paths(inner, f"{prefix}.{name}") if isinstance(inner, dict) else ()


def _steps(lake: Lake, values: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Funnels of the most frequent events: of different ones, of one twice, with conditions, and long."""
    rows = lake.rows("select event_name, count(*) as n from events group by 1 order by 2 desc, 1 limit 6")
    names = [_escaped(row["event_name"]) for row in rows]
    names += names[:1] * (3 - len(names))
    path = next(name for name in values if name.startswith("properties.")).removeprefix("properties.")
    one, two, three = names[:3]
    yield f"{one},{two},{three}"
    yield f"{one},{one}"
    yield f"{one}[{path}={_escaped(values[f'properties.{path}'][0])}],{two}[page_path~a],{one}[revenue>3]"
    yield f"{one}[properties.{path}!=2;is_bot=false],{one}[product_price=119],{two}[{path}<=12;{path}>=0]"
    yield ",".join(names)


def _escaped(text: str) -> str:
    return "".join(f"\\{sign}" if sign in "\\,;[]|()=" else sign for sign in text)


ODD_NUMBERS = (
    "12",
    " 12 ",
    "1d",
    "1f",
    "0x10",
    "0x1p3",
    "nan",
    "NaN",
    "inf",
    "Infinity",
    "1_000",
    "+-5",
    "1e5",
)
ODD_NUMBERS += ("1E400", ".5", "5.", "+5", "1,5", "-", "e5", "12\n", "\t12", "12abc", "１２")
ODD_VALUES = (
    "",
    " ",
    "ä",
    "Ä",
    "😀",
    "it's",
    'a"b',
    "a\\b",
    "%s",
    "--",
    "x" * 300,
    "\uffff",
    "unknown",
    "\n",
)
ODD_JSON = (
    {"b": 1}, [1, 2], [], {}, None, True, False, 0, -1, 1.5, 1e16, 1e-5, 1e22, 123456789012345680.0, 1.1e300,
    -0.0, 2**64, -(2**70), "{", "[1]", '{"b":1}', "1e16", "12", 12, 12.0, "1d",
)  # fmt: skip
"""Values of which engines make different things."""


def odd_events(at: str, site: str) -> Iterator[dict[str, Any]]:
    """Events with values that engines are known to take differently."""
    common = {"site": site, "session_id": "odd", "client_id": "odd", "visitor_id": 7}
    for index, text in enumerate((*ODD_NUMBERS, *ODD_VALUES)):
        own = {"country": text, "page_path": text, "search_term": text, "utm_source": text}
        yield event("odd", at, **common, **own, properties={"odd": text, "size": text})
        yield event("odd", at, **(common | {"session_id": f"odd{index}"}), channel=text, referrer=text)
    for value in ODD_JSON:
        yield event("odd", at, **common, properties={"odd": value, "stock": {"left": value}})
    for amount in (0.00015, 0.1, 0.2, 0.30000000000000004, 1.00005, -0.00005, 19.995, 1e11, 123456789.34565):
        yield event(
            "checkout_complete", at, **common, revenue=amount, product_price=amount, order_id=f"odd{amount}"
        )
