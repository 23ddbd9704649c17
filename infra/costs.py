"""What the AWS form costs a month, by events a second: ``python -m infra.costs 1 100 10000 [users=50 …]``.

Every number that is no price is an assumption of ``Load``; give those of your own as ``name=value``. A month
has 730 hours, a GB 10^9 bytes. Free tiers, taxes, support and Security Hub itself are left out.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from math import ceil

from infra.load import DAYS, HOURS, SECONDS, Load
from infra.prices import price, prices_table

GB, TB = 1e9, 1e12
VCPU_GB = 1.769
"""Memory, in GB, with which a function has one whole processor."""
FUNCTION_GB = 0.5


def _function(calls: float, wait: float, cpu: float) -> float:
    """Functions called so often, each waiting ``wait`` seconds, with ``cpu`` processor seconds in all."""
    time = calls * wait * FUNCTION_GB + cpu * VCPU_GB
    return calls * price("λ request") + time * price("λ time, arm64")


def gateway(load: Load) -> float:
    """The way in: API Gateway and what it answers, or the load balancer and hosts of its own."""
    out = load.requests * load.response_bytes / GB * price("Transfer out to the internet")
    if load.intake_on_hosts:
        a_second = load.requests / SECONDS
        units = max(a_second * load.peak / 25, load.rate * load.event_bytes * 3600 / GB)
        hosts = ceil(a_second * load.peak / load.host_requests)
        return out + HOURS * (units * price("Load balancer unit") + hosts * price("EC2 m7g.large"))
    first = min(load.requests, 300e6)
    return (
        out
        + first * price("API Gateway, HTTP API, first 300 M")
        + (load.requests - first) * price("API Gateway, HTTP API, beyond")
    )


def ingest(load: Load) -> float:
    """λ ingest."""
    if load.intake_on_hosts:
        return 0.0
    return _function(load.requests, load.ingest_seconds, load.events * load.ingest_cpu)


def kinesis(load: Load) -> float:
    """The stream, kept seven days, read by two."""
    if load.kinesis_on_demand:
        taken = load.events * ceil(load.record_bytes / 1024) * 1024 / GB
        out = 2 * load.events * load.record_bytes / GB
        kept = load.rate * load.record_bytes * 6 * 86_400 / GB
        return (
            HOURS * price("Kinesis on demand, stream")
            + taken * price("Kinesis on demand, in")
            + out * price("Kinesis on demand, out")
            + kept * price("Kinesis on demand, kept to 7 days")
        )
    hours = load.shards * HOURS
    units = load.events * ceil(load.record_bytes / 25_600)
    return hours * (price("Kinesis shard") + price("Kinesis, kept 24 hours to 7 days")) + units * price(
        "Kinesis PUT payload unit (25 KB)"
    )


def live(load: Load) -> float:
    """λ live."""
    return _function(load.folds * SECONDS, load.live_seconds, load.events * load.live_cpu)


def write_units(load: Load) -> float:
    """DynamoDB write units of the counters, a second."""
    events = load.rate / load.folds
    sites = min(load.sites, events)
    fresh = events / sites / load.session_events
    item = ceil(_item_bytes(load) / 1024)
    members = 2 * min(1.0, fresh) * ceil((150 + 8 * fresh) / 1024)
    return load.folds * (sites * (item + 1 + members) + 1)


def _item_bytes(load: Load) -> float:
    """A minute's counts: 360 bytes, and 6 for each page, country or error, of which it has at most 500."""
    a_minute = 60 * load.rate / load.shards / min(load.sites, max(load.rate, 1))
    return 360 + 6 * min(500, a_minute / 2)


def read_units(load: Load) -> float:
    """DynamoDB read units of one look at the last 30 minutes: the list of minutes, and the running ones."""
    listed = 30 * load.sites * load.shards * 200 / 8
    fresh = load.rate / load.folds / load.sites / load.session_events
    members = 30 * load.folds * 2 * min(1.0, fresh) * (150 + 8 * fresh)
    minute = load.shards * _item_bytes(load) + members
    return 8 * max(0.5, ceil(listed / 4096) / 2) + load.sites * ceil(minute / 4096)


def counters(load: Load) -> float:
    """The table of live counters."""
    watched = load.watched_hours / HOURS * load.hosts
    writes, reads = write_units(load), read_units(load) * watched
    stored = writes * 72 * 3600 * 500 / GB * price("DynamoDB storage")
    if load.dynamodb_provisioned:
        hourly = writes * price("DynamoDB write, provisioned") + reads * price("DynamoDB read, provisioned")
        return 2 * HOURS * hourly + stored
    on_demand = writes * price("DynamoDB write, on demand") + reads * price("DynamoDB read, on demand")
    return SECONDS * on_demand + stored


def transform(load: Load) -> float:
    """λ transform: 1 MB or a minute of a shard at a time."""
    return _function(load.transforms * SECONDS, 0.02, load.events * load.transform_cpu)


def firehose(load: Load) -> float:
    """Firehose, paid by the larger of what comes in and what the transform makes of it."""
    return load.events * max(load.record_bytes, load.row_bytes) / GB * price("Firehose, Kinesis to Iceberg")


def storage(load: Load) -> float:
    """S3: a full lake, Firehose's commits every five minutes, and the files that questions open."""
    kept = load.events * load.stored_bytes * load.months_kept / GB
    writes = SECONDS / 300 * (load.shards + 5) + load.curations_a_day * DAYS * 200
    a_day = max(1.0, load.rate * 86_400 * load.wide_bytes / load.file_bytes)
    reads = load.questions * load.question_days * a_day * 3
    return kept * price("S3 storage") + writes * price("S3 write") + reads * price("S3 read")


def _read(queries: float, each: float) -> float:
    """Queries of Athena that read so many bytes each."""
    return queries * max(each, 10e6) / TB * price("Athena")


def curation(load: Load) -> float:
    """Athena for curation, and a compaction a day of what was one day."""
    runs, day = load.curations_a_day * DAYS, load.rate * 86_400
    large = _read(runs, day * load.curation_days * load.curation_bytes)
    return large + _read(11 * runs, 0) + _read(4 * DAYS, day * load.wide_bytes / 4)


def questions(load: Load) -> float:
    """Athena for questions."""
    events = load.rate * 86_400 * load.question_days
    return _read(load.questions, events * load.columns * load.column_bytes)


def findings(load: Load) -> float:
    """Findings and documents: what changed, what came again the same, what hosts and functions look up."""
    writes = load.finding_updates * DAYS * 16.3 + 200 * DAYS * (10.1 + 3) + 500 * DAYS * (15.3 + 57)
    same = 5 * load.finding_updates * DAYS
    doors = max(1.0, load.requests / SECONDS * load.ingest_seconds) * 2 / 3 * SECONDS
    looks = load.hosts * SECONDS
    accounts = load.questions
    return (
        (writes + accounts) * price("DynamoDB write, on demand")
        + (same + doors + looks + accounts) * price("DynamoDB read, on demand")
        + load.findings * 10_000 / GB * price("DynamoDB storage")
    )


def functions(load: Load) -> float:
    """The functions that go by the clock: curate, reconcile, alerts, findings, archiver."""
    curate = _function(load.curations_a_day * DAYS, 300, 0)
    minutely = _function(SECONDS / 60, 1, 0) + _function(SECONDS / 600, 10, 0)
    taken = _function(load.finding_updates * DAYS / 10, 0.5, 0)
    return curate + minutely + taken + _function(5 * DAYS, 300, 0)


def hosts(load: Load) -> float:
    """Web hosts with a disk each, load balancer, a NAT gateway in two zones."""
    hourly = (
        load.hosts * price("EC2 m7g.large")
        + price("Load balancer")
        + price("Load balancer unit")
        + 2 * price("NAT gateway")
    )
    return hourly * HOURS + load.hosts * 30 * price("EBS gp3") + 20 * price("NAT gateway, data")


def cache(_load: Load) -> float:
    """The shared cache: one small node."""
    return HOURS * price("Valkey cache.t4g.small")


def rest(load: Load) -> float:
    """Queues that are looked at, the catalog, 20 alarms, 5 GB of logs, pages to people."""
    calls = load.requests + (load.folds + load.transforms) * SECONDS
    return (
        3e6 * price("SQS")
        + load.hosts * SECONDS / 2 * price("Glue catalog")
        + 20 * price("Alarm")
        + (5 + calls * load.call_log_bytes / GB) * price("Logs")
        + load.users * 2 * price("Transfer out to the internet")
    )


PARTS: Mapping[str, Callable[[Load], float]] = {
    "API Gateway": gateway,
    "λ ingest": ingest,
    "Kinesis": kinesis,
    "λ live": live,
    "DynamoDB, counters": counters,
    "λ transform": transform,
    "Firehose": firehose,
    "S3": storage,
    "Athena, curation": curation,
    "DynamoDB, findings and documents": findings,
    "λ by the clock": functions,
    "EC2, load balancer, NAT": hosts,
    "Valkey": cache,
    "SQS, Glue, CloudWatch, transfer": rest,
    "Athena, questions": questions,
}
LEVERS: Mapping[str, Mapping[str, float]] = {
    "50 events a request": {"events_per_request": 50},
    "events through the load balancer into hosts": {"intake_on_hosts": 1},
    "Kinesis on demand": {"kinesis_on_demand": 1},
    "counters in provisioned capacity, half used": {"dynamodb_provisioned": 1},
    "λ logs every call": {"call_log_bytes": 300},
    "STREAMGAUGE_CURATION_DAYS=1": {"curation_days": 1.5},
    "questions of 7 days": {"question_days": 7},
    "a tenth as many questions that no cache answers": {"questions_a_day": 20},
    "both of the last two": {"question_days": 7, "questions_a_day": 20},
}


def total(load: Load) -> float:
    """A month, in US dollars."""
    return sum(part(load) for part in PARTS.values())


def costs_table(loads: Sequence[Load]) -> str:
    """The parts and their sum, a column a load, as a Markdown table."""
    head = ["a month, US dollars", *(f"{load.rate:,g} events/s" for load in loads)]
    rows = [[name, *(_money(part(load)) for load in loads)] for name, part in PARTS.items()]
    before = [total(load) - questions(load) for load in loads]
    rows.insert(-1, ["**all but questions**", *(f"**{_money(one)}**" for one in before)])
    rows.append(["**all**", *(f"**{_money(total(load))}**" for load in loads)])
    return _table(head, rows)


def levers_table(loads: Sequence[Load]) -> str:
    """What other choices add or save, as a Markdown table."""
    head = ["instead", *(f"{load.rate:,g} events/s" for load in loads)]
    rows = [
        [name, *(_money(total(replace(load, **change)) - total(load), "+") for load in loads)]
        for name, change in LEVERS.items()
    ]
    return _table(head, rows)


def assumptions_table(load: Load) -> str:
    """Every assumption with its value and why."""
    rows = [
        [f"`{one.name}`", f"{getattr(load, one.name):,g}", one.metadata["why"]]
        for one in fields(load)
        if one.metadata
    ]
    return _table(["assumption", "value", "what it is"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _money(dollars: float, sign: str = "") -> str:
    return f"{dollars:{sign},.0f}" if abs(dollars) >= 10 else f"{dollars:{sign},.2f}"


def main(arguments: Sequence[str]) -> str:
    """All four tables. Raises ValueError or TypeError for an argument that is neither rate nor assumption."""
    given = dict(one.split("=", 1) for one in arguments if "=" in one)
    own = Load(**{name: float(value) for name, value in given.items()})
    loads = [replace(own, rate=float(one)) for one in arguments if "=" not in one]
    return "\n\n".join((costs_table(loads), levers_table(loads), assumptions_table(own), prices_table()))


if __name__ == "__main__":
    print(main(sys.argv[1:]))
