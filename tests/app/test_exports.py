from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app.csv_files import to_csv
from app.factory import create_app
from data_access.backends import Backends
from data_access.events import EVENT_SCHEMA
from data_access.model import Scope
from data_access.ports import QueryError
from tests.app.conftest import by_link, sign_in
from tests.builders import NOON, embedded, event, period, read
from tests.depth import examples
from tests.forms import Forms
from tests.hostile_text import STARTS, text

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


@pytest.mark.parametrize(
    "first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\ufeff-"]
)
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


SIGNS = "=+-@＝＋－＠\t\r\n"


def hostile_events(dice: Random, count: int) -> Iterator[dict[str, Any]]:
    """Events with hostile text in every column of text, and numbers below zero."""
    names = [field.name for field in EVENT_SCHEMA if field.type == pa.string() and field.name not in OWN]
    for number in range(count):
        words = {name: dice.choice(STARTS) * (dice.random() < 0.7) + text(dice) for name in names}
        words["properties"] = json.dumps({words["properties"]: -1})
        yield event(
            at=NOON, visitor_id=number, revenue=dice.uniform(-9, 9), product_price=-float(number), **words
        )


OWN = {"event_id", "ingest_id", "login_state"}


def as_it_was(cell: str) -> str:
    """A cell's text without the quote that an export put before it."""
    return (
        cell[1:]
        if cell.startswith("'") and re.match(r"'*(\s*[=+\-@＝＋－＠]|[\t\r\n])", seen(cell[1:]))
        else cell
    )


def seen(text: str) -> str:
    """Text with what is not seen made spaces."""
    return "".join(
        " "
        if unicodedata.category(one) in {"Cf", "Co", "Zs", "Zl", "Zp", "Cc"} and one not in "\t\r\n"
        else one
        for one in text
    )


def test_no_text_of_an_export_is_a_formula_and_every_number_is_one(tmp_path: Path) -> None:
    """Through the real route: what comes back is what was stored, with a quote before what could be run."""
    events = list(hostile_events(Random(20_261_122), examples(120, 1_100)))
    backends = embedded(tmp_path, events)
    client = by_link(create_app(backends), backends)
    rows = rows_of(client.get("/csv/explore.events", query_string=period()).get_data(as_text=True))
    stored = {row["event_id"]: row for row in read(backends, "events").to_pylist()}
    assert len(rows) == len(stored) == len(events)
    formulas, changed, numbers, texts = [], [], 0, 0
    for row in rows:
        for head, cell in row.items():
            name = head.split(" [")[0]
            value = stored[row["event_id"]].get(name)
            if isinstance(value, float):
                numbers += 1
                assert float(cell) == value, (name, cell)
            elif isinstance(value, str):
                texts += 1
                formulas += (
                    [cell]
                    if (cell.lstrip()[:1] and cell.lstrip()[0] in SIGNS) or cell[:1] in {"\t", "\r", "\n"}
                    else []
                )
                changed += [(value, cell)] if as_it_was(cell) != value else []
    print(
        f"\n{texts:,} cells of text, {numbers:,} of numbers;"
        f" formulas: {len(formulas)}, changed: {len(changed)}"
    )
    assert not formulas, formulas[:5]
    assert not changed, changed[:5]
    assert any(row["revenue [EUR]"].startswith("-") for row in rows)
