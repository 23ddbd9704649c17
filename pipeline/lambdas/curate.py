"""λ of an hourly schedule: what Firehose brought, curated; once a day the tables maintained as well.

Athena does the work, for minutes; the function waits for it. A run that finds another one at it does nothing:
what is there is curated by that one or by the next.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from data_access.leases import LeaseHeld
from data_access.ports import Lake
from pipeline.lambdas import parts


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Curate; with ``{"maintain": true}`` compact closed days, expire snapshots and delete old files, too."""
    return curated(parts.of_lake(), maintain=bool(event.get("maintain")))


def curated(lake: Lake, maintain: bool = False) -> dict[str, Any]:
    """What was done, or that somebody else is doing it. Raises QueryError when Athena fails: nothing has
    changed then for readers, and the next run does it all."""
    try:
        told = asdict(lake.maintain(datetime.now(UTC)) if maintain else lake.curate())
    except LeaseHeld as error:
        parts.logger.info(str(error))
        return {"busy": True}
    parts.logger.info("curated", extra=told)
    return told
