"""Refused events, tried again: those that can be read now go into the log, each at most once."""

from __future__ import annotations

from dataclasses import dataclass

from data_access.live import DeadLetter, Record
from data_access.ports import Intake
from pipeline.contracts import FieldError
from pipeline.envelope import items


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many dead letters went into the log, and how many were refused again."""

    replayed: int
    refused: int


def replay(log: Intake, limit: int, site: str | None = None) -> Replayed:
    """Try the newest waiting dead letters again. What is refused again stays where it is.

    An event that lost its place while it was refused keeps the time it was received at.
    """
    letters = log.letters(limit, site, waiting=True)
    readable = {letter.number: letter.refused.body for letter in letters if _is_readable(letter)}
    done = log.replay(readable) if readable else 0
    return Replayed(done, len(letters) - len(readable))


def _is_readable(letter: DeadLetter) -> bool:
    try:
        for item in items(Record(1, 1, letter.at, letter.refused.body)):
            item.draft()
    except FieldError:
        return False
    return True
