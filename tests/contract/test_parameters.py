"""Settings in the Parameter Store: below the environment, above the defaults, and never quoted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from data_access.backends import read_settings
from data_access.settings import SettingsError
from tests.aws_parts import REGION, Aws


def environ(aws: Aws, **more: str) -> dict[str, str]:
    own = {"AWS_PARAMETERS": f"/{aws.begin}", "AWS_REGION": REGION, "AWS_ENDPOINT": aws.settings.aws_endpoint}
    return {f"STREAMGAUGE_{name}": value for name, value in (own | more).items()}


def put(aws: Aws, **values: str) -> None:
    for name, value in values.items():
        kind = "SecureString" if name.endswith("key") else "String"
        aws.clients.of("ssm").put_parameter(Name=f"/{aws.begin}/{name}", Value=value, Type=kind)


def test_parameters_are_settings_and_the_environment_goes_before_them(aws: Aws) -> None:
    put(aws, form="aws", LAKE_BUCKET="lake", query_seconds="30", secret_key="s3cret", time_zone="Mars")
    found = read_settings({"port": 9000}, environ(aws, TIME_ZONE="Asia/Tokyo"))
    assert (found.form, found.lake_bucket, found.query_seconds, found.port) == ("aws", "lake", 30, 9000)
    assert (found.secret_key, found.time_zone, found.week_start) == ("s3cret", "Asia/Tokyo", "monday")


def test_more_parameters_than_one_answer_takes(aws: Aws) -> None:
    numbers = ("port", "web_threads", "session_hours", "query_threads", "query_seconds", "cache_megabytes")
    more = ("curate_minutes", "maintain_hours", "snapshot_days", "orphan_hours", "log_hours", "flush_seconds")
    put(aws, **dict.fromkeys([*numbers, *more], "7"))
    found = read_settings({}, environ(aws))
    assert [getattr(found, name) for name in (*numbers, *more)] == [7] * 12


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "there are no parameters below /PATH/; look at STREAMGAUGE_AWS_PARAMETERS"),
        ({"prot": "s3cret"}, "the parameter /PATH/prot is no setting; see docs/settings.md for the"),
        ({"port": "s3cret"}, "the parameter /PATH/port has another kind of value; it takes a whole number"),
        ({"demo": "s3cret"}, "the parameter /PATH/demo has another kind of value; it takes true or false"),
        ({"cache_url": "s3cret"}, "STREAMGAUGE_CACHE_URL is no URL of a cache"),
        ({"alert_webhook": "s3cret"}, "STREAMGAUGE_ALERT_WEBHOOK is no URL"),
        ({"form": "aws"}, "STREAMGAUGE_LAKE_BUCKET is needed"),
    ],
)
def test_what_cannot_be_used_is_named_and_not_quoted(aws: Aws, values: dict[str, str], says: str) -> None:
    put(aws, **values)
    with pytest.raises(SettingsError) as raised:
        read_settings({}, environ(aws))
    line = str(raised.value)
    assert line.startswith(says.replace("PATH", aws.begin))
    assert "s3cret" not in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("AccessDeniedException", "no permission ssm:GetParametersByPath, and kms:Decrypt"),
        ("ExpiredTokenException", "cannot be read (ExpiredTokenException): look at STREAMGAUGE_AWS_PARAM"),
        (EndpointConnectionError(endpoint_url="https://ssm.test"), "(EndpointConnectionError): look at"),
        (NoCredentialsError(), "(NoCredentialsError): look at"),
    ],
)
def test_what_cannot_be_read_says_what_to_look_at(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, error: Exception | str, says: str
) -> None:
    def refused(**_: Any) -> Any:
        if isinstance(error, Exception):
            raise error
        return type("Response", (), {"status_code": 400})(), {"Error": {"Code": error, "Message": "no"}}

    def open_client(self: Any, service: str, *more: Any) -> Any:
        client = opened(self, service, *more)
        client.meta.events.register("before-call.ssm.GetParametersByPath", refused)
        return client

    opened = type(aws.clients)._open
    monkeypatch.setattr(type(aws.clients), "_open", open_client)
    with pytest.raises(SettingsError, match=f"^the parameters below /{aws.begin}/.*{re.escape(says)}"):
        read_settings({}, environ(aws))


def test_without_a_region_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(SettingsError, match=r"^no AWS region: set STREAMGAUGE_AWS_REGION"):
        read_settings({}, {"STREAMGAUGE_AWS_PARAMETERS": "/shop"})


def test_without_a_path_nothing_is_asked() -> None:
    assert read_settings({}, {}).form == "embedded"
