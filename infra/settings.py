"""What differs between deployments: names, sizes, switches. Everything else is in the stacks.

``DEPLOYMENTS`` has an example for dev, staging and prod; put your own domain, certificates and addresses in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace

from data_access.settings import SettingsError, parsed

ENDPOINTS = (
    *("ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "logs", "kms", "sts", "secretsmanager"),
    *("kinesis-streams", "sqs", "athena", "glue"),
)
"""Services that web hosts call, for those who want no such call to leave the network."""


class DeploymentError(ValueError):
    """A deployment has a value that cannot be deployed; the message names it and what it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Addresses and ways out. An interface endpoint costs about $7 a month and zone, a NAT gateway $33."""

    zones: tuple[str, ...] = ("eu-central-1a", "eu-central-1b")
    cidr: str = "10.20.0.0/16"
    nat_gateways: int = 2
    interface_endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The web hosts: how many of which kind, the image's tag, and the shared cache (none without a type)."""

    domain: str
    certificate: str
    """ARN of a certificate for the domain, in the region."""
    image_tag: str = "0.1.0"
    instance: str = "m7g.large"
    processes: int = 2
    """Of the web server on a host: as many as the instance has processors."""
    hosts: int = 2
    most_hosts: int = 4
    cache: str = "cache.t4g.small"
    cache_nodes: int = 2
    requests_per_address: int = 2000
    """Requests of an address in 5 minutes; an office behind one address may need more."""
    recount: bool = True
    """Let "Recount" on the Reconciliation page work: the hosts may curate then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """The Cognito pool. ``prefix`` begins the host of its sign-in pages and is unique in the region."""

    prefix: str
    sites: tuple[str, ...] = ("shop",)
    session_hours: int = 10
    token_minutes: int = 15
    second_factor: bool = True
    """Ask everybody for one; False: who wants may have one."""
    threat_protection: bool = True
    """Cognito's Plus plan, paid by user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collector:
    """Where trackers send to: ``domain`` is CloudFront's name, ``origin`` that of the API behind it."""

    domain: str
    origin: str
    edge_certificate: str
    """ARN of a certificate for ``domain``, in us-east-1: CloudFront takes no other."""
    certificate: str
    """ARN of a certificate for ``origin``, in the region."""
    requests_per_second: int = 500
    burst: int = 1000
    requests_per_address: int = 2000
    reserved: int = 50
    """Calls of λ ingest at once that nothing else takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The stream and what becomes of it. ``shards`` 0 is on demand."""

    shards: int = 10
    days: int = 7
    backup: bool = True
    """Keep what comes in a second time, as gzip below ``backup/``."""
    finding_accounts: tuple[str, ...] = ()
    """Other accounts that may send findings to the bus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long what is kept, in days."""

    logs: int = 30
    answers: int = 3
    rejects: int = 90
    errors: int = 30
    backup: int = 90
    archive: int = 2555
    backups: int = 35
    access_logs: int = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What is deployed only if it is wanted; several are of the whole account and may be on already."""

    drop: bool = False
    tracing: bool = True
    trail: bool = False
    config: bool = False
    lake_tags: bool = False
    guard_duty: bool = False
    macie: bool = False
    security_hub: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of Streamgauge."""

    name: str
    """How all names begin: STREAMGAUGE_AWS_NAME."""
    web: Web
    sign_in: SignIn
    collector: Collector
    dns_zone: tuple[str, str] | None = None
    """Id and name of a hosted zone of Route 53 that the three host names are written into."""
    region: str = "eu-central-1"
    account: str = ""
    """Empty for that of whoever deploys."""
    network: Network = field(default_factory=Network)
    stream: Stream = field(default_factory=Stream)
    keeping: Keeping = field(default_factory=Keeping)
    switches: Switches = field(default_factory=Switches)
    question_gigabytes: float = 50.0
    """What one question may read; beyond it the workgroup stops it."""
    budget_dollars: int = 600
    alarm_mails: tuple[str, ...] = ()
    """Told of alarms, and of the budget."""
    alert_mails: tuple[str, ...] = ()
    """Told of findings once each, as the app alerts."""
    escalation_mails: tuple[str, ...] = ()
    """Told of critical findings as Security Hub has them, beside the alerts."""
    drop_keys: tuple[tuple[str, str], ...] = ()
    """Users of the SFTP drop, each with a public key."""
    protected: bool = True
    """What holds data stays when a stack is deleted."""
    app: tuple[tuple[str, str], ...] = ()
    """Further settings of the app (docs/settings.md), as (name in small letters, text); no secrets."""

    def __post_init__(self) -> None:
        """Raises DeploymentError for what could not be deployed."""
        for what, value, shape, takes in self._shapes():
            if not re.fullmatch(shape, value):
                raise DeploymentError(f"{what} is {value!r}; it takes {takes}")
        if len(self.network.zones) < 2:
            raise DeploymentError("network.zones has one zone; a load balancer takes two")
        if not 0 < self.stream.days <= 365:
            raise DeploymentError(f"stream.days is {self.stream.days}; it takes 1 to 365")
        try:
            parsed(dict(self.app), lambda name: f"app: {name}")
        except SettingsError as error:
            raise DeploymentError(str(error)) from None

    def _shapes(self) -> list[tuple[str, str, str, str]]:
        host, arn = r"([a-z0-9-]+\.)+[a-z]{2,}", r"arn:aws:acm:{}:\d{{12}}:certificate/[0-9a-f-]+"
        region, takes = arn.format(self.region), "the ARN of a certificate in {}"
        edge = arn.format("us-east-1")
        return [
            ("name", self.name, r"[a-z][a-z0-9-]{1,20}", "up to 21 small letters, digits and hyphens"),
            ("region", self.region, r"[a-z]{2}(-[a-z]+)+-\d", "a region, as eu-central-1"),
            ("account", self.account, r"(\d{12})?", "12 digits or nothing"),
            ("web.domain", self.web.domain, host, "a host name"),
            ("collector.domain", self.collector.domain, host, "a host name"),
            ("collector.origin", self.collector.origin, host, "a host name"),
            ("web.certificate", self.web.certificate, region, takes.format(self.region)),
            ("collector.certificate", self.collector.certificate, region, takes.format(self.region)),
            ("collector.edge_certificate", self.collector.edge_certificate, edge, takes.format("us-east-1")),
            (
                "sign_in.prefix",
                self.sign_in.prefix,
                r"[a-z0-9]+(-[a-z0-9]+)*",
                "small letters, digits, hyphens",
            ),
        ]


_CERTIFICATE = "arn:aws:acm:{}:111111111111:certificate/00000000-0000-0000-0000-000000000000"


def _example(environment: str) -> tuple[Web, SignIn, Collector]:
    begin = "" if environment == "prod" else f"{environment}-"
    here, edge = _CERTIFICATE.format("eu-central-1"), _CERTIFICATE.format("us-east-1")
    return (
        Web(domain=f"{begin}analytics.example.com", certificate=here),
        SignIn(prefix=f"{begin}streamgauge-example"),
        Collector(
            domain=f"{begin}collect.example.com",
            origin=f"{begin}intake.example.com",
            edge_certificate=edge,
            certificate=here,
        ),
    )


def _dev() -> Deployment:
    web, sign_in, collector = _example("dev")
    return Deployment(
        name="streamgauge-dev",
        web=replace(web, instance="t4g.medium", hosts=1, most_hosts=2, cache=""),
        sign_in=replace(sign_in, second_factor=False, threat_protection=False),
        collector=replace(collector, requests_per_second=10, burst=20, reserved=5),
        network=Network(nat_gateways=1),
        stream=Stream(shards=1, backup=False),
        keeping=Keeping(logs=7),
        switches=Switches(tracing=False),
        question_gigabytes=0.1,
        budget_dollars=300,
        protected=False,
    )


def _staging() -> Deployment:
    web, sign_in, collector = _example("staging")
    return Deployment(
        name="streamgauge-staging",
        web=web,
        sign_in=sign_in,
        collector=collector,
        stream=Stream(shards=0),
        switches=Switches(drop=True, trail=True),
        question_gigabytes=5,
    )


def _prod() -> Deployment:
    web, sign_in, collector = _example("prod")
    return Deployment(
        name="streamgauge",
        web=web,
        sign_in=sign_in,
        collector=collector,
        network=Network(interface_endpoints=ENDPOINTS),
        switches=Switches(**{one.name: True for one in fields(Switches)}),
        alarm_mails=("ops@example.com",),
        budget_dollars=3000,
    )


DEPLOYMENTS = {"dev": _dev, "staging": _staging, "prod": _prod}
"""How each deployment is made."""


def deployment(name: str) -> Deployment:
    """A deployment by its name. Raises DeploymentError for one that there is not."""
    if name not in DEPLOYMENTS:
        raise DeploymentError(
            f"there is no deployment {name!r}; infra/settings.py has {', '.join(DEPLOYMENTS)}"
        )
    return DEPLOYMENTS[name]()
