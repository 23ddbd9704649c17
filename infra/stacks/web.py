"""The web hosts: behind a load balancer that signs people in, in private subnets, replaced one by one."""

from __future__ import annotations

from aws_cdk import CfnOutput, Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53_targets as route53_targets
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra import permissions
from infra.accepted import accept, skip
from infra.permissions import Allow
from infra.settings import Deployment
from infra.stacks import host
from infra.stacks.alias import alias
from infra.stacks.base import Base
from infra.stacks.cache import PORT as CACHE_PORT
from infra.stacks.cache import Cache
from infra.stacks.identity import Identity
from infra.stacks.listener import listener
from infra.stacks.part import Part
from infra.stacks.waf import firewall


class Web(Part):
    """Load balancer, hosts and cache."""

    def __init__(
        self, scope: Construct, deployment: Deployment, base: Base, vpc: ec2.IVpc, identity: Identity
    ) -> None:
        """As the deployment says."""
        super().__init__(scope, "web", deployment, "load balancer, web hosts, shared cache")
        self._base, self._vpc, self._identity = base, vpc, identity
        self._hosts_group = ec2.SecurityGroup(
            self, "HostsGroup", vpc=vpc, description="Web hosts", allow_all_outbound=False
        )
        self._hosts_group.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "AWS, and the keys of load balancer and pool"
        )
        self.cache = self._cache() if deployment.web.cache else None
        self.balancer = self._balancer()
        self.targets = self._targets()
        listening = listener(self.balancer, self.targets, deployment, identity)
        self.hosts = self._hosts()
        self.hosts.attach_to_application_target_group(self.targets)
        self.hosts.node.add_dependency(listening)
        self._firewall()
        alias(self, deployment.web.domain, route53_targets.LoadBalancerTarget(self.balancer))
        CfnOutput(self, "BalancerName", value=self.balancer.load_balancer_dns_name)

    def _cache(self) -> Cache:
        cache = Cache(self, self._vpc, self._hosts_group, self._base.key)
        private = ec2.Peer.ipv4(self.deployment.network.cidr)
        self._hosts_group.add_egress_rule(private, ec2.Port.tcp(CACHE_PORT), "The shared cache")
        return cache

    def _balancer(self) -> elb.ApplicationLoadBalancer:
        group = ec2.SecurityGroup(
            self, "BalancerGroup", vpc=self._vpc, description="The load balancer", allow_all_outbound=False
        )
        group.add_ingress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "People")
        accept(group, "people come from anywhere, to this port only", "EC23")
        balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            load_balancer_name=self.names.begin,
            vpc=self._vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            internet_facing=True,
            security_group=group,
            deletion_protection=self.deployment.protected,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=elb.DesyncMitigationMode.STRICTEST,
            idle_timeout=Duration.seconds(60),
        )
        balancer.log_access_logs(self._base.logs, "balancer")
        return balancer

    def _targets(self) -> elb.ApplicationTargetGroup:
        return elb.ApplicationTargetGroup(
            self,
            "Targets",
            vpc=self._vpc,
            port=host.PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.INSTANCE,
            deregistration_delay=Duration.seconds(60),
            health_check=elb.HealthCheck(
                path="/healthz",
                healthy_http_codes="200",
                interval=Duration.seconds(15),
                timeout=Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )

    def _hosts(self) -> autoscaling.AutoScalingGroup:
        wanted = self.deployment.web
        template = self._template()
        hosts = autoscaling.AutoScalingGroup(
            self,
            "Hosts",
            vpc=self._vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            launch_template=template,
            min_capacity=wanted.hosts,
            max_capacity=wanted.most_hosts,
            health_checks=autoscaling.HealthChecks.with_additional_checks(
                additional_types=[autoscaling.AdditionalHealthCheckType.ELB], grace_period=Duration.minutes(8)
            ),
            signals=autoscaling.Signals.wait_for_min_capacity(timeout=Duration.minutes(15)),
            update_policy=autoscaling.UpdatePolicy.rolling_update(
                max_batch_size=1,
                min_instances_in_service=wanted.hosts,
                wait_on_resource_signals=True,
                pause_time=Duration.minutes(15),
            ),
            group_metrics=[autoscaling.GroupMetrics.all()],
            max_instance_lifetime=Duration.days(30),
        )
        accept(hosts, "alarms tell of hosts that are missing or ill, CloudTrail of the rest", "AS3")
        hosts.scale_on_cpu_utilization("Busy", target_utilization_percent=60)
        assert template.user_data is not None  # noqa: S101 - given to it above
        template.user_data.add_signal_on_exit_command(hosts)
        return hosts

    def _template(self) -> ec2.LaunchTemplate:
        kind = ec2.InstanceType(self.deployment.web.instance)
        image = ec2.MachineImage.latest_amazon_linux2023(cpu_type=ec2.AmazonLinuxCpuType.ARM_64)
        self.log_group("HostLog", self.names.host_log, self._base.key)
        disk = ec2.BlockDeviceVolume.ebs(30, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3)
        return ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=kind,
            machine_image=image,
            role=self._role(),
            security_group=self._hosts_group,
            user_data=self._starts(),
            block_devices=[ec2.BlockDevice(device_name="/dev/xvda", volume=disk)],
            require_imdsv2=True,
            http_put_response_hop_limit=2,  # the app runs in a container: its credentials come over one more
            detailed_monitoring=True,
        )

    def _role(self) -> iam.Role:
        role = self.role("Role", "ec2.amazonaws.com", self._may())
        skip(role, CKV_AWS_111="only the agent of Systems Manager writes without a resource: it has none")
        return role

    def _may(self) -> list[Allow]:
        own = [permissions.key(self._base.key.key_arn)]
        if self.cache:
            own.append(Allow(("secretsmanager:GetSecretValue",), (self.cache.secret.secret_arn,)))
        return [*host.may(self.deployment, self.names), *own]

    def _starts(self) -> ec2.UserData:
        own = {
            "alb_arn": self.balancer.load_balancer_arn,
            "cognito_pool": self._identity.pool.user_pool_id,
            "cognito_client": self._identity.client.user_pool_client_id,
            "cognito_domain": self._identity.host,
        }
        if not self.cache:
            return host.starts(self.deployment, own, "", "")
        return host.starts(self.deployment, own, self.cache.secret.secret_arn, self.cache.host)

    def _firewall(self) -> None:
        acl = firewall(self, "REGIONAL", self.deployment.web.requests_per_address, self._base.key)
        waf.CfnWebACLAssociation(
            self,
            "Guarded",
            resource_arn=self.balancer.load_balancer_arn,
            web_acl_arn=acl.attr_arn,
        )
