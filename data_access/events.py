"""The canonical event as Arrow schemas: one place for every column, its type and meaning.

``EVENT_SCHEMA`` is what contract parsers and importers make (DESIGN: "one canonical event made from
every wire format"); ``CURATED_SCHEMA`` adds what curation computes. Times are UTC without a zone, in
microseconds with millisecond precision. Field order here is the field order (and so the Iceberg
field id) in the lake: only ever append.
"""

from __future__ import annotations

import pyarrow as pa

TIMESTAMP = pa.timestamp("us")

EVENT_TYPES = ("page_view", "click", "api_call", "form_submit", "error", "custom")
SOURCES = ("web", "mobile", "api", "server")
LOGGED = "log-"
"""How the ingest ids of events begin that came through the log."""
IS_LOGGED = f"substr(ingest_id, 1, {len(LOGGED)}) = '{LOGGED}'"
"""SQL of that."""
LOGIN_STATES = ("logged_in", "anonymous", "guest")


DIRECT, PSEUDONYM, FREE = "direct", "pseudonym", "free"
"""Marks of what is personal: says who somebody is, tells them from others in other systems too, and free text
that may say so."""


def _field(name: str, kind: pa.DataType, meaning: str, *, required: bool = False, pii: str = "") -> pa.Field:
    marks = {"pii": pii} if pii else {}
    return pa.field(name, kind, nullable=not required, metadata={"doc": meaning, **marks})


EVENT_SCHEMA = pa.schema(
    [
        _field("event_id", pa.string(), "Identity of the event; unique per site", required=True),
        _field("site", pa.string(), "The site or app the event belongs to", required=True),
        _field("event_name", pa.string(), "What happened, e.g. add_to_cart_click", required=True),
        _field(
            "event_type",
            pa.string(),
            "page_view, click, api_call, form_submit, error or custom",
            required=True,
        ),
        _field("ts", TIMESTAMP, "When it happened, UTC, millisecond precision", required=True),
        _field("received_at", TIMESTAMP, "When Streamgauge took it in, UTC", required=True),
        _field("session_id", pa.string(), "Session id given by the source", pii=PSEUDONYM),
        _field("client_id", pa.string(), "Id of the browser or device", pii=PSEUDONYM),
        _field("user_id", pa.string(), "Id of the signed-in person", pii=DIRECT),
        _field("login_state", pa.string(), "logged_in, anonymous or guest"),
        _field("identity_source", pa.string(), "Which id the visitor comes from: user, client or session"),
        _field("is_first_visit", pa.bool_(), "The source says this is the client's first visit"),
        _field("source", pa.string(), "web, mobile, api or server"),
        _field("page_url", pa.string(), "Full URL of the page", pii=FREE),
        _field("page_path", pa.string(), "Path of the page, without host, query and fragment"),
        _field("page_title", pa.string(), "Title of the page"),
        _field("referrer", pa.string(), "Full URL of the referring page", pii=FREE),
        _field("channel", pa.string(), "Marketing channel, by the rules file"),
        _field("utm_source", pa.string(), "utm_source of the page URL"),
        _field("utm_medium", pa.string(), "utm_medium of the page URL"),
        _field("utm_campaign", pa.string(), "utm_campaign of the page URL"),
        _field("country", pa.string(), "Country, ISO 3166-1 alpha-2"),
        _field("region", pa.string(), "Region within the country"),
        _field("device", pa.string(), "desktop, mobile, tablet, bot or other"),
        _field("browser", pa.string(), "Browser family"),
        _field("os", pa.string(), "Operating system family"),
        _field("is_bot", pa.bool_(), "The user agent is a bot by the rules file", required=True),
        _field("product_id", pa.string(), "Product id"),
        _field("product_name", pa.string(), "Product name"),
        _field("product_category", pa.string(), "Product category"),
        _field("product_brand", pa.string(), "Product brand"),
        _field("product_price", pa.float64(), "List price, in the event's currency"),
        _field("product_discount_price", pa.float64(), "Price after discount, in the event's currency"),
        _field("order_id", pa.string(), "Order id", pii=PSEUDONYM),
        _field("revenue", pa.float64(), "Order total, in the event's currency"),
        _field("currency", pa.string(), "Currency, ISO 4217"),
        _field("search_term", pa.string(), "What was searched for", pii=FREE),
        _field("properties", pa.string(), "All further properties, a JSON object", required=True, pii=FREE),
        _field("ingest_id", pa.string(), "The batch that brought the event", required=True),
        _field("visitor_id", pa.int64(), "Stable hash of user_id, else client_id, else session_id"),
    ]
)

CURATED_SCHEMA = pa.schema(
    [
        *EVENT_SCHEMA,
        _field("session_key", pa.int64(), "Identity of the sessionised session (30 minutes idle)"),
        _field("session_start", TIMESTAMP, "Start of that session, UTC"),
    ]
)

SESSION_SCHEMA = pa.schema(
    [
        _field("session_key", pa.int64(), "Identity of the session", required=True),
        _field("site", pa.string(), "Site of the session", required=True),
        _field("session_start", TIMESTAMP, "First event, UTC", required=True),
        _field("session_end", TIMESTAMP, "Last event, UTC", required=True),
        _field("visitor_id", pa.int64(), "Visitor of the first event"),
        _field("events", pa.int64(), "Events in the session", required=True),
        _field("page_views", pa.int64(), "Page views in the session", required=True),
        _field("entry_page", pa.string(), "Path of the first page view"),
        _field("exit_page", pa.string(), "Path of the last page view"),
        _field("entry_channel", pa.string(), "Channel of the first event that has one"),
        _field("country", pa.string(), "Country of the first event"),
        _field("device", pa.string(), "Device of the first event"),
        _field("is_bot", pa.bool_(), "Any event of the session is a bot's", required=True),
        _field(
            "entry_referrer",
            pa.string(),
            "Referrer of the first page view; without one, the first referrer",
            pii=FREE,
        ),
        _field("entry_utm_source", pa.string(), "utm_source of the first event that has one"),
        _field("entry_utm_medium", pa.string(), "utm_medium of the first event that has one"),
        _field("entry_utm_campaign", pa.string(), "utm_campaign of the first event that has one"),
    ]
)

ORDER_SCHEMA = pa.schema(
    [
        _field("site", pa.string(), "Site of the order", required=True),
        _field("order_id", pa.string(), "Order id; unique per site", required=True, pii=PSEUDONYM),
        _field("ts", TIMESTAMP, "First event that names the order, UTC", required=True),
        _field("visitor_id", pa.int64(), "Visitor who ordered"),
        _field("session_key", pa.int64(), "Session of the order"),
        _field("revenue", pa.float64(), "Order total, in its currency"),
        _field("currency", pa.string(), "Currency, ISO 4217"),
        _field("is_bot", pa.bool_(), "Ordered by a bot", required=True),
    ]
)

INTAKE_SCHEMA = pa.schema(
    [
        _field("site", pa.string(), "Site of the rows", required=True),
        _field("minute", TIMESTAMP, "Minute of the events' own time, UTC", required=True),
        _field("received", pa.int64(), "Rows received, repeated ones included", required=True),
        _field("duplicates", pa.int64(), "Rows whose event was there already", required=True),
        _field("late", pa.int64(), "Rows received more than 24 hours after their event", required=True),
        _field("event_type", pa.string(), "Type of the events"),
        _field("counted", TIMESTAMP, "Minute in which the live layer counts them, UTC"),
        _field("logged", pa.bool_(), "They came through the log, not by an import"),
    ]
)

CURATED_TABLES = {
    "events": CURATED_SCHEMA,
    "sessions": SESSION_SCHEMA,
    "orders": ORDER_SCHEMA,
    "intake": INTAKE_SCHEMA,
}
"""The tables questions read, by name."""


def personal_columns(*marks: str) -> frozenset[str]:
    """Names of the columns, of any table, that have one of some marks."""
    fields = (field for schema in CURATED_TABLES.values() for field in schema)
    return frozenset(field.name for field in fields if field.metadata.get(b"pii", b"").decode() in marks)
