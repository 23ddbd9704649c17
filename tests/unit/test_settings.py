"""Settings: where they come from, and that a wrong one is named with what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_access.findings import Severity
from data_access.settings import Settings, SettingsError, all_settings, load

DAY = 86_400_000_000
"""Microseconds."""


def test_defaults_need_no_environment() -> None:
    assert load({}, {}) == Settings()


def test_environment_is_read_by_name_and_kind() -> None:
    environ = {
        "STREAMGAUGE_PORT": "9000",
        "STREAMGAUGE_DATA_DIR": "/srv/data",
        "STREAMGAUGE_DEMO": "no",
        "PORT": "1",
    }
    found = load({}, environ)
    assert (found.port, found.data_dir, found.demo) == (9000, Path("/srv/data"), False)


def test_overrides_beat_the_environment_unless_they_are_none() -> None:
    environ = {"STREAMGAUGE_PORT": "9000", "STREAMGAUGE_HOST": "0.0.0.0"}
    found = load({"port": 9100, "host": None}, environ)
    assert (found.port, found.host) == (9100, "0.0.0.0")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PROT", "1", "STREAMGAUGE_PROT is no setting; see docs/settings.md"),
        ("PORT", "eighty", "STREAMGAUGE_PORT is 'eighty'; it takes a whole number"),
        ("PORT", "-1", "STREAMGAUGE_PORT is -1; it takes 0 or more"),
        ("DEMO", "maybe", "STREAMGAUGE_DEMO is 'maybe'; it takes true or false"),
        ("FORM", "cloud", "STREAMGAUGE_FORM is 'cloud'; it takes embedded"),
        ("TIME_ZONE", "Berlin", "'Berlin' is no time zone; use a name such as Europe/Berlin"),
        ("SITE_TIME_ZONES", "shop", "has 'shop'; write it as site=Area/City"),
        ("SITE_TIME_ZONES", "shop=Mars/Base", "'Mars/Base' is no time zone"),
        ("FINDING_TARGETS", "CRITICAL=7 days", "has 'CRITICAL=7 days'; write it as CRITICAL=7d"),
        ("FINDING_TARGETS", "HIGH=30d,LOW", "has 'LOW'; write it as CRITICAL=7d"),
        ("FINDING_TARGETS", "HIGH=0d", "has 'HIGH=0d'; write it as CRITICAL=7d"),
        ("FINDING_TARGETS", "HIGH=100000d", "has 'HIGH=100000d'; write it as CRITICAL=7d"),
        ("FINDING_TARGETS", "URGENT=1d", "'URGENT' is no severity; there are CRITICAL, HIGH, MEDIUM, LOW"),
        ("FINDINGS_FOLDER_SECONDS", "-1", "STREAMGAUGE_FINDINGS_FOLDER_SECONDS is -1; it takes 0 or more"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_takes(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load({}, {f"STREAMGAUGE_{name}": value})
    assert message in str(raised.value)


def test_zone_of_a_selection_of_sites() -> None:
    zones = "shop=Europe/Berlin, blog = America/New_York"
    found = load({}, {"STREAMGAUGE_SITE_TIME_ZONES": zones, "STREAMGAUGE_TIME_ZONE": "Asia/Tokyo"})
    assert found.zone_of(("shop",)) == "Europe/Berlin"
    assert found.zone_of(("blog",)) == "America/New_York"
    assert found.zone_of(("other",)) == "Asia/Tokyo"
    assert found.zone_of(()) == "Asia/Tokyo"
    assert found.zone_of(("shop", "blog")) == "Asia/Tokyo"


def test_targets_that_are_not_named_keep_their_default() -> None:
    days = {"CRITICAL": 7, "HIGH": 30, "MEDIUM": 90, "LOW": 180, "INFORMATIONAL": 365}
    assert set(days) == {str(severity) for severity in Severity}
    assert load({}, {}).targets == {severity: count * DAY for severity, count in days.items()}
    found = load({}, {"STREAMGAUGE_FINDING_TARGETS": "critical = 1d, HIGH=14d,"}).targets
    assert found == {
        severity: count * DAY for severity, count in (days | {"CRITICAL": 1, "HIGH": 14}).items()
    }
    assert load({"finding_targets": ""}, {}).targets == Settings().targets


def test_base_url() -> None:
    assert load({}, {}).base_url == "http://127.0.0.1:8050"
    assert load({"public_url": "https://a.example/"}, {}).base_url == "https://a.example"


@pytest.mark.parametrize("setting", all_settings(), ids=lambda s: s.name)
def test_every_setting_has_help(setting: object) -> None:
    assert setting.metadata["help"].endswith(".")  # type: ignore[attr-defined]


def test_only_the_aws_form_has_several_web_processes() -> None:
    with pytest.raises(SettingsError, match="WEB_PROCESSES is 2; it takes 1 with STREAMGAUGE_FORM=embedded"):
        load({"web_processes": 2}, {})
    own = {"form": "aws", "lake_bucket": "lake"}
    assert load({**own, "web_processes": 2}, {}).web_processes == 2
    with pytest.raises(SettingsError, match="WEB_PROCESSES is 0; it takes 1 or more"):
        load({**own, "web_processes": 0}, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_links_lead_to_where_a_browser_can_go(host: str) -> None:
    assert load({"host": host, "port": 8050}, {}).base_url == "http://127.0.0.1:8050"


def test_the_aws_form_needs_a_bucket_and_has_athena() -> None:
    with pytest.raises(SettingsError, match="LAKE_BUCKET is needed"):
        load({"form": "aws"}, {})
    assert load({"form": "aws", "lake_bucket": "b"}, {}).engine == "athena"
    assert load({"warehouse": "trino", "trino_url": "http://127.0.0.1:8080"}, {}).engine == "trino"
    assert load({}, {}).engine == "duckdb"


@pytest.mark.parametrize("name", ["stream-gauge", "stream gauge", "", "läke", 'a"b', "x" * 256])
def test_the_name_of_the_glue_database_is_one_athena_and_firehose_take(name: str) -> None:
    with pytest.raises(SettingsError, match="it takes letters, digits and underscores"):
        load({"form": "aws", "lake_bucket": "b", "glue_database": name}, {})
    assert load({"glue_database": name}, {}).form == "embedded"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FORM", "cloud", "it takes embedded or aws"),
        ("WAREHOUSE", "athena", "it takes duckdb or trino"),
        ("WAREHOUSE", "trino", "TRINO_URL is needed"),
        ("CACHE_URL", "memcached://x", "no URL of a cache"),
        ("AWS_ENDPOINT", "127.0.0.1:4566", "no URL"),
        ("QUERY_BUDGET_DOLLARS", "much", "it takes a number"),
        ("QUERY_BUDGET_DOLLARS", "-1", "0 or more"),
        ("QUERY_BUDGET_DOLLARS", "nan", "0 or more"),
    ],
)
def test_wrong_settings_of_back_ends_are_named(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load({}, {f"STREAMGAUGE_{name}": value})
