"""Numbers, times and periods as people read them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from data_access.metrics import Metric
from data_access.model import Filters, Stamp

NO_VALUE = "–"


def whole(value: float | None) -> str:
    """12,345"""
    return NO_VALUE if value is None else f"{round(value):,}"


def counted(value: int, noun: str) -> str:
    """1 event, 2 events"""
    return f"{whole(value)} {noun}{'' if value == 1 else 's'}"


def signed(value: int) -> str:
    """+12, −3, 0"""
    return f"{'−' if value < 0 else '+' if value else ''}{whole(abs(value))}"


def percent(value: float | None, digits: int = 1) -> str:
    """A percentage that is already in percent: 12.3 %"""
    return NO_VALUE if value is None else f"{value:,.{digits}f}\u202f%"


def share(value: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage: 12.3 %"""
    return NO_VALUE if value is None else percent(value * 100, digits)


def compact(value: float) -> str:
    """12,345 as 12.3k, for narrow places."""
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.1f}".removesuffix(".0") + unit
    return whole(value)


def duration(seconds: float | None) -> str:
    """2 min 5 s"""
    if seconds is None:
        return NO_VALUE
    if seconds < 1:
        return f"{round(seconds * 1000)}\u202fms"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + "\u202fs"
    parts = []
    left = round(seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}\u202f{unit}")
    return " ".join(parts[:2])


def money(value: float | None, currency: str) -> str:
    """1,234.50 EUR; without cents from 10,000 on."""
    if value is None:
        return NO_VALUE
    return f"{value:,.{0 if abs(value) >= 10_000 else 2}f}\u202f{currency}"


def metric(of: Metric, value: float | None, currency: str = "") -> str:
    """A metric's value with its unit, ``currency`` for money; counts say theirs in their label."""
    if value is None:
        return NO_VALUE
    match of.kind:
        case "percent":
            return percent(value)
        case "share":
            return share(value)
        case "seconds":
            return duration(value)
        case "money":
            return money(value, currency)
        case "number":
            return f"{value:,.2f}"
    return whole(value)


def about(of: Metric, filters: Filters) -> str:
    """What a tooltip says of a metric: what it is, how it is worked out, and its unit."""
    unit = of.unit.format(currency=filters.currency)
    return f"{of.help} Worked out as: {of.formula.format(currency=filters.currency)}. Unit: {unit}."


def size(value: int | None) -> str:
    """Bytes as people read them: 1.2 MB"""
    if value is None:
        return NO_VALUE
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= limit:
            return f"{value / limit:,.1f}\u202f{unit}"
    return f"{value}\u202fB"


def day(value: date, year: bool = True) -> str:
    """22 Oct 2026"""
    return f"{value.day} {value:%b}" + (f" {value.year}" if year else "")


def days(first: date, last: date) -> str:
    """22 Oct – 20 Nov 2026"""
    if first == last:
        return day(first)
    return f"{day(first, first.year != last.year)} – {day(last)}"


def period(filters: Filters) -> str:
    """22 Oct – 20 Nov 2026, Europe/Berlin"""
    return f"{days(filters.from_day, filters.to_day)}, {filters.time_zone}"


def local(value: datetime, time_zone: str) -> datetime:
    """A UTC time without zone as local time."""
    return value.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(time_zone))


def clock(value: datetime, time_zone: str) -> str:
    """A UTC time without zone as local time of day: 14:05"""
    return f"{local(value, time_zone):%H:%M}"


def moment(value: datetime, time_zone: str) -> str:
    """A UTC time without zone as local time: 20 Nov 2026 14:05"""
    here = local(value, time_zone)
    return f"{day(here.date())} {here:%H:%M}"


def stamp(value: Stamp) -> str:
    """Where an answer comes from, in one short line."""
    complete = (
        f"Complete to {moment(value.complete_to, value.time_zone)}" if value.complete_to else "No data yet"
    )
    cut = "first " if value.truncated else ""
    speed = "cached" if value.cached else f"{max(1, round(value.milliseconds))}\u202fms"
    return f"{complete} · {cut}{whole(value.rows)} {'row' if value.rows == 1 else 'rows'} · {speed}"


def trust(value: Stamp) -> list[tuple[str, str]]:
    """All that is known of where an answer comes from, as terms and texts."""
    complete = f"{moment(value.complete_to, value.time_zone)}, {value.time_zone}" if value.complete_to else ""
    period = _days(value.from_day, value.to_day)
    return [
        ("Data complete to", complete or "no data yet"),
        ("Period", f"{period}, {value.time_zone}" if period else "all data"),
        ("Compared with", _days(value.compared_from, value.compared_to) or "nothing"),
        (
            "Rows",
            f"{whole(value.rows)}, {'more left out by a limit' if value.truncated else 'all there are'}",
        ),
        ("Received late", _received(value.late_share, "more than 24 h after they happened")),
        ("Duplicates", _received(value.duplicate_share, "sent again, counted once")),
        ("Answered by", f"{value.engine}, {'from the cache' if value.cached else 'fresh'}"),
        ("Took", f"{value.milliseconds:,.1f}\u202fms"),
        ("Read", "unknown" if value.bytes_scanned is None else size(value.bytes_scanned)),
        *([("Cost", f"about {dollars(value.dollars)}")] if value.dollars is not None else []),
        ("Data version", value.data_version),
    ]


def dollars(value: float) -> str:
    """US dollars: cents, and of less than one as many digits as it takes to see something."""
    if value and value < 0.01:
        return f"${value:.2g}" if value >= 0.0001 else "less than $0.0001"
    return f"${value:,.2f}"


def _days(first: date | None, last: date | None) -> str:
    return days(first, last) if first and last else ""


def _received(part: float | None, meaning: str) -> str:
    return "not counted" if part is None else f"{share(part, 2)} of the rows received: {meaning}"
