"""Questions as one text with their values in it, for engines that take no named parameters.

Athena takes ``?`` in some places only, and counts them in the text's order, which a syntax tree does not
keep; so values become literals of the exact type DuckDB would bind, written by sqlglot and never by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp

from data_access.model import Sql, Version


def literal_text(sql: Sql, engine: str, tables: Mapping[str, str]) -> str:
    """The question in an engine's own text, values written out, its tables under the names of ``tables``.

    ``tables`` maps a table of the lake to a relation as the engine has it, ``for version as of`` included.
    Raises KeyError for a value that is missing, TypeError for one of a kind no question has.
    """
    tree = _parsed(sql.text).copy()
    for table in list(tree.find_all(exp.Table)):
        if table.name in tables and not table.db:
            found = _relation(tables[table.name], engine).copy()
            found.set("alias", exp.TableAlias(this=exp.to_identifier(table.alias_or_name)))
            table.replace(found)
    for placeholder in list(tree.find_all(exp.Placeholder)):
        placeholder.replace(_literal(sql.params[placeholder.name]))
    return tree.sql(dialect=engine)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> exp.Expr:
    return sqlglot.parse_one(text, read="athena")


def at_version(prefix: str, version: Version) -> dict[str, str]:
    """The lake's tables as they were in a version, for Trino and Athena; ``prefix`` is catalog and schema.

    A table without a snapshot has no rows to be seen, whatever a writer may have begun to put into it.
    """
    return {name: at_snapshot(f"{prefix}.{name}", snapshot) for name, snapshot in version.tables}


def at_snapshot(table: str, snapshot: int) -> str:
    """A table as it was in a snapshot; 0 is before its first one, without rows."""
    return f"{table} for version as of {snapshot}" if snapshot else f"(select * from {table} where false)"


def identifier(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """Text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


@lru_cache(maxsize=256)
def _relation(text: str, engine: str) -> exp.Expr:
    found: exp.Expr = sqlglot.parse_one(f"select * from {text}", read=engine).args["from_"].this
    return found


def _literal(value: Any) -> exp.Expr:
    """A value as a literal of the type a question means by it; a float is a double and never a decimal."""
    if isinstance(value, float):
        mantissa, _, exponent = repr(abs(value)).partition("e")
        number = exp.Literal(this=f"{mantissa}e{exponent or 0}", is_string=False)
        return exp.Neg(this=number) if value < 0 else number
    if isinstance(value, datetime):
        return _typed(value.isoformat(" ", "microseconds"), "timestamp(6)")
    if isinstance(value, date):
        return _typed(value.isoformat(), "date")
    if value is None or isinstance(value, (bool, int, str)):
        return exp.convert(value)
    raise TypeError(f"a question has a value of the kind {type(value).__name__}")


def _typed(text: str, kind: str) -> exp.Expr:
    return exp.cast(exp.Literal.string(text), kind)
