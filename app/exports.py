"""GET /csv/<question>: all rows of exactly what is shown, streamed; GET /manifest/<question>: its manifest.

A download is written to the documents before its first byte: who took what, when. When its last byte is
out, its manifest joins that entry, and a manifest asked for under the same ``export`` id is that one.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, request

from app.manifests import Written, manifest
from data_access.asked import Export
from data_access.backends import Backends
from data_access.model import UsageError
from data_access.ports import Documents, QueryError
from pages.parts.access import EXPORT, allow, scope

LOG = logging.getLogger(__name__)

KIND = "export"
NO_PAGE = frozenset({"limit", "before", "after"})
"""Parameters of the page of rows on screen: an export of events has all of them."""
OWN = frozenset({"export", "view"})
"""Parameters of the download itself: its id, and the page it is taken from."""

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
    except UsageError as error:
        return _text(400, str(error))
    except QueryError as error:
        return _text(503, str(error))


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
    export = backends.asking.export(wanted.question, wanted.raw, scope())
    user, entry = scope().user, noted(wanted.question, wanted.raw)
    version = _write(backends.documents, wanted.number, entry)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{wanted.file}"',
        "Link": f'<{_described(wanted)}>; rel="describedby"',
        "Cache-Control": "no-store",
        # Proxies that buffer would hold the whole file in memory.
        "X-Accel-Buffering": "no",
    }

    def finish(written: Written) -> None:
        done = entry | {"manifest": manifest(export, written, wanted.file, wanted.link, user)}
        backends.documents.put(KIND, wanted.number, done, version)

    return Response(_chunks(export, finish), headers=headers)


def noted(what: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """What is noted of a download that begins: who takes what, when."""
    return {
        "user": scope().user,
        "question": what,
        "parameters": dict(parameters),
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _described(wanted: Wanted) -> str:
    """Where the manifest is: by id when the file is out, by its parameters before."""
    query = _given() | {"export": wanted.number}
    return f"/manifest/{wanted.question}?{urlencode(query)}"


def _write(documents: Documents, number: str, entry: Mapping[str, Any]) -> int:
    """Note a download; its id may be used again by the same person alone. Returns the entry's version."""
    known = documents.get(KIND, number)
    if known is not None and known.value["user"] != entry["user"]:
        raise UsageError("this download's id is somebody else's; leave out export")
    if not documents.put(KIND, number, entry, known.version if known else None):
        raise UsageError("this download is being asked for twice at once; try again")
    return known.version + 1 if known else 1


def _chunks(export: Export, finish: Any) -> Iterator[bytes]:
    written = Written()
    try:
        with closing(export.batches):  # who takes the file no further ends the query
            yield from written.chunks(export)
    except Exception:
        # The head of the file is on its way: only a broken connection tells that the rest is missing.
        LOG.exception("export of %s broke off", export.asked.question.name)
        raise
    finish(written)


def _manifest(backends: Backends, wanted: Wanted) -> Any:
    """The manifest of a download that was made, else of one that would be made now."""
    user = scope().user
    known = backends.documents.get(KIND, wanted.number)
    if known is not None and known.value["user"] == user and "manifest" in known.value:
        found = known.value["manifest"]
    else:
        export, written = backends.asking.export(wanted.question, wanted.raw, scope()), Written()
        for _ in written.chunks(export):
            pass
        found = manifest(export, written, wanted.file, wanted.link, user)
    name = found["file"].removesuffix(".csv")
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.manifest.json"',
        "Cache-Control": "no-store",
    }
    return found, 200, headers


def _text(status: int, message: str) -> Response:
    return Response(message + "\n", status, content_type="text/plain; charset=utf-8")
