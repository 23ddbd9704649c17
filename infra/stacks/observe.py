"""Watching it: every alarm with its action, the dashboard, traces."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_xray as xray
from constructs import Construct

from infra.alarms import Watch, balancer, collector, watches
from infra.functions import FUNCTIONS
from infra.settings import Deployment
from infra.stacks.base import Base
from infra.stacks.collector import Collector
from infra.stacks.part import Part
from infra.stacks.web import Web

_Compare = cloudwatch.ComparisonOperator
_Missing = cloudwatch.TreatMissingData


class Observe(Part):
    """Alarms and the dashboard of all other stacks."""

    def __init__(
        self, scope: Construct, deployment: Deployment, base: Base, web: Web, intake: Collector
    ) -> None:
        """As the deployment says."""
        super().__init__(scope, "observe", deployment, "alarms, dashboard, traces")
        told = actions.SnsAction(base.alarms)
        found = [
            *watches(deployment, self.names),
            *collector(intake.api.api_id),
            *balancer(web.balancer.load_balancer_full_name, web.targets.target_group_full_name),
        ]
        self.alarms = {one.name: self._alarm(one, told) for one in found}
        self._dashboard(found)
        if deployment.switches.tracing:
            xray.CfnGroup(
                self,
                "Traces",
                group_name=self.names.begin,
                filter_expression=f'service(begins_with(name, "{self.names.begin}"))',
            )

    def _alarm(self, watch: Watch, told: actions.SnsAction) -> cloudwatch.Alarm:
        alarm = cloudwatch.Alarm(
            self,
            watch.name,
            alarm_name=self.names.called(watch.name),
            alarm_description=watch.means,
            metric=_metric(watch),
            threshold=watch.most,
            evaluation_periods=watch.times,
            comparison_operator=_Compare.LESS_THAN_THRESHOLD
            if watch.below
            else _Compare.GREATER_THAN_THRESHOLD,
            treat_missing_data=_Missing.BREACHING if watch.missing_is_bad else _Missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(told)
        alarm.add_ok_action(told)
        return alarm

    def _dashboard(self, found: Iterable[Watch]) -> None:
        by_name = {one.name: one for one in found}
        rows = [
            ("Coming in", ["collector-5xx", "collector-4xx", "ingest-errors", "stream-full"]),
            ("How far the counting is", ["live-behind"]),
            ("Into the lake", ["rows-late", "rows-refused", "curate-errors", "reconcile-errors"]),
            ("Waiting and given up", ["overflow-waits", "findings-wait", "dead-letters"]),
            ("Questions", ["question-errors", "curation-errors", "questions-slow"]),
            ("People", ["web-5xx", "web-4xx", "balancer-5xx", "web-slow"]),
            ("Web hosts", ["web-away", "web-unhealthy"]),
            ("Findings", ["critical-findings", "findings-errors", "sync-errors", "alerts-errors"]),
        ]
        graphs: list[cloudwatch.IWidget] = [
            cloudwatch.GraphWidget(
                title=title,
                width=12,
                height=6,
                left=[_metric(by_name[one]).with_(label=one) for one in names],
            )
            for title, names in rows
        ]
        status = cloudwatch.AlarmStatusWidget(
            title="Alarms", width=24, height=6, alarms=list(self.alarms.values())
        )
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=self.names.begin,
            widgets=[
                [status],
                *([a, b] for a, b in zip(graphs[::2], graphs[1::2], strict=True)),
                self._calls(),
            ],
        )

    def _calls(self) -> list[cloudwatch.IWidget]:
        def of(metric: str, statistic: str) -> list[cloudwatch.IMetric]:
            return [
                cloudwatch.Metric(
                    namespace="AWS/Lambda",
                    metric_name=metric,
                    dimensions_map={"FunctionName": self.names.called(one.name)},
                    statistic=statistic,
                    label=one.name,
                )
                for one in FUNCTIONS
            ]

        return [
            cloudwatch.GraphWidget(title="Calls", width=12, height=6, left=of("Invocations", "Sum")),
            cloudwatch.GraphWidget(
                title="Time of calls, p90", width=12, height=6, left=of("Duration", "p90")
            ),
        ]


def _metric(watch: Watch) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=watch.namespace,
        metric_name=watch.metric,
        dimensions_map=dict(watch.of),
        statistic=watch.statistic,
        period=Duration.seconds(watch.seconds),
    )
