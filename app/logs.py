"""What the server logs: a JSON object a line (text on a terminal), without secrets and control characters.

Every request gets an id, which its answer has in ``X-Request-Id`` and all lines about it carry, and a line of
its own at its end. Addresses are logged without their query: filters may hold personal data.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from data_access.settings import Settings

LINE_BYTES = 8192
"""No line is longer, its end included."""
HIDDEN = "[hidden]"
ACCESS = logging.getLogger("app.access")

_LOG = logging.getLogger(__name__)
_OWN = "app"
"""The packages whose lines at INFO are logged, requests among them. All others' begin at WARNING."""
_MOST_READ = 1 << 16
"""Characters of a text that are looked at: what is longer is cut at a space before."""
_MESSAGE, _TRACEBACK_HEAD, _TRACEBACK_TAIL, _PATH, _SHORT = 2800, 1200, 2600, 600, 120
"""Bytes of the parts of a line in JSON."""
_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_QUERY = re.compile(r"\?[^\s'\"]+")

_REQUEST: ContextVar[Mapping[str, str] | None] = ContextVar("request", default=None)
"""What lines say of the request that is being answered."""

# None of these goes over the same characters twice: a text costs as much as it is long.
_QUOTED = (
    r"""b?"[^"\\\r\n]*+(?:\\++.[^"\\\r\n]*+)*+"?|b?'[^'\\\r\n]*+(?:\\++.[^'\\\r\n]*+)*+'?"""
    # Quotes of quotes: nobody can tell where they end.
    r"""|\\++["'][^\r\n]*+"""
)
_AFTER_NAME = r"""\\{0,4}["']?\s{0,4}(?:[:=]|%3D)\s{0,4}"""
_PAIR = r"""\\{0,4}["'],\s{0,4}"""
_HEADER = (
    r"(?:authorization|cookie|x[-_]write[-_]key|x[-_]api[-_]key|x[-_]amzn[-_]oidc[-_][a-z]{1,20}"
    r"|x[-_]amz[-_]security[-_]token)"
)
_NAME = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret(?:[-_]?access)?(?:[-_]?key)?|token"
    r"|(?:api|write|access)[-_]?key|x-amz-(?:signature|credential))"
)
_BARE = r"""[^\s&;,"'<>()\[\]{}]+"""
_SHAPES = re.compile(
    # Our own keys: a prefix and 32 characters of URL-safe base64 (data_access/tokens.py).
    r"(?:wk|sg)_[A-Za-z0-9_-]{28,}"
    # JSON Web Tokens and session cookies: base64 of what begins with {".
    r"|eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_=-]*){0,4}"
    # AWS: access key ids, session tokens.
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz|AQoDYXdz)[A-Za-z0-9+/=_%-]+"
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?"
    # The user and password of a URL.
    r"|(?<=://)[^\s/?#@]{1,1024}+(?=@)"
)
_NAMED = re.compile(
    rf"(?P<header>{_HEADER}(?:{_AFTER_NAME}|{_PAIR}(?=b?[\"'])))(?:{_QUOTED}|[^\r\n]+)"
    rf"|(?P<name>{_NAME}s?(?:{_AFTER_NAME}|{_PAIR}(?=b?[\"'])))(?:{_QUOTED}|{_BARE})"
    r"|(?P<query>(?:\A|[?&\"']|%3F|%26)key(?:=|%3D))[^&\s\"'<>]*"
    r"|(?P<key>\bkey=)[A-Za-z0-9_%-]{16,}"
    r"|(?P<cookie>(?:AWSELBAuth[A-Za-z]{0,30}(?:-\d)?|streamgauge)=)[^;\s\"',]+"
    r"|(?P<scheme>\bbearer\s{1,4})[A-Za-z0-9+/=_.~-]{4,}"
    r"|(?P<basic>\bbasic\s{1,4})[A-Za-z0-9+/]{16,}={0,2}",
    re.IGNORECASE | re.DOTALL,
)


class Hide:
    """Takes secrets out of texts: those that are ``known``, and what has the shape or the name of one."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        self._known = sorted({one for one in known if len(one) > 3}, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text with ``[hidden]`` where secrets were."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return _SHAPES.sub(HIDDEN, _NAMED.sub(lambda found: found[str(found.lastgroup)] + HIDDEN, text))


def known_secrets(settings: Settings) -> Iterator[str]:
    """The secrets among the settings, as they may turn up in messages."""
    yield from (settings.secret_key, settings.trino_password, settings.cache_url, settings.alert_webhook)
    with suppress(ValueError):
        yield urlsplit(settings.cache_url).password or ""
    with suppress(ValueError):
        webhook = urlsplit(settings.alert_webhook)
        yield from (webhook.password or "", webhook.path, f"{webhook.path}?{webhook.query}")


def visible(text: str) -> str:
    """The text with what is no printable character (controls, line ends, marks of direction) as an escape."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class Lines(logging.Formatter):
    """A log record as one JSON object, or as text whose further lines are indented."""

    def __init__(self, hide: Hide, *, as_json: bool) -> None:
        super().__init__()
        self._hide, self._as_json = hide, as_json

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end. Raises nothing, whatever the record holds."""
        message = _within(self._clean(_message(record)), _MESSAGE)
        if record.name.startswith("gunicorn."):  # it quotes whole addresses
            message = _QUERY.sub("?…", message)
        if not self._as_json:
            further = "".join(f"\n    {line}" for line in self._traceback(record))
            return f"{record.levelname} {record.name}: {message}{further}"
        fields: dict[str, object] = {
            "time": _moment(record.created),
            "level": record.levelname,
            "logger": _within(self._clean(record.name), _SHORT),
            "message": message,
        }
        for name, value in {**(_REQUEST.get() or {}), **getattr(record, "more", {})}.items():
            most = _PATH if name == "path" else _SHORT
            fields[name] = _within(self._clean(value), most) if isinstance(value, str) else value
        if lines := self._traceback(record):
            fields["traceback"] = "\n".join(lines)
        return json.dumps(fields)

    def _clean(self, text: str) -> str:
        return visible(self._hide(_readable(text)))

    def _traceback(self, record: logging.LogRecord) -> list[str]:
        """The lines of the traceback, the middle left out where they are too many."""
        parts = traceback.format_exception(*record.exc_info) if record.exc_info else []
        text = "".join([*parts, record.stack_info or ""]).rstrip("\n")
        # Each line is cleaned as a part of all: secrets may go over the ends of lines.
        lines = [visible(line) for line in self._hide(_readable(text)).split("\n")] if text else []
        return _shortened(lines)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # a message that does not fit its arguments, or something that has no text
        words = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        return f"{words} (its arguments do not fit)"


def _readable(text: str) -> str:
    """As much of a text as is looked at: a secret at the cut would not be known again, so its word goes."""
    if len(text) <= _MOST_READ:
        return text
    begin = text[:_MOST_READ]
    space = max(begin.rfind(" "), begin.rfind("\n"), 0)
    return f"{begin[:space]} … ({len(text):,} characters)"


def _within(text: str, size: int) -> str:
    """The beginning of a text that takes at most ``size`` bytes in JSON."""
    if _size(text) <= size:
        return text
    return _fitting(text, size - 8, lambda most: text[:most]) + "…"


def _fitting(text: str, size: int, part: Callable[[int], str]) -> str:
    most = min(len(text), size)
    while _size(found := part(most)) > size:
        most = most * size // _size(found)
    return found


def _size(text: str) -> int:
    return len(json.dumps(text))


def _shortened(lines: list[str]) -> list[str]:
    """Lines whose middle is left out if they are more than a line of the log has room for."""
    text = "\n".join(lines)
    if _size(text) <= _TRACEBACK_HEAD + _TRACEBACK_TAIL:
        return lines
    head = _fitting(text, _TRACEBACK_HEAD, lambda most: text[:most])
    tail = _fitting(text, _TRACEBACK_TAIL - 20, lambda most: text[len(text) - most :])
    return f"{head}\n…\n{tail}".split("\n")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Handler(logging.StreamHandler[Any]):
    """Writes to what is stderr at the time. A line that cannot be written is lost and stops nobody."""

    def __init__(self, lines: Lines) -> None:
        logging.Handler.__init__(self)
        self.setFormatter(lines)

    @property
    def stream(self) -> Any:
        """Where lines go."""
        return sys.stderr

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing: logging's own way prints the record as it is, secrets included."""


def is_text(settings: Settings) -> bool:
    """Whether lines are for people: on a terminal, or where the settings say so."""
    return settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())


def set_up(settings: Settings) -> None:
    """Log as the settings say, for a process that serves. May be called again.

    On a terminal requests are not logged (embedded form, ``log_format`` ``auto``).
    """
    text = is_text(settings)
    quiet = text and settings.log_format == "auto" and settings.form == "embedded"
    _install(Lines(Hide(known_secrets(settings)), as_json=not text))
    logging.getLogger(_OWN).setLevel(logging.WARNING if quiet else logging.INFO)
    logging.captureWarnings(True)
    sys.excepthook = lambda kind, error, trace: _LOG.critical("ended", exc_info=(kind, error, trace))
    threading.excepthook = _thread_ended


def set_up_command() -> None:
    """Log warnings as text, for a command; nothing where somebody else has set up logging."""
    if not logging.root.handlers:
        _install(Lines(Hide(), as_json=False))


def is_set_up() -> bool:
    """Whether one of our handlers is at work."""
    return any(isinstance(one, _Handler) for one in logging.root.handlers)


def _install(lines: Lines) -> None:
    logging.root.handlers[:] = [_Handler(lines)]
    logging.root.setLevel(logging.WARNING)
    for name in ("gunicorn.error", "gunicorn.access"):
        adopt(logging.getLogger(name))


def adopt(logger: logging.Logger) -> None:
    """Let a logger that has handlers of its own use ours."""
    logger.handlers.clear()
    logger.propagate = True


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_type is not SystemExit and ended.exc_value is not None:
        told = (ended.exc_type, ended.exc_value, ended.exc_traceback)
        _LOG.critical("thread %s ended", ended.thread and ended.thread.name, exc_info=told)


class Requests:
    """WSGI: gives every request an id and logs it when its answer is out."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        about, began = _about(environ), time.perf_counter()
        status = 500

        def start(line: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            nonlocal status
            status = int(line[:3])
            return start_response(line, [*headers, ("X-Request-Id", about["request_id"])], *more)

        def done() -> None:
            _log_request(about, status, time.perf_counter() - began)
            _REQUEST.set(None)

        _REQUEST.set(about)
        try:
            parts = self._application(environ, start)
        except BaseException:
            done()
            raise
        return _Answer(parts, done)


class _Answer:
    """The parts of an answer; whoever sends them says with ``close`` that they are out."""

    def __init__(self, parts: Iterable[bytes], done: Callable[[], None]) -> None:
        self._parts, self._done = parts, done

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        """Close the parts, then log the request."""
        try:
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
        finally:
            self._done()


def _about(environ: Mapping[str, Any]) -> dict[str, str]:
    """What lines say of a request: its id, method, path, and the load balancer's trace."""
    given, trace = environ.get("HTTP_X_REQUEST_ID", ""), environ.get("HTTP_X_AMZN_TRACE_ID", "")
    return {
        "request_id": given if _ID.fullmatch(given) else secrets.token_hex(8),
        "method": environ["REQUEST_METHOD"],
        "path": environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace"),
    } | ({"trace": trace} if trace else {})


def _log_request(about: Mapping[str, str], status: int, seconds: float) -> None:
    if ACCESS.isEnabledFor(logging.INFO):
        more = {"status": status, "duration_ms": round(seconds * 1000, 1)}
        ACCESS.info("%s %s %d", about["method"], about["path"], status, extra={"more": more})
