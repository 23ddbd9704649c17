"""Controls bound to the URL: their ids name the parameter, ``assets/js/address.js`` keeps both equal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from data_access.model import UsageError
from pages.parts.icons import icon
from pages.parts.view import View

Component = Any
Options = list[tuple[str, str]]


def param(key: str, default: str = "", kind: str = "text") -> dict[str, str]:
    """The id of a control for a URL parameter; ``kind`` is text, list or period."""
    return {"type": "param", "key": key, "default": default, "kind": kind}


def hidden(key: str, value: str, default: str = "") -> Component:
    """A parameter without a visible control of its own."""
    return dcc.Input(id=param(key, default), type="hidden", value=value)


def choice(key: str, label: str, options: Options, value: str, default: str) -> Component:
    """A segmented choice between a few named values."""
    return dmc.SegmentedControl(
        id=param(key, default),
        data=data(options),
        value=value,
        size="xs",
        attributes={"root": {"aria-label": label}},
    )


def select(key: str, label: str, options: Options, value: str, default: str, **extra: Any) -> Component:
    """A drop-down with one value."""
    return dmc.Select(
        id=param(key, default),
        label=label,
        data=data(options),
        value=value,
        allowDeselect=False,
        size="sm",
        **extra,
    )


def several(key: str, label: str, options: Options, chosen: list[str]) -> Component:
    """A drop-down with any number of values, to be searched; further options may be filled in later."""
    return dmc.MultiSelect(
        id=param(key, kind="list"),
        label=label,
        data=data(options),
        value=chosen,
        searchable=True,
        openOnFocus=False,
        clearable=True,
        hidePickedOptions=True,
        placeholder="" if chosen else "Any",
        nothingFoundMessage="Nothing found",
        clearButtonProps={"aria-label": f"Clear {label}"},
        comboboxProps={"withinPortal": False},
        maxDropdownHeight=200,
        size="sm",
    )


def data(options: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Codes and their words as drop-downs and segmented choices take them."""
    return [{"value": code, "label": words} for code, words in options]


def icon_button(button_id: Any, shape: str, said: str, disabled: bool = False) -> Component:
    """A button that is only an icon; ``said`` is its tooltip and what people hear."""
    return html.Button(
        icon(shape),
        id=button_id,
        className="sg-icon-button",
        type="button",
        title=said,
        disabled=disabled,
        **{"aria-label": said},
    )


def popover(button: Component, content: Component, name: str = "", **look: Any) -> Component:
    """A drop-down that opens at a button, holds the focus and gives it back; ``name`` is its look."""
    drop_down = dmc.PopoverDropdown(content, className=name) if name else dmc.PopoverDropdown(content)
    return dmc.Popover(
        [dmc.PopoverTarget(button), drop_down],
        trapFocus=True,
        returnFocus=True,
        withRoles=False,
        withinPortal=False,
        shadow="md",
        **look,
    )


def chosen(view: View, key: str, options: Options) -> str:
    """The option the URL chooses, the first by default. Raises UsageError for another."""
    value = view.own(key, options[0][0])
    if value not in dict(options):
        raise UsageError(f"{key}={value!r}; it takes {', '.join(dict(options))}")
    return value
