"""Single events take an analyst, and who somebody is takes the privacy permission: everywhere alike.

Every id and every personal property of the data has a word of its own. Whoever may not see them is never
told one, on no page, in no drawer, file or answer; who may is told all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.factory import create_app
from data_access.backends import Backends
from data_access.events import personal_columns
from data_access.privacy import FREE_COLUMNS, MASK, MASKED_COLUMNS
from data_access.questions import QUESTIONS
from data_access.users import add_user
from tests.app.callbacks import URL, draw
from tests.app.conftest import PASSWORD, SAME, sign_in
from tests.app.everything import SiteDoor, everything
from tests.builders import EVERYONE, embedded, event

WORDS = {
    "user_id": "wordofuser",
    "client_id": "wordofclient",
    "session_id": "wordofsession",
    "order_id": "wordoforder",
    "referrer": "wordofreferrer",
    "search_term": "wordofsearch",
    "email": "wordofemail",
    "phone": "wordofphone",
    "note": "wordofnote",
}
PROPERTIES = {
    "email": WORDS["email"],
    "customer": {"phone": WORDS["phone"]},
    "note": f"for {WORDS['note']}@mail.example",
    "size": "large",
}


def one(name: str, minutes: int, **more: Any) -> dict[str, Any]:
    noon = datetime.now(UTC).replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0)
    return event(
        name,
        noon - timedelta(days=1, minutes=-minutes),
        event_id=f"e-{name}-{more.get('site', 'shop')}",
        **{column: WORDS[column] for column in ("user_id", "client_id", "session_id", "order_id")},
        referrer=f"https://search.example/?q={WORDS['referrer']}",
        search_term=f"{WORDS['search_term']}@mail.example",
        product_name="Shoe",
        properties=PROPERTIES,
        revenue=10.0,
        **more,
    )


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    past = [one("page_view", 1), one("purchase", 2), one("oops", 3, event_type="error")]
    past += [one("page_view", 4, site="blog"), one("purchase", 5, site="blog")]
    opened = embedded(tmp_path_factory.mktemp("privacy"), past)
    for site in ("shop", "blog"):
        door = SiteDoor(opened, site)
        ids = {name: WORDS[name] for name in ("session_id", "user_id")}
        door.server(event_type="page_view", **ids, properties={"page": "/", **PROPERTIES})
        door.server(event_type="nonsense", **ids, properties=PROPERTIES)
        door.settle()
    for role in ("viewer", "analyst", "ops", "admin"):
        add_user(opened.documents, role, PASSWORD, role)
    return opened


@pytest.fixture(scope="module")
def app(backends: Backends) -> Any:
    return create_app(backends)


def told(text: str) -> set[str]:
    return {name for name, word in WORDS.items() if word in text}


def test_who_somebody_is_is_told_to_nobody_who_may_not_see_it(app: Any) -> None:
    """The admin asks first and fills the cache."""
    seen: Counter[str] = Counter()
    for _, status, text in everything(app, sign_in(app, "admin"), "shop"):
        assert status < 500, text
        seen.update(told(text))
    # A referrer's query is also told where referrers are counted, as they were sent.
    assert set(seen) == set(WORDS), f"an admin is not told {set(WORDS) - set(seen)}"
    for role in ("viewer", "analyst"):  # ops sees of these what an analyst sees
        count = 0
        for what, status, text in everything(app, sign_in(app, role), "shop"):
            assert status < 500, (what, text)
            assert told(text) <= {"referrer"}, f"{role} was told {told(text)} by {what}"
            count += 1
        print(f"{role}: {count:,} answers, 0 ids and personal values")
        assert count > 200


def test_single_events_take_an_analyst(app: Any) -> None:
    for role, status in {"viewer": 403, "analyst": 200, "ops": 200, "admin": 200}.items():
        client = sign_in(app, role)
        assert client.get("/explore").status_code == status
        for kind in ("top_sessions", "errors"):
            answer = client.get(f"/v1/query?query_type={kind}")
            assert answer.status_code == status
        assert client.get("/v1/query?query_type=event_count").status_code == 200
    viewer = sign_in(app, "viewer")
    refused = viewer.get("/v1/query?query_type=errors").get_json()
    assert "takes the role of an analyst" in refused["error"]


def shown_rows(client: FlaskClient, search: str = "") -> list[dict[str, Any]]:
    """The rows of the grid."""
    outputs = [
        "explore-grid.rowData",
        "explore-pages.data",
        "explore-state.children",
        "explore-foot.children",
    ]
    body = {
        "output": f"..{'...'.join(outputs)}..",
        "outputs": [dict(zip(("id", "property"), one.split("."), strict=True)) for one in outputs],
        "inputs": [
            {"id": "url", "property": "search", "value": search},
            {"id": "retry", "property": "data"},
        ],
        "changedPropIds": ["url.search"],
    }
    answer = client.post(URL, json=body, headers=SAME)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = json.loads(answer.text)["response"]["explore-grid"]["rowData"]
    return found


def files(client: FlaskClient, question: str, more: str = "") -> str:
    answer = client.get(f"/csv/{question}?{more}")
    assert answer.status_code == 200, answer.text
    return answer.get_data(as_text=True)


def test_an_analyst_sees_rows_with_masks_on_page_and_in_files_alike(app: Any) -> None:
    analyst, admin = sign_in(app, "analyst"), sign_in(app, "admin")
    masked, whole = shown_rows(analyst), shown_rows(admin)
    assert len(masked) == len(whole) > 4
    for hidden, row in zip(masked, whole, strict=True):
        assert (hidden["cursor"], hidden["visitor_id"]) == (row["cursor"], row["visitor_id"])
        assert hidden["user_id"] == MASK
        assert row["user_id"] == WORDS["user_id"]
    for question, more in (
        ("explore.events", ""),
        ("events.errors", ""),
        ("sessions.busiest", ""),
        ("sessions.timeline", f"session={whole[-1]['session_key']}"),
    ):
        assert told(files(analyst, question, more)) == set()
        assert MASK in files(analyst, question, more)
        assert told(files(admin, question, more))


def test_roles_by_site_hold_for_each_row(app: Any, backends: Backends) -> None:
    grants = {"shop": "admin", "blog": "analyst"}
    add_user(backends.documents, "mixed", PASSWORD, "viewer")
    found = backends.documents.get("user", "mixed")
    assert found is not None
    assert backends.documents.put("user", "mixed", {**found.value, "grants": grants}, found.version)
    client = sign_in(app, "mixed")
    ids = {(row["site"], row["user_id"]) for row in shown_rows(client)}
    assert ids == {("shop", WORDS["user_id"]), ("blog", MASK)}


@pytest.mark.parametrize(
    "search",
    ["?where=properties.email=x", "?where=!(properties.customer.phone~1)", "?where=properties.user_id=1"],
)
def test_nobody_counts_by_what_they_may_not_see(app: Any, search: str) -> None:
    for role in ("viewer", "analyst", "ops"):
        assert "is personal data" in draw(sign_in(app, role), "overview-kpis", search)
    assert "is personal data" not in draw(sign_in(app, "admin"), "overview-kpis", search)
    assert "is personal data" not in draw(sign_in(app, "viewer"), "overview-kpis", "?where=properties.size=1")


@pytest.mark.parametrize(
    "asked",
    ["events.mix?by=properties.email", "data.values?dimension=properties.customer.phone"],
)
def test_nobody_lists_what_they_may_not_see(app: Any, asked: str) -> None:
    refused = sign_in(app, "analyst").get(f"/csv/{asked}")
    assert (refused.status_code, "is personal data" in refused.text) == (403, True)
    assert told(sign_in(app, "admin").get(f"/csv/{asked}").text)


def test_every_question_with_personal_columns_is_about_rows(backends: Backends) -> None:
    personal = MASKED_COLUMNS | (FREE_COLUMNS & {"properties"})
    assert personal <= personal_columns("direct", "pseudonym", "free")
    needed = {"funnel.steps": {"steps": "page_view,purchase"}, "data.values": {"dimension": "site"}}
    for name, question in QUESTIONS.items():
        raw = {"session": "1"} if name == "sessions.timeline" else needed.get(name, {})
        columns = set(backends.asking.ask(name, raw, EVERYONE).columns)
        assert question.rows or not columns & personal, f"{name} shows {columns & personal}"
        assert "site" in columns or not question.rows, f"{name} does not say of which site a row is"
