"""Values of which engines make different things: here they are one thing, on every engine.

tests/trino runs the same on Trino.
"""

from __future__ import annotations

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("text", [*NUMBERS, *NO_NUMBERS])
def test_only_what_people_write_as_a_number_is_one(tmp_path: Path, text: str) -> None:
    known = embedded(tmp_path, [event(properties={"total": text})]).asking
    raw = period() | {"where": "properties.total>100;properties.total<102"}
    (row,) = known.ask("overview.kpis", raw, EVERYONE).rows
    assert row["events"] == (text in NUMBERS)


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


@pytest.mark.parametrize("properties", SHOWN)
def test_a_property_is_shown_as_it_stands(tmp_path: Path, properties: str) -> None:
    known = embedded(tmp_path, [event(properties=properties)]).asking
    (row,) = known.ask("events.mix", period() | {"by": "properties.a"}, EVERYONE).rows
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
