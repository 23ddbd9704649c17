"""The SBW tracker contract: ``POST /clickstream``, one camelCase event."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from data_access.events import EVENT_TYPES, LOGIN_STATES
from data_access.live import Reason
from pipeline.contracts import fields
from pipeline.contracts.fields import Draft, FieldError

_ID, _URL = 128, 2048
_KNOWN_NAMES = (
    "eventName eventId pageUrl pageTitle referrer userId userLoginState clientId sessionId isFirstVisit"
    " product element timestamp sentAt _ingest"
)
_KNOWN = frozenset(_KNOWN_NAMES.split())
_SEARCH_KEYS = ("searchTerm", "term", "query", "keyword", "q")
_SEARCH_PARAMETERS = frozenset({"q", "query", "search", "s", "keyword", "term"})


def parse_sbw(payload: object, received_at: datetime, site: str, user_agent: str | None = None) -> Draft:
    """One event of the SBW contract as a draft; ``ts`` and ``received_at`` are naive UTC.

    The contract has no client time: the event happened when it was received, unless the tracker sends
    ``timestamp`` (and ``sentAt``). ``dataset`` entries become properties of their own name; the clicked
    element stays under ``element``. Raises FieldError.
    """
    if not isinstance(payload, Mapping):
        raise FieldError(
            "event", f"must be a JSON object, not {fields.kind_of(payload)}", Reason.NOT_AN_EVENT
        )
    name = fields.required(fields.text(payload, "eventName", _ID), "eventName")
    element = fields.as_object(payload.get("element"), "element")
    dataset = fields.as_object(element.get("dataset"), "element.dataset")
    product, url_path = _product(payload)
    draft = _base(payload, received_at) | product | _order(name, dataset)
    draft |= {
        "site": site,
        "event_name": name,
        "event_type": name if name in EVENT_TYPES else "custom",
        "source": "web",
        "user_agent": fields.clean_text(user_agent[:512], "user_agent", 512) if user_agent else None,
        "search_term": _search_term(name, payload, dataset),
        "properties": _properties(payload, element, dataset, url_path),
    }
    return draft


def _base(payload: Mapping[str, Any], received_at: datetime) -> Draft:
    created, sent = fields.instant(payload, "timestamp"), fields.instant(payload, "sentAt")
    return {
        "event_id": fields.text(payload, "eventId", _ID),
        "ts": fields.event_time(created, sent, received_at),
        "received_at": fields.to_utc(received_at),
        "session_id": fields.text(payload, "sessionId", _ID, numbers=True),
        "client_id": fields.text(payload, "clientId", _ID, numbers=True),
        "user_id": fields.text(payload, "userId", _ID, numbers=True),
        "login_state": fields.choice(
            fields.text(payload, "userLoginState", 64), "userLoginState", LOGIN_STATES
        ),
        "is_first_visit": fields.boolean(payload, "isFirstVisit"),
        "page_url": fields.text(payload, "pageUrl", _URL),
        "page_title": fields.text(payload, "pageTitle", 512),
        "referrer": fields.text(payload, "referrer", _URL),
    }


def _product(payload: Mapping[str, Any]) -> tuple[Draft, str | None]:
    product = fields.as_object(payload.get("product"), "product")
    draft: Draft = {
        f"product_{key}": fields.text(product, key, 512, prefix="product.", numbers=True)
        for key in ("id", "name", "category", "brand")
    }
    draft["product_price"] = fields.number(product, "price", prefix="product.")
    draft["product_discount_price"] = fields.number(product, "discountPrice", prefix="product.")
    return draft, fields.text(product, "urlPath", _URL, prefix="product.")


def _order(name: str, dataset: Mapping[str, Any]) -> Draft:
    if name != "checkout_complete":
        return {}
    prefix = "element.dataset."
    order_id = fields.text(dataset, "orderId", _ID, prefix=prefix, numbers=True)
    currency = fields.text(dataset, "currency", 16, prefix=prefix)
    if currency is not None and not re.fullmatch("[A-Za-z]{3}", currency):
        raise FieldError(prefix + "currency", "must be a currency code of three letters, such as EUR")
    return {
        "order_id": order_id or fields.text(dataset, "orderNumber", _ID, prefix=prefix, numbers=True),
        "revenue": fields.number(dataset, "total", prefix=prefix),
        "currency": currency.upper() if currency else None,
    }


def _search_term(name: str, payload: Mapping[str, Any], dataset: Mapping[str, Any]) -> str | None:
    if name != "search":
        return None
    for source, prefix in ((payload, ""), (dataset, "element.dataset.")):
        for key in _SEARCH_KEYS:
            if isinstance(source.get(key), str):
                return fields.text(source, key, 512, prefix=prefix)
    url = fields.text(payload, "pageUrl", _URL) or ""
    pairs = parse_qsl(url.partition("#")[0].partition("?")[2])
    return next(
        (value[:512] for key, value in pairs if key in _SEARCH_PARAMETERS and "\0" not in value), None
    )


def _properties(
    payload: Mapping[str, Any], element: Mapping[str, Any], dataset: Mapping[str, Any], url_path: str | None
) -> str:
    properties: dict[str, Any] = dict(dataset)
    properties |= {key: value for key, value in payload.items() if key not in _KNOWN}
    described = {key: value for key, value in element.items() if key != "dataset"}
    if described:
        properties["element"] = described
    if url_path:
        properties["product_url_path"] = url_path
    return fields.properties_json(properties)
