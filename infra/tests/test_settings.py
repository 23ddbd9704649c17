from __future__ import annotations

from dataclasses import replace
from operator import attrgetter

import pytest

from infra.settings import (
    DEPLOYMENTS,
    Collector,
    Deployment,
    DeploymentError,
    Network,
    SignIn,
    Stream,
    Web,
    deployment,
)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_examples_can_be_deployed(name: str) -> None:
    assert deployment(name).name.startswith("streamgauge")


def test_the_examples_share_no_name() -> None:
    made = [deployment(name) for name in DEPLOYMENTS]
    for of in ("name", "web.domain", "sign_in.prefix", "collector.domain", "collector.origin"):
        assert len({attrgetter(of)(one) for one in made}) == len(made)


def test_another_name_is_refused() -> None:
    with pytest.raises(DeploymentError, match=r"there is no deployment 'production'; .* dev, staging, prod"):
        deployment("production")


PROD = deployment("prod")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Streamgauge"}, "name is 'Streamgauge'"),
        ({"name": "a-name-that-is-much-too-long"}, "up to 21"),
        ({"account": "12345"}, "12 digits or nothing"),
        ({"region": "frankfurt"}, "region is 'frankfurt'"),
        ({"web": replace(PROD.web, domain="https://x.example.com")}, "web.domain"),
        ({"web": replace(PROD.web, certificate=PROD.collector.edge_certificate)}, "in eu-central-1"),
        ({"collector": replace(PROD.collector, edge_certificate=PROD.web.certificate)}, "in us-east-1"),
        ({"sign_in": SignIn(prefix="-x")}, "sign_in.prefix"),
        ({"network": Network(zones=("eu-central-1a",))}, "takes two"),
        ({"stream": Stream(days=400)}, "1 to 365"),
        ({"app": (("curency", "EUR"),)}, "app: curency is no setting"),
        ({"app": (("query_seconds", "soon"),)}, "a whole number"),
    ],
)
def test_what_cannot_be_deployed_is_refused_with_what_it_takes(change: dict[str, object], says: str) -> None:
    with pytest.raises(DeploymentError, match=says):
        replace(PROD, **change)  # type: ignore[arg-type]


def test_a_deployment_of_ones_own_takes_few_words() -> None:
    certificate = "arn:aws:acm:{}:123456789012:certificate/0a1b"
    made = Deployment(
        name="mine",
        region="us-east-1",
        web=Web(domain="a.example.com", certificate=certificate.format("us-east-1")),
        sign_in=SignIn(prefix="mine"),
        collector=Collector(
            domain="c.example.com",
            origin="o.example.com",
            edge_certificate=certificate.format("us-east-1"),
            certificate=certificate.format("us-east-1"),
        ),
        network=Network(zones=("us-east-1a", "us-east-1b")),
    )
    assert made.protected
