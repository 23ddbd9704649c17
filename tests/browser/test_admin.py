from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from data_access import api_keys, people, sites
from data_access.backends import Backends
from data_access.users import add_user, check_password
from tests.browser.conftest import PASSWORD, cookies, free_port, serving
from tests.browser.visits import PHONE, WIDE, Visit, visiting
from tests.builders import embedded

FOCUS = "(document.activeElement.getAttribute('aria-label') || document.activeElement.textContent)"


@pytest.fixture(scope="module")
def port() -> int:
    """One address for the apps of all tests, so that the browser knows their scripts."""
    return free_port()


@pytest.fixture
def own(port: int, tmp_path: Any) -> Backends:
    opened = embedded(tmp_path, port=port, time_zone="Europe/Berlin")
    for name in ("shop", "blog"):
        sites.save(opened.documents, name, ())
    return opened


@pytest.fixture
def address(own: Backends) -> Iterator[str]:
    with serving(own) as found:
        yield found


@pytest.fixture
def state(chromium: Any, address: str, own: Backends) -> Any:
    return cookies(chromium, own)


@pytest.fixture
def visit(chromium: Any, address: str, state: Any) -> Iterator[Visit]:
    """A visit that has to end without a problem."""
    with visiting(chromium, address, state, permissions=["clipboard-read", "clipboard-write"]) as found:
        found.page.set_default_timeout(15_000)
        yield found
    assert found.problems == []


def press(visit: Visit, name: str, *, exact: bool = False) -> None:
    """Press a button with the keyboard."""
    visit.page.get_by_role("button", name=name, exact=exact).focus()
    visit.page.keyboard.press("Enter")


def focused(visit: Visit, text: str) -> None:
    """Wait until the focus is on what has a name, or begins with one and an ellipsis."""
    pattern = f"^{text.removesuffix('…')}{'' if text.endswith('…') else '$'}"
    visit.page.wait_for_function(f"text => new RegExp(text).test({FOCUS})", arg=pattern)


def pick(visit: Visit, label: str, option: str) -> None:
    """Choose an option of a field with the keyboard."""
    field = visit.page.get_by_role("textbox", name=label)
    field.focus()
    visit.page.keyboard.type(option)
    visit.page.get_by_role("option", name=option).wait_for()
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")
    visit.page.keyboard.press("Escape")
    visit.page.locator(".mantine-MultiSelect-pill").get_by_text(option, exact=True).last.wait_for()
    visit.still()  # what is chosen is handed on after it is drawn


def row(visit: Visit, name: str, text: str) -> None:
    """Wait until the row of somebody says something."""
    rows = visit.page.locator(".sg-admin-table tbody tr").filter(has_text=name)
    rows.filter(has_text=re.compile(text.replace(" ", r"\s*"))).wait_for()


def said(visit: Visit, text: str) -> None:
    """Wait until something is announced."""
    visit.page.get_by_role("status").get_by_text(text).wait_for()


def test_somebody_is_invited_by_keyboard_and_comes_in(
    chromium: Any, visit: Visit, own: Backends, address: str
) -> None:
    page = visit.page
    visit.open("/admin")
    page.get_by_text("Nobody has a password yet").wait_for()
    press(visit, "Invite a person")
    page.get_by_role("group", name="Invite a person").wait_for()
    page.wait_for_function("() => document.activeElement.tagName === 'INPUT'")
    page.keyboard.type("ana lee")
    press(visit, "Invite", exact=True)
    page.locator(".mantine-InputWrapper-error").get_by_text("'ana lee' is no user name").wait_for()
    name = page.get_by_role("textbox", name="User name")
    assert name.get_attribute("aria-invalid") == "true"
    assert "is no user name" in page.get_by_role("alert").filter(has_text="user name").inner_text()
    assert visit.faults() == []
    name.fill("ana")
    pick(visit, "Viewer on", "All sites")
    pick(visit, "Analyst on", "shop")
    press(visit, "Invite", exact=True)

    page.get_by_text("Link for ana to choose a password").wait_for()
    focused(visit, "Copy…")
    page.keyboard.press("Enter")
    page.get_by_role("status").get_by_text("Copied").wait_for(state="attached")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{address}/sign-in/password?token=")
    row(visit, "ana", "Analyst on shop Viewer on all sites Invited link until")
    with visiting(chromium, address) as guest:
        guest.page.goto(link)
        guest.page.wait_for_function("() => document.activeElement.id === 'password'")
        guest.page.keyboard.type(PASSWORD)
        guest.page.keyboard.press("Tab")
        guest.page.keyboard.type(PASSWORD)
        guest.page.keyboard.press("Enter")
        guest.page.get_by_label("Signed in as ana").wait_for()
        assert guest.page.get_by_role("link", name="Admin").count() == 0
        guest.page.goto(link)
        assert "no longer works" in guest.page.inner_text("h1")
    press(visit, "Hide the link for ana")
    page.locator(".sg-connect-new").wait_for(state="hidden")
    focused(visit, "Invite a person")
    page.reload()
    page.locator(".sg-admin-table").wait_for()
    row(visit, "ana", "Active")
    assert link not in page.content()


def test_roles_are_changed_and_people_disabled_and_removed_by_keyboard(visit: Visit, own: Backends) -> None:
    page = visit.page
    add_user(own.documents, "ana", PASSWORD, "viewer", ["shop"])
    visit.open("/admin")
    press(visit, "Change the roles of ana")
    focused(visit, "What ana may do")
    pick(visit, "Admin on", "blog")
    press(visit, "Save the roles of ana")
    said(visit, "What ana may do was changed.")
    focused(visit, "Change the roles of ana")
    row(visit, "ana", "Admin on blog Viewer on shop")
    press(visit, "Disable ana")
    focused(visit, "Disable now: ana")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    focused(visit, "Disable ana")
    page.keyboard.press("Enter")
    focused(visit, "Disable now: ana")
    page.keyboard.press("Enter")
    said(visit, "ana is disabled. Their sessions have ended.")
    focused(visit, "Enable ana")
    assert check_password(own.documents, "ana", PASSWORD) is None
    page.keyboard.press("Enter")
    said(visit, "ana may sign in again.")
    focused(visit, "Disable ana")
    press(visit, "Reset password of ana")
    focused(visit, "Reset password now: ana")
    page.keyboard.press("Enter")
    page.get_by_text("Link for ana to choose a password").wait_for()
    row(visit, "ana", "Invited")
    press(visit, "Remove ana")
    focused(visit, "Remove now: ana")
    page.keyboard.press("Enter")
    said(visit, "ana is removed.")
    focused(visit, "Invite a person")
    assert page.locator(".sg-connect-new").count() == 0, "the link works no more"
    assert people.people(own.documents) == []


def test_who_comes_second_is_told_and_sees_what_is(visit: Visit, own: Backends) -> None:
    add_user(own.documents, "ana", PASSWORD, "viewer")
    visit.open("/admin")
    people.change_grants(own.documents, people.person(own.documents, "ana"), {"*": "ops"})
    press(visit, "Remove ana")
    focused(visit, "Remove now: ana")
    people.change_grants(own.documents, people.person(own.documents, "ana"), {"*": "analyst"})
    visit.page.keyboard.press("Enter")
    visit.page.get_by_role("alert").get_by_text("Somebody else changed ana in the meantime").wait_for()
    focused(visit, "Change the roles of ana")
    row(visit, "ana", "Analyst on all sites")


def test_a_key_is_made_rotated_and_revoked_by_keyboard(visit: Visit, own: Backends) -> None:
    page = visit.page
    visit.open("/admin")
    page.get_by_text("Keys", exact=True).click()
    page.get_by_text("No keys yet").wait_for()
    assert visit.query == "?tab=keys"
    press(visit, "Make a key")
    page.wait_for_function("() => document.activeElement.tagName === 'INPUT'")
    page.keyboard.type("weekly report")
    press(visit, "Make the key")
    page.locator(".mantine-InputWrapper-error").get_by_text("A key needs a site").wait_for()
    assert visit.faults() == []
    pick(visit, "Sites", "shop")
    press(visit, "Make the key")
    page.get_by_text("The key weekly report", exact=True).wait_for()
    focused(visit, "Copy…")
    first = page.locator(".sg-connect-new code").inner_text()
    assert api_keys.bearer(own.documents, first) is not None
    press(visit, f"Rotate: key weekly report, {first[:7]}…")
    focused(visit, "Rotate now…")
    page.keyboard.press("Enter")
    page.get_by_text("good for 24 more hours, or until").wait_for()
    second = page.locator(".sg-connect-new code").inner_text()
    assert api_keys.bearer(own.documents, first) == api_keys.bearer(own.documents, second)
    row(visit, first[:7], "Replaced ends")
    press(visit, f"Revoke now: key weekly report, {first[:7]}…")
    focused(visit, "Revoke now: key weekly report")
    page.keyboard.press("Enter")
    said(visit, f"Key weekly report, {first[:7]}…, is revoked.")
    focused(visit, "Make a key")
    assert page.locator(".sg-connect-new").count() == 0
    assert api_keys.bearer(own.documents, first) is None
    assert api_keys.bearer(own.documents, second) is not None
    page.reload()
    page.locator(".sg-admin-table").wait_for()
    assert second not in page.content(), "it was shown once"


def test_tabs_are_gone_through_and_back(visit: Visit, own: Backends) -> None:
    page = visit.page
    api_keys.make(own.documents, "job", "viewer", None)
    add_user(own.documents, "ana", PASSWORD, "viewer")
    visit.open("/admin?tab=keys")
    page.get_by_role("table", name="Keys to read with").wait_for()
    for tab in ("Sites", "Audit log", "People"):
        page.get_by_text(tab, exact=True).first.click()
        visit.settle()
    page.get_by_role("table", name="People").wait_for()
    assert visit.query == ""
    page.go_back()
    visit.settle()
    assert visit.query == "?tab=audit"
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("heading", name="Overview").wait_for()
    visit.settle()


def test_who_has_signed_in_cannot_shut_themself_out(chromium: Any, own: Backends, address: str) -> None:
    add_user(own.documents, "ana", PASSWORD, "admin")
    with visiting(chromium, address) as visit:
        visit.page.goto(f"{address}/sign-in?next=/admin")
        visit.page.get_by_label("User name").fill("ana")
        visit.page.get_by_label("Password").fill(PASSWORD)
        visit.page.keyboard.press("Enter")
        visit.page.locator(".sg-admin-table").wait_for()
        assert visit.page.get_by_role("button", name="Disable").count() == 0
        press(visit, "Change the roles of ana")
        focused(visit, "What ana may do")
        visit.page.get_by_role("textbox", name="Admin on").focus()
        visit.page.keyboard.press("Backspace")
        pick(visit, "Ops on", "All sites")
        press(visit, "Save the roles of ana")
        error = visit.page.locator(".mantine-InputWrapper-error")
        error.get_by_text("You cannot stop being an admin of all sites yourself").wait_for()
        assert visit.problems == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_where_there_is_something(
    chromium: Any, address: str, state: Any, own: Backends, size: dict[str, int]
) -> None:
    name = f"{'a-very-long-name.' * 3}@example.com"
    add_user(own.documents, name, PASSWORD, "viewer", ["shop", "blog"])
    add_user(own.documents, "otto", PASSWORD, "ops")
    people.disable(own.documents, people.person(own.documents, "otto"))
    people.invite(own.documents, "new", {"*": "viewer", "shop": "admin"})
    api_keys.make(own.documents, "x" * 64, "viewer", ("shop", "blog"))
    api_keys.make(own.documents, "job", "ops", None)
    with visiting(chromium, address, state, viewport=size) as visit:
        page = visit.page
        for search, open_form, ask, do in (
            ("", "Change the roles of otto", "Make a new link for new", "Remove otto"),
            ("?tab=keys", "Make a key", "Rotate: key job", "Revoke now: key job"),
        ):
            visit.open(f"/admin{search}")
            press(visit, open_form)
            page.locator(".sg-admin-form").wait_for()
            visit.settle()
            visit.still()
            assert visit.faults() == []
            if search:
                press(visit, "Cancel, and make no key")
                page.locator(".sg-admin-form").wait_for(state="hidden")
            press(visit, ask)
            if search:
                focused(visit, "Rotate now…")
                page.keyboard.press("Enter")
            page.locator(".sg-connect-new").wait_for()
            press(visit, do)
            page.locator(".sg-admin-ask").wait_for()
            visit.settle()
            visit.still()
            assert visit.faults() == []
        assert visit.problems == []
