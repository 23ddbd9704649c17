"""Transactions of DynamoDB that are tried again while others hold what they write, or it is busy.

botocore repeats neither: to it a transaction that was cancelled is an answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

REFUSED = "ConditionalCheckFailed"
"""Why an action did not take place whose condition does not hold."""
_RETRIED = {"None", REFUSED, "TransactionConflict", "ThrottlingError"}
_RETRIED |= {"ProvisionedThroughputExceeded", "RequestLimitExceeded"}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 1.0


def tried(
    dynamo: Any, actions: Sequence[Any], before: int, most: int, sleep: Callable[[float], None]
) -> list[Any] | None:
    """Try a transaction that was tried so often ``before``: None when it is made, else why it is not, by
    action. Raises once it was tried ``most`` times again, or for a reason that stays."""
    if before:
        sleep(random.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**before)))  # noqa: S311 - no secret
    try:
        dynamo.transact_write_items(TransactItems=actions)
    except dynamo.exceptions.TransactionCanceledException as error:
        reasons: list[Any] = error.response.get("CancellationReasons", [])
        if before >= most or not {reason["Code"] for reason in reasons} <= _RETRIED:
            raise
        return reasons
    return None
