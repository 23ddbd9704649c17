"""Scripts in disguise wherever data comes from: events, live events, findings, and what people name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from data_access import api_keys, segments, users
from data_access.audit import Entry, Who
from data_access.backends import Backends
from data_access.changes import noted
from data_access.events import EVENT_SCHEMA
from data_access.findings import Change, Scan, Severity, Status
from data_access.model import Condition, Group
from data_access.roles import grants_of
from pipeline.lake_writer import LakeConsumer
from tests.builders import event, table
from tests.door import Door, server_event
from tests.findings import DAY, finding

ELSEWHERE = "//xss.invalid"
PAYLOADS = (
    "<script>window.__xss=1</script>",
    '<img src=x onerror="window.__xss=2">',
    "'\"--></title></textarea></style></script><svg onload=window.__xss=3>",
    f"<img src={ELSEWHERE}/4><link rel=stylesheet href={ELSEWHERE}/4.css><base href={ELSEWHERE}>",
    "javascript:window.__xss=5//https://shop.example/",
    '<iframe srcdoc="<script>parent.__xss=6</script>"></iframe><object data="javascript:window.__xss=6">',
    'x" onmouseover=window.__xss=7 onfocus=window.__xss=7 autofocus tabindex=0 style="position:fixed;inset:0',
    "{{constructor.constructor('window.__xss=8')()}} ${window.__xss=8} %{customdata:__xss=8} #{__xss=8}",
    "[a](javascript:window.__xss=9) ![b](x\"onerror=\"__xss=9) <a href='javascript:window.__xss=9'>c</a>",
    "<details open ontoggle=window.__xss=10><input autofocus onfocus=__xss=10><marquee onstart=__xss=10>",
    "&lt;img src=x onerror=__xss=11&gt;&#60;script&#62;__xss=11&#60;/script&#62; \\u003cscript>__xss=11",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=__xss=12>'>",
)
FREE = tuple(
    field.name
    for field in EVENT_SCHEMA
    if str(field.type) == "string" and field.name not in {"event_id", "event_type", "ingest_id", "properties"}
)
NAMES = ("view_item", "add_to_cart_click", "checkout_start", "checkout_complete")


def first_of(number: int) -> datetime:
    """When the events of a payload begin: each has a day of its own."""
    today = datetime.now(UTC).replace(tzinfo=None, hour=9, minute=0, second=0, microsecond=0)
    return today - timedelta(days=number + 2)


def day_of(number: int) -> str:
    """The period of a payload's day."""
    return f"from={first_of(number):%Y-%m-%d}&to={first_of(number):%Y-%m-%d}"


def events() -> Iterator[dict[str, Any]]:
    """A visit for each payload, with it in every text: views, a purchase, a search, an error; and one event
    that the payload names."""
    for number, text in enumerate(PAYLOADS):
        start = first_of(number)
        base: dict[str, Any] = dict.fromkeys(FREE, text) | {"visitor_id": number + 1, "site": "shop"}
        properties = {"message": text, "note": text, text: text, "deep": {text: [text]}}
        for step, name in enumerate(("page_view", *NAMES, "search", "error", text)):
            kind = "page_view" if step < 2 else "error" if name == "error" else "custom"
            more = base | {"event_name": name, "event_type": kind, "product_price": 9.5, "revenue": 12.0}
            yield event(at=start + timedelta(minutes=step), properties=properties, **more)
        yield event(at=start + timedelta(minutes=9), **base | {"site": text, "country": "DE"})


def seed(backends: Backends) -> Door:
    """All of it. Returns the door through which more events can come."""
    backends.lake.append(table(events()))
    door = _live(backends)
    backends.lake.curate()
    _findings(backends)
    _named(backends)
    return door


def _live(backends: Backends) -> Door:
    door = Door(backends)
    for text in PAYLOADS:
        about = {"page": f"https://shop.example/{text}", "message": text, "name": text, text: text}
        door.batch(
            *(
                server_event(
                    event_type=kind,
                    session_id=text,
                    user_id=text,
                    properties=about,
                    metadata={"user_agent": text},
                )
                for kind in ("page_view", "error", "custom")
            )
        )
        door.batch({"event_type": text, text: text})
    while door.live.step():
        pass
    LakeConsumer.drain(door.lake)
    return door


def _findings(backends: Backends) -> None:
    at = int(datetime.now(UTC).timestamp() * 1_000_000)
    found = [
        finding(
            f"{number}{text}",
            at - DAY,
            **dict.fromkeys(("title", "description", "remediation", "remediation_url", "control"), text),
            **dict.fromkeys(
                ("service", "account", "region", "resource_type", "resource_id", "provider"), text
            ),
            severity=list(Severity)[number % 5],
            standards=(text,),
            flags=(text,),
        )
        for number, text in enumerate(PAYLOADS)
    ]
    for number, (text, one) in enumerate(zip(PAYLOADS, found, strict=True)):
        backends.findings.store(Scan(f"scan-{number}", text, at - DAY + number, text), found[: number + 1])
        backends.findings.change({one.key: 0}, Change(assignee=text, note=text), text, at)
        if number % 3 == 0:
            muted = Change(Status.SUPPRESSED, reason=text, until=at + DAY)
            backends.findings.change({one.key: 1}, muted, text, at + 1)


def _named(backends: Backends) -> None:
    """Segments, keys, people and audit records with payloads for names, also such as the doors refuse."""
    documents = backends.documents
    for number, text in enumerate(PAYLOADS):
        where = Group("all", (Condition("page_path", "=", (text,)),))
        for shared in (True, False):
            segments.save(documents, "local admin", text[:60], where, shared)
        api_keys.make(documents, text[:64], "viewer", None)
        users.add(documents, text, grants_of("viewer", None), "")
        with noted(backends.audit, Who(text, "admin"), "invited", text, reason=text, **{f"n{number}": text}):
            pass
        backends.audit.append(
            Entry(
                what="sign_in.failed",
                who=Who(text, ""),
                subject=text,
                parameters={text: text},
                outcome=text,
                reason=text,
            )
        )
