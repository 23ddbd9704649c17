"""The Findings page: which findings it is about, its figures, its list, and what it lets people do."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from data_access import moments
from data_access.audit_search import Wanted, page
from data_access.backends import Backends
from data_access.findings import Change, Compliance, Finding, Scan, Severity, Status
from data_access.model import Scope, UsageError
from pages.parts import (
    finding_bar,
    finding_cards,
    finding_course,
    finding_details,
    finding_form,
    finding_groups,
    finding_scans,
    finding_table,
    finding_words,
    finding_work,
)
from pages.parts.finding_desk import PATH, VIEW_STORE, Desk
from pages.parts.view import View
from tests.app.callbacks import URL
from tests.app.conftest import SAME, by_link, sign_in, with_people
from tests.app.live_parts import said
from tests.builders import embedded, event
from tests.findings import DAY, MONDAY, finding, passed
from tests.forms import Forms, only_embedded

NOW = MONDAY + 40 * DAY
TUESDAY = Scan("scan-2", "tuesday.json", MONDAY + DAY, "ann")


@pytest.fixture
def backends(form: str, forms: Forms, tmp_path: Path) -> Backends:
    return forms.new(form, tmp_path)


@pytest.fixture
def app(backends: Backends) -> Any:
    return with_people(backends)


@pytest.fixture
def client(app: Any, backends: Backends) -> FlaskClient:
    return by_link(app, backends)


def desk(backends: Backends, now: int = NOW, **raw: str) -> Desk:
    return Desk(View(backends, PATH, raw, Scope("ann")), now)


def store(backends: Backends, *findings: Finding, scan: Scan | None = None) -> None:
    backends.findings.store(scan or Scan("scan-1", "monday.json", MONDAY, "ann"), findings)


def ids(found: Desk) -> list[str]:
    """The ids of a page of the list, in its order."""
    name, down = finding_table.sorting(found)
    keys = found.index.page(found.select(found.wanted), name, down=down, start=0, count=100)
    return [row.id for row in found.view.backends.findings.rows(keys)]


def words(component: Any) -> str:
    """What a drawn part says."""
    return said(json.loads(json.dumps(component, default=lambda part: part.to_plotly_json())))


def mixed(backends: Backends) -> None:
    """Findings of every state, three accounts and four severities."""
    store(
        backends,
        finding("bad", severity=Severity.CRITICAL, account="1", control="c,1"),
        finding("worse", MONDAY + 38 * DAY, severity=Severity.HIGH, account="2"),
        finding("small", severity=Severity.LOW, account="2", region="", resource_id="arn:aws:s3:::pictures"),
        passed("fine", account="2", severity=Severity.LOW),
        finding("quiet", severity=Severity.MEDIUM, account="3"),
        finding("done", severity=Severity.MEDIUM, account="3"),
    )
    for name, change in (
        ("quiet", Change(status=Status.SUPPRESSED, reason="known", until=NOW + DAY)),
        ("done", Change(status=Status.RESOLVED)),
        ("bad", Change(assignee="ann")),
    ):
        (key,) = backends.findings.named(name)
        backends.findings.change({key: 0}, change, "ann", MONDAY + 2 * DAY)


@pytest.fixture(scope="module")
def mixtures(forms: Forms, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Backends]:
    """Back ends with mixed findings, by form."""

    @cache
    def opened(form: str) -> Backends:
        backends = forms.new(form, tmp_path_factory.mktemp(form))
        mixed(backends)
        return backends

    return opened


@pytest.fixture
def of_mixed(mixtures: Callable[[str], Backends], form: str) -> Backends:
    """Mixed findings, for tests that only read."""
    return mixtures(form)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({}, ["bad", "worse", "small"]),
        ({"state": "passed"}, ["fine"]),
        ({"state": "suppressed"}, ["quiet"]),
        ({"state": "resolved"}, ["done"]),
        ({"state": "all", "severity": "MEDIUM"}, ["done", "quiet"]),
        ({"severity": "LOW,CRITICAL"}, ["bad", "small"]),
        ({"account": "2"}, ["worse", "small"]),
        ({"control": "c\\,1"}, ["bad"]),
        ({"cloud_region": "–"}, ["small"]),
        ({"assignee": "ann"}, ["bad"]),
        ({"assignee": "–"}, ["worse", "small"]),
        ({"q": "PICTURES"}, ["small"]),
        ({"opened": "week"}, ["worse"]),
        ({"overdue": "yes"}, ["bad"]),
        ({"sort": "account", "order": "down", "state": "open"}, ["worse", "small", "bad"]),
        ({"sort": "updated"}, ["worse", "bad", "small"]),
    ],
)
def test_the_url_says_which_findings(of_mixed: Backends, raw: dict[str, str], found: list[str]) -> None:
    order = ids(desk(of_mixed, **raw))
    assert sorted(order) == sorted(found)
    if "sort" in raw or not raw:
        assert order[0] == found[0]


@pytest.mark.parametrize(
    "raw",
    [
        {"state": "shut"},
        {"sort": "colour"},
        {"order": "sideways"},
        {"limit": "1000000"},
        {"start": "-1"},
        {"outcome": "odd"},
        {"outcome": "new"},
        {"scan_from": "nobody"},
        {"by": "mood"},
        {"from": "2030-01-01", "to": "2030-01-02"},
        {"from": "2020-01-01", "to": "2026-01-01"},
    ],
)
def test_what_the_url_cannot_ask_is_explained(of_mixed: Backends, raw: dict[str, str]) -> None:
    found = desk(of_mixed, **raw)
    name = next(iter(raw))
    draws = {"by": finding_groups.draw, "scan_from": finding_scans.draw, "from": finding_course.draw_trend}
    with pytest.raises(UsageError, match=r"it takes|no two scans|no such scan|yet to come|longer than"):
        draws.get(name, lambda at: finding_table.draw(at, picking=True))(found)


def test_figures_count_open_findings_whatever_their_severity(of_mixed: Backends) -> None:
    text = words(finding_cards.draw_figures(desk(of_mixed, severity="LOW", account="1,2")))
    figures = dict(re.findall(r"(Open|Critical|High|Medium|New this week|Overdue) (\d+)", text))
    assert figures == {
        "Open": "3",
        "Critical": "1",
        "High": "1",
        "Medium": "0",
        "New this week": "1",
        "Overdue": "1",
    }
    assert "+1 in 7 days" in text
    assert "33.3 % of open" in text


def test_a_finding_that_closed_counts_as_fewer(backends: Backends) -> None:
    store(backends, finding("a"), finding("b"))
    store(backends, passed("b", NOW - DAY), scan=TUESDAY)
    assert "Open 1 Down −1 in 7 days" in words(finding_cards.draw_figures(desk(backends)))


def test_ages_are_told_against_targets(of_mixed: Backends) -> None:
    text = words(finding_cards.draw_ages(desk(of_mixed)))
    assert "Critical 7 d 1 0 % 1 40 d 40 d" in text
    assert "High 30 d 1 100 % 0 2 d 2 d" in text


def test_groups_say_how_many_resources_have_the_problem(backends: Backends) -> None:
    store(
        backends,
        *(finding(f"f{number}", control="c1", resource_id=f"r{number % 2}") for number in range(3)),
        *(passed(f"p{number}", control="c1", resource_id=f"q{number}") for number in range(9)),
    )
    text = words(finding_groups.draw(desk(backends)))
    assert "c1 3 2 of 11 75 %" in text


def test_groups_are_about_every_state(of_mixed: Backends) -> None:
    text = words(finding_groups.draw(desk(of_mixed, state="resolved", by="account")))
    assert "1 1 1 of 1" in text


def test_scans_are_compared_and_filter(backends: Backends) -> None:
    store(backends, finding("gone"), finding("fixed"), finding("same"))
    later = (passed("fixed", MONDAY + DAY), finding("same"), finding("new", MONDAY + DAY))
    store(backends, *later, scan=TUESDAY)
    found = desk(backends)
    assert found.scans == ("scan-1", "scan-2")
    for outcome in ("new", "fixed", "gone", "same"):
        assert ids(desk(backends, outcome=outcome, state="all")) == [outcome]
    assert ids(desk(backends, outcome="new", state="all", scan_from="scan-2", scan_to="scan-1")) == [
        "fixed",
        "gone",
    ]
    assert "New 1" in words(finding_scans.draw(found))


def test_one_scan_has_nothing_to_compare_with(of_mixed: Backends) -> None:
    assert "two are needed" in words(finding_scans.draw(desk(of_mixed)))


def test_the_trend_ends_now(backends: Backends) -> None:
    store(backends, finding("a"), finding("b", MONDAY + DAY))
    store(backends, passed("a", MONDAY + 3 * DAY), scan=TUESDAY)
    found = desk(backends, **{"from": "2026-03-09", "to": "2026-03-13"})
    assert finding_course._counts(found, found.days).sum(axis=1).tolist() == [1, 2, 2, 1, 1]
    assert len(found.days.days) == 5
    assert len(desk(backends).days.days) == 90


@only_embedded  # of 20 scans, which take their time; the counts it goes by are the trend's
def test_the_burn_down_says_where_the_pace_leads(backends: Backends) -> None:
    store(backends, *(finding(f"f{number}", MONDAY) for number in range(30)))
    for day in range(1, 21):
        scan = Scan(f"day-{day}", "day", MONDAY, "ann")
        store(backends, passed(f"f{day - 1}", MONDAY + day * DAY - DAY // 2), scan=scan)
    found = desk(backends, MONDAY + 20 * DAY + 1)
    assert "10 open, 1.0 fewer a day" not in words(finding_course.draw_burn_down(found))  # never below none
    assert "10 open, 0.3 fewer a day: about 0 on" in words(finding_course.draw_burn_down(found))
    few = desk(backends, MONDAY + 3 * DAY)
    assert "A forecast needs 7 days" in words(finding_course.draw_burn_down(few))


def test_nothing_open_is_said(backends: Backends) -> None:
    store(backends, passed("a"))
    found = desk(backends)
    for draw in (finding_cards.draw_severity, finding_cards.draw_ages, finding_course.draw_burn_down):
        assert "Nothing is open" in words(draw(found))
    content, total = finding_table.draw(found, picking=False)
    assert (words(content)[:26], total) == ("No open findings match Try", 0)


def test_without_findings_the_page_says_how_to_bring_them(backends: Backends) -> None:
    assert "import --as findings" in words(finding_cards.draw_figures(desk(backends)))


def test_the_list_pages(backends: Backends) -> None:
    store(backends, *(finding(f"f{number:03}") for number in range(120)))
    content, total = finding_table.draw(desk(backends, start="50", limit="50"), picking=True)
    assert total == 120
    assert "51 to 100 of 120 findings" in words(content)
    beyond, _ = finding_table.draw(desk(backends, start="5000", limit="50"), picking=True)
    assert "101 to 120 of 120 findings" in words(beyond)


def test_chips_take_one_filter_away(backends: Backends) -> None:
    chips = finding_bar.draw_chips(desk(backends, severity="HIGH,LOW", q="bucket", overdue="yes", start="50"))
    links = {words(chip.children): chip.href for chip in chips}
    assert links["Remove filter Severity: High"] == f"{PATH}?severity=LOW&q=bucket&overdue=yes"
    assert links["Remove filter Search: bucket"] == f"{PATH}?severity=HIGH,LOW&overdue=yes"
    assert set(links) == {
        "Remove filter Severity: High",
        "Remove filter Severity: Low",
        "Remove filter Overdue",
        "Remove filter Search: bucket",
    }


def test_choices_hold_what_there_is_and_what_is_chosen(of_mixed: Backends) -> None:
    found = finding_bar.options(desk(of_mixed, account="9").view, "account")
    assert {one["value"] for one in found} == {"1", "2", "3", "9"}
    nobody = finding_bar.options(desk(of_mixed).view, "assignee")
    assert {"value": "–", "label": "(nobody)"} in nobody


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("https://docs.example/a", "https://docs.example/a"),
        (" http://docs.example ", "http://docs.example"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//docs.example", None),
        ("https://[broken", None),
        ("", None),
    ],
)
def test_only_web_pages_are_linked(text: str, link: str | None) -> None:
    assert finding_details.web_link(text) == link


def test_a_finding_in_full(of_mixed: Backends) -> None:
    (key,) = of_mixed.findings.named("quiet")
    kept = of_mixed.findings.get(key)
    assert kept is not None
    text = words(finding_details.draw(desk(of_mixed), kept))
    assert "Muted until 19 Apr 2026 00:00: known" in text
    assert "Block public access." in text
    more = words(finding_details.draw_more(desk(of_mixed), kept))
    assert "Resources (1) arn:aws:s3:::quiet" in more
    assert "ann Status: New → Muted Reason: – → known" in more
    assert "Problem found · provider" in more


def test_every_resource_of_a_document_is_listed() -> None:
    document = json.dumps({"Resources": [{"Type": "A", "Id": "one"}, {"Type": "B", "Id": "two"}, 7]}).encode()
    assert finding_details.resources(finding(document=document)) == [("A", "one"), ("B", "two")]
    assert finding_details.resources(finding(document=b"[]")) == [("AwsS3Bucket", "arn:aws:s3:::a")]


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (0, "0\u202fmin"),
        (59 * 60_000_000, "59\u202fmin"),
        (119 * 60_000_000, "119\u202fmin"),
        (3 * 3_600_000_000, "3\u202fh"),
        (47 * 3_600_000_000, "47\u202fh"),
        (48 * 3_600_000_000, "2\u202fd"),
        (4000 * DAY, "4,000\u202fd"),
    ],
)
def test_ages(age: int, text: str) -> None:
    assert finding_words.age(age) == text


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ("arn:aws:s3:::pictures", "pictures"),
        ("arn:aws:ec2:eu-west-1:1:instance/i-1", "i-1"),
        ("plain", "plain"),
        ("", ""),
        ("ends/", "ends/"),
    ],
)
def test_resources_are_cut_to_what_tells_them_apart(resource: str, text: str) -> None:
    assert finding_words.short(resource) == text


def test_a_form_becomes_a_change(backends: Backends) -> None:
    view = desk(backends).view

    def change(*given: Any) -> Change:
        return finding_form.change_of(view, *given)

    assert change("keep", "", None, "ann", " look ") == Change(None, "ann", "look")
    assert change("keep", None, None, "–", None) == Change(None, "")
    end = moments.utc(change("SUPPRESSED", " why ", "2026-12-31", "keep", "").until or 0)
    assert f"{end:%Y-%m-%d %H:%M:%S}" == "2026-12-31 23:59:59"
    assert change("keep", "", None, "keep", "–") == Change(note="")
    assert change("NEW", "left over", "2026-12-31", "keep", "") == Change(Status.NEW)
    for wrong in (
        ("keep", "", None, "keep", ""),
        ("GONE", "", None, "keep", ""),
        ({}, 1, 2, 3, 4),
        ("keep", "", None, "keep", "\ud800"),
    ):
        with pytest.raises(UsageError):
            change(*wrong)
    with pytest.raises(UsageError, match="it takes a day"):
        change("SUPPRESSED", "why", "someday", "keep", "")


def test_those_that_are_chosen_else_all_that_match(of_mixed: Backends) -> None:
    (key,) = of_mixed.findings.named("bad")
    found = desk(of_mixed, account="1,2")
    assert finding_work.versions(found, {key: 7}, 99) == {key: 7}
    assert len(finding_work.versions(found, {}, 3)) == 3
    assert finding_work.versions(found, None, 3)[key] == 1
    for picked, total in (({key: "7"}, 3), ({"\ud800": 7}, 3), ({}, 0), ({}, 4), ({}, None)):
        with pytest.raises(UsageError, match="load the page again"):
            finding_work.versions(found, picked, total)


def apply_body(
    output: str, where: str, fields: list[Any], states: list[tuple[str, str, Any]]
) -> dict[str, Any]:
    names = ("status", "reason", "until", "assignee", "note")
    given = [(f"work-{where}-{name}", "value", value) for name, value in zip(names, fields, strict=True)]
    return {
        "output": output,
        "outputs": [
            {"id": name, "property": prop}
            for name, _, prop in (part.rpartition(".") for part in output.strip(".").split("..."))
        ],
        "inputs": [{"id": f"work-{where}-apply", "property": "n_clicks", "value": 1}],
        "state": [{"id": i, "property": p, "value": v} for i, p, v in [*given, *states]],
        "changedPropIds": [f"work-{where}-apply.n_clicks"],
    }


def outputs_of(app: Any, output: str, button: str) -> str:
    """The full name of the callback of a button that writes an output."""
    (found,) = (
        name
        for name, entry in app.callback_map.items()
        if output in name and any(part["id"] == button for part in entry["inputs"])
    )
    return str(found)


def test_work_needs_who_may(app: Any, backends: Backends) -> None:
    mixed(backends)
    (key,) = backends.findings.named("bad")
    output = outputs_of(app, "work-one-said", "work-one-apply")
    states = [("finding-version", "data", [key, 1]), ("url", "search", f"?finding={key}")]
    body = apply_body(output, "one", ["RESOLVED", "", None, "keep", ""], states)
    viewer = sign_in(app, "vera")
    assert viewer.post(URL, json=body, headers=SAME).status_code == 403
    assert viewer.get(PATH).status_code == 403
    assert viewer.get("/csv/findings").status_code == 403
    ops = sign_in(app, "otto")
    answer = ops.post(URL, json=body, headers=SAME)
    assert answer.status_code == 200
    assert answer.json["response"]["work-one-said"]["children"] == "Changed."
    kept = backends.findings.get(key)
    assert kept is not None
    assert kept.row.workflow.status is Status.RESOLVED
    assert backends.findings.history(key)[0].by == "otto"
    again = ops.post(URL, json=body, headers=SAME)
    assert "Somebody changed it" in again.json["response"]["work-one-said"]["children"]


def test_all_that_match_needs_to_know_what_matches(app: Any, backends: Backends, client: FlaskClient) -> None:
    mixed(backends)
    output = outputs_of(app, "work-many-said", "work-many-apply")
    states = [("findings-picked", "data", {}), ("findings-total", "data", 3), (VIEW_STORE, "data", None)]
    body = apply_body(output, "many", ["RESOLVED", "", None, "keep", ""], states)
    answer = client.post(URL, json=body, headers=SAME)
    assert "The list was not drawn yet" in answer.text
    assert len(desk(backends).select(desk(backends).wanted)) == 3


def test_the_csv_has_what_the_list_has(client: FlaskClient, backends: Backends) -> None:
    mixed(backends)
    answer = client.get("/csv/findings?account=2&sort=updated")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == ["worse", "small"]
    assert rows[0]["severity"] == "HIGH"
    assert rows[0]["opened"] == "2026-04-16T00:00:00.000Z"
    assert rows[0]["due"] == "2026-05-16T00:00:00.000Z"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="streamgauge_findings_')
    (row,) = page(backends.audit.newest, Wanted(subject="findings"), 10).rows
    assert (row.begun.subject, row.last.rows) == ("findings", 2)
    assert row.last.sha256 == sha256(answer.data).hexdigest()
    assert client.get("/csv/findings?state=odd").status_code == 400


def test_a_csv_of_nothing_has_its_header(client: FlaskClient) -> None:
    assert client.get("/csv/findings").text.startswith('"key","id","severity"')


def test_the_auditor_pack_says_what_it_holds(client: FlaskClient, backends: Backends) -> None:
    mixed(backends)
    answer = client.get("/pack/findings?state=all&severity=LOW")
    assert answer.mimetype == "application/zip"
    pack = zipfile.ZipFile(io.BytesIO(answer.data))
    name, described = sorted(pack.namelist())
    manifest = json.loads(pack.read(described))
    content = pack.read(name)
    assert manifest["file"] == name
    assert manifest["sha256"] == sha256(content).hexdigest()
    assert manifest["bytes"] == len(content)
    assert manifest["rows"] == len(list(csv.DictReader(io.StringIO(content.decode())))) == 2
    assert manifest["by_severity"] == {"LOW": 2}
    assert manifest["by_state"] == {"closed": 1, "open": 1}
    assert manifest["filter"] == "state: all; severity: LOW"
    assert manifest["link"].endswith("/findings?state=all&severity=LOW")
    assert manifest["targets_days"]["CRITICAL"] == 7


def test_the_pack_of_an_outcome_names_its_scans(client: FlaskClient, backends: Backends) -> None:
    store(backends, finding("a"))
    store(backends, finding("b", MONDAY + DAY), scan=TUESDAY)
    pack = zipfile.ZipFile(io.BytesIO(client.get("/pack/findings?state=all&outcome=new").data))
    manifest = json.loads(pack.read(max(pack.namelist())))
    assert manifest["rows"] == 1
    assert manifest["filter"] == "state: all; new from scan scan-1 to scan scan-2"
    assert manifest["link"].endswith("outcome=new&scan_from=scan-1&scan_to=scan-2")


def test_cells_of_findings_are_no_formulas(client: FlaskClient, backends: Backends) -> None:
    store(backends, finding("a", title='=HYPERLINK("http://x")', resource_id="@x"))
    (row,) = csv.DictReader(io.StringIO(client.get("/csv/findings").text))
    assert row["title"].startswith("'=")
    assert row["resource_id"] == "'@x"


def test_the_business_is_beside_the_findings(tmp_path: Path) -> None:
    from pages.parts import finding_business

    opened = embedded(tmp_path, [event(at="2026-03-09T12:00"), event(at="2026-03-10T12:00")])
    store(opened, finding("a", MONDAY + DAY))
    found = desk(opened, **{"from": "2026-03-08", "to": "2026-03-11"})
    drawn = json.dumps(finding_business.draw(found), default=lambda part: part.to_plotly_json())
    figure = next(part for part in _figures(json.loads(drawn)))
    lines = {trace["yaxis"]: trace["y"] for trace in figure["data"] if trace["type"] == "scatter"}
    assert lines["y2"] == [None, 1, 1, 0]
    (bars,) = (trace for trace in figure["data"] if trace["type"] == "bar")
    assert bars["y"] == [0, 0, 1, 0]


def _figures(tree: Any) -> Any:
    if isinstance(tree, dict):
        if "data" in tree and "layout" in tree:
            yield tree
        for part in tree.values():
            yield from _figures(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _figures(part)


def test_figures_link_to_what_they_count(of_mixed: Backends) -> None:
    found = desk(of_mixed, severity="LOW", overdue="yes", opened="week", account="1,2")
    drawn = json.dumps(finding_cards.draw_figures(found), default=lambda part: part.to_plotly_json())
    links = re.findall(r'"href": "([^"]*)"', drawn)
    assert links == [
        f"{PATH}?account=1,2",
        f"{PATH}?severity=CRITICAL&account=1,2",
        f"{PATH}?severity=HIGH&account=1,2",
        f"{PATH}?severity=MEDIUM&account=1,2",
        f"{PATH}?account=1,2",
        f"{PATH}?account=1,2",
    ]


def test_an_outcome_links_to_all_it_counts(backends: Backends) -> None:
    store(backends, finding("a"))
    store(backends, finding("b", MONDAY + DAY), scan=TUESDAY)
    found = desk(backends, severity="LOW", q="nothing", state="passed")
    drawn = json.dumps(finding_scans.draw(found), default=lambda part: part.to_plotly_json())
    assert f"{PATH}?state=all&outcome=new&scan_from=scan-1&scan_to=scan-2" in drawn


def test_scans_of_one_moment_are_in_the_order_they_came(backends: Backends) -> None:
    for number in range(8):
        store(
            backends, finding("a"), scan=Scan(sha256(b"%d" % number).hexdigest(), str(number), MONDAY, "ann")
        )
    assert [scan.name for scan, _ in backends.findings.scans()] == list("76543210")


def test_only_what_passed_is_said_to_have_passed(backends: Backends) -> None:
    store(backends, passed("a"), passed("b", compliance=Compliance.NOT_AVAILABLE), finding("c", active=False))
    rows = {row.id: row for row in backends.findings.since(0, 9)}
    said_of = {name: words(finding_words.status(row)) for name, row in rows.items()}
    assert said_of == {"a": "Passed", "b": "Closed", "c": "Closed"}


@only_embedded  # of ten scans, as the burn-down
def test_the_pace_is_that_of_the_last_weeks_whatever_is_shown(backends: Backends) -> None:
    store(backends, *(finding(f"f{number}", MONDAY) for number in range(30)))
    for day in range(1, 11):
        scan = Scan(f"day-{day}", "day", MONDAY, "ann")
        store(backends, passed(f"f{day - 1}", MONDAY + day * DAY - DAY // 2), scan=scan)
    now = MONDAY + 20 * DAY + 1
    everything = words(finding_course.draw_burn_down(desk(backends, now)))
    few = words(finding_course.draw_burn_down(desk(backends, now, **{"from": "2026-03-25"})))
    assert re.search(r"20 open, .* cases", everything).group() == re.search(r"20 open, .* cases", few).group()  # type: ignore[union-attr]
    past = words(
        finding_course.draw_burn_down(desk(backends, now, **{"from": "2026-03-01", "to": "2026-03-15"}))
    )
    assert "23 findings open on 15 Mar 2026. A forecast needs today." in past


def test_what_opens_in_the_future_is_open_for_figures_and_list(backends: Backends) -> None:
    store(backends, finding("fast", NOW + 3 * DAY), finding("slow"))
    store(backends, passed("slow", NOW + 2 * DAY), scan=TUESDAY)
    assert ids(desk(backends)) == ["fast"]
    text = words(finding_cards.draw_figures(desk(backends)))
    assert "Open 1" in text
    assert finding_course._counts(desk(backends), desk(backends).days).sum(axis=1)[-1] == 1


def test_blanks_around_a_value_do_not_hide_it(backends: Backends) -> None:
    store(backends, finding("a", control=" odd "))
    assert ids(desk(backends, control="odd")) == ["a"]


def test_one_end_of_the_period_is_enough(backends: Backends) -> None:
    first = desk(backends, **{"from": "2026-04-01"}).days.days
    assert (first[0].isoformat(), first[-1].isoformat()) == ("2026-04-01", "2026-04-18")
    last = desk(backends, to="2026-04-01").days.days
    assert (len(last), last[-1].isoformat()) == (90, "2026-04-01")


def test_long_texts_are_cut_in_the_list(backends: Backends) -> None:
    store(backends, finding("a", title="t" * 50_000, resource_id="r" * 50_000, control="c" * 50_000))
    content, _ = finding_table.draw(desk(backends), picking=True)
    assert len(words(content)) < 2500
    assert len(words(finding_groups.draw(desk(backends)))) < 2500


@pytest.mark.parametrize("key", ["nobody", "0" * 64])
def test_a_finding_there_is_not_is_said(client: FlaskClient, app: Any, key: str) -> None:
    output = next(name for name in app.callback_map if name.startswith("..finding-detail.children"))
    inputs = app.callback_map[output]["inputs"]
    body = {
        "output": output,
        "outputs": [
            {"id": name, "property": prop}
            for name, _, prop in (part.rpartition(".") for part in output.strip(".").split("..."))
        ],
        "inputs": [
            {"id": json.loads(inputs[0]["id"]), "property": "value", "value": key},
            {"id": "retry", "property": "data", "value": None},
        ],
        "state": [{"id": "url", "property": "search", "value": ""}],
        "changedPropIds": [],
    }
    answer = client.post(URL, data=json.dumps(body), headers=SAME | {"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert "Not there" in answer.text
