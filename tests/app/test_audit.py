"""What leaves is noted first: a row for every download, whatever becomes of it, and nothing without one."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import re
import signal
import socket
import sqlite3
import sys
import time
from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from flask.testing import FlaskClient

from app.cli import main
from app.exports import NOT_NOTED
from app.factory import create_app
from data_access.audit import FIRST, verify
from data_access.audit_search import Row, Wanted, page
from data_access.aws.audit import AwsAudit
from data_access.aws.clients import Clients
from data_access.backends import Backends
from data_access.embedded.audit import EmbeddedAudit
from data_access.embedded.documents import EmbeddedDocuments
from data_access.model import Scope
from data_access.ports import AuditLog
from data_access.roles import EVERYWHERE
from data_access.settings import Settings, load
from data_access.users import LOCAL_ADMIN, User, make_token
from tests.app.conftest import by_link, sign_in
from tests.builders import after, embedded, event
from tests.door import Door
from tests.faults.gunicorn_server import running
from tests.forms import Forms

WAYS = {
    "/csv/explore.events?country=DE": ("export", "explore.events"),
    "/csv/events.mix?by=os&export=00112233445566aa": ("export", "events.mix"),
    "/manifest/events.mix?by=device": ("manifest", "events.mix"),
    "/csv/realtime": ("export", "realtime"),
    "/csv/reconciliation": ("export", "reconciliation"),
    "/csv/findings?state=all": ("export", "findings"),
    "/pack/findings": ("export", "findings pack"),
    "/csv/audit": ("export", "audit"),
}
every_way = pytest.mark.parametrize("way", WAYS)


@pytest.fixture
def backends(form: str, forms: Forms) -> Backends:
    """The shop on each form."""
    found: Backends = forms.shop(form)
    return found


@pytest.fixture
def app(form: str, forms: Forms) -> Any:
    return forms.app(form)


class Since:
    """The rows of a log that came after this was made, oldest first, without those about signing in."""

    def __init__(self, log: AuditLog) -> None:
        self._log, self._after = log, log.head().number

    @property
    def rows(self) -> list[Row]:
        found = page(self._log.newest, Wanted(), 1000).rows
        new = [row for row in reversed(found) if row.begun.number > self._after]
        return [row for row in new if not row.kind.startswith("sign_in.")]

    @property
    def one(self) -> Row:
        (row,) = self.rows
        return row


@pytest.fixture
def since(backends: Backends) -> Since:
    return Since(backends.audit)


def test_every_way_out_is_among_the_tested(app: Any) -> None:
    rules = {str(rule) for rule in app.server.url_map.iter_rules()}
    out = {rule for rule in rules if rule.startswith(("/csv", "/pack", "/manifest", "/download", "/export"))}
    tested = {way.partition("?")[0] for way in WAYS}
    questions = {"/csv/<question>", "/manifest/<question>"}
    assert out - questions == {way for way in tested if "." not in way}


def test_no_other_module_hands_out_files() -> None:
    root = Path(__file__).parents[2]
    files = re.compile(r"Content-Disposition|\bDownload\(|\bsend_(file|from_|data_frame|bytes|string)")
    modules = [path for folder in ("app", "pages") for path in (root / folder).rglob("*.py")]
    found = {path.name for path in modules if files.search(path.read_text("utf-8"))}
    assert found == {"exports.py", "live_files.py", "finding_files.py", "audit_files.py"}


def test_as_many_rows_as_downloads(client: FlaskClient, backends: Backends, since: Since) -> None:
    wanted = [*WAYS.items(), *list(WAYS.items())[:3]]
    contents = []
    for way, _ in wanted:
        answer = client.get(way)
        assert answer.status_code == 200, answer.text
        contents.append(answer.data)
    rows = since.rows
    assert [(row.kind, row.begun.subject) for row in rows] == [what for _, what in wanted]
    assert {row.last.outcome for row in rows} == {"finished"}
    assert [row.last.bytes for row in rows] == [len(content) for content in contents]
    assert [row.last.sha256 for row in rows] == [sha256(content).hexdigest() for content in contents]
    assert {(row.begun.user, row.begun.role, row.begun.sites) for row in rows} == {
        ("local admin", "admin", None)
    }
    for row, content in zip(rows, contents, strict=True):
        if row.kind == "export" and row.begun.subject != "findings pack":
            assert row.last.rows == len(list(csv.reader(io.StringIO(content.decode())))) - 1
    assert not verify(backends.audit.oldest, backends.audit.head).broken


def test_a_row_says_what_was_asked_for(client: FlaskClient, since: Since) -> None:
    client.get("/csv/explore.events?country=DE&limit=3&view=/explore&where=os%3DiOS%2CAndroid").close()
    parameters = since.one.begun.parameters
    assert set(parameters) == {"country", "where", "from", "to"}
    assert (parameters["country"], parameters["where"]) == ("DE", "country=DE;os=iOS,Android")
    assert parameters["from"] < parameters["to"]


def test_filters_that_come_more_than_once_are_all_noted(client: FlaskClient, since: Since) -> None:
    assert client.get("/csv/realtime?site=shop&site=blog").status_code == 200
    assert since.one.begun.parameters == {"site": ["shop", "blog"]}


@every_way
def test_it_is_noted_before_the_first_byte(way: str, client: FlaskClient, since: Since) -> None:
    answer = client.get(way, buffered=False)
    row = since.one
    assert (row.kind, row.begun.subject) == WAYS[way]
    assert (row.begun.outcome, row.ended) == ("started", None)
    assert (row.begun.rows, row.begun.bytes, row.begun.sha256) == (None, None, "")
    content = b"".join(answer.response)
    assert since.one.last.outcome == "finished"
    assert since.one.last.bytes == len(content)
    answer.close()
    assert len(since.rows) == 1
    assert since.one.last.outcome == "finished"


@every_way
def test_what_is_taken_no_further_has_failed(way: str, client: FlaskClient, since: Since) -> None:
    answer = client.get(way, buffered=False)
    first = next(iter(answer.response))
    answer.close()
    last = since.one.last
    assert (last.outcome, last.reason) == ("failed", "ReaderGone")
    assert (last.bytes, last.sha256) == (len(first), sha256(first).hexdigest())


def test_what_nobody_reads_has_failed_without_a_byte(client: FlaskClient, since: Since) -> None:
    answer = client.head("/csv/explore.events")
    assert answer.status_code == 200
    answer.close()  # as a server does
    last = since.one.last
    assert (last.outcome, last.reason, last.bytes, last.rows) == ("failed", "ReaderGone", 0, 0)


def test_what_breaks_off_has_failed_with_its_reason(
    client: FlaskClient, since: Since, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app import manifests

    left, to_csv = iter([True]), manifests.to_csv

    def breaking(*arguments: Any) -> bytes:
        if next(left, False):
            return to_csv(*arguments)
        raise OSError("the engine at /secret/path died")

    monkeypatch.setattr(manifests, "to_csv", breaking)
    answer = client.get("/csv/explore.events", buffered=False)
    with pytest.raises(OSError, match="engine"):
        answer.get_data()
    last = since.one.last
    assert (last.outcome, last.reason, last.rows) == ("failed", "OSError", 0)
    assert last.bytes
    assert "secret" not in last.text


def test_what_is_refused_leaves_no_row(app: Any, client: FlaskClient, since: Since) -> None:
    viewer = sign_in(app, "vera")
    stranger = app.server.test_client()
    for way in WAYS:
        assert viewer.get(way).status_code == 403
        assert stranger.get(way).status_code == 302
    assert client.get("/csv/no.such").status_code == 400
    assert client.get("/csv/events.mix?export=xyz").status_code == 400
    assert client.get("/csv/findings?state=odd").status_code == 400
    assert since.rows == []


def test_an_id_that_is_used_again_is_a_row_each_time(app: Any, since: Since) -> None:
    ana = sign_in(app, "ana")
    for _ in range(3):
        assert ana.get("/csv/events.mix?export=00112233445566bb").status_code == 200
    assert [(row.begun.user, row.begun.role) for row in since.rows] == [("ana", "analyst")] * 3
    assert len({row.begun.id for row in since.rows}) == 3


@pytest.mark.parametrize("own", ["shop", "blog"])
def test_nobody_takes_more_sites_away_than_the_role_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    """A viewer of all sites who is an analyst of one."""
    backends = embedded(tmp_path, [event(country="DE")])
    door = Door(backends)
    door.server()
    door.live.step()
    user = User("mia", {EVERYWHERE: "viewer", own: "analyst"}, LOCAL_ADMIN)
    monkeypatch.setattr("app.auth.load_user", lambda *_: user)
    client, since = by_link(create_app(backends), backends), Since(backends.audit)
    minutes = list(csv.DictReader(io.StringIO(client.get("/csv/realtime").text)))
    events = client.get("/csv/explore.events?from=2024-03-01&to=2024-03-01").text.splitlines()[1:]
    mine = int(own == "shop")
    assert (sum(int(row["events"]) for row in minutes), len(events)) == (mine, mine)
    assert [(row.begun.user, row.begun.sites) for row in since.rows] == [("mia", (own,))] * 2


def test_a_manifest_of_a_file_that_was_taken_reads_nothing_more(client: FlaskClient, since: Since) -> None:
    number = "00112233445566cc"
    assert client.get(f"/csv/events.mix?export={number}").data
    assert client.get(f"/manifest/events.mix?export={number}").status_code == 200
    assert [row.kind for row in since.rows] == ["export"]


def test_no_row_has_a_secret(client: FlaskClient, backends: Backends, since: Since) -> None:
    key = "sg_0123456789abcdefghijklmnopqrstuv"
    client.get(f"/csv/findings?token=hunter2hunter2&text={key}")
    client.get(f"/csv/realtime?site={key}&password=hunter2hunter2")
    texts = [kept.text for kept in backends.audit.newest()]
    kept = [json.dumps(dict(document.value)) for _, document in backends.documents.list("user")]
    hashes = [json.loads(text)["password_hash"] for text in kept]
    assert len(since.rows) == 2
    assert hashes
    for secret in (key, "hunter2hunter2", "$argon2", *hashes):
        assert not [text for text in texts if secret in text]


def without_log(form: str, backends: Backends, folder: Path) -> tuple[Backends, Path]:
    """The back ends with an audit log that is away: its table was dropped, or never made."""
    path = folder / "audit.db"
    log: AuditLog = EmbeddedAudit(path)
    drop(path)
    if form == "aws":
        log = AwsAudit(Clients(backends.settings), "nowhere")
    return replace(backends, audit=log), path


def inside(backends: Backends, before: Backends) -> FlaskClient:
    """A client of the app over some back ends, signed in while the audit log was there still."""
    signed_in = by_link(create_app(before), before)
    found: FlaskClient = create_app(backends).server.test_client()
    found.set_cookie("streamgauge", signed_in.get_cookie("streamgauge").value)
    return found


def drop(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("drop table records")
    db.close()


def test_what_cannot_be_noted_does_not_leave(
    form: str, backends: Backends, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken, _ = without_log(form, backends, tmp_path)
    client = inside(broken, backends)
    for way in WAYS:
        answer = client.get(way, buffered=False)
        assert answer.status_code == 503
        assert answer.mimetype == "text/plain"
        assert b"".join(answer.response).decode() == f"{NOT_NOTED}\n"
        assert "Content-Disposition" not in answer.headers
        answer.close()
    said = [record.getMessage() for record in caplog.records if "handed out" in record.getMessage()]
    assert len(said) == len(WAYS)


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_query_whose_rows_nobody_takes_is_ended(
    forms: Forms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """It could not be noted, or its head was all that was asked for."""
    whole, ended = forms.shop("embedded"), []
    backends = without_log("embedded", whole, tmp_path)[0] if method == "get" else whole

    def stream() -> Any:
        try:
            while True:
                yield pa.RecordBatch.from_pydict({"number": [1]})
        finally:
            ended.append(True)

    batches = stream()
    next(batches)  # the engine is at work
    export = replace(backends.asking.export("explore.events", {}, Scope("tester")), batches=batches)
    monkeypatch.setattr(type(backends.asking), "export", lambda *_: export)
    client = inside(backends, whole)
    answer = client.open("/csv/explore.events", method=method.upper(), buffered=False)
    assert answer.status_code == (503 if method == "get" else 200)
    answer.close()
    assert ended == [True]


def test_an_end_that_cannot_be_noted_leaves_started(
    tmp_path: Path, forms: Forms, caplog: pytest.LogCaptureFixture
) -> None:
    """All bytes are out by then; the log says that they began to leave."""
    path = tmp_path / "audit.db"
    backends = replace(forms.shop("embedded"), audit=EmbeddedAudit(path))
    client = by_link(create_app(backends), backends)
    whole = client.get("/csv/events.mix?by=os").data
    with closing(client.get("/csv/events.mix?by=os", buffered=False)) as answer:
        with sqlite3.connect(path) as db:
            db.execute("alter table records rename to elsewhere")
        db.close()
        assert b"".join(answer.response) == whole
    assert any("could not be noted: finished" in record.getMessage() for record in caplog.records)
    with sqlite3.connect(path) as db:
        db.execute("alter table elsewhere rename to records")
    db.close()
    rows = page(backends.audit.newest, Wanted(kind="export"), 9).rows
    assert [row.last.outcome for row in rows] == ["started", "finished"]


ROWS, TITLE = 12_000, "x" * 2_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a server whose export is larger than all buffers on its way."""
    folder = tmp_path_factory.mktemp("served")
    title = {"page_title": TITLE}
    embedded(folder, [event(at=after(milliseconds=10 * n), **title) for n in range(ROWS)])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = {"web_threads": 4, "demo": False, "demo_live": False}
    return load({"data_dir": folder / "data", "port": port} | more, {})


def begun(settings: Settings) -> http.client.HTTPResponse:
    """A download of all events of which some bytes have come, over a connection with a small window."""
    token = make_token(EmbeddedDocuments(settings.data_dir / "documents.db"))
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=60)
    connection.request("GET", f"/sign-in/link?token={token}")
    answer = connection.getresponse()
    cookie = str(answer.getheader("Set-Cookie")).partition(";")[0]
    connection.close()
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.settimeout(60)
    small.connect((settings.host, settings.port))
    path = "/csv/explore.events?from=2024-03-01&to=2024-03-01&bots=in"
    small.sendall(f"GET {path} HTTP/1.1\r\nHost: {settings.host}\r\nCookie: {cookie}\r\n\r\n".encode())
    found = http.client.HTTPResponse(small)
    small.close()  # the answer keeps it open
    found.begin()
    assert found.status == 200
    assert len(found.read(5_000)) == 5_000
    return found


@pytest.mark.faults
def test_a_server_notes_who_leaves_and_being_killed_leaves_started(served: Settings) -> None:
    with running(served) as worker:
        log = EmbeddedAudit(served.data_dir / "audit.db")
        gone = begun(served)
        since = Since(log)
        assert page(log.newest, Wanted(), 9).rows[0].last.outcome == "started"
        gone.close()
        first = until_ended(log)
        assert (first.last.outcome, first.last.reason) == ("failed", "ReaderGone")
        assert 5_000 <= (first.last.bytes or 0) < ROWS * len(TITLE)
        killed = begun(served)
        os.kill(worker, signal.SIGKILL)
        with pytest.raises((http.client.IncompleteRead, OSError)):
            killed.read()
        killed.close()
    assert since.one.begun.outcome == "started"
    assert since.one.ended is None
    assert not verify(log.oldest, log.head).broken


def until_ended(log: AuditLog) -> Row:
    """The newest row as soon as it has an end."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = page(log.newest, Wanted(), 1).rows[0]
        if row.ended:
            return row
        time.sleep(0.02)  # another process writes it; there is nothing else to wait on
    raise AssertionError("the end was not noted")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data with two events."""
    embedded(tmp_path, [event(country="DE"), event(country="FR")])
    return tmp_path


def run(folder: Path, *words: str) -> int:
    return main([*words, "--data-dir", str(folder / "data")])


def taken(folder: Path, country: str) -> None:
    period = ("from=2024-03-01", "to=2024-03-01")
    assert run(folder, "ask", "explore.events", f"country={country}", *period, "--format", "csv") == 0


@pytest.fixture
def said(capfdbinary: pytest.CaptureFixture[bytes]) -> Any:
    """What a command printed since the last time, as lines."""

    def lines() -> list[str]:
        sys.stdout.flush()
        return capfdbinary.readouterr().out.decode().splitlines()

    return lines


def test_the_command_line_notes_what_it_writes_and_lists_it(folder: Path, said: Any) -> None:
    taken(folder, "DE")
    taken(folder, "FR")
    assert run(folder, "ask", "explore.events", "country=\x1b", "from=2024-03-01", "--format", "csv") == 0
    said()
    assert run(folder, "audit", "list") == 0
    newest, middle, oldest, count = said()
    assert count == "3 shown"
    assert "\x1b" not in newest
    assert "command line  (admin, all sites)  export  explore.events" in middle
    assert "country=FR from=2024-03-01 to=2024-03-01" in middle
    assert "finished  1 rows" in middle
    assert "country=DE" in oldest
    assert run(folder, "audit", "list", "--limit", "1") == 0
    assert said() == [newest, "1 shown, there are more: --limit"]
    for filters, shown in (
        (["--find", "country\":\"DE"], 1),
        (["--user", "command line"], 3),
        (["--user", "ana"], 0),
        (["--question", "explore.events", "--outcome", "finished"], 3),
        (["--since", "2024-01-01", "--until", "2024-01-02"], 0),
        (["--since", "2024-01-01T00:00+02:00"], 3),
    ):  # fmt: skip
        assert run(folder, "audit", "list", *filters) == 0
        assert said()[-1] == f"{shown} shown"


def test_verify_says_how_many_or_where_it_breaks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken(folder, "DE")
    taken(folder, "FR")
    capsys.readouterr()
    assert run(folder, "audit", "verify") == 0
    line = capsys.readouterr().out.strip()
    assert line.startswith("4 records, whole; head ")
    head = line.rpartition(" ")[2]
    taken(folder, "DE")
    capsys.readouterr()
    assert run(folder, "audit", "verify", "--head", head) == 0
    assert run(folder, "audit", "verify", "--head", "1" * 64) == 1
    assert "no record has the hash noted earlier" in capsys.readouterr().err
    with sqlite3.connect(folder / "data" / "audit.db") as db:
        db.execute("drop trigger records_stay_as_they_are")
        db.execute("update records set text = replace(text, 'DE', 'FR') where number = 2")
    db.close()
    assert run(folder, "audit", "verify") == 1
    error = capsys.readouterr().err
    assert "not as it was written, first at record 2: it was changed" in error
    assert error.count("\n") == 1


def test_the_whole_log_as_a_file_can_be_verified_without_us(folder: Path, said: Any) -> None:
    taken(folder, "DE")
    file = folder / "audit.csv"
    assert run(folder, "audit", "export", str(file)) == 0
    assert said()[-1] == f"{file}: 3 records"
    assert file.stat().st_mode & 0o077 == 0
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert [row["what"] for row in rows] == ["export.started", "export.finished", "export.started"]
    previous = FIRST
    for row in rows:
        assert sha256(row["record"].encode()).hexdigest() == row["hash"]
        assert json.loads(row["record"])["previous"] == previous
        previous = row["hash"]
    assert rows[2]["subject"] == "audit"
    log = EmbeddedAudit(folder / "data" / "audit.db")
    newest = page(log.newest, Wanted(), 1).rows[0]
    assert (newest.last.outcome, newest.last.rows) == ("finished", 3)
    assert newest.last.sha256 == sha256(file.read_bytes()).hexdigest()


def test_an_export_of_some_rows_has_both_ends_and_no_formula(folder: Path, said: Any) -> None:
    taken(folder, "DE")
    embedded_log = EmbeddedAudit(folder / "data" / "audit.db")
    from data_access.audit import Entry, Who

    embedded_log.append(Entry(what="user.added", who=Who("=1+1", "admin"), outcome="done", subject="@ana"))
    file = folder / "some.csv"
    assert run(folder, "audit", "export", str(file), "--find", "=1+1") == 0
    with file.open(newline="") as text:
        (row,) = csv.DictReader(text)
    assert (row["user"], row["subject"]) == ("'=1+1", "'@ana")
    both = folder / "both.csv"
    assert run(folder, "audit", "export", str(both), "--question", "explore.events") == 0
    with both.open(newline="") as text:
        assert [row["number"] for row in csv.DictReader(text)] == ["1", "2"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("export",), "audit export needs the name of a file to write"),
        (("export", "taken.csv"), "is there already"),
        (("list", "x.csv"), "audit list takes no file"),
        (("list", "--since", "yesterday"), "'yesterday' is no time"),
        (("list", "--limit", "0"), "--limit takes a number from 1 on"),
        (("verify", "--head", "abc"), "64 hexadecimal digits"),
    ],
)
def test_errors_say_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken.csv").touch()
    assert run(tmp_path, "audit", *words) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
