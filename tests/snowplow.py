"""Snowplow's test events and the tables it expects of them, as its packages publish them."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from datetime import datetime
from pathlib import Path

from tests.shared_data import shared_data

Row = dict[str, str]

_ONCE = ("ecommerce_action", "ecommerce_checkout_step", "ecommerce_transaction", "client_session")
"""What an event has at most one of."""


def table(dataset: str, name: str) -> list[Row]:
    """The rows of a file such as ``snowplow_web_events``; a missing value is empty text."""
    path = shared_data() / dataset / f"{name}.csv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected(dataset: str, name: str) -> list[Row]:
    """The rows of one of the tables that the vendor expects."""
    return table(dataset, f"{dataset}_{name}_expected")


def moment(text: str) -> datetime | None:
    """A vendor's time, which is UTC whether it says so or not, without a zone as in the lake."""
    return datetime.fromisoformat(text).replace(tzinfo=None) if text else None


def shop_file(folder: Path) -> Path:
    """The e-commerce events as docs/examples/snowplow_ecommerce.toml wants them, in a file in ``folder``.

    The vendor keeps products, transactions and actions in tables of their own, while an event of ours has
    one product and the importer takes one file. So the join is made here: one row a product, or one row
    for an event without any.
    """
    products = _by_event("ecommerce_product")
    about = {name: _by_event(name) for name in _ONCE}
    rows = []
    for event in table("snowplow_ecommerce", "snowplow_ecommerce_events"):
        told = {name: next(iter(found[event["event_id"]]), {}) for name, found in about.items()}
        for place, product in enumerate(products[event["event_id"]] or [{}], start=1):
            rows.append(_plain(event) | _told(event, told, product) | _product(event, product, place))
    path = folder / "snowplow_shop.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def _by_event(name: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in table("snowplow_ecommerce", f"com_snowplowanalytics_snowplow_{name}_1"):
        found[row["root_id"]].append(row)
    return found


def _plain(event: Row) -> Row:
    """An event without the copies of its contexts as JSON."""
    return {name: value for name, value in event.items() if not name.startswith(("contexts_", "unstruct_"))}


def _told(event: Row, told: dict[str, Row], product: Row) -> Row:
    transaction, app = told["ecommerce_transaction"], told["client_session"]
    return {
        "action_type": told["ecommerce_action"].get("type", ""),
        "checkout_step": told["ecommerce_checkout_step"].get("step", ""),
        "transaction_id": transaction.get("transaction_id", ""),
        "transaction_revenue": transaction.get("revenue", ""),
        "event_currency": transaction.get("currency") or product.get("currency", ""),
        "session": event["domain_sessionid"] or app.get("session_id", ""),
        "client": event["domain_userid"] or app.get("user_id", ""),
    }


def _product(event: Row, product: Row, place: int) -> Row:
    names = ("id", "category", "brand", "price")
    row = {f"product_{name}": product.get(name, "") for name in names}
    return row | {"row_id": event["event_id"] if place == 1 else f"{event['event_id']}-{place}"}
