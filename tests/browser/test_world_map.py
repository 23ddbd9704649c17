from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import make_server

from app.auth import make_sign_in_link
from app.factory import create_app
from data_access.backends import Backends
from pages import overview
from tests.browser import map_page
from tests.browser.conftest import QuietHandler, free_port
from tests.browser.visits import PHONE, WIDE, Visit, visiting
from tests.builders import embedded, event

READY = ".sg-map-shape[data-step]"


@pytest.fixture(scope="module")
def with_map(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    """The back ends of a running app that has a page with the map."""
    folder: Path = tmp_path_factory.mktemp("map")
    backends = embedded(folder, [event(country="DE")], port=free_port())
    app = create_app(backends, pages=(overview, map_page.page()))
    server = make_server(
        "127.0.0.1", backends.settings.port, app.server, threaded=True, request_handler=QuietHandler
    )
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield backends
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def state(chromium: Any, with_map: Backends) -> Any:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(make_sign_in_link(with_map))
    found = context.storage_state()
    context.close()
    return found


@pytest.fixture
def visit(chromium: Any, with_map: Backends, state: Any) -> Iterator[Visit]:
    with visiting(chromium, with_map.settings.base_url, state) as opened:
        yield opened


def open_map(visit: Visit, path: str = "/map") -> None:
    visit.open(path)
    visit.page.wait_for_selector(READY)


def fill(visit: Visit, code: str) -> str:
    found: str = visit.page.evaluate(
        "code => getComputedStyle(document.querySelector(`[data-code=${code}]`)).fill", code
    )
    return found


def steps(visit: Visit) -> dict[str, str]:
    found: dict[str, str] = visit.page.evaluate(
        "selector => Object.fromEntries([...document.querySelectorAll(`${selector}[data-code]`)]"
        ".map(shape => [shape.dataset.code, shape.dataset.step]))",
        READY,
    )
    return found


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_countries_are_coloured_in_both_themes(
    chromium: Any, with_map: Backends, state: Any, theme: str
) -> None:
    with visiting(chromium, with_map.settings.base_url, state, color_scheme=theme) as visit:
        open_map(visit)
        assert steps(visit) == {"DE": "5", "US": "4", "FR": "4", "BR": "3", "IN": "3", "SG": "2", "MT": "1"}
        neutral = {"light": "rgb(230, 233, 238)", "dark": "rgb(42, 46, 54)"}[theme]
        assert fill(visit, "CN") == neutral
        assert len({fill(visit, code) for code in ("DE", "US", "BR", "SG", "MT", "CN")}) == 6
        assert fill(visit, "US") == fill(visit, "FR")
        assert visit.page.locator(".sg-map-off").inner_text() == (
            "Not on the map: Unknown 1,310 visitors, EU 7 visitors"
        )
        assert visit.problems == []


def test_the_tooltip_names_country_value_and_share(visit: Visit) -> None:
    open_map(visit)
    tip = visit.page.locator(".sg-map-tip")
    assert not tip.is_visible()
    visit.page.locator("[data-code=BR]").hover()
    assert tip.inner_text().split("\n") == [
        "Brazil",
        "96 visitors · 2.3\u202f%",
        "Before: 48 visitors",
        "Click to see only this country",
    ]
    visit.page.locator("[data-code=AU]").hover()
    assert tip.inner_text().split("\n") == ["Australia", "No visitors"]
    visit.page.locator("[data-code=SG]").hover()
    assert tip.inner_text().startswith("Singapore")
    visit.page.locator("h1").hover()
    assert not tip.is_visible()


def test_the_tooltip_stays_on_the_screen(chromium: Any, with_map: Backends, state: Any) -> None:
    with visiting(chromium, with_map.settings.base_url, state, viewport=PHONE) as visit:
        open_map(visit)
        for code in ("US", "NZ", "RU", "AR"):
            visit.page.locator(f"[data-code={code}]").dispatch_event("pointermove", center(visit, code))
            box = visit.page.locator(".sg-map-tip").bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= PHONE["width"]
            assert box["y"] >= 0


def center(visit: Visit, code: str) -> dict[str, Any]:
    box = visit.page.locator(f"[data-code={code}]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return {"clientX": x, "clientY": y, "pointerType": "mouse", "bubbles": True}


def test_a_click_filters_a_second_one_does_not_and_back_works(visit: Visit) -> None:
    open_map(visit, "/map?device=mobile")
    page = visit.page
    page.locator("[data-code=FR]").click()
    page.wait_for_url("**/map?device=mobile&country=FR")
    page.wait_for_function(
        "() => document.querySelectorAll('.sg-map-shape[data-step][data-code]').length === 1"
    )
    assert steps(visit) == {"FR": "5"}
    assert page.locator(".sg-map-line").count() == 1
    page.mouse.move(0, 0)
    page.locator("[data-code=FR]").hover()
    assert "Click to see all countries" in page.locator(".sg-map-tip").inner_text()
    page.locator("[data-code=FR]").click()
    page.wait_for_url("**/map?device=mobile")
    page.wait_for_function(
        "() => document.querySelectorAll('.sg-map-shape[data-step][data-code]').length === 7"
    )
    page.go_back()
    page.wait_for_url("**country=FR")
    page.wait_for_function(
        "() => document.querySelectorAll('.sg-map-shape[data-step][data-code]').length === 1"
    )
    assert visit.problems == []


def test_a_country_without_visitors_is_no_link(visit: Visit) -> None:
    open_map(visit)
    visit.page.locator("[data-code=AU]").click()
    visit.settle()
    assert visit.query == ""


def test_a_finger_sees_the_tooltip_first(chromium: Any, with_map: Backends, state: Any) -> None:
    base = with_map.settings.base_url
    with visiting(chromium, base, state, viewport=PHONE, has_touch=True) as visit:
        open_map(visit)
        visit.page.locator("[data-code=BR]").tap()
        assert visit.page.locator(".sg-map-tip").inner_text().endswith("Tap again to see only this country")
        visit.settle()
        assert visit.query == ""
        visit.page.locator("[data-code=BR]").tap()
        visit.page.wait_for_url("**?country=BR")


def test_the_shapes_are_fetched_once_and_leaving_leaves_nothing(visit: Visit) -> None:
    seen: list[str] = []
    visit.page.on("request", lambda request: seen.append(request.url))
    open_map(visit)
    for _ in range(2):
        visit.page.get_by_role("link", name="Overview").click()
        visit.page.wait_for_selector(".sg-map", state="detached")
        visit.page.get_by_role("link", name="Map", exact=True).click()
        visit.page.wait_for_selector(READY)
    visit.settle()
    shapes = [url for url in seen if "world_map.json" in url]
    assert len(shapes) == 1
    assert "world_map.json?v=" in shapes[0]
    assert visit.page.locator(".sg-map svg").count() == 1
    assert visit.problems == []


def test_without_the_shapes_the_map_says_so(visit: Visit) -> None:
    asked: list[str] = []

    def refuse(route: Any) -> None:
        asked.append(route.request.url)
        route.abort()

    visit.page.route("**/world_map.json*", refuse)
    visit.open("/map")
    note = visit.page.locator(".sg-map-failed")
    note.wait_for()
    assert note.inner_text() == "The map could not be loaded. The table has the same numbers."
    visit.settle()
    assert len(asked) == 1
    visit.page.unroute("**/world_map.json*")
    visit.page.get_by_role("link", name="Unknown").click()
    visit.page.wait_for_url("**country=unknown")
    visit.page.wait_for_selector(".sg-map svg")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_on_the_map(
    chromium: Any, with_map: Backends, state: Any, size: dict[str, int]
) -> None:
    with visiting(chromium, with_map.settings.base_url, state, viewport=size) as visit:
        open_map(visit)
        visit.page.locator("[data-code=BR]").hover()
        visit.still()
        assert visit.faults() == []
        label = visit.page.get_by_role("img", name="World map of visitors in 7 countries.")
        assert label.count() == 1
