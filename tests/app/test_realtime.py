from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.auth import make_sign_in_link
from app.factory import create_app
from data_access import audit_search, sites
from data_access.backends import Backends
from data_access.events import EVENT_TYPES
from data_access.live import Reason
from data_access.realtime import Realtime
from data_access.users import add_user
from pages.parts import figures, live_chart, live_health
from pages.parts.live_panel import Asked, Panels
from tests.app.callbacks import URL, elements
from tests.app.conftest import PASSWORD, SAME, sign_in
from tests.app.live_parts import PARTS, body, poll, said
from tests.door import Door, server_event, utc
from tests.forms import Forms, door_of, only_embedded

NOW = datetime(2026, 3, 9, 12, 30, 30)  # noqa: DTZ001 - naive UTC
EVERYBODY = Asked(None, "UTC", True)


class Clock:
    """A clock that is set."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW.replace(tzinfo=UTC).timestamp())


@pytest.fixture
def live(form: str, forms: Forms, tmp_path: Path, clock: Clock) -> Backends:
    """Back ends whose snapshots are taken by the clock, each anew."""
    opened = forms.new(form, tmp_path, site_time_zones="blog=Asia/Kolkata")
    if form == "aws":  # leaves out what is too old by the clock
        opened = replace(opened, counters=forms.counters(opened, clock))
    parts = opened.following, opened.intake, opened.counters
    return replace(opened, realtime=Always(*parts, clock))


class Always(Realtime):
    """Takes a snapshot whenever it is asked."""

    def snapshot(self, fresh: float = 0.0) -> Any:
        return super().snapshot(fresh)


@pytest.fixture
def door(live: Backends, clock: Clock) -> Door:
    return door_of(live, clock)


@pytest.fixture
def client(live: Backends) -> FlaskClient:
    found: FlaskClient = create_app(live).server.test_client()
    link = make_sign_in_link(live)
    assert found.get(link[link.index("/sign-in") :]).status_code == 303
    return found


def limited(live: Backends, name: str, *own: str, role: str = "viewer") -> FlaskClient:
    """Someone who may see some sites only."""
    add_user(live.documents, name, PASSWORD, role, own)
    return sign_in(create_app(live), name)


def send(door: Door, **fields: Any) -> None:
    """An event of a server, counted."""
    assert door.server(**fields).status == 200
    while door.live.step():
        pass


def send_all(door: Door, events: list[dict[str, Any]]) -> None:
    """Events of a server together, counted."""
    assert door.batch(*events).status == 200
    while door.live.step():
        pass


def view_of(page: str) -> dict[str, Any]:
    return {"properties": {"page": f"https://shop.example{page}"}}


def test_figures_of_both_windows(door: Door, client: FlaskClient) -> None:
    def sent(minutes: int, session: str, **more: str) -> dict[str, Any]:
        return server_event(session_id=session, timestamp=utc(NOW - timedelta(minutes=minutes)), **more)

    events = [sent(0, "s1"), sent(4, "s2", user_id="u1"), sent(4, "s3", user_id="u1")]
    events += [sent(4, "s3", event_type="error"), sent(5, "s4"), sent(29, "s5"), sent(30, "s6")]
    send_all(door, events)
    parts = poll(client)
    assert said(parts["events"]) == "4 5 min 6 30 min"
    assert said(parts["errors"]) == "25.0 % 5 min 16.7 % 30 min"
    assert said(parts["sessions"]) == "3 5 min 5 30 min"
    assert said(parts["visitors"]) == "3 5 min 5 30 min", "u1, s1 and s3 without a user; then s4 and s5"


def test_only_what_has_changed_is_sent(door: Door, client: FlaskClient, live: Backends, clock: Clock) -> None:
    send(door, metadata={"country": "DE"})
    first = poll(client)
    places = {"waiting", "positions"} if live.log is not None else set()
    assert first.keys() == {*PARTS, "figure", "seen"} - ({"waiting", "positions"} - places)
    clock.seconds += 1
    second = poll(client, first["seen"])
    assert second.keys() == {"behind", "seen"}, "the clock alone has changed"
    assert "12:30:31" in said(second["behind"])
    send(door, session_id="s2")
    third = poll(client, second["seen"])
    assert third.keys() == {"events", "sessions", "visitors", "figure", "seen"} | places
    assert said(third["events"]) == "2 5 min 2 30 min"


@only_embedded  # what is drawn does not know where it is from, and 40 events take their time
def test_an_answer_without_changes_is_small(door: Door, client: FlaskClient, clock: Clock) -> None:
    for number in range(40):
        send(door, session_id=f"s{number}", **view_of(f"/{number}"))
    seen = poll(client)["seen"]
    clock.seconds += 1
    whole = client.post(URL, json=body(None, "", PARTS), headers=SAME)
    small = client.post(URL, json=body(seen, "", PARTS), headers=SAME)
    assert len(small.data) < 1200 < 8000 < len(whole.data) < 25_000


@only_embedded  # as above
def test_a_panel_is_drawn_once_for_all(door: Door, live: Backends, clock: Clock) -> None:
    send(door)
    panels, snapshot = Panels(), live.realtime.snapshot()
    panel = panels.get(snapshot, EVERYBODY)
    assert panels.get(snapshot, EVERYBODY) is panel
    clock.seconds += 1
    later = panels.get(live.realtime.snapshot(), EVERYBODY)
    assert later.parts["events"] is panel.parts["events"]
    assert later.figure is panel.figure
    assert later.parts["behind"] is not panel.parts["behind"]
    assert panels.get(snapshot, replace(EVERYBODY, zone="Asia/Tokyo")).figure != panel.figure
    clock.seconds += 60
    assert panels.get(live.realtime.snapshot(), EVERYBODY).figure != panel.figure, "a minute has gone by"


@only_embedded  # as above
def test_the_number_of_kept_panels_is_bounded(live: Backends) -> None:
    panels, snapshot = Panels(), live.realtime.snapshot()
    first = panels.get(snapshot, EVERYBODY)
    for number in range(70):
        panels.get(snapshot, Asked(frozenset({f"site{number}"}), "UTC", True))
    assert panels.get(snapshot, EVERYBODY) is not first


def test_the_chart_has_an_area_a_type(door: Door, live: Backends) -> None:
    send(door)
    send(door, event_type="error", timestamp=utc(NOW - timedelta(minutes=1)))
    figure = Panels().get(live.realtime.snapshot(), replace(EVERYBODY, zone="Asia/Kolkata")).figure
    areas = {trace["uid"]: trace for trace in figure["data"]}
    assert list(areas) == ["page_view", "error"]
    assert areas["page_view"]["y"] == [0] * 29 + [1]
    assert areas["error"]["y"] == [0] * 28 + [1, 0]
    assert {trace["stackgroup"] for trace in figure["data"]} == {"types"}
    assert areas["error"]["x"][0] == "17:31"
    assert areas["error"]["x"][-2:] == ["17:59", "18:00, so far"]
    assert figure["layout"]["xaxis"]["ticktext"] == ["17:35", "17:40", "17:45", "17:50", "17:55", "18:00"]
    assert figure["layout"]["uirevision"] == "live"


def test_courses_end_before_the_minute_that_is_not_over(door: Door, client: FlaskClient) -> None:
    send(door, session_id="s1", timestamp=utc(NOW - timedelta(minutes=29)))
    for kind, session in (("page_view", "s1"), ("page_view", "s2"), ("click", "s2"), ("error", "s2")):
        send(door, event_type=kind, session_id=session, timestamp=utc(NOW - timedelta(minutes=1)))
    send(door)
    parts = poll(client)
    for name, last in (("events", 4), ("errors", 25), ("sessions", 2), ("visitors", 2)):
        (image,) = (part for part in elements(json.dumps(parts[f"{name}-course"])) if "alt" in part)
        first = 0 if name == "errors" else 1
        assert image["src"] == figures.sparkline([first, *[0] * 27, last], "").src
        assert image["alt"].endswith(" by minute, the last 29 minutes")


def test_every_type_has_words_and_a_colour_of_its_own() -> None:
    assert set(live_chart.TYPES) == set(EVENT_TYPES)
    assert len({colour for _, colour in live_chart.TYPES.values()}) == len(EVENT_TYPES)
    assert set(live_health.REASONS) == set(Reason)


def test_lists_have_most_of_now_first(door: Door, client: FlaskClient) -> None:
    sent = [server_event(event_type="error", properties={"message": "Out of stock"})]
    for page, minutes, times in (("/old", 10, 3), ("/now", 0, 2), ("/then", 20, 1)):
        moment = utc(NOW - timedelta(minutes=minutes))
        sent += [server_event(timestamp=moment, metadata={"country": "DE"}, **view_of(page))] * times
    send_all(door, sent)
    parts = poll(client)
    assert said(parts["pages"]) == "Page 5 min 30 min /now 2 2 /old 0 3 /then 0 1"
    assert said(parts["countries"]) == "Country 5 min 30 min Germany 2 6"
    assert said(parts["messages"]) == "Message 5 min 30 min Out of stock 1 1"
    widths = [part["style"] for part in elements(json.dumps(parts["pages"])) if "style" in part]
    assert [width["--sg-part"] for width in widths] == ["100.0%", "0.0%", "0.0%"]


def test_long_lists_say_how_many_more_there_are(door: Door, client: FlaskClient) -> None:
    send_all(door, [server_event(**view_of(f"/{number:02}")) for number in range(11)])
    assert said(poll(client)["pages"]).endswith("/07 1 1 and 3 more")
    assert said(poll(client)["messages"]) == "No errors in the last 30 minutes"


def test_without_events_the_page_says_so_and_where_to_go(client: FlaskClient, door: Door) -> None:
    empty = poll(client)["empty"]
    assert "No events in the last 30 minutes" in json.dumps(empty)
    assert '"/connect"' in json.dumps(empty)
    seen = poll(client)["seen"]
    send(door)
    assert poll(client, seen)["empty"] is None


@only_embedded  # the stream's own clock says when a record was written; tests/contract/test_stream.py
@pytest.mark.parametrize(
    ("seconds", "state", "behind"),
    [
        (0.5, "Live", "less than 1 s behind"),
        (12, "Catching up", "12 s behind"),
        (45, "Stale", "nothing counted for 45 s"),
    ],
)
def test_how_live_it_is(
    door: Door, client: FlaskClient, clock: Clock, seconds: float, state: str, behind: str
) -> None:
    door.server()
    written = door.backends.log.oldest(0)
    assert written is not None
    clock.seconds = written.replace(tzinfo=UTC).timestamp() + seconds
    parts = poll(client)
    assert said(parts["state"]) == state
    assert said(parts["behind"]).startswith(f"{behind} Counted up to ")
    assert said(parts["behind"]).endswith(f"{written:%H:%M:%S}, UTC")
    while door.live.step():
        pass
    assert said(poll(client)["state"]) == "Live"


@only_embedded  # as above
def test_a_watermark_of_another_day_has_its_day(door: Door, client: FlaskClient, clock: Clock) -> None:
    door.server()
    written = door.backends.log.oldest(0)
    assert written is not None
    clock.seconds = written.replace(tzinfo=UTC).timestamp() + 3 * 86400
    assert f"Counted up to {written.day} {written:%b %Y %H:%M:%S}, UTC" in said(poll(client)["behind"])


@only_embedded  # the lake is curated, and places are those of a log that is one sequence
def test_what_waits_and_what_was_refused(door: Door, client: FlaskClient) -> None:
    door.batch({"event_type": "zzz", "session_id": "s"}, {"a": 1}, {"b": 1})
    send(door)
    door.server()
    parts = poll(client)
    assert said(parts["waiting"]) == "Live counts 1 event Lake 2 events"
    assert said(parts["refused"]) == (
        "A needed field is missing 2 events A value is not one of those allowed 1 event"
    )
    assert said(parts["positions"]) == (
        "Newest event: no. 2 Live counts: read up to no. 1 Lake: read up to no. 0"
    )
    door.settle()
    assert said(poll(client)["waiting"]) == "Live counts 0 events Lake 0 events"


def test_places_are_those_of_a_log_of_one_sequence(door: Door, client: FlaskClient, live: Backends) -> None:
    door.batch({"event_type": "zzz", "session_id": "s"})
    parts, page = poll(client), laid_out(client)
    assert said(parts["refused"]) == "A value is not one of those allowed 1 event"
    assert [text in page for text in ("Waiting", "Places in the log")] == [live.log is not None] * 2
    assert {name for name in ("waiting", "positions") if parts.get(name)} == (
        {"waiting", "positions"} if live.log is not None else set()
    )


def test_the_url_chooses_sites_and_their_zone(door: Door, client: FlaskClient) -> None:
    send(door)
    send(door)
    sites.save(door.backends.documents, "blog", ())
    other = door_of(door.backends, door.collector._clock)
    other.key = sites.make_key(door.backends.documents, "blog")
    send(other, **view_of("/post"))
    assert said(poll(client)["events"]).startswith("3 ")
    blog = poll(client, search="?site=blog")
    assert said(blog["events"]).startswith("1 ")
    assert said(blog["pages"]) == "Page 5 min 30 min /post 1 1"
    assert "18:00:30, Asia/Kolkata" in said(blog["behind"])
    assert said(poll(client, search="?site=shop,blog")["events"]).startswith("3 ")


def test_nobody_sees_sites_that_are_not_theirs(door: Door, live: Backends) -> None:
    send(door, **view_of("/secret"))
    stranger = limited(live, "bob", "blog")
    for search in ("", "?site=shop", "?site=shop,blog"):
        parts = poll(stranger, search=search)
        assert said(parts["events"]) == "0 5 min 0 30 min"
        assert "secret" not in json.dumps(parts)
        assert not {"waiting", "refused", "positions"} & {name for name, part in parts.items() if part}
    assert said(poll(limited(live, "ann", "shop"))["events"]).startswith("1 ")


def test_the_page_comes_with_its_first_numbers(door: Door, client: FlaskClient, live: Backends) -> None:
    send(door, **view_of("/landing"))
    page = laid_out(client)
    assert "/landing" in page
    assert ("On the way" in page) == ("Places in the log" in page) == (live.log is not None)
    assert "to be tried again" in page
    assert "to be tried again" not in laid_out(limited(live, "bob", "blog"))
    assert "/landing" not in laid_out(limited(live, "ann", "blog"))


def test_sites_can_be_chosen_where_there_are_several(door: Door, client: FlaskClient, live: Backends) -> None:
    send(door)
    assert "All sites" not in laid_out(client)
    sites.save(live.documents, "blog", ())
    assert "All sites" in laid_out(client)
    assert "All sites" not in laid_out(limited(live, "bob", "blog"))


def laid_out(client: FlaskClient) -> str:
    """The page as it is first sent."""
    request = {
        "output": "page.children",
        "outputs": {"id": "page", "property": "children"},
        "inputs": [{"id": "url", "property": "pathname", "value": "/realtime"}],
        "state": [{"id": "url", "property": "search", "value": ""}],
        "changedPropIds": ["url.pathname"],
    }
    text = client.post(URL, json=request, headers=SAME).text
    return text.replace("\\u002f", "/")


def test_counts_that_cannot_be_read_are_not_shown_as_live(
    door: Door, client: FlaskClient, live: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(door)
    seen = poll(client)["seen"]
    monkeypatch.setattr(type(live.counters), "items", broken)
    parts = poll(client, seen)
    assert (said(parts["state"]), said(parts["behind"])) == (
        "No counts",
        "The counts could not be read; trying again.",
    )
    assert parts["seen"] == {"tick": 7}
    monkeypatch.undo()
    assert said(poll(client, parts["seen"])["state"]) == "Live"


def broken(*_args: Any) -> Any:
    raise OSError("disk")


def test_the_csv_has_a_row_a_minute_of_what_is_shown(door: Door, client: FlaskClient, live: Backends) -> None:
    send(door, session_id="one")
    send(door, session_id="one", event_type="error")
    send(door, session_id="two", timestamp=utc(NOW - timedelta(minutes=3)))
    href = re.search(r"/csv/realtime[^\"\\]*", json.dumps(poll(client)["csv"]))
    assert href is not None
    rows = rows_of(client, href.group())
    assert len(rows) == 30
    assert rows[-1]["minute"] == "2026-03-09T12:30:00.000Z"
    counted = ("events", "page_view", "error", "sessions", "visitors")
    assert [rows[-1][name] for name in counted] == ["2", "1", "1", "1", "1"]
    assert [rows[-4][name] for name in counted] == ["1", "1", "0", "1", "1"]
    assert sum(int(row["events"]) for row in rows) == 3
    assert sum(int(row["events"]) for row in rows_of(client, "/csv/realtime?site=blog")) == 0
    taken = audit_search.page(live.audit.newest, audit_search.Wanted(subject="realtime"), 10).rows
    assert [(row.begun.subject, row.last.rows) for row in taken] == [("realtime", 30), ("realtime", 30)]


def test_the_csv_needs_the_right_to_take_files_and_has_own_sites_only(door: Door, live: Backends) -> None:
    send(door)
    assert limited(live, "bob", "shop").get("/csv/realtime").status_code == 403
    for name, counted in (("shop", 1), ("blog", 0)):
        client = limited(live, f"of-{name}", name, role="analyst")
        assert sum(int(row["events"]) for row in rows_of(client, "/csv/realtime?site=shop")) == counted


def rows_of(client: FlaskClient, path: str) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    answer = client.get(path)
    assert answer.status_code == 200
    return list(csv.DictReader(answer.text.splitlines()))
