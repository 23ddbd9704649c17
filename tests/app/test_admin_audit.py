"""The admin page's tab with the audit log."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from data_access.audit import Entry, Who
from data_access.audit_search import Wanted, page
from data_access.backends import Backends
from data_access.changes import noted
from data_access.embedded.audit import EmbeddedAudit
from data_access.users import add_user
from tests.app.callbacks import draw, elements
from tests.app.conftest import PASSWORD, by_link, sign_in, with_people
from tests.app.live_parts import said
from tests.app.test_connect import call
from tests.builders import embedded

PATH = "/admin"
ANA, BOB = Who("ana", "admin"), Who("bob", "viewer", frozenset({"shop"}))
SHA = "ab" * 32


class Clock:
    """A minute later whenever it is asked, from 2026-11-20 22:00 UTC on."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 20, 22, tzinfo=UTC)

    def __call__(self) -> float:
        self.at += timedelta(minutes=1)
        return self.at.timestamp()


@pytest.fixture
def live(tmp_path: Path) -> Backends:
    opened = embedded(tmp_path, time_zone="Asia/Tokyo")
    return replace(opened, audit=EmbeddedAudit(tmp_path / "own.db", Clock()))


@pytest.fixture
def admin(live: Backends) -> FlaskClient:
    """Signed in, which is record 1."""
    return by_link(with_people(live), live)


def fill(live: Backends) -> None:
    """A change, a download, a failed change and two sign-ins: records 2 to 9."""
    with noted(live.audit, ANA, "changed", "site shop", currency="USD"):
        pass
    about = Entry(
        what="export.started",
        id="d1",
        who=BOB,
        subject="findings",
        outcome="started",
        parameters={"state": "open"},
    )
    live.audit.append(about)
    done = replace(about, what="export.finished", outcome="finished", rows=1234, bytes=56789, sha256=SHA)
    live.audit.append(done)
    with pytest.raises(OSError, match="x"), noted(live.audit, ANA, "removed", "user bob"):
        raise OSError("x")
    live.audit.append(
        Entry(what="sign_in.done", who=BOB, subject="password", outcome="finished", parameters={})
    )
    live.audit.append(
        Entry(
            what="sign_in.failed",
            who=Who("not signed in", "", frozenset()),
            subject="password",
            outcome="failed",
            parameters={"name": "<b>eve</b>"},
        )
    )


def listed(client: FlaskClient, search: str = "") -> Any:
    return json.loads(draw(client, "admin-audit-list", search, PATH))["response"]["admin-audit-list"]


def lines(client: FlaskClient, search: str = "") -> list[str]:
    """The words of the line of each row."""
    drawn = listed(client, search)
    found: list[str] = []

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            for name, inner in part.items():
                walk(json.loads(inner) if name == "data-sg-plain" else inner)
        elif isinstance(part, list):
            if part[:1] == ["summary"]:
                found.append(" ".join(words(part).split()))
            for inner in part:
                walk(inner)

    walk(drawn)
    return found


def words(node: Any) -> str:
    return node if isinstance(node, str) else " ".join(words(child) for child in node[2:])


def test_rows_say_who_did_what_when_and_how_it_went(admin: FlaskClient, live: Backends) -> None:
    fill(live)
    found = [line.replace("\u202f", " ") for line in lines(admin)]
    assert found == [
        "21 Nov 2026 07:09:00 not signed in Failed sign-in by password, as <b>eve</b> Failed",
        "21 Nov 2026 07:08:00 bob viewer Sign-in by password Finished",
        "21 Nov 2026 07:06:00 ana admin Change removed user bob Failed",
        "21 Nov 2026 07:04:00 bob viewer Download findings Finished 1,234 56.8 kB",
        "21 Nov 2026 07:02:00 ana admin Change changed site shop Finished",
        "21 Nov 2026 07:01:00 local admin admin Sign-in by link Finished",
    ]
    assert "6 rows, #9 to #1. Times in Asia/Tokyo." in said(listed(admin))


def test_a_row_opens_to_its_whole_record(admin: FlaskClient, live: Backends) -> None:
    fill(live)
    text = said(listed(admin, f"?text={SHA}"))
    kept = {one.number: one for one in live.audit.oldest()}
    for expected in (
        "Began 21 Nov 2026 07:04:00.000 Asia/Tokyo Ended 21 Nov 2026 07:05:00.000 Asia/Tokyo",
        "Who bob (viewer, shop)",
        "What Download: findings",
        "Outcome Finished. The last byte was handed to the connection.",
        "Rows 1,234 rows Size 56.8 kB (56,789 bytes)",
        f"SHA-256 {SHA} Shared id d1",
        f"Record #4 export.started , hash {kept[4].hash}",
        f"Record #5 export.finished , hash {kept[5].hash}",
        '"state": "open"',
    ):
        assert expected in text, expected
    text = said(listed(admin, "?about=user%20bob"))
    assert "It was not made, or not all of it. Reason OSError" in text


@pytest.mark.parametrize(
    ("search", "numbers"),
    [
        ("?user=ANA", [6, 2]),
        ("?user=an", []),
        ("?kind=change", [6, 2]),
        ("?kind=sign_in.failed", [9]),
        ("?about=findings", [4]),
        ("?outcome=failed", [9, 6]),
        ("?outcome=failed&kind=change", [6]),
        ("?text=CURRENCY", [2]),
        (f"?text={SHA}", [4]),
        ("?text=oserror", [6]),
        ("?since=2026-11-21", [9, 8, 6, 4, 2, 1]),
        ("?since=2026-11-22", []),
        ("?until=2026-11-21", [9, 8, 6, 4, 2, 1]),
        ("?until=2026-11-20", []),
        ("?site=blog&from=2020-01-01", [9, 8, 6, 4, 2, 1]),
    ],
)
def test_filters_leave_what_they_say_on_the_page_and_in_the_file(
    admin: FlaskClient, live: Backends, search: str, numbers: list[int]
) -> None:
    fill(live)
    text = said(listed(admin, search))
    shown = [number for number in (9, 8, 6, 4, 2, 1) if f"Record #{number} " in text]
    assert shown == numbers
    assert ("No record is like that" in text) == (not numbers)
    file = admin.get(f"/csv/audit{search}")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    ends = {2: 3, 4: 5, 6: 7}
    every = sorted([*numbers, *(ends[one] for one in numbers if one in ends)])
    own = [10] if search.startswith("?site") else []  # all of the log, and so that it is taken as well
    assert [int(row["number"]) for row in rows] == [*every, *own]


@pytest.mark.parametrize("search", ["?since=yesterday", "?until=9999-12-31", "?since=2026-13-01", "?since=1"])
def test_a_day_that_is_none_is_named(admin: FlaskClient, search: str) -> None:
    assert "is no day; it takes 2026-11-22" in said(listed(admin, search))
    answer = admin.get(f"/csv/audit{search}")
    assert answer.status_code == 400
    assert "is no day" in answer.text


def test_days_begin_in_the_zone_of_the_page(admin: FlaskClient, live: Backends) -> None:
    """Record 1 is of 22:01 UTC, 07:01 of the next day in Tokyo."""
    assert len(lines(admin, "?since=2026-11-21&until=2026-11-21")) == 1
    assert lines(admin, "?since=2026-11-20&until=2026-11-20") == []


def links(drawn: Any) -> dict[str, str]:
    """The links of the foot, by their words."""
    found: dict[str, str] = {}

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if part.get("type") == "Link":
                found[said(part["props"]["children"])] = unquote(part["props"]["href"])
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list):
            for inner in part:
                walk(inner)

    walk(drawn)
    return found


def test_pages_go_on_and_back_with_their_place_in_the_url(admin: FlaskClient, live: Backends) -> None:
    for number in range(120):
        with noted(live.audit, ANA, "changed", f"site s{number:03}"):
            pass
    seen: list[str] = []
    ways: list[str] = []
    search = "?tab=audit&user=ana"
    while True:
        drawn, ways = listed(admin, search), [*ways, search]
        seen += [line.split("site ")[1].split()[0] for line in lines(admin, search)]
        turns = links(drawn)
        if "Older" not in turns:
            break
        search = turns["Older"].removeprefix(PATH)
        if len(ways) == 1:
            with noted(live.audit, ANA, "changed", "site new"):
                pass  # what comes meanwhile shifts nothing
    assert seen == [f"s{number:03}" for number in reversed(range(120))]
    assert len(ways) == 3
    back = [ways[-1]]
    while "Newer" in (turns := links(listed(admin, back[-1]))):
        back.append(turns["Newer"].removeprefix(PATH))
    assert back == list(reversed(ways))
    assert lines(admin, ways[0])[0].endswith("changed site new Finished")


def test_a_place_that_is_none_is_told(admin: FlaskClient) -> None:
    assert "this is no place in the audit log" in said(listed(admin, "?start=abc"))
    assert "No record is like that" in said(listed(admin, "?start=1.1"))


def test_an_empty_log(live: Backends, tmp_path: Path) -> None:
    admin = by_link(with_people(live), live)
    (tmp_path / "own.db").unlink()
    replaced = EmbeddedAudit(tmp_path / "own.db")
    assert list(replaced.newest()) == []
    object.__setattr__(live, "audit", replaced)
    assert "Nothing was noted yet" in said(listed(admin))


def test_a_long_list_of_parameters_is_cut_on_the_page(admin: FlaskClient, live: Backends) -> None:
    live.audit.append(
        Entry(
            what="export.started",
            who=ANA,
            subject="long",
            outcome="started",
            parameters={"where": "x" * 50_000},
        )
    )
    text = said(listed(admin, "?about=long"))
    assert "… and 30,0" in text
    assert "more, which the CSV has" in text
    assert "On its way, or nobody could note its end: all of it may have left." in text


def test_only_admins_of_all_sites_read_it(live: Backends, admin: FlaskClient) -> None:
    add_user(live.documents, "sam", PASSWORD, "admin", ["shop"])
    app = create_app(live)
    for name in ("vera", "otto", "sam"):
        client = sign_in(app, name)
        assert client.get("/csv/audit").status_code == 403
        for card in ("admin-audit-list", "admin-audit-chain"):
            assert chain(client, card=card) == 403


# The chain


def chain(client: FlaskClient, found: Any = None, card: str = "admin-audit-chain") -> Any:
    if card == "admin-audit-list":
        inputs: list[Any] = [("url", "search", ""), ("retry", "data", None)]
        state: list[Any] = [("url", "pathname", PATH)]
    else:
        inputs = [("retry", "data", None), ("admin-audit-verdict", "data", found)]
        state = [("url", "pathname", PATH), ("url", "search", "")]
    answer = call(client, [f"{card}.children"], inputs, state, "admin-audit-verdict.data" if found else "")
    return answer if answer == 403 else answer[card]


def verified(client: FlaskClient, noted: str = "") -> Any:
    """The chain's card after the button was pressed."""
    inputs = [("admin-audit-verify", "n_clicks", 1)]
    state = [("admin-audit-noted", "value", noted)]
    found = call(client, ["admin-audit-verdict.data"], inputs, state, "admin-audit-verify.n_clicks")
    return chain(client, found["admin-audit-verdict"]["data"])


def test_the_head_is_shown_to_be_copied(admin: FlaskClient, live: Backends) -> None:
    fill(live)
    drawn = chain(admin)
    head = live.audit.head().hash
    assert f"9 records. Keep this head where nobody who writes here can write: {head}" in said(drawn)
    assert "data-sg-copy" in json.dumps(drawn)
    assert "data-sg-focus" not in json.dumps(drawn)


def test_a_whole_chain_is_said_to_be(admin: FlaskClient, live: Backends) -> None:
    fill(live)
    noted_head = live.audit.head().hash
    drawn = verified(admin)
    assert "The chain is whole 9 records, each as it was written. Checked at " in said(drawn)
    assert "Asia/Tokyo" in said(drawn)
    assert "data-sg-focus" in json.dumps(drawn), "work goes on there"
    assert "status" in {one.get("role") for one in elements(json.dumps(drawn))}
    live.audit.append(Entry(what="sign_in.ended", who=ANA, subject="session", outcome="finished"))
    text = said(verified(admin, f" {noted_head.upper()} "))
    assert "10 records, each as it was written. The head noted earlier is among them." in text


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("update records set text = replace(text, 'USD', 'EUR') where number = 2", "#2 It was changed"),
        ("delete from records where number = 4", "#4 It is missing"),
        ("delete from records where number = 9", "#9 It is missing"),
    ],
)
def test_a_broken_chain_says_where_and_why(
    admin: FlaskClient, live: Backends, tmp_path: Path, broken: str, says: str
) -> None:
    fill(live)
    with closing(sqlite3.connect(tmp_path / "own.db", isolation_level=None)) as db:
        for name in ("records_stay", "records_stay_as_they_are"):
            db.execute(f"drop trigger if exists {name}")
        db.execute(broken)
    text = said(verified(admin))
    assert f"The log is not as it was written, first at record {says}" in text
    number = int(says[1])
    assert f"Whole before it: {number - 1} record" in text


def test_a_head_that_is_not_in_the_chain_is_found(admin: FlaskClient, live: Backends) -> None:
    assert "no record has the hash noted earlier" in said(verified(admin, "1" * 64)).lower()
    text = said(verified(admin, "abc"))
    assert "Nothing was checked A head is a hash of 64 hexadecimal digits" in text


def test_a_log_that_is_away_is_told(admin: FlaskClient, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "own.db")) as db:
        db.execute("drop table records")
    assert "The log could not be read It has been logged; try again." in said(verified(admin))
    assert "The answer did not arrive" in said(listed(admin))
    with closing(sqlite3.connect(tmp_path / "own.db")) as db:
        db.execute("drop table head")
    assert "The audit log could not be read" in said(chain(admin))
    assert admin.get("/csv/audit").status_code == 503


def test_what_a_browser_makes_up_of_a_verdict_harms_nobody(admin: FlaskClient) -> None:
    for found in ({"at": "x", "good": "yes"}, {"title": "<script>", "text": 7}, {"a": 1}):
        assert "Checked at" in said(chain(admin, found))


# The file


def test_the_file_is_noted_and_has_what_the_page_shows(admin: FlaskClient, live: Backends) -> None:
    fill(live)
    answer = admin.get(f"/csv/audit?user={quote('bob')}")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["what"] for row in rows] == ["export.started", "export.finished", "sign_in.done"]
    assert rows[1]["sha256"] == SHA
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="streamgauge_audit_')
    newest = page(live.audit.newest, Wanted(), 1).rows[0]
    assert (newest.begun.user, newest.begun.subject, newest.last.rows) == ("local admin", "audit", 3)
    assert newest.begun.parameters == {"user": "bob"}
