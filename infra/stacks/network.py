"""The network: hosts in private subnets, only the load balancer and the ways out in public ones."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.accepted import accept
from infra.settings import Deployment
from infra.stacks.part import Part


class Network(Part):
    """The VPC with its endpoints and flow logs."""

    def __init__(self, scope: Construct, deployment: Deployment, key: kms.IKey) -> None:
        """As the deployment says."""
        super().__init__(scope, "network", deployment, "VPC, endpoints, flow logs")
        self.vpc = self._vpc(key)
        self._endpoints()
        CfnOutput(self, "VpcId", value=self.vpc.vpc_id)

    @property
    def availability_zones(self) -> list[str]:
        """Named by the deployment: nothing is looked up."""
        return list(self.deployment.network.zones)

    def _vpc(self, key: kms.IKey) -> ec2.Vpc:
        wanted = self.deployment.network
        flows = self.log_group("Flows", f"/{self.names.begin}/flows", key)
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(wanted.cidr),
            availability_zones=list(wanted.zones),
            nat_gateways=wanted.nat_gateways,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="public",
                    subnet_type=ec2.SubnetType.PUBLIC,
                    cidr_mask=24,
                    map_public_ip_on_launch=False,
                ),
                ec2.SubnetConfiguration(
                    name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=22
                ),
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
            flow_logs={
                "All": ec2.FlowLogOptions(
                    destination=ec2.FlowLogDestination.to_cloud_watch_logs(flows),
                    traffic_type=ec2.FlowLogTrafficType.ALL,
                )
            },
        )
        accept(
            vpc,
            "the deployment names its zones, so that nothing is looked up",
            "CloudFormation-Validate::W3010",
        )
        return vpc

    def _endpoints(self) -> None:
        names = self.deployment.network.interface_endpoints
        if not names:
            return
        group = ec2.SecurityGroup(
            self,
            "Endpoints",
            vpc=self.vpc,
            description="Endpoints of AWS services",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(
            ec2.Peer.ipv4(self.deployment.network.cidr), ec2.Port.tcp(443), "HTTPS from within"
        )
        for name in names:
            self.vpc.add_interface_endpoint(
                f"To{name.title().replace('.', '').replace('-', '')}",
                service=ec2.InterfaceVpcEndpointAwsService(name),
                security_groups=[group],
                open=False,
                private_dns_enabled=True,
            )
