"""The URL query: the only place where filters, options and selections of a page live."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlencode

from data_access import conditions
from data_access.questions import COMPARE, PERIOD_PARAMS
from data_access.sql import ALL_DIMENSIONS

SHARED = (*(param.name for param in PERIOD_PARAMS), COMPARE.name, *ALL_DIMENSIONS)
"""Parameters every page understands; links between pages carry them along."""

_SPECIAL = re.compile(r"[\\,]|\A\s|\s\Z")


def read(search: str | None) -> dict[str, str]:
    """The query's parameters with a value; of a repeated one the last."""
    return {key: value for key, value in parse_qsl((search or "").lstrip("?")) if value.strip()}


def shared(raw: Mapping[str, str]) -> dict[str, str]:
    """The parameters that every page and every question about a period takes."""
    return {key: raw[key] for key in SHARED if raw.get(key)}


def write(path: str, raw: Mapping[str, str | None]) -> str:
    """A link to a page; parameters that are None or empty are left out."""
    query = urlencode({key: value for key, value in raw.items() if value}, quote_via=quote, safe=",[]:~;=/")
    return f"{path}?{query}" if query else path


def split(text: str) -> list[str]:
    """The values of ``DE,FR``, as questions take them; a comma inside a value is written ``\\,``."""
    return conditions.listed(text)


def join(values: Iterable[str]) -> str:
    """The text ``split`` reads."""
    return ",".join(_SPECIAL.sub(r"\\\g<0>", value) for value in values)
