"""Nobody is told anything of a site that is not theirs: every page, address and callback, for every role.

Each of two sites has a word of its own in all its data. Whoever has roles on one must never be told the
other's, also from the cache that somebody who sees both has filled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from app.factory import create_app
from data_access import sites
from data_access.backends import Backends
from data_access.events import EVENT_SCHEMA
from data_access.roles import ROLES
from data_access.users import add_user
from tests.app.conftest import PASSWORD, sign_in
from tests.app.everything import SiteDoor, everything
from tests.builders import embedded, event

WORDS = {"shop": "kestrel", "blog": "ocelot"}
OTHER = {"shop": "blog", "blog": "shop"}
TEXTS = [field.name for field in EVENT_SCHEMA if field.nullable and field.type == pa.string()]
"""Every text an event can have."""


def past(site: str) -> Iterator[dict[str, Any]]:
    """Events of yesterday with the site's word wherever a text can be."""
    word, noon = (
        WORDS[site],
        datetime.now(UTC).replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0),
    )
    for number, name in enumerate(("page_view", "product_view", "add_to_cart", "purchase", word)):
        yield event(
            name,
            noon - timedelta(days=1, minutes=-number),
            **{text: f"{word}-{text}" for text in TEXTS},
            site=site,
            event_id=f"{word}-{number}",
            visitor_id=len(word),
            properties={word: word},
            revenue=10.0,
        )


@pytest.fixture(scope="module")
def backends(tmp_path_factory: pytest.TempPathFactory) -> Backends:
    opened = embedded(tmp_path_factory.mktemp("two"), [row for site in WORDS for row in past(site)])
    for site, word in WORDS.items():
        door = SiteDoor(opened, site)
        for kind in ("page_view", "error", "custom", f"{word}-none"):
            page = {"page": f"https://x.example/{word}", "message": f"{word} failed", "name": word}
            door.server(event_type=kind, session_id=f"{word}-session", properties=page)
        door.settle()
        sites.save(opened.documents, site, (f"https://{word}.example",))
        for role in ROLES:
            add_user(opened.documents, f"{role}-{site}", PASSWORD, role, [site])
    add_user(opened.documents, "all", PASSWORD, "admin")
    return opened


@pytest.fixture(scope="module")
def app(backends: Backends) -> Any:
    return create_app(backends)


def test_nobody_is_told_of_a_site_that_is_not_theirs(app: Any, backends: Backends) -> None:
    seen: Counter[str] = Counter()
    for site in WORDS:  # who sees everything fills the cache
        for _, status, text in everything(app, sign_in(app, "all"), site):
            assert status < 500, text
            seen.update(word for word in WORDS.values() if word in text)
    assert min(seen.values()) > 30, f"little is told at all: {seen}"

    asked: Counter[str] = Counter()
    for site, word in WORDS.items():
        other = WORDS[OTHER[site]]
        for role in ROLES:
            own = 0
            for what, status, text in everything(app, sign_in(app, f"{role}-{site}"), OTHER[site]):
                assert status < 500, (what, text)
                # Who asks for a site is told its name again, not what it has.
                assert other not in text, f"{role} of {site} was told {other} by {what}"
                asked[f"{role} of {site}, status {status}"] += 1
                own += word in text
            assert own > 10, f"{role} of {site} is told little of their own: {own}"
    for what, status, text in everything(app, app.server.test_client(), "shop"):
        assert not any(word in text for word in WORDS.values()), f"a stranger was told by {what}"
        asked[f"stranger, status {status}"] += 1
    print(f"\n{sum(asked.values()):,} answers, 0 leaks")
    for who, count in sorted(asked.items()):
        print(f"  {who}: {count}")
