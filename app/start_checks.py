"""What the settings' form needs and does not find: logged when a server starts, printed by ``doctor``."""

from __future__ import annotations

import logging

from app import logs
from data_access.backends import problems
from data_access.settings import Settings, SettingsError

LOG = logging.getLogger(__name__)


def log_problems(settings: Settings) -> None:
    """Set up a server's log, and log what is missing: some pages can do without it, and it may come later.

    Raises SettingsError where nothing can work.
    """
    logs.set_up(settings)
    for line in problems(settings):
        LOG.error("%s", line)


def print_problems(settings: Settings) -> None:
    """Print what is missing, a line each. Raises RuntimeError if there is anything."""
    try:
        lines = problems(settings)
    except SettingsError as error:
        lines = [str(error)]
    for line in lines:
        print(line)
    if lines:
        raise RuntimeError(f"the form {settings.form} is not complete: {len(lines)} of its parts need a look")
