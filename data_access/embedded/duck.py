"""DuckDB as the embedded engine: one in-process database, a cursor for each query."""

from __future__ import annotations

from pathlib import Path

import duckdb

from data_access.literals import quoted
from data_access.settings import Settings

_MACROS = (
    "create macro from_base(digits, base) as cast('0x' || digits as bigint)",
    """create macro json_extract_scalar(document, path) as case
        when coalesce(not regexp_matches(document ->> path, '^([{[]|-?[0-9]+[.e])'), true)
        then document ->> path
        else case json_type(document, path)
            when 'OBJECT' then null
            when 'ARRAY' then null
            when 'DOUBLE' then cast(cast(document ->> path as double) as varchar)
            else document ->> path
        end
    end""",
)
"""Athena functions that DuckDB lacks. ``from_base`` is only ever called with base 16. An object or list is
no scalar; a number is written as it stands in the JSON, where ``->>`` has a way of its own (``1e16`` for
``1e+16``). The type, which costs another reading, is only asked for where it matters."""

PROFILE = "set enable_profiling = 'no_output'"
"""Counts the bytes that a cursor's queries read; the one thing that may be set after ``connect``."""


def connect(settings: Settings, lake: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB that can read the lake's folder and nothing else."""
    spill = settings.data_dir.resolve() / "tmp"
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    for macro in _MACROS:
        connection.execute(macro)
    for statement in (
        f"set threads = {settings.query_threads or 1}",
        f"set memory_limit = {quoted(settings.query_memory)}",
        f"set temp_directory = {quoted(str(spill))}",
        "set timezone = 'UTC'",
        "set preserve_insertion_order = false",
        f"set allowed_directories = [{quoted(str(lake.resolve()))}]",
        "set enable_external_access = false",
        "set allowed_configs = ['enable_profiling']",
        "set lock_configuration = true",
    ):
        connection.execute(statement)
    return connection
