"""Athena's SQL, really executed: texts in its dialect, on DuckDB, over Iceberg tables of a PyIceberg catalog.

Any catalog will do: the embedded lake's, or Glue with files in S3. Tables are read through PyIceberg, so each
snapshot is what it says; ``double.py`` puts Athena's API around this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from threading import RLock
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, ValidationException
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import Table
from sqlglot import exp

from data_access.embedded.duck import _MACROS
from data_access.sql import to_engine
from tests.athena import writes

PATH = "$path"


class SqlError(Exception):
    """A text that Athena would have refused; the message is its reason."""


@dataclass(frozen=True)
class Ran:
    """What a text came to: rows if it was a question, how many were changed if not."""

    statement: str
    substatement: str
    table: pa.Table | None
    changed: int
    scanned: int


class Engine:
    """Runs texts. ``databases`` maps names in texts to the catalog's namespaces, where they differ."""

    def __init__(self, catalog: Catalog, databases: Mapping[str, str] | None = None) -> None:
        self._catalog, self._databases = catalog, dict(databases or {})
        self._duck = duckdb.connect(config={"threads": 1})
        for macro in _MACROS:
            self._duck.execute(macro)
        self._duck.execute("set timezone = 'UTC'")
        self._rows = lru_cache(maxsize=32)(self._read)
        self._writing = RLock()

    def run(self, text: str, database: str = "") -> Ran:
        """Run a text. Raises SqlError with a reason as Athena words it."""
        try:
            return self._run(text, database)
        except (sqlglot.errors.SqlglotError, duckdb.Error, ValueError) as error:
            raise SqlError(f"{type(error).__name__}: {error}") from error
        except (CommitFailedException, ValidationException) as error:
            raise SqlError(f"ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update: {error}") from error

    def _run(self, text: str, database: str) -> Ran:
        command = re.match(r"\s*(optimize|vacuum)\s+([\w.\"]+)", text, re.IGNORECASE)
        if command:
            return self._keep(command[1].upper(), command[2], database)
        tree = sqlglot.parse_one(text, read="athena")
        if isinstance(tree, exp.Alter):
            return self._alter(tree, database)
        if isinstance(tree, (exp.Insert, exp.Update, exp.Delete, exp.Merge)):
            return self._write(tree, database)
        if isinstance(tree, exp.Query):
            return self._ask(tree, database)
        raise SqlError(f"NOT_SUPPORTED: the double runs no {type(tree).__name__.upper()}")

    def _ask(self, tree: exp.Expr, database: str) -> Ran:
        cursor = self._duck.cursor()
        try:
            scanned = self._place(tree, cursor, database)
            table = cursor.sql(to_engine(tree.sql("athena"), "duckdb")).to_arrow_table()
        finally:
            cursor.close()
        limit = tree.args.get("limit")
        nothing = limit is not None and limit.expression.sql() == "0"
        return Ran("DML", "SELECT", table, 0, 0 if nothing else scanned)

    def _write(self, tree: exp.Expr, database: str) -> Ran:
        node = writes.target(tree)
        with self._writing:
            table = self._load(node, database)
            whole = self._rows(*self._key(node, database), _current(table))
            cursor = self._duck.cursor()
            try:
                node.replace(writes.named(node))
                scanned = self._place(tree, cursor, database)
                changed = writes.run(tree, cursor, table, whole)
            finally:
                cursor.close()
        return Ran("DML", type(tree).__name__.upper(), None, changed, scanned)

    def _keep(self, command: str, name: str, database: str) -> Ran:
        node = exp.to_table(name, dialect="athena")
        with self._writing:
            table = self._load(node, database)
            if command == "VACUUM":
                writes.vacuum(table)
            else:
                table.overwrite(table.scan().to_arrow())
        return Ran("DML", f"{command}_TABLE" if command == "VACUUM" else command, None, 0, 0)

    def _alter(self, tree: exp.Alter, database: str) -> Ran:
        pairs = {p.this.name: p.args["value"].name for p in tree.find_all(exp.Property)}
        if not pairs:
            raise SqlError("NOT_SUPPORTED: the double alters properties only")
        with self._writing, self._load(tree.this, database).transaction() as change:
            change.set_properties(pairs)
        return Ran("DDL", "ALTER_TABLE", None, 0, 0)

    def _place(self, tree: exp.Expr, cursor: duckdb.DuckDBPyConnection, database: str) -> int:
        """Put what the text reads where its cursor finds it; how many bytes that is."""
        ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
        paths = any(column.name == PATH for column in tree.find_all(exp.Column))
        scanned, seen = 0, dict[tuple[str, str, int], str]()
        for node in list(tree.find_all(exp.Table)):
            if node.name == writes.TARGET or not node.name or (not node.db and node.name in ctes):
                continue
            key = (*self._key(node, database), self._snapshot(node, database))
            if key not in seen:
                seen[key] = f"read_{len(seen)}"
                cursor.register(seen[key], self._rows_with_paths(*key) if paths else self._rows(*key))
                scanned += self._bytes(*key)
            node.replace(exp.alias_(exp.to_table(seen[key]), node.alias_or_name, table=True))
        return scanned

    def _key(self, node: exp.Table, database: str) -> tuple[str, str]:
        name = node.db or database
        return self._databases.get(name, name), node.name

    def _load(self, node: exp.Table, database: str) -> Table:
        key = self._key(node, database)
        try:
            return self._catalog.load_table(key)
        except NoSuchTableError as error:
            raise SqlError(
                f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{'.'.join(key)}' does not exist"
            ) from error

    def _snapshot(self, node: exp.Table, database: str) -> int:
        table, version = self._load(node, database), node.args.get("version")
        if version is None:
            return _current(table)
        number = int(version.expression.name)
        if table.snapshot_by_id(number) is None:
            raise SqlError(f"INVALID_ARGUMENTS: Iceberg snapshot ID does not exist: {number}")
        return number

    def _read(self, namespace: str, name: str, snapshot: int) -> pa.Table:
        return self._catalog.load_table((namespace, name)).scan(snapshot_id=snapshot or None).to_arrow()

    def _rows_with_paths(self, namespace: str, name: str, snapshot: int) -> pa.Table:
        """A table with the hidden column that says in which file a row is."""
        table = self._catalog.load_table((namespace, name))
        scan = ArrowScan(table.metadata, table.io, table.schema(), AlwaysTrue())
        found = [table.schema().as_arrow().empty_table().append_column(PATH, pa.array([], pa.string()))]
        for task in table.scan(snapshot_id=snapshot or None).plan_files():
            rows = scan.to_table([task])
            path = task.file.file_path.removeprefix("file://")
            found.append(rows.append_column(PATH, pa.array([path] * len(rows), pa.string())))
        return pa.concat_tables(found, promote_options="permissive")

    def _bytes(self, namespace: str, name: str, snapshot: int) -> int:
        scan = self._catalog.load_table((namespace, name)).scan(snapshot_id=snapshot or None)
        return sum(task.file.file_size_in_bytes for task in scan.plan_files())


def _current(table: Table) -> int:
    found: Any = table.current_snapshot()
    return found.snapshot_id if found else 0
