"""The network and the web hosts: who gets where, by what."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from typing import Any

import pytest

from data_access.settings import load
from infra.settings import ENDPOINTS
from infra.stacks.identity import ROLES
from infra.tests import documented
from infra.tests.conftest import Made


def test_hosts_are_in_private_subnets_only(each: Made) -> None:
    exports = {
        it["Export"]["Name"]: it["Value"]
        for it in each.stacks["network"]["Outputs"].values()
        if "Export" in it
    }
    subnets = each.stacks["network"]["Resources"]
    group = each.one("AutoScaling::AutoScalingGroup", "web")
    found = [
        subnets[exports[one["Fn::ImportValue"]]["Ref"]]["Properties"] for one in group["VPCZoneIdentifier"]
    ]
    assert len(found) == 2
    for subnet in found:
        kinds = {tag["Key"]: tag["Value"] for tag in subnet["Tags"]}
        assert kinds["aws-cdk:subnet-type"] == "Private"
        assert not subnet["MapPublicIpOnLaunch"]


def test_no_subnet_gives_public_addresses(each: Made) -> None:
    for name, it in each.of("EC2::Subnet"):
        assert it["MapPublicIpOnLaunch"] is False, name


def test_only_the_load_balancers_443_is_open(each: Made) -> None:
    """To the world; all else is from a group or from within the network."""
    open_ = []
    for kind in ("EC2::SecurityGroup", "EC2::SecurityGroupIngress"):
        for name, it in each.of(kind):
            rules = it.get("SecurityGroupIngress", []) if kind == "EC2::SecurityGroup" else [it]
            for rule in rules:
                cidr = str(rule.get("CidrIp", rule.get("CidrIpv6", "")))
                if cidr and not cidr.startswith("10."):
                    open_.append((name.split("/")[1][:13], rule["FromPort"], rule["ToPort"], cidr))
    assert open_ == [("BalancerGroup", 443, 443, "0.0.0.0/0")]


def test_nobody_comes_in_by_ssh(each: Made) -> None:
    for kind in ("EC2::SecurityGroup", "EC2::SecurityGroupIngress"):
        for _, it in each.of(kind):
            for rule in [*it.get("SecurityGroupIngress", []), it]:
                assert not rule.get("FromPort", 443) <= 22 <= rule.get("ToPort", 443)
    data = each.one("EC2::LaunchTemplate")["LaunchTemplateData"]
    assert "KeyName" not in data
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert all(one["Ebs"]["Encrypted"] for one in data["BlockDeviceMappings"])


def test_listeners_speak_tls_only(each: Made) -> None:
    for _, it in each.of("ElasticLoadBalancingV2::Listener"):
        assert (it["Port"], it["Protocol"]) == (443, "HTTPS")
        assert it["SslPolicy"].startswith("ELBSecurityPolicy-TLS13")


def test_the_rules_of_the_listener_are_as_documented(each: Made) -> None:
    wanted = []
    for path, actions in documented.rows("sign_in.md", "Rules of the listener"):
        if path not in {"path", "---"}:
            said = re.search(r"OnUnauthenticatedRequest=(\w+)", actions)
            wanted.append((re.findall(r"`([^`]+)`", path), said[1] if said else ""))
    rules = sorted(
        (it for _, it in each.of("ElasticLoadBalancingV2::ListenerRule")), key=lambda it: it["Priority"]
    )
    found = [(it["Conditions"][0]["PathPatternConfig"]["Values"], asks(it["Actions"])) for it in rules]
    found.append(([], asks(each.one("ElasticLoadBalancingV2::Listener")["DefaultActions"])))
    assert found == wanted


def asks(actions: list[dict[str, Any]]) -> str:
    """What becomes of a request without a session; the last action is to forward."""
    assert actions[-1]["Type"] == "forward"
    if len(actions) == 1:
        return ""
    config: dict[str, str] = actions[0]["AuthenticateCognitoConfig"]
    assert config["Scope"] == "openid email"
    assert config["SessionCookieName"] == "AWSELBAuthSessionCookie"
    return config["OnUnauthenticatedRequest"]


def test_the_client_and_the_groups_are_as_documented(each: Made) -> None:
    client = each.one("Cognito::UserPoolClient")
    assert client["GenerateSecret"] is True
    assert client["AllowedOAuthFlows"] == ["code"]
    (url,) = client["CallbackURLs"]
    assert url.endswith("/oauth2/idpresponse")
    assert client["LogoutURLs"] == [f"{url.removesuffix('/oauth2/idpresponse')}/"]
    assert 5 <= client["AccessTokenValidity"] <= 15
    names = {it["GroupName"] for _, it in each.of("Cognito::UserPoolGroup")}
    assert {"admin", *(f"site:{site}:{role}" for site in ("*", "shop") for role in ROLES)} == names
    assert each.one("Cognito::UserPool")["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] is True


def test_the_firewalls_have_the_common_rules_and_a_limit(each: Made) -> None:
    found = [it for _, it in each.of("WAFv2::WebACL")]
    assert {it["Scope"] for it in found} == {"REGIONAL", "CLOUDFRONT"}
    for it in found:
        rules = {rule["Name"]: rule for rule in it["Rules"]}
        assert rules["per-address"]["Statement"]["RateBasedStatement"]["Limit"] == 2000
        assert rules["per-address"]["Action"] == {"Block": {}}
        assert rules["AWSManagedRulesCommonRuleSet"]["OverrideAction"] == {"None": {}}
    guarded = each.one("WAFv2::WebACLAssociation")
    assert "Balancer" in str(guarded["ResourceArn"])
    assert "Firewall" in str(each.one("CloudFront::Distribution")["DistributionConfig"]["WebACLId"])


def test_cloudfront_speaks_tls_only_and_its_bucket_is_its_own(each: Made) -> None:
    config = each.one("CloudFront::Distribution")["DistributionConfig"]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    behaviours = [config["DefaultCacheBehavior"], *config["CacheBehaviors"]]
    assert {one["ViewerProtocolPolicy"] for one in behaviours} == {"https-only"}
    assert {one["PathPattern"] for one in config["CacheBehaviors"]} == {"/v1/events*", "/clickstream"}
    assert "AWS:SourceArn" in json.dumps([it for _, it in each.of("S3::BucketPolicy", "edge")])


def test_the_collectors_stage_is_throttled(each: Made) -> None:
    stage = each.one("ApiGatewayV2::Stage")
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] >= 10
    assert stage["DefaultRouteSettings"]["ThrottlingBurstLimit"] >= 20
    line = json.loads(stage["AccessLogSettings"]["Format"])
    assert not any(word in json.dumps(line).lower() for word in ("header", "authorizer", "query"))
    (route,) = [it["RouteKey"] for _, it in each.of("ApiGatewayV2::Route")]
    assert route == "$default"
    assert each.one("ApiGatewayV2::Integration")["PayloadFormatVersion"] == "2.0"
    assert each.one("ApiGatewayV2::Api")["DisableExecuteApiEndpoint"] is True


def test_the_shared_cache_is_encrypted_and_asks_for_a_password(whole: Made) -> None:
    it = whole.one("ElastiCache::ReplicationGroup")
    assert it["TransitEncryptionEnabled"] is True
    assert it["AtRestEncryptionEnabled"] is True
    assert "resolve:secretsmanager" in str(it["AuthToken"])
    assert whole.one("ElastiCache::ParameterGroup")["Properties"] == {"maxmemory-policy": "allkeys-lru"}


def test_dev_has_no_shared_cache(dev: Made) -> None:
    assert not list(dev.of("ElastiCache::ReplicationGroup"))
    assert "VALKEYS" not in started(dev).upper().split("SECRET=''")[0]


def started(made: Made) -> str:
    """The commands of a host's start, with words in place of what only AWS knows."""
    data = made.one("EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    parts = data["Fn::Join"][1] if isinstance(data, dict) else [data]
    return "".join(one if isinstance(one, str) else known(one) for one in parts)


def known(reference: dict[str, Any]) -> str:
    if "PoolLoadBalancer" in str(reference):
        return "57cbishk4j24pabc1234567890"
    if "Balancer" in str(reference):
        return "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/x/50dc6c495c0c9188"
    return "eu-central-1_Ab3dEfGh1" if "Pool" in str(reference) else "123456789012"


def test_a_hosts_settings_are_such_that_the_app_starts(each: Made) -> None:
    text = started(each).split("<<'SETTINGS'\n")[1].split("\nSETTINGS")[0]
    environ = dict(line.split("=", 1) for line in text.splitlines())
    settings = load({}, environ, {"lake_bucket": "lake"})
    assert (settings.sign_in, settings.form, settings.log_format) == ("cognito", "aws", "json")


def test_a_hosts_commands_are_good_shell(each: Made) -> None:
    text = started(each)
    assert re.search(r"@[A-Z_]+@", text) is None
    for script in [text, *re.findall(r"<<'SCRIPT'\n(.*?)\nSCRIPT\n", text, re.S)]:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
    assert text.startswith("#!/bin/bash\nfunction exitTrap")
    assert len(base64.b64encode(text.encode())) < 16_384


def test_hosts_are_replaced_one_by_one_while_others_serve(each: Made) -> None:
    for resource in each.stacks["web"]["Resources"].values():
        if resource["Type"] == "AWS::AutoScaling::AutoScalingGroup":
            update = resource["UpdatePolicy"]["AutoScalingRollingUpdate"]
            assert update["MaxBatchSize"] == 1
            assert update["WaitOnResourceSignals"] is True
            assert update["MinInstancesInService"] < int(resource["Properties"]["MaxSize"])
            assert resource["Properties"]["HealthCheckType"] == "ELB" or "ELB" in str(resource["Properties"])
            return
    pytest.fail("there are no hosts")


def test_hosts_may_do_what_is_documented_and_what_runs_them(each: Made) -> None:
    role = next(it for name, it in each.of("IAM::Role", "web") if name.startswith("web/Role"))
    found = {
        action
        for policy in role["Policies"]
        for one in policy["PolicyDocument"]["Statement"]
        for action in (one["Action"] if isinstance(one["Action"], list) else [one["Action"]])
    }
    runs = {
        one
        for one in found
        if one.startswith(("ssm", "ecr:", "ec2messages:", "logs:", "kms:", "secretsmanager:"))
    }
    drops = {"sqs:ReceiveMessage", "sqs:DeleteMessage"}
    assert found - runs - drops == documented.web_permissions() | documented.permissions()["curate"]
    assert "ManagedPolicyArns" not in role


def test_the_ways_to_s3_and_dynamodb_stay_inside(each: Made) -> None:
    gateways = [it for _, it in each.of("EC2::VPCEndpoint") if it["VpcEndpointType"] == "Gateway"]
    assert {"s3", "dynamodb"} == {re.findall(r"\w+", str(it["ServiceName"]))[-1] for it in gateways}
    assert {it["TrafficType"] for _, it in each.of("EC2::FlowLog")} == {"ALL"}


def test_host_names_are_written_where_a_zone_is_named(whole: Made, dev: Made) -> None:
    names = {it["Name"] for _, it in whole.of("Route53::RecordSet")}
    assert names == {"analytics.example.com.", "collect.example.com.", "intake.example.com."}
    assert not list(dev.of("Route53::RecordSet"))


def test_prod_reaches_aws_by_endpoints(whole: Made) -> None:
    found = [it for _, it in whole.of("EC2::VPCEndpoint") if it["VpcEndpointType"] == "Interface"]
    assert len(found) == len(ENDPOINTS)
    assert all(it["PrivateDnsEnabled"] for it in found)
