"""GET /csv/<question>: all rows of exactly what is shown, streamed; GET /manifest/<question>: its manifest.

Who takes what is in the audit log before the first byte. The documents have a download's manifest when its
last byte is out, under its ``export`` id: a manifest asked for with this id is that one.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, request

from app.audit import EXPORT as EXPORTED
from app.audit import MANIFEST, asked_for, leaving
from app.manifests import Written, manifest
from data_access.asked import Export
from data_access.audit import AuditError
from data_access.backends import Backends
from data_access.model import NotAllowed, UsageError
from data_access.ports import Documents, QueryError
from data_access.roles import EXPORT
from pages.parts.access import allow, scope, who

LOG = logging.getLogger(__name__)

KIND = "export"
NO_PAGE = frozenset({"limit", "before", "after"})
"""Parameters of the page of rows on screen: an export of events has all of them."""
OWN = frozenset({"export", "view"})
"""Parameters of the download itself: its id, and the page it is taken from."""

NOT_NOTED = (
    "What is downloaded has to be noted in the audit log first, and that failed: nothing was handed out."
    " Try again in a minute; if it fails again, tell whoever runs Streamgauge."
)

_UNSAFE = re.compile(r"[^a-z0-9._-]+")
_ID = re.compile(r"[0-9a-f]{16}")
_LOCAL = re.compile(r"/(?!/)[^\s\\]*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A download that is asked for: its question and parameters, its id, and where it is shown."""

    question: str
    raw: Mapping[str, str]
    number: str
    link: str

    @property
    def file(self) -> str:
        """The file's name: question and period."""
        period = "_".join(filter(None, (self.raw.get("from"), self.raw.get("to"))))
        name = "_".join(filter(None, ("streamgauge", self.question, period)))
        return _UNSAFE.sub("-", name.lower()) + ".csv"


def register(server: Flask, backends: Backends) -> None:
    """Add the two routes."""

    @server.get("/csv/<question>")
    @allow(EXPORT)
    def export(question: str) -> Any:
        return or_why_not(lambda: _download(backends, _wanted(question, backends.settings.base_url)))

    @server.get("/manifest/<question>")
    @allow(EXPORT)
    def describe(question: str) -> Any:
        return or_why_not(lambda: _manifest(backends, _wanted(question, backends.settings.base_url)))


def or_why_not(make: Callable[[], Any]) -> Any:
    """The download that ``make`` gives, or why there is none."""
    try:
        return make()
    except NotAllowed as error:
        return _text(403, str(error))
    except UsageError as error:
        return _text(400, str(error))
    except QueryError as error:
        return _text(503, str(error))
    except AuditError as error:
        LOG.error("nothing was handed out: %s", error)
        return _text(503, NOT_NOTED)


def parameters() -> dict[str, Any]:
    """The request's parameters as they are noted: one that comes more than once with all of its values."""
    every = request.args.to_dict(flat=False)
    return {name: values if len(values) > 1 else values[0] for name, values in every.items()}


def _given() -> dict[str, str]:
    """The request's parameters, empty ones left out."""
    return {key: value for key, value in request.args.items() if value}


def _wanted(question: str, base_url: str) -> Wanted:
    given = _given()
    number, page = given.get("export", secrets.token_hex(8)), given.get("view", "")
    if not _ID.fullmatch(number):
        raise UsageError("export is no id of a download: 16 hexadecimal digits")
    if page and not _LOCAL.fullmatch(page):
        raise UsageError("view is no page of this app; it takes a path such as /traffic?country=DE")
    left_out = OWN | (NO_PAGE if question == "explore.events" else frozenset())
    raw = {key: value for key, value in given.items() if key not in left_out}
    return Wanted(question, raw, number, base_url + (page or request.full_path.rstrip("?")))


def _download(backends: Backends, wanted: Wanted) -> Response:
    export, written = backends.asking.export(wanted.question, wanted.raw, scope(EXPORT)), Written()
    user, version = scope(EXPORT).user, _claimed(backends.documents, wanted.number)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{wanted.file}"',
        "Link": f'<{_described(wanted)}>; rel="describedby"',
        "Cache-Control": "no-store",
        # Proxies that buffer would hold the whole file in memory.
        "X-Accel-Buffering": "no",
    }

    def finish() -> None:
        done = {"user": user, "manifest": manifest(export, written, wanted.file, wanted.link, user)}
        backends.documents.put(KIND, wanted.number, done, version)

    asked, chunks = asked_for(export, wanted.raw), _chunks(export, written, finish)
    try:
        answer = taken(backends, wanted.question, asked, chunks, lambda: written.rows, headers)
    except AuditError:
        export.batches.close()
        raise
    answer.call_on_close(export.batches.close)  # where nobody read anything, nothing else ends the query
    return answer


def taken(
    backends: Backends,
    subject: str,
    parameters: Mapping[str, Any],
    chunks: Iterator[bytes],
    rows: Callable[[], int],
    headers: Mapping[str, str],
    kind: str = EXPORTED,
    permission: str = EXPORT,
) -> Response:
    """The answer by which data leaves, after it was noted that it does; every download comes through here.

    ``permission`` is what it is taken with. Raises AuditError when it could not be noted.
    """
    return Response(
        leaving(backends.audit, who(permission), subject, parameters, chunks, rows, kind), headers=headers
    )


def _described(wanted: Wanted) -> str:
    """Where the manifest is: by id when the file is out, by its parameters before."""
    query = _given() | {"export": wanted.number}
    return f"/manifest/{wanted.question}?{urlencode(query)}"


def _claimed(documents: Documents, number: str) -> int:
    """Take a download's id; it may be used again by the same person alone. Returns the entry's version."""
    known, user = documents.get(KIND, number), scope(EXPORT).user
    if known is not None and known.value["user"] != user:
        raise UsageError("this download's id is somebody else's; leave out export")
    if not documents.put(KIND, number, {"user": user}, known.version if known else None):
        raise UsageError("this download is being asked for twice at once; try again")
    return known.version + 1 if known else 1


def _chunks(export: Export, written: Written, finish: Callable[[], None]) -> Iterator[bytes]:
    try:
        with closing(export.batches):  # who takes the file no further ends the query
            yield from written.chunks(export)
    except Exception:
        # The head of the file is on its way: only a broken connection tells that the rest is missing.
        LOG.exception("export of %s broke off", export.asked.question.name)
        raise
    finish()


def _manifest(backends: Backends, wanted: Wanted) -> Any:
    """The manifest of a download that was made, else of one that would be made now: that reads all rows, and
    is noted as a download is."""
    user = scope(EXPORT).user
    known = backends.documents.get(KIND, wanted.number)
    if known is not None and known.value["user"] == user and "manifest" in known.value:
        found = known.value["manifest"]
        return found, 200, _about(found)
    export, written = backends.asking.export(wanted.question, wanted.raw, scope(EXPORT)), Written()
    for _ in written.chunks(export):
        pass
    found = manifest(export, written, wanted.file, wanted.link, user)
    return taken(
        backends,
        wanted.question,
        asked_for(export, wanted.raw),
        iter([jsonify(found).get_data()]),
        lambda: written.rows,
        {"Content-Type": "application/json"} | _about(found),
        MANIFEST,
    )


def _about(found: Mapping[str, Any]) -> dict[str, str]:
    name = str(found["file"]).removesuffix(".csv")
    return {
        "Content-Disposition": f'attachment; filename="{name}.manifest.json"',
        "Cache-Control": "no-store",
    }


def _text(status: int, message: str) -> Response:
    return Response(message + "\n", status, content_type="text/plain; charset=utf-8")
