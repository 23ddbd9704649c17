"""The words and numbers of providers for how bad a finding is and what its check found."""

from __future__ import annotations

import math
import re

from data_access.findings import Compliance, Severity

_SEVERITIES = {
    **{severity.value: severity for severity in Severity},
    "FATAL": Severity.CRITICAL,
    "MODERATE": Severity.MEDIUM,
    "INFO": Severity.INFORMATIONAL,
}
_BANDS = ((90, Severity.CRITICAL), (70, Severity.HIGH), (40, Severity.MEDIUM))
_OUTCOMES = {
    "PASS": Compliance.PASSED,
    "PASSED": Compliance.PASSED,
    "FAIL": Compliance.FAILED,
    "FAILED": Compliance.FAILED,
    "WARNING": Compliance.WARNING,
    "NOT_AVAILABLE": Compliance.NOT_AVAILABLE,
    "MANUAL": Compliance.NOT_AVAILABLE,
    "INFO": Compliance.NOT_AVAILABLE,
}
_NUMBER = re.compile(r"\s*-?[0-9]{1,9}(?:\.[0-9]{1,9})?\s*")


def severity_of_word(word: str) -> Severity | None:
    """The severity a word stands for, in any case; None if it stands for none."""
    return _SEVERITIES.get(word.strip().upper())


def severity_of_score(value: object) -> Severity | None:
    """The severity of AWS's score 0 to 100, also as text; None for all else."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not (0 <= value <= 100) or math.isnan(value):
        return None
    bands = (severity for least, severity in _BANDS if value >= least)
    return next(bands, Severity.LOW if value else Severity.INFORMATIONAL)


def outcome_of_word(word: str) -> Compliance | None:
    """What a check found, by the provider's word in any case; None if the word is unknown."""
    return _OUTCOMES.get(word.strip().upper())
