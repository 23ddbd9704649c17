"""The only door to the back ends: which set a form uses is decided here, once, at start-up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from data_access.archived import Objects
from data_access.asking import Asking
from data_access.finding_changes import FindingChanges
from data_access.finding_index import FindingIndex
from data_access.model import Scope
from data_access.ports import (
    Alerts,
    AuditLog,
    Cache,
    Counters,
    Documents,
    FindingsSource,
    FindingsStore,
    Following,
    Intake,
    Lake,
    Log,
    LogLake,
    LogTail,
    Redrive,
    Warehouse,
)
from data_access.realtime import Realtime
from data_access.reconciliation import Report, reconcile
from data_access.settings import Settings, SettingsError, load, unchecked
from data_access.site_settings import SiteSettings
from data_access.spending import Spending


@dataclass(frozen=True, slots=True)
class Backends:
    """Everything pages, the pipeline and the command line work with.

    ``log``, and ``log_lake`` which a consumer brings it to, are None where functions read it.
    """

    settings: Settings
    lake: Lake
    warehouse: Warehouse
    cache: Cache
    documents: Documents
    site_settings: SiteSettings
    audit: AuditLog
    asking: Asking
    intake: Intake
    log: Log | None
    log_lake: LogLake | None
    tail: LogTail
    following: Following
    counters: Counters
    realtime: Realtime
    findings: FindingsStore
    finding_index: FindingIndex
    finding_changes: FindingChanges
    alerts: Alerts | None
    archive: Objects

    def reconciled(self, scope: Scope) -> Report:
        """The live counts held against the lake. Raises as ``reconcile``."""
        return reconcile(self.following, self.intake, self.counters, self.lake, self.asking, scope)


@dataclass(frozen=True, slots=True)
class AwsParts:
    """What the functions of the AWS form work with."""

    settings: Settings
    documents: Documents
    intake: Redrive
    counters: Counters


@dataclass(frozen=True, slots=True)
class AwsFindingParts:
    """What the functions of findings work with; ``rejects`` is where what is refused is kept."""

    settings: Settings
    documents: Documents
    findings: FindingsStore
    source: FindingsSource
    alerts: Alerts | None
    archive: Objects
    rejects: Objects


def read_settings(
    overrides: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """The settings of this process, those in the Parameter Store included where one is named.

    Raises SettingsError for settings that cannot be used or not be read.
    """
    first = unchecked(overrides, environ)
    if not first.aws_parameters:
        return load(overrides, environ)
    with _packages_for("STREAMGAUGE_AWS_PARAMETERS"):
        from data_access.aws.parameters import parameters
    return load(overrides, environ, parameters(first))


def open_aws(settings: Settings) -> AwsParts:
    """Open what functions need; no engine, so that they start fast."""
    from data_access.aws.clients import Clients
    from data_access.aws.counters import AwsCounters
    from data_access.aws.documents import AwsDocuments
    from data_access.aws.log import AwsLog

    clients, begin = Clients(settings), settings.aws_name
    return AwsParts(
        settings, AwsDocuments(clients, begin), AwsLog(clients, begin), AwsCounters(clients, begin)
    )


def open_aws_lake(settings: Settings) -> Lake:
    """Open the lake that a function curates."""
    from data_access.aws.clients import Clients
    from data_access.aws.documents import AwsDocuments
    from data_access.aws.lake import AwsLake

    clients = Clients(settings)
    return AwsLake(clients, settings, AwsDocuments(clients, settings.aws_name))


def open_aws_findings(settings: Settings) -> AwsFindingParts:
    """Open what functions of findings need, and nothing that only counting or the lake does."""
    from data_access.aws.alerts import SnsAlerts
    from data_access.aws.clients import Clients
    from data_access.aws.documents import AwsDocuments
    from data_access.aws.findings import AwsFindings
    from data_access.aws.objects import AwsObjects
    from data_access.aws.security_hub import SecurityHub

    clients, begin, topic = Clients(settings), settings.aws_name, settings.alert_topic
    return AwsFindingParts(
        settings,
        AwsDocuments(clients, begin),
        AwsFindings(clients, begin),
        SecurityHub(clients),
        SnsAlerts(clients, topic) if topic else None,
        AwsObjects(clients, settings.lake_bucket),
        AwsObjects(clients, settings.lake_bucket, "rejects/"),
    )


def open_backends(settings: Settings) -> Backends:
    """Open the back ends of the form the settings name, making the data folder if need be.

    Raises SettingsError when a package is missing that the settings need.
    """
    settings.data_dir.resolve().mkdir(parents=True, exist_ok=True)
    if settings.form == "aws":
        with _packages_for("STREAMGAUGE_FORM=aws"):
            return _open_aws_app(settings)
    return _open_embedded(settings)


def _open_embedded(settings: Settings) -> Backends:
    from data_access.embedded.alerts import open_alerts
    from data_access.embedded.audit import EmbeddedAudit
    from data_access.embedded.counters import EmbeddedCounters
    from data_access.embedded.documents import EmbeddedDocuments
    from data_access.embedded.duck import connect
    from data_access.embedded.findings import EmbeddedFindings
    from data_access.embedded.following import EmbeddedFollowing
    from data_access.embedded.lake import EmbeddedLake
    from data_access.embedded.log import EmbeddedLog
    from data_access.embedded.objects import EmbeddedObjects
    from data_access.embedded.warehouse import EmbeddedWarehouse

    folder = settings.data_dir.resolve()
    connection = connect(settings, folder / "lake")
    lake = EmbeddedLake(folder / "lake", connection, settings)
    log, counters = EmbeddedLog(folder / "log.db"), EmbeddedCounters(folder / "live.db")
    return _assembled(
        settings,
        lake=lake,
        warehouse=_trino(settings) or EmbeddedWarehouse(connection, lake, settings.query_seconds),
        documents=EmbeddedDocuments(folder / "documents.db"),
        audit=EmbeddedAudit(folder / "audit.db"),
        intake=log,
        log=log,
        log_lake=lake,
        tail=log,
        following=EmbeddedFollowing(log, counters),
        counters=counters,
        findings=EmbeddedFindings(folder / "findings.db"),
        alerts=open_alerts(settings),
        archive=EmbeddedObjects(folder / "archive"),
    )


def _open_aws_app(settings: Settings) -> Backends:
    from data_access.aws.alerts import SnsAlerts
    from data_access.aws.audit import AwsAudit
    from data_access.aws.clients import Clients
    from data_access.aws.counters import AwsCounters
    from data_access.aws.documents import AwsDocuments
    from data_access.aws.findings import AwsFindings
    from data_access.aws.lake import AwsLake
    from data_access.aws.log import AwsLog
    from data_access.aws.objects import AwsObjects
    from data_access.aws.stream import Shards, StreamFollowing, StreamTail
    from data_access.aws.warehouse import AthenaWarehouse

    clients, begin, topic = Clients(settings), settings.aws_name, settings.alert_topic
    documents = AwsDocuments(clients, begin)
    intake, counters, shards = AwsLog(clients, begin), AwsCounters(clients, begin), Shards(clients, begin)
    return _assembled(
        settings,
        lake=AwsLake(clients, settings, documents),
        warehouse=_trino(settings) or AthenaWarehouse(clients, settings),
        documents=documents,
        audit=AwsAudit(clients, begin),
        intake=intake,
        log=None,
        log_lake=None,
        tail=StreamTail(shards, intake),
        following=StreamFollowing(shards, counters),
        counters=counters,
        findings=AwsFindings(clients, begin),
        alerts=SnsAlerts(clients, topic) if topic else None,
        archive=AwsObjects(clients, settings.lake_bucket),
    )


def _assembled(
    settings: Settings,
    *,
    lake: Lake,
    warehouse: Warehouse,
    documents: Documents,
    intake: Intake,
    following: Following,
    counters: Counters,
    findings: FindingsStore,
    **more: Any,
) -> Backends:
    """A form's back ends, with what is made of them in every form; ``more`` is taken as it is."""
    cache = _cache(settings)
    spending = Spending(documents, settings) if settings.engine == "athena" else None
    site_settings = SiteSettings(documents, settings)
    return Backends(
        settings=settings,
        lake=lake,
        warehouse=warehouse,
        cache=cache,
        documents=documents,
        site_settings=site_settings,
        asking=Asking(lake, warehouse, cache, documents, settings, site_settings, spending=spending),
        intake=intake,
        following=following,
        counters=counters,
        realtime=Realtime(following, intake, counters),
        findings=findings,
        finding_index=FindingIndex(findings),
        finding_changes=FindingChanges(findings, documents),
        **more,
    )


def _trino(settings: Settings) -> Warehouse | None:
    if settings.engine != "trino":
        return None
    with _packages_for("STREAMGAUGE_WAREHOUSE=trino"):
        from data_access.trino.warehouse import TrinoWarehouse
    return TrinoWarehouse(settings)


def _cache(settings: Settings) -> Cache:
    """A host's own cache, behind it the one all hosts share where there is one."""
    from data_access.embedded.cache import EmbeddedCache

    own = EmbeddedCache(settings.data_dir.resolve() / "cache", settings.cache_megabytes)
    if not settings.cache_url:
        return own
    with _packages_for("STREAMGAUGE_CACHE_URL"):
        from data_access.aws.cache import SharedCache
    return SharedCache(settings.cache_url, own, settings.query_seconds)


@contextmanager
def _packages_for(setting: str) -> Iterator[None]:
    """The embedded form is installed without what only some settings need."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"{setting} needs a package that is not installed ({error.name}):"
            " pip install -r requirements/aws.txt"
        ) from None


def problems(settings: Settings) -> list[str]:
    """What the settings' form needs and does not find, a line each that says what to do.

    Raises SettingsError where nothing at all can work.
    """
    if settings.form != "aws":
        return []
    with _packages_for("STREAMGAUGE_FORM=aws"):
        from data_access.aws import checks
        from data_access.aws.clients import Clients
    return checks.problems(Clients(settings), settings)


def holds_data(settings: Settings) -> bool:
    """True when events were ever taken in; opens no engine, so a server may ask before it forks."""
    from data_access.embedded.tables import has_files

    return has_files(settings.data_dir / "lake")
