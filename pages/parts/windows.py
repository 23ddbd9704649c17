"""The conversion window: presets, any other time up to 90 days, or the whole period."""

from __future__ import annotations

import re
from typing import Any

import dash_mantine_components as dmc
from dash import html

from data_access.model import UsageError
from data_access.questions.funnel_steps import parse_window
from pages.parts import controls

Component = Any

DEFAULT = "7d"
PRESETS = ("30m", "1h", "1d", "7d", "14d", "30d", "90d", "period")
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}


def label(text: str) -> str:
    """7 days; the whole period."""
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if match is None:
        return "the whole period"
    return f"{int(match[1])} {_UNITS[match[2]]}" + ("" if int(match[1]) == 1 else "s")


def valid(text: str) -> bool:
    """Whether the funnel takes this window."""
    try:
        parse_window(text)
    except UsageError:
        return False
    return True


def options(value: str) -> list[dict[str, str]]:
    """The presets, and the current window if it is none of them."""
    own = [value] if value not in PRESETS and valid(value) else []
    return [{"value": text, "label": label(text).capitalize()} for text in (*PRESETS, *own)]


def picker(value: str) -> Component:
    """A drop-down with presets, and a small form for any other window."""
    select = dmc.Select(
        id=controls.param("window", DEFAULT),
        label="Conversion window",
        data=options(value),
        value=value,
        allowDeselect=False,
        size="sm",
        className="sg-grow",
    )
    return html.Div([select, _custom()], className="sg-field sg-inline")


def _custom() -> Component:
    number = dmc.NumberInput(
        id="window-number", label="Number", value=3, min=1, allowDecimal=False, size="sm"
    )
    unit = dmc.Select(
        id="window-unit",
        label="Unit",
        data=controls.data((code, f"{name}s") for code, name in _UNITS.items()),
        value="d",
        allowDeselect=False,
        size="sm",
        comboboxProps={"withinPortal": False},
    )
    form = dmc.Stack(
        [
            dmc.Group([number, unit], grow=True, gap="xs"),
            dmc.Button("Use this window", id="window-apply", size="sm"),
        ],
        gap="sm",
    )
    button = dmc.Button("Custom", variant="default", size="sm")
    return controls.popover(button, form, id="window-custom", width=260, position="bottom-end")
