"""The tracker in a real browser against the real collector: every event is in the lake exactly once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data_access import sites
from tests.browser.conftest import free_port
from tests.browser.conftest import serving as serving_app
from tests.browser.tracker_shop import Shop, Visitor, serving
from tests.builders import embedded, read
from tests.door import Door


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """The app as it runs, behind its own address."""
    backends = embedded(tmp_path, port=free_port())
    with serving_app(backends):
        yield Door(backends)


def test_everything_that_happened_is_in_the_lake_once(chromium: Any, door: Door) -> None:
    backends = door.backends
    with serving(Shop(backends.settings.base_url, door.key)) as shop:
        sites.save(backends.documents, "shop", (shop,))
        context = chromium.new_context()
        visitor = Visitor(context, shop, door)  # type: ignore[arg-type]
        page = visitor.open("/")
        page.evaluate("history.pushState({}, '', '/shoes'); history.pushState({}, '', '/cart')")
        page.go_back()
        page.click("#buy")
        page.evaluate("streamgauge('add_to_cart_click', {product: {id: 'p-1', price: 9.5}})")
        context.set_offline(True)
        page.evaluate("streamgauge('wishlist_toggle', {element: {dataset: {toggledOn: true}}})")
        page.click("#wish")
        context.set_offline(False)
        visitor.wait(f"!Object.keys(localStorage).some(key => key.startsWith('sg.{door.key}.'))")
        page.evaluate("streamgauge('search', {searchTerm: 'tent'})")
        page.close(run_before_unload=True)
        again = context.new_page()
        visitor.open("/after", again)
        visitor.wait(f"!Object.keys(localStorage).some(key => key.startsWith('sg.{door.key}.'))", again)
        context.close()
    door.settle()
    rows = read(backends, "events").to_pylist()
    assert Counter(row["event_id"] for row in rows) == Counter(set(visitor.made))
    assert Counter(row["event_name"] for row in rows) == {
        "page_view": 5,
        "click": 2,
        "add_to_cart_click": 1,
        "wishlist_toggle": 1,
        "search": 1,
    }
    in_order = sorted(rows, key=lambda row: row["ts"])
    views = [row["page_path"] for row in in_order if row["event_name"] == "page_view"]
    assert views == ["/", "/shoes", "/cart", "/shoes", "/after"]
    assert len({(row["client_id"], row["session_id"], row["visitor_id"]) for row in rows}) == 1
    assert {row["is_first_visit"] for row in rows} == {True}
    assert {row["browser"] for row in rows} != {None}
    assert visitor.problems == []
    assert backends.log.refusals() == {}
