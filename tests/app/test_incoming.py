"""Where a request ends, found without reading past it."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import pytest
from gunicorn.config import Config
from gunicorn.http import get_parser
from hypothesis import given
from hypothesis import strategies as st

from app.incoming import FULL, LARGE_BODY, LONG_HEAD, Incoming, Limits, Progress, Refusal

GET = b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n"
)
WHOLE = {
    "get": GET,
    "no headers": b"GET / HTTP/1.0\r\n\r\n",
    "blank line first": b"\r\n" + GET,
    "post": POST,
    "post of nothing": b"POST / HTTP/1.1\r\nHost: test\r\ncontent-length:0\r\n\r\n",
    "zeros before the length": POST.replace(b" 5", b" " + b"0" * 5000 + b"5"),
    "chunked": CHUNKED + b"\r\n",
    "chunked with trailers": CHUNKED + b"X-One: 1\r\nX-Two: 2\r\n\r\n",
}
LIMITS = Limits()


def started(data: bytes = b"", limits: Limits = LIMITS, at: float = 0.0) -> Incoming:
    incoming = Incoming(limits)
    incoming.start(data, at)
    return incoming


def judged(data: bytes, limits: Limits = LIMITS, all_bytes: int = 0) -> Progress | Refusal:
    return started(data, limits).look(0.0, all_bytes)


@pytest.mark.parametrize("request_bytes", WHOLE.values(), ids=WHOLE)
def test_a_request_is_complete_with_its_last_byte(request_bytes: bytes) -> None:
    incoming = started()
    seen = []
    for place in range(len(request_bytes)):
        incoming.data += request_bytes[place : place + 1]
        seen.append(incoming.look(0.0, 0))
    assert seen == ["waiting"] * (len(request_bytes) - 1) + ["complete"]
    assert incoming.end == len(request_bytes)


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    after=st.sampled_from([b"", GET, b"\r\n"]),
)
def test_the_parser_never_needs_more_than_a_complete_request(
    chunks: list[bytes], cuts: list[int], after: bytes
) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    sent = CHUNKED.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body + after
    incoming = started()
    edges = sorted({0, *(min(cut, len(sent)) for cut in cuts), len(sent)})
    for begin, end in pairwise(edges):
        incoming.data += sent[begin:end]
        incoming.look(0.0, 0)
    assert incoming.end == len(sent) - len(after)
    parser = get_parser(Config(), incoming, ("127.0.0.1", 1))
    assert next(parser).body.read() == b"".join(chunks)
    assert not incoming.ran_out
    assert parser.unreader.take_buffered() + incoming.rest() == after


@pytest.mark.parametrize(
    "wrong",
    [
        b"GET / HTTP/1.1\nHost: test\n",
        CHUNKED.replace(b"6;name", b"six"),
        CHUNKED.replace(b"5\r\nhello", b"\r\nhello"),
        CHUNKED + b"X: " + b"x" * 70_000,
        CHUNKED.partition(b"0\r\n")[0] + b"1" * 70_000,
    ],
    ids=["line feed alone", "chunk size", "empty chunk size", "long trailer", "long chunk size"],
)
def test_what_is_no_request_is_left_to_the_parser(wrong: bytes) -> None:
    assert judged(wrong) == "complete"


def test_reading_past_the_end_is_noticed() -> None:
    incoming = started(GET)
    assert incoming.recv(1000) == GET
    assert not incoming.ran_out
    assert incoming.recv(1) == b""
    assert incoming.ran_out


def test_a_long_head_is_refused_complete_or_not() -> None:
    half = b"GET / HTTP/1.1\r\nX: " + b"x" * LIMITS.head_bytes
    assert judged(half) is LONG_HEAD
    assert judged(half + b"\r\n\r\n") is LONG_HEAD


@pytest.mark.parametrize("length", [str(LIMITS.body_bytes + 1), "9" * 5000], ids=["one more", "5000 digits"])
def test_a_large_body_is_refused_by_what_it_declares(length: str) -> None:
    assert judged(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode()) is LARGE_BODY


def test_a_large_chunked_body_is_refused_at_the_chunk_that_makes_it_so() -> None:
    limits = dataclasses.replace(LIMITS, body_bytes=100)
    assert judged(CHUNKED + b"\r\n", limits) == "complete"
    begun = CHUNKED.rpartition(b"0\r\n")[0]
    assert judged(begun + b"f\r\n", limits) == "waiting"
    assert judged(begun + b"ff\r\n", limits) is LARGE_BODY


def test_only_an_unfinished_body_gives_way_when_too_much_is_held() -> None:
    too_much = LIMITS.all_bytes + 1
    assert judged(POST, all_bytes=too_much) == "complete"
    assert judged(GET[:-2], all_bytes=too_much) == "waiting"
    assert judged(POST[:-1], all_bytes=too_much - 1) == "waiting"
    assert judged(POST[:-1], all_bytes=too_much) is FULL


@pytest.mark.parametrize(
    ("head", "wants"),
    [
        (b"POST / HTTP/1.1\r\nexpect: 100-Continue\r\nContent-Length: 5\r\n\r\n", True),
        (b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", False),
    ],
    ids=["asked", "by HTTP/1.0", "not asked"],
)
def test_who_waits_for_100_continue(head: bytes, wants: bool) -> None:
    incoming = started(head)
    assert incoming.look(0.0, 0) == "waiting"
    assert incoming.wants_continue is wants


def test_a_head_has_ten_seconds_however_it_comes() -> None:
    incoming = started(GET[:5], at=100.0)
    incoming.data += GET[5:9]
    incoming.look(109.0, 0)
    assert incoming.deadline == 110.0


def test_a_body_has_a_minute_if_it_keeps_coming_and_ten_seconds_if_not() -> None:
    incoming = started(at=100.0)
    incoming.data += b"POST / HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n"
    incoming.look(105.0, 0)
    assert incoming.deadline == 115.0
    incoming.data += b"x" * 4 * LIMITS.body_rate
    incoming.look(106.0, 0)
    assert incoming.deadline == 119.0
    incoming.data += b"x" * 100 * LIMITS.body_rate
    incoming.look(107.0, 0)
    assert incoming.deadline == 165.0
