"""Imports: repeating, resuming, rejecting, and every kind of file."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data_access.events import EVENT_SCHEMA
from data_access.model import UsageError
from pipeline.importers import model, run, tabular
from tests.shared_data import shared_data
from tests.unit.fake_lake import Importing

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
ECOM, OTTO = EXAMPLES / "retentioneering.toml", EXAMPLES / "otto.toml"
CSV = "event_name,ts,user_id,plan\na,2024-01-01 00:00:00,007,x\nb,2024-01-01T00:00:01Z,008,\n"
COMBINED = '10.1.2.3 - - [17/May/2015:10:05:03 +0200] "{} HTTP/1.1" {} 5 "{}" "Agent/1"'


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    return Importing(tmp_path)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 3 rows, so that small files have several."""
    monkeypatch.setattr(run, "BATCH_ROWS", 3)
    monkeypatch.setattr(tabular, "BATCH_ROWS", 3)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def rows_of(count: int) -> str:
    return "event_name,ts\n" + "".join(f"e{n},2024-01-01 00:00:0{n}\n" for n in range(count))


def column(importing: Importing, name: str) -> list[Any]:
    return [row[name] for row in importing.lake.rows]


def properties(importing: Importing) -> list[dict[str, Any]]:
    return [json.loads(text) for text in column(importing, "properties")]


# --- real data ---------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize("name", ["ecom.csv.gz", "ecom.parquet"])
def test_retentioneering_imports_exactly(importing: Importing, name: str) -> None:
    path = shared_data() / "retentioneering_ecom" / name
    summary = importing.run(path, mapping=ECOM, site="ecom")
    assert (summary.read, summary.added, summary.rejected) == (31_106, 31_106, 0)
    raw = importing.lake.raw
    assert raw.schema.equals(EVENT_SCHEMA)
    assert pc.count_distinct(raw["visitor_id"]).as_py() == 600
    assert pc.count_distinct(raw["session_id"]).as_py() == 3605
    names = Counter(raw["event_name"].to_pylist())
    assert (names["product_view"], names["purchase"], len(names)) == (6851, 470, 19)
    span = pc.min_max(raw["ts"]).as_py()
    assert (span["min"], span["max"]) == (at("2024-01-04T11:45:38"), at("2024-06-29T22:02:40"))
    assert set(properties(importing)[0]) == {"user_cohort", "user_lifecycle"}
    again = importing.run(path, mapping=ECOM, site="ecom")
    assert (again.added, again.already_there, again.files[0].appended) == (0, 31_106, 0)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["events.parquet"])
def test_otto_imports_exactly(importing: Importing, name: str) -> None:
    summary = importing.run(shared_data() / "otto_sample" / name, mapping=OTTO)
    assert (summary.added, summary.rejected) == (862, 0)
    raw = importing.lake.raw
    assert Counter(raw["event_name"].to_pylist()) == {"clicks": 800, "carts": 52, "orders": 10}
    assert pc.count_distinct(raw["product_id"]).as_py() == 510
    span = pc.min_max(raw["ts"]).as_py()
    assert span["min"] == at("2022-07-31T22:00:00.025")
    assert span["max"] == at("2022-08-28T21:59:57.885")


@pytest.mark.shared
def test_apache_log_imports_every_line_and_no_address(importing: Importing) -> None:
    summary = importing.run(shared_data() / "apache_logs" / "apache_logs.gz")
    assert (summary.read, summary.added, summary.rejected) == (10_000, 10_000, 0)
    raw = importing.lake.raw
    found = [json.loads(text) for text in raw["properties"].to_pylist()]
    assert Counter(p["status"] for p in found) == {
        200: 9126, 304: 445, 404: 213, 301: 164, 206: 45, 500: 3, 403: 2, 416: 2,
    }  # fmt: skip
    assert Counter(p["method"] for p in found) == {"GET": 9952, "HEAD": 42, "POST": 5, "OPTIONS": 1}
    assert sum(p.get("bytes", 0) for p in found) == 2_747_282_740
    assert pc.sum(raw["is_bot"]).as_py() == 2054
    assert pc.count_distinct(raw["visitor_id"]).as_py() == 1862
    assert pc.count_distinct(raw["page_url"]).as_py() == 1498
    assert raw["referrer"].null_count == 4073
    hours = Counter(pc.floor_temporal(raw["ts"], unit="hour").to_pylist())
    assert hours[at("2015-05-17T10:00:00")] == 74
    assert Counter(raw["event_name"].to_pylist())["error"] == 220
    parquet = pq.read_table(shared_data() / "apache_logs" / "requests.parquet")
    addresses = set(parquet["client_ip"].to_pylist())
    assert all(re.fullmatch(r"[\d.]+", address) for address in addresses)
    quoted = set(re.findall(r"(?='([\d.]+)')", "\n".join(map(str, raw.to_pylist()))))
    assert quoted & addresses == set()


# --- again, grown, killed ----------------------------------------------------------------------------


def test_a_grown_export_adds_only_what_is_new(importing: Importing) -> None:
    importing.run(importing.file("a.csv", rows_of(3)))
    summary = importing.run(importing.file("b.csv", rows_of(5)))
    assert (summary.read, summary.added, summary.already_there) == (5, 2, 3)


def test_repeated_rows_of_one_file_are_all_kept(importing: Importing) -> None:
    row = "a,2024-01-01 00:00:00\n"
    assert importing.run(importing.file("a.csv", "event_name,ts\n" + row * 3)).added == 3
    assert importing.run(importing.file("b.csv", "event_name,ts\n" + row * 4)).added == 1


def test_ids_do_not_depend_on_the_order_of_columns(importing: Importing) -> None:
    importing.run(importing.file("a.csv", "event_name,ts\na,2024-01-01\n"))
    assert importing.run(importing.file("b.csv", "ts,event_name\n2024-01-01,a\n")).added == 0


def test_another_site_is_another_event(importing: Importing) -> None:
    path = importing.file("a.csv", CSV)
    importing.run(path, site="one")
    assert importing.run(path, site="two").added == 2
    assert Counter(column(importing, "site")) == {"one": 2, "two": 2}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("killed_after", [0, 1, 2])
def test_a_killed_import_resumes_and_doubles_nothing(importing: Importing, killed_after: int) -> None:
    # Equal rows on both sides of the kill: the occurrences before it must still be counted.
    text = "event_name,ts\n" + "a,2024-01-01\n" * 5 + "b,\n" + "a,2024-01-01\n" * 2
    path = importing.file("a.csv", text)
    importing.lake.fail_after = killed_after
    with pytest.raises(KeyboardInterrupt):
        importing.run(path)
    importing.lake.fail_after = None
    summary = importing.run(path)
    assert (summary.read, summary.added, summary.rejected) == (8, 7, 1)
    assert summary.files[0].already_there == min(3 * killed_after, 5)
    assert len(importing.lake.rows) == len(set(column(importing, "event_id"))) == 7
    assert len(importing.rejects(summary)) == 1


@pytest.mark.usefixtures("small_batches")
def test_batches_are_named_by_the_file_and_their_number(importing: Importing) -> None:
    importing.run(importing.file("a.csv", rows_of(7)))
    names = [table["ingest_id"][0].as_py() for table in importing.lake.tables]
    assert [name[-7:] for name in names] == ["-000000", "-000001", "-000002"]
    assert len({name[:-7] for name in names}) == 1
    assert len(names[0]) == len("import-") + 16 + 7


def test_curates_once_always_and_reports_progress(importing: Importing) -> None:
    path = importing.file("a.csv", CSV)
    importing.run(path)
    importing.run(path)
    assert importing.lake.curations == 2
    last = importing.progress[-1]
    assert (last.rows, last.bytes_done, last.total_bytes) == (2, path.stat().st_size, path.stat().st_size)
    assert last.rows_per_second > 0


# --- mapping -----------------------------------------------------------------------------------------


def test_canonical_columns_are_taken_and_others_kept_as_properties(importing: Importing) -> None:
    importing.run(importing.file("a.csv", CSV), received_at=at("2025-01-01T00:00:00+01:00"))
    assert column(importing, "user_id") == ["007", "008"]
    assert column(importing, "ts") == [at("2024-01-01T00:00:00"), at("2024-01-01T00:00:01")]
    assert column(importing, "received_at") == [at("2024-12-31T23:00:00")] * 2
    assert properties(importing) == [{"plan": "x"}, {}]


def test_mapping_keys(importing: Importing) -> None:
    text = """[events]
    event_name = { column = "act", values = { addtocart = "add_to_cart_click" } }
    ts = { column = "t", time_zone = "Europe/Berlin" }
    country = { column = "land", values = { Germany = "DE" }, default = "AT" }
    currency = { constant = "EUR" }
    site = "shop"
    is_first_visit = "new"
    revenue = "sum"
    """
    first_row = "addtocart,2024-07-01 00:00:00,Germany,yes,1e3,s"
    csv = f"act,t,land,new,sum,shop\n{first_row}\nview,2024-01-01T00:00,,0,,\n"
    importing.run(importing.file("a.csv", csv), mapping=text, site="other")
    first, second = importing.lake.rows
    assert (first["event_name"], second["event_name"]) == ("add_to_cart_click", "view")
    assert (first["ts"], second["ts"]) == (at("2024-06-30T22:00:00"), at("2023-12-31T23:00:00"))
    assert (first["country"], second["country"]) == ("DE", "AT")
    assert (first["currency"], first["site"], second["site"]) == ("EUR", "s", "other")
    assert (first["is_first_visit"], second["is_first_visit"]) == (True, False)
    assert (first["revenue"], second["revenue"]) == (1000.0, None)
    assert properties(importing) == [{}, {}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[events]\nevent = 'a'", "unknown field 'event'; known fields are event_id, site, event_name"),
        (
            "[events]\nts = { colum = 'a' }",
            "unknown key 'colum'; known keys are column, unit, time_zone, values",
        ),
        ("[event]\nts = 'a'", r"unknown table 'event'; there is only \[events\]"),
        ("", r"there is no \[events\] table"),
        ("[events]\nts = 'a'", "event_name is not mapped"),
        ("[events]\nts = { column = 'a', unit = 'us' }", "unit is 'us'; it takes s, ms, iso"),
        ("[events]\nts = { column = 'a', time_zone = 'Mars/X' }", "takes a name such as Europe/Berlin"),
        ("[events]\nuser_id = { column = 'a', unit = 's' }", "only ts and received_at take unit"),
        ("[events]\nuser_id = { default = 'a' }", "takes either column or constant"),
        ("[events]\nuser_id = { column = 'a', constant = 'b' }", "takes either column or constant"),
        ("[events]\nuser_id = { constant = 'a', default = 'b' }", "leave out values and default"),
        ("[events]\nuser_id = 5", "takes a column name or a table"),
        ("[events", "not valid TOML"),
        (
            "[events]\nevent_name = 'act'\nts = 'ts'",
            r"no column 'act' for event_name; its columns are event_name, ts",
        ),
    ],
)
def test_mapping_errors_say_what_is_taken(importing: Importing, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        importing.run(importing.file("a.csv", CSV), mapping=text)
    assert importing.lake.tables == []


def test_a_file_without_needed_columns_lists_what_it_has(importing: Importing) -> None:
    with pytest.raises(
        UsageError, match=r"no column event_name; give a mapping with --map\. Its columns are a, b"
    ):
        importing.run(importing.file("x.csv", "a,b\n1,2\n"))


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("s", "1659304800", "2022-07-31T22:00:00"),
        ("s", "1659304800.025", "2022-07-31T22:00:00.025"),
        ("ms", "1659304800025", "2022-07-31T22:00:00.025"),
        ("iso", "2022-08-01T00:00:00.0259+02:00", "2022-07-31T22:00:00.025"),
        ("iso", "2022-07-31 22:00:00.025 UTC", "2022-07-31T22:00:00.025"),
        ("iso", "2022-07-31T22:00:00.025999999", "2022-07-31T22:00:00.025"),
        ("iso", "2022-07-31", "2022-07-31T00:00:00"),
    ],
)
def test_times(importing: Importing, unit: str, value: str, expected: str) -> None:
    mapping = f"[events]\nevent_name = 'e'\nts = {{ column = 't', unit = '{unit}' }}"
    importing.run(importing.file("a.csv", f"e,t\nx,{value}\n"), mapping=mapping)
    assert column(importing, "ts") == [at(expected)]


def test_times_of_a_day_that_changes_the_clock(importing: Importing) -> None:
    mapping = "[events]\nevent_name = 'e'\nts = { column = 't', time_zone = 'Europe/Berlin' }"
    times = ["2024-10-27 02:30:00", "2024-03-31 02:30:00", "2024-10-27T02:30:00+01:00"]
    importing.run(importing.file("a.csv", "e,t\n" + "".join(f"x,{t}\n" for t in times)), mapping=mapping)
    expected = ["2024-10-27T00:30:00", "2024-03-31T01:00:00", "2024-10-27T01:30:00"]
    assert column(importing, "ts") == [at(text) for text in expected]


def test_parquet_types(importing: Importing) -> None:
    table = pa.table(
        {
            "event_name": pa.array(["a", "b"]).dictionary_encode(),
            "ts": pa.array([at("2024-01-01T00:00:00.123456")] * 2, pa.timestamp("us")).cast(
                pa.timestamp("ns")
            ),
            "user_id": pa.array([7.0, None]),
            "price": pa.array([1.5, float("nan")]),
            "tags": pa.array([["x"], []]),
            "geo": pa.array([{"country": "DE", "n": 1}, None]),
            "ok": pa.array([True, None]),
        }
    )
    path = importing.folder / "a.parquet"
    pq.write_table(table, path)
    importing.run(path)
    assert column(importing, "user_id") == ["7", None]
    assert column(importing, "ts") == [at("2024-01-01T00:00:00.123")] * 2
    assert properties(importing) == [
        {"price": 1.5, "tags": ["x"], "geo.country": "DE", "geo.n": 1, "ok": True},
        {"tags": []},
    ]


def test_whole_numbers_are_no_times_without_a_unit(importing: Importing) -> None:
    path = importing.folder / "a.parquet"
    pq.write_table(pa.table({"event_name": ["a"], "ts": [5]}), path)
    with pytest.raises(UsageError, match='say unit = "s" or unit = "ms"'):
        importing.run(path)


def test_a_gzipped_parquet_file_and_a_tsv(importing: Importing) -> None:
    path = importing.folder / "a.parquet"
    pq.write_table(pa.table({"event_name": ["a"], "ts": ["2024-01-01"]}), path)
    packed = importing.file("b.parquet.gz", gzip.compress(path.read_bytes()))
    tsv = importing.file("c.tsv", "event_name\tts\nx,y\t2024-01-01\n")
    semicolon = importing.file("d.csv", "\ufeffevent_name;ts\nz;2024-01-01\n")
    importing.run(packed, tsv, semicolon)
    assert column(importing, "event_name") == ["a", "x,y", "z"]


# --- rejects -----------------------------------------------------------------------------------------

BAD_ROWS: list[tuple[str, str, str]] = [
    ("revenue", "1.299,00", "is not a number"),
    ("revenue", "nan", "is not a number"),
    ("revenue", "1e999", "is not a number"),
    ("is_bot", "maybe", "neither true nor false"),
    ("currency", "Euro", "not a currency code"),
    ("country", "Germany", "not a country code"),
    ("event_type", "view", "is no event_type; use page_view"),
    ("device", "phone", "is no device; use desktop"),
    ("user_id", "x" * 257, "longer than 256"),
    ("user_id", "a\0b", "NUL"),
    ("ts", "1659304800", "looks like a Unix time"),
    ("ts", "2024-13-01", "is not an ISO 8601 time"),
    ("ts", "1969-12-31", "outside the years"),
    ("ts", "", "every event needs ts"),
    ("event_name", "", "every event needs event_name"),
    ("properties", "[1]", "is not a JSON object"),
    ("notes", "x" * 11_000, "more than 10240 bytes"),
]


@pytest.mark.parametrize(("name", "value", "reason"), BAD_ROWS)
def test_a_bad_value_costs_its_row_only(importing: Importing, name: str, value: str, reason: str) -> None:
    good = {name: "", "event_name": "a", "ts": "2024-01-01"}
    bad = good | {name: value}
    lines = [",".join(f'"{cell}"' for cell in row.values()) for row in (good, bad, good)]
    summary = importing.run(importing.file("a.csv", "\n".join([",".join(good), *lines])))
    assert (summary.read, summary.added, summary.rejected) == (3, 2, 1)
    [line] = importing.rejects(summary)
    assert ",2," in line
    assert reason in line
    assert (name if name != "notes" else "properties") in line


def test_rows_that_are_no_rows_are_rejected_by_number(importing: Importing) -> None:
    text = b'event_name,ts\na,2024-01-01\nb\n\n"c\nd",2024-01-01\n1,2,3\n\xff,2024-01-01\ne,2024-01-01\nf\n'
    summary = importing.run(importing.file("a.csv", text))
    assert (summary.read, summary.added, summary.rejected) == (7, 3, 4)
    found = [line.split(",", 1)[1] for line in importing.rejects(summary)]
    assert found == [
        '2,,"has 1 values, the header has 2"',
        '4,,"has 3 values, the header has 2"',
        "5,event_name,is not UTF-8 text",
        '7,,"has 1 values, the header has 2"',
    ]
    assert column(importing, "event_name") == ["a", "c\nd", "e"]


@pytest.mark.usefixtures("small_batches")
def test_row_numbers_go_on_over_batches(importing: Importing) -> None:
    text = "event_name,ts\n" + "".join(
        "x\n" if n % 5 == 0 else f"e,{'' if n % 7 == 0 else '2024-01-01'}\n" for n in range(1, 30)
    )
    summary = importing.run(importing.file("a.csv", text))
    numbers = sorted(int(line.split(",")[1]) for line in importing.rejects(summary))
    assert numbers == [n for n in range(1, 30) if n % 5 == 0 or n % 7 == 0]
    assert summary.read == 29 == summary.added + summary.rejected


def test_no_rejects_no_file_and_formulas_are_harmless(importing: Importing) -> None:
    assert importing.run(importing.file("a.csv", CSV)).rejects_file is None
    assert not (importing.folder / "rejects").exists()
    mapping = "[events]\nevent_name = 'e'\nts = '=cmd()'"
    summary = importing.run(importing.file("b.csv", "e,=cmd()\nx,never\n"), mapping=mapping)
    assert ",'=cmd()," in importing.rejects(summary)[0]


def test_a_quote_that_is_never_closed_is_an_error_that_says_so(
    importing: Importing, monkeypatch: Any
) -> None:
    monkeypatch.setattr(tabular, "_BLOCK", 4096)
    path = importing.file("a.csv", 'event_name,ts\n"a,2024-01-01\n' + "b,2024-01-01\n" * 2000)
    with pytest.raises(UsageError, match="perhaps a quote is not closed"):
        importing.run(path)
    assert importing.lake.curations == 1


def test_a_cut_gzip_file_is_an_error(importing: Importing) -> None:
    data = gzip.compress((rows_of(9) * 500).encode())
    with pytest.raises(UsageError, match="is the file whole"):
        importing.run(importing.file("a.csv.gz", data[:-20]))


# --- JSON --------------------------------------------------------------------------------------------

PULSE: dict[str, Any] = {
    "event_type": "click", "session_id": "s", "source": "web", "timestamp": "2024-01-01T00:00:00Z",
}  # fmt: skip


def lines(*values: Any) -> str:
    return "\n".join(value if isinstance(value, str) else json.dumps(value) for value in values) + "\n"


def test_ndjson_events_keep_unknown_and_nested_parts(importing: Importing) -> None:
    value = {
        "event_name": "a",
        "ts": "2024-01-01T00:00:00Z",
        "n": 5,
        "deep": {"x": [1]},
        "properties": {"y": True},
    }
    bad = value | {"ts": 5}
    summary = importing.run(importing.file("a.ndjson", lines(value, "{", [1], bad, value | {"user_id": "é"})))
    assert (summary.added, summary.rejected) == (2, 3)
    assert properties(importing)[0] == {"n": 5, "deep": {"x": [1]}, "y": True}
    assert [line.split(",")[1] for line in importing.rejects(summary)] == ["2", "3", "4"]


def test_ndjson_with_a_mapping_of_inner_names(importing: Importing) -> None:
    mapping = "[events]\nevent_name = 'act.name'\nts = { column = 't', unit = 'ms' }\nuser_id = 'user.id'"
    value = {"act": {"name": "buy", "kind": "x"}, "t": 1659304800025, "user": {"id": 7}, "v": 1.5}
    packed = gzip.compress(lines(value, value | {"user": None}, value | {"v": "\ud800"}).encode())
    summary = importing.run(importing.file("a.jsonl.gz", packed), mapping=mapping)
    assert (summary.added, summary.rejected) == (2, 1)
    assert column(importing, "user_id") == ["7", None]
    assert column(importing, "ts")[0] == at("2022-07-31T22:00:00.025")
    assert properties(importing)[0] == {"act": {"kind": "x"}, "v": 1.5}


def test_hive_folder_of_cloudpulse_events(importing: Importing) -> None:
    folder = "events/year=2024/month=01/day=02/event_type=click/"
    flat = {k: v for k, v in PULSE.items() if k != "event_type"} | {
        "country": "DE",
        "user_agent": "UA",
        "properties": "{}",
    }
    importing.file(folder + "1.json", json.dumps(flat, indent=2))
    importing.file(folder + "2.json", json.dumps(PULSE | {"metadata": {"referrer": "https://x/"}}))
    importing.file(folder.replace("click", "error") + "3.json", json.dumps(PULSE | {"event_type": "error"}))
    importing.file(folder + "4.json", json.dumps({**PULSE, "timestamp": None}))
    importing.file(folder + "_SUCCESS", "")
    summary = importing.run(importing.folder / "events")
    assert (summary.read, summary.added, summary.rejected) == (4, 3, 1)
    assert sorted(column(importing, "event_type")) == ["click", "click", "error"]
    assert "DE" in column(importing, "country")
    # One day's folder is one commit, however many files it has.
    assert (len(importing.lake.tables), summary.files[0].files) == (1, 4)
    importing.file(folder + "5.json", json.dumps(PULSE | {"session_id": "new"}))
    assert importing.run(importing.folder / "events").added == 1


def test_hourly_folder_of_sbw_events(importing: Importing) -> None:
    stored = {
        "eventName": "search",
        "clientId": "c",
        "searchTerm": "tent",
        "_ingest": {"receivedAt": "2024-01-02T03:04:05.678Z", "sourceIp": "10.9.8.7", "userAgent": "curl/8"},
    }
    importing.file("events/2024/01/02/03/event-1.json", json.dumps(stored))
    importing.file("events/2024/01/02/04/event-2.json", json.dumps(stored | {"_ingest": None}))
    summary = importing.run(importing.folder / "events")
    assert (summary.added, summary.rejected, len(importing.lake.tables)) == (1, 1, 1)
    [row] = importing.lake.rows
    assert (row["ts"], row["search_term"], row["browser"]) == (at("2024-01-02T03:04:05.678"), "tent", "curl")
    assert "10.9.8.7" not in str(row)


def test_firehose_files_with_objects_on_one_line(importing: Importing) -> None:
    values = [PULSE | {"session_id": f"s{n}"} for n in range(5)]
    text = "".join(map(json.dumps, values))
    summary = importing.run(importing.file("2024/01/02/03/stream-1-2024", gzip.compress(text.encode())))
    assert column(importing, "session_id") == ["s0", "s1", "s2", "s3", "s4"]
    assert summary.rejected == 0


def test_one_very_long_line_is_read_in_pieces(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.importers import objects

    monkeypatch.setattr(objects, "_LINE", 300)
    monkeypatch.setattr(objects, "_WHOLE_FILE", 100)
    values = [PULSE | {"session_id": f"s{n}é"} for n in range(50)]
    text = (
        "".join(json.dumps(value, ensure_ascii=False) for value in values)
        + "\nnot json\n"
        + json.dumps(PULSE)
    )
    summary = importing.run(importing.file("a.json", text))
    assert (summary.added, summary.rejected) == (51, 1)


def test_json_arrays_and_batches_of_the_wire(importing: Importing) -> None:
    importing.run(importing.file("a.json", json.dumps([PULSE, PULSE])))
    assert importing.run(importing.file("b.json", json.dumps({"events": [PULSE] * 3}))).added == 1


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("hello", {}, "cannot tell what"),
        ('{"a": 1}', {}, "cannot tell what events"),
        ("hello", {"kind": "nothing"}, "use events, access-log, cloudpulse, sbw"),
    ],
)
def test_a_kind_that_cannot_be_guessed_is_an_error(
    importing: Importing, content: str, options: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        importing.run(importing.file("x.dat", content), **options)


def test_paths_that_are_not_there_or_empty_are_errors(importing: Importing) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        importing.run(importing.folder / "none")
    (importing.folder / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no files"):
        importing.run(importing.folder / "empty")


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.ndjson"])
def test_an_empty_file_has_no_rows(importing: Importing, name: str) -> None:
    assert importing.run(importing.file(name, "")).read == 0


def test_a_csv_of_only_a_header_has_no_rows(importing: Importing) -> None:
    assert importing.run(importing.file("a.csv", "event_name,ts\n")).read == 0


def test_a_column_that_is_there_twice_is_an_error(importing: Importing) -> None:
    with pytest.raises(UsageError, match="column 'ts' more than once"):
        importing.run(importing.file("a.csv", "ts,ts\n1,2\n"))


# --- access logs -------------------------------------------------------------------------------------


def log(importing: Importing, *lines: str, **options: Any) -> list[dict[str, Any]]:
    summary = importing.run(importing.file("access.log", "\n".join(lines)), **options)
    assert summary.rejected == 0
    return importing.lake.rows


@pytest.mark.parametrize(
    ("request_line", "status", "name", "kind"),
    [
        ("GET /a?b=1", 200, "page_view", "page_view"),
        ("HEAD /a.html", 304, "page_view", "page_view"),
        ("GET /x.CSS?v=1", 200, "request", "api_call"),
        ("POST /a", 200, "request", "api_call"),
        ("GET /a", 404, "error", "error"),
        ("\\x16\\x03", 400, "error", "error"),
    ],
)
def test_requests(importing: Importing, request_line: str, status: int, name: str, kind: str) -> None:
    [row] = log(importing, COMBINED.format(request_line, status, "-"))
    assert (row["event_name"], row["event_type"], row["ts"]) == (name, kind, at("2015-05-17T08:05:03"))
    assert (row["source"], row["referrer"]) == ("web", None)
    assert json.loads(row["properties"])["user_agent"] == "Agent/1"


def test_odd_lines(importing: Importing) -> None:
    common = '10.1.2.3 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.0" 200 -'
    quoted = COMBINED.format("GET /q", 200, "https://x/").replace("Agent/1", 'A \\"b\\" c')
    host = "shop.example:443 " + COMBINED.format("GET /v", 200, "-")
    cut = COMBINED.format("GET /cut", 200, "-").rstrip('"')
    user = COMBINED.format("GET /u", 200, "-").replace("- - [", "- John Doe [")
    rows = log(importing, common, quoted, host, cut, user)
    assert [row["page_url"] for row in rows] == ["/", "/q", "/v", "/cut", "/u"]
    assert json.loads(rows[1]["properties"])["user_agent"] == 'A "b" c'
    assert "bytes" not in json.loads(rows[0]["properties"])
    # The same address and user agent: the same visitor, whatever stands around them.
    assert rows[2]["client_id"] == rows[3]["client_id"] == rows[4]["client_id"]


def test_what_is_no_log_line_is_rejected_without_being_quoted(importing: Importing) -> None:
    text = (
        COMBINED.format("GET /", 200, "-")
        + "\nsecret 10.1.2.3\n\n"
        + COMBINED.format("GET /", 200, "-").replace("May", "Mai")
    )
    summary = importing.run(importing.file("access.log", text))
    assert (summary.added, summary.rejected) == (1, 2)
    found = importing.rejects(summary)
    assert [line.split(",")[1] for line in found] == ["2", "4"]
    assert "10.1.2.3" not in "".join(found)


def test_a_client_key_changes_the_hash_of_the_address(importing: Importing) -> None:
    path = importing.file("access.log", COMBINED.format("GET /", 200, "-"))
    importing.run(path, site="a")
    importing.run(path, site="b", client_key="secret")
    assert len(set(column(importing, "client_id"))) == 2


def test_alb_log(importing: Importing) -> None:
    line = (
        "https 2024-07-02T22:23:00.186641Z app/lb/50dc 192.168.131.39:2817 10.0.0.1:80 0.1 0.2 0.3"
        ' 200 200 0 57 "GET https://w.example:443/a?b=1 HTTP/1.1" "curl/7.46.0" - TLSv1.2 arn "1" "x" "y" 0'
    )
    [row] = log(importing, line, line.replace(" 200 200 ", " 502 - "))[:1]
    assert (row["ts"], row["page_path"], row["event_name"]) == (
        at("2024-07-02T22:23:00.186"),
        "/a",
        "page_view",
    )
    assert json.loads(row["properties"]) == {
        "status": 200,
        "method": "GET",
        "bytes": 57,
        "user_agent": "curl/7.46.0",
    }
    assert column(importing, "event_name")[1] == "error"


def test_cloudfront_log(importing: Importing) -> None:
    names = "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)"
    values = "2024-12-04 21:02:31 LAX1 392 192.0.2.100 GET d1.example /a 200 - Mozilla/5.0%2520(X) q=1"
    [row] = log(
        importing, "#Version: 1.0", f"#Fields: {names} cs(User-Agent) cs-uri-query", values.replace(" ", "\t")
    )
    assert (row["page_url"], row["ts"]) == ("https://d1.example/a?q=1", at("2024-12-04T21:02:31"))
    assert json.loads(row["properties"])["user_agent"] == "Mozilla/5.0 (X)"


# --- size --------------------------------------------------------------------------------------------


def test_a_file_larger_than_a_batch_is_streamed(importing: Importing) -> None:
    text = "event_name,ts\n" + "".join(f"e{n},2024-01-01\n" for n in range(120_001))
    summary = importing.run(importing.file("a.csv", text))
    assert summary.added == 120_001
    assert [table.num_rows for table in importing.lake.tables] == [50_000, 50_000, 20_001]


def test_importing_knows_nothing_of_the_clock_but_its_options() -> None:
    made: Callable[..., Any] = model.ImportOptions
    assert made(rejects_dir=Path()).received_at.tzinfo is UTC
