"""The command that makes demo data: events and findings of a made-up shop."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta

from data_access.backends import Backends
from data_access.model import UsageError

_FINDINGS = "demo-findings"


def demo(backends: Backends, options: argparse.Namespace) -> None:
    """Make demo data in an empty lake, or add nothing to one that has the same demo already."""
    from pipeline.demo import make_demo

    started = time.perf_counter()
    known = backends.lake.ingested("demo-")
    if not known and backends.lake.health()["tables"]["events"]["rows"]:
        raise UsageError("there is data already; choose an empty folder with --data-dir for the demo")
    backends.documents.put("flags", "demo", {"seed": options.seed, "days": options.days}, None)
    # The live visitors of the demo shop take over where the demo ends.
    end = datetime.now(UTC) - timedelta(minutes=options.until)
    batches = () if known else make_demo(options.days, options.seed, end)
    for batch in batches:
        backends.lake.append(batch)
    added = backends.lake.curate().added
    print(f"{added:,} demo events in {time.perf_counter() - started:.1f} s")
    _demo_findings(backends, end, options.seed)


def _demo_findings(backends: Backends, end: datetime, seed: int) -> None:
    """Those of the demo's first end and seed, to go on where a killed demo was; none beside real ones."""
    from pipeline.demo_findings import add_demo_findings

    started, documents = time.perf_counter(), backends.documents
    if documents.get("flags", _FINDINGS) is None:
        if backends.findings.scans():
            print("no demo findings: there are findings already")
            return
        documents.put("flags", _FINDINGS, {"end": end.isoformat(), "seed": seed}, None)
    kept = documents.get("flags", _FINDINGS)
    if kept is not None:
        end, seed = datetime.fromisoformat(kept.value["end"]), kept.value["seed"]
    added = add_demo_findings(backends.findings, end, seed)
    print(f"{added:,} demo findings in {time.perf_counter() - started:.1f} s")
