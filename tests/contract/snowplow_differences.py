"""Every difference between our rows and those that Snowplow expects, and why; docs/parity.md sums them up."""

from __future__ import annotations

from tests.contract.differences import ONLY_OURS, Because, Pair, each

_WEBMODEL = "/177234df-d425-412e-ad8d-8b97515b2807/data-models/webmodel"
_USERS = "/75ea1aeb-4379-4958-8cbb-1a5cefbb4d29/users"
_STARTED = "/177234df-d425-412e-ad8d-8b97515b2807/getting-started"
_MODELS = "/177234df-d425-412e-ad8d-8b97515b2807/data-models"


def _only_ping(page: str, at: str, moved: str) -> dict[str, Pair]:
    return {
        "page_views": (0, 1),
        "entry_page": (None, page),
        "exit_page": (None, page),
        "start": (at, moved),
    }


def _channel(sessions: str, ours: str, theirs: str = "Unassigned") -> dict[str, dict[str, Pair]]:
    return {session: {"entry_channel": (ours, theirs)} for session in sessions.split()}


WEB_SESSIONS = (
    Because(
        "no page view with an id",
        each(
            """1199fe…88a 166b0f…b80 3a580a…6be 3e691d…2cb 50c7ec…1c2 521844…b3d 5e08b7…635 6b6879…31e
            6cc9e8…6fe 76866d…58e 7ccbd6…56e 83f26b…c36 869261…17b 903567…b92 90af0c…ad7 94dd01…c3e
            98e035…6b0 99f714…a2c 9b36ac…1b7 bfdf84…329 c108fe…a5e d4ff92…902 dc662c…644 e45e0e…e42
            e79711…4e8 ed6137…dc9 f2548e…cfd""",
            ONLY_OURS,
        ),
    ),
    Because("no session id", {"none": ONLY_OURS}),
    Because("sent more than three days late", {"7edb16…6fc": ONLY_OURS}),
    Because(
        "cut after three days",
        {
            "2bfc2c…d35": {
                "page_views": (4, 2),
                "events": (11, 3),
                "end": ("2021-03-11 21:42:15.543", "2021-03-03 21:39:50.989"),
                "exit_page": (None, "/"),
            },
            "d21c00…12d": {
                "page_views": (2, 1),
                "events": (2, 1),
                "end": ("2021-03-04 15:55:27.085", "2020-07-03 15:55:18.542"),
                "exit_page": (_MODELS, _STARTED),
            },
        },
    ),
    Because(
        "30 minutes without an event",
        {
            "2bfc2c…d35": {"sessions": (11, 1)},
            "540b6c…af5": {"sessions": (3, 1)},
            "d21c00…12d": {"sessions": (2, 1)},
        },
    ),
    Because(
        "a page ping stands for a page view",
        {
            "0b0c7b…40d": _only_ping(_WEBMODEL, "2021-03-02 22:59:29.752", "2021-03-02 22:59:24.752"),
            "0b0c7b…40e": _only_ping(_WEBMODEL, "2021-03-04 22:59:29.752", "2021-03-04 22:59:24.752"),
            "0b5d42…ce8": _only_ping(_USERS, "2021-03-03 18:01:38.658", "2021-03-03 18:01:33.658"),
        },
    ),
    Because("one page view id, two events", {"760534…c60": {"page_views": (8, 7)}}),
    Because("made-up device", each("067bcc…318 2bfc2c…d35", {"device": ("mobile", "desktop")})),
    Because(
        "other channel rules",
        _channel("067bcc…318", "display", "Display")
        | _channel("2bfc2c…d35", "paid_search", "Paid Other")
        | _channel("760534…c60", "organic_search")
        | _channel("37b340…1ff 6b379f…291 79831f…a08 b5c493…a3b", "direct")
        | _channel(
            """0b0c7b…40c 0b0c7b…40d 0b0c7b…40e 0b5d42…ce8 4d34b5…7ae 540b6c…af5 6f19f1…656 93c111…cc8
            cde5b9…bb2 d21c00…12d df2bf4…b32""",
            "internal",
        ),
    ),
)

WEB_PAGE_VIEWS = (
    Because("no page view with an id", {"b0833046": ONLY_OURS}),
    Because("sent more than three days late", {"941c1388": ONLY_OURS}),
    Because("cut after three days", each("6d72f61a 9b02c625 b0c248b5", ONLY_OURS)),
    Because("one page view id, two events", {"0464e31b": ONLY_OURS}),
    Because(
        "one client for a session",
        {"0702cd11": {"client_id": ("2e340e", "0e9ab9")}, "d986a746": {"client_id": ("1f72f3", "0e9ab9")}},
    ),
    Because(
        "made-up device",
        each(
            "1b4b3b57 2aee3c4c 663bb205 9f53ce75 a40559e1 bcbeb513 ca9708df e74b2cdd",
            {"device": ("mobile", "desktop")},
        ),
    ),
)

WEB_USERS = (
    Because(
        "no page view with an id",
        each(
            """00806d 07fde8 0f71ee 134db4 14adab 1c2e3f 1de9fb 2816bd 319f28 4b0897 4e28e5 500f51 55572b
            5a5b32 5c33a6 6ca9c8 7a1f9f 7e3708 8b996f a31266 ada2a4 da03a5 e2cd5e e68aed
            f16ba0 f75a85 ff7476""",
            ONLY_OURS,
        ),
    ),
    Because("no session id", {"4f1b66": ONLY_OURS}),
    Because("no client id", {"none": ONLY_OURS}),
    Because("sent more than three days late", {"9341fb": ONLY_OURS}),
    Because(
        "cut after three days",
        {
            "12c98e": {"page_views": (2, 1), "end": ("2021-03-04 15:55:27.085", "2020-07-03 15:55:18.542")},
            "4f011c": {"page_views": (4, 2), "end": ("2021-03-11 21:42:15.543", "2021-03-03 21:39:50.989")},
        },
    ),
    Because(
        "a page ping stands for a page view",
        {"0691aa": {"page_views": (4, 6)}, "b3c883": {"page_views": (1, 2)}},
    ),
    Because("one page view id, two events", {"f897c4": {"page_views": (8, 7)}}),
    Because(
        "one client for a session",
        {
            "0e9ab9": {"page_views": (1, 3), "end": ("2021-03-02 15:55:23.355", "2021-03-04 15:55:27.084")},
            "1f72f3": ONLY_OURS,
            "2e340e": ONLY_OURS,
        },
    ),
)

SHOP_SESSIONS = (
    Because(
        "a list is no product view",
        {
            session: {"product_views": pair}
            for session, pair in {
                "0a42e1": (20, 30),
                "179d4a": (12, 22),
                "233da0": (2, 4),
                "2b4114": (2, 4),
                "43be59": (13, 19),
                "507cda": (4, 8),
                "846676": (7, 14),
                "8cbe06": (33, 66),
                "968159": (15, 22),
                "996606": (19, 30),
                "c04bdd": (1, 2),
                "e5d3f1": (8, 13),
                "f383ac": (2, 4),
            }.items()
        },
    ),
    Because(
        "one event, two products",
        {
            "0a42e1": {"add_to_carts": (7, 5), "purchases": (4, 3)},
            "43be59": {"add_to_carts": (5, 3), "purchases": (3, 2)},
            "7a8e2f": {"add_to_carts": (7, 5)},
            "968159": {"add_to_carts": (4, 3), "purchases": (2, 1)},
            "996606": {"add_to_carts": (9, 8)},
            "bbcf9f": {"add_to_carts": (2, 1)},
            "d6fdc9": {"add_to_carts": (2, 1)},
            "e5b6c9": {"add_to_carts": (2, 1)},
        },
    ),
)

SHOP_PRODUCTS = (Because("the order's currency", {"ab06d353/productId/1": {"currency": ("USD", "GBP")}}),)

EXPLAINED = {
    "snowplow_web sessions": WEB_SESSIONS,
    "snowplow_web page views": WEB_PAGE_VIEWS,
    "snowplow_web users": WEB_USERS,
    "snowplow_ecommerce sessions": SHOP_SESSIONS,
    "snowplow_ecommerce product interactions": SHOP_PRODUCTS,
    "snowplow_ecommerce cart interactions": (),
    "snowplow_ecommerce checkout interactions": (),
    "snowplow_ecommerce transaction interactions": (),
}
"""The vendor's tables, and the reasons of all that differs in them."""
