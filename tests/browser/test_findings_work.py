from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from data_access.backends import Backends
from data_access.findings import Change, Row, Status, Workflow
from tests.browser.findings_page import PAGE, asks, choose, drawer, is_open, kept, keys, now, shows
from tests.browser.visits import Visit

ME = "local admin"


def untouched(row: Row) -> bool:
    """Whether a finding is open and nobody works on it."""
    return is_open(row) and row.workflow.status == Status.NEW and not row.workflow.assignee


def medium(row: Row) -> bool:
    """Whether a finding is open and of severity MEDIUM."""
    return is_open(row) and row.severity == "MEDIUM"


def flow(backends: Backends, row: Row) -> Workflow:
    """The workflow of a finding as it is now."""
    found = backends.findings.get(row.key)
    assert found
    return found.row.workflow


def apply(area: Any) -> None:
    """Press Apply."""
    area.get_by_role("button", name="Apply", exact=True).click()


def says(area: Any, text: str) -> None:
    """Wait until a form says something."""
    area.locator(".sg-work-said, .sg-work-told").get_by_text(text, exact=True).wait_for()


def test_muting_needs_a_reason_and_can_be_undone(visit: Visit, backends: Backends) -> None:
    row = kept(backends, lambda row: medium(row) and untouched(row))[2]
    visit.open(f"/findings?severity=MEDIUM&finding={row.key}")
    found = drawer(visit, row.title)
    choose(found, "Status", "Muted")
    apply(found)
    found.get_by_text("Muting needs a reason").wait_for()
    assert flow(backends, row) == row.workflow
    found.get_by_label("Reason").fill("Replaced soon")
    found.get_by_role("button", name="Muted until the end of").click()
    day = found.locator("button.mantine-DatePickerInput-day:not([data-disabled])").last
    label = day.get_attribute("aria-label")
    until = datetime.strptime(f"{label} +0000", "%d %B %Y %z").date()
    day.click()
    apply(found)
    says(found, "Changed.")
    shows(visit, keys(kept(backends, lambda one: medium(one) and one.key != row.key)))
    muted = flow(backends, row)
    assert (muted.status, muted.reason) == (Status.SUPPRESSED, "Replaced soon")
    assert berlin(muted.until) == until
    last = found.locator(".sg-finding-history li").first
    last.get_by_text("Status: New → Muted").wait_for()
    text = last.inner_text()
    assert ME in text
    assert "Reason: – → Replaced soon" in text
    assert f"Until: – → {until.day} {until:%b %Y} 23:59" in text
    found.get_by_role("button", name="Undo").click()
    says(found, "Undone.")
    shows(visit, keys(kept(backends, medium)))
    assert row.key in keys(kept(backends, medium), 0, 1000)
    assert not found.get_by_role("button", name="Undo").is_visible()


def berlin(at: int | None) -> date:
    """The local day of a moment."""
    assert at
    return datetime.fromtimestamp(at / 1_000_000, ZoneInfo("Europe/Berlin")).date()


def test_what_is_muted_is_found_under_muted(visit: Visit, backends: Backends) -> None:
    row = kept(backends, untouched)[0]
    visit.open(f"/findings?finding={row.key}")
    found = drawer(visit, row.title)
    choose(found, "Status", "Muted")
    found.get_by_label("Reason").fill("A test system")
    apply(found)
    says(found, "Changed.")
    visit.page.keyboard.press("Escape")
    found.wait_for(state="hidden")
    visit.page.get_by_text("Muted", exact=True).first.click()
    asks(visit, "?state=suppressed")
    expected = keys(kept(backends, lambda one: one.workflow.status == Status.SUPPRESSED))
    assert row.key in expected
    shows(visit, expected)
    visit.page.locator(f"tr:has([data-key='{row.key}'])").get_by_role("link").click()
    drawer(visit, row.title).get_by_text("Muted, without an end: A test system").wait_for()


def test_a_form_is_fresh_for_the_next_finding(visit: Visit, backends: Backends) -> None:
    first, second = kept(backends, lambda row: medium(row) and untouched(row))[:2]
    visit.open(f"/findings?severity=MEDIUM&finding={first.key}")
    found = drawer(visit, first.title)
    choose(found, "Status", "Notified")
    found.get_by_label("Note").fill("For the first only")
    apply(found)
    says(found, "Changed.")
    visit.page.keyboard.press("Escape")
    found.wait_for(state="hidden")
    visit.page.locator(f"tr:has([data-key='{second.key}'])").get_by_role("link").click()
    found.get_by_text(second.id, exact=True).wait_for()
    visit.settle()
    assert found.get_by_role("textbox", name="Status").input_value() == "Leave as it is"
    assert found.get_by_label("Note").input_value() == ""
    assert not found.get_by_role("button", name="Undo").is_visible()
    assert found.get_by_text("Changed.", exact=True).count() == 0


def test_what_somebody_else_changed_is_left_alone(visit: Visit, backends: Backends) -> None:
    row = kept(backends, untouched)[4]
    visit.open(f"/findings?finding={row.key}")
    found = drawer(visit, row.title)
    backends.findings.change({row.key: row.workflow.version}, Change(assignee="Eve"), "eve", now())
    choose(found, "Assign to", f"{ME} (me)")
    apply(found)
    found.get_by_text("Somebody changed it in the meantime.").wait_for()
    assert flow(backends, row).assignee == "Eve"
    assert not found.get_by_role("button", name="Undo").is_visible()
    found.locator(".sg-finding-history").get_by_text("Assigned to: – → Eve").wait_for()
    apply(found)
    says(found, "Changed.")
    assert flow(backends, row).assignee == ME


def test_a_finding_is_assigned_and_noted(visit: Visit, backends: Backends) -> None:
    row = kept(backends, untouched)[5]
    visit.open(f"/findings?finding={row.key}")
    found = drawer(visit, row.title)
    apply(found)
    says(found, "Choose what to change first.")
    choose(found, "Assign to", f"{ME} (me)")
    found.get_by_label("Note").fill("Asked the owners.")
    apply(found)
    says(found, "Changed.")
    now_is = flow(backends, row)
    assert (now_is.status, now_is.assignee, now_is.note) == (Status.NEW, ME, "Asked the owners.")
    found.locator("#finding-detail").get_by_text("Asked the owners.").wait_for()
    place = visit.page.locator(f"tr:has([data-key='{row.key}']) .sg-finding-who")
    place.get_by_text(ME, exact=True).wait_for()
    apply(found)
    says(found, "It was like that already.")
    assert flow(backends, row) == now_is


def mine(backends: Backends) -> set[str]:
    """The keys of what is assigned to whoever visits."""
    return {row.key for row in kept(backends) if row.workflow.assignee == ME}


def ticked(visit: Visit) -> list[str | None]:
    """The keys whose box is ticked."""
    boxes = visit.page.locator(".sg-pick-one[aria-checked=true]").all()
    return [box.get_attribute("data-key") for box in boxes]


def test_rows_are_chosen_by_boxes(visit: Visit, backends: Backends) -> None:
    visit.open("/findings?severity=LOW")
    page, rows = visit.page, kept(backends, lambda row: is_open(row) and row.severity == "LOW")
    every, boxes = page.locator(".sg-pick-all"), page.locator(".sg-pick-one")
    change = page.locator("#work-open")
    change.get_by_text(f"Change all {len(rows)}…", exact=True).wait_for()
    assert every.get_attribute("aria-checked") == "false"
    boxes.nth(3).click()
    boxes.nth(1).click(modifiers=["Shift"])
    assert ticked(visit) == keys(rows, 1, 3)
    assert every.get_attribute("aria-checked") == "mixed"
    change.get_by_text("Change 3 chosen…", exact=True).wait_for()
    boxes.nth(2).focus()
    page.keyboard.press("Space")
    assert ticked(visit) == [rows[1].key, rows[3].key]
    every.click()
    assert ticked(visit) == keys(rows)
    assert every.get_attribute("aria-checked") == "true"
    change.get_by_text(f"Change {PAGE} chosen…", exact=True).wait_for()
    page.get_by_role("link", name="Next", exact=True).click()
    shows(visit, keys(rows, PAGE))
    change.get_by_text(f"Change all {len(rows)}…", exact=True).wait_for()
    assert ticked(visit) == []
    assert visit.query == f"?severity=LOW&start={PAGE}"


def test_chosen_findings_are_changed_and_changed_back(visit: Visit, backends: Backends) -> None:
    rows = kept(backends, lambda row: untouched(row) and row.severity == "LOW")
    visit.open("/findings?severity=LOW&assignee=–&status=NEW")
    page = visit.page
    shows(visit, keys(rows))
    for place in (0, 2, 3):
        page.locator(".sg-pick-one").nth(place).click()
    chosen = [rows[place].key for place in (0, 2, 3)]
    page.get_by_role("button", name="Change 3 chosen…").click()
    form = page.get_by_role("dialog", name="Change findings")
    form.get_by_text("3 findings chosen on this page.").wait_for()
    apply(form)
    says(form, "Choose what to change first.")
    choose(form, "Status", "Resolved")
    apply(form)
    says(form, "3 of 3 findings changed.")
    visit.still()
    assert visit.axe() == []
    assert form.get_by_role("progressbar").get_attribute("aria-valuenow") == "100"
    shows(visit, keys([row for row in rows if row.key not in chosen]))
    resolved = {row.key for row in kept(backends) if row.workflow.status == Status.RESOLVED}
    assert set(chosen) < resolved
    assert not resolved & {row.key for row in rows if row.key not in chosen}
    form.get_by_role("button", name="Undo").click()
    says(form, "3 of 3 findings undone.")
    shows(visit, keys(rows))


def test_all_that_match_are_changed(visit: Visit, backends: Backends) -> None:
    def wanted(row: Row) -> bool:
        return is_open(row) and row.severity == "LOW" and row.region == "us-east-1"

    rows, before = kept(backends, wanted), mine(backends)
    visit.open("/findings?severity=LOW&cloud_region=us-east-1")
    backends.findings.change({rows[0].key: rows[0].workflow.version}, Change(note="seen"), "eve", now())
    visit.page.get_by_role("button", name=f"Change all {len(rows)}…").click()
    form = visit.page.get_by_role("dialog", name="Change findings")
    form.get_by_text(f"{len(rows)} findings that match the filters, on every page.").wait_for()
    choose(form, "Assign to", f"{ME} (me)")
    apply(form)
    says(form, f"{len(rows)} of {len(rows)} findings changed.")
    assert mine(backends) == before | set(keys(rows, 0, len(rows)))
    visit.page.keyboard.press("Escape")
    form.wait_for(state="hidden")
    visit.settle()
    who = visit.page.locator("#findings-table .sg-finding-who")
    assert re.fullmatch(rf"({ME}\n?)+", "\n".join(who.all_inner_texts()))
