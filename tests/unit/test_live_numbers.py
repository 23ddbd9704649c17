"""The live figures say when they are estimates."""

from __future__ import annotations

from datetime import timedelta

from data_access.distinct import Sketch
from data_access.live import MinuteCount
from data_access.realtime import Snapshot, minute_of
from pages.parts.live_numbers import FIGURES, values
from tests.builders import NOON


def snapshot(**more: object) -> Snapshot:
    none: dict[str, int] = {}
    item = MinuteCount(
        "shop",
        minute_of(NOON),
        9,
        {"page_view": 9},
        frozenset({1, 2}),
        frozenset({3}),
        none,
        none,
        none,
        **more,
    )  # type: ignore[arg-type]
    return Snapshot(NOON + timedelta(seconds=30), NOON, 9, {}, {}, (item,))


def texts(taken: Snapshot) -> dict[str, str]:
    window = taken.window(5)
    return {figure.name: values(figure, window, window)[0].children[0].children for figure in FIGURES}


def test_kept_one_by_one_they_are_exact() -> None:
    assert texts(snapshot()) == {"events": "9", "errors": "0.0\u202f%", "sessions": "2", "visitors": "1"}


def test_with_a_sketch_they_are_estimates() -> None:
    found = texts(snapshot(session_sketches=(Sketch().plus([2, 7, 8]),)))
    assert found["sessions"] == "≈\u202f4"
    assert found["events"] == "9"
