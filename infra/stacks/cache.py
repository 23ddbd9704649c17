"""The cache that all web hosts share: Valkey, by TLS and a password, for them alone."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager

from infra.accepted import accept
from infra.stacks.part import Part

PORT = 6379


class Cache:
    """The nodes, the secret that opens them, and their security group."""

    def __init__(self, stack: Part, vpc: ec2.IVpc, hosts: ec2.ISecurityGroup, key: kms.IKey) -> None:
        """In the private subnets of ``vpc``; ``hosts`` may reach it."""
        self._stack, self._key = stack, key
        self.secret = self._secret()
        group = ec2.SecurityGroup(
            stack, "CacheGroup", vpc=vpc, description="The shared cache", allow_all_outbound=False
        )
        group.add_ingress_rule(hosts, ec2.Port.tcp(PORT), "Web hosts")
        self._nodes = self._made(vpc, group)

    @property
    def host(self) -> str:
        """Where hosts reach it."""
        return self._nodes.attr_primary_end_point_address

    def _secret(self) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self._stack,
            "CachePassword",
            description="Opens the shared cache",
            encryption_key=self._key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                exclude_punctuation=True, password_length=48
            ),
        )
        accept(secret, "a new one comes with a new stack; the cache can be computed again", "SMG4")
        return secret

    def _made(self, vpc: ec2.IVpc, group: ec2.SecurityGroup) -> elasticache.CfnReplicationGroup:
        wanted = self._stack.deployment.web
        subnets = elasticache.CfnSubnetGroup(
            self._stack,
            "CacheSubnets",
            description="Private subnets",
            cache_subnet_group_name=self._stack.names.called("cache"),
            subnet_ids=[subnet.subnet_id for subnet in vpc.private_subnets],
        )
        evicts = elasticache.CfnParameterGroup(
            self._stack,
            "CacheEvicts",
            cache_parameter_group_family="valkey8",
            description="What was used longest ago goes first",
            properties={"maxmemory-policy": "allkeys-lru"},
        )
        return elasticache.CfnReplicationGroup(
            self._stack,
            "Cache",
            replication_group_description=f"Answers of {self._stack.names.begin}",
            engine="valkey",
            engine_version="8.0",
            cache_node_type=wanted.cache,
            num_cache_clusters=wanted.cache_nodes,
            automatic_failover_enabled=wanted.cache_nodes > 1,
            multi_az_enabled=wanted.cache_nodes > 1,
            cache_subnet_group_name=subnets.ref,
            cache_parameter_group_name=evicts.ref,
            security_group_ids=[group.security_group_id],
            port=PORT,
            at_rest_encryption_enabled=True,
            kms_key_id=self._key.key_arn,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            auth_token=self.secret.secret_value.unsafe_unwrap(),
            auto_minor_version_upgrade=True,
        )
