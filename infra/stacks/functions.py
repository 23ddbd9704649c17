"""The functions: a role, a log group and reserved calls each, and what calls them."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import permissions
from infra.accepted import accept, accept_parts, skip
from infra.bundles import PYTHON
from infra.functions import FUNCTIONS, MOST_SHARDS, Clock, Function
from infra.permissions import Allow
from infra.settings import Deployment
from infra.stacks.code import CodeOf
from infra.stacks.part import Part, policy
from infra.stacks.stores import settings_of

RUNTIME = lambda_.Runtime(f"python{PYTHON}", lambda_.RuntimeFamily.PYTHON)
HOURS_OLD = 27
"""An event older than this would not be counted live any more."""


class Functions(Part):
    """All functions and their schedules."""

    def __init__(self, scope: Construct, deployment: Deployment, key: kms.IKey, code: CodeOf) -> None:
        """As the deployment says; ``code`` has the bundle of each."""
        super().__init__(scope, "functions", deployment, "the functions and what calls them")
        self._key, self._code = key, code
        self.made = {one.name: self._function(one) for one in FUNCTIONS}
        for one in FUNCTIONS:
            self._called_by(one, self.made[one.name])
        self._live(self.made["live"])

    def may(self, function: Function) -> list[Allow]:
        """What a function may do."""
        traces = [permissions.TRACES] if self.deployment.switches.tracing else []
        common = [permissions.logs(self.names, function.name), permissions.settings(self.names)]
        return [*function.may(self.names), *common, *traces]

    def reserved(self, function: Function) -> int:
        """Calls at once that nothing else takes."""
        own = {
            "ingest": self.deployment.collector.reserved,
            "live": 2 * self.deployment.stream.shards or MOST_SHARDS,
        }
        return own.get(function.name, function.reserved)

    def _function(self, function: Function) -> lambda_.Function:
        group = self.log_group(f"Log-{function.name}", self.names.log_group(function.name), self._key)
        traced = lambda_.Tracing.ACTIVE if self.deployment.switches.tracing else lambda_.Tracing.DISABLED
        made = lambda_.Function(
            self,
            function.name.title(),
            function_name=self.names.called(function.name),
            description=function.does,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            handler=f"pipeline.lambdas.{function.name}.handler",
            code=self._code(self, function.name),
            memory_size=function.memory,
            timeout=Duration.seconds(function.seconds),
            reserved_concurrent_executions=self.reserved(function),
            role=self._role(function),
            environment=self._environment(),
            environment_encryption=self._key,
            log_group=group,
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            application_log_level_v2=lambda_.ApplicationLogLevel.INFO,
            tracing=traced,
        )
        self._accepted(function, made)
        return made

    def _role(self, function: Function) -> iam.IRole:
        allowed = self.may(function)
        role = iam.Role(
            self,
            f"Role-{function.name}",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"{self.names.called(function.name)}: {function.does}",
            inline_policies={"own": policy([*allowed, permissions.key(self._key.key_arn)])},
        )
        accept_parts(role, allowed)
        return role.without_policy_updates()  # what CDK would add is in permissions.py, or is not wanted

    def _environment(self) -> dict[str, str]:
        own = {f"STREAMGAUGE_{name.upper()}": text for name, text in settings_of(self.deployment).items()}
        return own | {"STREAMGAUGE_AWS_PARAMETERS": self.names.parameters, "POWERTOOLS_LOG_LEVEL": "INFO"}

    def _accepted(self, function: Function, made: lambda_.Function) -> None:
        accept(made, "Python 3.13: the packages are locked and tested for it", "L1")
        skip(
            made,
            CKV_AWS_117="it calls AWS only; in a network it would need endpoints and reach more, not less",
        )
        if not function.queue and function.name != "live":
            skip(made, CKV_AWS_116="a call that fails is answered, or made up for by the next; alarms tell")
        else:
            skip(made, CKV_AWS_116="what it could not take stays in the queue or stream that calls it")

    def _called_by(self, function: Function, made: lambda_.Function) -> None:
        if function.queue:
            lambda_.EventSourceMapping(
                self,
                f"Queue-{function.name}",
                target=made,
                event_source_arn=self.names.queue(function.queue),
                batch_size=10,
                max_concurrency=self.reserved(function),
                report_batch_item_failures=True,
            )
        if function.clocks:
            made.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
        for clock in function.clocks:
            self._clock(function, made, clock)

    def _clock(self, function: Function, made: lambda_.Function, clock: Clock) -> None:
        schedule = (
            events.Schedule.rate(Duration.minutes(clock.minutes))
            if clock.minutes
            else events.Schedule.cron(hour=str(clock.hour), minute="20")
        )
        says = events.RuleTargetInput.from_object(dict(clock.says)) if clock.says else None
        events.Rule(
            self,
            f"Clock-{function.name}-{clock.name}",
            rule_name=self.names.called(f"{function.name}-{clock.name}"),
            schedule=schedule,
            targets=[targets.LambdaFunction(made, event=says, retry_attempts=0)],
        )

    def _live(self, made: lambda_.Function) -> None:
        """Never gives up on a batch that could still be counted: docs/aws.md, When counting fails."""
        mapping = lambda_.EventSourceMapping(
            self,
            "Stream-live",
            target=made,
            event_source_arn=self.names.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=1000,
            max_batching_window=Duration.seconds(1),
            parallelization_factor=1,
            max_record_age=Duration.hours(HOURS_OLD),
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
        )
        resource = mapping.node.default_child
        assert isinstance(resource, lambda_.CfnEventSourceMapping)  # noqa: S101 - what a mapping is made of
        resource.maximum_retry_attempts = -1
        destination = lambda_.CfnEventSourceMapping.OnFailureProperty(destination=self.names.queue("dead"))
        resource.destination_config = lambda_.CfnEventSourceMapping.DestinationConfigProperty(
            on_failure=destination
        )
