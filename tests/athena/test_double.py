"""The Athena double against what AWS documents: its API, the form of its answers, and statements that write.

The tables are Iceberg in a Glue catalog with files in S3, both on moto and on MiniStack.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyiceberg.catalog import Catalog
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import LongType, NestedField, StringType

from data_access.curation import SESSIONS
from data_access.embedded.tables import open_catalog
from tests.app.shop import shop
from tests.athena import texts
from tests.athena.double import KEY, AthenaDouble, Outcome
from tests.athena.engine import Engine
from tests.athena.lakes import catalog_at
from tests.athena.parts import s3_url
from tests.aws_parts import REGION, SERVERS, ministack
from tests.builders import embedded, read

BEFORE = [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}, {"id": 3, "name": None}]


@dataclass(frozen=True)
class Lake:
    """A double over a Glue catalog with one table."""

    double: AthenaDouble
    athena: Any
    catalog: Catalog
    database: str

    @property
    def table(self) -> Table:
        return self.catalog.load_table((self.database, "things"))

    @property
    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.table.scan().to_arrow().sort_by("id").to_pylist()
        return found

    def start(self, text: str, token: str = "", workgroup: str = "streamgauge") -> str:
        found: str = self.athena.start_query_execution(
            QueryString=text,
            ClientRequestToken=token or str(uuid4()),
            WorkGroup=workgroup,
            QueryExecutionContext={"Database": self.database},
        )["QueryExecutionId"]
        return found

    def run(self, text: str) -> dict[str, Any]:
        """The execution of a text when it is over."""
        number = self.start(text)
        while True:
            found: dict[str, Any] = self.athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return found

    def done(self, text: str) -> dict[str, Any]:
        """The results of a text that succeeds."""
        found = self.run(text)
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        results: dict[str, Any] = self.athena.get_query_results(QueryExecutionId=found["QueryExecutionId"])
        return results


@pytest.fixture(scope="module", params=SERVERS)
def glue(request: pytest.FixtureRequest) -> Iterator[tuple[AthenaDouble, Any, Catalog]]:
    url = s3_url() if request.param == "moto" else ministack()
    with AthenaDouble(catalog_at(url), url, f"lake-{uuid4().hex[:8]}") as double:
        athena = boto3.client(
            "athena", REGION, endpoint_url=double.url, aws_access_key_id=KEY, aws_secret_access_key=KEY
        )
        yield double, athena, catalog_at(double.url)


@pytest.fixture
def lake(glue: tuple[AthenaDouble, Any, Catalog]) -> Lake:
    double, athena, catalog = glue
    database = f"d{uuid4().hex[:8]}"
    catalog.create_namespace(database)
    schema = Schema(NestedField(1, "id", LongType(), required=True), NestedField(2, "name", StringType()))
    place = f"s3://{double.bucket}/{database}/things"
    table = catalog.create_table((database, "things"), schema, location=place)
    table.append(pa.Table.from_pylist(BEFORE, table.schema().as_arrow()))
    double.reset()
    return Lake(double, athena, catalog, database)


# Statements that write


def test_insert(lake: Lake) -> None:
    found = lake.done("insert into things (name, id) select name || '!', id + 10 from things where id < 3")
    assert found["UpdateCount"] == 2
    assert lake.rows == [*BEFORE, {"id": 11, "name": "one!"}, {"id": 12, "name": "two!"}]
    assert lake.table.current_snapshot().summary.operation.value == "append"  # type: ignore[union-attr]


def test_update(lake: Lake) -> None:
    assert lake.done(f"update {lake.database}.things set name = 'many' where id > 1")["UpdateCount"] == 2
    assert [row["name"] for row in lake.rows] == ["one", "many", "many"]


def test_delete(lake: Lake) -> None:
    lake.done("delete from things where id in (select max(id) from things)")
    assert lake.rows == BEFORE[:2]


def test_merge(lake: Lake) -> None:
    merged = """
        merge into things as t
        using (select id + 1 as id, name, id = 1 as gone from things) as s on t.id = s.id
        when matched and s.gone then delete
        when matched then update set name = coalesce(s.name, 'none')
        when not matched then insert (id, name) values (s.id, 'new')
    """
    assert lake.done(merged)["UpdateCount"] == 3
    assert lake.rows == [BEFORE[0], {"id": 3, "name": "two"}, {"id": 4, "name": "new"}]


def test_a_statement_that_changes_nothing_commits_nothing(lake: Lake) -> None:
    before = lake.table.current_snapshot()
    assert lake.done("delete from things where id = 77")["UpdateCount"] == 0
    assert lake.table.current_snapshot() == before


def test_what_is_required_must_be_there(lake: Lake) -> None:
    assert lake.run("insert into things (name) values ('nobody')")["Status"]["State"] == "FAILED"
    assert lake.rows == BEFORE


def test_optimize_makes_one_file_of_many(lake: Lake) -> None:
    lake.done("insert into things select id + 5, name from things")
    assert len(list(lake.table.scan().plan_files())) == 2
    lake.done("optimize things rewrite data using bin_pack")
    assert len(list(lake.table.scan().plan_files())) == 1
    assert len(lake.rows) == 6


def test_vacuum_expires_what_is_older_than_the_tables_property_says(lake: Lake) -> None:
    lake.done("insert into things select id + 5, name from things")
    lake.done("vacuum things")
    assert len(lake.table.metadata.snapshots) == 2
    lake.done("alter table things set tblproperties ('vacuum_max_snapshot_age_seconds' = '0')")
    lake.done("vacuum things")
    assert len(lake.table.metadata.snapshots) == 1
    assert len(lake.rows) == 6


def test_an_older_snapshot_stays_as_it_was(lake: Lake) -> None:
    older = lake.table.current_snapshot().snapshot_id  # type: ignore[union-attr]
    lake.done("delete from things")
    text = f"select count(*) as n from things for version as of {older}"
    assert lake.done(text)["ResultSet"]["Rows"][1] == {"Data": [{"VarCharValue": "3"}]}
    assert lake.rows == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("select * from nowhere", "TABLE_NOT_FOUND"),
        ("select * from things for version as of 5", "snapshot ID does not exist: 5"),
        ("select nothing from things", "nothing"),
        ("select select", "ParseError"),
        ("drop table things", "NOT_SUPPORTED"),
    ],
)
def test_what_cannot_run_has_a_reason(text: str, reason: str, lake: Lake) -> None:
    status = lake.run(text)["Status"]
    assert status["State"] == "FAILED"
    assert reason in status["StateChangeReason"]
    assert reason in status["AthenaError"]["ErrorMessage"]


def test_the_curated_tables_can_be_made_by_statements(tmp_path: Path) -> None:
    """The product's own longest text, as an INSERT and as a MERGE, over what a curation wrote."""
    backends = embedded(tmp_path, shop(days=3, sessions_a_day=20, end=datetime(2024, 3, 10)))  # noqa: DTZ001
    engine, wanted = (
        Engine(open_catalog(tmp_path / "data" / "lake")),
        read(backends, "sessions").sort_by("session_key"),
    )
    names = ", ".join(wanted.column_names)

    def found() -> pa.Table:
        table = engine.run("select * from streamgauge.sessions").table
        assert table is not None
        return table.cast(wanted.schema).sort_by("session_key")

    engine.run("delete from streamgauge.sessions")
    assert engine.run(f"insert into sessions ({names}) {SESSIONS}", "streamgauge").changed == len(wanted)
    assert found() == wanted
    engine.run("delete from streamgauge.sessions where events > 5")
    engine.run("update streamgauge.sessions set device = 'wrong'")
    changes = ", ".join(f"{name} = s.{name}" for name in wanted.column_names)
    merge = (
        f"merge into sessions as t using ({SESSIONS}) as s on t.session_key = s.session_key"
        f" when matched then update set {changes}"
        f" when not matched then insert ({names}) values ({', '.join('s.' + n for n in wanted.column_names)})"
    )
    assert engine.run(merge, "streamgauge").changed == len(wanted)
    assert found() == wanted


# The API


def test_results_come_in_pages_after_the_names(lake: Lake) -> None:
    number = lake.run("select id, name from things order by id")["QueryExecutionId"]
    pages = lake.athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=number, PaginationConfig={"PageSize": 2}
    )
    rows = [row["Data"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert [[cell.get("VarCharValue") for cell in row] for row in rows] == [
        ["id", "name"],
        ["1", "one"],
        ["2", "two"],
        ["3", None],
    ]


def test_a_token_starts_one_query(lake: Lake) -> None:
    token = str(uuid4())
    assert lake.start("select 1", token) == lake.start("select 1", token)
    assert len(lake.double.texts) == 1
    with pytest.raises(ClientError, match="Idempotent parameters do not match"):
        lake.start("select 2", token)


def test_a_query_that_runs_can_be_stopped_and_has_no_results(lake: Lake) -> None:
    lake.double.next(Outcome(looks=1000))
    number = lake.start("select 1")
    with pytest.raises(ClientError, match="did not finish"):
        lake.athena.get_query_results(QueryExecutionId=number)
    for _ in range(2):
        lake.athena.stop_query_execution(QueryExecutionId=number)
    found = lake.athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
    assert found["Status"]["State"] == "CANCELLED"


def test_a_query_that_is_done_cannot_be_stopped(lake: Lake) -> None:
    number = lake.run("select 1")["QueryExecutionId"]
    lake.athena.stop_query_execution(QueryExecutionId=number)
    found = lake.athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]
    assert found["Status"]["State"] == "SUCCEEDED"


def test_bytes_are_those_of_the_files(lake: Lake) -> None:
    (task,) = lake.table.scan().plan_files()
    for text, scanned in (
        ("select id from things", task.file.file_size_in_bytes),
        ("select id from things limit 0", 0),
        ("select 1", 0),
    ):
        assert lake.run(text)["Statistics"]["DataScannedInBytes"] == scanned


def test_the_workgroup_says_where_answers_go(lake: Lake) -> None:
    found = lake.athena.get_work_group(WorkGroup="streamgauge")["WorkGroup"]["Configuration"]
    assert found["EnforceWorkGroupConfiguration"]
    location = lake.run("select 1")["ResultConfiguration"]["OutputLocation"]
    assert location.startswith(found["ResultConfiguration"]["OutputLocation"])
    with pytest.raises(ClientError, match="is not found"):
        lake.athena.get_work_group(WorkGroup="none")
    with pytest.raises(ClientError, match="is not found"):
        lake.start("select 1", workgroup="none")


# Texts, as Athena writes them


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.0, "1.0"),
        (0.001, "0.001"),
        (0.0005, "5.0E-4"),
        (1234567.5, "1234567.5"),
        (1e7, "1.0E7"),
        (-1.25e-10, "-1.25E-10"),
        (123456789.125, "1.23456789125E8"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (-0.0, "-0.0"),
    ],
)
def test_values_are_written_as_java_does(value: Any, text: str) -> None:
    assert texts.text(value) == text


def test_a_file_has_every_value_in_quotes_and_nothing_for_null() -> None:
    table = pa.table({"a": ['say "hi"', "", None], "b": [1, None, 3]})
    assert list(texts.csv_lines(table)) == ['"a","b"', '"say ""hi""","1"', '"",', ',"3"']
