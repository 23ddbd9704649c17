from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app.csv_files import to_csv
from data_access.backends import Backends
from data_access.model import Scope
from data_access.ports import QueryError
from tests.app.conftest import sign_in
from tests.forms import Forms

EVERYONE = Scope("tester")


@pytest.fixture
def backends(form: str, forms: Forms) -> Backends:
    """The shop on each form."""
    found: Backends = forms.shop(form)
    return found


@pytest.fixture
def app(form: str, forms: Forms) -> Any:
    return forms.app(form)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    "query",
    [
        "overview.kpis?",
        "events.over_time?interval=hour&country=DE",
        "events.mix?by=search_term&limit=5",
        "events.by_login_state?bots=in",
        "funnel.steps?steps=product_view[product_brand=Acme],checkout_complete&window=period",
    ],
)
def test_a_csv_has_the_rows_of_the_answer(client: FlaskClient, backends: Backends, query: str) -> None:
    name, _, params = query.partition("?")
    raw = dict(pair.split("=", 1) for pair in params.split("&") if pair)
    answer = client.get(f"/csv/{name}", query_string=raw)
    assert answer.status_code == 200
    table = backends.asking.ask(name, raw, EVERYONE).table
    rows = rows_of(answer.get_data(as_text=True))
    assert len(rows) == table.num_rows
    assert [head.split(" [")[0] for head in rows[0]] == table.column_names


def test_the_export_of_events_has_them_all_whatever_page_is_shown(
    client: FlaskClient, backends: Backends
) -> None:
    raw = {"country": "DE", "bots": "in"}
    count = backends.asking.ask("overview.kpis", raw, EVERYONE).rows[0]["events"]
    rows = rows_of(
        client.get("/csv/explore.events", query_string=raw | {"limit": "3", "before": "1|shop|x"}).text
    )
    assert len(rows) == count > 50
    assert len({row["event_id"] for row in rows}) == count
    assert [row["ts"] for row in rows] == sorted((row["ts"] for row in rows), reverse=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["ts"]) for row in rows)


def test_no_cell_of_an_export_is_a_formula(client: FlaskClient) -> None:
    terms = {row["value"] for row in rows_of(client.get("/csv/events.mix?by=search_term").text)}
    assert "'=1+1" in terms
    assert "socks, wool" in terms


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_every_start_of_a_formula_is_made_harmless(first: str) -> None:
    batch = pa.RecordBatch.from_pydict(
        {"text": [f"{first}cmd", f"a{first}", None, ""], "number": [-1.5, 2, 3, None]}
    )
    rows = rows_of(to_csv(batch, True).decode())
    assert [row["text"] for row in rows] == [f"'{first}cmd", f"a{first}", "", ""]
    assert rows[0]["number"] == "-1.5"


def test_quotes_commas_and_line_breaks_survive() -> None:
    values = ['a "quoted" word', "a,b", "two\nlines", "ünïcode ✓"]
    batch = pa.RecordBatch.from_pydict(
        {"text": values, "at": [datetime.fromisoformat("2024-01-02T03:04:05.006")] * 4}
    )
    rows = rows_of(to_csv(batch, True).decode("utf-8"))
    assert [row["text"] for row in rows] == values
    assert rows[0]["at"] == "2024-01-02T03:04:05.006Z"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/csv/no.such", "no question"),
        ("/csv/overview.kpis?nonsense=1", "nonsense"),
        ("/csv/overview.kpis?from=2024-13-01", "YYYY-MM-DD"),
        ("/csv/funnel.steps?steps=one", "2 to 10"),
        ("/csv/sessions.timeline?session=abc", "session"),
    ],
)
def test_wrong_requests_are_400_before_the_first_byte(client: FlaskClient, path: str, says: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.mimetype == "text/plain"
    assert says in answer.text


def test_a_failing_engine_is_503(app: Any, monkeypatch: pytest.MonkeyPatch, backends: Backends) -> None:
    def fail(*_args: Any, **_more: Any) -> Any:
        raise QueryError("The query took longer than 120 s.")

    monkeypatch.setattr(type(backends.warehouse), "table", fail)
    answer = sign_in(app, "ana").get("/csv/overview.kpis?country=ZZ")
    assert answer.status_code == 503
    assert answer.text == "The query took longer than 120 s.\n"


def test_the_file_name_tells_question_and_period(client: FlaskClient) -> None:
    answer = client.get("/csv/overview.kpis?from=2026-01-01&to=2026-01-31")
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="streamgauge_overview.kpis_2026-01-01_2026-01-31.csv"'
    )
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"


def test_rows_are_streamed_batch_by_batch(
    app: Any, monkeypatch: pytest.MonkeyPatch, backends: Backends
) -> None:
    taken, ended = [], []

    def stream(*_args: Any, **_more: Any) -> Any:
        try:
            for number in range(1000):
                taken.append(number)
                yield pa.RecordBatch.from_pydict({"number": [number]})
        finally:
            ended.append(len(taken))

    export = replace(backends.asking.export("explore.events", {}, EVERYONE), batches=stream())
    monkeypatch.setattr(type(backends.asking), "export", lambda *_args: export)
    answer = sign_in(app, "ana").get("/csv/explore.events", buffered=False)
    first = next(iter(answer.response))
    assert first == b'"number"\n0\n'
    assert len(taken) <= 2
    assert ended == []
    answer.close()
    assert ended == [len(taken)]


def test_an_export_without_rows_is_a_header(client: FlaskClient) -> None:
    rows = client.get("/csv/explore.events?country=ZZ").text.splitlines()
    assert len(rows) == 1
    assert rows[0].startswith('"cursor","ts"')
