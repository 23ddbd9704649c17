"""The manifest beside a CSV: what was asked, of which data, and a checksum of the file's bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

from app.csv_files import to_csv
from app.health import app_version
from data_access import conditions
from data_access.asked import Export
from data_access.metrics import CHANGES, header, told
from data_access.settings import WEEKDAYS

VERSION = 1


@dataclass(slots=True)
class Written:
    """The bytes and rows of a CSV file while it is written."""

    columns: list[str] = field(default_factory=list)
    rows: int = 0
    size: int = 0
    _digest: Any = field(default_factory=sha256)

    @property
    def sha256(self) -> str:
        """SHA-256 of all bytes so far, in hexadecimal."""
        return str(self._digest.hexdigest())

    def chunks(self, export: Export) -> Iterator[bytes]:
        """The file, piece by piece: its header first, before any row is there."""
        filters = export.asked.ask.filters
        for batch in export.batches:
            first = not self.columns
            self.columns = self.columns or batch.schema.names
            chunk = to_csv(batch, first, filters.currency, filters.time_zone)
            self.rows += batch.num_rows
            self.size += len(chunk)
            self._digest.update(chunk)
            yield chunk


def manifest(export: Export, written: Written, file: str, link: str, user: str) -> dict[str, Any]:
    """The manifest of a file that is written: values of JSON only.

    ``link`` is the address that shows the same numbers again.
    """
    asked = export.asked
    filters, before = asked.ask.filters, asked.ask.before
    value = {
        "manifest_version": VERSION,
        "made_by": f"Streamgauge {app_version()}",
        "file": file,
        "sha256": written.sha256,
        "bytes": written.size,
        "rows": written.rows,
        "question": asked.question.name,
        "question_help": asked.question.help,
        "parameters": asked.ask.values,
        "filters": {
            "from": filters.from_day,
            "to": filters.to_day,
            "time_zone": filters.time_zone,
            "week_start": WEEKDAYS[filters.week_start],
            "currency": filters.currency,
            "bots": filters.bots,
            "where": conditions.write(filters.where),
        }
        if asked.question.about_period
        else None,
        "compared_with": {"compare": asked.compare, "from": before.from_day, "to": before.to_day}
        if before
        else None,
        "columns": [_column(name, filters.currency, filters.time_zone) for name in written.columns],
        "stamp": asdict(export.stamp) | {"rows": written.rows},
        "link": link,
        "exported_at": datetime.now(UTC),
        "exported_by": user,
    }
    plain: dict[str, Any] = json.loads(json.dumps(value, default=_plain))
    return plain


def _column(name: str, currency: str, time_zone: str) -> dict[str, Any]:
    about, suffix = told(name)
    entry: dict[str, Any] = {"name": name, "header": header(name, currency, time_zone)}
    if about is None:
        return entry
    return entry | {
        "metric": about.name,
        "label": about.label,
        "unit": about.change_unit if suffix in CHANGES else about.unit.format(currency=currency),
        "formula": about.formula,
        "source": about.source,
        "help": about.help,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no place in a manifest")
