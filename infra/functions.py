"""The functions, as docs/aws.md has them under Functions: what each takes, may do, and is called by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra import permissions
from infra.permissions import Role


@dataclass(frozen=True, slots=True)
class Clock:
    """A schedule: minutes between calls, or the hour (UTC) of a daily one; and what the function is told."""

    name: str
    minutes: int = 0
    hour: int = 0
    says: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Function:
    """A function: ``reserved`` calls at once are its own; ``queue`` or ``clocks`` call it, if it says so."""

    name: str
    does: str
    memory: int
    seconds: int
    reserved: int
    may: Role
    queue: str = ""
    clocks: tuple[Clock, ...] = ()


FUNCTIONS = (
    Function("ingest", "Events into the stream", 512, 29, 0, permissions.ingest),
    Function("redrive", "What the stream did not take", 512, 60, 5, permissions.redrive, "overflow"),
    Function("live", "Events into the live counters", 512, 60, 0, permissions.live),
    Function("transform", "Records of the stream as rows", 1024, 60, 20, permissions.transform),
    Function(
        "curate",
        "Raw rows into the lake's tables",
        2048,
        900,
        2,
        permissions.curate,
        clocks=(Clock("hourly", 60), Clock("daily", hour=2, says={"maintain": True})),
    ),
    Function(
        "reconcile",
        "Live counts against the lake",
        512,
        300,
        2,
        permissions.reconcile,
        clocks=(Clock("often", 10),),
    ),
    Function("findings", "Security Hub's events", 512, 60, 5, permissions.findings, "findings"),
    Function(
        "sync",
        "What Security Hub has",
        512,
        900,
        2,
        permissions.sync,
        clocks=(Clock("begins", 360), Clock("goes-on", 15, says={"continue": True})),
    ),
    Function(
        "archive", "Closed findings", 512, 900, 2, permissions.archive, clocks=(Clock("daily", hour=3),)
    ),
    Function(
        "alerts", "What waits to be told", 512, 60, 2, permissions.alerts, clocks=(Clock("every-minute", 1),)
    ),
)
"""``reserved`` 0 is that of the deployment: of ingest its own setting, of live two calls a shard, for those
that are being split."""
MOST_SHARDS = 50
"""Calls of λ live at once where the stream is on demand; one more shard than that would wait."""
SENDS = 6
"""A queue shows a message again after so many times its function's time."""
