"""Access logs: Apache and NGINX (combined, common), AWS load balancers (ALB) and CloudFront.

The client's address is never kept: ``client_id`` is a hash of address and user agent, and the event's id
is made of that hash, not of the address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from pipeline.contracts import Draft
from pipeline.enrich import to_table
from pipeline.importers.files import opened
from pipeline.importers.model import PIECE_ROWS, ImportOptions, Piece, Reject
from pipeline.urls import split_url

_LINE = 1 << 16
_QUOTED = r'"([^"\\]*(?:\\.[^"\\]*)*)'
# The closing quotes are optional: servers cut long lines. A virtual host may stand before the address.
_COMBINED = re.compile(
    r"(?:\S+ (?=\w*[.:]\S* \S+ \S+ \[))?(?P<ip>\S+) \S+ .*?\[(?P<time>[^\]]+)\] ?"
    rf"{_QUOTED}\"? (?P<status>\d{{3}}) (?P<bytes>\d+|-)"
    rf"(?: {_QUOTED}(?:\" {_QUOTED}\"?)?)?"
)
_WORD = re.compile(r'"([^"]*)"?|(\S+)')
_MONTH_NAMES = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}
_ASSET_NAMES = (
    "css js mjs map png jpg jpeg gif svg webp avif ico bmp woff woff2 ttf eot otf mp3 mp4 webm ogg wav avi"
    " mov zip gz tgz bz2 xz tar 7z rar jar exe dmg iso deb rpm txt xml json rss atom wasm"
)
_ASSETS = frozenset(_ASSET_NAMES.split())


@dataclass(frozen=True, slots=True)
class Request:
    """One line of a log; ``url`` is a path with query, or a full URL where the log has the host."""

    ip: str
    ts: datetime
    method: str | None
    url: str | None
    status: int
    size: int | None
    referrer: str | None
    agent: str | None


def read_access_log(path: Path, options: ImportOptions) -> Iterator[Piece]:
    """The requests of a log as drafts, in batches of PIECE_ROWS; blank and comment lines do not count."""
    with opened(path) as (stream, raw):
        lines = _lines(stream)
        while batch := list(islice(lines, PIECE_ROWS)):
            drafts: list[Draft] = []
            contents, rejects = [], []
            for number, line, parse in batch:
                request = _parsed(parse, line)
                if request is None:
                    rejects.append(Reject(number, "", "is not a line of a combined, ALB or CloudFront log"))
                else:
                    draft = to_draft(request, options)
                    drafts.append(draft)
                    contents.append(_content(request, draft["client_id"]))
            yield Piece(to_table(drafts, ""), contents, rejects, raw.tell())


Parser = Callable[[str], Request | None]


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, str, Parser]]:
    parse: Parser = parse_line
    for number, line in enumerate(iter(lambda: stream.readline(_LINE), b""), 1):
        text = line.decode("utf-8", "replace").replace("\0", "").strip("\r\n")
        if text.startswith("#Fields:"):
            parse = _cloudfront(text.split()[1:])
        elif text.strip() and not text.startswith("#"):
            yield number, text, parse


def _parsed(parse: Parser, line: str) -> Request | None:
    try:
        return parse(line)
    except (ValueError, IndexError, KeyError, OverflowError):
        return None


def parse_line(line: str) -> Request | None:
    """A line of a combined or common log, or of an ALB log; None when it is neither. May raise ValueError."""
    match = _COMBINED.match(line)
    if match is None:
        return _alb(line)
    _, _, request, _, _, referrer, agent = match.groups()
    method, url = _request(request)
    return Request(
        match["ip"],
        _clf_time(match["time"]),
        method,
        url,
        int(match["status"]),
        None if match["bytes"] == "-" else int(match["bytes"]),
        _given(referrer),
        _given(agent),
    )


def _given(value: str | None) -> str | None:
    if value is None or value in {"", "-"}:
        return None
    return value.replace('\\"', '"')


def _request(request: str) -> tuple[str | None, str | None]:
    """Method and URL of ``GET /a HTTP/1.1``; neither when the client sent something else."""
    parts = request.split(" ")
    if len(parts) < 2 or not parts[0].isalpha() or not parts[0].isupper():
        return None, None
    middle = parts[1:-1] if len(parts) > 2 and parts[-1].startswith("HTTP/") else parts[1:]
    return parts[0], " ".join(middle) or None


@lru_cache(maxsize=100_000)
def _clf_time(text: str) -> datetime:
    """``17/May/2015:10:05:03 +0000`` as naive UTC."""
    stamp, offset = text.split(" ")
    date, hour, minute, second = stamp.split(":")
    day, month, year = date.split("/")
    sign = -1 if offset[0] == "-" else 1
    zone = timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5])))
    local = datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=zone)
    return _usable(local)


def _usable(moment: datetime) -> datetime:
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    if not 1970 <= utc.year <= 2999:
        raise ValueError("outside 1970 to 2999")
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def _alb(line: str) -> Request | None:
    words = [quoted or plain for quoted, plain in _WORD.findall(line)]
    if len(words) < 14:
        return None
    method, url = _request(words[12])
    return Request(
        words[3].rpartition(":")[0],
        _usable(datetime.fromisoformat(words[1])),
        method,
        url,
        int(words[8]) if words[8].isdigit() else 0,
        int(words[11]),
        None,
        _given(words[13]),
    )


def _cloudfront(names: list[str]) -> Parser:
    """A parser of the lines of a CloudFront log with these ``#Fields``."""

    def parse(line: str) -> Request:
        row = dict(zip(names, line.split("\t"), strict=False))
        host = row.get("x-host-header") or row.get("cs(Host)", "")
        query = row.get("cs-uri-query", "-")
        url = f"{row.get('cs-protocol', 'https')}://{host}{row['cs-uri-stem']}" + (
            "" if query == "-" else f"?{query}"
        )
        status = row["sc-status"]
        return Request(
            row["c-ip"],
            _usable(datetime.fromisoformat(f"{row['date']}T{row['time']}+00:00")),
            row["cs-method"],
            url,
            int(status) if status.isdigit() else 0,
            int(row["sc-bytes"]) if row["sc-bytes"].isdigit() else None,
            _unquoted(row.get("cs(Referer)")),
            _unquoted(row.get("cs(User-Agent)")),
        )

    return parse


def _unquoted(value: str | None) -> str | None:
    # CloudFront encodes the user agent, in older logs twice.
    return _given(unquote(unquote(value)).replace("\0", "")) if value else None


def to_draft(request: Request, options: ImportOptions) -> Draft:
    """A request as a draft: an error from status 400 on, a page view, or a request for something else."""
    name, kind = _classify(request)
    return {
        "site": options.site,
        "event_name": name,
        "event_type": kind,
        "ts": request.ts,
        "client_id": _client(request.ip, request.agent, options.client_key),
        "source": "web",
        "page_url": request.url,
        "referrer": request.referrer,
        "user_agent": request.agent,
        "properties": _properties(request),
    }


def _classify(request: Request) -> tuple[str, str]:
    if request.status >= 400:
        return "error", "error"
    if request.method in {"GET", "HEAD"} and request.url and not _is_asset(request.url):
        return "page_view", "page_view"
    return "request", "api_call"


def _is_asset(url: str) -> bool:
    name = split_url(url).path.rpartition("/")[2]
    return "." in name and name.rpartition(".")[2].lower() in _ASSETS


@lru_cache(maxsize=100_000)
def _client(ip: str, agent: str | None, key: str) -> str:
    return blake2b(f"{ip}|{agent or '-'}".encode(), digest_size=16, key=key.encode()[:64]).hexdigest()


def _properties(request: Request) -> str:
    members = [f'"status":{request.status}']
    if request.method:
        members.append(f'"method":"{request.method}"')
    if request.size is not None:
        members.append(f'"bytes":{request.size}')
    if request.agent:
        members.append(f'"user_agent":{_quoted(request.agent)}')
    return "{" + ",".join(members) + "}"


@lru_cache(maxsize=50_000)
def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _content(request: Request, client: str) -> bytes:
    parts = (
        client,
        request.ts.isoformat(),
        request.method,
        request.url,
        request.status,
        request.size,
        request.referrer,
    )
    return "\x1f".join(map(str, parts)).encode()
