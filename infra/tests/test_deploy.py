"""The steps of a deployment that are no stack, against moto."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from infra import deploy
from infra.settings import deployment
from infra.stacks.edge import REGION

DEV = deployment("dev")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        yield


def test_without_its_image_nothing_is_deployed() -> None:
    with pytest.raises(
        deploy.DeployError, match=r"push the image first: there is no streamgauge-dev-web:1\.2"
    ):
        deploy.has_image(DEV, "1.2")
    ecr = boto3.client("ecr", DEV.region)
    ecr.create_repository(repositoryName="streamgauge-dev-web")
    with pytest.raises(deploy.DeployError, match="ImageNotFound"):
        deploy.has_image(DEV, "1.2")
    ecr.put_image(
        repositoryName="streamgauge-dev-web",
        imageManifest="{}",
        imageManifestMediaType=MANIFEST,
        imageTag="1.2",
    )
    deploy.has_image(DEV, "1.2")


def rules(vpc: str) -> tuple[list[object], list[object]]:
    ec2 = boto3.client("ec2", DEV.region)
    (group,) = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    return group["IpPermissions"], group["IpPermissionsEgress"]


def test_the_default_security_group_lets_nobody_in_or_out() -> None:
    ec2 = boto3.client("ec2", DEV.region)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    assert any(rules(vpc))
    for _ in range(2):
        deploy.close_default_group(DEV, vpc)
        assert rules(vpc) == ([], [])


def test_the_tracker_is_put_where_pages_look_for_it() -> None:
    s3, front = boto3.client("s3", REGION), boto3.client("cloudfront", REGION)
    s3.create_bucket(Bucket="tracker")
    origin = {
        "Id": "x",
        "DomainName": "tracker.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    made = front.create_distribution(
        DistributionConfig={
            "CallerReference": "x",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {"TargetOriginId": "x", "ViewerProtocolPolicy": "https-only"},
        }
    )["Distribution"]["Id"]
    deploy.put_tracker(DEV, "tracker", made)
    found = s3.get_object(Bucket="tracker", Key="assets/tracker.js")
    assert found["Body"].read() == deploy.TRACKER.read_bytes()
    assert found["ContentType"].startswith("text/javascript")
    (gone,) = front.list_invalidations(DistributionId=made)["InvalidationList"]["Items"]
    assert gone["Status"] in {"COMPLETED", "InProgress"}
