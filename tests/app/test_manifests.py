from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import exports
from data_access.backends import Backends
from data_access.metrics import METRICS
from tests.app.conftest import sign_in

ID = "0123456789abcdef"
PERIOD = {"from": "2026-01-01", "to": "2026-01-31"}


def download(client: FlaskClient, question: str = "events.mix", **raw: str) -> tuple[bytes, Any]:
    """A CSV and its manifest."""
    file = client.get(f"/csv/{question}", query_string=raw)
    content = file.data
    about = client.get(re.search(r"<([^>]+)>", file.headers["Link"])[1])  # type: ignore[index]
    assert about.status_code == 200, about.text
    return content, about.json


def test_a_manifest_says_what_the_file_holds(client: FlaskClient) -> None:
    raw = {
        "by": "country",
        "where": "country=DE,FR",
        "compare": "2026-01-01..2026-01-31",
        "view": "/?by=country",
    }
    content, about = download(client, **raw)
    assert about["sha256"] == sha256(content).hexdigest()
    assert about["bytes"] == len(content)
    assert about["rows"] == about["stamp"]["rows"] == content.count(b"\n") - 1
    assert about["question"] == "events.mix"
    assert about["parameters"] == {"by": "country", "limit": "10"}
    assert about["filters"]["where"] == "country=DE,FR"
    assert (about["filters"]["time_zone"], about["filters"]["currency"]) == ("UTC", "EUR")
    assert about["compared_with"] is None  # the data does not reach back that far
    assert about["link"].endswith("/?by=country")
    assert about["exported_by"] == "local admin"
    stamp = about["stamp"]
    assert {"complete_to", "engine", "milliseconds", "bytes_scanned", "cached", "data_version"} <= set(stamp)
    assert (stamp["late_share"], stamp["duplicate_share"], stamp["truncated"]) == (0, 0, False)


def test_a_manifest_defines_every_column(client: FlaskClient) -> None:
    content, about = download(client, "products.by", by="product_brand")
    columns = {column["name"]: column for column in about["columns"]}
    assert [column["header"] for column in about["columns"]] == content.decode().splitlines()[0].replace(
        '"', ""
    ).split(",")
    assert columns["revenue"]["unit"] == "EUR"
    assert columns["revenue"]["formula"] == METRICS["revenue"].formula
    assert columns["revenue_change"] | {"unit": "%"} == columns["revenue_change"]
    assert columns["purchase_rate_change"]["unit"] == "pp"
    assert columns["value"] == {"name": "value", "header": "value"}


def test_a_manifest_is_there_when_the_last_byte_is_out(client: FlaskClient, backends: Backends) -> None:
    answer = client.get(f"/csv/explore.events?export={ID}&country=DE", buffered=False)
    entry = backends.documents.get(exports.KIND, ID)
    assert entry is not None
    assert entry.value == {"user": "local admin"}
    content = b"".join(answer.response)
    entry = backends.documents.get(exports.KIND, ID)
    assert entry is not None
    assert set(entry.value) == {"user", "manifest"}
    assert entry.value["manifest"]["sha256"] == sha256(content).hexdigest()
    assert entry.value["manifest"]["rows"] == content.count(b"\n") - 1 > 0


def test_a_broken_download_leaves_no_manifest(
    client: FlaskClient, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaking(*_args: Any) -> bytes:
        raise OSError("the engine died")

    number = "f" * 16
    monkeypatch.setattr("app.manifests.to_csv", breaking)
    with pytest.raises(OSError, match="engine died"):
        client.get(f"/csv/explore.events?export={number}")
    entry = backends.documents.get(exports.KIND, number)
    assert entry is not None
    assert "manifest" not in entry.value


def test_a_manifest_can_be_had_while_the_file_is_on_its_way(client: FlaskClient) -> None:
    file = client.get("/csv/events.mix?by=os&country=DE", buffered=False)
    about = client.get(re.search(r"<([^>]+)>", file.headers["Link"])[1]).json  # type: ignore[index]
    assert about is not None
    assert about["parameters"]["by"] == "os"
    assert about["sha256"] == sha256(file.data).hexdigest()


def test_a_manifest_without_a_download_is_of_the_file_that_would_be_made(client: FlaskClient) -> None:
    query = "by=device&bots=in"
    content = client.get(f"/csv/events.mix?{query}").data
    answer = client.get(f"/manifest/events.mix?{query}")
    assert answer.json is not None
    assert answer.json["sha256"] == sha256(content).hexdigest()
    assert answer.headers["Content-Disposition"].endswith('filename="streamgauge_events.mix.manifest.json"')


def test_a_download_of_somebody_else_cannot_be_had_or_overwritten(app: Any, client: FlaskClient) -> None:
    number = "a" * 16
    mine = client.get(f"/csv/events.mix?by=device&export={number}")
    assert mine.status_code == 200
    ana = sign_in(app, "ana")
    answer = ana.get(f"/csv/events.mix?export={number}")
    assert (answer.status_code, "somebody else" in answer.text) == (400, True)
    other = ana.get(f"/manifest/events.mix?export={number}").json
    assert other is not None
    assert other["exported_by"] == "ana"
    assert other["parameters"]["by"] == "event_name"


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("export=abc", "16 hexadecimal digits"),
        ("view=https://elsewhere.example/", "no page of this app"),
        ("view=//elsewhere.example/", "no page of this app"),
        ("nonsense=1", "nonsense"),
    ],
)
def test_wrong_requests_are_explained(client: FlaskClient, query: str, says: str) -> None:
    for route in ("csv", "manifest"):
        answer = client.get(f"/{route}/events.mix?{query}")
        assert answer.status_code == 400
        assert says in answer.text


def test_a_viewer_takes_nothing_away(app: Any) -> None:
    viewer = sign_in(app, "vera")
    for route in ("csv", "manifest"):
        assert viewer.get(f"/{route}/events.mix").status_code == 403
