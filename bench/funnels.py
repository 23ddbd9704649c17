"""Our funnel against pandas on the same Parquet files, and with one bot of 120,000 events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bench.data import backends_of, big_lake
from bench.layer import PERIOD, STEPS
from bench.result import Result, alternating
from data_access.backends import Backends
from data_access.model import Scope

WINDOW = 7 * 86_400_000
BOT_EVENTS = 120_000


def measure(folder: Path, events: int) -> list[Result]:
    backends = backends_of(folder / "lake")
    with_bot = big_lake(folder / "lake-with-bot", events, bot=BOT_EVENTS)
    version = backends.lake.snapshot()
    files = [file.path for file in backends.lake.files("events", version)]
    ours = _reached(backends)
    theirs = pandas_funnel(files)
    if ours != theirs:
        raise AssertionError(f"the funnels differ: ours {ours}, pandas {theirs}")
    seconds = alternating(
        3, lambda: _reached(backends), lambda: pandas_funnel(files), lambda: _reached(with_bot)
    )
    return [
        Result(
            "funnel ÷ pandas on the same Parquet",
            seconds[0] / seconds[1],
            0.5,
            "×",
            f"{seconds[0]:.2f} s, pandas {seconds[1]:.2f} s, reached {ours}",
        ),
        Result(
            "funnel with one 120k-event bot ÷ without",
            seconds[2] / seconds[0],
            3,
            "×",
            f"{seconds[2]:.2f} s, without {seconds[0]:.2f} s",
        ),
    ]


def _reached(backends: Backends) -> list[int]:
    """The funnel past the cache."""
    version = backends.lake.snapshot()
    raw = PERIOD | {"steps": STEPS, "window": "7d"}
    asked = backends.asking._prepare("funnel.steps", raw, Scope("bench"), version)
    table = backends.warehouse.table(asked.question.sql(asked.ask), version)
    return [row["reached"] for row in asked.question.finish(table, asked.ask).to_pylist()]


def pandas_funnel(files: list[str]) -> list[int]:
    """The ordered funnel as a careful pandas user would write it: one sort, then for each step the latest
    start carried forward within the visitor. The steps are different event names, so ties need no care."""
    names = STEPS.split(",")
    columns = ["visitor_id", "ts", "event_name"]
    frame = pd.concat(
        [pd.read_parquet(f, columns=columns, filters=[("event_name", "in", names)]) for f in files]
    )
    frame["step"] = frame["event_name"].map({name: i for i, name in enumerate(names)}).astype("int8")
    frame = frame.sort_values(["visitor_id", "ts", "step"], kind="stable")
    moment = frame["ts"].astype("int64").to_numpy() // 1000
    step = frame["step"].to_numpy()
    visitor = frame["visitor_id"]
    start = np.where(step == 0, moment, np.nan)
    reached = [int(visitor[step == 0].nunique())]
    for number in range(1, len(names)):
        carried = pd.Series(start, index=frame.index).groupby(visitor.to_numpy()).ffill().to_numpy()
        hit = (step == number) & (moment - carried <= WINDOW)
        start = np.where(hit, carried, np.nan)
        reached.append(int(visitor[hit].nunique()))
    return reached
