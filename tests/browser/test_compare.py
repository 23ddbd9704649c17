from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.visits import PAGES, visiting

FROM = re.compile(r"from [\d.,]+")


def test_comparison_can_be_switched(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/traffic")
        page = visit.page
        seen = {}
        for words, query in (
            ("Same weekdays before", "?compare=week"),
            ("No comparison", "?compare=none"),
            ("Previous period", ""),
        ):
            page.locator(".sg-compare").click()
            page.get_by_role("option", name=words).click()
            visit.settle()
            assert visit.query == query
            seen[query] = page.inner_text(".sg-kpis")
        assert len(FROM.findall(seen[""])) == len(FROM.findall(seen["?compare=week"])) == 6
        assert FROM.findall(seen["?compare=none"]) == []
        assert FROM.findall(seen[""]) != FROM.findall(seen["?compare=week"])
        assert "compared with" in page.inner_text("#filters-shown")
        assert page.locator("#traffic-pages thead th").all_inner_texts()[1:4] == [
            "Visitors",
            "Before",
            "Change",
        ]
        page.go_back()
        visit.settle()
        assert page.inner_text(".sg-kpis") == seen["?compare=none"]
        assert "compared with" not in page.inner_text("#filters-shown")
        assert "Before" not in page.locator("#traffic-pages thead th").all_inner_texts()
        assert page.locator("#traffic-series .sg-legend").inner_text().count("period") == 0
        assert visit.problems == []


def test_a_period_without_earlier_data_says_so(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/products?compare=year")
        assert "no earlier data to compare with" in visit.page.inner_text("#filters-shown")
        assert visit.page.inner_text(".sg-kpis >> nth=0").count("No earlier data") >= 4


def test_a_funnel_says_whether_a_change_is_chance(chromium: Any, base: str, signed_in: Any) -> None:
    with visiting(chromium, base, signed_in) as visit:
        visit.open("/funnels")
        verdicts = visit.page.locator(".sg-verdict").all_inner_texts()
        assert len(verdicts) == 4  # of the whole funnel, and of each step after the first
        assert all(re.search(r"chance|Too few", text) for text in verdicts)
        visit.page.locator(".sg-verdict").first.hover()
        tip = visit.page.get_by_role("tooltip")
        tip.wait_for()
        assert re.search(
            r"95\s%\sconfidence interval of the change is [+−±][\d.]+ to [+−±][\d.]+", tip.inner_text()
        )
        visit.open("/funnels?compare=none")
        assert visit.page.locator(".sg-verdict").count() == 0


@pytest.mark.parametrize("path", PAGES[:4])
def test_a_link_shows_the_same_numbers_in_another_browser(
    chromium: Any, base: str, signed_in: Any, path: str
) -> None:
    query = "?country=DE,FR&where=!(device=tablet)&bots=in&compare=week"
    with visiting(chromium, base, signed_in) as visit:
        visit.open(path + query)
        link = visit.page.url.removeprefix(base)
        shown = numbers(visit)
    other = chromium.browser_type.launch(executable_path=CHROMIUM, args=FLAGS)
    with other, visiting(other, base, signed_in, color_scheme="dark") as visit:
        visit.open(link)
        assert numbers(visit) == shown
        assert visit.problems == []
    assert len(shown) > 200


def numbers(visit: Any) -> str:
    """All that the page says, but for how long it took."""
    text = visit.page.inner_text("main")
    return re.sub(r"[\d.,]+\sms|cached|[\d.,]+\s[kMG]?B\b", "", text)
