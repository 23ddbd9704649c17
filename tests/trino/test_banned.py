"""What the SQL lint forbids, each proven: DuckDB and Trino differ over it, or one of them refuses it."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest
import sqlglot

from data_access.embedded.duck import connect
from data_access.model import Sql
from data_access.settings import load
from data_access.sql import to_engine
from tests.trino.asked import only_when_asked
from tests.trino.server import Server
from tests.unit.test_sql_lint import faults

only_when_asked()

FORBIDDEN = {
    "date_diff": "select date_diff('day', timestamp '2024-03-01 23:00:00', timestamp '2024-03-02 01:00:00')",
    "extract": "select extract(dow from timestamp '2024-03-03 00:00:00')",
    "slice": "select slice(array[1, 2, 3, 4], 2, 2)",
    "format": "select format('%,d', 1234)",
    "map_agg": "select map_agg(a, b) from (values (1, 2)) as t (a, b)",
    "format_datetime": "select format_datetime(timestamp '2024-03-03 05:00:00', 'yyyy')",
    "url_extract_host": "select url_extract_host('https://a.b/c')",
    "any_match": "select any_match(array[1, 2], x -> x = 1)",
    "approx_distinct": "select approx_distinct(a * b) from (values 2, 3, 5, 7) as t (a)"
    " cross join (select c * d as b from (values 11, 13, 17, 19) as u (c) cross join"
    " (values 23, 29, 31, 37) as v (d)) as w",
    "unnest of several": "select a, b from (values 1) as t (x)"
    " cross join unnest(array[1, 2], array[3]) as u (a, b)",
    "match_recognize": "select * from (values 1) as t (a)"
    " match_recognize (order by a measures a.a as b pattern (a) define a as a.a = 1)",
    "division of integers": "select 7 / 2",
    "division of integers inside": "select cast(7 as double) / (5 / 2)",
    "division of integers within a cast": "select cast(5 / 2 as double)",
    "cast of a double to tinyint": "select cast(cast(2.5 as double) as tinyint)",
    "split_part": "select split_part('a', '/', 2)",
    "upper": "select upper('ß')",
    "trim": "select trim(' a' || chr(9))",
    "approx_percentile": "select approx_percentile(a, 0.5) from (values 1, 2, 3, 4) as t (a)",
    "log10": "select log10(1000)",
}
"""A probe of everything that is named in the lint's tests or was used somewhere before."""

ALLOWED = {
    "date_trunc quarter": "select date_trunc('quarter', timestamp '2024-05-31 23:59:59.999999'),"
    " date_trunc('quarter', timestamp '1969-12-31 23:59:59')",
    "regexp_like": "select regexp_like('12', '\\A[0-9]+\\z'), regexp_like('12' || chr(10), '\\A[0-9]+\\z')",
    "json_extract_scalar": "select json_extract_scalar(a, '$.b') from (values '{\"b\":{}}', '{\"b\":[1]}',"
    " '{\"b\":1e+16}', '{\"b\":1e-05}', '{\"b\":\"1e16\"}', '{\"b\":null}', '{}', '{\"b\":-0.0}',"
    " '{\"b\":123456789012345678901}') as t (a)",
}
"""What was under suspicion and is answered alike."""


@pytest.fixture(scope="module")
def engines(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that answers on both engines; an error is an answer too."""
    folder = tmp_path_factory.mktemp("engines")
    connection = connect(load({"data_dir": folder}, {}), folder)

    def ask(text: str) -> tuple[Any, Any]:
        return _answer(lambda: _on_duckdb(connection, text)), _answer(lambda: _on_trino(server, text))

    return ask


def _answer(run: Any) -> Any:
    try:
        return [tuple(row) for row in run()]
    except Exception as error:
        return type(error).__name__


def _on_duckdb(connection: duckdb.DuckDBPyConnection, text: str) -> Any:
    return connection.cursor().sql(to_engine(text, "duckdb")).fetchall()


def _on_trino(server: Server, text: str) -> Any:
    return server.execute(sqlglot.transpile(text, read="athena", write="trino")[0])


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_the_lint_forbids_is_no_loss(name: str, engines: Any) -> None:
    ours, theirs = engines(FORBIDDEN[name])
    assert ours != theirs, f"both engines answer {ours}: it need not be forbidden"


@pytest.mark.parametrize("name", FORBIDDEN)
def test_the_lint_forbids_it(name: str) -> None:
    assert faults(Sql(FORBIDDEN[name]))


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_allowed_is_answered_alike(name: str, engines: Any) -> None:
    ours, theirs = engines(ALLOWED[name])
    assert ours == theirs
    assert isinstance(ours, list)


def test_a_cte_that_is_read_twice_is_computed_twice(server: Server) -> None:
    text = (
        "with x as (select state, count(*) as n from system.runtime.nodes group by state)"
        " select a.n, b.n from x as a join x as b on a.state = b.state"
    )
    ((plan,),) = server.execute(f"explain {text}")
    assert str(plan).count("system:runtime.nodes") == 2
