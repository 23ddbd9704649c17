"""What Athena's INSERT, UPDATE, DELETE, MERGE, OPTIMIZE and VACUUM do to an Iceberg table.

The table that comes out is computed by DuckDB and committed by PyIceberg: an INSERT as an append, anything
else as the whole table anew. Rows are exactly Athena's; files and snapshots are not: Athena writes delete
files.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
from pyiceberg.table import Table
from sqlglot import exp

from data_access.sql import to_engine

TARGET = "written_table"
_KEPT_SECONDS = 432_000
"""How old snapshots become before VACUUM expires them, unless the table's own property says otherwise."""


def target(tree: exp.Expr) -> exp.Table:
    """The table a statement changes."""
    node = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    if not isinstance(node, exp.Table):
        raise ValueError(f"no table to change in {type(tree).__name__}")
    return node


def named(node: exp.Table) -> exp.Expr:
    """What stands for the table in the statement."""
    table = exp.to_table(TARGET)
    if isinstance(node.parent, (exp.Insert, exp.Schema)):
        return table
    return exp.alias_(table, node.alias_or_name, table=True)


def run(tree: exp.Expr, cursor: duckdb.DuckDBPyConnection, table: Table, whole: pa.Table) -> int:
    """Run a statement and commit what it made of the table; how many rows it touched."""
    inserts = isinstance(tree, exp.Insert)
    cursor.register("whole_table", whole)
    cursor.execute(f"create temp table {TARGET} as select * from whole_table {'limit 0' if inserts else ''}")
    (changed,) = cursor.execute(to_engine(tree.sql("athena"), "duckdb")).fetchone() or (0,)
    found = cursor.sql(f"select * from {TARGET}").to_arrow_table().cast(table.schema().as_arrow())
    if changed:
        # PyIceberg warns of a table of which nothing is there to be taken out.
        (table.append if inserts or not len(whole) else table.overwrite)(found)
    return int(changed)


def vacuum(table: Table) -> None:
    """Expire old snapshots; the current one stays."""
    kept = int(table.properties.get("vacuum_max_snapshot_age_seconds", _KEPT_SECONDS))
    before = datetime.now(UTC) - timedelta(seconds=kept)
    table.maintenance.expire_snapshots().older_than(before).commit()
