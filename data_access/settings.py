"""Every setting: its name, default and help. The only module that reads the environment.

A setting ``query_threads`` is read from ``STREAMGAUGE_QUERY_THREADS``; command-line options
override the environment. ``docs/settings.md`` is checked against this table by a test.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from math import inf
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from data_access import lists, moments

PREFIX = "STREAMGAUGE_"


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names it and what it takes."""


def _setting(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True)
class Roles:
    """The event names that play a part in a purchase; the names are alternatives."""

    views: tuple[str, ...] = ("product_view",)
    carts: tuple[str, ...] = ("add_to_cart_click",)
    checkouts: tuple[str, ...] = ("checkout_start",)
    purchases: tuple[str, ...] = ("checkout_complete",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one process, read once at start-up."""

    data_dir: Path = _setting(Path("data"), "Folder that holds all data of the embedded form.")
    form: str = _setting("embedded", "Which set of back ends to use: `embedded` or `aws`.")
    warehouse: str = _setting(
        "",
        "Engine of questions: `duckdb`, `athena` or `trino`; empty for the form's own"
        " (DuckDB embedded, Athena on AWS).",
    )
    host: str = _setting("127.0.0.1", "Address the web server listens on.")
    port: int = _setting(8050, "Port the web server listens on.")
    public_url: str = _setting(
        "", "URL people use to reach the app, if not `http://host:port` (sign-in link, origin check)."
    )
    web_threads: int = _setting(16, "Threads of the web server.")
    web_processes: int = _setting(
        1,
        "Processes of the web server, each with as many threads (AWS form only): one a processor.",
    )
    secret_key: str = _setting(
        "", "Key that signs session cookies; made and kept in the data folder when empty."
    )
    session_hours: int = _setting(12, "Hours after which a signed-in user must sign in again.")
    sign_in: str = _setting(
        "local",
        "Who signs people in: `local` (names and passwords kept here, a one-click link) or `cognito` (a load"
        " balancer with Cognito in front; docs/sign_in.md).",
    )
    alb_arn: str = _setting("", "ARN of the load balancer in front, with `cognito`.")
    cognito_pool: str = _setting("", "Id of the Cognito user pool, as `eu-central-1_Ab3dEfGh1`.")
    cognito_client: str = _setting("", "Id of the pool's app client that the load balancer uses.")
    cognito_domain: str = _setting("", "Host of the pool's sign-in pages, for signing out.")
    log_format: str = _setting(
        "auto",
        "How a server logs: `json`, a line each with one for every request; `text`, the same for people;"
        " `auto`: text on a terminal (embedded: without requests), else JSON.",
    )
    time_zone: str = _setting("UTC", "Time zone whose days and hours pages and answers use.")
    site_time_zones: str = _setting(
        "", "Zones of single sites, as `shop=Europe/Berlin,blog=America/New_York`."
    )
    week_start: str = _setting("monday", "First day of the week: monday, sunday or another day.")
    site_week_starts: str = _setting("", "First days of the week of single sites, as `shop=sunday`.")
    currency: str = _setting("EUR", "Currency of revenue, ISO 4217; orders in others are counted apart.")
    site_currencies: str = _setting("", "Currencies of single sites, as `shop=EUR,us-shop=USD`.")
    view_events: str = _setting("product_view", "Event names of a viewed product, separated by commas.")
    cart_events: str = _setting("add_to_cart_click", "Event names of a product put into the cart.")
    checkout_events: str = _setting("checkout_start", "Event names of a checkout begun.")
    purchase_events: str = _setting("checkout_complete", "Event names of a completed purchase.")
    rules_file: str = _setting(
        "", "TOML file with your own channel and bot rules; empty uses the built-in ones."
    )
    query_threads: int = _setting(2, "Threads DuckDB may use.")
    query_memory: str = _setting("4GB", "Memory DuckDB may use before it spills to disk.")
    query_seconds: int = _setting(120, "Seconds after which a query is cancelled.")
    cache_megabytes: int = _setting(512, "Disk space for cached answers, in MB.")
    curate_minutes: int = _setting(15, "Minutes between curations in the background; 0 turns them off.")
    maintain_hours: int = _setting(
        24, "Hours between lake maintenance runs in the background; 0 turns them off."
    )
    snapshot_days: int = _setting(2, "Days old lake snapshots are kept before they expire.")
    orphan_hours: int = _setting(24, "Age in hours at which a file no snapshot names is deleted.")
    intake_per_second: int = _setting(
        2000, "Events a second each site may send, ten seconds' worth at once; 0 sets no limit."
    )
    intake_megabytes: int = _setting(12, "Size of a request with events, unpacked, in MB.")
    log_hours: int = _setting(72, "Hours events stay in the log after every consumer has read them.")
    flush_seconds: int = _setting(30, "Seconds between writes of logged events to the lake.")
    alert_file: str = _setting(
        "", "File that gets a JSON line for every message with alerts of findings; empty for none."
    )
    alert_webhook: str = _setting(
        "", "URL (http or https) that alerts are posted to as JSON; empty for none."
    )
    alert_mail_to: str = _setting("", "Addresses alerts are mailed to, separated by commas; empty for none.")
    alert_mail_from: str = _setting("", "Address that mails with alerts come from.")
    alert_smtp: str = _setting("", "Mail server for alerts, as `host:port`.")
    alert_topic: str = _setting(
        "", "SNS topic that alerts are published to, as its ARN (AWS form only); empty for none."
    )
    alert_seconds: int = _setting(30, "Seconds between looks for alerts to send; 0 turns them off.")
    finding_targets: str = _setting(
        "CRITICAL=7d,HIGH=30d,MEDIUM=90d,LOW=180d,INFORMATIONAL=365d",
        "Days a finding may stay open, by severity; one that is not named keeps its default.",
    )
    findings_folder: str = _setting(
        "", "Folder whose files are taken in as findings and moved to `done/` in it; empty for none."
    )
    findings_folder_seconds: int = _setting(
        30, "Seconds between looks into the folder for findings; 0 turns them off."
    )
    cache_url: str = _setting(
        "", "Valkey or Redis all hosts share for cached answers, as `valkey://host:6379/0`; empty for files."
    )
    trino_url: str = _setting("", "Trino that answers questions, as `https://host:8443`.")
    trino_user: str = _setting("streamgauge", "User that questions to Trino run as.")
    trino_password: str = _setting("", "Password of that user; empty for none.")
    trino_catalog: str = _setting("iceberg", "Trino catalog of the lake.")
    trino_schema: str = _setting("streamgauge", "Trino schema of the lake's tables.")
    aws_region: str = _setting("", "AWS region; empty for that of the machine.")
    aws_endpoint: str = _setting("", "URL of a server that stands in for AWS; empty for AWS itself.")
    aws_name: str = _setting(
        "streamgauge", "How the names of all AWS resources begin: tables, streams, queues, topic."
    )
    aws_parameters: str = _setting(
        "", "Path in the SSM Parameter Store that settings are read from, as `/streamgauge`; empty for none."
    )
    lake_bucket: str = _setting("", "S3 bucket of the lake, the archive and the files of answers.")
    glue_database: str = _setting(
        "streamgauge", "Glue database of the lake's tables: letters, digits and underscores."
    )
    athena_workgroup: str = _setting("streamgauge", "Athena workgroup that questions run in.")
    athena_curation_workgroup: str = _setting(
        "streamgauge-curation", "Athena workgroup that curation runs in; it limits no reading."
    )
    curation_days: int = _setting(
        7, "Days by which the time of an event that comes again may differ, to count once; on AWS only."
    )
    personal_properties: str = _setting(
        "email,mail,phone,phone_number,telephone,first_name,last_name,full_name,user_name,customer_name,"
        "surname,address,street,postcode,postal_code,zip,birthday,birth_date,date_of_birth,ip,ip_address,"
        "iban,card_number,ssn,passport,password,token",
        "Names in events' properties whose values only people with the privacy permission see.",
    )
    query_dollars_per_terabyte: float = _setting(
        5.0, "Price of a terabyte that Athena reads, in US dollars; 0 counts no money."
    )
    query_ask_dollars: float = _setting(
        0.25, "US dollars a question may be expected to cost before people are asked first; 0 never asks."
    )
    query_budget_dollars: float = _setting(
        0.0, "US dollars questions may cost a site and day (UTC); then only cached answers; 0 sets no limit."
    )
    demo_live: bool = _setting(True, "Let visitors come to the demo shop while the app runs.")
    demo: bool = _setting(True, "Make demo data at first start when there is no data.")

    def zone_of(self, sites: tuple[str, ...]) -> str:
        """The time zone of a selection of sites: a single site's own, else the default."""
        return _of_site(self.site_time_zones, sites, self.time_zone)

    def week_start_of(self, sites: tuple[str, ...]) -> int:
        """The first day of the week of a selection of sites: 0 for Monday to 6 for Sunday."""
        return WEEKDAYS.index(_of_site(self.site_week_starts, sites, self.week_start).lower())

    def currency_of(self, sites: tuple[str, ...]) -> str:
        """The currency of a selection of sites."""
        return _of_site(self.site_currencies, sites, self.currency)

    @property
    def sites_with_currency(self) -> frozenset[str]:
        """The sites that have a currency of their own."""
        return frozenset(_per_site(self.site_currencies))

    @property
    def roles(self) -> Roles:
        """The event names of the steps to a purchase."""
        return Roles(
            lists.values(self.view_events),
            lists.values(self.cart_events),
            lists.values(self.checkout_events),
            lists.values(self.purchase_events),
        )

    @property
    def targets(self) -> dict[str, int]:
        """How long a finding may stay open, in µs, by severity; every severity is there."""
        return _targets(str(_DEFAULTS["finding_targets"])) | _targets(self.finding_targets)

    @property
    def engine(self) -> str:
        """The engine of questions: `duckdb`, `athena` or `trino`."""
        return self.warehouse or ENGINES[self.form][0]

    @property
    def base_url(self) -> str:
        """Where people reach the app, without a slash at the end."""
        host = "127.0.0.1" if self.host in EVERY_ADDRESS else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - told apart, not listened on
"""Hosts that stand for every address of the machine; a browser cannot go to them."""
ENGINES = {"embedded": ("duckdb", "trino"), "aws": ("athena", "trino")}
"""The engines of questions each form may have, its own first."""
_URL = re.compile(r"https?://[^\s/?#@]+/?")
_DEFAULTS = {setting.name: setting.default for setting in fields(Settings)}
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _of_site(per_site: str, sites: tuple[str, ...], default: str) -> str:
    return _per_site(per_site).get(sites[0], default) if len(sites) == 1 else default


def _per_site(text: str) -> dict[str, str]:
    pairs = (part.split("=", 1) for part in text.split(",") if "=" in part)
    return {site.strip(): value.strip() for site, value in pairs}


def all_settings() -> tuple[Field[Any], ...]:
    """Every setting as a dataclass field: ``name``, ``default`` and ``metadata["help"]``."""
    return fields(Settings)


def load(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    kept: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings: defaults, then those ``kept`` elsewhere, then the environment, then ``overrides``
    that are not None.

    Raises SettingsError for an unknown ``STREAMGAUGE_`` name or a value of the wrong kind.
    """
    settings = unchecked(overrides, environ, kept)
    _check(settings)
    return settings


def unchecked(
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    kept: Mapping[str, Any] | None = None,
) -> Settings:
    """As ``load``, of settings that may not fit together yet: enough to find where more of them are kept."""
    source = os.environ if environ is None else environ
    texts = {name[len(PREFIX) :].lower(): text for name, text in source.items() if name.startswith(PREFIX)}
    own = parsed(texts, lambda name: f"{PREFIX}{name.upper()}")
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    return Settings(**{**(kept or {}), **own, **given})


def parsed(texts: Mapping[str, str], called: Callable[[str], str], *, quote: bool = True) -> dict[str, Any]:
    """Settings by name from their texts; ``called`` says what a name is where they are kept.

    Raises SettingsError for an unknown name or a value of the wrong kind, which it may ``quote``.
    """
    known = {setting.name: setting for setting in all_settings()}
    found = {}
    for name, text in sorted(texts.items()):
        if name not in known:
            raise SettingsError(
                f"{called(name)} is no setting; see docs/settings.md for the {len(known)} there are"
            )
        try:
            found[name] = _parse(known[name], text)
        except ValueError as takes:
            value = f"is {text!r}" if quote else "has another kind of value"
            raise SettingsError(f"{called(name)} {value}; it takes {takes}") from None
    return found


def _parse(setting: Field[Any], text: str) -> Any:
    """The value of a text. Raises ValueError with what the setting takes."""
    kind: Any = type(setting.default)
    if kind is bool:
        if text.lower() not in {"true", "false", "1", "0", "yes", "no"}:
            raise ValueError("true or false")
        return text.lower() in {"true", "1", "yes"}
    try:
        return kind(text)
    except ValueError:
        raise ValueError("a number" if kind is float else "a whole number") from None


def _check(settings: Settings) -> None:
    _check_form(settings)
    _check_processes(settings)
    _check_sign_in(settings)
    for name, kept in PER_SITE.items():
        _check_per_site(settings, name, kept)
    _check_alerts(settings)
    _check_targets(settings)
    if settings.log_format not in {"auto", "json", "text"}:
        raise SettingsError(f"{PREFIX}LOG_FORMAT is {settings.log_format!r}; it takes auto, json, text")
    for setting in all_settings():
        value = getattr(settings, setting.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and not 0 <= value < inf:
            raise SettingsError(f"{PREFIX}{setting.name.upper()} is {value}; it takes 0 or more")


def _check_form(settings: Settings) -> None:
    """Which back ends there are, and what they need to be found."""
    if settings.form not in ENGINES:
        raise SettingsError(f"{PREFIX}FORM is {settings.form!r}; it takes {' or '.join(ENGINES)}")
    if settings.engine not in ENGINES[settings.form]:
        takes = " or ".join(ENGINES[settings.form])
        raise SettingsError(
            f"{PREFIX}WAREHOUSE is {settings.warehouse!r}; with {PREFIX}FORM={settings.form} it takes {takes}"
        )
    if settings.form == "aws" and not settings.lake_bucket:
        raise SettingsError(f"{PREFIX}LAKE_BUCKET is needed with {PREFIX}FORM=aws: the S3 bucket of the lake")
    if settings.form == "aws" and not re.fullmatch(r"[A-Za-z0-9_]{1,255}", settings.glue_database):
        raise SettingsError(
            f"{PREFIX}GLUE_DATABASE is {settings.glue_database!r};"
            " it takes letters, digits and underscores, as Athena and Firehose do"
        )
    if settings.engine == "trino" and not _URL.fullmatch(settings.trino_url):
        raise SettingsError(
            f"{PREFIX}TRINO_URL is needed with {PREFIX}WAREHOUSE=trino; write it as https://host:8443"
        )
    if settings.cache_url and not re.fullmatch(r"(valkey|redis|valkeys|rediss)://\S+", settings.cache_url):
        raise SettingsError(f"{PREFIX}CACHE_URL is no URL of a cache; write it as valkey://host:6379/0")
    if settings.aws_endpoint and not _URL.fullmatch(settings.aws_endpoint):
        raise SettingsError(f"{PREFIX}AWS_ENDPOINT is no URL; write it as http://host:port")


def _check_processes(settings: Settings) -> None:
    takes = (
        "1 or more"
        if settings.form == "aws"
        else f"1 with {PREFIX}FORM={settings.form}: its files have one owner"
    )
    if settings.web_processes < 1 or (settings.web_processes > 1 and settings.form != "aws"):
        raise SettingsError(f"{PREFIX}WEB_PROCESSES is {settings.web_processes}; it takes {takes}")


def _check_sign_in(settings: Settings) -> None:
    if settings.sign_in not in {"local", "cognito"}:
        raise SettingsError(f"{PREFIX}SIGN_IN is {settings.sign_in!r}; it takes local or cognito")
    if settings.sign_in == "local":
        return
    for name, shape in _COGNITO.items():
        value = getattr(settings, name)
        if not re.fullmatch(shape, value):
            raise SettingsError(
                f"{PREFIX}{name.upper()} is {value!r}; with {PREFIX}SIGN_IN=cognito it takes"
                f" {_COGNITO_EXAMPLES[name]}"
            )
    if not settings.public_url.startswith("https://"):
        raise SettingsError(
            f"{PREFIX}PUBLIC_URL is needed with {PREFIX}SIGN_IN=cognito: the load balancer's https:// URL"
        )


_AWS_REGION = "[a-z]{2}(?:-[a-z]+)+-[0-9]"
ALB_ARN = rf"arn:aws:elasticloadbalancing:{_AWS_REGION}:[0-9]{{12}}:loadbalancer/app/[0-9A-Za-z-]+/[0-9a-f]+"
COGNITO_POOL = rf"{_AWS_REGION}_[0-9A-Za-z]+"
"""Regular expressions of a load balancer's ARN and a user pool's id: key servers' names are made of them."""
_COGNITO = {
    "alb_arn": ALB_ARN,
    "cognito_pool": COGNITO_POOL,
    "cognito_client": r"[\w+]{1,128}",
    "cognito_domain": r"(?:[a-z0-9-]+\.)+[a-z]{2,}",
}
_COGNITO_EXAMPLES = {
    "alb_arn": "the ARN of an Application Load Balancer, arn:aws:elasticloadbalancing:…:loadbalancer/app/…",
    "cognito_pool": "the id of a user pool, as eu-central-1_Ab3dEfGh1",
    "cognito_client": "the id of the pool's app client",
    "cognito_domain": "a host without https://, as streamgauge.auth.eu-central-1.amazoncognito.com",
}


def _check_alerts(settings: Settings) -> None:
    """What is wrong is not quoted: a webhook's URL may hold a secret."""
    if settings.alert_webhook and not re.fullmatch(r"https?://[^\s/?#]+[!-~]*", settings.alert_webhook):
        raise SettingsError(f"{PREFIX}ALERT_WEBHOOK is no URL; write it as https://host/path")
    if not settings.alert_mail_to:
        return
    if not re.fullmatch(r"\S+:\d{1,5}", settings.alert_smtp):
        raise SettingsError(f"{PREFIX}ALERT_SMTP is needed to send mail; write it as host:port")
    for address in (settings.alert_mail_from, *lists.values(settings.alert_mail_to)):
        if not re.fullmatch(r"[!-~]+@[!-~]+", address) or set(address) & set('<>(),;:"'):
            raise SettingsError(f"{address!r} is no address to send alerts from or to; write name@host")


def _check_targets(settings: Settings) -> None:
    severities = _targets(str(_DEFAULTS["finding_targets"]))
    for severity in settings.targets:
        if severity not in severities:
            known = ", ".join(severities)
            raise SettingsError(f"{PREFIX}FINDING_TARGETS: {severity!r} is no severity; there are {known}")


def _targets(text: str) -> dict[str, int]:
    """Times by severity, in µs, as the text has them. Raises SettingsError for one that is none."""
    found = {}
    for part in lists.values(text):
        match = re.fullmatch(r"(\w+) *= *([1-9][0-9]{0,4})d", part)
        if match is None:
            raise SettingsError(
                f"{PREFIX}FINDING_TARGETS has {part!r}; write it as CRITICAL=7d, separated by commas"
            )
        found[match[1].upper()] = int(match[2]) * moments.DAY
    return found


def _check_per_site(settings: Settings, name: str, per_site: str) -> None:
    text, example = getattr(settings, per_site), _EXAMPLES[name]
    for part in filter(None, (p.strip() for p in text.split(","))):
        if "=" not in part:
            raise SettingsError(
                f"{PREFIX}{per_site.upper()} has {part!r}; write it as site={example}, separated by commas"
            )
    for value in (getattr(settings, name), *_per_site(text).values()):
        if why := why_not(name, value):
            raise SettingsError(why)


PER_SITE = {"time_zone": "site_time_zones", "week_start": "site_week_starts", "currency": "site_currencies"}
"""What each site may have of its own, and the setting that says it for single sites."""
_EXAMPLES = {"time_zone": "Area/City", "week_start": "monday", "currency": "EUR"}
_KINDS = {
    "time_zone": "time zone; use a name such as Europe/Berlin",
    "week_start": f"day of the week; it takes {', '.join(WEEKDAYS)}",
    "currency": "currency; use an ISO 4217 code such as EUR",
}


def why_not(name: str, value: str) -> str:
    """Why a value cannot be that of one of PER_SITE, wherever it is kept; empty when it can."""
    return "" if _CAN_BE[name](value) else f"{value!r} is no {_KINDS[name]}"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return _NO_ZONE.match(name) is None


_NO_ZONE = re.compile(r"(posix|right)/|posixrules$|localtime$|Factory$")
"""Files of the zone data base that engines know nothing of."""


_CAN_BE: Mapping[str, Callable[[str], bool]] = {
    "time_zone": _is_zone,
    "week_start": lambda day: day.lower() in WEEKDAYS,
    "currency": lambda code: bool(re.fullmatch("[A-Z]{3}", code)),
}
