"""Which columns of which tables a question reads, for how much it may cost."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import sqlglot
from sqlglot import exp

from data_access.events import CURATED_TABLES


@lru_cache(maxsize=1024)
def columns_read(text: str) -> Mapping[str, tuple[str, ...]]:
    """Columns by table of the lake, from a text in the Athena dialect.

    A column counts for every table that has one of its name, a star for all columns: never too few.
    """
    tree = sqlglot.parse_one(text, read="athena")
    tables = {table.name for table in tree.find_all(exp.Table)} & CURATED_TABLES.keys()
    named = {column.name for column in tree.find_all(exp.Column)}
    is_whole = any(isinstance(one, exp.Star) or one.is_star for one in _selected(tree))
    return {
        table: tuple(name for name in CURATED_TABLES[table].names if is_whole or name in named)
        for table in sorted(tables)
    }


def _selected(tree: exp.Expr) -> list[exp.Expr]:
    return [one for select in tree.find_all(exp.Select) for one in select.expressions]
