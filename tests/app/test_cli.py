"""The command line, in process: what it prints, where, and its exit status."""

from __future__ import annotations

import csv
import io
import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from data_access.findings import Severity
from pipeline import demo_findings
from tests.builders import embedded
from tests.findings import SCAN, finding, passed

STEPS = "steps=view,cart,buy"
PERIOD = ("from=2024-03-01", "to=2024-03-02")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three visitors of a tiny shop, imported by the command."""
    folder = tmp_path_factory.mktemp("cli")
    source, mapping = folder / "events.csv", folder / "map.toml"
    source.write_text(
        "who,what,at,land\n"
        "1,v,2024-03-01T10:00:00Z,DE\n1,c,2024-03-01T10:01:00Z,DE\n1,b,2024-03-01T10:03:00Z,DE\n"
        "2,v,2024-03-01T11:00:00Z,FR\n2,c,2024-03-01T11:05:00Z,FR\n3,v,2024-03-02T09:00:00Z,FR\n"
        "4,v,not a time,FR\n"
    )
    mapping.write_text(
        '[events]\nuser_id = "who"\nts = "at"\ncountry = "land"\n'
        'event_name = {column = "what", values = {v = "view", c = "cart", b = "buy"}}\n'
        'event_type = {constant = "custom"}\n'
    )
    words = ["import", str(source), "--map", str(mapping), "--data-dir", str(folder / "data")]
    assert main(words) == 0
    return folder


def run(lake: Path, *words: str) -> int:
    return main([*words, "--data-dir", str(lake / "data")])


def test_a_second_import_adds_nothing(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    again = ("import", str(lake / "events.csv"), "--map", str(lake / "map.toml"))
    assert run(lake, *again) == 0
    assert "0 events added of 7 rows" in capsys.readouterr().out
    rejects = list((lake / "data" / "rejects").glob("*.csv"))
    assert rejects
    assert "not a time" in rejects[0].read_text()


def test_ask_answers_as_json(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lake, "ask", "funnel.steps", STEPS, "window=7d", "compare=none", *PERIOD) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["question", "columns", "rows", "stamp"]
    assert answer["columns"] == [
        "step",
        "name",
        "reached",
        "from_step_before",
        "from_first",
        "median_seconds",
        "p90_seconds",
    ]
    assert [row[:3] for row in answer["rows"]] == [[1, "view", 3], [2, "cart", 2], [3, "buy", 1]]
    assert answer["rows"][1][5] == 180.0
    assert answer["stamp"]["time_zone"] == "UTC"


def test_ask_answers_as_csv_and_as_a_table(lake: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(lake, "ask", "events.mix", "country=DE", *PERIOD, "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capfdbinary.readouterr().out.decode())))
    assert sorted((row["value"], row["events"]) for row in rows) == [
        ("buy", "1"),
        ("cart", "1"),
        ("view", "1"),
    ]
    assert run(lake, "ask", "overview.kpis", *PERIOD, "--format", "table") == 0
    head, line = capfdbinary.readouterr().out.decode().splitlines()
    assert head.split()[0] == "events"
    assert line.split()[0] == "6"


def test_list_names_every_question(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lake, "ask", "--list") == 0
    listed = capsys.readouterr().out
    assert "funnel.steps" in listed
    assert "window=7d" in listed


def test_segments_are_saved_used_listed_and_removed(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lake, "segments", "save", "From Germany", "country=DE", "--shared") == 0
    assert run(lake, "segments", "save", "Carts", "event_name~cart") == 0
    assert capsys.readouterr().out.splitlines() == [
        "from-germany: saved; use it with segment=from-germany",
        "local-admin:carts: saved; use it with segment=local-admin:carts",
    ]
    for segment, events in (("from-germany", 3), ("!from-germany", 3), ("from-germany,local-admin:carts", 1)):
        assert run(lake, "ask", "events.mix", f"segment={segment}", *PERIOD) == 0
        answer = json.loads(capsys.readouterr().out)
        assert sum(row[answer["columns"].index("events")] for row in answer["rows"]) == events
    assert run(lake, "segments", "list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "local-admin:carts  Carts  personal, local admin  event_name~cart",
        "from-germany  From Germany  shared, local admin  country=DE",
    ]
    assert run(lake, "segments", "remove", "local-admin:carts") == 0
    assert capsys.readouterr().out == "local-admin:carts: removed\n"
    assert run(lake, "ask", "overview.kpis", "segment=local-admin:carts", *PERIOD) == 2
    assert "there is no segment 'local-admin:carts'" in capsys.readouterr().err


def test_ask_takes_conditions(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = "where=country=DE;event_name!=view|!(country=DE);event_name~ar"
    assert run(lake, "ask", "events.mix", where, *PERIOD) == 0
    answer = json.loads(capsys.readouterr().out)
    events = answer["columns"].index("events")
    assert sorted((row[0], row[events]) for row in answer["rows"]) == [("buy", 1), ("cart", 2)]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("ask", "nope"), 2, "'nope' is no question; it takes one of"),
        (("ask", "funnel.steps", "steps=view"), 2, "it takes 2 to 10"),
        (("ask", "overview.kpis", "from"), 2, "is no key=value"),
        (("ask",), 2, "ask --list lists them"),
        (("fly",), 2, "invalid choice: 'fly'"),
        (("users", "remove", "nobody"), 2, "there is no user 'nobody'"),
        (("demo",), 2, "choose an empty folder"),
        (("ask", "overview.kpis", "where=country"), 2, "at character 1 ('country'): no condition"),
        (("ask", "overview.kpis", "where=land=DE"), 2, "'land' is no dimension"),
        (("ask", "overview.kpis", "segment=nope"), 2, "there is no segment 'nope'"),
        (("segments", "save", "x"), 2, "a segment needs at least one condition"),
        (("segments", "save"), 2, "segments save needs a name and conditions"),
        (("segments", "remove", "nope"), 2, "there is no segment 'nope'"),
    ],
)
def test_errors_are_one_line_that_says_what_to_do(
    lake: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, says: str
) -> None:
    assert run(lake, *words) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err


def test_a_port_in_use_is_said(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run(lake, "serve", "--port", str(taken.getsockname()[1])) == 2
    assert "is in use" in capsys.readouterr().err


def test_doctor_and_maintain_report(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lake, "doctor") == 0
    report = capsys.readouterr().out
    assert "6 events, 2024-03-01 10:00:00 to 2024-03-02 09:00:00 UTC" in report
    assert "DuckDB" in report
    assert "findings     0 findings, 0 open, 0 alerts waiting" in report
    assert run(lake, "maintain") == 0
    assert "orphan files deleted" in capsys.readouterr().out


def test_doctor_counts_findings_and_alerts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = embedded(tmp_path).findings
    store.store(SCAN, [finding(f"f{number}") for number in range(1200)])
    store.store(SCAN, [passed("good"), finding("low", severity=Severity.LOW)])
    assert run(tmp_path, "doctor") == 0
    assert "findings     1,202 findings, 1,201 open, 1,200 alerts waiting" in capsys.readouterr().out


def test_the_demo_has_findings_and_making_it_again_adds_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = embedded(tmp_path).findings
    for number in range(2):
        assert run(tmp_path, "demo", "--days", "1", "--until", str(30 * number)) == 0
        events, findings = capsys.readouterr().out.splitlines()
        assert events.startswith("0 demo events") == bool(number)
        assert re.fullmatch(r"0 .*" if number else r"6\d\d demo findings in \d+\.\d s", findings)
        if not number:
            before = store.since(0, 10_000), store.scans(), store.revision()
    assert (store.since(0, 10_000), store.scans(), store.revision()) == before
    assert store.alerts(1) == []


def test_a_killed_demo_goes_on_with_the_findings_it_had_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, take_in = embedded(tmp_path).findings, demo_findings.take_in
    left = [3]

    def killed(*args: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return take_in(*args)

    with monkeypatch.context() as patched:
        patched.setattr(demo_findings, "take_in", killed)
        assert run(tmp_path, "demo", "--days", "1") == 1
    begun = {scan.id for scan, _ in store.scans()}
    assert len(begun) == 3
    assert run(tmp_path, "demo", "--days", "1") == 0
    assert begun < {scan.id for scan, _ in store.scans()}
    assert len(store.scans()) == 15


def test_the_demo_adds_no_findings_to_real_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = embedded(tmp_path).findings
    store.store(SCAN, [finding()])
    assert run(tmp_path, "demo", "--days", "1") == 0
    assert "no demo findings: there are findings already" in capsys.readouterr().out
    assert [row.key for row in store.since(0, 10)] == [finding().key]
    assert len(store.alerts(10)) == 1


def test_a_sign_in_link_is_printed(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lake, "sign-in-link") == 0
    assert capsys.readouterr().out.startswith("http://127.0.0.1:8050/sign-in/link?token=")


def test_people_of_some_sites(lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a long password\n"))
    assert run(lake, "users", "add", "sam", "--role", "ops", "--site", "shop", "--site", "blog") == 0
    capsys.readouterr()
    assert run(lake, "users", "list") == 0
    assert "sam  ops, blog, shop" in capsys.readouterr().out
    assert run(lake, "users", "remove", "sam") == 0


def test_permissions_are_printed(lake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lake, "permissions") == 0
    said = capsys.readouterr().out
    assert said in (Path(__file__).parents[2] / "docs" / "permissions.md").read_text()
    assert said.startswith("## Pages")
