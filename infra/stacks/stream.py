"""What events and findings come through: the stream, the queues, the bus with its rules, the topics."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.accepted import accept
from infra.functions import FUNCTIONS, SENDS
from infra.settings import Deployment
from infra.stacks.part import Part, days

IMPORTED = "Security Hub Findings - Imported"
RECEIVES = 5
"""A message with findings is tried so often."""
_SECONDS = {function.queue: function.seconds for function in FUNCTIONS if function.queue}


class Stream(Part):
    """The Kinesis stream, its overflow, dead letters; findings by EventBridge; topics of alerts."""

    def __init__(self, scope: Construct, deployment: Deployment, key: kms.IKey) -> None:
        """As the deployment says."""
        super().__init__(scope, "stream", deployment, "Kinesis, SQS, EventBridge, SNS")
        self._key = key
        self.events = self._events()
        self.dead = self._queue("dead", None)
        self.overflow = self._queue("overflow", None)
        self.findings = self._queue("findings", self.dead)
        accept(self.overflow, "an event waits until the stream has room: it is never given up", "SQS3")
        self.alerts = self._topic("alerts")
        self.critical = self._topic("critical")
        self._bring_findings()

    def _events(self) -> kinesis.Stream:
        wanted = self.deployment.stream
        mode = kinesis.StreamMode.PROVISIONED if wanted.shards else kinesis.StreamMode.ON_DEMAND
        stream = kinesis.Stream(
            self,
            "Events",
            stream_name=self.names.stream,
            stream_mode=mode,
            shard_count=wanted.shards or None,
            retention_period=days(wanted.days),
            encryption=kinesis.StreamEncryption.KMS,
            encryption_key=self._key,
            removal_policy=self.removal,
        )
        accept(stream, "all data is under one key of our own, which says who may read it", "KDS3")
        return stream

    def _queue(self, name: str, dead: sqs.Queue | None) -> sqs.Queue:
        letters = sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=dead) if dead else None
        return sqs.Queue(
            self,
            name.title(),
            queue_name=self.names.called(name),
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._key,
            data_key_reuse=Duration.hours(1),
            enforce_ssl=True,
            retention_period=days(14),
            visibility_timeout=Duration.seconds(SENDS * _SECONDS.get(name, 5)),
            dead_letter_queue=letters,
            removal_policy=self.removal,
        )

    def _topic(self, name: str) -> sns.Topic:
        topic = sns.Topic(
            self, name.title(), topic_name=self.names.called(name), master_key=self._key, enforce_ssl=True
        )
        wanted = self.deployment
        mails = wanted.escalation_mails if name == "critical" else wanted.alert_mails
        for mail in mails:
            topic.add_subscription(subscriptions.EmailSubscription(mail))
        return topic

    def _bring_findings(self) -> None:
        """Findings of this account, and by a bus those that other accounts send."""
        bus = events.EventBus(self, "Bus", event_bus_name=self.names.begin)
        for account in self.deployment.stream.finding_accounts:
            bus.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"From{account}",
                    principals=[iam.AccountPrincipal(account)],
                    actions=["events:PutEvents"],
                    resources=[bus.event_bus_arn],
                )
            )
        queue = targets.SqsQueue(self.findings, dead_letter_queue=self.dead)
        for name, where in (("findings", None), ("findings-of-others", bus)):
            self._rule(name, {}, where).add_target(queue)
        told = events.RuleTargetInput.from_text(
            f"{events.EventField.from_path('$.detail.findings[0].Title')}"
            f" ({events.EventField.from_path('$.account')}, {events.EventField.from_path('$.region')})"
        )
        new = {
            "Severity": {"Label": ["CRITICAL"]},
            "Workflow": {"Status": ["NEW"]},
            "RecordState": ["ACTIVE"],
        }
        self._rule("critical", {"detail": {"findings": new}}, None).add_target(
            targets.SnsTopic(self.critical, message=told, dead_letter_queue=self.dead)
        )

    def _rule(self, name: str, more: dict[str, object], bus: events.EventBus | None) -> events.Rule:
        pattern = {"source": ["aws.securityhub"], "detail-type": [IMPORTED], **more}
        rule = events.Rule(
            self,
            f"Rule-{name}",
            rule_name=self.names.called(name),
            event_bus=bus,
            event_pattern=events.EventPattern(source=["aws.securityhub"], detail_type=[IMPORTED]),
        )
        made = rule.node.default_child
        assert isinstance(made, events.CfnRule)  # noqa: S101 - what a Rule is made of
        made.event_pattern = pattern
        return rule
