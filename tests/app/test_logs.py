"""What is logged: whole lines of JSON without secrets, and one line a request."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from flask import request
from flask.testing import FlaskClient

from app import logs
from app.factory import create_app
from app.server import served
from data_access import sites
from data_access.backends import Backends
from data_access.settings import Settings, SettingsError, load
from data_access.users import make_token
from pipeline.collector import BATCH, CLICKSTREAM, EVENTS
from tests.app.callbacks import URL, card_body
from tests.app.conftest import SAME, by_link
from tests.app.test_hostile_http import free_port
from tests.builders import embedded

ROOT = Path(__file__).parents[2]
WORD = "Zx9KqT7mWc4RbN2vYd8Lh3PgFs6JtA5e"
"""The characters every canary is made of: none may be logged, not even eight of them."""
JWT = f"eyJhbGciOiJFUzI1NiJ9.{WORD}==.{WORD}"
SECRETS = {
    "write key": f"wk_{WORD}",
    "API key": f"sg_{WORD}",
    "sign-in link": f"http://127.0.0.1:8050/sign-in/link?token={WORD}",
    "sign-in link in an address": f"/sign-in?next=%2Fsign-in%2Flink%3Ftoken%3D{WORD}",
    "key in a query": f"/v1/collect?site=a&key={WORD}&b=1",
    "token in a query": f"a=1&token={WORD}",
    "Authorization": f"Authorization: Bearer {WORD}\r\nHost: a",
    "basic Authorization": f"Authorization: Basic {WORD}==",
    "bearer alone": f"refused bearer {WORD}",
    "basic alone": f"refused Basic {WORD}==",
    "key in a sentence": f"cannot take key={WORD} of the site",
    "headers as they are shown": f"{{'Authorization': 'Digest a=\"{WORD}\"', 'Host': 'a'}}",
    "headers in pairs": f"[('HOST', 'a'), ('AUTHORIZATION', 'Custom {WORD}')]",
    "headers in bytes": f"(b'authorization', b'Custom {WORD}')",
    "environ": f"'HTTP_X_WRITE_KEY': '{WORD}', 'HTTP_COOKIE': 'a={WORD}; b={WORD}'",
    "Cookie": f"Cookie: streamgauge={WORD}; other={WORD}",
    "Set-Cookie": f"Set-Cookie: streamgauge={WORD}; HttpOnly",
    "session cookie alone": f"streamgauge={WORD};",
    "load balancer's cookie": f"AWSELBAuthSessionCookie-0={WORD}",
    "X-Write-Key": f"X-Write-Key: {WORD}",
    "claims": f"x-amzn-oidc-data: {WORD}",
    "access token of the load balancer": f'"X-Amzn-Oidc-Accesstoken": "{WORD}"',
    "identity": f"HTTP_X_AMZN_OIDC_IDENTITY={WORD}",
    "JWT": f"cannot read {JWT}",
    "JWT without a signature": f"cannot read eyJ{WORD}.{WORD}",
    "AWS key id": f"AKIA{WORD.upper()[:16]}",
    "temporary AWS key id": f"key ASIA{WORD.upper()[:16]} is no more",
    "AWS secret": f"aws_secret_access_key = {WORD}",
    "AWS secret in JSON": f'{{"SecretAccessKey": "{WORD}", "Expiration": 1}}',
    "AWS session token": f"IQoJb3JpZ2luX2{WORD}/{WORD}=",
    "AWS session token by name": f"SessionToken='{WORD}'",
    "signed URL": f"https://b.example/a?X-Amz-Credential={WORD}&X-Amz-Signature={WORD}",
    "password in a URL": f"valkeys://user:{WORD}@cache.example:6379/0",
    "password alone in a URL": f"redis://:{WORD}@cache.example",
    "password in a form": f"name=vera&password={WORD}%20{WORD}",
    "password in JSON": f'{{"password": "{WORD} \\" {WORD}"}}',
    "password in JSON in JSON": json.dumps(json.dumps({"password": f"{WORD} {WORD}"})),
    "password that is cut": f"password='{WORD} {WORD}",
    "private key": f"-----BEGIN EC PRIVATE KEY-----\n{WORD}\n{WORD}\n-----END EC PRIVATE KEY-----",
}
CONTROLS = ["\n", "\r", "\0", "\t", "\x1b[2J", "\x07", "\x7f", "\x85", "\x9b31m", "\u2028", "\u2029"]
MARKS = ["\u202e", "\u2066", "\u200f", "\u061c", "\ufeff", "\u200b", "\ud800", "\U000e0041", "\u00a0"]


class Log:
    """What our formatter makes of all records, and what logging's own does."""

    def __init__(self, settings: Settings | None = None) -> None:
        hide = logs.Hide(logs.known_secrets(settings or Settings()))
        self._ours, self._plain = io.StringIO(), io.StringIO()
        lines = logs.Lines(hide, as_json=True)
        self.handlers = [logging.StreamHandler(self._ours), logging.StreamHandler(self._plain)]
        for handler, formatter in zip(self.handlers, (lines, logging.Formatter()), strict=True):
            handler.setFormatter(formatter)

    @property
    def ours(self) -> str:
        return self._ours.getvalue()

    @property
    def plain(self) -> str:
        """As it would be without any scrubbing."""
        return self._plain.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        """Each line that was written, read as what it must be."""
        return [json.loads(line) for line in self.ours.splitlines()]


@pytest.fixture
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """Everything that is logged, at INFO for our own."""
    found, own = Log(), logging.getLogger("app")
    before = own.level
    own.setLevel(logging.INFO)
    for handler in found.handlers:
        logging.root.addHandler(handler)
    yield found
    own.setLevel(before)
    for handler in found.handlers:
        logging.root.removeHandler(handler)


def written(*words: Any, text: bool = False, known: tuple[str, ...] = (), error: Any = None) -> str:
    """The line of a message with its arguments."""
    told = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("app.test", logging.ERROR, __file__, 1, words[0], words[1:], told)
    return logs.Lines(logs.Hide(known), as_json=not text).format(record)


def leaks(text: str) -> set[str]:
    """Pieces of eight characters of a canary that a text has."""
    pieces = {WORD[at : at + 8].lower() for at in range(len(WORD) - 7)}
    return {piece for piece in pieces if piece in text.lower()}


def raised(message: str) -> Exception:
    """An error with a traceback, that came from another."""
    try:
        try:
            raise KeyError(message)
        except KeyError as cause:
            raise ValueError(f"because of {message}") from cause
    except ValueError as error:
        return error


@pytest.mark.parametrize("text", [False, True], ids=["json", "text"])
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_secret_is_written_wherever_it_stands(secret: str, text: bool) -> None:
    assert leaks(secret), "a canary that could not be found"
    for words in [(secret,), (f"before {secret} after",), ("%s", secret), ("%r of %d", {"a": secret}, 1)]:
        assert not leaks(written(*words, text=text)), words
    assert not leaks(written("failed", error=raised(secret), text=text))
    assert not leaks(written("failed", error=raised(f"line\nother {secret}"), text=text))


def test_the_secrets_of_the_settings_are_hidden_whatever_they_look_like() -> None:
    settings = Settings(
        secret_key="correct horse",
        trino_password="pässword",
        cache_url="valkeys://u:battery@h",
        alert_webhook="https://chat.example/hooks/T01/staple?x=1",
    )
    line = written(
        "%s", "correct horse, pässword, battery and /hooks/T01/staple", known=(*logs.known_secrets(settings),)
    )
    assert json.loads(line)["message"] == "[hidden], [hidden], [hidden] and [hidden]"


@pytest.mark.parametrize(
    "message",
    [
        "the password is too short; it takes at least 10 characters",
        "there is no key 'a1b2c3'; keys list lists them",
        "flush: 12 events, 3 tokens of 4",
        "GET /funnels 200",
        "card funnel-steps failed",
        "bad request from 10.0.0.1: Invalid HTTP Version (2, 0)",
        "arn:aws:sns:eu-west-1:123456789012:topic, https://shop.example/a?b=c#d",
        "sorted(rows, key=lambda row: row.day)",
    ],
)
def test_what_is_no_secret_stays(message: str) -> None:
    assert json.loads(written(message))["message"] == message


@pytest.mark.parametrize("character", CONTROLS + MARKS)
def test_no_character_forges_a_line_or_moves_the_cursor(character: str) -> None:
    forged = f'a{character}{{"level": "INFO", "message": "forged"}}{character}ERROR app: forged'
    for words in [(forged,), ("%s", forged)]:
        line = written(*words)
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["message"].isprintable()
        assert written(*words, text=True).isprintable()
    shown = written("failed", error=raised(forged), text=True).split("\n")
    assert all(line.isprintable() for line in shown)
    assert all(line.startswith("    ") for line in shown[1:])
    assert json.loads(written("failed", error=raised(forged)))["traceback"].replace("\n", "").isprintable()


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError(WORD)

    __repr__ = __str__


@pytest.mark.parametrize("words", [("%d", "x"), ("%s %s", "x"), ("%s", Unspeakable()), (Unspeakable(),)])
def test_a_record_that_cannot_be_read_is_a_line_all_the_same(words: tuple[Any, ...]) -> None:
    assert json.loads(written(*words))["level"] == "ERROR"


@pytest.mark.parametrize("letter", ["x", "ä", "\x1b", "\U0001f600", " ", "\n", '"', "\\"])
def test_a_line_is_bounded(letter: str) -> None:
    record = logging.makeLogRecord({"name": letter * 9000, "msg": letter * 100_000, "levelname": "ERROR"})
    error = raised(letter * 100_000)
    record.exc_info = (type(error), error, error.__traceback__)
    record.more = {
        "path": letter * 9000,
        "trace": letter * 9000,
        "request_id": letter * 9000,
        "method": letter * 99,
    }
    line = logs.Lines(logs.Hide(), as_json=True).format(record)
    assert len(line) < logs.LINE_BYTES
    assert "raised" in json.loads(line)["traceback"], "where it began is the first to know"


@pytest.mark.parametrize("size", [1000, 5000, 1 << 16, (1 << 16) + 40, 100_000])
def test_no_cut_leaves_a_part_of_a_secret(size: int) -> None:
    for begin in range(size - 60, size, 9):
        for secret in (f"wk_{WORD}", JWT, f"Cookie: a=b; c={WORD}", f"redis://:{WORD}@a"):
            assert not leaks(written("x " * (begin // 2) + secret + " y" * 50))


def test_no_cut_leaves_a_part_of_a_secret_behind_a_long_one() -> None:
    """What is hidden makes a text short enough for its end to be written, where it was cut."""
    for begin in range((1 << 16) - 60, 1 << 16, 7):
        for secret in (f"wk_{WORD}", f"redis://:{WORD}@a", f"token={WORD}"):
            assert not leaks(written("eyJ" + "a" * (begin - 4) + " " + secret + " and more"))


class Full(io.StringIO):
    """Takes no line of JSON, as a pipe that is full or a disk."""

    def write(self, text: str) -> int:
        if text.startswith("{"):
            raise OSError(28, "No space left on device")
        return super().write(text)


FULL = """
import logging, sys
from app import logs
from data_access.settings import Settings, SettingsError, load
from tests.app.test_logs import Full
logs.set_up(Settings())
own, sys.stderr = sys.stderr, Full()
logging.getLogger("app").error("at redis://:secret@host")
print(repr(sys.stderr.getvalue()), file=own)
"""


def test_a_line_that_cannot_be_written_is_not_said_otherwise() -> None:
    assert lines_of(FULL) == ["''"]


@pytest.mark.parametrize(
    "piece",
    [
        *("eyJ", "eyJa.", "sg_", "://", "://a:", "token", "token=", 'token="', "token='\\", "authorization"),
        *("key=", "&key=", "basic ", "bearer ", "AKIA", "-----BEGIN PRIVATE KEY-----", "password\\\\\\\\"),
        *("\\", " ", "cookie:\n"),
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    """As against a plain text as long: one that is looked at again from each place takes 1,000 times that."""
    hide, count = logs.Hide(), 60_000

    def seconds(text: str) -> float:
        began = time.thread_time()
        hide(text)
        return time.thread_time() - began

    plain = min(seconds("some words " * (count // 11)) for _ in range(3))
    assert min(seconds(piece * (count // len(piece))) for _ in range(3)) < 60 * plain


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    """Back ends whose app logs requests."""
    return embedded(tmp_path_factory.mktemp("logged"))


@pytest.fixture(scope="module")
def logged(own: Backends) -> Any:
    return served(create_app(own).server)


@pytest.fixture
def inside(logged: Any, own: Backends) -> FlaskClient:
    """The local admin, signed in."""

    class App:
        server = logged

    return by_link(App, own)


def leaky(*_args: Any, **_more: Any) -> Any:
    """Fails as carelessly as can be: with all of the request in its message."""
    told = [request.url, request.full_path, dict(request.headers), str(request.headers), request.environ]
    raise RuntimeError(f"cannot answer {told} {request.get_data()!r} {request.get_data(as_text=True)}")


@pytest.fixture
def careless(logged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes that fail with the whole request in the message."""
    monkeypatch.setitem(logged.config, "PROPAGATE_EXCEPTIONS", False)
    for endpoint in ("/_dash-layout", "/_dash-update-component", "sign_in", "query"):
        monkeypatch.setitem(logged.view_functions, endpoint, leaky)


CANARY_HEADERS = {
    "Authorization": f"Bearer sg_{WORD}",
    "X-Write-Key": f"wk_{WORD}",
    "X-Amzn-Oidc-Data": JWT,
    "X-Amzn-Oidc-Accesstoken": JWT,
    "X-Amzn-Oidc-Identity": WORD,
    "X-Amz-Security-Token": WORD,
    "Referer": f"https://shop.example/a?token={WORD}",
    "Cookie": f"other={WORD}; AWSELBAuthSessionCookie-0={WORD}",
}


@pytest.mark.usefixtures("careless")
def test_canaries_of_every_way_in_are_not_logged(logged: Any, own: Backends, log: Log) -> None:
    stranger, signed_in, token = logged.test_client(), logged.test_client(), make_token(own.documents)
    assert signed_in.get(f"/sign-in/link?token={token}").status_code == 303
    cookie = signed_in.get_cookie("streamgauge").value
    headers = SAME | CANARY_HEADERS
    for path in (f"/sign-in/link?token={WORD}", f"/v1/query?key={WORD}", f"/csv/wk_{WORD}", f"/?a=sg_{WORD}"):
        stranger.get(path, headers=headers)
    stranger.post("/sign-in", data={"name": "vera", "password": f"{WORD} {WORD}"}, headers=headers)
    for sent in (
        json.dumps({"password": f"{WORD} {WORD}", "token": WORD}),
        f'{{"password": "{WORD}',
        f"key={WORD}",
    ):
        signed_in.get(f"/_dash-layout?token={WORD}", data=sent, headers=SAME | {"X-Write-Key": WORD})
        signed_in.post(URL, data=sent, headers=SAME | {"X-Amzn-Oidc-Data": JWT})
        for path in (EVENTS, BATCH, CLICKSTREAM):
            stranger.post(f"{path}?key={WORD}", data=sent, headers=headers)
    signed_in.post(URL, json=card_body("overview-kpis", f"?token={WORD}"), headers=SAME)
    for canary in (
        f"sg_{WORD}",
        f"wk_{WORD}",
        JWT,
        f"token={WORD}",
        f"'X-Write-Key': '{WORD}'",
        cookie,
        '"password',
    ):
        assert canary in log.plain, f"{canary} was never logged: nothing was to hide"
    assert not leaks(log.ours)
    assert cookie not in log.ours
    assert token not in log.ours


@pytest.mark.usefixtures("careless")
def test_a_key_in_use_is_not_logged_when_its_callback_fails(
    logged: Any, own: Backends, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites.save(own.documents, "shop", ("https://shop.example",))
    key = sites.make_key(own.documents, "shop")

    def fail(*given: Any, **_more: Any) -> Any:
        raise RuntimeError(f"cannot take {given}")

    monkeypatch.setattr("pipeline.collector.Collector.answer", fail)
    headers = {"X-Write-Key": key, "X-Request-Id": "mine-1"}
    sent = logged.test_client().post(EVENTS, json={}, headers=headers, buffered=True)
    assert sent.status_code == 500
    assert key in log.plain
    assert key not in log.ours
    failed, answered = log.lines()
    assert failed["traceback"].splitlines()[-1].startswith("RuntimeError: cannot take (<pipeline.collector")
    assert failed["request_id"] == answered["request_id"] == sent.headers["X-Request-Id"] == "mine-1"


def test_a_request_is_a_line_without_its_query(inside: FlaskClient, log: Log) -> None:
    trace = "Root=1-67891233-abcdef012345678912345678"
    answer = inside.get(
        "/healthz?country=Andorra&user=vera", buffered=True, headers={"X-Amzn-Trace-Id": trace}
    )
    (line,) = log.lines()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert 0 < line.pop("duration_ms") < 60_000
    assert line == {
        "level": "INFO",
        "logger": "app.access",
        "message": "GET /healthz 200",
        "request_id": answer.headers["X-Request-Id"],
        "method": "GET",
        "path": "/healthz",
        "trace": trace,
        "status": 200,
    }


@pytest.mark.parametrize("path", ["/nowhere\n{}", "/\x1b[2J", "/ä", "/\u202eabc", "/%0aERROR%20app", "/\xff"])
def test_an_address_forges_no_line(logged: Any, log: Log, path: str) -> None:
    environ = {"PATH_INFO": path.encode().decode("latin-1")}
    logged.test_client().get("/", environ_overrides=environ, buffered=True)
    (line,) = log.lines()
    assert line["path"].isprintable()
    assert line["path"].startswith("/")


def test_lines_between_requests_name_none(inside: FlaskClient, log: Log) -> None:
    inside.get("/healthz", buffered=True)
    logging.getLogger("app.test").warning("between")
    assert "request_id" in log.lines()[0]
    assert "request_id" not in log.lines()[1]


def test_what_goes_wrong_on_the_way_out_is_logged_with_its_request(log: Log) -> None:
    def answer(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"a"
        raise RuntimeError("gone")

    def fail(*_given: Any) -> Any:
        raise RuntimeError("not even begun")

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}
    parts = logs.Requests(answer)(environ, lambda *_: None)
    with pytest.raises(RuntimeError, match="gone"):
        list(parts)
    assert log.lines() == []
    parts.close()  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="not even"):
        logs.Requests(fail)(environ, lambda *_: None)
    assert [line["status"] for line in log.lines()] == [200, 500]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("a", True),
        ("4bf92f35-77b3-4da6", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("a b", False),
        ("a_b", False),
        ("ä", False),
        ("a\tb", False),
        (f"wk_{WORD}", False),
    ],
)
def test_a_request_id_is_taken_over_only_if_it_can_do_no_harm(logged: Any, given: str, taken: bool) -> None:
    answer = logged.test_client().get("/healthz", headers={"X-Request-Id": given})
    (found,) = answer.headers.getlist("X-Request-Id")
    assert re.fullmatch(r"[A-Za-z0-9-]{1,64}", found)
    assert (found == given) is taken


def test_ids_are_different(logged: Any) -> None:
    client = logged.test_client()
    assert len({client.get("/healthz").headers["X-Request-Id"] for _ in range(50)}) == 50


SERVES = """
import logging, os, sys, threading, warnings
from app import logs
from data_access.settings import load
names = ("form", "log_format")
settings = load({"lake_bucket": "b", "aws_region": "eu-west-1", **dict(zip(names, sys.argv[1:]))}, {})
logs.set_up_command()
logs.set_up(settings)
logs.set_up(settings)
logging.getLogger("app.access").info("a request")
logging.getLogger("pyiceberg.io").info("a library's")
logging.getLogger("pyiceberg.io").warning("a warning\\nof a library")
warnings.warn("deprecated")
thread = threading.Thread(target=lambda: 1 / 0, name="one")
thread.start()
thread.join()
logging.getLogger("app").error("%d", "no number")
raise ValueError("token=abc")
"""


def lines_of(code: str, *words: str, terminal: bool = False) -> list[str]:
    """What a process writes to stderr."""
    command = [sys.executable, "-c", code, *words]
    if not terminal:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stderr.splitlines()
    with on_a_terminal(command) as process:
        return process.rest().splitlines()


@dataclass
class OnATerminal:
    """A process whose stderr is a terminal, and what it has said there."""

    process: subprocess.Popen[bytes]
    terminal: int
    said: str = ""

    def until(self, words: str) -> str:
        """What it has said by the time it has said this, or has ended."""
        with suppress(OSError):  # how a terminal ends
            while words not in self.said and (part := os.read(self.terminal, 65536)):
                self.said += part.decode().replace("\r\n", "\n")
        return self.said

    def rest(self) -> str:
        """All it says until it ends."""
        return self.until("\0")


@contextmanager
def on_a_terminal(command: list[str]) -> Iterator[OnATerminal]:
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, cwd=ROOT, stderr=theirs)
    os.close(theirs)
    try:
        yield OnATerminal(process, ours)
    finally:
        process.terminate()
        process.wait(60)
        os.close(ours)


def test_whatever_a_serving_process_says_is_json() -> None:
    lines = [json.loads(line) for line in lines_of(SERVES, "embedded")]
    said = [(line["level"], line["logger"], line["message"]) for line in lines]
    assert said[:2] == [
        ("INFO", "app.access", "a request"),
        ("WARNING", "pyiceberg.io", "a warning\\nof a library"),
    ]
    assert said[2][:2] == ("WARNING", "py.warnings")
    assert said[3:] == [
        ("CRITICAL", "app.logs", "thread one ended"),
        ("ERROR", "app", "%d (its arguments do not fit)"),
        ("CRITICAL", "app.logs", "ended"),
    ]
    assert "ZeroDivisionError" in lines[3]["traceback"]
    assert lines[5]["traceback"].endswith("ValueError: token=[hidden]")


@pytest.mark.parametrize(("form", "says"), [("embedded", False), ("aws", True)])
def test_a_terminal_gets_text_and_only_the_embedded_form_keeps_requests_back(form: str, says: bool) -> None:
    lines = lines_of(SERVES, form, terminal=True)
    assert ("INFO app.access: a request" in lines) is says
    assert "WARNING pyiceberg.io: a warning\\nof a library" in lines
    assert "    ZeroDivisionError: division by zero" in lines
    heads = [line for line in lines if not line.startswith("    ")]
    assert all(re.match(r"(INFO|WARNING|ERROR|CRITICAL) [a-z._]+: ", line) for line in heads), heads


def test_a_command_warns_in_text_without_secrets() -> None:
    code = (
        "import logging; from app import logs; logs.set_up_command();"
        "logging.getLogger('app.x').info('no'); logging.getLogger('app.x').warning('at redis://:secret@host')"
    )
    assert lines_of(code) == ["WARNING app.x: at redis://[hidden]@host"]


def test_a_terminal_shows_the_link_to_sign_in_and_no_requests(tmp_path: Path) -> None:
    port = free_port()
    words = ["serve", "--no-demo", "--port", str(port), "--data-dir", str(tmp_path)]
    with on_a_terminal([sys.executable, "-m", "app", *words]) as served_app:
        link = re.search(r"http\S+/sign-in/link\?token=\S+", served_app.until("Ctrl+C"))
        assert link, served_app.said
        client = HTTPConnection("127.0.0.1", port, timeout=60)
        for path, status in ((link[0].partition(str(port))[2], 303), ("/healthz", 200), ("/nowhere", 302)):
            client.request("GET", path)
            answer = client.getresponse()
            answer.read()
            assert answer.status == status
            assert answer.headers["X-Request-Id"]
        client.close()
        served_app.process.terminate()
        said = served_app.rest()
    assert "Streamgauge is ready" in said
    assert "app.access" not in said


def test_the_wsgi_form_logs_json_from_its_first_line(tmp_path: Path) -> None:
    port = free_port()
    words = ["-k", "app.worker.BufferedWorker", "--logger-class", "app.server.ServerLog"]
    command = [sys.executable, "-m", "gunicorn", *words, "--bind", f"127.0.0.1:{port}", "app.wsgi:server()"]
    env = os.environ | {"STREAMGAUGE_DATA_DIR": str(tmp_path)}
    said = []
    with subprocess.Popen(command, cwd=ROOT, env=env, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(json.loads(line))
            if "Booting worker" in line:
                # It listens by now, and answers when the worker has loaded the application.
                client = HTTPConnection("127.0.0.1", port, timeout=60)
                client.request("GET", "/healthz", headers={"X-Request-Id": "mine"})
                assert client.getresponse().headers["X-Request-Id"] == "mine"
                client.close()
                process.terminate()
    assert {line["logger"] for line in said} == {"gunicorn.error", "app.access"}
    (answered,) = [line for line in said if line["logger"] == "app.access"]
    assert (answered["path"], answered["request_id"], answered["status"]) == ("/healthz", "mine", 200)


def test_the_settings_go_before_what_stderr_is() -> None:
    on_a_screen = lines_of(SERVES, "embedded", "json", terminal=True)
    assert json.loads(on_a_screen[0])["message"] == "a request"
    assert lines_of(SERVES, "embedded", "text")[0] == "INFO app.access: a request"
    with pytest.raises(SettingsError, match="STREAMGAUGE_LOG_FORMAT is 'yaml'; it takes auto, json, text"):
        load({}, {"STREAMGAUGE_LOG_FORMAT": "yaml"})
