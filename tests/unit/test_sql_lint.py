"""One dialect, kept honest: every text of the product is in the portable subset of Athena's SQL.

An allow-list over the syntax tree: what is not listed here has to be tried on Athena, Trino and DuckDB
before it may be used.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date
from functools import cache

import pytest
import sqlglot
from sqlglot import ErrorLevel, exp

from data_access import curation
from data_access.conditions import OPERATORS
from data_access.model import Condition, Filters, Group, Scope, Sql
from data_access.questions import QUESTIONS, Ask
from data_access.sql import ALL_DIMENSIONS, Params, condition
from tests.question_cases import Ground, asked, options

TABLES = {"events", "sessions", "orders", "intake", "incoming", "placed", "received"}

CONSTRUCTS = {
    *(exp.Select, exp.From, exp.Where, exp.Group, exp.Order, exp.Ordered, exp.Limit, exp.Distinct, exp.Union),
    *(exp.With, exp.CTE, exp.Subquery, exp.Table, exp.TableAlias, exp.Alias, exp.Column, exp.Identifier),
    *(exp.Star, exp.Join, exp.Values, exp.Tuple, exp.Paren, exp.Literal, exp.Null, exp.Boolean),
    *(exp.Placeholder, exp.And, exp.Or, exp.Not, exp.In, exp.Is),
    *(
        exp.EQ,
        exp.NEQ,
        exp.GT,
        exp.GTE,
        exp.LT,
        exp.LTE,
        exp.Add,
        exp.Sub,
        exp.Mul,
        exp.Div,
        exp.Mod,
        exp.Neg,
    ),
    *(
        exp.Case,
        exp.If,
        exp.Cast,
        exp.TryCast,
        exp.DataType,
        exp.DataTypeParam,
        exp.Window,
        exp.WindowSpec,
        exp.DPipe,
    ),
    *(exp.Interval, exp.AtTimeZone, exp.JSONPath, exp.JSONPathKey, exp.JSONPathRoot, exp.Var),
}
FUNCTIONS = {
    *("COUNT", "SUM", "AVG", "MIN", "MAX", "ARG_MIN", "ARG_MAX", "LOGICAL_OR"),
    *("COALESCE", "NULLIF", "GREATEST", "ROUND", "FLOOR", "LAG", "LEAD", "ROW_NUMBER"),
    *("TIME_TO_UNIX", "TIMESTAMP_TRUNC", "JSON_EXTRACT_SCALAR", "STR_POSITION"),
    *("SUBSTRING", "MD5_DIGEST", "HEX", "ENCODE", "FROM_BASE", "REGEXP_LIKE"),
}
TYPES = {"DOUBLE", "DECIMAL", "BIGINT", "VARCHAR", "TIMESTAMP"}
UNITS = {"SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH"}
TWICE = {"matched"}
"""A breakdown reads its events twice: for the starts' values, and for the steps."""


@cache
def parsed(text: str) -> exp.Expression:
    """The syntax tree of a text that is known to be one query."""
    return sqlglot.parse_one(text, read="athena")


def faults(sql: Sql) -> list[str]:
    """What is wrong with a text and its values; empty when it may be used."""
    try:
        tree = parsed(sql.text)
    except sqlglot.errors.ParseError:
        return ["is not one query"]
    if not isinstance(tree, exp.Query):
        return ["is not one query"]
    found = [fault for node in tree.walk() if (fault := _fault(node))]
    return found + _cte_faults(tree) + _value_faults(tree, sql)


def _fault(node: exp.Expression) -> str | None:
    match node:
        case exp.Anonymous():
            return None if node.name.upper() in FUNCTIONS else f"function {node.name}"
        case exp.Div():
            return None if any(_is_double(side) for side in (node.left, node.right)) else "/ of no double"
        case exp.DataType():
            return None if node.this.name in TYPES else f"type {node.this.name}"
        case exp.TimestampTrunc() | exp.DateTrunc() if node.text("unit").upper() not in UNITS:
            return f"unit {node.args.get('unit')}"
        case exp.Func() if not isinstance(node, (*CONSTRUCTS,)):
            return None if node.sql_name() in FUNCTIONS else f"function {node.sql_name()}"
    return (
        None if type(node) in CONSTRUCTS or isinstance(node, exp.Func) else f"construct {type(node).__name__}"
    )


def _is_double(node: exp.Expression) -> bool:
    inner = node.unnest()
    return isinstance(inner, exp.Cast) and inner.to.this == exp.DataType.Type.DOUBLE


def _cte_faults(tree: exp.Expression) -> list[str]:
    """Trino computes a CTE once for every place that reads it."""
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    read = Counter(table.name for table in tree.find_all(exp.Table))
    faults = [f"reads {name}" for name in read if name not in ctes | TABLES]
    faults += [f"CTE {name} is not used" for name in ctes if not read[name]]
    return faults + [f"CTE {name} is read twice" for name in ctes - TWICE if read[name] > 1]


def _value_faults(tree: exp.Expression, sql: Sql) -> list[str]:
    names = {node.name for node in tree.find_all(exp.Placeholder)}
    faults = [f"{name} has no value" for name in names - set(sql.params)]
    return faults + [f"the value {name} is not used" for name in set(sql.params) - names]


# What the product asks

HOSTILE = "'; drop table events -- \" \\ %s :p0 $p0 ?"
FILTERS = Filters(
    date(2024, 3, 1),
    date(2024, 4, 30),
    "Europe/Berlin",
    week_start=6,
    where=Group(
        "any", (Condition("country", "=", (HOSTILE, "unknown")), Condition("entry_page", "!~", (HOSTILE,)))
    ),
)
EVERYTHING = replace(
    FILTERS,
    where=Group(
        "all",
        (
            *(Condition(name, "=", (HOSTILE, "unknown")) for name in sorted(ALL_DIMENSIONS)),
            Group("any", tuple(Condition("properties.a.b", o, ("1",)) for o in OPERATORS), negated=True),
            Group("any", tuple(Condition("revenue", o, ("1",)) for o in OPERATORS if "~" not in o)),
        ),
    ),
)
STEPS = (
    "a,b,c",
    "a,a",
    "a,b[p=1],b[p~x],a[revenue>3]",
    "a[properties.x.y!=2;is_bot=true],a[product_price=3],c[p<=1;p>=0;p<9]",
    ",".join(f"s{n}" for n in range(6)),
)
GROUND = Ground(
    FILTERS,
    replace(FILTERS, from_day=date(2024, 1, 1), to_day=date(2024, 2, 29)),
    Scope("u", frozenset({HOSTILE, "shop"})),
    ("shop", "blog"),
    dict.fromkeys((*ALL_DIMENSIONS, "properties.a.b"), (HOSTILE,)),
    STEPS,
    ("", "country"),
    "42",
    "1709290800000|shop|e|1",
    "2024-03-01T12:00",
)


def variants() -> dict[str, Sql]:
    """Every question over its options."""
    everything = QUESTIONS["overview.kpis"].sql(Ask(EVERYTHING, GROUND.scope, {}))
    return {"overview.kpis by everything": everything} | dict(asked(GROUND, options(GROUND)))


ASKED = variants()
CURATION = {name: Sql(getattr(curation, name)) for name in ("PLACED", "SESSIONS", "ORDERS", "INTAKE")}


def by_question(name: str) -> list[Sql]:
    return [sql for label, sql in ASKED.items() if label.startswith(name)]


@pytest.mark.parametrize("name", QUESTIONS)
def test_questions_are_in_the_portable_subset(name: str) -> None:
    assert {fault for sql in by_question(name) for fault in faults(sql)} == set()


@pytest.mark.parametrize("name", CURATION)
def test_curation_is_in_the_portable_subset(name: str) -> None:
    assert faults(CURATION[name]) == []


@pytest.mark.parametrize("dialect", ["athena", "trino", "duckdb"])
@pytest.mark.parametrize("name", [*QUESTIONS, *CURATION])
def test_texts_can_be_said_in_every_dialect(name: str, dialect: str) -> None:
    """Written in a dialect and read back, a text stays as it is: nothing of it gets lost on the way."""
    for text in {sql.text for sql in ([CURATION[name]] if name in CURATION else by_question(name))}:
        said = parsed(text).sql(dialect=dialect, unsupported_level=ErrorLevel.RAISE)
        again = sqlglot.parse_one(said, read=dialect).sql(dialect=dialect)
        assert again.lower() == said.lower()


# Values

HOSTILE_ASKS = {
    "events.mix": {},
    "overview.kpis": {},
    "funnel.steps": {"steps": r"a';drop,b[p='\; drop],c[p~'\; drop]"},
    "explore.events": {"before": "1|'; drop|'; drop"},
    "data.extent": {"site": "'; drop"},
}


@pytest.mark.parametrize("name", HOSTILE_ASKS)
def test_values_are_parameters_never_text(name: str) -> None:
    question = QUESTIONS[name]
    defaults = {param.name: param.default for param in question.params}
    sql = question.sql(Ask(FILTERS, GROUND.scope, defaults | HOSTILE_ASKS[name]))
    assert "drop" not in sql.text
    assert any("drop" in str(value) for value in sql.params.values())
    if question.about_period:
        assert HOSTILE in sql.params.values()


@pytest.mark.parametrize("operator", ["=", "!=", "~", "!~"])
def test_conditions_keep_values_out_of_the_text(operator: str) -> None:
    params = Params({})
    text = condition(Condition("properties.p", operator, (HOSTILE, "x")), params)
    assert "drop" not in text
    assert params.values == {"p0": HOSTILE, "p1": "x"}


# The lint itself


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("select date_diff('day', ts, ts) from events", "function DATEDIFF"),
        ("select extract(dow from ts) from events", "function EXTRACT"),
        ("select slice(a, 2, 2) from events", "function"),
        ("select format('%s', a) from events", "function FORMAT"),
        ("select map_agg(a, b) from events", "function map_agg"),
        ("select format_datetime(ts, 'yyyy') from events", "function"),
        ("select url_extract_host(a) from events", "function url_extract_host"),
        ("select any_match(a, x -> x = 1) from events", "function any_match"),
        ("select approx_distinct(a) from events", "function APPROX_DISTINCT"),
        ("select a from events cross join unnest(b) as t (c)", "function UNNEST"),
        (
            "select * from events match_recognize (order by ts pattern (a) define a as a = 1)",
            "MatchRecognize",
        ),
        ("select a / b from events", "/ of no double"),
        ("select cast(a as double) / (b / c) from events", "/ of no double"),
        ("select cast(a / b as double) from events", "/ of no double"),
        ("select cast(a as tinyint) from events", "type TINYINT"),
        ("select date_trunc('quarter', ts) from events", "unit"),
        ("select a from raw_events", "reads raw_events"),
        ("with x as (select a from events) select a from events", "CTE x is not used"),
        ("with x as (select a from events) select 1 from x join x as y on x.a = y.a", "CTE x is read twice"),
        ("select a from events where a = :p9", "p9 has no value"),
        ("select a from events; select b from events", "is not one query"),
        ("drop table events", "is not one query"),
    ],
)
def test_the_lint_refuses(text: str, fault: str) -> None:
    assert any(fault in found for found in faults(Sql(text)))


def test_the_lint_refuses_a_value_that_no_placeholder_reads() -> None:
    assert faults(Sql("select event_id from events", {"p0": 1})) == ["the value p0 is not used"]


def test_the_lint_lets_a_good_text_pass() -> None:
    text = "with x as (select a from events where b = :p0) select cast(a as double) / 2 as half from x"
    assert faults(Sql(text, {"p0": 1})) == []
