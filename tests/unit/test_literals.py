"""Values written into a question's text: of the type the engine would have got, and never as SQL."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.literals import at_version, literal_text
from data_access.model import Sql, Version
from tests.builders import moment

VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(date(1970, 1, 1), date(2200, 1, 1)),
    st.datetimes(moment("1970-01-01"), moment("2200-01-01")),
    st.none(),
)


@given(VALUES)
def test_a_literal_is_the_value(value: Any) -> None:
    text = literal_text(Sql("select :value as found, ':value' as same", {"value": value}), "duckdb", {})
    assert duckdb.sql(text).fetchall() == [(value, ":value")]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_a_double(value: float) -> None:
    text = literal_text(Sql("select typeof(:value)", {"value": value}), "duckdb", {})
    assert duckdb.sql(text).fetchall() == [("DOUBLE",)]


def test_tables_are_named_as_they_are_in_the_version() -> None:
    tables = at_version("lake.shop", Version((("events", 7), ("orders", 0))))
    sql = Sql(
        "select e.ts from events as e join orders on e.order_id = orders.order_id where e.ts >= :a", {"a": 1}
    )
    text = literal_text(sql, "trino", tables)
    assert "FROM lake.shop.events FOR VERSION AS OF 7 AS e" in text
    assert "JOIN (SELECT * FROM lake.shop.orders WHERE FALSE) AS orders" in text


def test_a_cte_that_is_called_like_a_table_stays() -> None:
    text = literal_text(Sql("with found as (select 1 as n) select n from found"), "trino", {"events": "a.b"})
    assert "FROM found" in text


@pytest.mark.parametrize("value", [object(), [1], datetime])
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="of the kind"):
        literal_text(Sql("select :value", {"value": value}), "trino", {})


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        literal_text(Sql("select :value"), "trino", {})
