"""Values of which engines make different things: here they are one thing, on every engine.

tests/trino runs the same on Trino.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.asking import Asking
from tests.builders import EVERYONE, embedded, event, period

NUMBERS = ("101", " 101 ", "+101", "1.01e2", "101.", "1010e-1")
NO_NUMBERS = (
    "",
    "1d3",
    "101d",
    "101f",
    "0x1p9",
    "1_000",
    "+-101",
    "nan",
    "NaN",
    "inf",
    "Infinity",
    "101abc",
    "-",
)


SHOWN = {
    '{"a":{"b":1}}': None,
    '{"a":[1]}': None,
    '{"a":null}': None,
    '{"a":1e+16}': "1e+16",
    '{"a":1e-05}': "1e-05",
    '{"a":-0.0}': "-0.0",
    '{"a":0.1}': "0.1",
    '{"a":12}': "12",
    '{"a":123456789012345678901234}': "123456789012345678901234",
    '{"a":true}': "true",
    '{"a":"1e16"}': "1e16",
    '{"a":"{x}"}': "{x}",
    '{"a":"[1]"}': "[1]",
    '{"a":"-1.50"}': "-1.50",
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Asking:
    """A lake with an event for every value, each on a page of its own."""
    numbers = [event(page_path=page(text), properties={"total": text}) for text in (*NUMBERS, *NO_NUMBERS)]
    shown = [event(page_path=page(text), properties=text) for text in SHOWN]
    return embedded(tmp_path_factory.mktemp("odd"), numbers + shown).asking


def page(value: str) -> str:
    """The path of a value's page."""
    return f"/{value.encode().hex()}"


@pytest.mark.parametrize("text", [*NUMBERS, *NO_NUMBERS])
def test_only_what_people_write_as_a_number_is_one(odd: Asking, text: str) -> None:
    here = period() | {"page_path": page(text)}
    (every,) = odd.ask("overview.kpis", here, EVERYONE).rows
    assert every["events"] == 1
    raw = here | {"where": "properties.total>100;properties.total<102"}
    (row,) = odd.ask("overview.kpis", raw, EVERYONE).rows
    assert row["events"] == (text in NUMBERS)


@pytest.mark.parametrize("properties", SHOWN)
def test_a_property_is_shown_as_it_stands(odd: Asking, properties: str) -> None:
    raw = period() | {"page_path": page(properties), "by": "properties.a"}
    (row,) = odd.ask("events.mix", raw, EVERYONE).rows
    assert row["value"] == (SHOWN[properties] or "unknown")


@pytest.mark.parametrize(
    ("amounts", "total"),
    [((0.1,) * 10, 1.0), ((0.00015, 0.00015), 0.0002), ((1e11, 0.0001, -1e11), 0.0001), ((19.995,), 19.995)],
)
def test_money_adds_up_in_ten_thousandths(tmp_path: Path, amounts: tuple[float, ...], total: float) -> None:
    events = [
        event("checkout_complete", revenue=amount, order_id=f"o{n}") for n, amount in enumerate(amounts)
    ]
    known = embedded(tmp_path, events).asking
    (row,) = known.ask("products.kpis", period(), EVERYONE).rows
    assert row["revenue"] == total
