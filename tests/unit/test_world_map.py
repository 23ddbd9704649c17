from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_access.model import Scope
from docs.world_map import make_world
from pages.parts import countries, world_map
from pages.parts.view import View
from pages.parts.world_map import STEPS, breaks, step

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "assets" / "vendor" / "world_map.json"
WORLD = json.loads(FILE.read_text("utf-8"))
ROWS = [
    {"value": "FR", "visitors": 410, "visitors_previous": 400},
    {"value": "unknown", "visitors": 1204, "visitors_previous": 0},
    {"value": "DE", "visitors": 1000, "visitors_previous": None},
    {"value": "SG", "visitors": 12, "visitors_previous": 0},
    {"value": "EU", "visitors": 3, "visitors_previous": 0},
    {"value": "MT", "visitors": 0, "visitors_previous": 9},
]


@pytest.mark.parametrize(
    ("code", "name"), [("DE", "Germany"), ("unknown", "Unknown"), ("ZZ", "ZZ"), ("de", "de"), ("", "")]
)
def test_a_country_has_a_name_and_what_is_none_stays_as_it_is(code: str, name: str) -> None:
    assert countries.name(code) == name


def test_every_country_is_on_the_map_under_its_name_but_antarctica() -> None:
    assert len(countries.NAMES) == 250
    named = {code: country["name"] for code, country in WORLD["countries"].items()}
    assert named == {code: name for code, name in countries.NAMES.items() if code != "AQ"}


def test_the_map_is_small_and_has_its_licence_beside_it() -> None:
    assert FILE.stat().st_size < 120_000
    licence = (FILE.parent / "LICENSE-world-atlas.txt").read_text("utf-8")
    assert "public domain" in licence
    assert "Permission to use, copy, modify" in licence


Ring = list[tuple[int, int]]


def rings(path: str) -> Iterator[Ring]:
    """The points of each ring of path data: one M, then relative steps."""
    for text in re.findall(r"M([^Mz]+)z", path):
        values = [int(value) for value in re.findall(r"-?\d+", text)]
        x = y = 0
        ring = []
        for dx, dy in zip(values[::2], values[1::2], strict=True):
            x, y = x + dx, y + dy
            ring.append((x, y))
        yield ring


def inside(path: str, x: float, y: float) -> bool:
    """Whether a point is in a shape, by the even-odd rule."""
    crossings = 0
    for ring in rings(path):
        for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], ring[0]], strict=True):
            crossings += (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return crossings % 2 == 1


def test_every_shape_lies_in_the_frame() -> None:
    for code, country in WORLD["countries"].items():
        points = [p for ring in rings(country.get("path", "")) for p in ring] or [tuple(country["dot"])]
        assert all(-2 <= x <= WORLD["width"] + 2 and -2 <= y <= WORLD["height"] + 2 for x, y in points), code
        assert ("path" in country) != ("dot" in country), code


def place(longitude: float, latitude: float) -> tuple[float, float]:
    """Where a place is drawn, worked out from where two dots are: Singapore and Malta."""
    known = {"SG": (103.8, 1.35), "MT": (14.4, 35.9)}
    (ax, ay), (bx, by) = (make_world.equal_earth(lon - 11, lat) for lon, lat in known.values())
    (px, py), (qx, qy) = (WORLD["countries"][code]["dot"] for code in known)
    x, y = make_world.equal_earth(longitude - 11, latitude)
    return px + (x - ax) * (qx - px) / (bx - ax), py + (y - ay) * (qy - py) / (by - ay)


@pytest.mark.parametrize(
    ("code", "longitude", "latitude"),
    [
        ("DE", 10.5, 51.2),
        ("US", -98, 39),
        ("US", -153, 65),
        ("RU", 100, 62),
        ("RU", 187, 66.5),  # Chukotka, beyond longitude 180
        ("AU", 134, -25),
        ("ZA", 24, -31),
        ("LS", 28.2, -29.6),
        ("BR", -52, -10),
        ("GF", -53, 4),
        ("SJ", 16, 78.6),
        ("UA", 34.2, 45.3),  # Crimea
        ("SO", 45.5, 9.7),  # Somaliland
        ("XK", 20.9, 42.6),
        ("NZ", 170.5, -44),
    ],
)
def test_a_place_lies_in_its_country_and_in_no_other(code: str, longitude: float, latitude: float) -> None:
    x, y = place(longitude, latitude)
    found = [name for name, c in WORLD["countries"].items() if inside(c.get("path", ""), x, y)]
    assert found == [code]


def test_the_projection_is_equal_earth() -> None:
    assert make_world.equal_earth(180, 0) == pytest.approx((2.706630, 0), abs=1e-6)
    assert make_world.equal_earth(0, 90) == pytest.approx((0, 1.317363), abs=1e-6)
    assert make_world.equal_earth(180, 90)[0] == pytest.approx(1.604, abs=1e-3)


@given(st.floats(-170, 170), st.floats(-85, 85))
def test_the_projection_keeps_areas(longitude: float, latitude: float) -> None:
    d = 0.01
    (x0, y0), (x1, _) = (make_world.equal_earth(longitude + side, latitude) for side in (-d, d))
    low, high = (make_world.equal_earth(longitude, latitude + side)[1] for side in (-d, d))
    radians = make_world.math.radians
    on_the_globe = radians(2 * d) ** 2 * make_world.math.cos(radians(latitude))
    assert (x1 - x0) * (high - low) == pytest.approx(on_the_globe, rel=1e-4)
    assert low < y0 < high


def test_simplifying_keeps_ends_and_drops_what_matters_least() -> None:
    arc = [(0.0, 0.0), (1.0, 0.1), (2.0, 0.0), (3.0, 5.0), (4.0, 0.0)]
    assert make_world.simplified(arc, 1) == [(0, 0), (2, 0), (3, 5), (4, 0)]
    assert make_world.simplified(arc, 100) == [(0, 0), (4, 0)]


def test_neighbours_of_one_code_lose_the_border_between_them() -> None:
    # Two squares side by side: arc 1 is the border, the second ring has it backwards.
    arcs = [[(1, 0), (0, 0), (0, 1), (1, 1)], [(1, 1), (1, 0)], [(1, 0), (2, 0), (2, 1), (1, 1)]]
    ring = list(make_world.rings([[[0, 1]], [[~1, ~2]]], arcs))
    assert len(ring) == 1
    assert make_world.area(make_world.outline(ring[0], arcs)) == 2


VALUES = st.lists(st.one_of(st.integers(1, 10**7), st.floats(0.01, 1e6)), min_size=1, max_size=60)


@given(VALUES)
def test_limits_rise_and_leave_neither_the_first_nor_the_last_step_empty(values: Sequence[float]) -> None:
    limits = breaks(values)
    assert len(limits) <= STEPS - 1
    assert limits == sorted(set(limits))
    steps = {step(value, limits) for value in values}
    assert max(steps) == STEPS
    assert min(steps) == STEPS - len(limits)


@given(st.lists(st.integers(1, 10**6), min_size=1))
def test_limits_of_counts_are_whole_numbers(values: list[int]) -> None:
    assert all(float(limit).is_integer() for limit in breaks(values))


@pytest.mark.parametrize(
    ("values", "limits"),
    [
        ([3, 1204], [10, 50, 200, 1000]),
        ([200, 300, 900], [400, 600, 800]),
        ([1, 52_000], [500, 2000, 10_000, 50_000]),
        ([1.2, 3.4], [1.5, 2.0, 2.5, 3.0]),
        ([3, 4], [4]),
        ([7, 7], []),
        ([0], []),
        ([], []),
    ],
)
def test_limits_are_readable(values: list[float], limits: list[float]) -> None:
    assert breaks(values) == limits


@pytest.fixture
def draw(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draw a map at a URL's parameters; only the address of the shapes needs a running app."""
    monkeypatch.setattr(world_map, "_address", lambda: "/assets/vendor/world_map.json?v=1")

    def drawn(rows: list[dict[str, Any]] = ROWS, unit: str = "visitors", **raw: str) -> SimpleNamespace:
        view = View(None, "/traffic", raw, Scope("tester"))  # type: ignore[arg-type]
        options = {"value": "visitors", "label": "Visitors", "unit": unit}
        box = world_map.world_map(view, rows, **options).to_plotly_json()["props"]["children"]
        props = box[0].to_plotly_json()["props"]
        return SimpleNamespace(
            label=props["aria-label"],
            nothing=props["data-nothing"],
            values=json.loads(props["data-values"]),
            legend=[text(part) for part in box[1].children],
            elsewhere=text(box[2]),
            links=links(box[2]),
        )

    return drawn


def text(part: Any) -> str:
    if part is None or isinstance(part, str):
        return part or ""
    if isinstance(part, list):
        return "".join(map(text, part))
    return text(getattr(part, "children", ""))


def links(part: Any) -> list[str]:
    return [] if part is None else [child.href for child in part.children if hasattr(child, "href")]


def test_countries_have_a_step_a_link_and_lines(draw: Any) -> None:
    values = draw(site="shop").values
    assert set(values) == {"DE", "FR", "SG"}
    assert [values[code]["step"] for code in ("DE", "FR", "SG")] == [5, 4, 2]
    assert values["DE"]["href"] == "/traffic?site=shop&country=DE"
    assert values["DE"]["lines"] == ["1,000 visitors · 38.0\u202f%"]
    assert values["FR"]["lines"] == ["410 visitors · 15.6\u202f%", "Before: 400 visitors"]


def test_a_second_click_takes_the_filter_away(draw: Any) -> None:
    values = draw(country="DE,FR", bots="in").values
    assert [values[code]["chosen"] for code in ("DE", "FR", "SG")] == [True, True, False]
    assert values["DE"]["href"] == "/traffic?country=FR&bots=in"
    assert values["SG"]["href"] == "/traffic?country=SG&bots=in"
    assert draw(country="DE").values["DE"]["href"] == "/traffic"


def test_what_is_on_no_shape_is_named_with_its_link(draw: Any) -> None:
    found = draw()
    assert found.elsewhere == "Not on the map: Unknown 1,204 visitors, EU 3 visitors"
    assert found.links == ["/traffic?country=unknown", "/traffic?country=EU"]
    assert draw(ROWS[2:4]).elsewhere == ""
    many = [{"value": f"X{n}", "visitors": 10 - n} for n in range(8)]
    assert draw(many).elsewhere.endswith("X5 5 visitors, and 2 more codes")


def test_the_map_is_summed_up_in_words(draw: Any) -> None:
    assert draw().label == (
        "World map of visitors in 3 countries. "
        "Most: Germany 1,000 visitors, France 410 visitors, Singapore 12 visitors."
    )
    assert draw([]).label == "World map of visitors: no country has any."


def test_the_legend_has_ranges_and_the_unit(draw: Any) -> None:
    assert draw().legend == ["Visitors:", "none", "under 50", "50 to 200", "200 to 1,000", "1,000 and more"]
    assert draw(ROWS[:1]).legend == ["Visitors:", "none", "410 visitors"]
    assert draw([]).legend == ["Visitors:", "none"]


def test_a_country_that_the_filter_leaves_out_is_not_said_to_have_none(draw: Any) -> None:
    assert draw().nothing == "No visitors"
    filtered = draw(ROWS[:1], country="FR")
    assert filtered.nothing == "Left out by the country filter"
    assert filtered.legend == ["Visitors:", "left out", "410 visitors"]


def test_money_and_percentages_say_their_unit(draw: Any) -> None:
    assert draw(unit="EUR").legend[0] == "Visitors, EUR:"
    money = world_map._Measure("revenue", "EUR", whole=False)
    assert money.text(12.5) == "12.50\u202fEUR"
    assert world_map._Measure("conversion", "%", whole=False).text(3.25) == "3.2\u202f%"


def test_large_limits_are_short() -> None:
    assert world_map._ranges([500, 2000, 10_000, 50_000]) == [
        "under 500",
        "500 to 2k",
        "2k to 10k",
        "10k to 50k",
        "50k and more",
    ]
    assert world_map._ranges([2000, 5000]) == ["under 2,000", "2,000 to 5,000", "5,000 and more"]
    assert world_map._ranges([0.5, 1.5]) == ["under 0.5", "0.5 to 1.5", "1.5 and more"]
