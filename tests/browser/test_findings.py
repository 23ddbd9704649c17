from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter
from hashlib import sha256
from typing import Any

from data_access.backends import Backends
from data_access.findings import Severity, compared
from tests.browser.findings_page import (
    PAGE,
    asks,
    choose,
    drawer,
    figures,
    is_open,
    kept,
    keys,
    newest,
    now,
    shows,
)
from tests.browser.visits import Visit
from tests.findings import DAY


def test_the_figures_agree_with_the_store(visit: Visit, backends: Backends) -> None:
    visit.open("/findings")
    rows, at = kept(backends, is_open), now()
    severities = Counter(row.severity for row in rows)
    targets = backends.settings.targets
    late = sum(row.opened + targets[row.severity] < at for row in rows)
    assert figures(visit, "findings-kpis") == {
        "Open": f"{len(rows):,}",
        "Critical": f"{severities[Severity.CRITICAL]:,}",
        "High": f"{severities[Severity.HIGH]:,}",
        "Medium": f"{severities[Severity.MEDIUM]:,}",
        "New this week": f"{sum(row.opened >= at - 7 * DAY for row in rows):,}",
        "Overdue": f"{late:,}",
    }
    ring = visit.page.locator("#findings-severity li").all_inner_texts()
    assert [re.split(r"\s+", line)[:2] for line in ring] == [
        [one.title(), f"{severities[one]:,}"] for one in Severity
    ]
    shows(visit, keys(rows))
    assert f"1 to {PAGE} of {len(rows):,} findings" in visit.page.inner_text("#findings-table")


def test_tiles_and_the_ring_filter_and_take_the_filter_away(visit: Visit, backends: Backends) -> None:
    visit.open("/findings")
    rows = kept(backends, is_open)
    critical = [row for row in rows if row.severity == "CRITICAL"]
    high = [row for row in rows if row.severity == "HIGH"]
    tiles, ring = visit.page.locator("#findings-kpis"), visit.page.locator("#findings-severity")
    tiles.get_by_role("link", name="Critical", exact=True).click()
    shows(visit, keys(critical))
    asks(visit, "?severity=CRITICAL")
    assert figures(visit, "findings-kpis")["Open"] == str(len(rows))
    visit.page.go_back()
    shows(visit, keys(rows))
    visit.page.go_forward()
    shows(visit, keys(critical))
    tiles.locator(".sg-kpi-current").get_by_role("link").click()
    shows(visit, keys(rows))
    asks(visit, "")
    ring.get_by_role("link", name="High", exact=True).click()
    shows(visit, keys(high))
    asks(visit, "?severity=HIGH")
    visit.page.get_by_role("link", name="Remove filter Severity: High").click()
    shows(visit, keys(rows))
    asks(visit, "")


def test_search_state_and_the_menu_filter_and_chips_take_them_away(visit: Visit, backends: Backends) -> None:
    def about(text: str, row: Any) -> bool:
        return text in f"{row.title}\n{row.control}\n{row.resource_id}".casefold()

    visit.open("/findings")
    page, search = visit.page, visit.page.get_by_label("Search findings")
    search.fill("BUCKETS are")
    shows(visit, keys(kept(backends, lambda row: is_open(row) and about("buckets are", row))))
    asks(visit, "?q=BUCKETS are")
    page.get_by_text("Muted", exact=True).first.click()
    page.get_by_text("No muted findings match").wait_for()
    page.get_by_role("link", name="Remove filter Search: BUCKETS are").click()
    shows(visit, keys(kept(backends, lambda row: row.workflow.status == "SUPPRESSED")))
    asks(visit, "?state=suppressed")
    assert search.input_value() == ""
    page.get_by_text("Passed", exact=True).first.click()
    shows(visit, keys(kept(backends, lambda row: row.compliance == "PASSED")))
    page.get_by_role("button", name="Filters", exact=True).click()
    for region in ("eu-west-1", "us-east-1"):
        choose(page.locator(".sg-filters-menu"), "Region", region)
    asks(visit, "?state=passed&cloud_region=eu-west-1,us-east-1")
    wanted = {"eu-west-1", "us-east-1"}
    shows(visit, keys(kept(backends, lambda row: row.compliance == "PASSED" and row.region in wanted)))


def test_a_head_sorts_and_sorts_back(visit: Visit, backends: Backends) -> None:
    visit.open("/findings")
    rows = sorted(kept(backends, is_open), key=newest)
    head = visit.page.locator("#findings-table th.sg-col-title").first
    head.get_by_role("link").click()
    shows(visit, keys(sorted(rows, key=lambda row: row.title.casefold())))
    assert head.get_attribute("aria-sort") == "ascending"
    asks(visit, "?sort=title")
    head.get_by_role("link").click()
    shows(visit, keys(sorted(rows, key=lambda row: row.title.casefold(), reverse=True)))
    assert head.get_attribute("aria-sort") == "descending"
    assert visit.page.locator("#findings-table [aria-sort]").count() == 1
    visit.page.get_by_role("link", name="Severity", exact=True).click()
    shows(visit, keys(kept(backends, is_open)))
    assert "sort=" not in visit.query


def test_pages_of_rows_and_their_size(visit: Visit, backends: Backends) -> None:
    visit.open("/findings?state=all")
    rows = kept(backends)
    paging = visit.page.get_by_role("navigation", name="Pages of findings")
    assert paging.get_by_role("button", name="Previous").is_disabled()
    paging.get_by_role("link", name="Next").click()
    shows(visit, keys(rows, PAGE))
    asks(visit, f"?state=all&start={PAGE}")
    assert f"{PAGE + 1} to {2 * PAGE} of {len(rows):,} findings" in paging.inner_text()
    paging.get_by_role("link", name="Previous").click()
    shows(visit, keys(rows))
    paging.get_by_role("link", name="Next").click()
    shows(visit, keys(rows, PAGE))
    choose(visit.page, "Rows per page", "100 rows")
    shows(visit, keys(rows, 0, 100))
    asks(visit, "?state=all&limit=100")


def test_a_link_shows_the_same_whenever_it_is_opened(visit: Visit, backends: Backends) -> None:
    rows = sorted(
        kept(backends, lambda row: row.severity in {"MEDIUM", "LOW"}),
        key=newest,
    )
    rows.sort(key=lambda row: row.title.casefold(), reverse=True)
    opened = rows[130]
    link = f"?state=all&severity=MEDIUM,LOW&sort=title&order=down&limit=100&start=100&finding={opened.key}"
    visit.open(f"/findings{link}")
    for _ in range(2):
        shows(visit, keys(rows, 100, 100))
        assert opened.id in drawer(visit, opened.title).inner_text()
        assert visit.page.get_by_role("radio", name="All").is_checked()
        pills = visit.page.locator(".sg-findings-severity .mantine-Pill-label").all_inner_texts()
        assert pills == ["Medium", "Low"]
        asks(visit, link)
        visit.page.reload()


def test_a_row_opens_its_finding_and_escape_closes_it(visit: Visit, backends: Backends) -> None:
    visit.open("/findings")
    first, second = kept(backends, is_open)[:2]
    page = visit.page
    page.evaluate("window.table = document.querySelector('#findings-table table')")
    page.evaluate("window.tile = document.querySelector('#findings-kpis .sg-kpi')")
    page.locator("#findings-table tbody tr").nth(1).locator(".sg-col-account").click()
    assert second.id in drawer(visit, second.title).inner_text()
    asks(visit, f"?finding={second.key}")
    page.keyboard.press("Escape")
    asks(visit, "")
    page.get_by_role("dialog", name="Finding").wait_for(state="hidden")
    page.locator("#findings-table tbody tr").first.get_by_role("link").focus()
    page.keyboard.press("Enter")
    assert first.id in drawer(visit, first.title).inner_text()
    visit.settle()
    assert page.evaluate("window.table === document.querySelector('#findings-table table')")
    assert page.evaluate("window.tile === document.querySelector('#findings-kpis .sg-kpi')")


def test_the_drawer_says_all_there_is(visit: Visit, backends: Backends) -> None:
    row = next(row for row in kept(backends, is_open) if row.workflow.assignee == "Ann")
    finding = backends.findings.get(row.key).finding
    visit.open(f"/findings?finding={row.key}")
    found = drawer(visit, row.title)
    text = found.inner_text()
    assert finding.description in text
    # The demo's advice is a numbered list with code and a link.
    assert found.locator(".sg-markdown ol li").count() == len(re.findall(r"(?m)^\d\.", finding.remediation))
    assert found.locator(".sg-markdown code").count() > 0
    assert "`" not in found.locator(".sg-markdown").inner_text()
    assert found.locator(".sg-markdown a").get_attribute("target") == "_blank"
    assert found.get_by_role("link", name=finding.remediation_url).count() == 1
    assert found.locator(".sg-finding-resources").inner_text() == f"{row.resource_id}\n{row.resource_type}"
    history = found.locator(".sg-finding-history li").all_inner_texts()
    assert len(history) == len(backends.findings.history(row.key))
    assert "demo\nStatus: New → Notified\nAssigned to: – → Ann" in history[0]
    assert any("Problem found" in entry for entry in history)
    found.locator("summary").click()
    visit.still()
    assert visit.axe() == []
    assert json.loads(found.locator(".sg-json").inner_text()) == json.loads(finding.document)
    found.get_by_role("link", name=f"Only findings with {row.control}").click()
    shows(visit, keys(kept(backends, lambda one: is_open(one) and one.control == row.control)))
    asks(visit, f"?control={row.control}")


def test_groups_say_where_and_filter(visit: Visit, backends: Backends) -> None:
    visit.open("/findings")
    choose(visit.page, "Group by", "Account")
    rows = kept(backends)
    expected = set()
    for account in {row.account for row in rows}:
        own = [row for row in rows if row.account == account]
        bad = [row for row in own if row.problem]
        passed = sum(row.compliance == "PASSED" for row in own)
        resources = [len({row.resource_id for row in part}) for part in (bad, own)]
        score = f"{100 * passed / (passed + len(bad)):.0f} %"
        count = str(sum(map(is_open, own)))
        expected.add((account, count, f"{resources[0]} of {resources[1]}", score))
    visit.page.get_by_role("table", name="Findings by account").wait_for()
    table = visit.table("findings-groups")
    assert table[0] == ["Account", "Open", "Resources", "Score"]
    assert {tuple(re.sub(r"\s", " ", cell) for cell in line) for line in table[1:]} == expected
    first = table[1][0]
    visit.page.locator("#findings-groups tbody tr").first.locator("td").nth(1).click()
    shows(visit, keys(kept(backends, lambda row: is_open(row) and row.account == first)))
    assert f"account={first}" in visit.query


def test_two_scans_are_compared_and_a_figure_filters(visit: Visit, backends: Backends) -> None:
    scans = [scan for scan, _ in backends.findings.scans()]
    earlier, later = scans[5], scans[2]
    found = compared(*(backends.findings.of_scan(scan.id) for scan in (earlier, later)))
    assert found.new
    assert found.fixed
    visit.open("/findings")
    choose(visit.page, "Earlier", re.compile(re.escape(earlier.name)))
    asks(visit, f"?scan_from={earlier.id}")
    visit.settle()  # what is drawn anew would close the list
    choose(visit.page, "Later", re.compile(re.escape(later.name)))
    asks(visit, f"?scan_from={earlier.id}&scan_to={later.id}")
    visit.settle()
    assert figures(visit, "findings-scans") == {
        "New": f"{len(found.new):,}",
        "Fixed": f"{len(found.fixed):,}",
        "No longer reported": f"{len(found.gone):,}",
        "Unchanged": f"{len(found.same):,}",
    }
    outcomes = visit.page.locator("#findings-scans")
    outcomes.get_by_role("link", name="New", exact=True).click()
    shows(visit, keys(kept(backends, lambda row: row.key in found.new)))
    outcomes.get_by_role("link", name="Fixed", exact=True).click()
    shows(visit, keys(kept(backends, lambda row: row.key in found.fixed)))
    assert "outcome=fixed" in visit.query
    visit.page.get_by_role("link", name="Remove filter Between scans: Fixed").click()
    shows(visit, keys(kept(backends)))


def test_the_files_hold_what_is_filtered_for(visit: Visit, backends: Backends) -> None:
    visit.open("/findings?severity=LOW&cloud_region=us-east-1&sort=account&limit=50&start=50")
    rows = kept(backends, lambda row: is_open(row) and row.severity == "LOW" and row.region == "us-east-1")
    rows.sort(key=lambda row: row.account)
    links = [link.get_attribute("href") for link in visit.page.locator("#findings-files a").all()]
    text = visit.text(links[0])
    listed = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [line["key"] for line in listed] == keys(rows, 0, len(rows))
    assert [line["resource_id"] for line in listed] == [row.resource_id for row in rows]
    answer = visit.page.request.get(base_of(visit, links[1]))
    with zipfile.ZipFile(io.BytesIO(answer.body())) as pack:
        name, about = sorted(pack.namelist(), key=lambda name: name.endswith(".json"))
        content, manifest = pack.read(name), json.loads(pack.read(about))
    assert content.decode() == text
    assert manifest["sha256"] == sha256(content).hexdigest()
    assert manifest["rows"] == len(rows)
    assert manifest["by_severity"] == {"LOW": len(rows)}
    assert manifest["filter"] == "state: open; severity: LOW; region: us-east-1"


def base_of(visit: Visit, path: str) -> str:
    """A path of the app as an address."""
    return visit.base + path
