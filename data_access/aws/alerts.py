"""Alerts to an SNS topic, from where people, chats and tickets get them."""

from __future__ import annotations

from collections.abc import Sequence

from botocore.exceptions import BotoCoreError, ClientError

from data_access.alert_messages import message_name, subject, text
from data_access.aws.clients import Clients
from data_access.findings import Alert
from data_access.ports import AlertError

_MOST_SUBJECT, _MOST_BYTES = 99, 250_000
"""SNS takes a subject of fewer than 100 ASCII characters and a message of 256 KB."""


class SnsAlerts:
    """Publishes each message as text, with its worst severity as an attribute to filter by. A message whose
    answer was lost comes again; its name, also an attribute, is the same."""

    def __init__(self, clients: Clients, topic: str) -> None:
        self._sns, self._topic = clients.of("sns"), topic

    def publish(self, alerts: Sequence[Alert], more: int) -> None:
        """Raises AlertError when SNS does not take it."""
        names = {"severity": str(alerts[0].severity), "message": message_name(alerts)}
        try:
            self._sns.publish(
                TopicArn=self._topic,
                Subject=subject(alerts, more).encode("ascii", "replace").decode()[:_MOST_SUBJECT],
                Message=text(alerts, more).encode()[:_MOST_BYTES].decode(errors="ignore"),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in names.items()
                },
            )
        except ClientError as error:
            raise AlertError(f"the SNS topic: {error.response['Error']['Code']}") from None
        except BotoCoreError as error:
            raise AlertError(f"the SNS topic cannot be reached: {type(error).__name__}") from None
