"""What it may cost: a budget that tells at half, at four fifths, and when a month will be beyond it."""

from __future__ import annotations

from aws_cdk import aws_budgets as budgets
from constructs import Construct

from infra.settings import Deployment
from infra.stacks.base import Base
from infra.stacks.part import Part

_TELLS = ((50, "ACTUAL"), (80, "ACTUAL"), (100, "FORECASTED"), (100, "ACTUAL"))
_Budget = budgets.CfnBudget


class Cost(Part):
    """The monthly budget of what has the deployment's tag."""

    def __init__(self, scope: Construct, deployment: Deployment, base: Base) -> None:
        """As the deployment says."""
        super().__init__(scope, "cost", deployment, "budget")
        told = _Budget.SubscriberProperty(subscription_type="SNS", address=base.alarms.topic_arn)
        _Budget(
            self,
            "Budget",
            budget=_Budget.BudgetDataProperty(
                budget_name=self.names.begin,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=_Budget.SpendProperty(amount=deployment.budget_dollars, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:streamgauge${deployment.name}"]},
            ),
            notifications_with_subscribers=[
                _Budget.NotificationWithSubscribersProperty(
                    notification=_Budget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[told],
                )
                for percent, kind in _TELLS
            ],
        )
