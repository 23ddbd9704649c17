"""The only door to the back ends: which set a form uses is decided here, once, at start-up."""

from __future__ import annotations

from dataclasses import dataclass

from data_access.archived import Objects
from data_access.asking import Asking
from data_access.finding_changes import FindingChanges
from data_access.finding_index import FindingIndex
from data_access.ports import Alerts, Cache, Counters, Documents, FindingsStore, Lake, Log, Redrive, Warehouse
from data_access.realtime import Realtime
from data_access.settings import Settings, SettingsError


@dataclass(frozen=True, slots=True)
class Backends:
    """Everything pages, the pipeline and the command line work with."""

    settings: Settings
    lake: Lake
    warehouse: Warehouse
    cache: Cache
    documents: Documents
    asking: Asking
    log: Log
    counters: Counters
    realtime: Realtime
    findings: FindingsStore
    finding_index: FindingIndex
    finding_changes: FindingChanges
    alerts: Alerts | None
    archive: Objects


@dataclass(frozen=True, slots=True)
class AwsParts:
    """What the functions of the AWS form work with."""

    settings: Settings
    documents: Documents
    intake: Redrive
    counters: Counters


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


def open_backends(settings: Settings) -> Backends:
    """Open the back ends of the form the settings name, making the data folder if need be.

    Raises SettingsError for a form the app does not run on yet.
    """
    if settings.form != "embedded":
        raise SettingsError(
            f"the app does not run on the form {settings.form!r} yet: its functions do (pipeline/lambdas);"
            " leave STREAMGAUGE_FORM out to run on this machine"
        )
    from data_access.embedded.alerts import open_alerts
    from data_access.embedded.cache import EmbeddedCache
    from data_access.embedded.counters import EmbeddedCounters
    from data_access.embedded.documents import EmbeddedDocuments
    from data_access.embedded.duck import connect
    from data_access.embedded.findings import EmbeddedFindings
    from data_access.embedded.lake import EmbeddedLake
    from data_access.embedded.log import EmbeddedLog
    from data_access.embedded.objects import EmbeddedObjects
    from data_access.embedded.warehouse import EmbeddedWarehouse

    folder = settings.data_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    connection = connect(settings, folder / "lake")
    lake = EmbeddedLake(folder / "lake", connection, settings)
    warehouse: Warehouse = EmbeddedWarehouse(connection, lake, settings.query_seconds)
    if settings.engine == "trino":
        from data_access.trino.warehouse import TrinoWarehouse

        warehouse = TrinoWarehouse(settings)
    cache = _shared(EmbeddedCache(folder / "cache", settings.cache_megabytes), settings)
    documents = EmbeddedDocuments(folder / "documents.db")
    asking = Asking(lake, warehouse, cache, documents, settings)
    log, counters = EmbeddedLog(folder / "log.db"), EmbeddedCounters(folder / "live.db")
    realtime = Realtime(log, counters)
    findings = EmbeddedFindings(folder / "findings.db")
    return Backends(
        settings,
        lake,
        warehouse,
        cache,
        documents,
        asking,
        log,
        counters,
        realtime,
        findings,
        FindingIndex(findings),
        FindingChanges(findings, documents),
        open_alerts(settings),
        EmbeddedObjects(folder / "archive"),
    )


def _shared(own: Cache, settings: Settings) -> Cache:
    """A host's own cache, behind it the one all hosts share where there is one."""
    if not settings.cache_url:
        return own
    from data_access.aws.cache import SharedCache

    return SharedCache(settings.cache_url, own, settings.query_seconds)


def holds_data(settings: Settings) -> bool:
    """True when events were ever taken in; opens no engine, so a server may ask before it forks."""
    from data_access.embedded.tables import has_files

    return has_files(settings.data_dir / "lake")
