"""``make bench``: every measurement as a ratio or a bound in one run; exit status 1 when one is missed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from bench import counters, export, findings, funnels, layer, live
from bench.data import big_lake
from bench.result import Result

MEASURES: dict[str, Callable[[Path, int], list[Result]]] = {
    "layer": layer.measure,
    "funnels": funnels.measure,
    "export": export.measure,
    "live": live.measure,
    "findings": findings.measure,
    "counters": counters.measure,
}


def main() -> int:
    """Make the lakes if they are not there, measure, print a table, keep it as JSON."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", default=list(MEASURES), help=f"of {', '.join(MEASURES)}")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("bench/out"))
    options = parser.parse_args()
    folder = options.folder / str(options.events)
    folder.mkdir(parents=True, exist_ok=True)
    if set(options.names) - {"live", "findings", "counters"}:
        big_lake(folder / "lake", options.events)
    results = [result for name in options.names for result in MEASURES[name](folder, options.events)]
    for result in results:
        print(result)
    (folder / "results.json").write_text(json.dumps([result.as_json() for result in results], indent=1))
    return 0 if all(result.kept for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
